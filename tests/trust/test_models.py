"""A model folder from a stranger is weights and settings: no pickle in it is read, and no code that it names is run."""

import json
import os
import shutil
import struct
from pathlib import Path

import pytest

from bootstruct.engines.local.gguf_files import read_header
from bootstruct.engines.local.load import base_of, load, loading, require_layers, require_no_kernels
from bootstruct.errors import BootstructError, EngineUnavailableError, InputError
from bootstruct.finetuning.settings import FinetuneSettings
from bootstruct.finetuning.train import load_model
from bootstruct.pocket.demo.steps import run_command
from tests.support.paths import ROOT

POCKET = ROOT / "src" / "bootstruct" / "pocket" / "model"


@pytest.mark.parametrize(
    "config",
    [
        {"attn_implementation": "owner/kernel"},
        {"_attn_implementation": "owner/kernel@v1"},
        {"text_config": {"attn_implementation": "owner/kernel"}},
        {"attn_implementation": {"text_config": "owner/kernel"}},
        {"experts_implementation": "owner/kernel"},
    ],
)
def test_code_on_the_hub_that_a_configuration_names(config: object) -> None:
    with pytest.raises(InputError, match=r"owner/kernel.*--trust-remote-code"):
        require_no_kernels(config, "hf/model")


def test_the_usual_configurations_name_no_code() -> None:
    require_no_kernels(json.loads((POCKET / "config.json").read_text()), "pocket")
    require_no_kernels({"attn_implementation": "sdpa", "text_config": {"_attn_implementation": None}}, "hf/model")


@pytest.mark.parametrize(
    "config", [{"num_hidden_layers": 10**8}, {"text_config": {"n_layer": 10**8}}, {"num_decoder_layers": 10**30}]
)
def test_more_layers_than_can_be_made(config: object) -> None:
    with pytest.raises(InputError, match=r"requests 1[0,]+ layers"):
        require_layers(config, "hf/model")
    require_layers({"num_hidden_layers": 126, "layer_norm_eps": 1e-5, "layer_types": ["a"] * 126}, "hf/model")


def test_a_panic_of_a_library_is_told_and_an_interrupt_is_none() -> None:
    pytest.importorskip("torch", reason="models are loaded by torch: pip install 'bootstruct[local]'")
    panic = type("PanicException", (BaseException,), {})
    with pytest.raises(EngineUnavailableError, match=r"hf/m cannot be loaded: PanicException: range end index 2"):
        with loading("hf/m"):
            raise panic("range end index 2 out of range")
    with pytest.raises(KeyboardInterrupt), loading("hf/m"):
        raise KeyboardInterrupt


def test_a_model_of_embeddings_is_held_to_the_same_bounds(tmp_path: Path) -> None:
    pytest.importorskip("transformers", reason="models are loaded by transformers: pip install 'bootstruct[local]'")
    from bootstruct.embeddings.local import EncoderEmbedder

    for name in ("tokenizer.json", "model.safetensors"):
        (tmp_path / name).touch()
    (tmp_path / "config.json").write_text('{"model_type": "bert", "num_hidden_layers": 100000000}')
    with pytest.raises(InputError, match=r"requests 100,000,000 layers"):
        EncoderEmbedder(str(tmp_path))


@pytest.mark.parametrize("name", ["config.json", "1_Pooling/config.json"])
@pytest.mark.parametrize("is_huge", [True, False])
def test_a_model_of_embeddings_with_settings_that_cannot_be_read(tmp_path: Path, name: str, is_huge: bool) -> None:
    pytest.importorskip("transformers", reason="models are loaded by transformers: pip install 'bootstruct[local]'")
    from bootstruct.embeddings.local import EncoderEmbedder

    for other in ("config.json", "tokenizer.json", "model.safetensors"):
        (tmp_path / other).write_text("{}")
    (tmp_path / "1_Pooling").mkdir()
    (tmp_path / name).write_text("[" * 100_000)
    if is_huge:
        os.truncate(tmp_path / name, 20 << 30)
    with pytest.raises(InputError, match="is larger than 256 MiB" if is_huge else "cannot be read as a JSON object"):
        EncoderEmbedder(str(tmp_path))


def test_adapters_with_settings_that_cannot_be_read(tmp_path: Path) -> None:
    (tmp_path / "adapter_config.json").write_text("[" * 100_000)
    (tmp_path / "adapter_model.safetensors").touch()
    with pytest.raises(InputError, match="cannot be read"):
        base_of(str(tmp_path))


def test_a_gguf_file_of_many_layers(tmp_path: Path) -> None:
    key, value = b"llama.block_count", struct.pack("<II", 4, 2**31 - 1)
    content = b"GGUF" + struct.pack("<IQQ", 3, 0, 1) + struct.pack("<Q", len(key)) + key + value
    (tmp_path / "x.gguf").write_bytes(content)
    with pytest.raises(BootstructError, match="2,147,483,647 layers"):
        read_header(tmp_path / "x.gguf", "x")


class Pickled:
    """What runs a command as soon as it is read."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.system, (f"touch {self.mark}",)


@pytest.mark.slow
@pytest.mark.parametrize("attack", ["index", "weights only", "adapters", "kernel", "code"])
@pytest.mark.parametrize("is_finetuned", [False, True])
def test_a_strangers_model(tmp_path: Path, attack: str, is_finetuned: bool) -> None:
    import torch

    model = tmp_path / "model"
    shutil.copytree(POCKET, model)
    weights: object = {"model.embed_tokens.weight": torch.zeros(1)} if attack == "index" else Pickled(tmp_path / "mark")
    name = "adapter_model.bin" if attack == "adapters" else "pytorch_model.bin"
    torch.save(weights, model / name)
    config = json.loads((model / "config.json").read_text())
    if attack in ("index", "weights only"):
        (model / "model.safetensors").unlink()
    if attack == "index":  # the list of the parts of a model names one that is a pickle
        index = {"metadata": {}, "weight_map": {"model.embed_tokens.weight": name}}
        (model / "model.safetensors.index.json").write_text(json.dumps(index))
    if attack == "adapters":
        adapter = {"peft_type": "LORA", "base_model_name_or_path": str(POCKET), "r": 1, "target_modules": ["q_proj"]}
        (model / "adapter_config.json").write_text(json.dumps(adapter))
    if attack == "kernel":
        config["attn_implementation"] = "owner/kernel"
    if attack == "code":
        config |= {"model_type": "unheard_of", "auto_map": {"AutoConfig": "own.A", "AutoModelForCausalLM": "own.B"}}
        (model / "own.py").write_text(f"open({str(tmp_path / 'mark')!r}, 'w')")
    (model / "config.json").write_text(json.dumps(config))
    before = torch.load
    with pytest.raises(BootstructError, match=r"safetensors|trust-remote-code.*finetune and doctor never do"):
        load_model(str(model), FinetuneSettings()) if is_finetuned else load(str(model))
    assert not (tmp_path / "mark").exists()
    assert torch.load is before


def test_a_demo_takes_no_module_from_its_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for module in ("bootstruct", "click", "json"):
        (tmp_path / f"{module}.py").write_text(f"open({str(tmp_path / 'mark')!r}, 'w')")
    monkeypatch.setenv("PYTHONPATH", str(ROOT / "src"))
    assert "bootstruct" in run_command(["--version"], tmp_path, lambda _: None, silent=True)
    assert not (tmp_path / "mark").exists()
