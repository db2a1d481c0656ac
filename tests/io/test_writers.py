"""The one writer: every container holds the rows it was given, whole or not at all, and says what it changed."""

import csv
import gzip
import io
import json
from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from bootstruct.errors import InputError
from bootstruct.io.accounts import RowAccount
from bootstruct.io.column_types import JSON, add_row, fitted, type_of
from bootstruct.io.formulas import guarded, unguarded
from bootstruct.io.rows import read_rows
from bootstruct.io.writers import (
    FileForm,
    form_of,
    require_other_file,
    write_rows,
)
from tests.support.scripts import HAS_PARQUET

ROWS: list[dict[str, Any]] = [
    {"instruction": 'Say \u2028, "quoted" 中', "input": "a, b;\tc", "output": "line\nline\r\nline"},
    {"instruction": "Count.", "input": "", "output": "-5"},
]
TYPED: list[dict[str, Any]] = [
    {"text": "a", "number": 1, "flag": True, "list": ["x"], "inner": {"a": 1}},
    {"text": "b", "number": 2.5, "flag": None, "list": [], "inner": {"b": [None, "y"]}},
]


def read(path: Path) -> list[dict[str, Any]]:
    return [row for _, row in read_rows(path)]


@pytest.mark.parametrize(
    "name", ["a.jsonl", "a.ndjson", "a.json", "a.csv", "a.tsv", "a.jsonl.gz", "a.json.gz", "a.csv.gz"]
)
def test_what_is_written_is_read_again(name: str, tmp_path: Path) -> None:
    assert write_rows(tmp_path / name, ROWS).rows == 2
    assert read(tmp_path / name) == ROWS
    once = (tmp_path / name).read_bytes()
    write_rows(tmp_path / name, ROWS)
    assert (tmp_path / name).read_bytes() == once
    assert [entry.name for entry in tmp_path.iterdir()] == [name]


def test_zstd(tmp_path: Path) -> None:
    zstd = pytest.importorskip("backports.zstd", reason="needs backports.zstd")
    write_rows(tmp_path / "a.jsonl.zst", ROWS)
    assert [
        json.loads(line) for line in zstd.decompress((tmp_path / "a.jsonl.zst").read_bytes()).split(b"\n")[:-1]
    ] == ROWS


@pytest.mark.parametrize("name", ["a.parquet", "a.arrow", "a.feather"])
def test_tables_keep_types(name: str, tmp_path: Path) -> None:
    parquet = pytest.importorskip("pyarrow.parquet", reason="needs pyarrow")
    feather = pytest.importorskip("pyarrow.feather", reason="needs pyarrow")
    assert write_rows(tmp_path / name, TYPED).notes == []
    reader = parquet if name.endswith("parquet") else feather
    assert reader.read_table(tmp_path / name).to_pylist() == [
        TYPED[0] | {"number": 1.0, "inner": {"a": 1, "b": None}},
        TYPED[1] | {"inner": {"a": None, "b": [None, "y"]}},
    ]


def test_a_folder_of_datasets(tmp_path: Path) -> None:
    pyarrow = pytest.importorskip("pyarrow", reason="needs pyarrow")
    for rows in (TYPED, ROWS):  # the second replaces the first
        write_rows(tmp_path / "set", rows, FileForm("dataset"))
    with pyarrow.ipc.open_stream((tmp_path / "set" / "data-00000-of-00001.arrow").read_bytes()) as stream:
        assert stream.read_all().to_pylist() == ROWS
    assert [entry.name for entry in tmp_path.iterdir()] == ["set"]
    (tmp_path / "set" / "thesis.tex").write_text("x")
    with pytest.raises(InputError, match=r"holds thesis\.tex, which would be lost"):
        write_rows(tmp_path / "set", ROWS, FileForm("dataset"))
    assert (tmp_path / "set" / "state.json").is_file()
    (tmp_path / "file").write_text("x")
    with pytest.raises(InputError, match="is a file; the container `dataset` is a folder"):
        write_rows(tmp_path / "file", ROWS, FileForm("dataset"))


def test_mixed_types_become_json_text_and_are_told(tmp_path: Path) -> None:
    pytest.importorskip("pyarrow", reason="needs pyarrow")
    rows = [{"a": 4, "b": {"x": 1}}, {"a": ["é"], "b": {"x": "1"}}, {"a": "text", "b": None}, {"a": 2**70}, {"a": True}]
    written = write_rows(tmp_path / "a.parquet", rows)
    assert written.notes == ["2 columns with values of several types, written as JSON text: a, b"]
    assert [row["a"] for row in read(tmp_path / "a.parquet")] == ["4", '["é"]', "text", str(2**70), "true"]
    assert [row["b"] for row in read(tmp_path / "a.parquet")][:2] == [{"x": "1"}, {"x": "1"}]


