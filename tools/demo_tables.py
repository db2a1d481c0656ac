"""Write the demo's figures into README.md and docs/, from the summary of a run of the demo.

    python tools/demo_tables.py out/demo/summary.json    takes it as docs/evidence/demo.json, and its curve if it has one
    python tools/demo_tables.py                          writes the pages anew from docs/evidence/demo.json

A page holds figures between `<!-- demo: NAME -->` and `<!-- demo end -->`; nothing between them is written by hand, and a
test holds pages and summary against each other.
"""

import json
import re
import sys
from pathlib import Path
from typing import Any

from bootstruct.pocket.demo.results_markdown import (
    difference_table,
    difficulty_table,
    prompts_sentence,
    score_table,
)
from bootstruct.pocket.demo.tables import headline_sentence, reader_lines, seed_rows, seeds_sentence

ROOT = Path(__file__).parent.parent
SUMMARY = ROOT / "docs" / "evidence" / "demo.json"
PAGES = ("README.md", "docs/demo.md", "docs/evidence.md")
_BLOCK = re.compile(r"(<!-- demo: ([\w ]+) -->\n).*?(<!-- demo end -->)", re.DOTALL)


def blocks(summary: dict[str, Any]) -> dict[str, list[str]]:
    """Return what can stand between marks, by name."""
    best = f"untuned, {summary['best format']}, cut"
    short = [
        "untuned, headline, cut", best, "seeds, all templates", "seeds, model's instances", "self-instruct",
        "upper bound (solver)",
    ]  # fmt: skip
    spent = ", ".join(f"{work} {seconds / 60:.1f} min" for work, seconds in summary["seconds"].items())
    return {
        "headline": [headline_sentence(summary), ""],
        "prompts": [prompts_sentence(summary), ""],
        "scores": score_table(summary),
        "short scores": score_table(summary, short),
        "differences": difference_table(summary),
        "difficulty": difficulty_table(summary),
        "reader": [*reader_lines(summary), ""],
        "seeds": [
            seeds_sentence(summary),
            "",
            "| model | mean | spread |",
            "|---|---:|---:|",
            *(f"| {name} | {mean} | {spread} |" for name, _, mean, spread in seed_rows(summary)),
            "",
        ],
        "time": [f"Time: {spent}.", ""],
    }


def written(page: str, summary: dict[str, Any]) -> str:
    """Return a page with its figures written anew."""
    texts = blocks(summary)
    return _BLOCK.sub(lambda found: found[1] + "\n" + "\n".join(texts[found[2]]) + found[3], page)


def main() -> None:
    if len(sys.argv) > 1:
        given = Path(sys.argv[1])
        SUMMARY.parent.mkdir(exist_ok=True)
        SUMMARY.write_bytes(given.read_bytes())
        if (curve := given.parent / "curve.svg").is_file():
            (ROOT / "docs" / "img" / "demo-curve.svg").write_bytes(curve.read_bytes())
    summary = json.loads(SUMMARY.read_text(encoding="utf-8"))
    for name in PAGES:
        path = ROOT / name
        path.write_text(written(path.read_text(encoding="utf-8"), summary), encoding="utf-8")


if __name__ == "__main__":
    main()
