"""How evenly the tasks of a run spread over the hints of its recipe, and what steering changed."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from bootstruct.journal.state import State
from bootstruct.measures.diversity import entropy
from bootstruct.render.sanitize import visible
from bootstruct.stages.draw import draw_hints
from bootstruct.stages.steering import PlaceReader, hints_of


@dataclass(frozen=True, slots=True)
class HintColumn:
    """One hint and the places of the accepted instructions.

    Attributes:
        name: the name of the hint.
        rows: (value, requests that had it, accepted instructions that belong to it), as the recipe lists them.
        halves: the entropy in bits, and the share of values with at least half of an even share, of the first and the second
            half of the accepted instructions.
        entropy: of all of them.
        filled: the share of values with at least half of an even share, of all of them.
        changed: requests that had another value than the deck deals.
    """

    name: str
    rows: tuple[tuple[str, int, int], ...]
    halves: tuple[tuple[float, float], tuple[float, float]]
    entropy: float
    filled: float
    changed: int


@dataclass(frozen=True, slots=True)
class HintsView:
    """The section about hints: each has a caption and a table."""

    is_steered: bool
    columns: tuple[tuple[str, str, tuple[tuple[str, str, str], ...]], ...]


def hint_columns(state: State) -> tuple[HintColumn, ...]:
    """The places of a run's accepted instructions by its hints; none without hints, or for an import.

    An instruction belongs to the value whose words it has, and otherwise to the value that its request had.
    """
    propose = state.recipe.propose
    if state.origin != "generate" or not state.accepted:
        return ()
    reader = PlaceReader(propose)
    dealt = [hints_of(state, index) for index in range(len(state.accepted_after))]
    decks = [draw_hints(propose, state.recipe.seed, index) for index in range(len(dealt))]
    found = []
    for name, values in propose.hints.items():
        if len(values) < 2:
            continue
        places = [
            reader.place(name, task.text, dealt[int(task.name.partition(".")[0])].get(name)) for task in state.accepted
        ]
        known = [place for place in places if place is not None]
        requests, counts = Counter(hints[name] for hints in dealt if name in hints), Counter(known)
        rows = tuple((value, requests[value], counts[value]) for value in values)
        half = len(known) // 2
        halves = _spread(known[:half], len(values)), _spread(known[half:], len(values))
        changed = sum(name in hints and hints[name] != deck[name] for hints, deck in zip(dealt, decks, strict=True))
        found.append(HintColumn(name, rows, halves, *_spread(known, len(values)), changed))
    return tuple(found)


def _spread(places: Sequence[str], values: int) -> tuple[float, float]:
    counts = Counter(places)
    enough = sum(count >= len(places) / values / 2 for count in counts.values())
    return (entropy(places) if places else 0.0), enough / values


def hints_view(state: State | None) -> HintsView | None:
    """The section about the hints of a run; None without any."""
    columns = hint_columns(state) if state is not None else ()
    if state is None or not columns:
        return None
    is_steered = state.recipe.propose.steer is not None
    made = []
    for column in columns:
        (first, first_filled), (second, second_filled) = column.halves
        most = entropy([value for value, _, _ in column.rows])
        caption = (
            f"{column.entropy:.2f} of at most {most:.2f} bits; {column.filled:.0%} of {len(column.rows)} values have at least "
            f"half of an even share. First and second half of the tasks: {first:.2f} and {second:.2f} bits, {first_filled:.0%} "
            f"and {second_filled:.0%}."
        )
        if is_steered:
            caption += f" Steering changed the value of {column.changed:,} of {len(state.accepted_after):,} requests."
        rows = tuple((visible(value), f"{requests:,}", f"{count:,}") for value, requests, count in column.rows)
        made.append((visible(column.name), caption, rows))
    return HintsView(is_steered, tuple(made))
