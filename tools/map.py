"""Write docs/map.md, which lists every module of the package with the first line of its docstring. `make map` runs it."""

import ast
from pathlib import Path

ROOT = Path(__file__).parent.parent
HOUSE = ROOT / "src" / "bootstruct"
HEAD = """# The map

Every module, with what it says about itself. A module imports from floors below its own or sideways inside its folder,
never upwards: `tests/test_floors.py` holds the floors and checks this page against the tree (`make map` writes it anew).

Start with `pipeline.py`: the whole story on one page.

| file | what it is |
|---|---|
"""


def first_line(path: Path) -> str:
    text = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""
    sentence = " ".join(text.split("\n\n")[0].split())
    return sentence.replace("|", "\\|")


def main() -> None:
    rows = [f"| `{path.relative_to(HOUSE)}` | {first_line(path)} |" for path in sorted(HOUSE.rglob("*.py"))]
    (ROOT / "docs" / "map.md").write_text(HEAD + "\n".join(rows) + "\n", encoding="utf-8")


main()
