"""Finding and loading a model: safetensors or GGUF, and no code from the model unless the user allows it."""

import contextlib
import importlib.util
import json
import os
import warnings
from collections.abc import Iterator
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from bootstruct.engines.local.gguf_files import MOST_LAYERS, gguf_in, is_gguf, read_header, require_gguf
from bootstruct.errors import EngineUnavailableError, InputError

if TYPE_CHECKING:
    from bootstruct.engines.local.causal import CausalModel
    from bootstruct.engines.local.seq2seq import Seq2SeqModel

POCKET = "pocket"
ADAPTERS = "adapter_config.json"  # a folder with this file and no config.json holds adapters for another model
WORTH_THREADS = 1_000_000  # parameters; smaller models lose more by waiting for a second core than they gain
NEEDED = ("torch", "transformers", "safetensors", "tokenizers")
QUIET = ("accelerate", "gguf", "huggingface_hub", "llguidance", "numpy", "peft", "tokenizers", "torch", "transformers")

FOREIGN_CODE = (
    "generate, preview and evaluate run such code with --trust-remote-code, if you trust it; finetune and doctor never do "
    "and need models without such code"
)


def require_extra() -> None:
    """Check that the packages for local models are installed, importing none of them. Raises InputError if not."""
    missing = [name for name in NEEDED if importlib.util.find_spec(name) is None]
    if missing:
        raise InputError(
            f"Models on this machine need {' and '.join(missing)}, which {'is' if len(missing) == 1 else 'are'} not "
            "installed: pip install 'bootstruct[local]'."
        )


def calm_threads() -> None:
    """Let torch's threads sleep while they wait, instead of occupying cores; to be called before torch is imported.

    Measured on a busy machine: four times the tokens per second. The user's own setting is not changed.
    """
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")


def quiet_libraries() -> None:
    """Hide the warnings of torch, transformers and similar packages from the user, who can do nothing about them."""
    warnings.filterwarnings("ignore", module=rf"({'|'.join(QUIET)})(\.|$)")
    for category in (FutureWarning, DeprecationWarning):  # shown as ours if a library attributes them to its caller
        warnings.filterwarnings("ignore", category=category, module=r"bootstruct\.engines\.local(\.|$)")


def place_of(name: str, is_pocket: bool = False) -> str:
    """The place of the model with this name: a folder, a GGUF file, or a name on the hub.

    Args:
        name: a path or a name on the hub.
        is_pocket: whether the shipped pocket model is meant, whatever the name.

    Raises:
        InputError: a folder or a file is meant, and it does not exist, contains no model, or contains several GGUF files.
    """
    if is_pocket:
        folder = Path(str(resources.files("bootstruct") / "pocket" / "model"))
        if not (folder / "config.json").is_file():
            raise InputError(
                "The pocket model is not part of this installation; install bootstruct from its wheel again."
            )
        return str(folder)
    path = Path(name).expanduser()
    is_meant_as_path = name.startswith((".", "/", "~")) or name.count("/") > 1 or name.lower().endswith(".gguf")
    if not (path.is_dir() or is_meant_as_path):
        return name
    file = path if is_gguf(path) else gguf_in(path) if path.is_dir() and not (path / ADAPTERS).is_file() else None
    if file is not None:
        return str(file)
    if not ((path / "config.json").is_file() or (path / ADAPTERS).is_file()):
        what = (
            "contains no model (no config.json, no GGUF file)"
            if path.is_dir()
            else "is not a GGUF file"
            if path.is_file()
            else "no such file"
            if name.lower().endswith(".gguf")
            else "no such folder"
        )
        raise InputError(
            f"{name}: {what}; name a model folder, as in hf/./my-model, a GGUF file, as in hf/./my-model.gguf, or a "
            "model on the hub, as in hf/ORG/NAME."
        )
    return str(path)


def base_of(place: str) -> str:
    """The place of the weights, which is another one than this if the folder contains adapters only."""
    path = Path(place)
    if (path / "config.json").is_file() or not (path / ADAPTERS).is_file():
        return place
    if not (path / "adapter_model.safetensors").is_file():
        raise InputError(
            f"{place}: contains no adapter_model.safetensors, the only format of adapters that is read; pickled ones "
            "(adapter_model.bin) can run code: convert them where you trust them, or train the adapters again."
        )
    try:
        base = str(json.loads((path / ADAPTERS).read_text(encoding="utf-8")).get("base_model_name_or_path") or "")
    except (OSError, ValueError, AttributeError, RecursionError):
        raise InputError(f"{path / ADAPTERS}: cannot be read; restore the file from a copy.") from None
    if not base:
        raise InputError(
            f"{place}: contains adapters that name no base model; merge them (`bootstruct finetune --merge`)."
        )
    return base


def load(name: str, is_pocket: bool = False, trust_remote_code: bool = False) -> "CausalModel | Seq2SeqModel":
    """Load a model.

    Args:
        name: a path or a name on the hub.
        is_pocket: whether the shipped pocket model is meant, whatever the name.
        trust_remote_code: whether code that the model brings may run.

    Raises:
        InputError: packages are missing, or the folder holds no model.
        EngineUnavailableError: the model cannot be loaded.
    """
    require_extra()
    place = place_of(name, is_pocket)
    base = base_of(place)
    calm_threads()
    quiet_libraries()
    import torch
    from transformers.utils import logging

    from bootstruct.engines.local.causal import CausalModel
    from bootstruct.engines.local.seq2seq import Seq2SeqModel
    from bootstruct.engines.local.tokenization import Tokenization

    logging.set_verbosity_error()
    logging.disable_progress_bar()
    if is_gguf(Path(base)):
        require_gguf(Path(base))
        read_header(Path(base), name)
    with loading(name):
        model, tokenizer = _model_and_tokenizer(place, base, trust_remote_code)
    if model.device.type == "cpu" and "OMP_NUM_THREADS" not in os.environ and model.num_parameters() < WORTH_THREADS:
        torch.set_num_threads(1)
    is_encoder = bool(getattr(model.config, "is_encoder_decoder", False))
    tokenization = Tokenization(tokenizer, model, name, is_encoder)
    return Seq2SeqModel(model, tokenization) if is_encoder else CausalModel(model, tokenization)


