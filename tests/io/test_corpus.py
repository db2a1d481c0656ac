"""The corpus of small files through the one reader and every command: nothing is lost, and the docs say what is refused."""

import io
import json
import os
import re
import sys
import threading
import tracemalloc
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from bootstruct.cli import cli
from bootstruct.errors import InputError
from bootstruct.finetuning.data import read_part
from bootstruct.finetuning.settings import MixturePart
from bootstruct.io.accounts import RowAccount
from bootstruct.io.rows import read_rows
from bootstruct.io.tasks import read_tasks
from tests.io.corpus import CORPUS, GRASS, SKY, SmallFile, alpaca, lines
from tests.io.corpus_table import commands, in_markdown, rows_of_table
from tests.support.paths import ROOT

ZSTD = "compression.zstd" if sys.version_info >= (3, 14) else "backports.zstd"
pytest.importorskip("pyarrow", reason="the corpus holds Parquet and Arrow: pip install 'bootstruct[parquet]'")
pytest.importorskip(ZSTD, reason="the corpus holds zstd: pip install 'bootstruct[zstd]'")


def test_there_are_enough_files_with_names_of_their_own() -> None:
    assert len({small.name for small in CORPUS}) == len(CORPUS) >= 80


@pytest.mark.parametrize("small", CORPUS, ids=lambda small: small.name)
def test_a_file_holds_its_tasks(small: SmallFile, tmp_path: Path) -> None:
    account = RowAccount(small.name)
    rows = read_tasks(small.write(tmp_path), account, bare_text=True)
    if small.tasks is None:
        with pytest.raises(InputError) as caught:
            list(rows)
        assert "\n" not in str(caught.value)
        assert len(str(caught.value)) < 600
        return
    found = [(task.instruction, *pair) for _, task in rows for pair in task.pairs or (("", None),)]
    assert tuple(found) == small.tasks
    assert (account.read, account.used, account.omitted) == (len(small.tasks) + small.bad, len(small.tasks), small.bad)


def test_the_table_in_the_docs_is_what_the_commands_do(tmp_path: Path) -> None:
    page = (ROOT / "docs" / "files.md").read_text(encoding="utf-8")
    shown = re.search(r"<!-- corpus -->\n(.*?)\n<!-- /corpus -->", page, re.DOTALL)
    assert shown is not None
    assert shown[1] == in_markdown(rows_of_table(tmp_path)), "run `python -m tests.io.corpus_table`"


def test_rows_of_one_task_are_one_task_of_a_training(tmp_path: Path) -> None:
    (chats,) = (small for small in CORPUS if small.name == "exported_chats.jsonl")
    (tmp_path / "alpaca.jsonl").write_bytes(lines(*alpaca(SKY, GRASS)))
    for path in (chats.write(tmp_path), tmp_path / "alpaca.jsonl"):
        source, examples = read_part(MixturePart(str(path)))
        assert (source.tasks, len({example.task for example in examples}), len(examples)) == (1, 1, 2)


