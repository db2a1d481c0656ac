"""A run as the subject of a report: one pass over its journal."""

import random
from pathlib import Path

from bootstruct.errors import InputError, JournalError
from bootstruct.journal.events import CandidatesJudged, ReplyReceived, RunStarted, TaskCompleted
from bootstruct.journal.file import NAME, read_events
from bootstruct.journal.keys import SHARED, again, key_of, step_of
from bootstruct.journal.state import State, apply, begin
from bootstruct.reporting.subject import (
    FAILED,
    WAITING,
    WITH,
    WITHOUT,
    Dataset,
    RecordedReply,
    RejectedCandidate,
    ReportTask,
    RunHistory,
    TaskLineage,
)
from bootstruct.run.folder import RECIPE, SEEDS, is_begun, read_plan
from bootstruct.run.task_provenance import dealt_topic, recorded_reply
from bootstruct.stages.followups import SPEAKERS
from bootstruct.stages.passages import passage_of
from bootstruct.stages.rules import TOO_SIMILAR
from bootstruct.stages.training_format import training_instances
from bootstruct.types import Instance

EXAMPLES, BROWSED = 6, 50  # rejected texts kept for each rule, in the funnel and in the browser of the tasks


def is_run(path: Path) -> bool:
    """True for a run folder, begun or not, and for a journal."""
    is_new = (path / RECIPE).is_file() and (path / SEEDS).is_file()
    return path.name == NAME or (path.is_dir() and ((path / NAME).is_file() or is_new))


def run_subject(path: Path, label: str) -> Dataset:
    """The subject of a run folder or journal. A run that has not begun is an empty one."""
    folder, journal = (path, path / NAME) if path.is_dir() else (path.parent, path)
    empty = path.is_dir() and not is_begun(folder)
    history = RunHistory(begin(RunStarted(*read_plan(folder))), journal) if empty else _fold(journal)
    state = history.state
    tasks = [_task(state, position) for position in range(len(state.accepted))]
    _count_instances(history)
    notes = []
    if empty:
        notes.append("This run has not begun; `bootstruct generate` begins it.")
    if state.origin == "import":
        notes.append("This is an imported run: other code made it, and its files were read.")
    if state.origin == "rejudge":
        notes.append(f"The recorded replies were judged again by other rules; they are those of {state.source}.")
    if state.origin == "rewrite":
        better = state.recipe.model_at("rewrite")
        notes.append(f"The tasks and inputs are those of {state.source}; the outputs were rewritten by {better}.")
    capped = sum(
        len(state.passed_instances(instruction.name)) > state.recipe.instances.most for instruction in state.accepted
    )
    if capped:
        notes.append(
            f"{capped} tasks have more than {state.recipe.instances.most} instances; as in an export, only that many count."
        )
    seeds = [(seed.id, seed.instruction) for seed in state.seeds]
    types: list[bool | None] = [seed.is_classification for seed in state.seeds]
    return Dataset(label, "a run", tasks, seeds, history, notes, lambda task: _lineage(history, task), seed_types=types)


def _fold(journal: Path) -> RunHistory:
    history: RunHistory | None = None
    draws, more = random.Random(0), random.Random(1)  # which rejected texts are shown: fair draws, the same each time
    for number, (offset, event) in enumerate(read_events(journal), 1):
        try:
            if history is None:
                history = RunHistory(begin(event), journal)
                continue
            apply(history.state, event, offset)
        except JournalError as exc:
            raise JournalError(f"{journal}:{number}: {exc}") from None
        if isinstance(event, CandidatesJudged):
            _proposed(history, event, draws, more)
        elif isinstance(event, ReplyReceived):
            history.cut += event.reply.is_cut
    if history is None:
        raise InputError(f"{journal}: contains no complete event; there is nothing to report.")
    return history


