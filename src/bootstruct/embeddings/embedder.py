"""The model that embeds texts, and the vectors of many texts: each different text once, from the cache if possible."""

import hashlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final, Protocol

import numpy as np
from numpy.typing import NDArray

from bootstruct.embeddings.cache import VectorCache
from bootstruct.errors import InputError

Vectors = NDArray[np.float32]
PORTION: Final = 512  # texts between two writes to the cache
NAMES: Final = "openai/MODEL, hf/FOLDER, static/FOLDER or hashed"


class Embedder(Protocol):
    """A model of embeddings.

    Attributes:
        name: as users name it.
        identity: everything on which its vectors depend: equal identities give equal vectors.
    """

    name: str
    identity: str

    def embed(self, texts: Sequence[str]) -> Vectors:
        """Return a vector for each text, shape (texts, d), in their order, of any length."""
        ...


class HashedWords:
    """Counts of words and of their parts of three letters, hashed into 512 places. They reflect words, not meaning."""

    name = "hashed"
    identity = "hashed/1"
    width = 512

    def embed(self, texts: Sequence[str]) -> Vectors:
        """See `Embedder`."""
        found = np.zeros((len(texts), self.width), np.float32)
        for row, text in enumerate(texts):
            for word in text.lower().split():
                marked = f"<{word}>"
                for part in (marked, *(marked[start : start + 3] for start in range(len(marked) - 2))):
                    digest = hashlib.blake2b(part.encode("utf-8", "replace"), digest_size=4).digest()
                    found[row, int.from_bytes(digest, "little") % self.width] += 1
        return found


def open_embedder(name: str, base_url: str | None = None) -> Embedder:
    """The model of that name; nothing is sent yet.

    Args:
        name: `openai/MODEL` (any server with `/embeddings`), `hf/FOLDER` (a folder of sentence-transformers, or another encoder
            in safetensors), `static/FOLDER` (static vectors, as model2vec saves them), or `hashed`.
        base_url: the server of `openai/MODEL`.

    Raises:
        InputError: the name is unknown, the folder contains no such model, or packages are missing.
        EngineUnavailableError: the model cannot be loaded.
    """
    provider, _, place = name.partition("/")
    if base_url is not None and provider != "openai":
        raise InputError(f"--base-url belongs to --embed openai/MODEL, not to {name}.")
    if name == HashedWords.name:
        return HashedWords()
    if provider == "openai" and place:
        from bootstruct.embeddings.server import ServerEmbedder

        return ServerEmbedder(place, base_url)
    if provider in ("hf", "static") and place:
        from bootstruct.embeddings.local import EncoderEmbedder, StaticEmbedder

        return (EncoderEmbedder if provider == "hf" else StaticEmbedder)(place)
    raise InputError(f"--embed {name}: unknown; use {NAMES}.")


def embedded(
    texts: Sequence[str],
    embedder: Embedder,
    cache: Path | None = None,
    tell: Callable[[int, int], None] = lambda done, of: None,
) -> Vectors:
    """The vectors of texts, of length 1, shape (texts, d) in float32. Equal texts are embedded once.

    Args:
        texts: at least one.
        embedder: the model.
        cache: a folder that keeps vectors from one command to the next; an interrupted command continues from there.
        tell: called with how many different texts have a vector, and how many there are.

    Raises:
        InputError: the cache cannot be used, or a vector contains values that are not finite numbers.
        EngineUnavailableError: the model cannot be reached.
    """
    numbers: dict[str, int] = {}
    rows = [numbers.setdefault(text, len(numbers)) for text in texts]
    different = list(numbers)
    with VectorCache(cache, embedder.identity) as store:
        known = store.find(different)
        missing = [number for number in range(len(different)) if number not in known]
        for start in range(0, len(missing), PORTION):
            tell(len(different) - len(missing) + start, len(different))
            portion = missing[start : start + PORTION]
            vectors = np.asarray(embedder.embed([different[number] for number in portion]), dtype=np.float32)
            if vectors.ndim != 2 or len(vectors) != len(portion) or not np.isfinite(vectors).all():
                raise InputError(f"{embedder.name}: gives vectors that are not finite numbers; use another model.")
            if known and vectors.shape[1] != len(next(iter(known.values()))):
                raise InputError(f"{embedder.name}: gives vectors of several lengths; use another model.")
            store.add([different[number] for number in portion], vectors)
            known.update(zip(portion, vectors, strict=True))
    tell(len(different), len(different))
    matrix = (
        np.stack([known[number] for number in range(len(different))]) if different else np.empty((0, 1), np.float32)
    )
    lengths = np.linalg.norm(matrix, axis=1, keepdims=True)
    return np.asarray((matrix / np.maximum(lengths, 1e-12))[rows], dtype=np.float32)
