"""Topics of texts: vectors of their words, clusters that are named by their own words, and places of both on a plane.

All of it is deterministic: equal texts and vectors give equal clusters on the same machine.
"""

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from bootstruct.novelty.rouge import unicode_tokens

Vectors = NDArray[np.float32]
Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
NONE: Final = -1  # the cluster of a text that has no word in common with another text
MOST_CLUSTERS: Final = 12
NAME_WORDS: Final = 3
_MOST_WORDS, _DIMENSIONS, _ROUNDS, _STARTS = 4000, 50, 40, 5
_PLAIN_WORDS: Final = """
    a about above after all also an and any are as at be because been before being below between both but by can could did do
    does each five for four from get given has have he her here him his how i if in into is it its just like make many me more
    most much must my no not of on one only or other our out over please provide same say several she should so some such tell
    than that the their them then there these they this those three to too two under up use using want was way we were what
    when where which who why will with without would you your following input output task
    write give explain describe generate create list name find answer
"""
_PLAIN: Final = frozenset(
    _PLAIN_WORDS.split()
)  # say nothing about a topic; in other languages, frequency has to tell them


@dataclass(frozen=True, slots=True)
class TopicCluster:
    """One cluster.

    Attributes:
        name: the words that set it apart, the most telling first.
        members: numbers of its texts.
    """

    name: str
    members: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class TopicMap:
    """The clusters of texts, and a place for each text.

    Attributes:
        clusters: the largest first.
        of: the cluster of each text, `NONE` for a text without any.
        places: x and y of each text in [0, 1], shape (texts, 2).
        agreement: the rank correlation of distances on the map with those of the vectors; nan for fewer than three texts.
    """

    clusters: tuple[TopicCluster, ...]
    of: Ints
    places: Floats
    agreement: float


def topic_words(text: str) -> list[str]:
    """The words of a text that may say what it is about: lower-case, plurals without their s, no function words.

    Example:
        >>> topic_words("Write a poem about old clocks.")
        ['poem', 'old', 'clock']
    """
    return [_stem(word) for word in unicode_tokens(text.lower()) if word not in _PLAIN and not word.isdigit()]


def _stem(word: str) -> str:
    if len(word) > 4 and word.endswith("ies"):
        return f"{word[:-3]}y"
    return word[:-1] if len(word) > 3 and word.endswith("s") and not word.endswith("ss") else word


def word_vectors(texts: Sequence[str]) -> Vectors:
    """Vectors of the words of texts, each of length 1: counts weighted by rarity, reduced to the 50 main directions.

    A text that has no word in common with another one has a vector of zeros. They reflect words, not meaning.

    Args:
        texts: at least one; their rarity is that among these texts.

    Returns:
        Shape (texts, up to 50).
    """
    words = [topic_words(text) for text in texts]
    spread = Counter(word for some in words for word in set(some))
    known = sorted((word for word, count in spread.items() if count > 1), key=lambda word: (-spread[word], word))
    column = {word: place for place, word in enumerate(known[:_MOST_WORDS])}
    weighted = np.zeros((len(texts), max(1, len(column))), np.float32)
    for row, some in enumerate(words):
        for word, count in Counter(some).items():
            if word in column:
                weighted[row, column[word]] = (1 + math.log(count)) * math.log(1 + len(texts) / spread[word])
    weighted = _unit(weighted)
    if min(weighted.shape) <= _DIMENSIONS:
        return weighted
    basis = np.random.default_rng(0).standard_normal((weighted.shape[1], _DIMENSIONS)).astype(np.float32)
    for _ in range(6):  # subspace iteration: the main directions without a whole decomposition
        basis = np.linalg.qr(weighted.T @ (weighted @ basis))[0]
    return _unit(weighted @ basis)


def _unit(vectors: Vectors) -> Vectors:
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    return np.asarray(np.divide(vectors, lengths, where=lengths > 1e-9, out=np.zeros_like(vectors)), np.float32)


