"""Print the lowest versions with which the package claims to work, as constraints for pip.

`python tools/lowest.py` prints a line `NAME==VERSION` for each direct dependency and for each extra that the quick tests need.
`make test-lowest` installs them.
"""

import re
import tomllib
from pathlib import Path

EXTRAS = ("review", "parquet", "report")


def main() -> None:
    """Print the constraints."""
    project = tomllib.loads((Path(__file__).parent.parent / "pyproject.toml").read_text("utf-8"))["project"]
    extras = [entry for extra in EXTRAS for entry in project["optional-dependencies"][extra]]
    for requirement in [*project["dependencies"], *extras]:
        print("==".join(lower_bound(requirement)))


def lower_bound(requirement: str) -> tuple[str, str]:
    """Return the name and the lowest version of a requirement such as `click>=8.1`.

    Raises:
        ValueError: the requirement has no lower bound.

    Example:
        >>> lower_bound("click>=8.1")
        ('click', '8.1')
    """
    found = re.fullmatch(r"([\w.-]+)\s*>=\s*([\w.]+)", requirement)
    if found is None:
        raise ValueError(f"{requirement}: has no lower bound; write it as NAME>=VERSION.")
    return found[1], found[2]


if __name__ == "__main__":
    main()
