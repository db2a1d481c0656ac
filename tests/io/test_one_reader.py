"""One reader: whatever a file of rows looks like, every command that reads it gets the same rows."""

import ast
import gzip
import io
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from bootstruct.deduplication.comparison import RowComparison
from bootstruct.deduplication.filter import read as read_for_dedup
from bootstruct.errors import InputError
from bootstruct.evaluation.predict import read_header
from bootstruct.finetuning.data import read_part
from bootstruct.finetuning.settings import MixturePart
from bootstruct.io.accounts import RowAccount
from bootstruct.io.rows import read_rows
from bootstruct.io.writers import FileForm, write_rows
from bootstruct.pocket.demo.steps import open_record
from bootstruct.reporting.from_files import file_subject
from bootstruct.reviewing.sheet import RatingSheet
from bootstruct.run.folder import read_plan, read_suspended
from bootstruct.run.init import init_run
from tests.support.paths import ROOT

PACKAGE = ROOT / "src" / "bootstruct"
ROWS: list[dict[str, Any]] = [
    {"instruction": "Name a fruit.", "input": "", "output": "apple"},
    {"instruction": 'Say \u2028 and \u0085, "quoted", 中', "input": "a, b", "output": "line\nline"},
    {"instruction": "Name a colour.", "input": "x\ty", "output": "rouge"},
]


def csv_of(rows: list[dict[str, Any]]) -> str:
    cells = [list(rows[0]), *(row.values() for row in rows)]
    return "".join(",".join('"' + cell.replace('"', '""') + '"' for cell in line) + "\n" for line in cells)


def lines(path: Path, *rows: dict[str, Any]) -> Path:
    """A file of JSON lines."""
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


CONTAINERS: dict[str, Callable[[list[dict[str, Any]]], bytes]] = {
    "rows.jsonl": lambda rows: b"".join(json.dumps(row, ensure_ascii=False).encode() + b"\n" for row in rows),
    "bom.jsonl": lambda rows: b"\xef\xbb\xbf" + b"".join(json.dumps(row).encode() + b"\r\n" for row in rows),
    "blank.jsonl": lambda rows: b"\n" + b"\n \n".join(json.dumps(row).encode() for row in rows),
    "list.json": lambda rows: json.dumps(rows, indent=1).encode(),
    "list.jsonl": lambda rows: json.dumps(rows).encode(),
    "rows.json": lambda rows: b"\n".join(json.dumps(row).encode() for row in rows),
    "columns.json": lambda rows: json.dumps({name: [row[name] for row in rows] for name in rows[0]}, indent=1).encode(),
    "columns-on-a-line.json": lambda rows: json.dumps({name: [row[name] for row in rows] for name in rows[0]}).encode(),
    "pandas.json": lambda rows: json.dumps(
        {name: {str(n): row[name] for n, row in enumerate(rows)} for name in rows[0]}
    ).encode(),
    "a-table-by-its-head-line": lambda rows: csv_of(rows).encode(),
    "tabs.tsv": lambda rows: csv_of(rows).replace('","', '"\t"').encode(),
    "packed.csv.gz": lambda rows: gzip.compress(b"\xef\xbb\xbf" + csv_of(rows).encode()),
    "long-lines.jsonl": lambda rows: b"".join(
        json.dumps({"pad": "x" * 100_000} | row).encode() + b"\n" for row in rows
    ),
    "rows.csv": lambda rows: csv_of(rows).encode(),
    "rows.txt": lambda rows: b"\n".join(json.dumps(row).encode() for row in rows),
    "packed.jsonl.gz": lambda rows: gzip.compress(b"\n".join(json.dumps(row).encode() for row in rows)),
}


@pytest.mark.parametrize("name", CONTAINERS)
def test_the_rows_are_the_same_whatever_holds_them(name: str, tmp_path: Path) -> None:
    path = tmp_path / name
    path.write_bytes(CONTAINERS[name](ROWS))
    for read in (read_rows, read_for_dedup):
        assert [{key: row[key] for key in row if key != "pad"} for _, row in read(path)] == ROWS
    assert [task.text for task in file_subject(path, "rows").tasks] == [row["instruction"] for row in ROWS]
    examples = read_part(MixturePart(str(path)))[1]
    assert [example.task for example in examples] == [row["instruction"] for row in ROWS]
    assert [example.messages[-1].content for example in examples] == [row["output"] for row in ROWS]