def cluster_count(texts: int) -> int:
    """How many clusters so many texts are divided into: about the root of a third of their number, at most 12.

    Example:
        >>> cluster_count(3), cluster_count(175), cluster_count(52000)
        (1, 8, 12)
    """
    return max(1, min(MOST_CLUSTERS, round(math.sqrt(texts / 3))))


def centres_of(vectors: Vectors, count: int) -> Vectors:
    """The centres of clusters by their angles (spherical k-means, the best of five starts), each of length 1.

    Args:
        vectors: each of length 1 or 0, shape (texts, d); those of length 0 are left out.
        count: how many clusters; fewer come back if there are fewer different vectors.
    """
    able = vectors[np.linalg.norm(vectors, axis=1) > 0.5]
    count = min(count, len(np.unique(able, axis=0)))
    best, centres = -math.inf, np.asarray(able[:0], np.float32)
    for start in range(_STARTS if count else 0):
        found, score = _cluster(able, count, np.random.default_rng(start))
        if score > best + 1e-6:
            best, centres = score, found
    return centres


def _cluster(vectors: Vectors, count: int, chance: np.random.Generator) -> tuple[Vectors, float]:
    chosen = [int(chance.integers(len(vectors)))]
    for _ in range(count - 1):  # far from those chosen before (k-means++)
        far = (1 - (vectors @ vectors[chosen].T).max(axis=1)).clip(0).astype(np.float64)
        far[far < 1e-6] = 0
        chosen.append(
            int(chance.choice(len(vectors), p=far / far.sum()) if far.sum() else chance.integers(len(vectors)))
        )
    centres = vectors[chosen]
    own = np.full(len(vectors), -1)
    for _ in range(_ROUNDS):
        near = vectors @ centres.T
        new = near.argmax(axis=1)
        if (new == own).all():
            break
        own = new
        sums = np.stack([vectors[own == place].sum(axis=0) for place in range(count)])
        centres = np.where(np.linalg.norm(sums, axis=1, keepdims=True) > 1e-9, _unit(sums), centres)
    return centres, float((vectors @ centres.T).max(axis=1).sum())


def nearest_centre(vectors: Vectors, centres: Vectors) -> Ints:
    """The number of the centre nearest to each vector; `NONE` for a vector that is near to none of them."""
    if not len(centres):
        return np.full(len(vectors), NONE, np.int64)
    near = vectors @ centres.T
    return np.where(near.max(axis=1) > 1e-6, near.argmax(axis=1), NONE).astype(np.int64)


def cluster_names(texts: Sequence[str], of: Ints, count: int) -> list[str]:
    """The three words that set each cluster apart, as its texts write them most often.

    A word counts by its share of the cluster's words and by its rarity in the others (class-based tf-idf).
    """
    written: dict[str, Counter[str]] = {}
    counts: list[Counter[str]] = [Counter() for _ in range(count)]
    for text, cluster in zip(texts, of.tolist(), strict=True):
        for word in unicode_tokens(text.lower()):
            if word not in _PLAIN and not word.isdigit() and len(word) > (1 if word.isascii() else 0):
                written.setdefault(_stem(word), Counter())[word] += 1
        if cluster != NONE:
            counts[cluster].update(set(topic_words(text)))
    total: Counter[str] = sum(counts, Counter())
    average = total.total() / max(1, count)
    names = []
    for own in counts:
        scored = {
            word: n / max(1, own.total()) * math.log(1 + average / total[word])
            for word, n in own.items()
            if word in written
        }
        best = sorted(scored, key=lambda word: (-scored[word], word))[:NAME_WORDS]
        names.append(", ".join(min(written[word], key=lambda form: (-written[word][form], form)) for word in best))
    return names


