"""Finding a model and loading it: safetensors only, no code of others unless the user says so."""

import importlib.util
import json
import os
from importlib import resources
from pathlib import Path

from bootstruct.engines.local import Model
from bootstruct.errors import BadInput, DoorClosed

POCKET = "pocket"
ADAPTERS = "adapter_config.json"  # a folder with this and no config.json holds adapters for another model
WORTH_THREADS = 1_000_000  # parameters; smaller models lose more by waiting for a second core than they gain
NEEDED = ("torch", "transformers", "safetensors", "tokenizers")


def require_extra() -> None:
    """Raises BadInput where the packages are missing that models on this machine need. Imports nothing."""
    missing = [name for name in NEEDED if importlib.util.find_spec(name) is None]
    if missing:
        raise BadInput(
            f"Models on this machine need {' and '.join(missing)}, which {'is' if len(missing) == 1 else 'are'} not "
            "installed: pip install 'bootstruct[local]'."
        )


def calm_threads() -> None:
    """To be called before torch is imported: its threads then sleep while they wait, instead of holding the cores that other
    work wants (measured with a busy machine: four times the tokens a second). A setting of the user's own stays."""
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")


def place_of(name: str, is_pocket: bool = False) -> str:
    """Where the model of this name is: a folder, or a name on the hub. Raises BadInput where a folder is meant and missing."""
    if is_pocket:
        folder = Path(str(resources.files("bootstruct") / "pocket" / "model"))
        if not (folder / "config.json").is_file():
            raise BadInput(
                "The pocket model is not part of this installation; install bootstruct from its wheel again."
            )
        return str(folder)
    path = Path(name).expanduser()
    is_meant_as_path = name.startswith((".", "/", "~")) or name.count("/") > 1
    if path.is_dir() or is_meant_as_path:
        if not ((path / "config.json").is_file() or (path / ADAPTERS).is_file()):
            what = "holds no model (no config.json)" if path.is_dir() else "no such folder"
            raise BadInput(
                f"{name}: {what}; name a model folder, as in hf/./my-model, or one on the hub, as in hf/ORG/NAME."
            )
        return str(path)
    return name


def base_of(place: str) -> str:
    """The place of the model whose weights are loaded: another one where the folder holds adapters only."""
    path = Path(place)
    if (path / "config.json").is_file() or not (path / ADAPTERS).is_file():
        return place
    base = str(json.loads((path / ADAPTERS).read_text(encoding="utf-8")).get("base_model_name_or_path") or "")
    if not base:
        raise BadInput(f"{place}: holds adapters that name no base model; merge them (`bootstruct finetune --merge`).")
    return base


def load(name: str, is_pocket: bool = False, trust_remote_code: bool = False) -> Model:
    """The model of this name, ready to answer. Raises BadInput or DoorClosed with one sentence where it cannot be had."""
    require_extra()
    place = place_of(name, is_pocket)
    base = base_of(place)
    calm_threads()
    import torch
    from transformers import AutoConfig, AutoModelForCausalLM, AutoModelForSeq2SeqLM, AutoTokenizer
    from transformers.utils import logging

    from bootstruct.engines.local.causal import Causal
    from bootstruct.engines.local.seq2seq import Seq2Seq
    from bootstruct.engines.local.words import Words

    logging.set_verbosity_error()
    logging.disable_progress_bar()
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        config = AutoConfig.from_pretrained(base, trust_remote_code=trust_remote_code)
        tokenizer = AutoTokenizer.from_pretrained(place, trust_remote_code=trust_remote_code)
        is_encoder = bool(getattr(config, "is_encoder_decoder", False))
        kind = AutoModelForSeq2SeqLM if is_encoder else AutoModelForCausalLM
        # in fp32 on a CPU, where halves are slower and less exact; as the checkpoint has it elsewhere
        model = kind.from_pretrained(
            base, config=config, use_safetensors=True, trust_remote_code=trust_remote_code,
            dtype=torch.float32 if device.type == "cpu" else "auto",
        ).to(device).eval()  # fmt: skip
        if base != place:
            from peft import PeftModel

            model = PeftModel.from_pretrained(model, place).merge_and_unload().eval()
    except Exception as exc:
        raise DoorClosed(told_of(name, exc)) from None
    if device.type == "cpu" and "OMP_NUM_THREADS" not in os.environ and model.num_parameters() < WORTH_THREADS:
        torch.set_num_threads(1)
    words = Words(tokenizer, model, name, is_encoder)
    return Seq2Seq(model, words) if is_encoder else Causal(model, words)


def told_of(name: str, exc: Exception) -> str:
    """One sentence for what transformers says in many."""
    said = " ".join(str(exc).split())
    if "trust_remote_code" in said:
        return f"The model {name} brings code of its own; if you trust it, say so with --trust-remote-code."
    if "safetensors" in said:
        return f"The model {name} has no weights in safetensors, the only format that is read: convert it, or take another."
    if isinstance(exc, OSError) and _is_far(said):
        return (
            f"The model {name} is not on this machine and the hub does not give it: check the name and the connection "
            "(a private model needs HF_TOKEN), or name a folder, as in hf/./my-model."
        )
    return f"The model {name} cannot be loaded: {type(exc).__name__}: {said[:300].rstrip('.')}."


def _is_far(said: str) -> bool:
    marks = (
        "couldn't connect",
        "not a valid model identifier",
        "offline",
        "can't load",
        "gated repo",
        "HTTP",
        "resolve",
    )
    return any(mark.lower() in said.lower() for mark in marks)
