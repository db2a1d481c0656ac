"""One word for one thing: help texts, status labels and the guides keep to the glossary."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from bootstruct.cli import COMMANDS, cli
from tests.support.paths import PACKAGE, ROOT

# What users read must not say these; each has its word in docs/glossary.md.
INSTEAD = {
    r"\bquestions? (?:in flight|to the judge|asked|answered|never answered)\b": "request",
    r"\bcalls? (?:in flight|repeated|timed out|in all|may take)\b": "request",
    r"\bkey of the question\b|\bwith a question in flight\b|\bone task a question\b": "request",
    r"\b(?:another|stop,) request (?:or|and) (?:sampling|exclamation)\b": "prompt, question mark",
    r"\bstands? twice\b": "occurs twice",
    r"\bfront door\b|\bsay who answers\b|\bsittings\b": "page, model, sessions",
    r"(?m:^as one json\b)|\bsay nothing but\b": "print",
    r"\bannotated\b": "completed",
    r"\bfor nothing\b": "reused free",
    r"\bset aside\b": "suspended",
    r"\binstances? that stands?\b|\binstances stand\b": "passed checks",
    r"\b(?:tokens|replies|requests|accepted|answers|texts|object|row|one name|folder|words) an? (?:second|line|model|judge|task|file)\b": "per",
    r"\baccepted a request\b|\bs a reply\b|\ba minute each\b": "per",
    r"\bits kind and its instances\b|\bkinds and instances\b": "task type",
    r"\bin passing\b": "transient",
}
WORDS = ("request", "reply", "prompt", "seed", "instruction", "instance", "task", "task type", "accepted", "rejected",
         "completed", "passed checks", "reused", "cut", "unreadable", "run", "recipe", "machine settings")  # fmt: skip
GUIDES = sorted(
    path
    for path in [ROOT / "README.md", *(ROOT / "docs").glob("*.md")]
    if path.name not in {"journal.md", "map.md", "lab-notes.md", "glossary.md"} and not path.name.endswith("-card.md")
)
FACES = sorted(PACKAGE.rglob("*.j2"))
MODULES = sorted(path for path in PACKAGE.rglob("*.py") if "world" not in path.parts)
# What these keep is written in files that earlier versions wrote, or is text of the released code.
KEPT = ("roughly: 4 characters a token",)


def commands(group: click.Group, words: tuple[str, ...] = ()) -> Iterator[tuple[str, click.Command]]:
    context = click.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        assert command is not None
        if isinstance(command, click.Group):
            yield from commands(command, (*words, name))
        yield " ".join((*words, name)), command


ALL = dict(commands(cli))


def wrong_words(text: str) -> list[str]:
    return [
        f"{found[0]!r}: say {word}" for old, word in INSTEAD.items() for found in re.finditer(old, text, re.IGNORECASE)
    ]


def test_the_glossary_defines_each_word_in_one_sentence() -> None:
    rows = dict(re.findall(r"^\| ([a-z ]+) \| (.+) \|$", (ROOT / "docs" / "glossary.md").read_text(), re.MULTILINE))
    rows.pop("term", None)
    assert set(WORDS) <= set(rows)
    for term, meaning in rows.items():
        assert meaning.endswith(".") and meaning.count(". ") == 0, f"{term}: one sentence"


@pytest.mark.parametrize("name", ALL)
def test_help_texts_keep_to_the_glossary(name: str) -> None:
    command = ALL[name]
    texts = [command.help or "", command.get_short_help_str(200)]
    texts += [option.help or "" for option in command.params if isinstance(option, click.Option)]
    assert not wrong_words("\n".join(texts))


@pytest.mark.parametrize("name", ALL)
def test_every_option_is_explained_in_a_sentence(name: str) -> None:
    for option in ALL[name].params:
        if isinstance(option, click.Option) and not option.hidden and option.name != "help":
            assert option.help and option.help[0].isupper() and option.help.rstrip()[-1] in ".])", (
                f"{name} {option.name}"
            )


def texts_of(source: str) -> list[str]:
    """All texts of two words or more in a module but its docstrings; an f-string is one text."""
    tree = ast.parse(source)
    skipped: set[int] = set()
    found = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            skipped.add(id(node.value))
        elif isinstance(node, ast.JoinedStr):
            skipped |= {id(part) for part in node.values}
            found.append("".join(str(part.value) if isinstance(part, ast.Constant) else "0" for part in node.values))
    texts = [node for node in ast.walk(tree) if isinstance(node, ast.Constant) and id(node) not in skipped]
    found += [node.value for node in texts if isinstance(node.value, str) and node.value not in KEPT]
    return [text for text in found if " " in text.strip()]  # single words are names of events, keys and classes


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_texts_in_the_code_keep_to_the_glossary(path: Path) -> None:
    assert not wrong_words("\n".join(texts_of(path.read_text(encoding="utf-8"))))


PLANTED = [
    "Questions in flight; auto adapts.", "3 CALLS repeated", "Tasks annotated", "Reused for nothing.", "a name stands twice",
    "12 tokens a second", "one row a line", "It asks 3 questions in flight.",
]  # fmt: skip


@pytest.mark.parametrize("planted", PLANTED)
def test_a_planted_word_is_found(planted: str) -> None:
    number = re.search(r"\d+", planted)
    code = repr(planted) if number is None else "f" + repr(planted.replace(number[0], "{number}"))
    assert wrong_words(planted)
    assert wrong_words("\n".join(texts_of(f"def fail(number):\n    raise ValueError({code})\n")))
    assert not wrong_words("Requests in flight; auto adapts to the server.")


@pytest.mark.parametrize("path", FACES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_labels_and_messages_keep_to_the_glossary(path: Path) -> None:
    assert not wrong_words(path.read_text(encoding="utf-8"))


@pytest.mark.parametrize("path", GUIDES, ids=lambda path: path.name)
def test_guides_keep_to_the_glossary(path: Path) -> None:
    assert not wrong_words(path.read_text(encoding="utf-8"))


def test_all_commands_are_looked_at() -> None:
    assert set(COMMANDS) <= set(ALL) and len(ALL) > len(COMMANDS)
