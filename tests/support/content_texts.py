"""Read the written content (seeds, user tasks, demonstrations) and the public data that it must not resemble."""

import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rapidfuzz.distance import LCSseq

from tests.support.paths import ROOT

TEMPLATES = ROOT / "src" / "bootstruct" / "config" / "recipes" / "paper"
OFFICIAL = ROOT.parent / "shared" / "data" / "official"

Row = dict[str, Any]


def read_rows(path: Path) -> list[Row]:
    r"""Return the rows of a JSONL file; only "\n" ends a line, and the last line must end with it."""
    lines = path.read_text("utf-8").split("\n")
    assert lines[-1] == "", f"{path.name}: the last line has no newline"
    assert all(lines[:-1]), f"{path.name}: a line is blank"
    return [json.loads(line) for line in lines[:-1]]


def instance_of(row: Row) -> tuple[str, str]:
    """Return the input and the output of the row's only instance."""
    (instance,) = row["instances"]
    return instance["input"], instance["output"]


def tokens_of(text: str) -> tuple[str, ...]:
    """Return the tokens of the ROUGE reference: in lower case, separated by everything but a-z and 0-9 (paper, section 2.2)."""
    return tuple(re.findall(r"[a-z0-9]+", text.lower()))


def rouge_l(left: tuple[str, ...], right: tuple[str, ...]) -> float:
    """Return the ROUGE-L F-measure of two token sequences, between 0 and 1."""
    common = LCSseq.similarity(left, right)
    if not common:
        return 0.0
    precision, recall = common / len(left), common / len(right)
    return 2 * precision * recall / (precision + recall)


@dataclass(frozen=True)
class Near:
    score: float
    left: str
    right: str

    def __str__(self) -> str:
        return f"{self.score:.3f}: {self.left[:90]!r} and {self.right[:90]!r}"


def nearest(left: list[str], right: list[str] | None = None) -> Near:
    """Return the most similar pair: of `left` and `right`, or, without `right`, of two different places in `left`."""
    ours = [tokens_of(text) for text in left]
    theirs = ours if right is None else [tokens_of(text) for text in right]
    best = Near(0.0, "", "")
    for i, mine in enumerate(ours):
        for k, other in enumerate(theirs[:i] if right is None else theirs):
            most = 2 * min(len(mine), len(other)) / max(1, len(mine) + len(other))
            if most > best.score and (score := rouge_l(mine, other)) > best.score:
                best = Near(score, left[i], (left if right is None else right)[k])
    return best


def long_enough(texts: list[str], tokens: int = 8) -> list[str]:
    """Return the texts that are long enough for ROUGE-L; a label such as "yes" is equal to every other "yes"."""
    return [text for text in texts if len(tokens_of(text)) >= tokens]


@dataclass(frozen=True)
class Template:
    """A few-shot template of the paper's recipe: a header line, demonstration blocks, and the open end."""

    header: str
    blocks: tuple[str, ...]
    tail: str

    @property
    def instructions(self) -> list[str]:
        return [block.split("\n")[0].removeprefix("Task: ") for block in self.blocks]

    def instances(self) -> list[tuple[str, str]]:
        """Return (input, output) of every worked example; for `Class label:` blocks, the label is the output."""
        found: list[tuple[str, str]] = []
        for block in self.blocks:
            body = block.partition("\n")[2]
            if "Class label: " in body:
                parts = [part.partition("\n") for part in body.split("Class label: ")[1:]]
                found += [(text.strip(), label.strip()) for label, _, text in parts]
            else:
                for part in re.split(r"^Example \d+\n", body, flags=re.MULTILINE):
                    if part.strip():
                        before, _, after = ("\n" + part).partition("\nOutput:")
                        found.append((before.strip(), after.strip()))
        return found


def read_template(name: str) -> Template:
    text = (TEMPLATES / f"{name}.jinja").read_text("utf-8")
    return split_template(text)


def split_template(text: str) -> Template:
    header, *blocks, tail = text.removesuffix("\n").split("\n\n")
    return Template(header, tuple(blocks), tail)


def official_texts() -> tuple[list[str], list[str], list[str]] | None:
    """Return instructions, inputs and outputs of the paper's 175 seeds and 252 user tasks; None if they are not available."""
    paths = [OFFICIAL / "seed_tasks.jsonl", OFFICIAL / "user_oriented_instructions.jsonl"]
    if not all(path.exists() for path in paths):
        return None
    rows = [json.loads(line) for path in paths for line in path.read_text("utf-8").split("\n") if line]
    instances = [instance for row in rows for instance in row["instances"]]
    instructions = [row["instruction"] for row in rows]
    return instructions, [entry["input"] for entry in instances], [entry["output"] for entry in instances]