def topic_map(texts: Sequence[str], vectors: Vectors) -> TopicMap:
    """Cluster texts and place them on a plane.

    Clusters that are alike lie near each other, along the main axes of their centres, pushed apart so that they do not overlap.
    Within a cluster, texts lie along its own two main axes.

    Args:
        texts: the texts.
        vectors: of the texts, each of length 1 or 0, shape (texts, d).
    """
    centres = centres_of(vectors, cluster_count(len(texts)))
    first = nearest_centre(vectors, centres)
    sizes = np.array([int((first == place).sum()) for place in range(len(centres))], dtype=np.int64)
    order = [place for place in np.argsort(-sizes, kind="stable").tolist() if sizes[place]]
    renamed = {place: number for number, place in enumerate(order)}
    of = np.array([renamed.get(place, NONE) for place in first.tolist()], dtype=np.int64)
    names = cluster_names(texts, of, len(order))
    clusters = tuple(
        TopicCluster(name or "(no words)", tuple(np.flatnonzero(of == number).tolist()))
        for number, name in enumerate(names)
    )
    places = _places(vectors, of, centres[order])
    return TopicMap(clusters, of, places, _agreement(vectors, places, of))


def _main_axes(points: Floats) -> Floats:
    """The coordinates of points on their two main axes, with signs that do not depend on the library."""
    middle = points - points.mean(axis=0) if len(points) > 1 else np.zeros((1, 1))
    if not np.abs(middle).max() > 1e-9:
        return np.zeros((len(points), 2))
    _, _, axes = np.linalg.svd(middle, full_matrices=False)
    axes = axes[:2] * np.sign(axes[:2][np.arange(len(axes[:2])), np.abs(axes[:2]).argmax(axis=1)])[:, None]
    found = middle @ axes.T
    return np.hstack([found, np.zeros((len(found), 2 - found.shape[1]))])


def _places(vectors: Vectors, of: Ints, centres: Vectors) -> Floats:
    places = np.zeros((len(vectors), 2))
    radii = np.array([0.35 + math.sqrt((of == number).sum() / max(1, len(of))) for number in range(len(centres))])
    middles = _main_axes(centres.astype(np.float64))
    middles = middles / max(1e-9, np.abs(middles).max()) * 2 if len(centres) > 1 else middles
    _push_apart(middles, radii)
    for number in range(len(centres)):
        own = np.flatnonzero(of == number)
        local = _main_axes(vectors[own].astype(np.float64))
        reach = np.linalg.norm(local, axis=1).max(initial=0)
        places[own] = middles[number] + local / max(reach, 1e-9) * radii[number] * 0.9
    loose = np.flatnonzero(of == NONE)
    low = places.min(axis=0, initial=0)
    places[loose] = np.column_stack([np.full(len(loose), low[0] - 0.3), low[1] + 0.05 * (np.arange(len(loose)) % 40)])
    least, span = places.min(axis=0, initial=0), np.ptp(places, axis=0).max(initial=0)
    found: Floats = (places - least) / max(1e-9, float(span))
    return found


def _push_apart(middles: Floats, radii: Floats) -> None:
    for _ in range(300):
        moved = False
        for a in range(len(middles)):
            for b in range(a):
                gap = middles[a] - middles[b]
                distance, wanted = float(np.hypot(*gap)), float(radii[a] + radii[b])
                if distance < wanted * 0.999:
                    way = gap / distance if distance > 1e-6 else np.array([math.cos(a), math.sin(a)])
                    middles[a] += way * (wanted - distance) / 2
                    middles[b] -= way * (wanted - distance) / 2
                    moved = True
        if not moved:
            return


def _agreement(vectors: Vectors, places: Floats, of: Ints) -> float:
    some = np.flatnonzero(of != NONE)[:400]
    if len(some) < 3:
        return math.nan
    upper = np.triu_indices(len(some), 1)
    true = (1 - vectors[some] @ vectors[some].T)[upper]
    drawn = np.linalg.norm(places[some][:, None] - places[some][None], axis=2)[upper]
    ranks = [
        np.argsort(np.argsort(np.round(values, 6), kind="stable"), kind="stable").astype(float)
        for values in (true, drawn)
    ]
    if true.std() < 1e-9 or drawn.std() < 1e-9:
        return math.nan
    return float(np.corrcoef(ranks[0], ranks[1])[0, 1])
