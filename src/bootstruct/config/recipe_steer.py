"""How a recipe deals its hints towards thin places of the pool."""

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Steer:
    """Hints that are dealt towards thin places of the pool instead of evenly (beyond the paper; docs/recipes.md).

    Attributes:
        share: the share of requests that are steered; the others are dealt as without steering.
        most: how many times its even share of the requests one value may get; at least 1.
        words: by value, words by which an instruction about it is told, besides those of the value itself.
    """

    share: float = 1.0
    most: float = 2.0
    words: dict[str, tuple[str, ...]] = field(default_factory=dict)
