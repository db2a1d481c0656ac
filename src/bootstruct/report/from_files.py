"""Files of instruction data as the subject of a report: Alpaca, chat messages, prompt and completion, the original's."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson

from bootstruct.domain import Instance
from bootstruct.errors import BadInput
from bootstruct.report.subject import WAITING, WITH, WITHOUT, Answered, Lineage, Subject, Task

Row = dict[str, Any]
ORIGINAL = {  # the file names of the released code, by what they hold
    "machine_generated_instructions": "instructions",
    "is_clf_or_not": "kinds",
    "machine_generated_instances": "raw",
    "all_generated_instances": "finished",
}
_USER, _MODEL = ("user", "human"), ("assistant", "gpt", "model")


def file_subject(path: Path, label: str) -> Subject:
    """The subject of a file. Raises BadInput where it cannot be read or is in no known format."""
    rows = read_any_rows(path)
    first = next(rows, None)
    if first is None:
        return Subject(label, "a file without rows", [], notes=[f"{path.name} holds no rows."])
    rows = _with(first, rows)
    number, row = first
    if "instances" in row and "instruction" in row:
        return Subject(label, "a file of tasks with their instances", [_seed_task(path, *each) for each in rows])
    if "most_similar" in row or "metadata" in row or "raw_instances" in row:
        return _original(label, {_holds(row): path})
    if "instruction" in row:
        return Subject(label, "instruction data (Alpaca's format)", _grouped(path, rows, _alpaca))
    if "messages" in row or "conversations" in row:
        note = "Chat messages do not tell an input from an instruction: the whole first question counts as the instruction."
        return Subject(label, "chat messages", _grouped(path, rows, _chat), notes=[note])
    if "prompt" in row and "completion" in row:
        note = "Prompts do not tell an input from an instruction: the whole prompt counts as the instruction."
        return Subject(label, "prompts and completions", _grouped(path, rows, _completed), notes=[note])
    expected = "instruction (and input, output), messages, conversations, or prompt and completion"
    raise BadInput(f"{path}:{number}: a row with {', '.join(map(str, list(row)[:6]))}; expected {expected}.")


def is_original(folder: Path) -> bool:
    return folder.is_dir() and any(folder.glob("machine_generated_instructions*.jsonl"))


def folder_subject(folder: Path, label: str) -> Subject:
    """The subject of a folder with the released code's files."""
    found: dict[str, Path] = {}
    for path in sorted(folder.glob("*.jsonl")):
        kind = next((kind for stem, kind in ORIGINAL.items() if path.name.startswith(stem)), None)
        if kind is not None:
            found.setdefault(kind, path)
    return _original(label, found)


def _holds(row: Row) -> str:
    return "raw" if "raw_instances" in row else "instructions"


def _original(label: str, files: dict[str, Path]) -> Subject:
    """Instructions, kinds and instances put together by the instruction's text, with what the files logged."""
    main = files.get("instructions") or files["raw"]
    rows = list(read_any_rows(main))
    kinds = {_text(row, "instruction"): _text(row, "is_classification") for _, row in _rows_of(files, "kinds")}
    raw = {_text(row, "instruction"): _text(row, "raw_instances") for _, row in _rows_of(files, "raw")}
    instances: dict[str, list[Instance]] = {}
    for _, row in _rows_of(files, "finished"):
        instances.setdefault(_text(row, "instruction"), []).append(Instance(_text(row, "input"), _text(row, "output")))
    tasks, logged = [], {}
    for position, (number, row) in enumerate(rows):
        text = _text(row, "instruction")
        if not text:
            raise BadInput(f"{main}:{number}: `instruction` is missing or empty.")
        kind = kinds[text].strip().lower() == "yes" if text in kinds else None
        mine = tuple(instances.get(text, ()))
        status = WITH if mine else WITHOUT if "finished" in files else WAITING
        tasks.append(Task(f"row {number}", text, mine, kind, status))
        logged[f"row {number}"] = (position, text)
    notes = [
        f"No file of {what}." for kind, what in (("kinds", "kinds"), ("finished", "instances")) if kind not in files
    ]

    def lineage(task: Task) -> Lineage:
        position, text = logged[task.name]
        return _logged(rows[position][1], raw.get(text))

    return Subject(label, "files of the released code", tasks, notes=notes, lineage=lineage)


def _logged(row: Row, raw: str | None) -> Lineage:
    metadata = row.get("metadata") or row.get("instruction_metadata") or {}
    response = metadata.get("response") if isinstance(metadata, dict) else None
    replies = []
    try:
        choice: Any = response["choices"][0] if isinstance(response, dict) else {"text": response or ""}
        said = choice["message"]["content"] if "message" in choice else choice["text"]
        replies.append(Answered("propose", str(said), str(choice.get("finish_reason") or "")))
    except (KeyError, IndexError, TypeError):
        pass  # a fork that logs something else: the page shows what it can
    if raw is not None:
        replies.append(Answered("instances", raw))
    similar = row.get("most_similar")
    near = tuple((float(score), str(text)) for text, score in similar.items()) if isinstance(similar, dict) else ()
    return Lineage(str(row.get("request_idx", "")), (), tuple(replies), near)