def test_a_map_is_no_column_of_a_thousand_fields() -> None:
    assert type_of({str(n): 0.5 for n in range(1000)}) == JSON
    columns: dict[str, Any] = {}
    for n in range(100):
        add_row(columns, {"similar": {f"text {n}": 0.5}})
    assert columns["similar"] == JSON
    assert json.loads(fitted({"a": 0.5}, columns["similar"])) == {"a": 0.5}


def test_numbers_that_a_float_would_round_stay_exact() -> None:
    columns: dict[str, Any] = {}
    for value in (2**60 + 1, 0.5):
        add_row(columns, {"n": value})
    assert fitted(2**60 + 1, columns["n"]) == str(2**60 + 1)


@given(st.text())
@example("=1+1")
@example("'=1")
@example("''-x")
@example("-5")
@example("'-5")
@example("\t")
def test_a_guarded_text_is_no_formula_and_comes_back(text: str) -> None:
    cell = guarded(text)
    assert unguarded(cell) == text
    if cell[:1] in ("=", "+", "-", "@", "\t", "\r"):
        float(cell.removesuffix("%"))


@given(
    st.lists(
        st.fixed_dictionaries({"a": st.text(st.characters(codec="utf-8")), "b": st.text("\"',;\t\r\n=-@ ab")}),
        min_size=1,
    )
)
def test_any_text_comes_back_from_csv(rows: list[dict[str, str]]) -> None:
    stream = io.BytesIO()
    write_rows(stream, rows, FileForm("csv"))
    found = csv.DictReader(io.StringIO(stream.getvalue().decode(), newline=""))
    assert [{name: unguarded(cell) for name, cell in row.items()} for row in found] == rows


def test_formulas_in_csv_are_counted(tmp_path: Path) -> None:
    written = write_rows(tmp_path / "a.csv", [{"a": '=HYPERLINK("x")', "b": "@x", "c": "-3.5", "d": -3}])
    assert written.notes == ["2 texts that a spreadsheet would take for a formula, led by an apostrophe"]
    assert (tmp_path / "a.csv").read_text() == 'a,b,c,d\n"\'=HYPERLINK(""x"")",\'@x,-3.5,-3\n'


def test_columns_of_all_rows_are_in_a_table(tmp_path: Path) -> None:
    write_rows(tmp_path / "a.csv", [{"a": "x"}, {"b": [1, "é"], "a": None}, {"c": True}])
    assert (tmp_path / "a.csv").read_bytes().decode() == 'a,b,c\r\nx,,\r\n,"[1, ""é""]",\r\n,,true\r\n'


HALF = [{"a": "fine"}, {"a": "half \ud83d"}]


@pytest.mark.parametrize("name", ["a.csv", "a.tsv", "a.txt", "a.parquet"])
def test_half_a_character_fits_into_json_only(name: str, tmp_path: Path) -> None:
    if name.endswith("parquet"):
        pytest.importorskip("pyarrow", reason="needs pyarrow")
    with pytest.raises(InputError, match=r"row 2: contains half of a character|column 'a'"):
        write_rows(tmp_path / name, HALF)
    assert list(tmp_path.iterdir()) == []
    for ending in (".jsonl", ".json"):
        write_rows(tmp_path / f"a{ending}", HALF)
        assert [row for _, row in read_rows(tmp_path / f"a{ending}", surrogates="keep")] == HALF


@pytest.mark.parametrize("name", ["a.csv", "a.tsv", *(["a.parquet"] if HAS_PARQUET else [])])
def test_bytes_that_are_no_utf8_fit_into_lines_only(name: str, tmp_path: Path) -> None:
    (tmp_path / "in.jsonl").write_bytes(b'{"text": "\xff"}\n')
    rows = (row for _, row in read_rows(tmp_path / "in.jsonl", surrogates="keep", is_raw=True))
    with pytest.raises(InputError, match=r"half of a character|do not fit into a table"):
        write_rows(tmp_path / name, rows)
    assert not (tmp_path / name).exists()


