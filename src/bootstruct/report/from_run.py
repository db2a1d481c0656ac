"""A run as the subject of a report: one pass over its journal."""

import random
from pathlib import Path

from bootstruct.domain import Verdict
from bootstruct.errors import BadInput, BadJournal
from bootstruct.events import SHARED, Annotated, Proposed, Replied, Started, State, apply, begin, key_of, step_of
from bootstruct.journal import NAME, read_events
from bootstruct.lineage import recorded_reply
from bootstruct.report.subject import FAILED, WAITING, WITH, WITHOUT, Answered, Lineage, Refusal, Subject, Task, Told
from bootstruct.runs import RECIPE, is_begun, read_plan
from bootstruct.stages.encode import training_instances
from bootstruct.stages.pool import TOO_SIMILAR

EXAMPLES = 6  # refused texts kept for each rule


def is_run(path: Path) -> bool:
    """True for a run folder, begun or not, and for a journal."""
    return path.name == NAME or (path.is_dir() and ((path / NAME).is_file() or (path / RECIPE).is_file()))


def run_subject(path: Path, label: str) -> Subject:
    """The subject of a run folder or journal. A run that has not begun is an empty one."""
    folder, journal = (path, path / NAME) if path.is_dir() else (path.parent, path)
    empty = path.is_dir() and not is_begun(folder)
    told = Told(begin(Started(*read_plan(folder))), journal) if empty else _fold(journal)
    state = told.state
    tasks = [_task(state, position) for position in range(len(state.machine))]
    _count_instances(told)
    notes = []
    if empty:
        notes.append("This run has not begun; `bootstruct generate` begins it.")
    if state.origin == "import":
        notes.append("An imported run: made by other code, its files read in.")
    if state.origin == "rejudge":
        notes.append(f"Recorded replies judged again by other rules: those of {state.source}.")
    if state.origin == "rewrite":
        better = state.recipe.model_at("rewrite")
        notes.append(f"The tasks and inputs of {state.source}; the outputs were written anew by {better}.")
    capped = sum(len(state.standing(each.name)) > state.recipe.instances.most for each in state.machine)
    if capped:
        notes.append(
            f"{capped} tasks have more than {state.recipe.instances.most} instances; as in an export, so many count."
        )
    seeds = [(seed.id, seed.instruction) for seed in state.seeds]
    return Subject(label, "a run", tasks, seeds, told, notes, lambda task: _lineage(told, task))


def _fold(journal: Path) -> Told:
    told: Told | None = None
    draws = random.Random(0)  # which refused texts are shown: a fair draw, the same each time
    for number, (offset, event) in enumerate(read_events(journal), 1):
        try:
            if told is None:
                told = Told(begin(event), journal)
                continue
            apply(told.state, event, offset)
        except BadJournal as exc:
            raise BadJournal(f"{journal}:{number}: {exc}") from None
        if isinstance(event, Proposed):
            _proposed(told, event, draws)
        elif isinstance(event, Replied):
            told.cut += event.reply.is_cut
    if told is None:
        raise BadInput(f"{journal}: holds no whole event; there is nothing to report.")
    return told


def _proposed(told: Told, event: Proposed, draws: random.Random) -> None:
    told.shown[event.index] = event.shown
    told.read.append(len(event.verdicts))
    told.near.append(sum(verdict.rule == TOO_SIMILAR for verdict in event.verdicts))
    for verdict in event.verdicts:
        if verdict.rule is not None:
            _keep(
                told.examples.setdefault(verdict.rule, []), _refusal(verdict), told.state.refusals[verdict.rule], draws
            )


def _keep(kept: list[Refusal], refusal: Refusal, seen: int, draws: random.Random) -> None:
    """A fair draw of EXAMPLES from a stream of which this is about the `seen`-th."""
    if len(kept) < EXAMPLES:
        kept.append(refusal)
    elif (place := draws.randrange(seen)) < EXAMPLES:
        kept[place] = refusal


def _refusal(verdict: Verdict) -> Refusal:
    return Refusal(verdict.text, verdict.score, verdict.neighbour or "")


def _count_instances(told: Told) -> None:
    """What was refused among the instances; from the final state, since a later annotation replaces an earlier one."""
    draws = random.Random(0)
    for annotated in told.state.annotated.values():
        for refused in annotated.refused:
            seen = told.instance_refusals[refused.rule] = told.instance_refusals.get(refused.rule, 0) + 1
            text = f"Input: {refused.instance.input or '(empty)'}\nOutput: {refused.instance.output or '(empty)'}"
            _keep(told.instance_examples.setdefault(refused.rule, []), Refusal(text), seen, draws)


def _task(state: State, position: int) -> Task:
    each = state.machine[position]
    annotated: Annotated | None = state.annotated.get(each.name)
    if annotated is None:
        return Task(each.name, each.text, status=WAITING)
    if annotated.failed:
        return Task(each.name, each.text, status=FAILED)
    instances = tuple(training_instances(state.recipe, each.name, state.standing(each.name)))
    return Task(each.name, each.text, instances, annotated.is_classification, WITH if instances else WITHOUT)


def _lineage(told: Told, task: Task) -> Lineage:
    state, index = told.state, int(task.name.partition(".")[0])
    replies = []
    keys = [f"propose/{index}", *(key_of(task.name, step) for step in (SHARED, "kind", "instances"))]
    while (key := f"annotate/{task.name}/rewrite/{len(keys) - 4}") in state.answered:
        keys.append(key)
    for key in keys:
        step = step_of(key)
        replied = recorded_reply(state, told.journal, key)
        if replied is not None:
            question = replied.question if step == "propose" else ""
            replies.append(Answered(step, replied.reply.text, replied.reply.finish, question))
    recorded = state.recorded.get(task.name)
    near = tuple((score, text) for text, score in recorded.most_similar) if recorded else ()
    annotated = state.annotated.get(task.name)
    refused = tuple((each.rule, each.instance) for each in annotated.refused) if annotated else ()
    return Lineage(str(index), told.shown.get(index, ()), tuple(replies), near, refused)
