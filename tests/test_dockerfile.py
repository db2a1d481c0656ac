"""The Dockerfile copies files that are there and sent to the builder, and installs extras that the package has."""

import re
import tomllib

from tests.support.paths import ROOT

LINES = (ROOT / "Dockerfile").read_text("utf-8").splitlines()
IGNORED = (ROOT / ".dockerignore").read_text("utf-8").splitlines()


def test_what_it_copies_is_there_and_sent() -> None:
    copied = [
        name for line in LINES if line.startswith("COPY ") and "--from" not in line for name in line.split()[1:-1]
    ]
    assert set(copied) == {line.removeprefix("!") for line in IGNORED if line.startswith("!")}
    assert all((ROOT / name).exists() for name in copied)


def test_its_extras_are_the_packages() -> None:
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]["optional-dependencies"]
    named = [name for line in LINES for found in re.findall(r"EXTRAS=([a-z,]+)", line) for name in found.split(",")]
    assert named
    assert set(named) <= set(extras)


def test_torch_is_the_version_of_the_constraints() -> None:
    [pinned] = [
        line for line in (ROOT / "constraints.txt").read_text("utf-8").splitlines() if line.startswith("torch==")
    ]
    assert f"TORCH={pinned} " in "\n".join(LINES)


def test_commands_run_without_root() -> None:
    last = [line for line in LINES if line.split(" ")[0] in ("FROM", "USER")]
    assert last[-1] == "USER bootstruct"
