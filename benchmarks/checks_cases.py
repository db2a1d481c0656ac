"""Make the instances that `checks.py` checks: those of a pocket run, and right ones into which an error is put."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from random import Random

from bootstruct.journal.state import State
from bootstruct.pocket.world.families import FAMILIES
from bootstruct.pocket.world.strict_reader import ReadTask, check_instance, read_instruction
from bootstruct.types import Instance

SWAPPED, DROPPED, COUNTED, NEIGHBOUR = (
    "another task's output",
    "a word dropped",
    "a number off by one",
    "a neighbouring task's answer",
)
Key = tuple[str, int]  # task and number of the instance


@dataclass(frozen=True)
class Case:
    """An instance to check.

    Attributes:
        task: the name of its task.
        instance: the instance.
        truth: whether it is right.
        fits: whether its input fits the task; if not, no output is right.
        seeded: the kind of error that was put into it; empty for an instance as the model wrote it.
    """

    task: str
    instance: Instance
    truth: bool
    fits: bool = True
    seeded: str = ""


def own_cases(state: State) -> tuple[dict[Key, Case], int]:
    """Return every instance of the run that the strict reader can judge, and the number of those that it cannot judge."""
    found: dict[Key, Case] = {}
    unknown = 0
    for task in state.accepted:
        for number, instance in enumerate(state.completed[task.name].instances):
            status = check_instance(task.text, instance.input, instance.output)
            if status in ("right", "wrong", "bad input"):
                found[task.name, number] = Case(task.name, instance, status == "right", status != "bad input")
            else:
                unknown += 1
    return found, unknown


def seeded_cases(state: State, own: dict[Key, Case], most: int) -> dict[Key, Case]:
    """Put an error of each kind into up to `most` right instances; return the results together with the unchanged instances."""
    texts = {task.name: task.text for task in state.accepted}
    right = [case for case in own.values() if case.truth]
    picked = Random("seeded").sample(right, min(most, len(right)))
    made: dict[Key, Case] = {}
    numbers = Counter[str]()
    for case in picked:
        rng = Random(f"{case.task}/{case.instance}")
        wrong = [(kind, output) for kind, way in WAYS.items() if (output := way(rng, texts[case.task], case, right))]
        for kind, output in [("", case.instance.output), *wrong]:
            instance = Instance(case.instance.input, output)
            if kind and check_instance(texts[case.task], instance.input, instance.output) != "wrong":
                continue  # by luck still right
            made[case.task, numbers[case.task]] = Case(case.task, instance, not kind, seeded=kind)
            numbers[case.task] += 1
    return made


def _swapped(rng: Random, text: str, case: Case, right: list[Case]) -> str | None:
    """Return the output of another task."""
    return rng.choice([entry for entry in right if entry.task != case.task]).instance.output


def _dropped(rng: Random, text: str, case: Case, right: list[Case]) -> str | None:
    """Return the output without one of its words, or None if it has only one."""
    words = case.instance.output.split(" ")
    if len(words) < 2:
        return None
    del words[rng.randrange(len(words))]
    return " ".join(words).rstrip(",")


def _counted(rng: Random, text: str, case: Case, right: list[Case]) -> str | None:
    """Return the output with a number in it changed by one, or None if it has no number."""
    words = case.instance.output.split(" ")
    places = [n for n, word in enumerate(words) if word.strip(",.").isdecimal()]
    if not places:
        return None
    place = rng.choice(places)
    number = words[place].strip(",.")
    words[place] = words[place].replace(number, str(abs(int(number) + rng.choice((-1, 1)))))
    return " ".join(words)


def _neighbour(rng: Random, text: str, case: Case, right: list[Case]) -> str | None:
    """Return what another task of the same theme would answer to this input, or None if there is no such answer."""
    task = read_instruction(text)
    if not isinstance(task, ReadTask) or not case.instance.input:
        return None
    found = []
    for family in FAMILIES.values():
        if family.theme == task.family.theme and family.takes_input and family.name != task.family.name:
            output = family.solve(case.instance.input, family.params(rng))
            found += [output] if output not in (None, "", case.instance.output) else []
    return rng.choice(found) if found else None


WAYS: dict[str, Callable[[Random, str, Case, list[Case]], str | None]] = {
    SWAPPED: _swapped, DROPPED: _dropped, COUNTED: _counted, NEIGHBOUR: _neighbour,
}  # fmt: skip
