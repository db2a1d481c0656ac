"""Constraints that code can check, as a recipe describes them."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Constraints:
    """Constraints that code can check, dealt to tasks that are not classification (beyond the paper; docs/constraints.md).

    Attributes:
        share: the share of these tasks that are dealt any.
        most: how many one task is dealt at most.
        kinds: names of `stages.constraints.DEALERS` (IFEval's); empty for all of them.
        words: the words that a constraint may require.
    """

    share: float = 1.0
    most: int = 1
    kinds: tuple[str, ...] = ()
    words: tuple[str, ...] = (
        *("morning", "water", "quiet", "often", "bridge", "simple", "together", "window", "reason", "early"),
        *("garden", "small", "careful", "letter", "change", "travel", "light", "yellow", "number", "usual"),
    )
