"""An export holds no rows: they are made and written one at a time, told while that goes on, and there all or not at all."""

import gc
import io
import sys
from pathlib import Path

import pytest

from bootstruct.cli.bars import progress_bar
from bootstruct.engines.scripted import ScriptedEngine
from bootstruct.errors import InputError
from bootstruct.export import files
from bootstruct.export.files import export_runs
from bootstruct.export.formats import FORMATS
from bootstruct.export.rows import TrainingRow
from bootstruct.export.selection import RunSource
from bootstruct.io import row_writers
from bootstruct.io.rows import read_rows
from bootstruct.io.writers import row_writer
from tests.support.scripts import HAS_PARQUET, answer, run_to

needs_parquet = pytest.mark.skipif(not HAS_PARQUET, reason="pyarrow is not installed")
FILES = ("a.jsonl", "a.json", "a.csv", "a.tsv.gz", *(("a.parquet", "a.arrow") if HAS_PARQUET else ()))


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> RunSource:
    folder = tmp_path_factory.mktemp("run")
    path = folder / "journal.jsonl"
    return RunSource(run_to(path, ScriptedEngine(answer), 60), path, (), folder)


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("format", ["alpaca", "messages", "sharegpt", "prompt-completion", "parquet"])
def test_no_list_of_rows_is_held(
    name: str, format: str, run: RunSource, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(files, "PROGRESS_ROWS", 1)
    gc.freeze()  # what is there already, millions of objects in a long test run, is not looked through for each row
    alive, told = [], []

    def count(done: int, total: int) -> None:
        alive.append(sum(isinstance(value, TrainingRow) for value in gc.get_objects()))
        told.append((done, total))

    try:
        result = export_runs([run], format, tmp_path / name, on_progress=count)
    finally:
        gc.unfreeze()
    rows = sum(result.files.values())
    assert rows > 40
    assert max(alive) < 6
    assert told == [*((done, rows) for done in range(1, rows + 1)), (rows, rows)]


def test_parts_are_there_all_or_none(run: RunSource, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(row: object) -> None:
        raise InputError("no room")

    writers = []

    def failing(*arguments: object) -> object:
        context = row_writer(*arguments)  # type: ignore[arg-type]
        writers.append(context)
        if len(writers) == 2:
            monkeypatch.setattr(row_writers.JsonLines, "add", lambda self, row: refuse(row))
        return context

    monkeypatch.setattr(files, "row_writer", failing)
    with pytest.raises(InputError, match="no room"):
        export_runs([run], "messages", tmp_path / "a.jsonl", splits={"test": 0.3})
    assert list(tmp_path.iterdir()) == []


def test_what_openai_refuses_is_not_written(run: RunSource, tmp_path: Path) -> None:
    few = {task.name for task in run.state.accepted[4:]}
    with pytest.raises(InputError, match="examples, but at least 10 are needed"):
        export_runs([RunSource(run.state, run.journal, few)], "openai", tmp_path / "a.jsonl")
    assert list(tmp_path.iterdir()) == []


@needs_parquet
@pytest.mark.parametrize("bound", ["rows", "characters"])
def test_tables_are_written_in_batches(bound: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import pyarrow.parquet

    monkeypatch.setattr(row_writers, "BATCH", 7 if bound == "rows" else 1 << 14)
    monkeypatch.setattr(row_writers, "BATCH_CHARACTERS", 1 << 24 if bound == "rows" else 500)
    for columns in (None, FORMATS["alpaca"].columns):
        with row_writer(tmp_path / "a.parquet", None, columns) as writer:
            for n in range(40):
                writer.add(dict.fromkeys(("id", "instruction", "input", "output"), f"text {n} " * 3))
        assert pyarrow.parquet.ParquetFile(tmp_path / "a.parquet").num_row_groups >= 6
        assert [row["id"] for _, row in read_rows(tmp_path / "a.parquet")] == [f"text {n} " * 3 for n in range(40)]


@needs_parquet
@pytest.mark.parametrize("format", ["alpaca", "messages", "sharegpt", "prompt-completion"])
def test_the_columns_of_a_format_are_those_that_its_rows_give(format: str, run: RunSource, tmp_path: Path) -> None:
    import pyarrow.parquet

    export_runs([run], format, tmp_path / "given.parquet")
    with row_writer(tmp_path / "found.parquet") as writer:
        for row in FORMATS[format].objects(run.state.recipe, _rows(run)):
            writer.add(row)
    given, found = (pyarrow.parquet.read_table(tmp_path / f"{name}.parquet") for name in ("given", "found"))
    assert given.schema == found.schema
    assert given.equals(found)


class _Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_a_terminal_shows_what_is_done_and_the_time_left(monkeypatch: pytest.MonkeyPatch) -> None:
    shown = _Terminal()
    monkeypatch.setattr(sys, "stderr", shown)
    for name, value in (("TERM", "xterm"), ("COLUMNS", "120"), ("NO_COLOR", "1")):
        monkeypatch.setenv(name, value)
    with progress_bar() as move:
        move("reading a\x1b[31m", 50, 100)
        move("writing", 25, 100, "25 rows written")
    assert "25 rows written" in shown.getvalue()
    assert "25%" in shown.getvalue()
    assert "-:--:--" in shown.getvalue()  # the time left, which one step does not tell
    assert "\x1b[31m" not in shown.getvalue()


@pytest.mark.parametrize("hidden", [True, False])
def test_nothing_is_shown_elsewhere(hidden: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    shown = _Terminal() if hidden else io.StringIO()
    monkeypatch.setattr(sys, "stderr", shown)
    with progress_bar(hidden) as move:
        move("reading", 50, 100)
    assert shown.getvalue() == ""


def _rows(run: RunSource) -> list[TrainingRow]:
    from bootstruct.export.rows import training_rows

    return list(training_rows(run.state))