@contextlib.contextmanager
def loading(name: str) -> Iterator[None]:
    """Within the block, a model is loaded: no pickle is read, since a file that names its parts may name pickled ones too.

    Args:
        name: of the model, for the errors.

    Raises:
        EngineUnavailableError: the model cannot be loaded, in one sentence.
    """
    import torch

    def refuse(*_: object, **__: object) -> NoReturn:
        raise ValueError("its weights are not in the safetensors format")

    load_pickle, torch.load = torch.load, refuse
    try:
        yield
    except InputError:
        raise
    except BaseException as exc:
        # A panic of a library in Rust (tokenizers, safetensors) is none of Python's usual exceptions.
        if not isinstance(exc, Exception) and type(exc).__name__ != "PanicException":
            raise
        raise EngineUnavailableError(_load_error(name, exc)) from None
    finally:
        torch.load = load_pickle


def require_layers(config: object, place: str) -> None:
    """Refuse a configuration with so many layers that creating them would never end.

    Args:
        config: `config.json` as plain values.
        place: of the model, for the error.

    Raises:
        InputError: it has.
    """
    parts = [config]
    while parts:
        part = parts.pop()
        inside = part if isinstance(part, dict) else {}
        for name, value in inside.items():
            if "layer" in str(name) and isinstance(value, int) and value > MOST_LAYERS:
                raise InputError(
                    f"The model {place} cannot be loaded: its config.json requests {value:,} layers ({name:.60}); download it "
                    "again."
                )
        parts += inside.values()


def require_no_kernels(config: object, place: str) -> None:
    """Refuse a configuration that names code on the hub (`attn_implementation: OWNER/KERNEL`), which would be run.

    Args:
        config: `config.json` as plain values.
        place: of the model, for the error.

    Raises:
        InputError: it names some.
    """
    parts = [config]
    while parts:
        part = parts.pop()
        inside = part if isinstance(part, dict) else {}
        for name, value in inside.items():
            if str(name).endswith("_implementation") and "/" in str(value):
                raise InputError(
                    f"The model {place} requires code from the hub ({name}: {value!s:.80}); {FOREIGN_CODE}."
                )
        parts += inside.values()


def _model_and_tokenizer(place: str, base: str, trust_remote_code: bool) -> tuple[Any, Any]:
    """The model on its device, in fp32 on a CPU, where halves are slower and less exact; elsewhere as it is stored.

    The weights of a GGUF file are stored in fewer bits than anything here computes with: bf16 holds them on a GPU.
    """
    import torch
    from transformers import AutoConfig, AutoModelForCausalLM, AutoModelForSeq2SeqLM, AutoTokenizer, PretrainedConfig

    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    dtype: Any = torch.float32 if device.type == "cpu" else "auto"
    source: dict[str, Any] = {"use_safetensors": True}
    what: dict[str, Any] = {"trust_remote_code": trust_remote_code}
    if is_gguf(Path(base)):
        if device.type != "cpu":
            dtype = torch.bfloat16 if torch.cuda.is_bf16_supported() else torch.float16
        source = {}
        what = {"gguf_file": Path(base).name, "trust_remote_code": False}
        place = base = str(Path(base).parent)
        _hide_gguf_progress()
    if source:
        plain = PretrainedConfig.get_config_dict(base)[0]
        require_layers(plain, base)
        if not trust_remote_code:
            require_no_kernels(plain, base)
    config = AutoConfig.from_pretrained(base, **what)
    tokenizer = AutoTokenizer.from_pretrained(place, **what)
    is_encoder = bool(getattr(config, "is_encoder_decoder", False))
    model_class = AutoModelForSeq2SeqLM if is_encoder else AutoModelForCausalLM
    model = model_class.from_pretrained(base, config=config, dtype=dtype, **source, **what).to(device).eval()
    if base != place:
        from peft import PeftModel

        model = PeftModel.from_pretrained(model, place).merge_and_unload().eval()
    return model, tokenizer


def _hide_gguf_progress() -> None:
    """Switch off the progress bar of transformers' GGUF reader, which ignores transformers' own switch."""
    from functools import partial

    from tqdm.auto import tqdm
    from transformers import modeling_gguf_pytorch_utils as reader

    reader.tqdm = partial(tqdm, disable=True)


def _load_error(name: str, exc: BaseException) -> str:
    """One sentence for an exception of transformers while it loaded a model."""
    message = " ".join(str(exc).split())
    if "trust_remote_code" in message:
        return f"The model {name} comes with its own code; {FOREIGN_CODE}."
    if "safetensors" in message:
        return (
            f"The model {name} has no weights in the safetensors format, the only one that is read: convert them, or take "
            "another model."
        )
    if isinstance(exc, OSError) and _is_far(message):
        return (
            f"The model {name} is not on this machine, and the hub does not provide it: check the name and the connection "
            "(a private model needs HF_TOKEN), or name a folder, as in hf/./my-model."
        )
    return f"The model {name} cannot be loaded: {type(exc).__name__}: {message[:300].rstrip('.')}."


def _is_far(message: str) -> bool:
    marks = (
        "couldn't connect",
        "not a valid model identifier",
        "offline",
        "can't load",
        "gated repo",
        "HTTP",
        "resolve",
    )
    return any(mark.lower() in message.lower() for mark in marks)
