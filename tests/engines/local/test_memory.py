"""Portions that fit into memory, the text of a reply, and sentences for models that cannot be had. No model needed."""

from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace

import pytest

from bootstruct.engines.local import load
from bootstruct.engines.local import memory as fit
from bootstruct.engines.local.token_loop import DecodeRequest, DecodeSettings, text_of
from bootstruct.errors import InputError
from bootstruct.run.init import split_model
from bootstruct.types import Sampling


def asked(*lengths: int, max_tokens: int = 10) -> list[DecodeRequest]:
    return [DecodeRequest([1] * length, Sampling(), 0, max_tokens) for length in lengths]


def test_portions_hold_everyone_once_and_shrink_with_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    sizes = fit.MemorySizes(cache=1000, activations=0, logits=0, device=SimpleNamespace(type="cpu"))
    monkeypatch.setattr(fit, "AT_LEAST", 1)
    rows = asked(90, 90, 10, 40, 10)
    counts = []
    for free in (10**9, 400_000, 1):
        monkeypatch.setattr(fit, "free_bytes", lambda device, free=free: free)
        portions = list(fit.in_portions(rows, 0, sizes))
        assert sorted(n for portion in portions for n in portion) == [0, 1, 2, 3, 4]
        assert portions[0][0] in (0, 1)
        counts.append(len(portions))
        for portion in portions:
            need = len(portion) * sum(1000 * (max(len(rows[n].prompt) for n in portion) + 10) for _ in "1")
            assert need <= fit.SHARE * free or len(portion) == 1
    assert counts[0] == 1
    assert counts[0] < counts[1] < counts[2] == 5


def test_free_memory_is_reported() -> None:
    assert fit.free_bytes(SimpleNamespace(type="cpu")) > 10**6


def test_a_reply_keeps_the_blank_at_the_seam() -> None:
    """A tokenizer that drops the blank at the beginning of a text, as SentencePiece does."""
    pieces = {1: "▁Output:", 2: "▁red", 3: "ish"}

    def decode(tokens: Sequence[int]) -> str:
        return "".join(pieces[n] for n in tokens).replace("▁", " ").removeprefix(" ")

    settings = DecodeSettings(decode, frozenset())
    assert text_of([1], [2, 3], settings) == " redish"
    assert text_of([], [2, 3], settings) == "redish"
    assert text_of([1], [], settings) == ""


def test_names_of_models() -> None:
    assert split_model("hf/Qwen/Qwen3-0.6B") == ("hf", "Qwen/Qwen3-0.6B")
    assert split_model("hf/./dir") == ("hf", "./dir")
    assert split_model("hf//abs/dir") == ("hf", "/abs/dir")
    assert split_model("pocket") == ("pocket", "pocket")
    with pytest.raises(InputError, match="name the engine and the model"):
        split_model("hf/")


def test_folders_without_a_model_are_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such folder"):
        load.place_of("./not-here")
    with pytest.raises(InputError, match="contains no model"):
        load.place_of(str(tmp_path))
    assert load.place_of("Qwen/Qwen3-0.6B") == "Qwen/Qwen3-0.6B"


def test_missing_packages_are_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(load, "NEEDED", ("json", "no_such_package_at_all"))
    with pytest.raises(
        InputError, match=r"no_such_package_at_all, which is not installed: pip install 'bootstruct\[local\]'"
    ):
        load.require_extra()
