"""Holes of a data set: topics, task types, lengths and verbs of which it has far fewer than a taxonomy expects.

The taxonomy is that of the seeds (their clusters, types, lengths and verbs, as often as they occur) or a file of the user
(every topic, verb and length as often as the others).
"""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import numpy as np

from bootstruct.config.validation import parse_yaml
from bootstruct.errors import InputError
from bootstruct.io.rows import read_text
from bootstruct.journal.reviews import wilson
from bootstruct.measures.topics import (
    NONE,
    Vectors,
    centres_of,
    cluster_count,
    cluster_names,
    nearest_centre,
    topic_words,
    word_vectors,
)
from bootstruct.reporting.statistics import order_of, words
from bootstruct.reporting.subject import Dataset
from bootstruct.reporting.verbs import VerbReader

Embed = Callable[[Sequence[str]], Vectors]
SAMPLE: Final = 2000  # texts of which topics and verbs are counted
FEWEST_SEEDS: Final = 10  # below which the seeds are no taxonomy
MOST_NAMES: Final = 500  # of one aspect of a taxonomy
LONGEST_NAME: Final = 120
KINDS: Final = ("topic", "task type", "length", "verb")
_KEYS: Final = ("topics", "types", "lengths", "verbs")


@dataclass(frozen=True, slots=True)
class Taxonomy:
    """What a data set should cover, from a file of the user; an aspect that is empty is not looked at.

    Attributes:
        name: the name of the file.
        topics: the words of each topic.
        types: the share of each task type, `classification` and `other`.
        lengths: the most words of all bands but the last, ascending.
        verbs: root verbs.
    """

    name: str
    topics: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    types: Mapping[str, float] = field(default_factory=dict)
    lengths: tuple[int, ...] = ()
    verbs: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Place:
    """One topic, task type, length or verb.

    Attributes:
        kind: one of `KINDS`.
        name: its name.
        count: how many texts belong to it.
        of: how many texts belong to any place of its kind.
        expected: its share by the taxonomy.
    """

    kind: str
    name: str
    count: int
    of: int
    expected: float

    @property
    def share(self) -> float:
        """Its share of these texts."""
        return self.count / self.of if self.of else 0.0

    @property
    def is_thin(self) -> bool:
        """Whether it has less than half of what is expected, and fewer than chance explains (95%, Wilson)."""
        return self.of > 0 and self.share < self.expected / 2 and wilson(self.count, self.of)[1] < self.expected


@dataclass(frozen=True, slots=True)
class Coverage:
    """How a data set covers a taxonomy.

    Attributes:
        taxonomy: its name in words.
        vectors: what topics were told by, in words.
        places: all places, by kind.
        notes: what could not be counted, and why.
    """

    taxonomy: str
    vectors: str
    places: tuple[Place, ...]
    notes: tuple[str, ...] = ()

    @property
    def thin(self) -> tuple[Place, ...]:
        """The thin places, by kind, those that lack most first."""
        found = [place for place in self.places if place.is_thin]
        return tuple(
            sorted(found, key=lambda place: (KINDS.index(place.kind), place.share / place.expected, place.name))
        )

    def to_row(self) -> dict[str, Any]:
        """All of it as plain JSON values."""
        places = [
            {
                "kind": p.kind,
                "name": p.name,
                "count": p.count,
                "of": p.of,
                "expected": round(p.expected, 6),
                "thin": p.is_thin,
            }
            for p in self.places
        ]
        return {"taxonomy": self.taxonomy, "vectors": self.vectors, "places": places, "notes": list(self.notes)}