def _proposed(history: RunHistory, event: CandidatesJudged, draws: random.Random, more: random.Random) -> None:
    history.shown[event.index] = event.shown
    history.read.append(len(event.verdicts))
    history.near.append(sum(verdict.rule == TOO_SIMILAR for verdict in event.verdicts))
    for number, verdict in enumerate(event.verdicts):
        if verdict.rule is not None:
            name, seen = f"{event.index}.{number}", history.state.rejections[verdict.rule]
            rejection = RejectedCandidate(verdict.text, verdict.score, verdict.neighbour or "", name)
            _keep(history.examples.setdefault(verdict.rule, []), rejection, seen, draws)
            _keep(history.rejected.setdefault(verdict.rule, []), rejection, seen, more, BROWSED)


def _keep(
    kept: list[RejectedCandidate], rejection: RejectedCandidate, seen: int, draws: random.Random, most: int = EXAMPLES
) -> None:
    """A fair draw of `most` from a stream of which this is about the `seen`-th."""
    if len(kept) < most:
        kept.append(rejection)
    elif (place := draws.randrange(seen)) < most:
        kept[place] = rejection


def _count_instances(history: RunHistory) -> None:
    """What was rejected among the instances; from the final state, since a later completion replaces an earlier one."""
    draws = random.Random(0)
    for completed in history.state.completed.values():
        for rejected in completed.rejected:
            seen = history.instance_rejections[rejected.rule] = history.instance_rejections.get(rejected.rule, 0) + 1
            text = f"Input: {rejected.instance.input or '(empty)'}\nOutput: {rejected.instance.output or '(empty)'}"
            _keep(history.instance_examples.setdefault(rejected.rule, []), RejectedCandidate(text), seen, draws)


def _task(state: State, position: int) -> ReportTask:
    task = state.accepted[position]
    completed: TaskCompleted | None = state.completed.get(task.name)
    if completed is None:
        return ReportTask(task.name, task.text, status=WAITING)
    if completed.failed:
        return ReportTask(task.name, task.text, status=FAILED)
    instances = tuple(training_instances(state.recipe, task.name, state.passed_instances(task.name)))
    return ReportTask(task.name, task.text, instances, completed.is_classification, WITH if instances else WITHOUT)


def _lineage(history: RunHistory, task: ReportTask) -> TaskLineage:
    state, index = history.state, int(task.name.partition(".")[0])
    replies = []
    keys = [f"propose/{index}", *(key_of(task.name, step) for step in (SHARED, "kind", "instances"))]
    while (key := f"annotate/{task.name}/rewrite/{len(keys) - 4}") in state.reply_offsets:
        keys.append(key)
    turns = [f"{side}/{n}/{turn}" for n in range(len(task.instances)) for turn in range(1, 21) for side in SPEAKERS]
    keys += [key for step in turns if (key := key_of(task.name, step)) in state.reply_offsets]
    for key in [known for first in keys for known in (first, again(first))]:
        step = step_of(key)
        replied = recorded_reply(state, history.journal, key)
        if replied is not None:
            question = replied.question if step == "propose" else ""
            replies.append(RecordedReply(step, replied.reply.text, replied.reply.finish, question))
    recorded = state.imported.get(task.name)
    near = tuple((score, text) for text, score in recorded.most_similar) if recorded else ()
    completed = state.completed.get(task.name)
    rejected = [(pair.rule, pair.instance) for pair in completed.rejected] if completed else []
    by_checks, scores = _checked(state, task.name)
    passage, shown = passage_of(state.recipe, task.name), history.shown.get(index, ())
    topic = dealt_topic(state, task.name)
    return TaskLineage(str(index), shown, tuple(replies), near, (*rejected, *by_checks), passage, topic, scores)


def _checked(state: State, task: str) -> tuple[list[tuple[str, Instance]], tuple[tuple[str, int, float, str], ...]]:
    """What the checks rejected of a task, and what they measured."""
    rejected, scores = [], []
    for checked in state.checked.get(task, ()):
        for verdict in checked.verdicts:
            if verdict.rule is not None:
                instance = state.completed[task].instances[verdict.instance]
                rejected.append((f"check {checked.check}: {verdict.rule}", instance))
            if verdict.score is not None:
                scores.append((checked.check, verdict.instance + 1, verdict.score, verdict.rule or ""))
    return rejected, tuple(scores)
