"""Draw the examples of a request. Random numbers depend only on the index, so any request can be drawn again."""

import hashlib
import random
from collections.abc import Sequence

from bootstruct.config.recipe import Propose
from bootstruct.types import Instruction, Seed


def rng_for(seed: int, *where: object) -> random.Random:
    """Return a random generator for one place in a run; equal places give equal generators.

    Args:
        seed: the recipe's random seed.
        where: the name of the place, such as `"propose", 812`.
    """
    return random.Random("/".join(map(str, (seed, *where))))


def sample_number(seed: int, *where: object) -> int:
    """Return a number in [0, 2**31) for one place in a run; engines receive it as the sampling seed.

    Args:
        seed: the recipe's random seed.
        where: the name of the place, such as `"propose", 812`.

    Example:
        >>> sample_number(42, "propose", 0) == sample_number(42, "propose", 0)
        True
    """
    place = "/".join(map(str, (seed, *where)))
    return int.from_bytes(hashlib.blake2b(place.encode("utf-8", "surrogatepass"), digest_size=4).digest()) >> 1


def visible_count(propose: Propose, index: int, accepted_after: Sequence[int]) -> int:
    """Return how many accepted instructions request `index` may show: those of the pool lag(index) requests before.

    Args:
        propose: the recipe's first stage, which bounds the lag.
        index: the number of the request.
        accepted_after: the number of accepted instructions after each committed request.
    """
    horizon = index - propose.lag.of(index)
    return accepted_after[horizon] if horizon >= 0 else 0


def draw_examples(
    propose: Propose, seed: int, index: int, seeds: Sequence[Seed], accepted: Sequence[Instruction], visible: int
) -> list[Seed | Instruction]:
    """Draw the examples of request `index`, shuffled (section 2.2).

    Args:
        propose: the recipe's first stage: how many examples of each sort, and which seeds may be used.
        seed: the recipe's random seed.
        index: the number of the request.
        seeds: the seed tasks; they fill the places that accepted instructions leave, if there are enough.
        accepted: the accepted instructions in order.
        visible: how many of them may be shown; at most `propose.machine_examples` are.
    """
    rng = rng_for(seed, "propose", index)
    usable = [task for task in seeds if task.is_classification] if propose.only_classification else seeds
    usable = [task for task in usable if task.instances] if propose.with_instances else usable
    chosen = rng.sample(range(visible), min(propose.machine_examples, visible))
    examples: list[Seed | Instruction] = [accepted[number] for number in chosen]
    missing = propose.seed_examples + propose.machine_examples - len(examples)
    if propose.one_kind and usable:
        kind = rng.choice(usable).is_classification
        usable = [task for task in usable if task.is_classification == kind]
    examples += rng.sample(usable, min(missing, len(usable)))
    rng.shuffle(examples)
    return examples


def name_and_text(example: Seed | Instruction) -> tuple[str, str]:
    """Return the name and the instruction of an example."""
    return (example.id, example.instruction) if isinstance(example, Seed) else (example.name, example.text)


def draw_hints(propose: Propose, seed: int, index: int) -> dict[str, str]:
    """Draw one value of each of the recipe's hints for request `index`.

    The values of the longest hint are used in a random order, which is drawn again when all have been used. The next hint has
    such an order for each value of the first, the third for each pair of the two, and so on: with hints of 40, 12 and 4
    values, requests 0 to 39 see each value of the first once, 0 to 479 each pair once, 0 to 1,919 each combination once.
    """
    drawn: dict[str, str] = {}
    for name, values in sorted(propose.hints.items(), key=lambda column: (-len(column[1]), column[0])):
        index, place = divmod(index, len(values))
        order = rng_for(seed, "hints", name, *drawn.values(), index).sample(values, len(values))
        drawn[name] = order[place]
    return drawn


def draw_evolution(propose: Propose, seed: int, index: int, visible: int) -> tuple[int, str] | None:
    """Draw which accepted instruction request `index` rewrites, and in which way; None if it asks for new ones.

    Args:
        propose: the recipe's first stage.
        seed: the recipe's random seed.
        index: the number of the request.
        visible: how many accepted instructions the request may see (`visible_count`).
    """
    if propose.evolve is None or not visible:
        return None
    rng = rng_for(seed, "evolve", index)
    if rng.random() >= propose.evolve.share:
        return None
    return rng.randrange(visible), rng.choice(propose.evolve.ways)
