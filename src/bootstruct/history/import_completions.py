"""Task types and instances in an import, with their replies or without."""

import dataclasses
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from bootstruct.config.recipe import Recipe
from bootstruct.errors import InputError
from bootstruct.history.import_files import INSTANCES, PARSED, REQUESTS, TYPES, ImportFiles, NumberedRow, Row
from bootstruct.history.logged_replies import (
    MISSING,
    instances_of,
    label_first,
    logged,
    prompt_text,
    reply_of,
    task_type_text,
)
from bootstruct.io.shapes import read_task_type
from bootstruct.journal.events import Event, ReplyReceived, TaskCompleted
from bootstruct.journal.state import State, apply
from bootstruct.render.numbers import number
from bootstruct.stages.annotate import annotate
from bootstruct.types import Instance, Instruction, Reply, digest_of_value

Rows = dict[str, list[NumberedRow]]  # by instruction


def completion_events(
    files: ImportFiles, first_rows: Sequence[NumberedRow], state: State, notes: list[str]
) -> Iterator[Event]:
    """Yield what completes the accepted tasks, in their order, and apply it. Tasks that the files do not complete stay open.

    Args:
        files: the files of the import.
        first_rows: the rows of the first step.
        state: the state after the first step.
        notes: a list to which sentences on missing data are added.

    Raises:
        InputError: a row cannot be read, or a file belongs to other instructions.
    """
    reader = _TaskReader(files, first_rows, state, notes)
    for task in state.accepted:
        for event in reader.events(task):
            apply(state, event)
            yield event
    reader.note_open_tasks()
    if reader.raw and reader.parsed:
        _compare_parsed(files.paths[PARSED], reader.parsed, state, notes)


class _TaskReader:
    def __init__(self, files: ImportFiles, first_rows: Sequence[NumberedRow], state: State, notes: list[str]) -> None:
        self.state, self.notes, self.files = state, notes, files
        known = {task.text for task in state.accepted}
        self.types = self._read(TYPES, known, notes)
        self.raw = self._read(INSTANCES, known, notes)
        self.parsed = self._read(PARSED, known, notes, is_strict=False)
        self.first = _by_instruction(first_rows)
        self.has_instances = any("instances" in row for _, row in first_rows)
        self.further = _further_replies(files, state)
        self.unread = Counter[str]()

    def _read(self, content: str, known: set[str], notes: list[str], is_strict: bool = True) -> Rows:
        """The rows of a file by instruction; those of other instructions are left out."""
        path = self.files.paths.get(content)
        if path is None:
            return {}
        rows = _by_instruction(list(self.files.rows(content)), path)
        strays = [(lines[0][0], text) for text, lines in rows.items() if text not in known]
        if strays and len(strays) == len(rows) and is_strict:
            line, text = strays[0]
            raise InputError(
                f"{path}:{line}: {text!r} is not among the instructions: do these files belong to one run?"
            )
        if strays:
            left_out = [line for _, text in strays for line, _ in rows.pop(text)]
            count, account = len(left_out), self.files.accounts[content]
            for line in sorted(left_out):
                account.leave_out(line, "whose instructions are not in the first step")
            account.used -= count
            notes.append(
                f"{path.name}: {number(count)} row{'s' * (count > 1)} left out, whose instructions are not in the first step"
            )
        return rows

    def events(self, task: Instruction) -> list[Event]:
        """The event that completes a task; nothing if the files do not."""
        recipe = self.state.recipe
        if task.text in self.raw or (recipe.propose.with_instances and task.instances):
            return self._with_replies(recipe, task, _next(self.raw, task.text))
        rows = self.parsed.get(task.text) if not self.raw else None
        if rows:
            instances = tuple(instance for _, row in rows for instance in instances_of(row))
        elif self.has_instances and (first := _next(self.first, task.text)):
            instances = instances_of(first[1])
        else:
            return []
        return [TaskCompleted(task.name, self._task_type(task.text), instances)] if instances else []

    def _task_type(self, text: str) -> bool:
        found = self.types.get(text) or self.first.get(text)
        value = found[0][1].get("is_classification") if found else None
        return bool(read_task_type(value.strip() if isinstance(value, str) else value))

    def _with_replies(self, recipe: Recipe, task: Instruction, row: NumberedRow | None) -> list[Event]:
        replies, prompts = self._replies(task, row) if row else ({}, {})
        events: list[Event] = []
        flow = annotate(recipe, task, again=False)
        try:
            prompt = next(flow)
            while True:
                received, text = replies.get(prompt.step), prompts.get(prompt.step, "")
                if received is None:
                    self.unread[prompt.step.partition("/")[0]] += 1
                    return []
                key = f"annotate/{task.name}/{prompt.step}"
                events.append(ReplyReceived(key, digest_of_value(text), received, question=text))
                prompt = flow.send(received)
        except StopIteration as stop:
            completed: TaskCompleted = stop.value
            return [*events, completed]

    def _replies(self, task: Instruction, numbered: NumberedRow) -> tuple[dict[str, Reply], dict[str, str]]:
        line, row = numbered
        metadata = logged(row, "instance_metadata")
        reply = reply_of(metadata.get("response"), f"{self.files.paths[INSTANCES]}:{line}")
        raw = row.get("raw_instances")
        if isinstance(raw, str):
            reply = dataclasses.replace(reply, text=raw, finish="stop" if reply == MISSING else reply.finish)
        kind = _next(self.types, task.text)
        replies = {}
        if kind or not self.types:
            value = kind[1].get("is_classification", "") if kind else label_first(reply.text)
            replies["kind"] = Reply(task_type_text(value))
        if reply != MISSING:
            replies["instances"] = reply
        for step, further in self.further.get(task.name, {}).items():
            replies[step] = further(replies.get(step))
        return replies, {"instances": prompt_text(metadata.get("prompt"))}

    def note_open_tasks(self) -> None:
        """Report the missing data of the files, once for all tasks."""
        accepted, completed = self.state.accepted, self.state.completed
        missing = [task.text for task in accepted if task.name not in completed]
        for step, count in self.unread.items():
            self.notes.append(f"{number(count)} tasks stay open: the files contain no reply for the step {step!r}")
        if not completed:
            lacking = [name for name, rows in ((TYPES, self.types), (INSTANCES, self.raw)) if not rows]
            if lacking and not self.has_instances:
                self.notes.append(
                    f"there is no file of {' and '.join(lacking)}: the tasks come without instances"
                    if not self.parsed
                    else "no task is completed by the files"
                )
        elif missing and not self.unread:
            self.notes.append(
                f"{number(len(missing))} of {number(len(accepted))} tasks have no instances in the files and stay open, "
                f"such as {missing[0]!r:.120}"
            )
        if self.raw and not self.types and not self.state.recipe.propose.with_instances:
            self.notes.append(
                "there is no file of task types: they are taken from whether a reply begins with a class label"
            )


