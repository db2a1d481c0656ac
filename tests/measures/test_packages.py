"""Our measures have the digits of the published packages, recorded by benchmarks/diversity_packages.py."""

import gzip
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bootstruct.measures.diversity import compression_ratio
from bootstruct.measures.ngrams import ngram_diversity, self_repetition, tokenized
from bootstruct.measures.self_bleu import bleu_texts, self_bleus
from bootstruct.measures.vendi import ngram_kernel, vendi, vendi_of_vectors

RECORDED = json.loads((Path(__file__).parent / "packages.json").read_text())


def test_the_record_says_which_packages() -> None:
    assert {"diversity", "vendi-score", "sacrebleu"} <= RECORDED["packages"].keys()
    assert len(RECORDED["sets"]) >= 6


@pytest.mark.parametrize("row", RECORDED["sets"], ids=lambda row: row["name"])
class TestDigits:
    def test_ngram_diversity_and_self_repetition(self, row: dict[str, Any]) -> None:
        words = tokenized(row["texts"])
        assert round(ngram_diversity(words), 3) == row["ngram_diversity"]
        assert self_repetition(words) == pytest.approx(row["self_repetition"], abs=1e-12)

    def test_self_bleu(self, row: dict[str, Any]) -> None:
        assert self_bleus(bleu_texts(row["texts"])) == pytest.approx(row["bleu"], abs=1e-9)

    def test_vendi(self, row: dict[str, Any]) -> None:
        assert vendi(ngram_kernel(tokenized(row["texts"]))) == pytest.approx(row["vendi_ngrams"], abs=1e-9)
        vectors = np.array([[np.sin(1 + i * j) for j in range(7)] for i in range(len(row["texts"]))])
        vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
        assert vendi_of_vectors(vectors) == pytest.approx(row["vendi_vectors"], abs=1e-9)
        assert vendi_of_vectors(vectors) == pytest.approx(row["vendi_dual"], abs=1e-9)

    def test_compression(self, row: dict[str, Any]) -> None:
        """The package compresses what is compressed once more, so that its gzip ratio is lower."""
        texts = [text.encode() for text in row["texts"]]
        assert compression_ratio(texts, "xz") == pytest.approx(
            row["compression_xz"], abs=0.002
        )  # of the build of liblzma
        whole = b" ".join(texts)
        twice = len(gzip.compress(gzip.compress(whole))) + len(b"compressed\0")  # its frame names the file
        assert len(whole) / twice == pytest.approx(row["compression_gzip"], rel=0.01)
        assert (
            row["compression_gzip"] < compression_ratio(texts) == pytest.approx(len(whole) / len(gzip.compress(whole)))
        )
