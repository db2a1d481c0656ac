"""Small files that stand for gigabytes end in one sentence: texts stored once, blank rows, offsets that point anywhere."""

import contextlib
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


def padded(number: int, size: int) -> bytes:
    """A whole number in Thrift's compact protocol, in more bytes than it needs."""
    parts = [(2 * number >> 7 * place) & 127 | 128 for place in range(size)]
    return bytes([*parts[:-1], parts[-1] & 127])


def usual(number: int) -> bytes:
    return padded(number, max(1, -(-(2 * number).bit_length() // 7)))


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


@pytest.mark.parametrize("is_stream", [True, False])
@pytest.mark.parametrize("is_coded", [True, False])
@pytest.mark.parametrize("codec", ["zstd", "lz4"])
def test_a_compressed_text_is_refused_before_it_is_unpacked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, is_stream: bool, is_coded: bool, codec: str
) -> None:
    monkeypatch.setattr(arrow, "MOST_SWOLLEN", 1 << 22)
    texts = pa.array(["x" * (1 << 24)])
    values = pa.DictionaryArray.from_arrays(pa.array([0], pa.int32()), texts) if is_coded else texts
    table, path = pa.table({"n": [1], "instruction": values}), tmp_path / "x.arrow"
    new = pa.ipc.new_stream if is_stream else pa.ipc.new_file
    with pa.OSFile(str(path), "wb") as file, new(file, table.schema, options=pa.ipc.IpcWriteOptions(compression=codec)) as writer:  # fmt: skip
        writer.write_table(table)
    del table, values, texts
    for source in (path, io.BytesIO(path.read_bytes())):
        pa.default_memory_pool().release_unused()
        held = pa.total_allocated_bytes()
        with pytest.raises(InputError, match="100 times its size once unpacked"):
            list(arrow.read_arrow(source, "x"))
        assert pa.total_allocated_bytes() - held < 1 << 20


def test_a_parquet_file_that_says_less_than_it_unpacks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(arrow, "MOST_SWOLLEN", 1 << 22)
    path, size = tmp_path / "x.parquet", 1 << 24
    table = pa.table({"instruction": ["x" * size]})
    parquet.write_table(table, path, compression="zstd", use_dictionary=False, write_statistics=False)
    raw, column = path.read_bytes(), parquet.read_metadata(path).row_group(0).column(0)
    begin = len(raw) - 8 - struct.unpack("<I", raw[-8:-4])[0]
    for said in {column.total_uncompressed_size, parquet.read_metadata(path).row_group(0).total_byte_size}:
        known = usual(said)
        assert known in raw[begin:]
        raw = raw[:begin] + raw[begin:].replace(known, padded(4000, len(known)))
    path.write_bytes(raw)
    assert parquet.read_metadata(path).row_group(0).total_byte_size == 4000
    held = pa.total_allocated_bytes()
    with pytest.raises(InputError, match="100 times its size once unpacked"):
        list(arrow.read_parquet(path))
    assert pa.total_allocated_bytes() - held < 1 << 20


@pytest.mark.parametrize("place", range(0, 400, 19))
def test_damaged_tables_end_in_one_sentence(tmp_path: Path, place: int) -> None:
    table = pa.table({"instruction": [f"Sing song {n}." for n in range(30)], "n": list(range(30))})
    options = pa.ipc.IpcWriteOptions(compression="zstd")
    for name, new in (("file", pa.ipc.new_file), ("stream", pa.ipc.new_stream)):
        with pa.OSFile(str(tmp_path / name), "wb") as file, new(file, table.schema, options=options) as writer:
            writer.write_table(table)
    parquet.write_table(table, tmp_path / "parquet")
    for name in ("file", "stream", "parquet"):
        raw = bytearray((tmp_path / name).read_bytes())
        for at in {place, len(raw) - 1 - place} & {*range(len(raw))}:
            raw[at] ^= 0xA5
        read = arrow.read_parquet if name == "parquet" else arrow.read_arrow
        with contextlib.suppress(InputError):
            list(read(io.BytesIO(bytes(raw)), name))


@pytest.mark.parametrize("options", [
    {"compression": "snappy", "data_page_version": "2.0"}, {"compression": "none", "data_page_size": 500},
    {"compression": "gzip", "use_dictionary": False, "row_group_size": 700}, {"compression": "zstd", "write_page_checksum": True},
])  # fmt: skip
def test_ordinary_parquet_files_of_every_kind(tmp_path: Path, options: dict[str, Any]) -> None:
    rows = [
        {"a": f"{n} " * (n % 40), "b": [n, None], "c": {"d": None, "e": n % 2 == 0}, "f": None} for n in range(3000)
    ]
    parquet.write_table(pa.Table.from_pylist(rows), tmp_path / "x.parquet", **options)
    assert list(arrow.read_parquet(tmp_path / "x.parquet")) == rows
