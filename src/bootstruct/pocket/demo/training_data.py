"""Training rows besides the run itself, and what the micro-world's strict reader finds in the run."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from random import Random
from typing import Any

from bootstruct.journal.state import State
from bootstruct.pocket.world.strict_reader import AmbiguousTask, ReadTask, check_instance, read_instruction
from bootstruct.stages.draw import rng_for
from bootstruct.stages.templates import fill
from bootstruct.stages.training_format import encode, training_instances
from bootstruct.types import Example, Instance

Json = dict[str, Any]


def count_instances(state: State) -> Counter[str]:
    """Count the kept instances by the strict reader's verdict: right, wrong, bad input, unread, ambiguous."""
    texts = {task.name: task.text for task in state.accepted}
    return Counter(
        check_instance(texts[completed.task], instance.input, instance.output)
        for completed in state.completed.values()
        for instance in completed.instances
    )


def count_instructions(state: State) -> Counter[str]:
    """Count the accepted instructions by what the strict reader makes of them: read, unread, ambiguous."""
    tasks = (read_instruction(task.text) for task in state.accepted)
    return Counter(
        "unread" if task is None else "ambiguous" if isinstance(task, AmbiguousTask) else "read" for task in tasks
    )


def share_right(checked: Counter[str]) -> float | None:
    """Return the share of right instances among all, whatever is wrong with the others; None if there are none."""
    return checked["right"] / checked.total() if checked.total() else None


def count_tasks(state: State) -> int:
    """Count the distinct accepted instructions that have instances to train on."""
    texts = {task.name: task.text for task in state.accepted}
    return len({texts[completed.task] for completed in state.completed.values() if completed.instances})


def run_rows(state: State, most: int = 0) -> list[Json]:
    """Return the training rows of a run: its seeds and the instances of its accepted tasks, as `finetune RUN` has them.

    Args:
        state: the run.
        most: no more rows than this; 0 for all.
    """
    examples = [*_seed_examples(state)]
    for task in state.accepted[: len(state.completed)]:
        examples += _task_examples(state, task.name, task.text, state.completed[task.name].instances)
    return _rows(dict.fromkeys(examples))[: most or None]


def seed_rows(state: State) -> list[Json]:
    """Return the seeds as training rows, for the baseline that is finetuned on them alone.

    They are encoded as in the finetuning on the run, so that both models see the same formats.
    """
    return _rows(_seed_examples(state))


def seed_rows_in_all_templates(state: State) -> list[Json]:
    """Return each seed once in every template of the recipe: what the seeds can teach of the formats."""
    rules, examples = state.recipe.encode, []
    for seed in state.seeds:
        for instance in seed.instances:
            prompts = rules.with_input if instance.input else rules.without_input
            completions = rules.completion_with_input if instance.input else rules.completion_without_input
            values = {"instruction": seed.instruction, "input": instance.input, "output": instance.output}
            examples += [
                Example(fill(p, **values), fill(c, **values)) for p, c in zip(prompts, completions, strict=True)
            ]
    return _rows(dict.fromkeys(examples))


def seed_instance_rows(state: State, written: Mapping[str, Sequence[Instance]], most: int) -> list[Json]:
    """Return the seeds and instances that the model wrote for the seed instructions, as many rows as the run has.

    Args:
        state: the run.
        written: by the id of the seed, the instances that were written for it.
        most: no more rows than this; instances are taken from each seed in turn.
    """
    examples = dict.fromkeys(_seed_examples(state))
    longest = max((len(instances) for instances in written.values()), default=0)
    for n in range(longest):
        for seed in state.seeds:
            if n < len(own := written.get(seed.id, ())):
                rng = rng_for(state.recipe.seed, "encode", f"{seed.id}/written/{n}")
                examples.setdefault(encode(state.recipe, seed.instruction, own[n], rng))
    return _rows(examples)[:most]


def input_first_rows(state: State, written: Mapping[str, Sequence[Instance]], most: int) -> list[Json]:
    """Return the run's rows with other instances for classification tasks: written input first, as for other tasks.

    Args:
        state: the run.
        written: by the name of the classification task, the instances that were written for it.
        most: no more rows than this.
    """
    examples = [*_seed_examples(state)]
    for task in state.accepted[: len(state.completed)]:
        instances = written.get(task.name, state.completed[task.name].instances)
        examples += _task_examples(state, task.name, task.text, tuple(instances))
    return _rows(dict.fromkeys(examples))[:most]


def shuffled_rows(state: State) -> list[Json]:
    """Return the run's rows with the outputs of all rows shuffled: formats and inputs stay, no answer belongs to its task."""
    rows = run_rows(state)
    outputs = [row["completion"] for row in rows]
    rng_for(state.recipe.seed, "shuffled outputs").shuffle(outputs)
    return [{"prompt": row["prompt"], "completion": output} for row, output in zip(rows, outputs, strict=True)]


def solved_rows(state: State) -> list[Json]:
    """Return the run's training rows with outputs by the micro-world's solver: an upper bound.

    Seeds, instructions, inputs and formats are those of the run. Left out is what has no right output: inputs that do
    not fit their task, and instructions that the strict reader does not know.
    """
    examples = [*_seed_examples(state)]
    for task in state.completed_tasks:
        for n, instance in enumerate(training_instances(state.recipe, task.name, state.completed[task.name].instances)):
            output = right_output(task.text, instance, Random(f"solver/{task.name}/{n}"))
            if output is not None:
                rng = rng_for(state.recipe.seed, "encode", f"{task.name}/{n}")
                examples.append(encode(state.recipe, task.text, Instance(instance.input, output), rng))
    return _rows(dict.fromkeys(examples))


def right_output(instruction: str, instance: Instance, rng: Random) -> str | None:
    """Return the instance's own output if it is right, else a right one; None if none is known.

    Args:
        instruction: the instruction.
        instance: an instance of it.
        rng: the generator for tasks with several right outputs.
    """
    status = check_instance(instruction, instance.input, instance.output)
    if status == "right":
        return instance.output
    task = read_instruction(instruction)
    if status != "wrong" or not isinstance(task, ReadTask):
        return None
    family, text = task.family, instance.input.strip()
    if family.write is not None and not family.takes_input:
        output: str | None = family.write(rng, task.params)
    else:
        output = family.solve(text, task.params)
    return output if output is not None and family.is_right(text, output, task.params) else None


def _task_examples(state: State, name: str, text: str, instances: tuple[Instance, ...]) -> Iterator[Example]:
    for n, instance in enumerate(training_instances(state.recipe, name, instances)):
        yield encode(state.recipe, text, instance, rng_for(state.recipe.seed, "encode", f"{name}/{n}"))


def _seed_examples(state: State) -> Iterator[Example]:
    for seed in state.seeds:
        for n, instance in enumerate(seed.instances):
            rng = rng_for(state.recipe.seed, "encode", f"{seed.id}/{n}")
            yield encode(state.recipe, seed.instruction, instance, rng)


def _rows(examples: Iterable[Example]) -> list[Json]:
    """Return training examples as `finetune` reads them from a file."""
    return [{"prompt": example.prompt, "completion": example.completion} for example in examples]
