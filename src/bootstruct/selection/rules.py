"""The rules that choose rows: equal rows, options and vectors give equal choices; ties go to the earlier row."""

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final, Literal, TypeAlias, get_args

import numpy as np
from numpy.typing import NDArray

from bootstruct.errors import InputError
from bootstruct.measures.ngrams import Ints
from bootstruct.novelty.rouge import unicode_tokens

SelectionRule: TypeAlias = Literal["random", "longest", "perplexity", "ifd", "grade", "k-center", "mixture"]
RULES: Final = get_args(SelectionRule)
QUALITIES: Final = ("longest", "perplexity", "ifd", "grade")  # rules that give each row a number of its own
Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class SelectableRow:
    """A row that may be chosen.

    Attributes:
        place: its number among all rows.
        instruction, input, output: its texts.
        group: the group within which it is chosen, empty if there are no groups.
    """

    place: int
    instruction: str
    input: str
    output: str
    group: str = ""


@dataclass(frozen=True, slots=True)
class Choice:
    """A chosen row.

    Attributes:
        place: the number of the row.
        score: the score by which it was chosen; None for a random choice.
        why: the reason, in words.
    """

    place: int
    score: float | None
    why: str


@dataclass(frozen=True, slots=True)
class RuleInputs:
    """The inputs of rules; each is called at most once, with all rows.

    Attributes:
        perplexities: (perplexity of each output after its prompt, and alone), shape (rows,) each.
        grades: of each row; nan if it has none.
        vectors: of each row's instruction, of length 1.
    """

    perplexities: Callable[[Sequence[SelectableRow]], tuple[Floats, Floats]]
    grades: Callable[[Sequence[SelectableRow]], Floats]
    vectors: Callable[[Sequence[SelectableRow]], NDArray[np.float32]]


def choose(
    available: Sequence[SelectableRow],
    size: int,
    by: SelectionRule,
    inputs: RuleInputs,
    quality: str = "ifd",
    seed: int = 0,
) -> list[Choice]:
    """Choose rows, in the order in which they are chosen; groups have equal shares.

    Args:
        available: the rows.
        size: how many.
        by: the rule.
        inputs: the data that it may need.
        quality: of `mixture`, the rule whose rank is multiplied by the distance.
        seed: of `random`.

    Raises:
        InputError: there are fewer rows, or the rule lacks what it needs.
    """
    if size > len(available):
        raise InputError(f"--size {size}: there are {len(available)} rows to choose from; give a number up to that.")
    members: dict[str, list[int]] = {}
    for number, row in enumerate(available):
        members.setdefault(row.group, []).append(number)
    shares = shares_of([len(rows) for rows in members.values()], size)
    scores, shown, words = np.zeros(len(available)), np.zeros(0), ""
    kind = quality if by == "mixture" else by
    if kind in QUALITIES:
        scores, shown, words = _quality(available, kind, inputs)
    vectors = inputs.vectors(available) if by in ("k-center", "mixture") else np.empty((0, 0), np.float32)
    chosen: list[Choice] = []
    for (group, rows), count in zip(members.items(), shares, strict=True):
        within = f", within {group}" if len(members) > 1 else ""
        places = np.array(rows, dtype=np.int64)
        if by == "random":
            drawn = random.Random(f"select/{seed}/{group}").sample(rows, count)
            chosen += [Choice(number, None, f"drawn at random{within}") for number in drawn]
        elif by in QUALITIES:
            order = places[np.argsort(-scores[places], kind="stable")][:count]
            for place in order.tolist():
                why = (
                    f"no {by} is known, so the row comes last" if np.isnan(shown[place]) else words.format(shown[place])
                )
                chosen.append(Choice(place, float(shown[place]), why + within))
        else:
            ranks = ranks_of(scores[places]) if by == "mixture" else np.ones(len(rows))
            for member, score, distance in farthest(vectors[places], count, ranks):
                why = f"{distance:.3f} from the nearest chosen before"
                if by == "mixture":
                    why += f" times rank {ranks[member]:.3f} by {quality}"
                chosen.append(Choice(rows[member], score, why + within))
    return chosen


def _quality(available: Sequence[SelectableRow], by: str, inputs: RuleInputs) -> tuple[Floats, Floats, str]:
    """A number for each row, the higher the better; the displayed number; and the explanation of a choice by it."""
    if by == "longest":
        lengths = np.array([len(unicode_tokens(row.output)) for row in available], dtype=np.float64)
        return lengths, lengths, "output of {:.0f} words"
    if by == "grade":
        grades = inputs.grades(available)
        return np.where(np.isnan(grades), -np.inf, grades), grades, "grade {:g}"
    after, alone = inputs.perplexities(available)
    if by == "perplexity":
        return np.where(np.isnan(after), -np.inf, -after), after, "perplexity {:.2f}, lowest first"
    ratio = after / alone
    # a ratio above 1 means that the instruction does not help: it comes last, whereas Superfiltering leaves such rows
    # out
    helped = np.where(ratio < 1, ratio, -ratio)
    return np.where(np.isnan(ratio), -np.inf, helped), ratio, "instruction-following difficulty {:.3f}"


def shares_of(sizes: Sequence[int], total: int) -> list[int]:
    """Equal shares of a total for groups; places that a small group cannot fill go to the others, earlier ones first.

    Example:
        >>> shares_of([2, 10, 10], 12)
        [2, 5, 5]
    """
    shares, left = [0] * len(sizes), total
    while left:
        open_groups = [group for group, size in enumerate(sizes) if shares[group] < size]
        equal, more = divmod(left, len(open_groups))
        for number, group in enumerate(open_groups):
            taken = min(sizes[group] - shares[group], equal + (number < more))
            shares[group] += taken
            left -= taken
    return shares


def ranks_of(scores: Floats) -> Floats:
    """Ranks from above 0 to 1, the best 1; equal scores get the rank of the best of them."""
    order = np.sort(scores)
    ranks: Floats = np.searchsorted(order, scores, side="right") / max(1, len(scores))
    return ranks


def farthest(vectors: NDArray[np.float32], count: int, weights: Floats) -> list[tuple[int, float, float]]:
    """Greedy: next the row with the highest weight times cosine distance to the nearest one chosen (k-center with weights 1).

    It begins with the row nearest to the mean of all, among those with the highest weight.

    Returns:
        (row, score, distance) of each choice, in order.
    """
    if not count:
        return []
    middle: Ints | NDArray[np.float32] = vectors @ vectors.mean(axis=0)
    best = np.flatnonzero(weights == weights.max())
    first = int(best[np.argmax(middle[best])])
    distance = (1 - vectors @ vectors[first]).clip(0, 2).astype(np.float64)
    found = [(first, float(weights[first]), 1.0)]
    taken = np.zeros(len(vectors), bool)
    taken[first] = True
    for _ in range(count - 1):
        scores = np.where(taken, -1.0, weights * distance)
        place = int(scores.argmax())
        found.append((place, float(scores[place]), float(distance[place])))
        taken[place] = True
        distance = np.minimum(distance, (1 - vectors @ vectors[place]).clip(0, 2))
    return found
