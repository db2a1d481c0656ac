"""Write the corpus as token ids: tokenizer.json, train.bin and valid.bin (16 bits per id) in a folder."""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from corpus import END, document
from tokenizer import save_tokenizer, train_tokenizer
from tokenizers import Tokenizer

_VALID = 10_000_000  # documents from this number on are never used for training


def encode(tokenizer: Tokenizer, first: int, tokens: int) -> np.ndarray:
    """Return at least `tokens` token ids of the documents from number `first` on; token 0 ends each document."""
    parts: list[int] = []
    while len(parts) < tokens:
        for encoding in tokenizer.encode_batch([document(first + k) for k in range(500)]):
            parts += [*encoding.ids, 0]
        first += 500
    return np.array(parts, dtype=np.uint16)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--tokens", type=float, default=12e6)
    parser.add_argument("--vocabulary", type=int, default=2560)
    parser.add_argument("--context", type=int, default=1024)
    arguments = parser.parse_args()
    arguments.folder.mkdir(parents=True, exist_ok=True)
    tokenizer = train_tokenizer((document(_VALID * 2 + k) for k in range(8000)), arguments.vocabulary, END)
    save_tokenizer(tokenizer, arguments.folder, END, arguments.context)
    encode(tokenizer, 0, int(arguments.tokens)).tofile(arguments.folder / "train.bin")
    encode(tokenizer, _VALID, 100_000).tofile(arguments.folder / "valid.bin")


if __name__ == "__main__":
    main()
