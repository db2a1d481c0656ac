"""Documents of a run: the passages in its folder, the part of its recipe about them, and how many have brought tasks."""

import dataclasses
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import orjson

from bootstruct.config.recipe import Recipe
from bootstruct.config.validation import build
from bootstruct.errors import InputError
from bootstruct.io.rows import read_rows
from bootstruct.journal.state import State
from bootstruct.render.numbers import counted
from bootstruct.stages.passages import deal_passage
from bootstruct.types import Passage

PASSAGES: Final = "passages.jsonl"
_KEY: Final = re.compile(r"^documents:", re.MULTILINE)
_BLOCK: Final = """
documents:          # tasks about the passages in passages.jsonl; each request shows one (docs/documents.md)
  use: input        # input: the passage is the input of each task; memory: the answer is learnt without it
  tasks: 4          # asked for about a passage at a time
  ask:
    prompt: documents/propose_{api}.jinja
    {reply}sampling: {{temperature: 1.0, top_p: 0.95, max_tokens: 1024}}
  answer:           # writes the output of a task; it sees the passage
    prompt: documents/answer_{api}.jinja
    sampling: {{temperature: 0, max_tokens: 1000{stop}}}
"""
_STOP: Final = ', stop: ["\\n\\nTask:", "\\n\\nPassage:"]'


def passages_file(passages: Iterable[Passage]) -> str:
    """The text of passages.jsonl."""
    return "".join(orjson.dumps(dataclasses.asdict(passage)).decode() + "\n" for passage in passages)


def read_passages(path: Path, folder: Path) -> tuple[Passage, ...]:
    """The passages in the file of a run folder. Raises InputError if a row is something else."""
    passages = []
    for line, row in read_rows(path, folder=folder):
        passages.append(build(Passage, row, f"{path}:{line}"))
        if not passages[-1].text.strip():
            raise InputError(f"{path}:{line}: the passage is empty; remove the line.")
    return tuple(passages)


def with_passages(recipe: Recipe, folder: Path) -> Recipe:
    """The recipe of a run folder with the passages of the folder in it.

    Raises:
        InputError: the recipe is about documents and the folder has no passages, or the other way round.
    """
    path = folder / PASSAGES
    if not path.is_file():
        if recipe.documents is not None and not recipe.documents.passages:
            raise InputError(
                f"{path}: is missing, and the recipe is about documents; `init --documents PATH` makes it."
            )
        return recipe
    if recipe.documents is None:
        raise InputError(
            f"{path}: is there, but the recipe has no `documents`; move the file away, or `init --documents` a new run."
        )
    passages = read_passages(path, folder)
    if not passages:
        raise InputError(f"{path}: is empty; `init --documents PATH` makes a run with passages.")
    return dataclasses.replace(recipe, documents=dataclasses.replace(recipe.documents, passages=passages))


def recipe_with_documents(text: str, passages: Sequence[Passage], where: str) -> str:
    """The YAML of a recipe with a part about documents, unless it has one.

    Args:
        text: the YAML.
        passages: the passages.
        where: the recipe, for errors.

    Raises:
        InputError: it cannot be used with documents.
    """
    import yaml

    if _KEY.search(text):
        return text
    mapping: Any = yaml.safe_load(text)
    propose = mapping.get("propose") if isinstance(mapping, dict) else None
    ask = propose.get("ask") if isinstance(propose, dict) else None
    if not isinstance(ask, dict):
        raise InputError(f"{where}: has no `propose.ask`; documents need a whole recipe.")
    api = "chat" if (ask.get("api") or mapping.get("api")) == "chat" else "text"
    block = _BLOCK.format(
        api=api, reply="reply: json\n    " if ask.get("reply") == "json" else "", stop="" if api == "chat" else _STOP
    )
    return text.rstrip("\n") + "\n" + block


def passages_in_words(passages: Sequence[Passage]) -> str:
    """How many passages of how many documents, for `init`."""
    documents = len({passage.document for passage in passages})
    return f"{counted(len(passages), 'passage')} of {counted(documents, 'document')}"


@dataclass(frozen=True, slots=True)
class DocumentCoverage:
    """What a run has done with one document.

    Attributes:
        document: its name.
        passages: number of its passages.
        shown: of those, passages that a judged request showed.
        covered: of those, passages with at least one accepted task.
        accepted: accepted tasks about it.
    """

    document: str
    passages: int
    shown: int
    covered: int
    accepted: int


def coverage(state: State) -> list[DocumentCoverage]:
    """What a run has done with each of its documents, in their order; empty if it is not about documents."""
    if state.recipe.documents is None:
        return []
    before, shown, accepted = 0, set[str](), dict[str, int]()
    for index, after in enumerate(state.accepted_after):
        passage = deal_passage(state.recipe, index)
        if passage is not None:
            shown.add(passage.name)
            accepted[passage.name] = accepted.get(passage.name, 0) + after - before
        before = after
    by_document: dict[str, list[Passage]] = {}
    for passage in state.recipe.documents.passages:
        by_document.setdefault(passage.document, []).append(passage)
    return [
        DocumentCoverage(
            document,
            len(passages),
            sum(passage.name in shown for passage in passages),
            sum(accepted.get(passage.name, 0) > 0 for passage in passages),
            sum(accepted.get(passage.name, 0) for passage in passages),
        )
        for document, passages in by_document.items()
    ]


def coverage_totals(state: State) -> dict[str, int]:
    """The sums of `coverage` over all documents, and how many documents there are; empty if there are none."""
    rows = coverage(state)
    if not rows:
        return {}
    names = ("passages", "shown", "covered", "accepted")
    return {"documents": len(rows)} | {name: sum(getattr(row, name) for row in rows) for name in names}
