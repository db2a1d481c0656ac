"""Measure one checkout or several side by side: `python tools/measure.py [CHECKOUT ...]`.

The script counts modules, classes, imports and lines in the source, and times `--help` as a whole process. It needs nothing
beyond the standard library, and it runs the package only for `--help`.
"""

import ast
import io
import json
import os
import statistics
import subprocess
import sys
import time
import tokenize
from collections import Counter
from graphlib import TopologicalSorter
from pathlib import Path

RUNS = 9  # runs of `--help`, of which the median counts
HOUSE_WORDS = {"told", "each", "heard", "said"}  # identifiers that say nothing about what they hold


def modules_of(package: Path) -> dict[str, ast.Module]:
    """Return the syntax tree of each module by name, such as `run.folder` for run/folder.py."""
    paths = sorted(package.rglob("*.py"))
    names = {
        path: ".".join(path.relative_to(package).with_suffix("").parts).removesuffix(".__init__") for path in paths
    }
    return {names[path]: ast.parse(path.read_text(encoding="utf-8")) for path in paths}


def imports_of(modules: dict[str, ast.Module]) -> dict[str, set[str]]:
    """Return for each module the modules of the package that it imports, at any place in it."""
    arrows: dict[str, set[str]] = {}
    for name, tree in modules.items():
        found = set()
        for node in ast.walk(tree):
            if isinstance(node, ast.ImportFrom) and node.module and node.module.split(".")[0] == "bootstruct":
                base = node.module.removeprefix("bootstruct").lstrip(".")
                for alias in node.names:
                    inner = f"{base}.{alias.name}".lstrip(".")
                    found.add(inner if inner in modules else base)
            elif isinstance(node, ast.Import):
                found |= {alias.name.removeprefix("bootstruct.") for alias in node.names if alias.name in modules}
        arrows[name] = found & set(modules) - {name, "__init__"}
    return arrows


def floors_of(arrows: dict[str, set[str]]) -> int:
    """Return the number of modules on the longest chain of imports. Raises CycleError if the imports form a cycle."""
    height: dict[str, int] = {}
    for name in TopologicalSorter(arrows).static_order():
        height[name] = 1 + max((height[other] for other in arrows[name]), default=0)
    return max(height.values())


def longest_function(modules: dict[str, ast.Module]) -> tuple[int, str]:
    """Return the longest function: its number of lines without the docstring, and its name."""
    found = [(0, "")]
    for module, tree in modules.items():
        for node in ast.walk(tree):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                first = node.body[0].end_lineno if ast.get_docstring(node) else node.lineno - 1
                found.append(((node.end_lineno or 0) - (first or 0), f"{module}.{node.name}"))
    return max(found)


def identifiers(package: Path) -> Counter[str]:
    """Count how often each name occurs in the source as an identifier."""
    count: Counter[str] = Counter()
    for path in package.rglob("*.py"):
        tokens = tokenize.generate_tokens(io.StringIO(path.read_text(encoding="utf-8")).readline)
        count.update(token.string for token in tokens if token.type == tokenize.NAME)
    return count


def help_seconds(checkout: Path) -> float:
    """Return the median seconds of `bootstruct --help` as a whole process, over RUNS runs after one to warm up."""
    env = {**os.environ, "PYTHONPATH": str(checkout / "src")}
    times = []
    for _ in range(RUNS + 1):
        begun = time.perf_counter()
        subprocess.run([sys.executable, "-m", "bootstruct", "--help"], env=env, capture_output=True, check=True)
        times.append(time.perf_counter() - begun)
    return statistics.median(times[1:])


def measure(checkout: Path) -> dict[str, object]:
    """Return all figures of a checkout."""
    package = checkout / "src" / "bootstruct"
    modules = modules_of(package)
    arrows = imports_of(modules)
    classes = Counter(n.name for tree in modules.values() for n in ast.walk(tree) if isinstance(n, ast.ClassDef))
    functions, words = longest_function(modules), identifiers(package)
    rooms = {name.split(".")[0] for name in modules} - {"__init__", "__main__"}
    between = {(a.split(".")[0], b.split(".")[0]) for a, found in arrows.items() for b in found}
    docstrings = [ast.get_docstring(node) or "" for tree in modules.values() for node in _documented(tree)]
    files = {path: len(path.read_text(encoding="utf-8").splitlines()) for path in package.rglob("*.py")}
    biggest = max(files, key=lambda path: files[path])
    return {
        "modules": len(modules),
        "modules at the root": sum(1 for name in modules if "." not in name and (package / f"{name}.py").is_file()),
        "folders and modules at the root": len(rooms),
        "imports between modules": sum(len(found) for found in arrows.values()),
        "imports between rooms of the root": len({pair for pair in between if pair[0] != pair[1]}),
        "modules on the longest chain of imports": floors_of(arrows),
        "class names defined twice or more": sum(1 for count in classes.values() if count > 1),
        "identifiers told, each, heard, said": sum(words[word] for word in HOUSE_WORDS),
        "lines of Python": sum(files.values()),
        "longest file": f"{files[biggest]} ({biggest.relative_to(package)})",
        "longest function": f"{functions[0]} ({functions[1]})",
        "public functions and classes without a docstring": sum(1 for text in docstrings if not text),
        "doctest examples": sum(text.count(">>> ") for text in docstrings),
        "--help, ms": round(1000 * help_seconds(checkout)),
    }


def _documented(tree: ast.Module) -> list[ast.AST]:
    """Return the public functions, classes and methods of a module."""
    kinds = (ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    bodies = [tree, *[node for node in tree.body if isinstance(node, ast.ClassDef)]]
    nodes = [node for body in bodies for node in body.body if isinstance(node, kinds)]
    return [node for node in nodes if not node.name.startswith("_")]


def main(words: list[str]) -> None:
    """Print one column for each checkout, or one JSON object for each with --json."""
    checkouts = [Path(word) for word in words if word != "--json"] or [Path(__file__).parent.parent]
    columns = [measure(checkout) for checkout in checkouts]
    if "--json" in words:
        print(json.dumps(columns, indent=1))
        return
    for name in columns[0]:
        print(f"{name:52}" + "".join(f"{column[name]!s:>44}" for column in columns))


if __name__ == "__main__":
    main(sys.argv[1:])
