"""Which tasks are reviewed, and by whom. Draws depend on the seed: the same run and seed give the same sample."""

from collections.abc import Iterable, Sequence
from random import Random

from bootstruct.journal.state import State
from bootstruct.stages.training_format import training_instances

Population = dict[bool, list[tuple[str, int]]]  # by kind (is it a classification?): task and how many instances it has


def population(state: State) -> Population:
    """Every task that has an instance to judge."""
    found: Population = {False: [], True: []}
    most = state.recipe.instances.most
    for task in state.completed_tasks:
        standing = state.passed_instances(task.name)
        if standing:
            found[state.completed[task.name].is_classification].append((task.name, min(most, len(standing))))
    return found


def draw(tasks: Population, count: int, seed: int, known: Iterable[str] = ()) -> list[str]:
    """Items to add to `known` so that there are `count` (or all there are): one instance per task, shuffled.

    Stratified: each task type has its share of all tasks in the sample, rounded by the larger remainder.
    """
    taken = {item.rpartition("/")[0] for item in known}
    sizes = {kind: len(task) for kind, task in tasks.items()}
    picked: list[tuple[str, int]] = []
    for kind, wanted in _quotas(sizes, min(count, sum(sizes.values()))).items():
        names = {name for name, _ in tasks[kind]}
        rest = [value for value in tasks[kind] if value[0] not in taken]
        missing = max(0, min(len(rest), wanted - len(names & taken)))
        picked += Random(f"{seed}/review/{kind}/{len(names & taken)}").sample(rest, missing)
    Random(f"{seed}/review/order/{len(taken)}").shuffle(picked)
    picked = picked[: max(0, count - len(taken))]
    return [f"{name}/{Random(f'{seed}/review/instance/{name}').randrange(of)}" for name, of in picked]


def _quotas(sizes: dict[bool, int], count: int) -> dict[bool, int]:
    total = sum(sizes.values())
    if total == 0:
        return dict.fromkeys(sizes, 0)
    exact = {kind: count * size / total for kind, size in sizes.items()}
    quotas = {kind: int(value) for kind, value in exact.items()}
    for kind in sorted(exact, key=lambda kind: quotas[kind] - exact[kind])[: count - sum(quotas.values())]:
        quotas[kind] += 1
    return quotas


def share(items: Sequence[str], reviewer: str, reviewers: Sequence[str], overlap: float) -> list[str]:
    """The items a reviewer sees. `overlap` of them, spread evenly, go to everybody; the others are dealt in turn.

    Without a list of reviewers, everybody sees all items; a person who is not on it sees the items for everybody.
    """
    if not reviewers:
        return list(items)
    own, dealt = [], 0
    for number, item in enumerate(items):
        if int((number + 1) * overlap + 1e-9) > int(number * overlap + 1e-9):
            own.append(item)
        else:
            if reviewers[dealt % len(reviewers)] == reviewer:
                own.append(item)
            dealt += 1
    return own


def text_of(state: State, item: str, texts: dict[str, str]) -> tuple[str, str, str, bool] | None:
    """(instruction, input, output, is it a classification) of an item, None if the run has no such item.

    Args:
        texts: instruction by task, so that finding one does not look through the whole run.
    """
    task, _, number = item.rpartition("/")
    completed = state.completed.get(task)
    if completed is None or task not in texts or not number.isdecimal():
        return None
    instances = training_instances(state.recipe, task, state.passed_instances(task))
    if int(number) >= len(instances):
        return None
    instance = instances[int(number)]
    return texts[task], instance.input, instance.output, completed.is_classification
