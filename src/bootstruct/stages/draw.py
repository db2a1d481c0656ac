"""Which examples to show. Chance comes from the index alone, so any request can be drawn again at any time."""

import hashlib
import random
from collections.abc import Sequence

from bootstruct.domain import Instruction, Seed
from bootstruct.recipe import Propose


def rng_for(seed: int, *where: object) -> random.Random:
    """A generator of its own for one place in a run: the same place, the same draws, in any order of asking."""
    return random.Random("/".join(map(str, (seed, *where))))


def sample_number(seed: int, *where: object) -> int:
    """A number in [0, 2**31) for one place in a run; sent to engines as their seed."""
    place = "/".join(map(str, (seed, *where)))
    return int.from_bytes(hashlib.blake2b(place.encode("utf-8", "surrogatepass"), digest_size=4).digest()) >> 1


def visible(propose: Propose, index: int, marks: Sequence[int]) -> int:
    """How many machine-written instructions request `index` may be shown: the pool as it stood lag(index) requests ago."""
    horizon = index - propose.lag.of(index)
    return marks[horizon] if horizon >= 0 else 0


def draw(
    propose: Propose, seed: int, index: int, seeds: Sequence[Seed], machine: Sequence[Instruction], seen: int
) -> list[Seed | Instruction]:
    """The examples for request `index`, shuffled (section 2.2).

    Up to `machine_examples` of the first `seen` machine-written instructions; seeds fill the rest, as far as there are.
    """
    rng = rng_for(seed, "propose", index)
    usable = [s for s in seeds if s.is_classification] if propose.only_classification else seeds
    usable = [s for s in usable if s.instances] if propose.with_instances else usable
    picked = rng.sample(range(seen), min(propose.machine_examples, seen))
    shown: list[Seed | Instruction] = [machine[n] for n in picked]
    wanted = propose.seed_examples + propose.machine_examples - len(shown)
    shown += rng.sample(usable, min(wanted, len(usable)))
    rng.shuffle(shown)
    return shown


def draw_examples(
    propose: Propose, seed: int, index: int, seeds: Sequence[Seed], machine: Sequence[Instruction], seen: int
) -> list[tuple[str, str]]:
    """(name, text) of the examples for request `index`."""
    return [named(each) for each in draw(propose, seed, index, seeds, machine, seen)]


def named(example: Seed | Instruction) -> tuple[str, str]:
    """(name, text) of an example."""
    return (example.id, example.instruction) if isinstance(example, Seed) else (example.name, example.text)


def draw_hints(propose: Propose, seed: int, index: int) -> dict[str, str]:
    """One value of each of the recipe's hints for request `index`.

    The largest column is dealt like a deck of cards that is shuffled anew when it runs out. The next one has such a deck
    for each value of the first, the third for each pair of the two, and so on: with columns of 40, 12 and 4, requests 0 to
    39 see each value of the first once, 0 to 479 each pair once, and 0 to 1,919 each combination once.
    """
    dealt: dict[str, str] = {}
    for name, values in sorted(propose.hints.items(), key=lambda column: (-len(column[1]), column[0])):
        index, place = divmod(index, len(values))
        order = rng_for(seed, "hints", name, *dealt.values(), index).sample(values, len(values))
        dealt[name] = order[place]
    return dealt
