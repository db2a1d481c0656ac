"""A name that comes twice in one JSON object: found wherever it stands, and no text is taken for one."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bootstruct.errors import InputError
from bootstruct.io.accounts import RowAccount
from bootstruct.io.row_faults import RowFault
from bootstruct.io.rows import read_rows
from bootstruct.io.unique_names import TWICE, unique

TEXTS = st.text(alphabet=st.sampled_from('ab":\\ \t\n{},'), max_size=8)
VALUES = st.recursive(
    TEXTS | st.integers(0, 3) | st.none(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=6,
)
BLANKS = st.sampled_from(["", " ", "  ", "\t", "\n", "\r\n"])


def named_twice(pairs: list[tuple[str, Any]]) -> bool:
    """Whether a name of these pairs comes with different values, as the slow way finds it."""
    found: list[str] = []

    def hook(inner: list[tuple[str, Any]]) -> dict[str, Any]:
        named = dict(inner)
        found.extend(name for name, value in inner if named[name] != value)
        return named

    hook([(name, json.loads(json.dumps(value), object_pairs_hook=hook)) for name, value in pairs])
    return bool(found)


@given(st.lists(st.tuples(TEXTS, VALUES), max_size=4), BLANKS, BLANKS)
def test_it_is_found_whatever_the_texts_hold(pairs: list[tuple[str, Any]], before: str, after: str) -> None:
    fields = (f"{json.dumps(name)}{before}:{after}{json.dumps(value)}" for name, value in pairs)
    text = "{" + ",".join(fields) + "}"
    found = unique(json.loads(text), text)
    assert isinstance(found, RowFault) == named_twice(pairs)
    if not isinstance(found, RowFault):
        assert found == dict(pairs)


@pytest.mark.parametrize(
    "text",
    [
        '{"a": 1, "a": 2}',
        '{"a" : 1, "a"\t: 2}',
        '{"a": "x\\": y", "a": 2}',
        '{"a\\\\": 1, "a\\\\": 2}',
        '{"b": {"a": 1, "a": 2}}',
        '{"b": [[{"a": 1}, {"a": 1, "a": {"c": 1}}]]}',
        '{"a": {"c": 1, "c": 2}, "a": 3}',
    ],
)
def test_examples(text: str, tmp_path: Path) -> None:
    row = {"instruction": "Name a fruit."}
    for name, content in (("a.jsonl", f"{json.dumps(row)}\n{text}\n"), ("a.json", f"[{json.dumps(row)},\n{text}]")):
        path, account = tmp_path / name, RowAccount(name)
        path.write_text(content)
        assert [found for _, found in read_rows(path, account=account)] == [row]
        assert account.left_out == {TWICE: [2]}
        with pytest.raises(InputError, match="is named twice, with different values"):
            list(read_rows(path))


def test_equal_values_are_no_fault(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text('{"text": "a", "text": "a"}\n')
    assert [row for _, row in read_rows(path)] == [{"text": "a"}]


@pytest.mark.parametrize("form", ["parquet", "arrow", "stream"])
def test_a_column_of_a_table_that_comes_twice(form: str, tmp_path: Path) -> None:
    parquet = pytest.importorskip("pyarrow.parquet", reason="pyarrow is not installed")
    pyarrow = pytest.importorskip("pyarrow")

    whole = pyarrow.array(["a"])
    inner = pyarrow.StructArray.from_arrays([whole, whole], names=["k", "k"])
    for names, columns in ((["text", "text"], [whole, whole]), (["text", "meta"], [whole, inner])):
        table = pyarrow.Table.from_arrays(columns, names=names)
        path = tmp_path / f"{names[1]}.{form}"
        if form == "parquet":
            parquet.write_table(table, path)
        else:
            make = pyarrow.ipc.new_file if form == "arrow" else pyarrow.ipc.new_stream
            with make(path, table.schema) as writer:
                writer.write_table(table)
        with pytest.raises(InputError, match=r"has the column '(text|k)' twice; rename one"):
            list(read_rows(path))


def test_two_answers_in_lists_are_a_pair_and_no_columns(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    turns = [[{"role": "user", "content": "Hi"}, {"role": "assistant", "content": text}] for text in ("a", "b")]
    path.write_text(json.dumps(dict(zip(("chosen", "rejected"), turns, strict=True))) + "\n")
    assert [row for _, row in read_rows(path)] == [{"chosen": turns[0], "rejected": turns[1]}]
    path.write_text(json.dumps({"chosen": turns, "rejected": turns}) + "\n")  # columns of lists
    assert [row["chosen"] for _, row in read_rows(path)] == turns
    path.write_text(json.dumps({"chosen": ["a", "b"], "rejected": ["c", "d"]}) + "\n")  # columns of texts
    assert [row["chosen"] for _, row in read_rows(path)] == ["a", "b"]
