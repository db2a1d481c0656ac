"""Measures of meaning: of the vectors of texts, each of length 1."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from bootstruct.measures.diversity import Measure, Statistic
from bootstruct.measures.vendi import vendi_of_vectors

Vectors = NDArray[np.float32]
NEIGHBOURS: Final = 10  # by which the density of a place is told
DENSITY_POWER: Final = 0.5
_LEAST_DISTANCE: Final = 1e-6  # between two reference texts, so that equal ones do not make a place infinitely dense

VENDI_VECTORS: Final = Measure(
    "vendi_embeddings",
    "Vendi score, embeddings",
    True,
    "Friedman and Dieng 2023, arXiv:2210.02410",
    is_number_of_texts=True,
)
NOVELSUM: Final = Measure("novelsum", "NovelSum", True, "Yang et al. 2025, arXiv:2502.17184")
CHAMFER: Final = Measure("chamfer", "distance to the nearest other text", True, "Cox et al. 2021, CHI (Chamfer)", 2)
REMOTE: Final = Measure("remote_clique", "distance of two texts", True, "Cox et al. 2021, CHI (remote clique)", 2)


def vector_measures(vectors: Vectors, reference: Vectors) -> list[tuple[Measure, Statistic]]:
    """The measures of meaning, each as a function of row numbers.

    Args:
        vectors: of the sample, shape (texts, d).
        reference: of all samples that are compared, by which NovelSum tells how densely a place is written about.
    """
    distances = (1 - vectors.astype(np.float64) @ vectors.astype(np.float64).T).clip(0, 2)
    np.fill_diagonal(distances, 0.0)
    dense = densities(vectors, reference)

    def nearest_other(rows: NDArray[np.int64]) -> float:
        chosen = distances[np.ix_(rows, rows)].copy()
        np.fill_diagonal(chosen, np.inf)
        return float(chosen.min(axis=1).mean())

    return [
        (VENDI_VECTORS, lambda rows: vendi_of_vectors(vectors[rows])),
        (NOVELSUM, lambda rows: novelsum(distances[np.ix_(rows, rows)], dense[rows])),
        (CHAMFER, nearest_other),
        (REMOTE, lambda rows: float(distances[np.ix_(rows, rows)].mean())),
    ]


def densities(vectors: Vectors, reference: Vectors) -> NDArray[np.float64]:
    """How dense the reference is around each vector: one over the mean distance to its ten nearest, to the power 1/2.

    Equal vectors of the reference count once.
    """
    known = np.unique(reference, axis=0)
    near = np.empty((len(vectors), min(NEIGHBOURS, len(known))))
    for start in range(0, len(vectors), 1024):
        away = 1 - vectors[start : start + 1024] @ known.T
        near[start : start + 1024] = np.partition(away, near.shape[1] - 1, axis=1)[:, : near.shape[1]]
    found: NDArray[np.float64] = np.maximum(near.mean(axis=1), _LEAST_DISTANCE) ** -DENSITY_POWER
    return found


def novelsum(distances: NDArray[np.float64], dense: NDArray[np.float64]) -> float:
    """NovelSum: the mean over texts of density times the mean distance to all texts, the k-th nearest weighted by 1/k.

    Args:
        distances: cosine distances, shape (texts, texts).
        dense: the density at each text.

    Example:
        >>> float(round(novelsum(np.array([[0.0, 1.0], [1.0, 0.0]]), np.ones(2)), 4))
        0.3333
    """
    weights = 1 / np.arange(1, len(distances) + 1)
    return float(((np.sort(distances, axis=1) @ weights) / weights.sum() * dense).mean())