def test_fields_of_other_names(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_bytes(lines({"q": {"text": "Name a fruit."}, "a": "Apple", "output": "not this"}))
    ((_, task),) = read_tasks(path, RowAccount("rows"), {"instruction": "q.text", "output": "a"})
    assert (task.instruction, task.pairs) == ("Name a fruit.", (("", "Apple"),))
    with pytest.raises(InputError, match="check the names in --fields"):
        list(read_tasks(path, RowAccount("rows"), {"instruction": "x"}))


def test_the_fields_that_were_found_are_named(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_bytes(lines({"title": "a", "body": "b"}))
    with pytest.raises(InputError, match=r"found title, body; name other fields with --fields"):
        list(read_tasks(path, RowAccount("rows")))


def test_what_an_account_says(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_bytes(lines(*alpaca(SKY, GRASS)) + b"no\nno\n" + lines({"output": "y"}, *alpaca(SKY)))
    account = RowAccount("rows.jsonl")
    list(read_tasks(path, account))
    assert account.in_words() == (
        "rows.jsonl (JSON Lines): 6 rows, Alpaca's shape; 3 left out: 2 not JSON (line 3: Expecting value: line 1 column 1 "
        "(char 0)), 1 without an instruction"
    )
    assert account.in_words(lines=True).endswith("\n  not JSON: lines 3-4\n  without an instruction: line 5")
    assert account.to_row()["left_out"] == {"not JSON": [3, 4], "without an instruction": [5]}


class Generated(io.RawIOBase):
    """A stream that is made as it is read."""

    def __init__(self, pieces: Iterator[bytes]) -> None:
        self._pieces, self._held = pieces, b""

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: bytearray) -> int:  # type: ignore[override]
        self._held = self._held or next(self._pieces, b"")
        content, self._held = self._held[: len(buffer)], self._held[len(buffer) :]
        buffer[: len(content)] = content
        return len(content)


@pytest.mark.parametrize("count", [20_000, pytest.param(1_000_000, marks=pytest.mark.slow)])
@pytest.mark.parametrize("form", ["lines", "list"])
def test_many_rows_are_read_piece_by_piece(form: str, count: int, monkeypatch: pytest.MonkeyPatch) -> None:
    between, first, last = {"lines": (b"\n", b"", b"\n"), "list": (b",", b"[", b"]")}[form]

    def pieces() -> Iterator[bytes]:
        if first:
            yield first
        for number in range(count):
            row = {"instruction": f"Count to {number}.", "output": "x" * 200} if number % 100 else {"output": "y"}
            yield json.dumps(row).encode() + (between if number < count - 1 else last)

    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BufferedReader(Generated(pieces()))))
    account = RowAccount("-")
    tracemalloc.start()
    used = sum(1 for _ in read_tasks(Path("-"), account))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert (account.read, used, account.omitted) == (count, count - count // 100, count // 100)
    assert peak < 5_000_000 + count  # the lines of the rows that were left out, and a few pieces


def test_a_pipe_is_read_like_a_file(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    writer = threading.Thread(target=lambda: pipe.write_bytes(lines(*alpaca(SKY, GRASS))))
    writer.start()
    assert len(list(read_rows(pipe))) == 2
    writer.join()


COLUMNS = {  # which column of the table shows how an option or argument of a command reads its file
    "init --seeds": [("init", "seeds"), ("report", "seeds"), ("diversity", "seeds"), ("import", "seeds")],
    "--keep-away": [("init", "keep_away")],
    "dedup": [("dedup", "files")],
    "--against": [("dedup", "against")],
    "report": [("report", "runs"), ("diversity", "runs"), ("push", "source")],
    "select": [("select", "sources")],
    "--test-set": [("report", "test_sets")],
    "finetune": [("finetune", "source"), ("finetune", "mix")],
    "overlap": [("evaluate overlap", "training")],
    "--tasks": [("evaluate overlap", "tasks"), ("evaluate score", "tasks"), ("evaluate user-tasks", "tasks")],
    "ifeval": [("evaluate ifeval", "prompts")],
    "mc": [("evaluate mc", "questions")],
    "perplexity": [("evaluate perplexity", "references")],
    "score": [("evaluate score", "files"), ("evaluate compare", "models"), ("evaluate agree", "models")],
    "judge": [("evaluate judge", "models"), ("evaluate sheet", "models")],
    "--ratings": [("evaluate agree", "ratings"), ("evaluate compare", "ratings")],
    "import": [("import", "sources")],
}
NOT_ROWS = {  # paths that are runs, documents, folders of task files, prompts, settings, keys, or places to write
    *("run", "out", "rejudge", "rewrite_outputs", "reuse", "batch_file", "batch_results", "log", "file", "dropped"),
    *("key", "prompt", "data", "split", "tokenizer", "sheet", "export_", "embeddings", "documents", "taxonomy"),
}


def paths_of(command: click.Command, name: str = "") -> Iterator[tuple[str, str]]:
    """(command, parameter) of all that take a path."""
    if isinstance(command, click.Group):
        context = click.Context(command)
        for own in command.list_commands(context):
            inner = command.get_command(context, own)
            assert inner is not None
            yield from paths_of(inner, f"{name} {own}".strip())
        return
    for parameter in command.params:
        kinds = parameter.type.types if isinstance(parameter.type, click.Tuple) else [parameter.type]
        is_named = parameter.name in ("models", "files", "mix", "seeds") and not getattr(parameter, "is_flag", False)
        if is_named or any(isinstance(kind, click.Path) for kind in kinds):
            yield name, str(parameter.name)


def test_every_path_that_a_command_takes_is_in_the_table(tmp_path: Path) -> None:
    covered = {place for places in COLUMNS.values() for place in places}
    there = set(paths_of(cli))
    missing = {place for place in there - covered if place[1] not in NOT_ROWS}
    models = {
        (f"evaluate {name}", "models") for name in ("superni", "user-tasks", "ifeval", "mc", "perplexity")
    }  # names of models
    runs = {("export", "runs"), ("review", "ratings")}  # runs, and a file to write
    assert (missing - models - runs, covered - there) == (set(), set())
    assert set(COLUMNS) == set(commands(tmp_path))
