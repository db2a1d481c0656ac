"""The building has floors. A module may import from floors below its own, or sideways inside its own folder."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
HOUSE = ROOT / "src" / "bootstruct"

# From the ground up. A name is a module or a folder of the package; later ones may import earlier ones.
FLOORS: list[set[str]] = [
    {"errors", "domain", "published"},
    {"shape"},
    {"recipe"},
    {"events"},
    {"event_json"},
    {"stages"},
    {"pocket"},
    {"files"},
    {"journal", "settings"},
    {"runs"},
    {"engines"},
    {"shards"},
    {"drive"},
    {"checking"},
    {"pipeline", "lineage", "status"},
    {"export_original", "openai_format", "judgements"},
    {
        "export",
        "verify",
        "importer",
        "preview",
        "rejudge",
        "rewriting",
        "dedup",
        "doctor",
        "plan",
        "report",
        "review",
        "finetune",
        "evaluate",
    },
    {"demo"},
    {"cli"},
    {"__main__"},
]
PURE = {"errors", "domain", "published", "shape", "recipe", "events", "event_json", "stages", "pocket"}
WORLD = {
    "asyncio", "os", "io", "time", "datetime", "pathlib", "socket", "subprocess", "threading", "multiprocessing",
    "logging", "http", "urllib", "aiohttp", "httpx", "requests", "tempfile", "shutil",
}  # fmt: skip
HEAVY = {
    "torch", "transformers", "trl", "peft", "accelerate", "datasets", "ray", "plotly", "pyarrow", "spacy", "lemminflect",
    "starlette", "uvicorn", "tokenizers", "safetensors", "aiohttp", "yaml",
}  # fmt: skip
MOST_LINES, MOST_FUNCTION_LINES = 400, 60
FILES = sorted(HOUSE.rglob("*.py"))


def room_of(path: Path) -> str:
    return path.relative_to(HOUSE).parts[0].removesuffix(".py")


def floor_of(room: str) -> int:
    found = [number for number, rooms in enumerate(FLOORS) if room in rooms]
    assert found, f"{room}: belongs to no floor; say in tests/test_floors.py where it lives"
    return found[0]


def imported(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names if node.module == "bootstruct")
        elif isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)


def imported_at_top(tree: ast.Module) -> Iterator[str]:
    for node in tree.body:
        if isinstance(node, ast.Import | ast.ImportFrom):
            yield from imported(node)


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(HOUSE)))
class TestEveryFile:
    def test_imports_go_down(self, path: Path) -> None:
        room = room_of(path)
        if room == "__init__":
            return
        for name in imported(ast.parse(path.read_text())):
            if name.startswith("bootstruct.") and (other := name.split(".")[1]) != room:
                if other == "__version__":
                    continue
                assert floor_of(other) < floor_of(room), f"{path.name} imports {name}: that goes up or across"

    def test_the_ground_floors_touch_nothing_outside(self, path: Path) -> None:
        if room_of(path) in PURE:
            touched = {name.split(".")[0] for name in imported(ast.parse(path.read_text()))} & WORLD
            assert not touched, f"{path} imports {touched}: that belongs higher up"

    def test_heavy_parts_are_imported_where_they_are_used(self, path: Path) -> None:
        heavy = {name.split(".")[0] for name in imported_at_top(ast.parse(path.read_text()))} & HEAVY
        assert not heavy, f"{path} imports {heavy} at its top"

    def test_files_and_functions_stay_short(self, path: Path) -> None:
        text = path.read_text()
        assert len(text.splitlines()) <= MOST_LINES, f"{path} is a book"
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                length = (node.end_lineno or 0) - node.lineno + 1
                assert length <= MOST_FUNCTION_LINES, f"{path}: {node.name} has {length} lines"


def test_the_pipeline_is_one_page() -> None:
    assert len((HOUSE / "pipeline.py").read_text().splitlines()) <= 110


def test_the_map_in_the_docs_is_the_tree() -> None:
    said = set(re.findall(r"^\| `([^`]+\.py)` \|", (ROOT / "docs" / "map.md").read_text(), re.MULTILINE))
    there = {str(path.relative_to(HOUSE)) for path in FILES}
    assert said == there, f"docs/map.md: missing {sorted(there - said)}, gone {sorted(said - there)}"


def test_the_floors_are_all_inhabited_or_announced() -> None:
    rooms = {room_of(path) for path in FILES} - {"__init__"}
    assert rooms <= set().union(*FLOORS)
