"""Which GGUF file a name means, and what becomes of damaged ones. No model is loaded here."""

import importlib.util
import struct
from pathlib import Path
from typing import Any

import pytest

from bootstruct.engines.local.gguf_files import read_header, require_gguf
from bootstruct.engines.local.load import place_of
from bootstruct.errors import EngineUnavailableError, InputError
from tests.support.tiny_gguf import ARRAY, STRING, UINT8, UINT32, entry, header, text, whole_header


def written(path: Path, content: bytes = b"") -> Path:
    path.write_bytes(content or whole_header())
    return path


def test_a_whole_header_is_read(tmp_path: Path) -> None:
    found = read_header(written(tmp_path / "m.gguf"), "m")
    assert (found.architecture, found.parts, found.tensors) == ("llama", 1, 0)


def test_a_header_that_is_cut_anywhere_ends_in_one_sentence(tmp_path: Path) -> None:
    whole = whole_header()
    for length in range(len(whole)):
        path = written(tmp_path / "m.gguf", whole[:length] or b"x")
        with pytest.raises(EngineUnavailableError) as caught:
            read_header(path, "m")
        assert str(caught.value).startswith("The model m cannot be loaded: m.gguf is ")
        assert "ownload it again" in str(caught.value)


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"<html>not found</html>", "is not a GGUF file"),
        (header(version=1), "version 1"),
        (header(entry("a", 99, b"1234")), "unknown type 99"),
        (header(entry("a", ARRAY, struct.pack("<IQ", UINT8, 2**62))), "ends within its header"),
        (header(entry("a", ARRAY, struct.pack("<IQ", STRING, 2**62))), "damaged or incomplete"),
        (header(text("a")[:-1] + b"\xff" + struct.pack("<IQ", STRING, 2**63)), "damaged or incomplete"),
        (header(entry("a", ARRAY, struct.pack("<IQ", ARRAY, 1) * 9 + struct.pack("<IQ", UINT8, 0))), "arrays within"),
        (b"GGUF" + struct.pack("<IQQ", 3, 0, 2**63), "damaged or incomplete"),
        (b"GGUF" + struct.pack("<IQQ", 3, 2**63, 0), "damaged or incomplete"),
        (header(entry("split.count", UINT32, struct.pack("<I", 3))), "one of 3 parts"),
    ],
)
def test_headers_that_no_library_should_be_given(tmp_path: Path, content: bytes, expected: str) -> None:
    with pytest.raises(EngineUnavailableError, match=expected):
        read_header(written(tmp_path / "m.gguf", content), "m")


def test_the_other_byte_order_is_read(tmp_path: Path) -> None:
    content = b"GGUF" + struct.pack(">IQQ", 3, 0, 1) + struct.pack(">Q", 11) + b"split.count" + struct.pack(">II", 4, 1)
    assert read_header(written(tmp_path / "m.gguf", content), "m").parts == 1


def test_a_file_or_a_folder_with_one_file_is_a_model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = written(tmp_path / "model.gguf")
    assert place_of(str(file)) == str(file)
    assert place_of(str(tmp_path)) == str(file)
    (tmp_path / "config.json").write_text("{}")
    assert place_of(str(tmp_path)) == str(file)  # repositories of GGUF files often hold a config.json as well
    monkeypatch.chdir(tmp_path)
    assert place_of("model.gguf") == "model.gguf"
    (tmp_path / "model.safetensors").write_bytes(b"")
    assert place_of(str(tmp_path)) == str(tmp_path)
    without_suffix = written(tmp_path / "sha256-12ab")
    assert place_of(str(without_suffix)) == str(without_suffix)


def test_names_that_mean_no_file_or_several(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"models/none\.gguf: no such file"):
        place_of("models/none.gguf")
    (tmp_path / "notes.txt").write_text("hello")
    with pytest.raises(InputError, match="is not a GGUF file"):
        place_of(str(tmp_path / "notes.txt"))
    for name in ("Q4_K.gguf", "Q8_0.gguf"):
        written(tmp_path / name)
    with pytest.raises(InputError, match=r"2 GGUF files \(Q4_K\.gguf, Q8_0\.gguf\); name one, as in hf/"):
        place_of(str(tmp_path))


def test_a_missing_package_is_one_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = importlib.util.find_spec

    def without_gguf(name: str, package: str | None = None) -> Any:
        return None if name == "gguf" else real(name, package)

    monkeypatch.setattr(importlib.util, "find_spec", without_gguf)
    with pytest.raises(InputError, match=r"need the package gguf, which is not installed: pip install 'bootstruct\[lo"):
        require_gguf(tmp_path / "m.gguf")
