"""The Vendi score: how many different texts a set is worth (Friedman and Dieng 2023, arXiv 2210.02410).

It is the exponential of the entropy of the eigenvalues of K / n, where K holds the similarity of every two of n texts: n where
nothing is like anything else, 1 where all are equal. It grows with n, so only sets of one size can be compared.
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from bootstruct.measures.ngrams import TokenizedTexts, ngrams

Floats = NDArray[np.float64]
ORDER: Final = 4
_COLUMNS: Final = 4096  # of the matrix of counts, held at a time


def vendi(kernel: Floats) -> float:
    """The score of similarities, shape (n, n), symmetric with ones on the diagonal; nan of nothing.

    Example:
        >>> round(vendi(np.eye(3)), 6), round(vendi(np.ones((3, 3))), 6)
        (3.0, 1.0)
    """
    if not len(kernel):
        return float("nan")
    return _of_eigenvalues(np.linalg.eigvalsh(np.asarray(kernel / len(kernel), dtype=np.float64)))


def vendi_of_vectors(vectors: NDArray[np.floating]) -> float:
    """The score under the cosine of vectors of length 1, shape (n, d): by whichever of n and d is smaller."""
    n, d = vectors.shape
    if not n:
        return float("nan")
    wide = vectors.astype(np.float64)
    return _of_eigenvalues(np.linalg.eigvalsh((wide @ wide.T if n < d else wide.T @ wide) / n))


def _of_eigenvalues(values: Floats) -> float:
    positive = values[values > 1e-15]
    return float(np.exp(-(positive * np.log(positive)).sum()))


def ngram_kernel(texts: TokenizedTexts, most: int = ORDER) -> Floats:
    """Similarities of texts: the mean cosine of their counts of n-grams, for n from 1 to 4; shape (texts, texts).

    A text is always equal to itself, also where it is too short for n-grams of an order.
    """
    size = len(texts)
    kernel = np.zeros((size, size))
    for found in ngrams(texts, most):
        width = max(1, found.distinct)
        pairs, counts = np.unique(found.texts * width + found.grams, return_counts=True)
        owner, gram = pairs // width, pairs % width
        norms = np.sqrt(np.bincount(owner, counts.astype(np.float64) ** 2, size))
        values = counts / norms[owner]
        shared = np.bincount(gram, minlength=width)[gram] > 1  # the others are like nothing else
        owner, values = owner[shared], values[shared]
        _, column = np.unique(gram[shared], return_inverse=True)
        for start in range(0, int(column.max(initial=-1)) + 1, _COLUMNS):
            here = (column >= start) & (column < start + _COLUMNS)
            block = np.zeros((size, int(min(_COLUMNS, column.max() + 1 - start))))
            block[owner[here], column[here] - start] = values[here]
            kernel += block @ block.T
    kernel /= most
    np.fill_diagonal(kernel, 1.0)
    return kernel