def test_plain_text(tmp_path: Path) -> None:
    write_rows(tmp_path / "a.txt", [{"text": "one"}, {"instruction": "two", "input": None}])
    assert (tmp_path / "a.txt").read_text() == "one\ntwo\n"
    with pytest.raises(InputError, match="row 1: a line of plain text holds one text, but this row has a, b"):
        write_rows(tmp_path / "a.txt", [{"a": "x", "b": "y"}])
    with pytest.raises(InputError, match="row 2: its text has several lines"):
        write_rows(tmp_path / "a.txt", [{"a": "x"}, {"a": "x\ny"}])
    assert (tmp_path / "a.txt").read_text() == "one\ntwo\n"


def test_values_that_json_has_no_form_for() -> None:
    stream = io.BytesIO()
    write_rows(stream, [{"at": datetime(2024, 1, 2, tzinfo=UTC), "price": Decimal("1.10"), "image": b"\x00\xff"}])
    assert json.loads(stream.getvalue()) == {"at": "2024-01-02T00:00:00+00:00", "price": "1.10", "image": "AP8="}


def test_no_rows(tmp_path: Path) -> None:
    for name, content in {"a.jsonl": "", "a.json": "[]\n", "a.csv": "\n"}.items():
        write_rows(tmp_path / name, [])
        assert (tmp_path / name).read_text() == content


def test_the_name_says_what_a_file_becomes() -> None:
    assert form_of(Path("a.b/x.JSONL.GZ")) == FileForm("jsonl", "gzip")
    assert form_of(Path("x"), "json") == FileForm("json")
    assert form_of(Path("x.gz"), "csv") == FileForm("csv", "gzip")
    assert form_of(Path("x.csv"), container="tsv") == FileForm("tsv")
    with pytest.raises(InputError, match=r"is compressed inside; leave out '\.gz'"):
        form_of(Path("x.parquet.gz"))
    with pytest.raises(InputError, match="container 'xml': unknown; use one of jsonl, json, "):
        form_of(Path("x"), container="xml")


def test_a_failure_leaves_the_file_as_it_was(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text("before")
    stream = io.BytesIO()

    def rows() -> Iterator[dict[str, int]]:
        yield {"a": 1}
        raise ZeroDivisionError

    for target, form in ((tmp_path / "a.json", None), (stream, None), (tmp_path / "set", FileForm("dataset"))):
        if form is None or HAS_PARQUET:
            with pytest.raises(ZeroDivisionError):
                write_rows(target, rows(), form)
    assert stream.getvalue() == b""
    assert [(entry.name, entry.read_text()) for entry in tmp_path.iterdir()] == [("a.json", "before")]


@pytest.mark.parametrize("name", ["a.xlsx", "a.YAML", "a.jsonl.bz2", "a.xlsx.gz"])
def test_what_is_not_written_is_refused_by_its_ending(name: str) -> None:
    with pytest.raises(InputError, match="no rows are written as"):
        form_of(Path(name))
    assert form_of(Path(name.removesuffix(".gz")), container="csv").container == "csv"
    assert form_of(Path("train.v2")).container == "jsonl"


def test_an_input_is_not_written_over(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_text("{}\n")
    (tmp_path / "link.jsonl").symlink_to(tmp_path / "a.jsonl")
    (tmp_path / "hard.jsonl").hardlink_to(tmp_path / "a.jsonl")
    for name in ("a.jsonl", "link.jsonl", "hard.jsonl", "x/../a.jsonl"):
        with pytest.raises(InputError, match="is an input, which would be lost"):
            require_other_file(tmp_path / name, [tmp_path / "b.jsonl", tmp_path / "a.jsonl"])
    require_other_file(tmp_path / "b.jsonl", [tmp_path / "a.jsonl"])


def test_gzip_says_no_time(tmp_path: Path) -> None:
    write_rows(tmp_path / "a.jsonl.gz", ROWS)
    content = (tmp_path / "a.jsonl.gz").read_bytes()
    assert content[3:8] == b"\0\0\0\0\0"
    assert gzip.decompress(content).count(b"\n") == 2


def test_an_apostrophe_that_is_taken_off_is_counted(tmp_path: Path) -> None:
    path, account = tmp_path / "rows.csv", RowAccount("rows.csv")
    write_rows(path, [{"instruction": "Add.", "output": "=1+1"}, {"instruction": "Sing.", "output": "La."}])
    assert [row["output"] for _, row in read_rows(path, account=account)] == ["=1+1", "La."]
    assert dict(account.notes) == {"with the apostrophe taken off that keeps a spreadsheet from computing a text": 1}
