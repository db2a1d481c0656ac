"""Reading seeds, recipes and texts: every fault is told as file:line and what to do about it."""

import json
import os
from pathlib import Path

import pytest

from bootstruct.config.seeds import read_seeds, shipped_seeds
from bootstruct.errors import InputError
from bootstruct.io.files import write_whole
from bootstruct.io.rows import read_rows, read_text
from bootstruct.types import Instance, Seed

GOOD = {
    "id": "s1",
    "name": "one",
    "instruction": "Say one.",
    "instances": [{"input": "", "output": "one"}],
    "is_classification": False,
}
OTHER = GOOD | {"id": "s2", "instruction": "Say two."}


def seeds(tmp_path: Path, *lines: object) -> Path:
    """A seed file: rows as JSON, text as it is."""
    path = tmp_path / "seeds.jsonl"
    result = [line if isinstance(line, str) else json.dumps(line, ensure_ascii=False) for line in lines]
    path.write_bytes(("\n".join(result) + "\n").encode())
    return path


def fault(path: Path) -> str:
    with pytest.raises(InputError) as caught:
        read_seeds(path)
    message = str(caught.value)
    assert "\n" not in message
    assert message.startswith(str(path))
    return message.removeprefix(str(path))


# Seeds


def test_the_shipped_seeds() -> None:
    found = read_seeds(shipped_seeds())
    assert len(found) == 175
    assert all(seed.instances for seed in found)


def test_a_seed_as_the_paper_writes_it(tmp_path: Path) -> None:
    row = GOOD | {"instances": [{"input": "a", "output": "b"}, {"output": "c"}], "is_classification": True, "more": 1}
    assert read_seeds(seeds(tmp_path, row)) == (
        Seed("s1", "Say one.", (Instance("a", "b"), Instance("", "c")), True, "one"),
    )


def test_only_the_instruction_is_needed(tmp_path: Path) -> None:
    assert read_seeds(seeds(tmp_path, {"instruction": "a"}, {"instruction": "b"})) == (
        Seed("seed_task_0", "a", (), False),
        Seed("seed_task_1", "b", (), False),
    )


def test_blank_lines_and_windows_line_ends(tmp_path: Path) -> None:
    path = seeds(tmp_path, "", GOOD, " \t", OTHER, "")
    path.write_bytes(path.read_bytes().replace(b"\n", b"\r\n"))
    assert [seed.id for seed in read_seeds(path)] == ["s1", "s2"]


def test_no_newline_at_the_end(tmp_path: Path) -> None:
    path = seeds(tmp_path, GOOD, OTHER)
    path.write_bytes(path.read_bytes().rstrip(b"\n"))
    assert len(read_seeds(path)) == 2


def test_a_byte_order_mark(tmp_path: Path) -> None:
    path = seeds(tmp_path, GOOD)
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes())
    assert read_seeds(path)[0].id == "s1"


@pytest.mark.parametrize("mark", ["\u2028", "\u2029", "\u0085", "\x0b", "\x0c", "\x1c"])
def test_separators_that_end_no_line(tmp_path: Path, mark: str) -> None:
    text = f"Say{mark}one."
    path = seeds(tmp_path, json.dumps(GOOD | {"instruction": text}, ensure_ascii=mark < " "), OTHER)
    assert [seed.instruction for seed in read_seeds(path)] == [text, "Say two."]


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        ({"id": "x"}, "a row without instruction; expected"),
        ({"id": "x", "instances": []}, "`instruction` is missing or empty"),
        (GOOD | {"instruction": ""}, "`instruction` is missing or empty"),
        (GOOD | {"instruction": " \n"}, "`instruction` is missing or empty"),
        (GOOD | {"instruction": 5}, "`instruction` is missing or empty"),
        (GOOD | {"instruction": None}, "`instruction` is missing or empty"),
        (GOOD | {"instances": {}}, "`instances` must be a list"),
        (GOOD | {"instances": None}, "`instances` must be a list"),
        (GOOD | {"instances": ["x"]}, "an instance needs a text `output`"),
        (GOOD | {"instances": [{"input": "x"}]}, "an instance needs a text `output`"),
        (GOOD | {"instances": [{"output": 5}]}, "an instance needs a text `output`"),
        (GOOD | {"instances": [{"input": 5, "output": "x"}]}, "the `input` of an instance must be text"),
        (GOOD | {"is_classification": "maybe"}, "`is_classification` must be true or false"),
        (GOOD | {"is_classification": 2}, "`is_classification` must be true or false"),
        (GOOD | {"id": 7}, "`id` and `name` must be text"),
        (GOOD | {"id": ""}, "`id` and `name` must be text"),
        (GOOD | {"name": None}, "`id` and `name` must be text"),
        ("[1, 2]", "expected an object or a text, found list"),
        ("null", "expected an object or a text, found NoneType"),
        ("5", "expected an object or a text, found int"),
        ("{", "not JSON"),
        ('{"instruction": "a"', "not JSON"),
        ('{"instruction": "a"},', "not JSON"),
        ("{'instruction': 'a'}", "not JSON"),
        ("Say three.", "not JSON"),
        ('{"n": ' + "1" * 5000 + "}", "not JSON"),
        ("[" * 200_000, "not JSON"),
        ('{"instruction": "half \\ud83d"}', "half of a character"),
        ('{"instruction": "half", "\\uDC00": 1}', "half of a character"),
    ],
)
def test_a_wrong_row(tmp_path: Path, row: object, expected: str) -> None:
    message = fault(seeds(tmp_path, GOOD, "", row, OTHER))
    assert message.startswith(":3: ")
    assert expected in message


