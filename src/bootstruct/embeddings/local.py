"""Embeddings on this machine: encoders through transformers, pooled as their folder says, and static vectors."""

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from bootstruct.engines.local.load import (
    calm_threads,
    loading,
    quiet_libraries,
    require_extra,
    require_layers,
    require_no_kernels,
)
from bootstruct.errors import EngineUnavailableError, InputError

BATCH: Final = 64
MOST_TOKENS: Final = 512
LARGEST: Final = 1 << 28  # bytes of a file of settings or of a tokenizer
_READ: Final = (
    "config.json",
    "tokenizer.json",
    "1_Pooling/config.json",
    "sentence_bert_config.json",
    "model.safetensors",
)


def _folder(place: str) -> Path:
    """The folder of a model. Raises InputError if it contains none."""
    folder = Path(place).expanduser()
    for name in ("config.json", "tokenizer.json", "model.safetensors"):
        if not (folder / name).is_file():
            raise InputError(f"{folder}: contains no model of embeddings ({name} is missing); name its folder.")
    for name in (name for name in _READ if name.endswith(".json") and (folder / name).is_file()):
        if (folder / name).stat().st_size > LARGEST:
            raise InputError(f"{folder / name}: is larger than {LARGEST >> 20} MiB, which no such file needs to be.")
    return folder


def _identity(kind: str, folder: Path) -> str:
    """Everything on which the vectors depend: the content of all files that are read."""
    whole = hashlib.sha256()
    for name in _READ:
        if (folder / name).is_file():
            with (folder / name).open("rb") as file:
                whole.update(f"{name} {hashlib.file_digest(file, 'sha256').hexdigest()}\n".encode())
    return f"{kind} {whole.hexdigest()}"


def _fields(path: Path) -> dict[str, Any]:
    try:
        found = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
    except (ValueError, OSError, RecursionError):
        found = None
    if not isinstance(found, dict):
        raise InputError(f"{path}: cannot be read as a JSON object; restore the file from a copy.")
    return found


class EncoderEmbedder:
    """An encoder in a folder of sentence-transformers (or one without its files, which is pooled by the mean).

    Raises:
        InputError: the folder contains no model, needs code or layers of its own, or packages are missing.
        EngineUnavailableError: it cannot be loaded.
    """

    def __init__(self, place: str) -> None:
        require_extra()
        folder = _folder(place)
        self.name, self.identity = f"hf/{place}", _identity("encoder/1", folder)
        pooling = _fields(folder / "1_Pooling" / "config.json")
        ways = [name for name, value in pooling.items() if name.startswith("pooling_mode_") and value is True]
        if ways not in ([], ["pooling_mode_mean_tokens"], ["pooling_mode_cls_token"]) or any(folder.glob("*_Dense")):
            raise InputError(
                f"{folder}: uses another pooling than the mean or the first token; serve it and use openai/."
            )
        self.is_first_token = ways == ["pooling_mode_cls_token"]
        longest = _fields(folder / "sentence_bert_config.json").get("max_seq_length")
        self.most_tokens = longest if isinstance(longest, int) and 0 < longest <= 8192 else MOST_TOKENS
        config = _fields(folder / "config.json")
        require_no_kernels(config, place)
        require_layers(config, place)
        calm_threads()
        quiet_libraries()
        from transformers import AutoModel, AutoTokenizer
        from transformers.utils import logging

        logging.set_verbosity_error()
        logging.disable_progress_bar()
        with loading(place):
            self.tokenizer = AutoTokenizer.from_pretrained(folder, trust_remote_code=False)
            self.model = AutoModel.from_pretrained(folder, use_safetensors=True, trust_remote_code=False).eval()
        import torch

        self.model = self.model.to("cuda" if torch.cuda.is_available() else "cpu")

    def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """See `Embedder`."""
        import torch

        order = sorted(range(len(texts)), key=lambda number: len(texts[number]))
        found: list[NDArray[np.float32] | None] = [None] * len(texts)
        for start in range(0, len(order), BATCH):
            batch = order[start : start + BATCH]
            given = self.tokenizer(
                [texts[number] or " " for number in batch],
                padding=True, truncation=True, max_length=self.most_tokens, return_tensors="pt",
            ).to(self.model.device)  # fmt: skip
            with torch.inference_mode():
                states = self.model(**given).last_hidden_state.float()
            if self.is_first_token:
                pooled = states[:, 0]
            else:
                mask = given["attention_mask"].unsqueeze(-1).float()
                pooled = (states * mask).sum(1) / mask.sum(1).clamp(min=1)
            for number, vector in zip(batch, pooled.cpu().numpy(), strict=True):
                found[number] = vector
        return np.stack([vector for vector in found if vector is not None])


class StaticEmbedder:
    """Static vectors of tokens, as model2vec saves them: the mean of the vectors of a text's tokens; no forward pass.

    Raises:
        InputError: the folder contains no such vectors, or packages are missing.
    """

    def __init__(self, place: str) -> None:
        require_extra()
        from safetensors.numpy import load_file
        from tokenizers import Tokenizer

        folder = _folder(place)
        self.name, self.identity = f"static/{place}", _identity("static/1", folder)
        try:
            tensors = load_file(folder / "model.safetensors")
            self.tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
        except Exception as exc:
            raise EngineUnavailableError(f"{folder}: cannot be loaded: {' '.join(str(exc).split())[:200]}.") from None
        if "embeddings" not in tensors or tensors["embeddings"].ndim != 2:
            raise InputError(
                f"{folder}: contains no static vectors (a tensor `embeddings`); an encoder is named hf/{place}."
            )
        vectors = tensors["embeddings"].astype(np.float32)
        size = self.tokenizer.get_vocab_size()
        mapping = tensors.get("mapping", np.arange(size)).astype(np.int64)
        weights = tensors.get("weights", np.ones(len(mapping))).astype(np.float32)
        if len(mapping) < size or len(weights) < size or mapping.min() < 0 or mapping.max() >= len(vectors):
            raise InputError(f"{folder}: its vectors do not fit its tokens; use the folder as model2vec saved it.")
        self.vectors = vectors[mapping] * weights[:, None]
        model = json.loads(self.tokenizer.to_str()).get("model", {})
        self.unknown = self.tokenizer.token_to_id(str(model.get("unk_token"))) if model.get("unk_token") else None

    def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """See `Embedder`. A text without a known token has zeros."""
        found = np.zeros((len(texts), self.vectors.shape[1]), np.float32)
        for row, one in enumerate(self.tokenizer.encode_batch_fast(list(texts), add_special_tokens=False)):
            ids = [token for token in one.ids[:MOST_TOKENS] if token != self.unknown]
            if ids:
                found[row] = self.vectors[ids].mean(axis=0)
        return found
