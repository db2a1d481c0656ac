"""Small files that stand for gigabytes end in one sentence: texts stored once, blank rows, offsets that point anywhere."""

import io
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from bootstruct.errors import InputError
from bootstruct.io import arrow
from tests.trust.test_bounds import LARGEST, memory

pa = pytest.importorskip("pyarrow", reason="Parquet needs pyarrow: pip install 'bootstruct[parquet]'")
from pyarrow import parquet  # noqa: E402

LONG = "x" * (1 << 20)


def coded(rows: int) -> Any:
    return pa.DictionaryArray.from_arrays(pa.array([0] * rows, pa.int32()), pa.array([LONG]))


def lists() -> Any:
    return pa.ListArray.from_arrays(pa.array(range(1001), pa.int32()), coded(1000))


BOMBS: dict[str, Callable[[], Any]] = {
    "equal texts": lambda: pa.table({"instruction": coded(3000)}),
    "equal texts in lists": lambda: pa.table({"instruction": lists()}),
    "equal texts in objects": lambda: pa.table({"a": pa.StructArray.from_arrays([coded(3000)], ["b"])}),
    "blank rows": lambda: pa.table({"instruction": pa.nulls(5_000_000, pa.string())}),
}


@pytest.mark.parametrize("is_parquet", [True, False], ids=["Parquet", "Arrow"])
@pytest.mark.parametrize("name", BOMBS)
def test_a_small_file_that_stands_for_a_large_one(tmp_path: Path, name: str, is_parquet: bool) -> None:
    table, path = BOMBS[name](), tmp_path / "rows"
    if is_parquet:
        parquet.write_table(table, path, compression="zstd")
    else:
        options = pa.ipc.IpcWriteOptions(compression="zstd")
        with pa.OSFile(str(path), "wb") as file, pa.ipc.new_file(file, table.schema, options=options) as writer:
            writer.write_table(table)
    before = memory()
    read = arrow.read_parquet if is_parquet else arrow.read_arrow
    for source in (path, io.BytesIO(path.read_bytes())):
        rows = map(len, map(str, read(source, "rows")))
        with pytest.raises(InputError, match="100 times its size once unpacked"):
            sum(rows)
    assert memory() - before < LARGEST


@pytest.mark.parametrize("ends", [(0, 2**30, 12), (0, -5, 12), (8, 2, 12), (0, 7, 2**20), (-9, 7, 12)])
def test_offsets_that_point_anywhere(tmp_path: Path, ends: tuple[int, int, int]) -> None:
    table = pa.table({"instruction": ["abcdefg", "hijkl"]})
    with pa.OSFile(str(tmp_path / "x.arrow"), "wb") as file, pa.ipc.new_file(file, table.schema) as writer:
        writer.write_table(table)
    content, offsets = (tmp_path / "x.arrow").read_bytes(), struct.pack("<iii", 0, 7, 12)
    assert content.count(offsets) == 1
    (tmp_path / "x.arrow").write_bytes(content.replace(offsets, struct.pack("<iii", *ends)))
    with pytest.raises(InputError, match="cannot be read as Arrow"):
        list(arrow.read_arrow(tmp_path / "x.arrow"))


def test_values_that_overlap_are_refused(tmp_path: Path) -> None:
    table = pa.table({"a": pa.RunEndEncodedArray.from_arrays([2**20], [LONG])})
    with pa.OSFile(str(tmp_path / "x.arrow"), "wb") as file, pa.ipc.new_file(file, table.schema) as writer:
        writer.write_table(table)
    with pytest.raises(InputError, match=r"run_end_encoded.*save it with plain types"):
        list(arrow.read_arrow(tmp_path / "x.arrow"))


def test_repeated_texts_of_an_ordinary_size_are_read_as_they_were(tmp_path: Path) -> None:
    rows = [
        {"id": n, "system": "Be brief. " * 500, "chat": [{"role": "user", "content": f"{n % 7} " * 30}], "none": None}
        for n in range(5000)
    ]
    parquet.write_table(pa.Table.from_pylist(rows), tmp_path / "x.parquet", row_group_size=1700)
    assert list(arrow.read_parquet(tmp_path / "x.parquet")) == rows
    assert list(arrow.read_parquet(io.BytesIO((tmp_path / "x.parquet").read_bytes()), "x")) == rows
    coded_table = pa.table({"a": pa.array(["b", None, "b"]).dictionary_encode(), "n": pa.array([1, 2, None])})
    with pa.OSFile(str(tmp_path / "x.arrow"), "wb") as file, pa.ipc.new_stream(file, coded_table.schema) as stream:
        stream.write_table(coded_table)
    assert list(arrow.read_arrow(tmp_path / "x.arrow")) == coded_table.to_pylist()
