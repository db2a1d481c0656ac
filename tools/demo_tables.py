"""Write the demo's figures into README.md and docs/, from the summary of a run of the demo.

    python tools/demo_tables.py out/demo/summary.json    keeps it as docs/evidence/demo.json (with `--full`: demo-full.json)
    python tools/demo_tables.py                          rewrites the pages from both

A page holds figures between `<!-- demo: NAME -->` and `<!-- demo end -->`. Nothing between these marks is written by hand, and
a test compares the pages with the summary.
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
from bootstruct.pocket.demo.tables import headline_sentence, reader_lines, seed_rows, seeds_sentence, with_interval

ROOT = Path(__file__).parent.parent
SUMMARY = ROOT / "docs" / "evidence" / "demo.json"
FULL = ROOT / "docs" / "evidence" / "demo-full.json"
PAGES = ("README.md", "docs/demo.md", "docs/evidence.md")
_BLOCK = re.compile(r"(<!-- demo: ([\w ]+) -->\n).*?(<!-- demo end -->)", re.DOTALL)


def full_blocks(full: dict[str, Any]) -> dict[str, list[str]]:
    """Return the blocks of a demo with `--full`, by the name in their marks."""
    missing = "not run" if full.get("not run") else "failed"
    shots = next(row for row in full["models"] if row["format"] == "few-shot")["first line"]["all"]
    return {
        "full headline": [headline_sentence(full), ""],
        "full few shots": [f"Untuned, after solved examples of other tasks in the prompt: {with_interval(shots)}.", ""],
        "full prompts": [prompts_sentence(full), ""],
        "full scores": score_table(full),
        "full differences": difference_table(full),
        "full seeds": [
            seeds_sentence(full),
            "",
            "| model | each run and finetuning seed | mean | deviation |",
            "|---|---|---:|---:|",
            *(
                f"| {name} | {singles.replace('failed', missing)} | {mean} | {spread} |"
                for name, singles, mean, spread in seed_rows(full)
            ),
            "",
        ],
    }


def blocks(summary: dict[str, Any]) -> dict[str, list[str]]:
    """Return the blocks of the demo, by the name in their marks."""
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
        "time": [f"Time: {spent}.", ""],
    }


def written(page: str, summary: dict[str, Any], full: dict[str, Any]) -> str:
    """Return a page with its figures written anew."""
    texts = blocks(summary) | full_blocks(full)
    return _BLOCK.sub(lambda found: found[1] + "\n" + "\n".join(texts[found[2]]) + found[3], page)


def main() -> None:
    if len(sys.argv) > 1:
        given = Path(sys.argv[1])
        is_full = json.loads(given.read_text(encoding="utf-8"))["full"]
        (FULL if is_full else SUMMARY).write_bytes(given.read_bytes())
    summary, full = (json.loads(path.read_text(encoding="utf-8")) for path in (SUMMARY, FULL))
    for name in PAGES:
        path = ROOT / name
        path.write_text(written(path.read_text(encoding="utf-8"), summary, full), encoding="utf-8")


if __name__ == "__main__":
    main()
