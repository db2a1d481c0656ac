"""`doctor`, `demo` and `review` from Python."""

import json
import threading
import urllib.request
from pathlib import Path
from typing import Any

import pytest

import bootstruct as bs
from bootstruct.pocket.demo import loop
from bootstruct.pocket.demo.options import DemoOptions
from tests.support.commands import simulator


def test_doctor_lists_what_is_installed() -> None:
    found = bs.doctor()
    assert {component.name for component in found.installed} >= {"python", "bootstruct", "local", "ray"}
    assert found.server == () and found.base_url == ""
    assert found.installed[0].is_installed


def test_doctor_probes_a_server() -> None:
    with simulator() as server:
        found = bs.doctor("openai/sim", base_url=server.url)
    outcomes = {row.feature: row.outcome for row in found.server}
    assert outcomes["chat"] == "yes" and outcomes["n"] == "ignored"
    assert found.base_url == server.url
    with pytest.raises(bs.InputError):
        bs.doctor("recorded:nowhere")


def test_the_demo_is_given_its_options(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    given: list[DemoOptions] = []

    def run(options: DemoOptions, echo: Any) -> dict[str, Any]:
        given.append(options)
        echo("a line")
        return {"failed": []}

    monkeypatch.setattr(loop, "run_demo", run)
    monkeypatch.setattr(loop, "REQUIRED", ())
    lines: list[str] = []
    assert bs.demo(tmp_path, tasks=12, full=True, on_step=lines.append) == {"failed": []}
    assert given == [DemoOptions(tmp_path, "pocket", 12, True, False)] and lines == ["a line"]
    with pytest.raises(bs.InputError, match="at least 10"):
        bs.demo(tmp_path, tasks=9)
    monkeypatch.setattr(loop, "REQUIRED", ("no_such_package",))
    with pytest.raises(bs.InputError, match="The demo needs no_such_package"):
        bs.demo(tmp_path)


def sheet(tmp_path: Path) -> Path:
    row = {"id": "t0", "instruction": "Name a fruit.", "input": "", "response": "apple", "target": "apple"}
    (tmp_path / "answers.jsonl").write_text(json.dumps(row))
    return bs.evaluate.sheet({"m": tmp_path / "answers.jsonl"}, tmp_path / "rating").sheet.parent


def test_the_review_page_is_served_until_it_is_stopped(tmp_path: Path) -> None:
    pytest.importorskip("uvicorn", reason="needs uvicorn")
    folder, lines, stop, has_begun = sheet(tmp_path), list[str](), threading.Event(), threading.Event()

    def note(line: str) -> None:
        lines.append(line)
        has_begun.set()

    options: dict[str, Any] = {"port": 0, "stop": stop, "on_line": note, "reviewers": ["anna", "ben"]}
    page = threading.Thread(target=bs.review, args=(folder,), kwargs=options)
    page.start()
    try:
        assert has_begun.wait(30)
        with urllib.request.urlopen(lines[0], timeout=30) as response:
            assert response.status == 200
    finally:
        stop.set()
        page.join(30)
    assert not page.is_alive()
    assert lines[-1].endswith("0 judgements")


def test_what_review_refuses(tmp_path: Path) -> None:
    with pytest.raises(bs.InputError, match="no such run folder"):
        bs.review(tmp_path / "nowhere", port=0)
    with pytest.raises(bs.InputError, match="must be in"):
        bs.review(tmp_path, overlap=1.5)
    with pytest.raises(bs.InputError, match="occurs twice"):
        bs.review(tmp_path, reviewers=["anna", "anna"])
    with pytest.raises(bs.InputError, match="others could reach"):
        bs.review(sheet(tmp_path), host="0.0.0.0", port=0)


def test_judgements_and_ratings_are_exported(tmp_path: Path) -> None:
    folder = sheet(tmp_path)
    with pytest.raises(bs.InputError, match=r"has no reviews\.jsonl"):
        bs.export_judgements(folder, tmp_path / "judgements.csv")
    with pytest.raises(bs.InputError, match="no rating sheet"):
        bs.export_ratings(tmp_path / "nowhere", tmp_path / "ratings.jsonl")
