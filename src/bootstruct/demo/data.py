"""What the models are trained on beside the run itself, and what the micro-world's strict reader says of the run."""

from collections import Counter
from collections.abc import Iterable, Iterator
from random import Random
from typing import Any

from bootstruct.domain import Example, Instance
from bootstruct.events import State
from bootstruct.pocket.reading import Ambiguous, Meant, check_instance, read_instruction
from bootstruct.stages.draw import rng_for
from bootstruct.stages.encode import encode, training_instances

Json = dict[str, Any]


def instances_checked(state: State) -> Counter[str]:
    """What the strict reader says of each kept instance: right, wrong, bad input, unread, ambiguous."""
    texts = {task.name: task.text for task in state.machine}
    return Counter(
        check_instance(texts[annotated.task], instance.input, instance.output)
        for annotated in state.annotated.values()
        for instance in annotated.instances
    )


def instructions_read(state: State) -> Counter[str]:
    """How the strict reader takes each accepted instruction: read, unread, ambiguous."""
    found = (read_instruction(task.text) for task in state.machine)
    return Counter("unread" if m is None else "ambiguous" if isinstance(m, Ambiguous) else "read" for m in found)


def share_right(checked: Counter[str]) -> float | None:
    """The share of right instances among all, whatever is wrong with the others; None of none."""
    return checked["right"] / checked.total() if checked.total() else None


def tasks_with_instances(state: State) -> int:
    """How many accepted tasks, told apart by their text, there are to train on."""
    texts = {task.name: task.text for task in state.machine}
    return len({texts[each.task] for each in state.annotated.values() if each.instances})


def seeds_as_data(state: State) -> list[Json]:
    """The seeds as training rows for the baseline that is tuned on them alone: encoded as they are in the run's own
    training, so that both models have seen the same formats."""
    return rows_of(_seed_examples(state))


def solved(state: State) -> list[Json]:
    """The run's training rows with outputs by the world's solver: an upper bound, a teacher that knows everything.

    Seeds, instructions, inputs and formats are those of the run. Left out is what has no right output: inputs that do
    not fit their task, and instructions that the strict reader does not know.
    """
    made = [*_seed_examples(state)]
    for task in state.machine[: len(state.annotated)]:
        for n, instance in enumerate(training_instances(state.recipe, task.name, state.annotated[task.name].instances)):
            output = right_output(task.text, instance, Random(f"solver/{task.name}/{n}"))
            if output is not None:
                rng = rng_for(state.recipe.seed, "encode", f"{task.name}/{n}")
                made.append(encode(state.recipe, task.text, Instance(instance.input, output), rng))
    return rows_of(dict.fromkeys(made))


def right_output(instruction: str, instance: Instance, rng: Random) -> str | None:
    """The instance's own output where it is right, else one that is; None where there is none to be known."""
    status = check_instance(instruction, instance.input, instance.output)
    if status == "right":
        return instance.output
    meant = read_instruction(instruction)
    if status != "wrong" or not isinstance(meant, Meant):
        return None
    family, text = meant.family, instance.input.strip()
    if family.write is not None and not family.takes_input:
        output: str | None = family.write(rng, meant.params)
    else:
        output = family.solve(text, meant.params)
    return output if output is not None and family.is_right(text, output, meant.params) else None


def _seed_examples(state: State) -> Iterator[Example]:
    for seed in state.seeds:
        for n, instance in enumerate(seed.instances):
            rng = rng_for(state.recipe.seed, "encode", f"{seed.id}/{n}")
            yield encode(state.recipe, seed.instruction, instance, rng)


def rows_of(examples: Iterable[Example]) -> list[Json]:
    """Training examples as `finetune` reads them from a file."""
    return [{"prompt": each.prompt, "completion": each.completion} for each in examples]