def test_parquet_is_told_by_its_content(tmp_path: Path) -> None:
    pytest.importorskip("pyarrow", reason="needs pyarrow")
    path = tmp_path / "no-ending"
    write_rows(path, ROWS, FileForm("parquet"))
    assert [row for _, row in read_rows(path)] == ROWS == [row for _, row in read_for_dedup(path)]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b'{"a": 1}\nnonsense\n', r":2: not JSON"),
        (b'{"a": 1}\n[1]\n', r":2: expected an object, found list"),
        (b'[{"a": 1}, 3]', r": row 2: expected an object, found int"),
        (b'{"a": "\\ud800"}\n', r":1: contains half of a character"),
        (b'{"a": 1}\n{"a": "\xff"}\n', r":2: not UTF-8"),
        (b"\x28\xb5\x2f\xfd....", r"cannot be read|compressed with zstd"),
        (b"\x1f\x8b" + b"not gzip at all", r"cannot be read"),
        (gzip.compress(b'{"a": 1}\n' * 100, mtime=0)[:-30], r"cannot be read"),
        (b"\xff\xfe{\x00\x00", r"is damaged UTF-16"),
        (b"{\n", r"not JSON"),
        (b"[" * 100_000, r"not JSON"),
    ],
    ids=range(11),
)
def test_faults_are_named_at_their_place(content: bytes, message: str, tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_bytes(content)
    with pytest.raises(InputError, match=message):
        list(read_rows(path))


@pytest.mark.parametrize(
    ("content", "rows"),
    [
        (b'{"a": 1, "a": 1}\n', [{"a": 1}]),
        (b'{"a": 1}\r\n\r\n{"a": 2}', [{"a": 1}, {"a": 2}]),
        (b'{"tags": ["x"]}\n{"tags": ["y"]}\n', [{"tags": ["x"]}, {"tags": ["y"]}]),
        (b'{"instances": []}\n', [{"instances": []}]),
        (b'{"messages": [{"role": "user", "content": "x"}]}', [{"messages": [{"role": "user", "content": "x"}]}]),
        (b'{"conversations": ["x", "y"]}', [{"conversations": ["x", "y"]}]),
        (b'{"prompt": ["x", "y"], "n": [1, 2]}', [{"prompt": "x", "n": 1}, {"prompt": "y", "n": 2}]),
        (b'{"a": [1, 2], "b": [1]}', [{"a": [1, 2], "b": [1]}]),
        (b'{"metadata": {}}', [{"metadata": {}}]),
        (b'{\n "a": 1\n}\n', [{"a": 1}]),
        (b"\xef\xbb\xbf", []),
        (b"\n \n", []),
        (b"[]", []),
    ],
)
def test_what_is_a_row_and_what_is_a_table(content: bytes, rows: list[dict[str, Any]], tmp_path: Path) -> None:
    (tmp_path / "rows").write_bytes(content)
    assert [row for _, row in read_rows(tmp_path / "rows")] == rows


def test_faults_can_be_left_out_by_name_instead(tmp_path: Path) -> None:
    (tmp_path / "rows").write_bytes(b'{"a": 1}\nno\n[1]\n{"a": "\\ud800"}\n{"a": 2}\n')
    account = RowAccount("rows")
    assert list(read_rows(tmp_path / "rows", account=account)) == [(1, {"a": 1}), (5, {"a": 2})]
    assert account.left_out == {"not JSON": [2], "not an object": [3], "with half of a character": [4]}
    assert (account.read, account.omitted) == (5, 3)


@pytest.mark.parametrize("name", CONTAINERS)
def test_the_standard_input_is_read_like_a_file(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    stream = io.TextIOWrapper(io.BytesIO(CONTAINERS[name](ROWS)))
    monkeypatch.setattr(sys, "stdin", stream)
    assert [{key: row[key] for key in row if key != "pad"} for _, row in read_rows(Path("-"))] == ROWS


def test_parquet_on_the_standard_input(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("pyarrow", reason="needs pyarrow")
    stream = io.BytesIO()
    write_rows(stream, ROWS, FileForm("parquet"))
    stream.seek(0)
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(stream))
    assert [row for _, row in read_rows(Path("-"))] == ROWS


def test_a_line_that_never_ends_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bootstruct.io.json_values.LONGEST_LINE", 1000)
    (tmp_path / "rows").write_bytes(b'{"a": 1}\n{"a": "' + b"x" * 5000)
    with pytest.raises(InputError, match=r"rows:2: a line of more than"):
        list(read_rows(tmp_path / "rows"))


def test_a_head_line_that_names_a_column_twice_is_refused(tmp_path: Path) -> None:
    (tmp_path / "rows.csv").write_text("instruction,output,output\na,b,c\n")
    with pytest.raises(InputError, match=r"rows\.csv:1: the head line names 'output' twice"):
        list(read_rows(tmp_path / "rows.csv"))


def test_a_cell_may_be_long(tmp_path: Path) -> None:
    (tmp_path / "rows.csv").write_text("instruction,output\na," + "b" * 500_000 + "\n")
    assert [len(row["output"]) for _, row in read_rows(tmp_path / "rows.csv")] == [500_000]


def test_a_table_whose_rows_do_not_fit_is_refused_at_its_line(tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    path.write_text("instruction,output\nName a fruit, please,apple\n")
    with pytest.raises(InputError, match=r"rows\.csv:2: has 3 fields where the head line names 2"):
        list(read_rows(path))


def test_half_a_character_is_kept_where_it_is_only_shown(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_text('{"instruction": "a\\ud800b", "output": "x"}\n')
    assert [row["instruction"] for _, row in read_rows(path, surrogates="keep")] == ["a\ud800b"]
    assert [task.text for task in file_subject(path, "rows").tasks] == ["a\ud800b"]


# Files of one JSON value

OWN_READING = {  # module -> why it does not read JSON files by `io.rows`
    "embeddings/local.py": "a file of a model, in the format of its library",
    "engines/local/load.py": "a file of a model, in the format of its library",
    "finetuning/checkpoints.py": "its own record, and a file of the trainer",
}


def test_json_files_are_read_by_the_one_reader() -> None:
    found = set()
    for path in sorted(PACKAGE.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and ast.unparse(node.func) in ("json.loads", "orjson.loads", "json.load"):
                given = ast.unparse(node.args[0])
                if "read_text(" in given or "read_bytes(" in given or "open(" in given:
                    found.add(str(path.relative_to(PACKAGE)))
    assert found == set(OWN_READING)


@pytest.mark.parametrize("content", [b"{", b"\xff\xfe", b"[1]", b"null", b'{"model": 1'])
def test_broken_notes_are_one_sentence_with_their_place(content: bytes, tmp_path: Path) -> None:
    readers: dict[str, Callable[[], object]] = {
        "evaluation.json": lambda: read_header(tmp_path),
        "key.json": lambda: RatingSheet(tmp_path, "digest").key(),
        "steps.json": lambda: open_record(tmp_path, "pocket"),
        "python.json": lambda: read_plan(tmp_path),
    }
    init_run(tmp_path, "paper", "openai/m")
    for name, read in readers.items():
        (tmp_path / name).write_bytes(content)
        with pytest.raises(InputError) as caught:
            read()
        assert str(caught.value).startswith(f"{tmp_path / name}:"), name
        assert "\n" not in str(caught.value)
        (tmp_path / name).unlink()
    (tmp_path / "aside.json").write_bytes(content)
    assert read_suspended(tmp_path) == {}


def test_numbers_and_lists_of_texts_are_read_alike_by_all(tmp_path: Path) -> None:
    path = lines(tmp_path / "rows.jsonl", {"instruction": 12, "output": 3}, {"instruction": ["Sing."], "output": "La."})
    texts = [RowComparison().text(row) for _, row in read_for_dedup(path)]
    assert texts == [task.text for task in file_subject(path, "rows").tasks] == ["12", "Sing."]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b'{"instruction": "a", "output": "b"},\n', "a comma after the object, which lines do not have"),
        (gzip.compress(b'{"instruction": "a"}\n' * 500, mtime=0)[:-20], "ends too early, as after a broken download"),
        (
            b'{"question": {"text": "a", "lang": "en"}}\n',
            r"an object; name a field in it with --fields \(question.text, ",
        ),
    ],
)
def test_what_people_meet_is_named_with_what_to_do(content: bytes, message: str, tmp_path: Path) -> None:
    path = tmp_path / "rows"
    path.write_bytes(content)
    with pytest.raises(InputError, match=message):
        file_subject(path, "rows")


def test_a_spreadsheet_may_end_its_head_line_with_separators(tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    path.write_text("instruction;output;;\nSing.;La.;;\nDance.;;;x\n")
    account = RowAccount("rows.csv")
    assert [row for _, row in read_rows(path, account=account)] == [{"instruction": "Sing.", "output": "La."}]
    assert account.omitted == 1
