"""The tables of a demo as rows of text, and the sentences that belong to them, for the page and for the terminal."""

from typing import Any

from bootstruct.pocket.demo.evaluation_data import GROUPS, NEVER_ANSWERED
from bootstruct.pocket.demo.summary import HEADLINE_BASELINE, STATUSES

Json = dict[str, Any]
MECHANISM = (
    "One grammar wrote the model's corpus, checks the instances and makes the evaluation: this demonstrates the mechanism "
    "on a small world. It is no evidence about language at large, nor about training on text from the web."
)
INTERVALS = (
    "Brackets: 95% intervals over families of tasks. Answers are cut at the first line. Exact: the share of answers that "
    "are right to the letter. p: sign-flip test over families."
)
OVER = {
    "seed-instances": "seeds, model's instances",
    "seeds-all-templates": "seeds, all templates",
    "seeds-only": "seeds",
    "unfiltered": "no novelty filter",
    "input-first": "no classification",
    "shuffled": "outputs shuffled",
    "solved": "upper bound",
    "as-it-was": "untuned, headline",
}


def headline_sentence(summary: Json) -> str:
    """Say what new instructions bring: self-instruct against instances that the model wrote for the seed instructions."""
    row = next((r for r in summary["differences"] if r["over"] == HEADLINE_BASELINE and r["prompts"] == "all"), None)
    if row is None:
        return "The comparison that isolates the effect of new instructions could not be made."
    value = f"{row['value']:+.1f}{bracket(row['interval'])}"
    if row["interval"] is None or row["interval"]["low"] <= 0 <= row["interval"]["high"]:
        return (
            f"Invented instructions, over instances for the seed instructions alone: {value}, not told apart from none."
        )
    return f"Invented instructions, over instances for the seed instructions alone: {value} points of ROUGE-L."


def seeds_sentence(summary: Json) -> str:
    """Say which runs and finetuning seeds there are, because the intervals do not cover them."""
    if len(summary["finetuning seeds"]) == 1:
        return "This is one run and one finetuning seed; others would differ by some points. --full has two and three."
    runs, seeds = (", ".join(map(str, summary[name])) for name in ("generation seeds", "finetuning seeds"))
    return f"Runs with the seeds {runs}; finetuning seeds {seeds}. The intervals do not cover how these differ."


def score_rows(summary: Json) -> list[tuple[str, Json, Json]]:
    """Return (name, scores, exact matches) for the table: the model as it was, whole and cut, then the tuned ones."""
    rows: list[tuple[str, Json, Json]] = []
    for row in summary["models"]:
        if row["part"] == "before":
            name = f"{row['label']}, {row['format']}"
            rows.append((f"{name}, whole", row["whole answer"], {}))
            rows.append((f"{name}, cut", row["first line"], row["exact"]))
        elif row["part"] != "curve":
            rows.append((row["label"], row["first line"], row["exact"]))
    return rows


def bracket(interval: Json | None) -> str:
    """Return an interval as text, with a blank before it; nothing for none."""
    return "" if interval is None else f" [{interval['low']:.1f}, {interval['high']:.1f}]"


def with_interval(value: Json) -> str:
    """Return a mean with its interval as text."""
    return f"{value['mean']:.1f}{bracket(value['interval'])}" if value["count"] else "-"


def difference_rows(summary: Json) -> list[tuple[str, ...]]:
    """Return what self-instruct data adds to each other model: over all prompts with p, and in each group."""
    by_name: dict[str, dict[str, Json]] = {}
    for row in summary["differences"]:
        by_name.setdefault(row["over"], {})[row["prompts"]] = row
    rows = []
    for over, of in by_name.items():
        name = OVER.get(over, f"untuned, {summary['best format']}")
        p = of["all"]["p"]
        rows.append(
            (name, _difference(of["all"]), p_text(p), *(_difference(of[group]) for group in (*GROUPS, NEVER_ANSWERED)))
        )
    return rows


def p_text(value: float | None) -> str:
    """Return p as text."""
    return "-" if value is None else "< 0.001" if value < 0.001 else f"{value:.3f}"


def _difference(row: Json) -> str:
    return f"{row['value']:+.1f}{bracket(row['interval'])}" if row["count"] else "-"


def seed_rows(summary: Json) -> list[tuple[str, ...]]:
    """Return each tuned model with the score of every run and finetuning seed, their mean and standard deviation."""
    rows = []
    for row in summary["models"]:
        if "by seed" in row:
            scores = ", ".join("failed" if value is None else f"{value:.1f}" for value in row["by seed"].values())
            mean, deviation = row["mean over seeds"], row["deviation over seeds"]
            rows.append(
                (row["label"], scores, *("-" if value is None else f"{value:.1f}" for value in (mean, deviation)))
            )
    return rows


def reader_lines(summary: Json) -> list[str]:
    """Say what the strict reader found; for a model that does not belong to its world, how many instances there are."""
    lines = []
    for run in summary["runs"]:
        name = f"Run {run['run']}: " if len(summary["runs"]) > 1 else ""
        instances, instructions = run["instances"], run["instructions"]
        if "right" not in instances:
            count = f"{name}{instances['all']:,} instances"
            lines.append(f"{count}; they are not checked, because the model does not belong to the micro-world.")
            continue
        share = instances["share right"]
        counts = ", ".join(f"{instances[status]:,} {status}" for status in STATUSES)
        read = ", ".join(f"{instructions[status]:,} {status}" for status in ("read", "unread", "ambiguous"))
        right = "none" if share is None else f"{share:.1%}"
        lines += [f"{name}Instructions, by the strict reader: {read}.", f"{name}Instances: {right} right ({counts})."]
    return lines