def _next(rows: Rows, text: str) -> NumberedRow | None:
    """The next row of an instruction: duplicates have one each, in their order; the last one stays."""
    found = rows.get(text)
    if not found:
        return None
    return found.pop(0) if len(found) > 1 else found[0]


def _by_instruction(rows: Sequence[NumberedRow], path: Path | None = None) -> Rows:
    found: Rows = {}
    for line, row in rows:
        text = row.get("instruction")
        if not isinstance(text, str):
            raise InputError(f"{path}:{line}: `instruction` is missing.")
        found.setdefault(text, []).append((line, row))
    return found


def _further_replies(files: ImportFiles, state: State) -> dict[str, dict[str, Any]]:
    """By task and step, how the reply of a step is made whole with what `requests.jsonl` holds of it."""
    rows = [row for _, row in files.rows(REQUESTS)]
    names = [name for row in rows if isinstance(row.get("tasks"), list) for name in row["tasks"]]
    if len(names) != len(state.accepted):
        return {}
    renamed = dict(zip(map(str, names), (task.name for task in state.accepted), strict=True))
    found: dict[str, dict[str, Any]] = {}
    for row in rows:
        task = renamed.get(str(row.get("task")))
        if task is not None and isinstance(row.get("step"), str):
            found.setdefault(task, {})[row["step"]] = _completing(row, str(files.paths[REQUESTS]))
    return found


def _completing(row: Row, where: str) -> Any:
    def complete(before: Reply | None) -> Reply:
        reply = reply_of(row.get("response"), where) if before is None else before
        thought = row.get("thought")
        return dataclasses.replace(reply, thought=thought) if isinstance(thought, str) else reply

    return complete


def _compare_parsed(path: Path, parsed: Mapping[str, Sequence[NumberedRow]], state: State, notes: list[str]) -> None:
    texts = {task.name: task.text for task in state.accepted}
    derived = {(texts[task.task], instance) for task in state.completed.values() for instance in task.instances}
    stray = 0
    for text, rows in parsed.items():
        for _, row in rows:
            stray += (text, Instance(str(row.get("input", "")), str(row.get("output", "")))) not in derived
    if stray:
        notes.append(f"{path.name}: {stray} rows are not among the instances that the raw replies give")
