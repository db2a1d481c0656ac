"""The current judgements, as files for other tools: CSV, JSONL, and the ratings as `evaluate` reads them."""

import csv
import io
import json
from typing import Any, Final

from bootstruct.io.formulas import guarded
from bootstruct.journal.reviews import PAIR, QUALITY, QUESTIONS, RATING, ReviewRecorded, Reviews

COLUMNS: Final = (
    "mode", "item", "reviewer", *QUESTIONS, "level", "better", "note", "seconds", "at", "sheet",
)  # fmt: skip


def standing(reviews: Reviews) -> list[ReviewRecorded]:
    """Every current judgement, of all modes and sheets."""
    order = {QUALITY: 0, RATING: 1, PAIR: 2}
    found = [stack[-1] for stack in reviews.stacks.values() if stack]
    return sorted(found, key=lambda judged: order[judged.mode])


def as_jsonl(reviews: Reviews) -> str:
    """One JSON object per judgement."""
    return "".join(json.dumps(_row(review), ensure_ascii=False) + "\n" for review in standing(reviews))


def as_csv(reviews: Reviews) -> str:
    """One line per judgement; a column that does not belong to its mode is left empty."""
    out = io.StringIO()
    table = csv.DictWriter(out, COLUMNS, restval="", lineterminator="\r\n")
    table.writeheader()
    for review in standing(reviews):
        table.writerow({name: _cell(value) for name, value in _row(review).items()})
    return out.getvalue()


def as_ratings(reviews: Reviews, sheet: str) -> str:
    """Rows of {item, rater, level} about one sheet, for `evaluate compare --ratings` and `evaluate agree`."""
    rows = [
        {"item": review.item, "rater": review.reviewer, "level": review.verdict["level"]}
        | ({"note": review.note} if review.note else {})
        for review in reviews.all_standing(RATING, sheet)
    ]
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)


def _row(judged: ReviewRecorded) -> dict[str, Any]:
    row = {"mode": judged.mode, "item": judged.item, "reviewer": judged.reviewer} | dict(judged.verdict)
    return row | {"note": judged.note, "seconds": judged.seconds, "at": judged.at, "sheet": judged.sheet}


def _cell(value: Any) -> Any:
    """A value that is safe in a spreadsheet: a text that it would read as a formula gets an apostrophe before it."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    return guarded(value) if isinstance(value, str) else value
