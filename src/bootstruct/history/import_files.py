"""The files of an import: which ones exist, what each contains, and their rows in the form that `importer` reads."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from bootstruct.errors import InputError
from bootstruct.io.accounts import RowAccount
from bootstruct.io.arrow import is_dataset_folder
from bootstruct.io.rows import STDIN, read_rows
from bootstruct.io.shapes import ShapeError, read_task_row
from bootstruct.io.tasks import require_used
from bootstruct.io.trust import require_inside

Row = dict[str, Any]
NumberedRow = tuple[int, Row]  # its line or position, and the row

INSTRUCTIONS, TYPES, INSTANCES, PARSED = "instructions", "task types", "instances", "parsed instances"
TASKS, REQUESTS, RECIPE, SEEDS = "tasks", "requests", "recipe", "seeds"
BATCHES: Final = "parquet-files"  # in which DataDesigner writes the batches of a data set
REPLIES: Final = "responses_*.jsonl"  # in which curator logs replies, beside requests, tables and settings
SUBFOLDER: Final = "finetuning_data"  # in which the released code keeps the files of its last step
_BEGINNINGS: Final = {  # the beginning of a file's name -> what it holds
    "machine_generated_instructions": INSTRUCTIONS,
    "is_clf_or_not": TYPES,
    "machine_generated_instances": INSTANCES,
    "all_generated_instances": PARSED,
}
_NAMES: Final = {"requests.jsonl": REQUESTS, "recipe.yaml": RECIPE, "seed_tasks.jsonl": SEEDS, "regen.json": TASKS}
_DATA: Final = (".jsonl", ".json", ".parquet", ".csv", ".tsv", ".arrow", ".gz", ".zst")
CAMELS_MARK: Final = "No valid output found."  # CAMEL's output for a reply that it cannot read
WITH_MARK: Final = f"with the output {CAMELS_MARK!r}, which counts as no output"
_LISTS: Final = ("instructions", "generated_instructions")  # fields of other tools that hold several instructions


@dataclass(slots=True)
class ImportFiles:
    """The files of one import.

    Attributes:
        paths: by what they hold.
        more_tasks: further files of tasks.
        passed_over: files that are not read, because another contains the same.
        accounts: an account of the rows of each. Rows of the released code are used or an error, except those of
            instructions that are not in the first step.
        on_row: called with each row that is read.
    """

    paths: dict[str, Path] = field(default_factory=dict)
    more_tasks: list[Path] = field(default_factory=list)
    passed_over: list[Path] = field(default_factory=list)
    accounts: dict[str, RowAccount] = field(default_factory=dict)
    on_row: Callable[[], object] = lambda: None

    def add(self, content: str, path: Path) -> None:
        """Add a file. There may be several files of tasks; of every other kind, the first counts."""
        if content not in self.paths:
            self.paths[content] = path
        elif path.resolve() not in [known.resolve() for known in (self.paths[content], *self.more_tasks)]:
            (self.more_tasks if content == TASKS else self.passed_over).append(path)

    def rows(self, content: str) -> Iterator[NumberedRow]:
        """The rows of one of them; none if there is no such file."""
        if content not in self.paths:
            return
        account = self.accounts[content] = RowAccount(str(self.paths[content]))
        for row in self.counted(read_rows(self.paths[content])):
            account.read += 1
            account.use()
            yield row

    def counted(self, rows: Iterable[NumberedRow]) -> Iterator[NumberedRow]:
        """The same rows, with a call of `on_row` for each."""
        for row in rows:
            self.on_row()
            yield row


def find_files(sources: Sequence[Path]) -> ImportFiles:
    """Find the files of a run.

    A folder is searched for the files of the released code, including `finetuning_data/` below it, and for
    `regen.json` of Alpaca's code. If it contains none of these, its only other file of rows is used, or the folder
    itself if `datasets` saved it. A folder of distilabel contains such a data set in a sub-folder, one of
    DataDesigner its batches in `parquet-files`, and one of curator its replies in `responses_*.jsonl`. The kind of a
    named file follows from its name, else from its first row.

    Args:
        sources: folders, and files.

    Raises:
        InputError: a file does not exist, or none of them can begin an import.
    """
    found = ImportFiles()
    for source in sources:
        if source != STDIN and not source.exists():
            raise InputError(f"{source}: no such file.")
        for content, path in _in_folder(source) if source.is_dir() else [(_content_of(source), source)]:
            found.add(content, path)
    if not found.paths.keys() & {INSTRUCTIONS, INSTANCES, PARSED, TASKS}:
        where = ", ".join(map(str, sources))
        raise InputError(
            f"{where}: no machine_generated_instructions*.jsonl and no other file of tasks found; name the file."
        )
    if INSTRUCTIONS not in found.paths and INSTANCES not in found.paths and PARSED in found.paths:
        found.paths.setdefault(TASKS, found.paths.pop(PARSED))
    return found


def _in_folder(folder: Path) -> Iterator[tuple[str, Path]]:
    """The files that a folder holds itself: what is found in it may come from a stranger, and a link leads out of it."""
    if is_dataset_folder(folder):
        yield TASKS, folder
        return
    for content, path in _found_in(folder):
        require_inside(folder, path)
        yield content, path


def _found_in(folder: Path) -> Iterator[tuple[str, Path]]:
    files = [path for place in (folder, folder / SUBFOLDER) for path in sorted(place.glob("*")) if path.is_file()]
    named = [(content, path) for path in files if (content := _by_name(path)) is not None]
    yield from named
    if any(content in (INSTRUCTIONS, INSTANCES, PARSED, TASKS) for content, _ in named):
        return
    replies = [path for path in files if path.parent == folder and path.match(REPLIES)]
    if replies := sorted(replies, key=lambda path: (len(path.name), path.name)):  # by their numbers
        yield from ((TASKS, path) for path in replies)
        return
    places = ((folder / BATCHES).glob("batch_*.parquet"), folder.glob("batch_*.parquet"))
    if batches := next(filter(None, (sorted(filter(Path.is_file, place)) for place in places)), None):
        yield from ((TASKS, path) for path in batches)
        return
    others = [path for path in files if path.suffix in _DATA and _by_name(path) is None]
    sets = [] if others else [path for path in sorted(folder.glob("*")) if is_dataset_folder(path)]
    if len(sets) > 1:
        raise InputError(f"{folder}: contains {len(sets)} data sets, such as {sets[0].name}; name one of them.")
    yield from ((TASKS, path) for path in sets)
    if len(others) > 1:
        raise InputError(f"{folder}: contains {len(others)} files of rows, such as {others[0].name}; name one of them.")
    for path in others:
        require_inside(folder, path)  # before its first row is read
        yield _content_of(path), path


def _by_name(path: Path) -> str | None:
    if path.name in _NAMES:
        return _NAMES[path.name]
    if not path.name.endswith((".jsonl", ".jsonl.gz", ".jsonl.zst")):
        return None
    return next((content for beginning, content in _BEGINNINGS.items() if path.name.startswith(beginning)), None)


def _content_of(path: Path) -> str:
    """The kind of a named file: by its name, else by its first row."""
    named = _by_name(path)
    if named is not None:
        return named
    if _can_be_read_once(path):
        return TASKS
    row = next((row for _, row in read_rows(path, bare_text=True)), None)
    if row is None:
        raise InputError(f"{path}: is empty; nothing to import.")
    return _content_of_row(row)


def _can_be_read_once(path: Path) -> bool:
    """Whether it is the standard input or a pipe, from which no row may be read to find its kind."""
    return path == STDIN or not (path.is_file() or path.is_dir())


def _content_of_row(row: Row) -> str:
    if "raw_instances" in row:
        return INSTANCES
    if "instruction" in row and ("request_idx" in row or "most_similar" in row):
        return INSTRUCTIONS
    return TASKS


def first_step_rows(files: ImportFiles, fields: Mapping[str, str] | None) -> list[NumberedRow]:
    """Return the rows of the first step: those of its file, else those in the file of raw instances, else tasks.

    Args:
        files: the files of the import.
        fields: of a file of tasks, the names of fields by their meaning.

    Raises:
        InputError: a row of the released code has no instruction, or there is none at all.
    """
    if not files.paths.keys() & {INSTRUCTIONS, INSTANCES}:
        return _task_rows(files, fields)
    files.passed_over += [files.paths.pop(TASKS), *files.more_tasks] if TASKS in files.paths else []
    content = INSTRUCTIONS if INSTRUCTIONS in files.paths else INSTANCES
    path, rows = files.paths[content], list(files.rows(content))
    if not rows:
        raise InputError(f"{path}: is empty; nothing to import.")
    for line, row in rows:
        if not isinstance(row.get("instruction"), str):
            raise InputError(f"{path}:{line}: `instruction` is missing; is this a file of the original step 1?")
    if content == INSTRUCTIONS:
        return rows
    return [(line, row | {"metadata": row.get("instruction_metadata")}) for line, row in rows]


def _task_rows(files: ImportFiles, fields: Mapping[str, str] | None) -> list[NumberedRow]:
    """The tasks of files of any shape, in the form of the first step's rows, with their `instances`.

    Rows of one instruction are one task. Rows without a task are left out and counted.
    """
    tasks: dict[str, NumberedRow] = {}
    columns, position = (
        (fields or {}).values(),
        0,
    )  # over all files, because consecutive rows do not belong to one reply
    for path in (files.paths[TASKS], *files.more_tasks):
        account = files.accounts[str(path)] = RowAccount(str(path))
        for line, row in files.counted(read_rows(path, bare_text=True, account=account, columns=columns)):
            position += 1
            if position == 1 and _can_be_read_once(path) and _content_of_row(row) != TASKS:
                raise InputError(
                    f"{path}: holds the replies of a run, which are read from files only; write it to a file."
                )
            try:
                found = [read_task_row(part, fields) for part in _parts_of(row)]
            except ShapeError as exc:
                account.leave_out(line, exc.reason, str(exc))
                continue
            has_mark = any(pair.output == CAMELS_MARK for task in found for pair in task.instances)
            account.use(found[0].shape_name, (*found[0].notes, *([WITH_MARK] if has_mark else [])))
            for task in found:
                _, known = tasks.setdefault(task.instruction, (position, _first_step_row(task.instruction, row)))
                pairs = (pair for pair in task.instances if pair.output != CAMELS_MARK)
                known["instances"] += [{"input": pair.input, "output": pair.output} for pair in pairs]
                if task.is_classification is not None:
                    known["is_classification"] = task.is_classification
        require_used(account, bool(fields))
    return list(tasks.values())


def _first_step_row(instruction: str, row: Row) -> Row:
    similar = row.get("most_similar", row.get("most_similar_instructions"))
    kept: Row = {name: row[name] for name in ("avg_similarity_score", "model_name") if name in row}
    request = row.get("generic_request")  # curator's
    if isinstance(request, dict) and isinstance(request.get("model"), str):
        kept["model_name"] = request["model"]
    return {"instruction": instruction, "most_similar": similar, "instances": [], **kept}


def _parts_of(row: Row) -> list[Row]:
    """The rows that a row of other tools represents: one for each instruction of a list, a logged chat, or itself."""
    for name in _LISTS:
        texts = row.get(name)
        if "instruction" not in row and isinstance(texts, list) and texts and all(isinstance(t, str) for t in texts):
            return [{"instruction": text} for text in texts]
    request = row.get("generic_request")
    if isinstance(request, dict) and isinstance(request.get("messages"), list):
        reply = row.get("response_message")
        turns = [*request["messages"], {"role": "assistant", "content": reply}] if isinstance(reply, str) else []
        return [{"messages": turns or request["messages"]}]
    if isinstance(row.get("generation"), str) and not any(isinstance(row.get(n), str) for n in ("output", "response")):
        return [row | {"output": row["generation"]}]
    return [row]
