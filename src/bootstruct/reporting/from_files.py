"""Files of instruction data as the subject of a report: Alpaca, chat messages, prompt and completion, the original's."""

import itertools
import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from bootstruct.io.accounts import RowAccount
from bootstruct.io.rows import read_rows
from bootstruct.io.shapes import TaskRow, read_task_type
from bootstruct.io.superni import NAME as SUPERNI
from bootstruct.io.superni import training_tasks
from bootstruct.io.tasks import require_used, tasks_of
from bootstruct.io.trust import require_inside
from bootstruct.reporting.subject import WAITING, WITH, WITHOUT, Dataset, RecordedReply, ReportTask, TaskLineage
from bootstruct.types import Instance

Row = dict[str, Any]
ORIGINAL = {  # the file names of the released code, by kind
    "machine_generated_instructions": "instructions",
    "is_clf_or_not": "kinds",
    "machine_generated_instances": "raw",
    "all_generated_instances": "finished",
}
_CHAT_NOTE = (
    "Chat messages do not separate an input from an instruction: the first user message counts as the instruction."
)
_PROMPT_NOTE = "Prompts do not separate an input from an instruction: the whole prompt counts as the instruction."
SHAPES = {  # a description of a file of each shape, and a note on it
    "seeds": ("a file of tasks with their instances", ""),
    "alpaca": ("instruction data (Alpaca's format)", ""),
    "dolly": ("instruction data (Dolly's format)", ""),
    "messages": ("chat messages", _CHAT_NOTE),
    "conversations": ("chat messages", _CHAT_NOTE),
    "instructlab": ("chat messages", _CHAT_NOTE),
    "lima": ("chat messages", _CHAT_NOTE),
    "prompt and completion": ("prompts and completions", _PROMPT_NOTE),
    "prompt and response": ("prompts and responses", _PROMPT_NOTE),
    "question and answer": ("questions and answers", ""),
    "input and output": ("inputs and outputs", "Each input counts as the instruction."),
    "text": ("texts", "Each text counts as an instruction; there are no outputs."),
}


def file_subject(path: Path, label: str, fields: Mapping[str, str] | None = None) -> Dataset:
    """The subject of a file. Half a character is kept, because it is only shown.

    Args:
        path: the file, in any container and shape.
        label: its name on the page.
        fields: the names of fields by their meaning, as `--fields` gives them.

    Raises:
        InputError: it cannot be read, or no row of it has a known shape.
    """
    account = RowAccount(str(path))
    columns = (fields or {}).values()
    rows = read_rows(path, surrogates="keep", bare_text=True, account=account, columns=columns)
    first = next(rows, None)
    if first is None and not account.read:
        return Dataset(label, "a file without rows", [], notes=[f"{path.name} contains no rows."], account=account)
    every = itertools.chain([first] if first else [], rows)
    if first is not None and _is_logged(first[1]):
        return _original(label, {_holds(first[1]): path}, account, every)
    shapes = Counter[str]()
    tasks = _grouped(tasks_of(every, account, fields), shapes)
    what = " and ".join(SHAPES[shape][0] for shape in dict.fromkeys(shape for shape, _ in shapes.most_common()))
    notes = list(dict.fromkeys(SHAPES[shape][1] for shape in shapes if SHAPES[shape][1]))
    return Dataset(label, what, tasks, notes=notes, account=account)


def _is_logged(row: Row) -> bool:
    """Whether a row is of the released code's own files, which log the reply of the row."""
    metadata = row.get("metadata")
    logs_reply = isinstance(metadata, dict) and "response" in metadata and not {"output", "instances"} & row.keys()
    return "most_similar" in row or "raw_instances" in row or logs_reply


def is_original(folder: Path) -> bool:
    """Whether a folder contains files of the released code."""
    return any(map(Path.is_file, folder.glob("machine_generated_instructions*.jsonl")))


def folder_subject(folder: Path, label: str) -> Dataset:
    """The subject of a folder with the released code's files."""
    found: dict[str, Path] = {}
    for path in sorted(filter(Path.is_file, folder.glob("*.jsonl"))):
        kind = next((kind for stem, kind in ORIGINAL.items() if path.name.startswith(stem)), None)
        if kind is not None:
            require_inside(folder, path)
            found.setdefault(kind, path)
    return _original(label, found)


def superni_subject(folder: Path, label: str, test_tasks: bool, other_languages: bool) -> Dataset:
    """The subject of a folder of Super-NaturalInstructions tasks; test tasks and other languages on request."""
    account = RowAccount(str(folder))
    tasks = [
        ReportTask(
            task.name, task.definition, tuple(Instance(given, output) for given, output in task.pairs()), None, WITH
        )
        for task in training_tasks(folder, account, test_tasks, other_languages)
    ]
    left_out = ", ".join(f"{len(places):,} {reason}" for reason, places in account.left_out.items())
    notes = [f"Tasks left out: {left_out}."] if left_out else []
    return Dataset(label, f"tasks of {SUPERNI}", tasks, notes=notes, account=account)


