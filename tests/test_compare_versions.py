"""The comparison of two checkouts (tools/compare_versions.py): what it must never call equal."""

import sys
from functools import partial
from pathlib import Path
from types import ModuleType

import pytest

from tests.support.paths import ROOT
from tests.support.tools import tool


@pytest.fixture(scope="module")
def compare_versions() -> ModuleType:
    return tool("compare_versions")


@pytest.mark.parametrize(
    ("old", "new", "outcome"),
    [
        ({"a": b"1\n"}, {"a": b"1\n"}, "equal"),
        ({"a": b"1\n"}, {"a": b"1\r\n"}, "DIFFERS"),
        ({"a": b"1\n"}, {"a": b"1\n", "b": b""}, "DIFFERS"),
        ({"a": b"1\n", "(parquet)": b"refused"}, {"a": b"1\n"}, "DIFFERS"),
        ({"a": b"1\n", "(parquet)": b"refused"}, {"a": b"1\n", "(parquet)": b"refused"}, "equal"),
        ({"(parquet)": b"refused"}, {"(parquet)": b"refused"}, "FAILED"),
        ({}, {}, "FAILED"),
    ],
)
def test_outputs_are_compared_byte_for_byte(
    compare_versions: ModuleType, old: dict[str, bytes], new: dict[str, bytes], outcome: str
) -> None:
    assert compare_versions.compare("x", old, new).outcome == outcome


def test_a_difference_is_shown_at_its_line(compare_versions: ModuleType) -> None:
    assert compare_versions.first_difference(b"a\nbc\n", b"a\nbd\n") == "line 2: OLD b'bc\\n', NEW b'bd\\n'"


def test_two_equal_failures_are_a_failure(compare_versions: ModuleType, tmp_path: Path) -> None:
    versions = [compare_versions.Version(label, ROOT, tmp_path / label) for label in ("OLD", "NEW")]
    comparison = compare_versions.Comparison(*versions, lambda row: None)
    missing = partial(compare_versions.importing, sources=tmp_path / "none", seeds=tmp_path / "none")
    comparison.both("import", missing)
    assert [row.outcome for row in comparison.rows] == ["FAILED"]
    assert "exits 2" in comparison.rows[0].detail


def test_a_checkout_must_run_its_own_package(compare_versions: ModuleType, tmp_path: Path) -> None:
    """A folder without the package would otherwise run the installed one, and be equal to it."""
    assert compare_versions.Version("NEW", ROOT, tmp_path / "new").fault() == ""
    (tmp_path / "empty").mkdir()
    fault = compare_versions.Version("OLD", tmp_path / "empty", tmp_path / "old").fault()
    assert "has no importable src/bootstruct" in fault


def test_an_imported_journal_is_compared_in_its_order(compare_versions: ModuleType, tmp_path: Path) -> None:
    replies = [b'{"event":"replied","key":"b","at":1.5}', b'{"event":"replied","key":"a","at":2.5}']
    judged = [b'{"event":"judged","index":1}', b'{"event":"judged","index":0}']
    started = b'{"event":"started","version":7,"origin":"import"}'
    (tmp_path / "journal.jsonl").write_bytes(b"\n".join([started, *replies, *judged]))
    assert compare_versions.journal_format(tmp_path) == 7
    started = started.replace(b',"version":7', b"")
    (exact,) = compare_versions.journal(tmp_path).values()
    assert exact == b"\n".join([started, b'{"event":"replied","key":"b"}', b'{"event":"replied","key":"a"}', *judged])
    (generated,) = compare_versions.journal(tmp_path, is_generated=True).values()
    assert generated.split(b"\n") == [
        *judged,
        b'{"event":"replied","key":"a"}',
        b'{"event":"replied","key":"b"}',
        started,
    ]


def test_figures_are_compared_under_their_new_names_and_without_times(compare_versions: ModuleType) -> None:
    old, new = b'{"annotated": 3, "seconds": 1.0}', b'{"completed": 3, "seconds": 2.0}'
    assert compare_versions.figures(old) == compare_versions.figures(new)
    assert compare_versions.figures(old) != compare_versions.figures(b'{"completed": 4, "seconds": 1.0}')


def test_a_folder_that_is_no_checkout_ends_with_exit_code_2(
    compare_versions: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["compare_versions.py", str(tmp_path), str(ROOT)])
    assert compare_versions.main() == 2
    assert "has no importable src/bootstruct" in capsys.readouterr().err