def read_taxonomy(path: Path) -> Taxonomy:
    """Read a taxonomy: YAML with any of `topics`, `types`, `lengths` and `verbs`.

    Raises:
        InputError: it cannot be read, or a value is not what its key needs.
    """
    value = parse_yaml(read_text(path), str(path))
    if not isinstance(value, dict) or not value or not set(value) <= set(_KEYS):
        raise InputError(f"{path}: expected any of the keys {', '.join(_KEYS)}, as in `verbs: [write, sort]`.")
    topics = value.get("topics") or {}
    if isinstance(topics, list):
        topics = {str(name): [str(name)] for name in topics}
    if not isinstance(topics, dict) or not all(_is_list(own, str) for own in topics.values()):
        raise InputError(
            f"{path}: topics: expected names, or names with lists of words, as in `garden: [plant, soil]`."
        )
    made = {
        _name(path, "topics", name): tuple(dict.fromkeys(topic_words(" ".join(own)))) for name, own in topics.items()
    }
    if empty := [name for name, own in made.items() if not own]:
        raise InputError(f"{path}: topics: {empty[0]!r} has no word by which it can be told; give it some.")
    types = value.get("types") or {}
    if (
        not isinstance(types, dict)
        or not set(types) <= {"classification", "other"}
        or not all(map(_is_share, types.values()))
    ):
        raise InputError(f"{path}: types: expected shares, as in `classification: 0.3`.")
    lengths = value.get("lengths") or []
    if not _is_list(lengths, int) or list(lengths) != sorted(set(lengths)) or min(lengths, default=1) < 1:
        raise InputError(f"{path}: lengths: expected numbers of words that rise, as in `[8, 16, 32]`.")
    verbs = value.get("verbs") or []
    if not _is_list(verbs, str):
        raise InputError(f"{path}: verbs: expected a list of words, as in `[write, sort]`.")
    named = tuple(dict.fromkeys(_name(path, "verbs", verb).lower() for verb in verbs))
    if max(len(made), len(named), len(lengths)) > MOST_NAMES:
        raise InputError(f"{path}: has more than {MOST_NAMES} names of one kind; use fewer.")
    shares = {"classification": float(types["classification"])} if "classification" in types else {}
    if types:
        shares = shares or {"classification": 1 - float(types["other"])}
        shares["other"] = 1 - shares["classification"]
    return Taxonomy(path.name, made, shares, tuple(lengths), named)


def _is_list(value: object, of: type) -> bool:
    return isinstance(value, list) and all(isinstance(one, of) and not isinstance(one, bool) for one in value)


