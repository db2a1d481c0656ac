"""`results.md`: all tables of a demo in full."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from bootstruct.pocket.demo.evaluation_data import GROUPS, NEVER_ANSWERED
from bootstruct.pocket.demo.options import CURVE, REPORT, SUMMARY
from bootstruct.pocket.demo.summary import HEADLINE_BASELINE, curve_rows
from bootstruct.pocket.demo.tables import (
    INTERVALS,
    MECHANISM,
    difference_rows,
    headline_sentence,
    reader_lines,
    score_rows,
    seed_rows,
    seeds_sentence,
    with_interval,
)
from bootstruct.pocket.world.families import DIFFICULTIES

Json = dict[str, Any]
COLUMNS = (*GROUPS, NEVER_ANSWERED)


def results_page(summary: Json) -> str:
    """Return the page as Markdown."""
    return "\n".join(_page(summary, curve_rows(summary))) + "\n"


def _page(summary: Json, curve: list[Json]) -> Iterator[str]:
    yield from (f"# What the demo with {summary['model']} has shown", "", headline_sentence(summary), "", MECHANISM, "")
    yield from (prompts_sentence(summary), "")
    yield from (*score_table(summary), *difference_table(summary))
    yield from ("By difficulty of the task:", "", *difficulty_table(summary))
    yield from (seeds_sentence(summary), "", *reader_lines(summary), "")
    if len(summary["finetuning seeds"]) > 1:
        first = next(row for row in summary["models"] if row["name"] == "self-instruct")
        order = "; ".join(first["by seed"])
        yield from ("## Each run and finetuning seed", "", f"The mean over all prompts. Order: {order}.", "")
        yield from _table(("model", "each", "mean", "spread"), seed_rows(summary))
    if curve:
        yield from ("## More data", "", f"![Scores over the number of generated tasks]({CURVE})", "")
        yield from _table(
            ("generated tasks", "all", *COLUMNS),
            [(row["generated tasks"], *_cells(row["first line"])) for row in curve],
        )
    yield from _families(summary)
    yield from _settings(summary)


def score_table(summary: Json, names: Sequence[str] | None = None) -> list[str]:
    """Return the table of scores as lines of Markdown; `names` are the rows that are shown, in order, None for all."""
    rows = {
        name: (name, *_cells(scores), f"{right['all']['mean']:.0f}%" if right else "")
        for name, scores, right in score_rows(summary)
    }
    shown = rows.values() if names is None else [rows[name] for name in names if name in rows]
    return list(_table(("model", "all", *COLUMNS, "exact"), shown))


def difference_table(summary: Json) -> list[str]:
    """Return what self-instruct data adds to every other model, as lines of Markdown."""
    return list(_table(("self-instruct data, over", "all", "p", *COLUMNS), difference_rows(summary)))


def difficulty_table(summary: Json) -> list[str]:
    """Return the scores by difficulty of the task, as lines of Markdown."""
    rows = [(name, *_cells(scores, DIFFICULTIES)) for name, scores, _ in score_rows(summary)]
    return list(_table(("model", *DIFFICULTIES), rows))


def prompts_sentence(summary: Json) -> str:
    """Describe the prompts and their groups."""
    prompts = summary["prompts"]
    groups = "; ".join(f"{group} {' and '.join(map(str, prompts[group]))}" for group in GROUPS)
    return (
        f"ROUGE-L (x100) on {prompts['all']} prompts of {prompts['families']} families of tasks. A family is in a seed, or was "
        f"generated in the run, or neither ({groups}). The corpus shows the held-out ones "
        f"({prompts[NEVER_ANSWERED]} prompts) never with an answer. {prompts['left out']} more prompts were generated as well "
        f"and are left out. {INTERVALS}"
    )


def _families(summary: Json) -> Iterator[str]:
    yield from ("## By family", "", "Scores of the first line, the lowest first; groups of the first run.", "")
    for group in GROUPS:
        rows = [
            (
                row["family"],
                row["prompts"],
                *(f"{row[name]:.0f}" for name in ("as-it-was", HEADLINE_BASELINE, "self-instruct")),
            )
            for row in summary["families"]
            if row["group"] == group
        ]
        yield from _table((f"family: {group}", "prompts", "untuned", "seed instructions", "self-instruct"), rows)


def _settings(summary: Json) -> Iterator[str]:
    yield from (
        "## How it was made",
        "",
        "The settings of each model. All completed steps are listed in steps.json.",
        "",
    )
    rows = [
        (
            row["label"], row["source"], " and ".join(map(str, row["examples"])) or f"of {row['generated tasks']} tasks",
            row["steps"], f"{row['learning rate']:g}",
        )
        for row in summary["models"]
        if "steps" in row
    ]  # fmt: skip
    yield from _table(("model", "trained on", "examples", "steps", "learning rate"), rows)
    seconds = ", ".join(f"{work} {value:.0f} s" for work, value in summary["seconds"].items())
    yield f"Time: {seconds}. The report is {REPORT}, the figures are in {SUMMARY}."


def _table(head: Sequence[str], rows: Iterable[Sequence[object]]) -> Iterator[str]:
    yield "| " + " | ".join(head) + " |"
    yield "|" + "---|" + "---:|" * (len(head) - 1)
    yield from ("| " + " | ".join(map(str, row)) + " |" for row in rows)
    yield ""


def _cells(scores: Json, groups: Sequence[str] = ("all", *COLUMNS)) -> list[str]:
    return [with_interval(scores[group]) for group in groups]
