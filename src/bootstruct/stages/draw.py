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


def draw_examples(
    propose: Propose, seed: int, index: int, seeds: Sequence[Seed], machine: Sequence[Instruction], seen: int
) -> list[tuple[str, str]]:
    """(name, text) of the examples for request `index`, shuffled (section 2.2).

    Up to `machine_examples` of the first `seen` machine-written instructions; seeds fill the rest, as far as there are.
    """
    rng = rng_for(seed, "propose", index)
    usable = [s for s in seeds if s.is_classification] if propose.only_classification else seeds
    picked = rng.sample(range(seen), min(propose.machine_examples, seen))
    shown = [(machine[n].name, machine[n].text) for n in picked]
    wanted = propose.seed_examples + propose.machine_examples - len(shown)
    shown += [(s.id, s.instruction) for s in rng.sample(usable, min(wanted, len(usable)))]
    rng.shuffle(shown)
    return shown
