"""The figures in README.md and docs/ are those of the committed summary."""

import importlib.util
import json
import sys

import pytest

from tests.support.paths import ROOT

TOOL = ROOT / "tools" / "demo_tables.py"


def test_pages_hold_the_figures_of_the_summary(monkeypatch: pytest.MonkeyPatch) -> None:
    if not TOOL.is_file():
        pytest.skip("tools/ lies in the repository, not in the package")
    spec = importlib.util.spec_from_file_location("demo_tables", TOOL)
    assert spec is not None
    assert spec.loader is not None
    tool = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, "demo_tables", tool)
    spec.loader.exec_module(tool)
    summary, full = (json.loads(path.read_text(encoding="utf-8")) for path in (tool.SUMMARY, tool.FULL))
    for name in tool.PAGES:
        page = (ROOT / name).read_text(encoding="utf-8")
        assert page.count("<!-- demo: ") == page.count("<!-- demo end -->") > 0
        assert tool.written(page, summary, full) == page, f"{name}: run python tools/demo_tables.py"
    page = (ROOT / "docs" / "evidence.md").read_text(encoding="utf-8")
    for which in range(2):
        changed = json.loads(json.dumps([summary, full]))
        changed[which]["differences"][0]["value"] += 1
        assert tool.written(page, *changed) != page
