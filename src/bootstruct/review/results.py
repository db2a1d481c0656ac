"""What the judgements come to: shares with intervals, counts of levels, wins, agreement, disagreements. No HTTP here."""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Final

from bootstruct.judgements import (
    BETWEEN,
    LEVELS,
    PAIR,
    QUALITY,
    QUESTIONS,
    RATING,
    TIE,
    Judged,
    Reviews,
    Share,
    quality_table,
    wilson,
)  # fmt: skip

Value = bool | str
ASPECTS: Final[dict[str, list[tuple[str, Callable[[Judged], Value]]]]] = {  # what two reviewers can agree on, by mode
    QUALITY: [
        ("valid task", lambda judged: judged.said["task"]),
        ("input appropriate", lambda judged: judged.said["input"]),
        ("output acceptable", lambda judged: judged.said["output"]),
    ],
    RATING: [
        ("levels A to D", lambda judged: judged.said["level"]),
        ("A or B against C or D", lambda judged: judged.said["level"] in ("A", "B")),
    ],
    PAIR: [("which is better", lambda judged: judged.said["better"])],
}


@dataclass(frozen=True, slots=True)
class Column:
    """Table 2 of one reviewer, or of all together."""

    reviewer: str
    rows: tuple[Share, ...]


@dataclass(frozen=True, slots=True)
class Agreement:
    """Two reviewers on the items that both judged. kappa: Cohen's, None where it is not defined."""

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
    judged: tuple[Judged, ...]


@dataclass(frozen=True, slots=True)
class Duel:
    """`first` against `second` in pairwise comparisons. share: of wins with ties as halves; low, high: its interval."""

    first: str
    second: str
    wins: int
    ties: int
    losses: int
    share: float
    low: float
    high: float


def columns(reviews: Reviews) -> list[Column]:
    """Table 2 over all reviewers, then of each where there are several."""
    judged = reviews.all_standing(QUALITY)
    names = list(dict.fromkeys(each.reviewer for each in judged))
    found = [Column("", tuple(quality_table(judged)))]
    if len(names) > 1:
        for name in names:
            found.append(Column(name, tuple(quality_table(each for each in judged if each.reviewer == name))))
    return found


def cohens_kappa(pairs: Sequence[tuple[Value, Value]]) -> float | None:
    """Agreement beyond chance of two raters on the same cases. None for no case, or where chance alone agrees always."""
    if not pairs:
        return None
    total = len(pairs)
    observed = sum(a == b for a, b in pairs) / total
    first, second = Counter(a for a, _ in pairs), Counter(b for _, b in pairs)
    expected = sum(first[value] * second[value] for value in first) / (total * total)
    return None if expected >= 1 else (observed - expected) / (1 - expected)


def agreements(judged: Iterable[Judged], mode: str) -> list[Agreement]:
    """Every two reviewers who share items, in every aspect of the mode."""
    by_reviewer: dict[str, dict[str, Judged]] = {}
    for each in judged:
        by_reviewer.setdefault(each.reviewer, {})[each.item] = each
    found = []
    for a, b in combinations(by_reviewer, 2):
        shared = [item for item in by_reviewer[a] if item in by_reviewer[b]]
        for aspect, value in ASPECTS[mode] if shared else ():
            pairs = [(value(by_reviewer[a][item]), value(by_reviewer[b][item])) for item in shared]
            found.append(Agreement(a, b, aspect, len(pairs), sum(x == y for x, y in pairs), cohens_kappa(pairs)))
    return found


def disputes(judged: Iterable[Judged], mode: str) -> list[Dispute]:
    """The items on which not everybody said the same; those that divide most come first."""
    by_item: dict[str, list[Judged]] = {}
    for each in judged:
        by_item.setdefault(each.item, []).append(each)
    found = [
        Dispute(mode, item, tuple(said))
        for item, said in by_item.items()
        if any(each.said != said[0].said for each in said)
    ]
    return sorted(found, key=lambda dispute: -divided(dispute))


def divided(dispute: Dispute) -> float:
    """How far apart the answers are: questions answered differently, or steps between levels."""
    said = [each.said for each in dispute.judged]
    if dispute.mode == QUALITY:
        return sum(len({each[question] for each in said}) > 1 for question in QUESTIONS)
    if dispute.mode == RATING:
        steps = [LEVELS.index(str(each["level"])) for each in said]
        return max(steps) - min(steps)
    return 2 if TIE not in {each["better"] for each in said} else 1


def level_counts(judged: Iterable[Judged], key: Mapping[str, str]) -> dict[str, list[int]]:
    """model -> how many ratings of A, B, C, D; the best first."""
    counts: dict[str, list[int]] = {}
    for each in judged:
        if each.item in key:
            counts.setdefault(key[each.item], [0] * len(LEVELS))[LEVELS.index(str(each.said["level"]))] += 1
    return dict(sorted(counts.items(), key=lambda model: [-count / sum(model[1]) for count in model[1]]))


def duels(judged: Iterable[Judged], key: Mapping[str, str]) -> list[Duel]:
    """Every two models against each other, each judgement counted once."""
    table: dict[tuple[str, str], list[int]] = {}
    for each in judged:
        items = each.item.split(BETWEEN)
        if not all(item in key for item in items):
            continue
        models = sorted(key[item] for item in items)
        outcome = table.setdefault((models[0], models[1]), [0, 0, 0])
        better = str(each.said["better"])
        outcome[1 if better == TIE else 0 if key[better] == models[0] else 2] += 1
    found = []
    for (first, second), (wins, ties, losses) in sorted(table.items()):
        total = wins + ties + losses
        low, high = wilson(wins + ties / 2, total)
        found.append(Duel(first, second, wins, ties, losses, (wins + ties / 2) / total, low, high))
    return found
