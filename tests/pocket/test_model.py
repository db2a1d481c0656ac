"""The shipped model: a standard checkpoint of the promised size, and the one the README speaks of."""

import hashlib
import json
import struct
import sys
from math import prod

import pytest

from tests.support.paths import ROOT

MODEL = ROOT / "src" / "bootstruct" / "pocket" / "model"

pytestmark = pytest.mark.skipif(
    not (MODEL / "model.safetensors").exists(), reason="the pocket model is not installed here"
)


def test_it_is_a_small_llama_with_a_context_of_1024() -> None:
    config = json.loads((MODEL / "config.json").read_text(encoding="utf-8"))
    assert config["model_type"] == "llama"
    assert config["max_position_embeddings"] == 1024
    tokenizer = json.loads((MODEL / "tokenizer.json").read_text(encoding="utf-8"))
    assert len(tokenizer["model"]["vocab"]) == config["vocab_size"]
    assert tokenizer["model"]["vocab"]["<|end|>"] == config["eos_token_id"]


def test_its_weights_are_half_precision_and_under_20_megabytes() -> None:
    path = MODEL / "model.safetensors"
    assert path.stat().st_size < 20e6
    with path.open("rb") as file:
        header = json.loads(file.read(struct.unpack("<Q", file.read(8))[0]))
    weights = [entry for name, entry in header.items() if name != "__metadata__"]
    assert {entry["dtype"] for entry in weights} == {"F16"}
    assert 4e6 <= sum(prod(entry["shape"]) for entry in weights) <= 6e6


def test_it_is_the_model_that_was_built() -> None:
    sums = ROOT / "pocket" / "SHA256SUMS"
    if not sums.exists():
        pytest.skip("pocket/ lies in the repository, not in the package")
    rows = [line.split("  ") for line in sums.read_text(encoding="utf-8").splitlines()]
    assert sorted(name for _, name in rows) == [
        "config.json",
        "model.safetensors",
        "tokenizer.json",
        "tokenizer_config.json",
    ]
    for digest, name in rows:
        assert hashlib.sha256((MODEL / name).read_bytes()).hexdigest() == digest
    assert f"`{rows[1][0][:12]}`" in (ROOT / "pocket" / "README.md").read_text(encoding="utf-8")


def test_its_training_passed_the_gates() -> None:
    if not (ROOT / "pocket" / "gates.py").exists():
        pytest.skip("pocket/ lies in the repository, not in the package")
    sys.path.insert(0, str(ROOT / "pocket"))
    try:
        import gates
    finally:
        sys.path.pop(0)
    assert gates.training_faults((ROOT / "pocket" / "training.log").read_text(encoding="utf-8")) == []
