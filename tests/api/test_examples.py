"""Examples for Python run as they stand: the page about Python, and the doctests of the package."""

import doctest
import importlib
import pkgutil
import re
from pathlib import Path
from typing import Any

import pytest

import bootstruct
from tests.support.paths import ROOT

PAGES = ["docs/python.md", "docs/custom.md"]
RESULT = re.compile(r"^(?P<code>[^#\n]+?)  # -> (?P<value>.+)$")
PRINTED = re.compile(r"^\s+print\((?P<code>.+)\)  # prints: (?P<value>.+)$")


def run_page(text: str) -> int:
    """Run the Python blocks of a page in one namespace; lines that end in `# -> VALUE` must have that value."""
    names: dict[str, Any] = {}
    checked = 0
    for block in re.findall(r"^```python\n(.*?)^```", text, re.MULTILINE | re.DOTALL):
        exec(compile(block, "page", "exec"), names)
        for line in block.splitlines():
            if found := RESULT.match(line):
                assert repr(eval(found["code"], names)) == found["value"], line
                checked += 1
    return checked


@pytest.mark.parametrize("page", PAGES)
def test_pages_run(page: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert run_page((ROOT / page).read_text(encoding="utf-8")) >= 5


def test_what_pages_say_is_printed_is_printed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    for page in PAGES:
        text = (ROOT / page).read_text(encoding="utf-8")
        run_page(text)
        promised = [found["value"] for line in text.splitlines() if (found := PRINTED.match(line))]
        assert capsys.readouterr().out.splitlines() == promised


def modules_with_examples() -> list[str]:
    found = []
    for module in pkgutil.walk_packages(bootstruct.__path__, "bootstruct."):
        path = Path(getattr(module.module_finder, "path", "")) / f"{module.name.rpartition('.')[2]}.py"
        source = path if path.is_file() else path.with_suffix("") / "__init__.py"
        if source.is_file() and ">>> " in source.read_text(encoding="utf-8"):
            found.append(module.name)
    return ["bootstruct", *found]


@pytest.mark.parametrize("name", modules_with_examples())
def test_doctests(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    module = importlib.import_module(name)
    tests = [test for test in doctest.DocTestFinder().find(module, name) if test.examples]
    assert tests, f"{name}: its examples are not found"
    runner = doctest.DocTestRunner(optionflags=doctest.NORMALIZE_WHITESPACE | doctest.ELLIPSIS)
    for test in tests:
        runner.run(test)
    assert runner.failures == 0
    assert "+SKIP" not in Path(str(module.__file__)).read_text(encoding="utf-8"), "an example that does not run"
