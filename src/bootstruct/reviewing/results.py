"""The results of the judgements: shares with intervals, counts of levels, wins, agreement. No HTTP here."""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Final

from bootstruct.journal.reviews import (
    BETWEEN,
    PAIR,
    QUALITY,
    QUESTIONS,
    RATING,
    TIE,
    ReviewRecorded,
    Reviews,
    Share,
    quality_table,
    wilson,
)
from bootstruct.paper import LEVEL_LETTERS

Value = bool | str
ASPECTS: Final[
    dict[str, list[tuple[str, Callable[[ReviewRecorded], Value]]]]
] = {  # the aspects on which two reviewers can agree, by mode
    QUALITY: [
        ("valid task", lambda judged: judged.verdict["task"]),
        ("input appropriate", lambda judged: judged.verdict["input"]),
        ("output acceptable", lambda judged: judged.verdict["output"]),
    ],
    RATING: [
        ("levels A to D", lambda judged: judged.verdict["level"]),
        ("A or B against C or D", lambda judged: judged.verdict["level"] in ("A", "B")),
    ],
    PAIR: [("which is better", lambda judged: judged.verdict["better"])],
}


@dataclass(frozen=True, slots=True)
class ResultColumn:
    """Table 2 of one reviewer, or of all together."""

    reviewer: str
    rows: tuple[Share, ...]


@dataclass(frozen=True, slots=True)
class ReviewAgreement:
    """Two reviewers on the items that both judged.

    Attributes:
        kappa: Cohen's, None if it is not defined.
    """

    first: str
    second: str
    aspect: str
    shared: int
    same: int
    kappa: float | None


@dataclass(frozen=True, slots=True)
class Dispute:
    """An item on which reviewers differ, with everything that was said about it."""

    mode: str
    item: str
    judged: tuple[ReviewRecorded, ...]


@dataclass(frozen=True, slots=True)
class PairTally:
    """`first` against `second` in pairwise comparisons.

    Attributes:
        share: of wins with ties as halves.
        low, high: its interval.
    """

    first: str
    second: str
    wins: int
    ties: int
    losses: int
    share: float
    low: float
    high: float


def columns(reviews: Reviews) -> list[ResultColumn]:
    """Table 2 over all reviewers, then of each if there are several."""
    judged = reviews.all_standing(QUALITY)
    names = list(dict.fromkeys(review.reviewer for review in judged))
    found = [ResultColumn("", tuple(quality_table(judged)))]
    if len(names) > 1:
        for name in names:
            found.append(
                ResultColumn(name, tuple(quality_table(review for review in judged if review.reviewer == name)))
            )
    return found


def cohens_kappa(pairs: Sequence[tuple[Value, Value]]) -> float | None:
    """Agreement beyond chance of two raters on the same cases; None without cases, or if chance always agrees."""
    if not pairs:
        return None
    total = len(pairs)
    observed = sum(a == b for a, b in pairs) / total
    first, second = Counter(a for a, _ in pairs), Counter(b for _, b in pairs)
    expected = sum(first[value] * second[value] for value in first) / (total * total)
    return None if expected >= 1 else (observed - expected) / (1 - expected)


def agreements(judged: Iterable[ReviewRecorded], mode: str) -> list[ReviewAgreement]:
    """Every two reviewers who share items, in every aspect of the mode."""
    by_reviewer: dict[str, dict[str, ReviewRecorded]] = {}
    for review in judged:
        by_reviewer.setdefault(review.reviewer, {})[review.item] = review
    found = []
    for a, b in combinations(by_reviewer, 2):
        shared = [item for item in by_reviewer[a] if item in by_reviewer[b]]
        for aspect, value in ASPECTS[mode] if shared else ():
            pairs = [(value(by_reviewer[a][item]), value(by_reviewer[b][item])) for item in shared]
            found.append(ReviewAgreement(a, b, aspect, len(pairs), sum(x == y for x, y in pairs), cohens_kappa(pairs)))
    return found


def disputes(judged: Iterable[ReviewRecorded], mode: str) -> list[Dispute]:
    """The items on which people differ, the most divided first."""
    by_item: dict[str, list[ReviewRecorded]] = {}
    for review in judged:
        by_item.setdefault(review.item, []).append(review)
    found = [
        Dispute(mode, item, tuple(reviews_of_item))
        for item, reviews_of_item in by_item.items()
        if any(review.verdict != reviews_of_item[0].verdict for review in reviews_of_item)
    ]
    return sorted(found, key=lambda dispute: -divided(dispute))


def divided(dispute: Dispute) -> float:
    """How far apart the answers are: questions answered differently, or steps between levels."""
    verdicts = [review.verdict for review in dispute.judged]
    if dispute.mode == QUALITY:
        return sum(len({verdict[question] for verdict in verdicts}) > 1 for question in QUESTIONS)
    if dispute.mode == RATING:
        steps = [LEVEL_LETTERS.index(str(verdict["level"])) for verdict in verdicts]
        return max(steps) - min(steps)
    return 2 if TIE not in {verdict["better"] for verdict in verdicts} else 1


def level_counts(judged: Iterable[ReviewRecorded], key: Mapping[str, str]) -> dict[str, list[int]]:
    """For each model how many ratings of A, B, C, D; the best first."""
    counts: dict[str, list[int]] = {}
    for review in judged:
        if review.item in key:
            counts.setdefault(key[review.item], [0] * len(LEVEL_LETTERS))[
                LEVEL_LETTERS.index(str(review.verdict["level"]))
            ] += 1
    return dict(sorted(counts.items(), key=lambda model: [-count / sum(model[1]) for count in model[1]]))


def pair_tallies(judged: Iterable[ReviewRecorded], key: Mapping[str, str]) -> list[PairTally]:
    """Every two models against each other, each judgement counted once."""
    table: dict[tuple[str, str], list[int]] = {}
    for review in judged:
        items = review.item.split(BETWEEN)
        if not all(item in key for item in items):
            continue
        models = sorted(key[item] for item in items)
        outcome = table.setdefault((models[0], models[1]), [0, 0, 0])
        better = str(review.verdict["better"])
        outcome[1 if better == TIE else 0 if key[better] == models[0] else 2] += 1
    found = []
    for (first, second), (wins, ties, losses) in sorted(table.items()):
        total = wins + ties + losses
        low, high = wilson(wins + ties / 2, total)
        found.append(PairTally(first, second, wins, ties, losses, (wins + ties / 2) / total, low, high))
    return found
