"""The building has floors. A module may import from floors below its own, or sideways inside its own folder."""

import ast
import re
from collections.abc import Iterator
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

from tests.support.paths import ROOT

HOUSE = ROOT / "src" / "bootstruct"

# From the ground up. A name is a folder or a module of the package (the longest that fits counts); later ones may import
# earlier ones.
FLOORS: list[set[str]] = [
    {"errors", "types", "paper"},
    {"config.validation"},
    {"config.recipe_steer", "config.recipe_constraints"},
    {"config.recipe"},
    {"config.recipe_mapping"},
    {"journal.events"},
    {"journal.keys"},
    {"journal.usage"},
    {"journal.forgetting"},
    {"journal.state"},
    {"journal.codec"},
    {"novelty"},
    {"measures"},
    {"render"},
    {"stages"},
    {"pocket.world"},
    {"io"},
    {"config"},
    {"journal"},
    {"engines"},
    {"run"},
    {"pipeline"},
    {"embeddings"},
    {"export", "deduplication"},
    {"selection"},
    {"history", "diagnosis", "reporting", "reviewing", "finetuning", "evaluation", "publishing"},
    {"pocket.demo"},
    {"api"},
    {"cli"},
    {"__main__"},
]
PURE = {"errors", "types", "paper", "config.validation", "config.recipe", "config.recipe_steer", "config.recipe_constraints", "config.recipe_mapping", "journal.events", "journal.keys", "journal.forgetting", "journal.usage", "journal.state",
        "journal.codec", "novelty", "measures", "render", "stages", "pocket.world"}  # fmt: skip
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


def name_of(path: Path) -> str:
    """`run.folder` of src/bootstruct/run/folder.py."""
    return ".".join(path.relative_to(HOUSE).with_suffix("").parts).removesuffix(".__init__")


MODULES = {name_of(path) for path in FILES} - {"__init__"}


def room_of(module: str) -> str:
    """The name under which the floors know a module: its own, or that of the nearest folder above it."""
    rooms = set().union(*FLOORS)
    while module and module not in rooms:
        module = module.rpartition(".")[0]
    return module


def floor_of(module: str) -> int:
    room = room_of(module)
    assert room, f"{module}: belongs to no floor; say in tests/test_floors.py where it lives"
    return next(number for number, rooms in enumerate(FLOORS) if room in rooms)


def imported(tree: ast.AST) -> Iterator[str]:
    """The modules a tree imports; of `from package import module` the module."""
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module:
            named = {f"{node.module}.{alias.name}" for alias in node.names}
            modules = {name for name in named if name.removeprefix("bootstruct.") in MODULES}
            yield from modules
            if modules != named:
                yield node.module
        elif isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)


def imported_at_top(tree: ast.Module) -> Iterator[str]:
    for node in tree.body:
        if isinstance(node, ast.Import | ast.ImportFrom):
            yield from imported(node)


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(HOUSE)))
class TestEveryFile:
    def test_imports_go_down(self, path: Path) -> None:
        module = name_of(path)
        if module == "__init__":
            return
        for name in imported(ast.parse(path.read_text())):
            other = name.removeprefix("bootstruct.")
            if not name.startswith("bootstruct.") or other == "__version__":
                continue
            is_sideways = other.split(".")[0] == module.split(".")[0] and floor_of(other) == floor_of(module)
            assert is_sideways or floor_of(other) < floor_of(module), (
                f"{path.name} imports {name}: that goes up or across"
            )

    def test_the_ground_floors_touch_nothing_outside(self, path: Path) -> None:
        if room_of(name_of(path)) in PURE:
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
                described = node.body[0].end_lineno if ast.get_docstring(node) else None
                length = (node.end_lineno or 0) - (described or node.lineno - 1)
                assert length <= MOST_FUNCTION_LINES, f"{path}: {node.name} has {length} lines"


def test_the_pipeline_is_one_page() -> None:
    assert len((HOUSE / "pipeline.py").read_text().splitlines()) <= 110


def test_the_map_in_the_docs_is_the_tree() -> None:
    written = set(re.findall(r"^\| `([^`]+\.py)` \|", (ROOT / "docs" / "map.md").read_text(), re.MULTILINE))
    there = {str(path.relative_to(HOUSE)) for path in FILES}
    assert written == there, f"docs/map.md: missing {sorted(there - written)}, gone {sorted(written - there)}"


def test_every_room_is_on_a_floor_and_every_floor_has_rooms() -> None:
    rooms = {room_of(name_of(path)) for path in FILES} - {""}
    folders = {folder.name for folder in HOUSE.iterdir() if any(folder.glob("**/*.py"))}
    named = set().union(*FLOORS)
    assert rooms == named, f"no such rooms: {sorted(named - rooms)}"
    assert folders <= {room.split(".")[0] for room in named}


def test_no_modules_import_each_other_in_a_circle() -> None:
    names = {name_of(path) for path in FILES}
    arrows = {
        name_of(path): {
            name.removeprefix("bootstruct.")
            for name in imported(ast.parse(path.read_text()))
            if name.removeprefix("bootstruct.") in names
        }
        for path in FILES
    }
    TopologicalSorter(arrows).prepare()  # raises CycleError with the circle
