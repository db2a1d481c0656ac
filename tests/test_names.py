"""Names: one class name, one meaning; none that says nothing about what it holds."""

import ast
import io
import re
import tokenize
from collections import defaultdict
from pathlib import Path

import pytest

from tests.support.paths import PACKAGE

FILES = sorted(PACKAGE.rglob("*.py"))
NOUNS = {"Rating", "Sampling", "Seed"}  # nouns that look like participles
EMPTY_WORDS = {
    "each",
    "told",
    "said",
    "heard",
    "door",
    "doors",
    "gate",
    "crew",
    "desk",
    "doom",
    "flying",
}


def classes() -> dict[str, list[str]]:
    found: dict[str, list[str]] = defaultdict(list)
    for path in FILES:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ClassDef):
                found[node.name].append(str(path.relative_to(PACKAGE)))
    return found


def test_a_class_name_is_used_once() -> None:
    assert not {name: places for name, places in classes().items() if len(places) > 1}


def test_no_class_is_named_by_a_participle_alone() -> None:
    assert not [name for name in classes() if re.fullmatch(r"_?[A-Z][a-z]+(?:ed|ing)", name) and name not in NOUNS]


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_identifiers_say_what_they_hold(path: Path) -> None:
    tokens = tokenize.generate_tokens(io.StringIO(path.read_text(encoding="utf-8")).readline)
    assert not {token.string for token in tokens if token.type == tokenize.NAME} & EMPTY_WORDS
    assert not set(path.stem.split("_")) & {"utils", "helpers", "misc", "common", "around"}