def _rows_of(files: dict[str, Path], kind: str) -> Iterator[tuple[int, Row]]:
    return read_any_rows(files[kind]) if kind in files else iter(())


def _text(row: Row, key: str) -> str:
    value = row.get(key)
    return value if isinstance(value, str) else "" if value is None else json.dumps(value, ensure_ascii=False)


Read = tuple[str, str, Instance | None]  # name or "", instruction, instance


def _alpaca(row: Row) -> Read | None:
    text = _text(row, "instruction")
    output = _text(row, "output") or _text(row, "response")
    given = _text(row, "input")
    made = Instance("" if given.strip().lower() == "<noinput>" else given, output) if output else None
    return (_text(row, "id"), text, made) if text else None


def _chat(row: Row) -> Read | None:
    turns = row.get("messages") or row.get("conversations")
    if not isinstance(turns, list):
        return None
    said = [(str(turn.get("role") or turn.get("from")), turn) for turn in turns if isinstance(turn, dict)]
    asked = next((turn for role, turn in said if role in _USER), None)
    answered = next((turn for role, turn in said if role in _MODEL), None)
    if asked is None:
        return None
    question = _text(asked, "content") or _text(asked, "value")
    answer = (_text(answered, "content") or _text(answered, "value")) if answered else ""
    return _text(row, "id"), question, Instance("", answer) if answer else None


def _completed(row: Row) -> Read | None:
    prompt, completion = row.get("prompt"), row.get("completion")
    if isinstance(prompt, list) and isinstance(completion, list):
        return _chat({"messages": [*prompt, *completion]})
    return ("", prompt.strip(), Instance("", str(completion).strip())) if isinstance(prompt, str) else None


def _grouped(path: Path, rows: Iterator[tuple[int, Row]], read: Any) -> list[Task]:
    """Rows with one instruction are the instances of one task."""
    tasks: dict[str, tuple[str, bool | None, list[Instance]]] = {}
    for number, row in rows:
        found: Read | None = read(row)
        if found is None or not found[1].strip():
            raise BadInput(f"{path}:{number}: a row without instruction; the rows before it have one.")
        name, text, instance = found
        kind = row.get("is_classification")
        if text not in tasks:
            tasks[text] = (name.split("/")[0] or f"row {number}", kind if isinstance(kind, bool) else None, [])
        if instance is not None:
            tasks[text][2].append(instance)
    return [
        Task(name, text, tuple(made), kind, WITH if made else WITHOUT) for text, (name, kind, made) in tasks.items()
    ]


def _seed_task(path: Path, number: int, row: Row) -> Task:
    made = row.get("instances")
    if not isinstance(made, list) or not all(isinstance(each, dict) for each in made) or not _text(row, "instruction"):
        raise BadInput(f"{path}:{number}: expected `instruction` and a list of `instances` with input and output.")
    instances = tuple(Instance(_text(each, "input"), _text(each, "output")) for each in made)
    kind = row.get("is_classification")
    name = _text(row, "id") or f"row {number}"
    return Task(
        name, row["instruction"], instances, kind if isinstance(kind, bool) else None, WITH if instances else WITHOUT
    )


def _with(first: tuple[int, Row], rest: Iterator[tuple[int, Row]]) -> Iterator[tuple[int, Row]]:
    yield first
    yield from rest


def read_any_rows(path: Path) -> Iterator[tuple[int, Row]]:
    """(line or position from 1, row) of JSONL, of a JSON list, or of Parquet. Raises BadInput at file:line."""
    if path.suffix == ".parquet":
        yield from enumerate(_parquet(path), 1)
        return
    try:
        file = path.open("rb")
    except OSError as exc:
        raise BadInput(f"{path}: cannot be read: {exc.strerror}.") from None
    with file:
        head = file.read(64).removeprefix(b"\xef\xbb\xbf").lstrip()
        file.seek(0)
        if head.startswith(b"["):
            values = _json(file.read(), str(path))
            yield from ((number, _object(row, f"{path}: entry {number}")) for number, row in enumerate(values, 1))
            return
        for number, line in enumerate(file, 1):
            if line.strip():
                yield number, _object(_json(line, f"{path}:{number}"), f"{path}:{number}")


def _json(text: bytes, where: str) -> Any:
    try:
        return orjson.loads(text.removeprefix(b"\xef\xbb\xbf"))
    except ValueError:
        try:
            return json.loads(text.decode("utf-8-sig"))  # lone surrogates, NaN: Python reads what orjson refuses
        except ValueError as exc:
            raise BadInput(f"{where}: not JSON: {exc}.") from None


def _object(row: object, where: str) -> Row:
    if not isinstance(row, dict):
        raise BadInput(f"{where}: expected an object, found {type(row).__name__}.")
    return row


def _parquet(path: Path) -> Iterator[Row]:
    try:
        import pyarrow.parquet as parquet
    except ImportError:
        raise BadInput(f"{path}: reading Parquet needs pyarrow: pip install 'bootstruct[parquet]'.") from None
    try:
        for batch in parquet.ParquetFile(path).iter_batches():
            yield from batch.to_pylist()
    except (OSError, ValueError) as exc:
        raise BadInput(f"{path}: not a Parquet file: {exc}.") from None
