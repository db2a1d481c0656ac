"""What is installed: Python, the package, and what each optional extra needs."""

import importlib.metadata
import importlib.util
import platform
import sys
from dataclasses import dataclass

EXTRAS = {  # extra -> the modules that it installs, and what it is for
    "local": (("torch", "transformers", "gguf", "llguidance"), "models on this machine"),
    "train": (("trl", "peft"), "finetuning"),
    "report": (("lemminflect",), "verbs and objects in the report"),
    "documents": (("pypdf",), "PDF files among --documents"),
    "review": (("starlette", "uvicorn"), "the review page"),
    "parquet": (("pyarrow",), "Parquet and Arrow files"),
    "zstd": (
        ("compression.zstd",) if sys.version_info >= (3, 14) else ("backports.zstd",),
        "files compressed with zstd",
    ),
    "ray": (("ray",), "more than one machine"),
    "hub": (("huggingface_hub",), "data sets on the Hugging Face hub"),
    "ifeval": (("langdetect", "nltk"), "IFEval's verdicts on language and sentences as in its reference"),
    "trace": (("opentelemetry",), "spans for OpenTelemetry"),
}


@dataclass(frozen=True, slots=True)
class InstalledComponent:
    """One part of this installation.

    Attributes:
        name: `python`, `bootstruct`, or the name of an extra.
        is_installed: whether it is there.
        note: its version or purpose; for a missing extra also the command that installs it.
    """

    name: str
    is_installed: bool
    note: str


def installed_components() -> list[InstalledComponent]:
    """List Python, the package and each extra; nothing is imported.

    Example:
        >>> [component.name for component in installed_components()][:3]
        ['python', 'bootstruct', 'local']
    """
    components = [
        InstalledComponent("python", True, platform.python_version()),
        InstalledComponent("bootstruct", True, importlib.metadata.version("bootstruct")),
    ]
    for extra, (modules, purpose) in EXTRAS.items():
        is_installed = all(_is_there(module) for module in modules)
        remedy = f"for {purpose}: pip install 'bootstruct[{extra}]'"
        components.append(InstalledComponent(extra, is_installed, purpose if is_installed else remedy))
    return components


def _is_there(module: str) -> bool:
    try:
        return importlib.util.find_spec(module) is not None
    except ModuleNotFoundError:  # the package above it
        return False
