"""Hints that are dealt towards thin places of the pool (beyond the paper; docs/recipes.md). Pure.

The hints of request k are a function of recipe, index, and the pool as that request sees it (after request k - lag(k)), so they
are the same at any concurrency and after any interruption. They are recorded with the decisions on the request as well.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from bootstruct.config.recipe import Propose
from bootstruct.config.recipe_steer import Steer
from bootstruct.journal.state import State
from bootstruct.measures.topics import topic_words
from bootstruct.stages.draw import draw_evolution, draw_hints, rng_for, visible_count
from bootstruct.stages.revisions import revised_task

Hints = Mapping[str, str]
_FEW: Final = 3  # requests, below which it is not known whether a value answers
_HARDLY: Final = 8


class PlaceReader:
    """Tells which value of a hint a text is about, by the words of the values.

    Args:
        propose: the recipe's first stage, with its hints.
    """

    def __init__(self, propose: Propose) -> None:
        given = propose.steer.words if propose.steer is not None else {}
        self._values: dict[str, dict[str, list[str]]] = {}
        for column, values in propose.hints.items():
            by_word = self._values[column] = {}
            for value in values:
                for word in dict.fromkeys(topic_words(" ".join((value, *given.get(value, ()))))):
                    by_word.setdefault(word, []).append(value)

    def place(self, column: str, text: str, dealt: str | None) -> str | None:
        """The value of a hint to which a text belongs.

        Args:
            column: the name of the hint.
            text: the instruction.
            dealt: the value that its request had; None if that is not known.

        Returns:
            The value of which the text has most words (a word of several values counts less for each); the dealt value if it is
            among the best, or if the text has no word of any.
        """
        by_word, score = self._values[column], dict[str, float]()
        for word in dict.fromkeys(topic_words(text)):
            for value in by_word.get(word, ()):
                score[value] = score.get(value, 0.0) + 1 / len(by_word[word])
        best = max(score.values(), default=0.0)
        if not score or (dealt is not None and score.get(dealt, 0.0) == best):
            return dealt
        return next(value for value in score if score[value] == best)


@dataclass(slots=True)
class DealtHints:
    """What has been dealt so far in one run: derived from its state, kept so that each request is dealt once.

    Attributes:
        reader: tells the places of texts.
        requests: the hints of each request, in order; empty for one that has none, or was drawn under other rules.
        placed: how many accepted instructions are counted in `counts`.
        counts: by hint, how many of these belong to each value.
        hits: by hint, how many of these have the value that their request had.
        dealt: by hint, how many requests had each value.
    """

    reader: PlaceReader
    requests: list[Hints] = field(default_factory=list)
    placed: int = 0
    counts: dict[str, Counter[str]] = field(default_factory=dict)
    hits: dict[str, Counter[str]] = field(default_factory=dict)
    dealt: dict[str, Counter[str]] = field(default_factory=dict)


def hints_of(state: State, index: int) -> Hints:
    """The hints of a request: those of the deck, or, if the recipe steers, values towards thin places.

    Args:
        state: the run; the requests up to index - lag(index) must be judged.
        index: the number of the request.
    """
    propose = state.recipe.propose
    if propose.steer is None:
        return draw_hints(propose, state.recipe.seed, index)
    if not isinstance(state.steering, DealtHints):
        state.steering = DealtHints(PlaceReader(propose))
    known: DealtHints = state.steering
    while len(known.requests) <= index:
        hints = _next(state, known, propose, propose.steer)
        known.requests.append(hints)
        for column, value in hints.items():
            known.dealt.setdefault(column, Counter())[value] += 1
    return known.requests[index]


def recorded_hints(state: State, index: int) -> tuple[tuple[str, str], ...]:
    """The hints of a request as the journal records them; none if the recipe does not steer."""
    return tuple(sorted(hints_of(state, index).items())) if state.recipe.propose.steer is not None else ()


def _next(state: State, known: DealtHints, propose: Propose, steer: Steer) -> Hints:
    index, seed = len(known.requests), state.recipe.seed
    if index < state.inherited:
        return {}
    if state.recipe.revising is not None and revised_task(state, index) is not None:
        return {}
    visible = visible_count(propose, index, state.accepted_after)
    if propose.evolve is not None and draw_evolution(propose, seed, index, visible) is not None:
        return {}
    _count_visible(state, known, visible)
    deck = draw_hints(propose, seed, index)
    chance = rng_for(seed, "steer", index)
    if chance.random() >= steer.share:
        return deck
    seen = max(0, index - propose.lag.of(index) + 1)  # requests whose candidates this one sees
    per_request = visible / seen if seen else 1.0
    under_way = known.requests[seen:]
    return {
        column: _thinnest(known, steer, column, chance.sample(values, len(values)), per_request, under_way)
        for column, values in propose.hints.items()
    }


def _count_visible(state: State, known: DealtHints, visible: int) -> None:
    for task in state.accepted[known.placed : visible]:
        dealt = known.requests[int(task.name.partition(".")[0])]
        for column in state.recipe.propose.hints:
            place = known.reader.place(column, task.text, dealt.get(column))
            if place is not None:
                known.counts.setdefault(column, Counter())[place] += 1
                known.hits.setdefault(column, Counter())[place] += place == dealt.get(column)
    known.placed = max(known.placed, visible)


def _thinnest(
    known: DealtHints, steer: Steer, column: str, values: Sequence[str], per_request: float, under_way: Sequence[Hints]
) -> str:
    """The value with the fewest accepted instructions, counting what requests under way are expected to bring.

    A value that was dealt `most` times its even share of the requests waits. So does one that was dealt its even share and
    hardly answers: its requests bring less than an eighth as many instructions about it as those of other values about theirs.

    Args:
        known: what has been dealt.
        steer: the recipe's settings.
        column: the name of the hint.
        values: its values in a random order, which decides between equal ones.
        per_request: accepted instructions per request so far.
        under_way: the hints of the requests whose candidates are not seen yet.
    """
    counts, dealt, hits = (some.get(column, Counter[str]()) for some in (known.counts, known.dealt, known.hits))
    coming = Counter(hints[column] for hints in under_way if column in hints)
    judged = {value: dealt[value] - coming[value] for value in values}
    usual = hits.total() / max(1, sum(judged.values()))
    even = len(known.requests) / len(values)

    def bound(value: str) -> float:
        answers = judged[value] < _FEW or hits[value] * _HARDLY >= usual * judged[value]
        return (steer.most if answers else 1.0) * even + 1

    able = [value for value in values if dealt[value] < bound(value)] or list(values)
    return min(able, key=lambda value: counts[value] + per_request * coming[value])