def _holds(row: Row) -> str:
    return "raw" if "raw_instances" in row else "instructions"


def _original(
    label: str,
    files: dict[str, Path],
    account: RowAccount | None = None,
    given: Iterable[tuple[int, Row]] | None = None,
) -> Dataset:
    """Instructions, task types and instances joined by the instruction's text, with the logs of the files.

    Args:
        label: its name on the page.
        files: the files by kind.
        account: counts the rows of the main file.
        given: the rows of the main file, if they are being read already.
    """
    main = files.get("instructions") or files["raw"]
    account = account or RowAccount(str(main))
    rows = list(given if given is not None else read_rows(main, surrogates="keep", account=account))
    kinds = {_text(row, "instruction"): row.get("is_classification") for _, row in _rows_of(files, "kinds")}
    raw = {_text(row, "instruction"): _text(row, "raw_instances") for _, row in _rows_of(files, "raw")}
    instances: dict[str, list[Instance]] = {}
    for _, row in _rows_of(files, "finished"):
        instances.setdefault(_text(row, "instruction"), []).append(Instance(_text(row, "input"), _text(row, "output")))
    tasks, logged = [], {}
    for position, (number, row) in enumerate(rows):
        text = _text(row, "instruction")
        if not text.strip():
            account.leave_out(number, "without an instruction")
            continue
        account.use("files of the released code")
        kind = read_task_type(kinds[text]) is True if text in kinds else None
        mine = tuple(instances.get(text, ()))
        status = WITH if mine else WITHOUT if "finished" in files else WAITING
        tasks.append(ReportTask(f"row {number}", text, mine, kind, status))
        logged[f"row {number}"] = (position, text)
    notes = [
        f"No file of {what}." for kind, what in (("kinds", "kinds"), ("finished", "instances")) if kind not in files
    ]

    def lineage(task: ReportTask) -> TaskLineage:
        position, text = logged[task.name]
        return _logged(rows[position][1], raw.get(text))

    require_used(account)
    return Dataset(label, "files of the released code", tasks, notes=notes, lineage=lineage, account=account)


def _logged(row: Row, raw: str | None) -> TaskLineage:
    metadata = row.get("metadata") or row.get("instruction_metadata") or {}
    response = metadata.get("response") if isinstance(metadata, dict) else None
    replies = []
    try:
        choice: Any = response["choices"][0] if isinstance(response, dict) else {"text": response or ""}
        turn_texts = choice["message"]["content"] if "message" in choice else choice["text"]
        replies.append(RecordedReply("propose", str(turn_texts), str(choice.get("finish_reason") or "")))
    except (KeyError, IndexError, TypeError):
        pass  # a fork that logs something else: the page shows what it can
    if raw is not None:
        replies.append(RecordedReply("instances", raw))
    similar = row.get("most_similar")
    scores = similar.items() if isinstance(similar, dict) else ()
    near = tuple((float(score), str(text)) for text, score in scores if isinstance(score, int | float))
    return TaskLineage(str(row.get("request_idx", "")), (), tuple(replies), near)


def _rows_of(files: dict[str, Path], kind: str) -> Iterator[tuple[int, Row]]:
    return read_rows(files[kind], surrogates="keep") if kind in files else iter(())


def _text(row: Row, key: str) -> str:
    value = row.get(key)
    return value if isinstance(value, str) else "" if value is None else json.dumps(value, ensure_ascii=False)


def _grouped(rows: Iterable[tuple[int, TaskRow]], shapes: Counter[str]) -> list[ReportTask]:
    """The tasks of rows, with those of one task joined; `shapes` counts the rows of each shape."""
    tasks: dict[str, tuple[str, str, bool | None, list[Instance]]] = {}
    for number, task in rows:
        shapes[task.shape] += 1
        name = task.name if task.shape == "seeds" else task.name.split("/")[0]
        instances = [instance for instance in task.instances if instance.output]
        text, key = task.instruction, task.task
        if task.shape == "seeds" and task.name:
            key = f"{task.name}: {text}"  # tasks with names of their own stay as they were recorded
        if task.shape == "prompt and completion":
            key = text = text.strip()
            instances = [Instance("", instance.output.strip()) for instance in instances]
        tasks.setdefault(key, (name or f"row {number}", text, task.is_classification, []))[3].extend(instances)
    return [
        ReportTask(name, text, tuple(instances), kind, WITH if instances else WITHOUT)
        for name, text, kind, instances in tasks.values()
    ]