def test_whole_characters_written_as_escapes_are_fine(tmp_path: Path) -> None:
    path = seeds(tmp_path, '{"instruction": "Say \\ud83d\\ude00 and \\\\ud83d."}')
    assert read_seeds(path)[0].instruction == "Say \U0001f600 and \\ud83d."


def test_twice_the_same(tmp_path: Path) -> None:
    assert fault(seeds(tmp_path, GOOD, OTHER, GOOD | {"id": "s3"})).startswith(":3: the same instruction as line 1;")
    assert fault(seeds(tmp_path, GOOD, GOOD | {"instruction": "c"})).startswith(":2: the id 's1' occurs twice")


def test_an_id_that_is_given_to_a_row_without_one(tmp_path: Path) -> None:
    assert "occurs twice" in fault(seeds(tmp_path, GOOD | {"id": "seed_task_1"}, {"instruction": "b"}))


@pytest.mark.parametrize("content", [b"", b"\n\n", b" \t\n", b"\xef\xbb\xbf"])
def test_an_empty_file(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "seeds.jsonl"
    path.write_bytes(content)
    assert fault(path) == ": contains no seed tasks; one JSON object per line is expected."


@pytest.mark.parametrize("encoding", ["latin-1", "utf-16"])
def test_another_encoding(tmp_path: Path, encoding: str) -> None:
    path = tmp_path / "seeds.jsonl"
    rows = [json.dumps(GOOD), json.dumps(OTHER | {"instruction": "Écris."}, ensure_ascii=False)]
    path.write_bytes("\n".join(rows).encode(encoding))
    if encoding == "utf-16":  # told by its mark
        assert [seed.instruction for seed in read_seeds(path)] == ["Say one.", "Écris."]
    else:
        assert fault(path).startswith(":2: not UTF-8 but probably WINDOWS-1252; save it as UTF-8, as in `iconv -f WIN")


def test_no_file_and_no_file_but_a_folder(tmp_path: Path) -> None:
    assert fault(tmp_path / "none.jsonl") == ": no such file."
    assert fault(tmp_path) == ": is a folder; name its files, or a folder that `datasets.save_to_disk` wrote."


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_that_may_not_be_read(tmp_path: Path) -> None:
    path = seeds(tmp_path, GOOD)
    path.chmod(0)
    assert fault(path) == ": cannot be read: Permission denied."


def test_rows_are_read_as_they_are_asked_for(tmp_path: Path) -> None:
    rows = read_rows(seeds(tmp_path, GOOD, "{"))
    assert next(rows) == (1, GOOD)
    with pytest.raises(InputError, match=r":2: not JSON"):
        next(rows)


def test_text_keeps_its_line_ends(tmp_path: Path) -> None:
    (tmp_path / "t").write_bytes(b"\xef\xbb\xbfa\r\nb\rc\n")
    assert read_text(tmp_path / "t") == "a\r\nb\rc\n"


# Writing


def test_a_file_is_written_whole_or_not_at_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "deep" / "er" / "out.jsonl"
    write_whole(path, b"one")
    write_whole(path, b"two")
    assert path.read_bytes() == b"two"
    assert path.stat().st_mode & 0o777 == 0o666 & ~current_umask()

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(InputError, match=r"out\.jsonl: cannot be written: No space left on device"):
        write_whole(path, b"three")
    assert path.read_bytes() == b"two"
    assert [entry.name for entry in path.parent.iterdir()] == ["out.jsonl"]


def current_umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def test_a_place_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(InputError, match="cannot be written"):
        write_whole(tmp_path / "file" / "out", b"x")
    with pytest.raises(InputError, match="cannot be written"):
        write_whole(tmp_path, b"x")
    assert (tmp_path / "file").read_text() == "x"


def test_parquet_is_read_in_pieces_however_large_its_groups_are(tmp_path: Path) -> None:
    pyarrow = pytest.importorskip("pyarrow", reason="pyarrow is not installed")
    parquet = pytest.importorskip("pyarrow.parquet", reason="pyarrow is not installed")
    texts = [f"{number} " + "abcdefgh " * 50 for number in range(20_000)]
    table = pyarrow.table({"text": texts})
    for name, rows_of_a_group in (("one", len(texts)), ("many", 500)):
        parquet.write_table(
            table, tmp_path / name, row_group_size=rows_of_a_group, compression="none", use_dictionary=False
        )
    held = pyarrow.total_allocated_bytes()
    for name in ("one", "many"):
        most = 0
        for number, (_, row) in enumerate(read_rows(tmp_path / name)):
            assert row["text"] == texts[number]
            most = max(most, pyarrow.total_allocated_bytes() - held)
        assert most < sum(map(len, texts)) / 3