def _is_share(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value <= 1


def _name(path: Path, key: str, name: object) -> str:
    text = " ".join(str(name).split())
    if not text or len(text) > LONGEST_NAME:
        raise InputError(f"{path}: {key}: names have 1 to {LONGEST_NAME} characters, found {text[:40]!r}.")
    return text


def coverage_of(
    subject: Dataset,
    reader: VerbReader | None,
    taxonomy: Taxonomy | None = None,
    embed: Embed | None = None,
    by: str = "",
) -> Coverage | None:
    """How a set covers the taxonomy of a file, or that of its seeds; None without either.

    Topics and verbs are counted over a random sample of at most 2,000 instructions.

    Args:
        subject: the set.
        reader: reads verbs; None leaves them out.
        taxonomy: that of a file.
        embed: returns the vectors of texts, for topics of the seeds; None uses words.
        by: the name of the model of embeddings.
    """
    if not subject.tasks or (taxonomy is None and len(subject.seeds) < FEWEST_SEEDS):
        return None
    sample = sorted(order_of(subject)[:SAMPLE])
    texts = [subject.tasks[position].text for position in sample]
    seeds = [text for _, text in subject.seeds]
    notes: list[str] = []
    if taxonomy is None:
        places = _seed_topics(texts, seeds, embed, notes)
        places += _types(subject, _seed_types(subject, notes), notes)
        places += _lengths(subject, *_seed_lengths(seeds))
        verbs = Counter(_verbs(reader, seeds))
        expected = {verb: count for verb, count in verbs.items() if count > 1}
        places += _verb_places(reader, texts, {verb: count / verbs.total() for verb, count in expected.items()}, notes)
        return Coverage(f"the {len(seeds):,} seeds", by or "words", tuple(places), tuple(notes))
    places = _named_topics(texts, taxonomy.topics, notes) if taxonomy.topics else []
    places += _types(subject, taxonomy.types, notes) if taxonomy.types else []
    even = len(taxonomy.lengths) + 1
    places += _lengths(subject, taxonomy.lengths, [1 / even] * even) if taxonomy.lengths else []
    if taxonomy.verbs:
        places += _verb_places(reader, texts, dict.fromkeys(taxonomy.verbs, 1 / len(taxonomy.verbs)), notes, only=True)
    return Coverage(taxonomy.name, "the words of the file", tuple(places), tuple(notes))


def _seed_topics(texts: Sequence[str], seeds: Sequence[str], embed: Embed | None, notes: list[str]) -> list[Place]:
    """Clusters of the seeds, and how many texts are nearest to each."""
    vectors = (embed or word_vectors)([*seeds, *texts])
    centres = centres_of(vectors[: len(seeds)], cluster_count(len(seeds)))
    of = nearest_centre(vectors, centres)
    names = cluster_names(seeds, of[: len(seeds)], len(centres))
    own, theirs = Counter(of[: len(seeds)].tolist()), Counter(of[len(seeds) :].tolist())
    if theirs[NONE]:
        notes.append(f"topics: {theirs[NONE]:,} of {len(texts):,} instructions have no word in common with the seeds")
    assigned, of_seeds = len(texts) - theirs[NONE], len(seeds) - own[NONE]
    return [
        Place("topic", name, theirs[n], assigned, own[n] / max(1, of_seeds)) for n, name in enumerate(names) if own[n]
    ]


def _named_topics(texts: Sequence[str], topics: Mapping[str, tuple[str, ...]], notes: list[str]) -> list[Place]:
    """Topics of a file, each told by its words: the one of which a text has most, the earlier one if two have as many."""
    found: Counter[str] = Counter()
    for text in texts:
        own = set(topic_words(text))
        shared = {name: len(own.intersection(known)) for name, known in topics.items()}
        best = max(shared, key=lambda name: shared[name])
        found[best if shared[best] else ""] += 1
    assigned = len(texts) - found[""]
    if found[""]:
        notes.append(f"topics: {found['']:,} of {len(texts):,} instructions have no word of any topic")
    return [Place("topic", name, found[name], assigned, 1 / len(topics)) for name in topics]


def _seed_types(subject: Dataset, notes: list[str]) -> dict[str, float]:
    known = [is_classification for is_classification in subject.seed_types if is_classification is not None]
    if len(known) < FEWEST_SEEDS:
        notes.append("task types: those of the seeds are not known")
        return {}
    return {"classification": sum(known) / len(known), "other": 1 - sum(known) / len(known)}


def _types(subject: Dataset, expected: Mapping[str, float], notes: list[str]) -> list[Place]:
    found = Counter(task.kind for task in subject.tasks if task.kind is not None)
    if not found:
        if expected:
            notes.append("task types: those of the tasks are not known")
        return []
    names = {"classification": True, "other": False}
    return [
        Place("task type", name, found[names[name]], found.total(), share) for name, share in expected.items() if share
    ]


def _seed_lengths(seeds: Sequence[str]) -> tuple[list[int], list[float]]:
    """Bounds of bands with about a quarter of the seeds each, and the share of the seeds in each."""
    counts = np.array([words(seed) for seed in seeds])
    bounds = sorted({int(value) for value in np.percentile(counts, [25, 50, 75], method="lower")} - {int(counts.max())})
    bands = Counter(np.searchsorted(bounds, counts).tolist())
    return bounds, [bands[band] / len(counts) for band in range(len(bounds) + 1)]


def _lengths(subject: Dataset, bounds: Sequence[int], expected: Sequence[float]) -> list[Place]:
    found = Counter(np.searchsorted(bounds, [words(task.text) for task in subject.tasks]).tolist())
    return [
        Place("length", _band(bounds, band), found[band], len(subject.tasks), share)
        for band, share in enumerate(expected)
    ]


def _band(bounds: Sequence[int], band: int) -> str:
    if not bounds:
        return "any length"
    if band == len(bounds):
        return f"{bounds[-1] + 1} words or more"
    return f"up to {bounds[0]} words" if band == 0 else f"{bounds[band - 1] + 1} to {bounds[band]} words"


def _verbs(reader: VerbReader | None, texts: Sequence[str]) -> list[str]:
    return [] if reader is None else [pair[0] for pair in reader.read(texts) if pair is not None]


def _verb_places(
    reader: VerbReader | None, texts: Sequence[str], expected: Mapping[str, float], notes: list[str], only: bool = False
) -> list[Place]:
    """Root verbs. `only`: shares are those among texts with one of these verbs, instead of any verb."""
    if reader is None:
        notes.append("verbs: pip install 'bootstruct[report]' installs a reader of verbs")
        return []
    found = Counter(_verbs(reader, texts))
    of = sum(found[verb] for verb in expected) if only else found.total()
    return [Place("verb", verb, found[verb], of, share) for verb, share in sorted(expected.items(), key=_by_share)]


def _by_share(pair: tuple[str, float]) -> tuple[float, str]:
    return -pair[1], pair[0]


def place_in_words(place: Place) -> str:
    """A place as one line.

    Example:
        >>> place_in_words(Place("verb", "sort", 1, 200, 0.05))
        'verb "sort": 1 of 200 (0.5%), expected 5.0%'
    """
    share = "none" if not place.count else f"{place.share:.1%}"
    return f'{place.kind} "{place.name}": {place.count:,} of {place.of:,} ({share}), expected {place.expected:.1%}'
