"""`results.md`: all tables of a demo, the long ones whole; and the sentences that belong to the figures."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from bootstruct.demo.figure import curve_svg
from bootstruct.demo.loop import REPORT, Measured
from bootstruct.demo.prompts import SEEDED, UNSEEDED
from bootstruct.demo.summary import STATUSES, SUMMARY, curve_rows
from bootstruct.files import write_whole

Json = dict[str, Any]
PAGE, CURVE = "results.md", "curve.svg"
MECHANISM = (
    "One grammar wrote the model's corpus, checks the instances and makes the evaluation: this demonstrates the mechanism "
    "on a small world. It is no evidence about language at large, nor about training on the web's texts."
)
ERRORS = (
    "± is the standard error over prompts, those of one family counted together. Tuned models: first line of the answer. "
    "Exact: answers that are the right one to the letter."
)


def one_seed(told: Json) -> str:
    """What the errors leave out."""
    if len(told["finetuning seeds"]) == 1:
        return "One finetuning seed: another would differ by some points; --full takes three."
    return f"Finetuning seeds {', '.join(map(str, told['finetuning seeds']))}; they also draw the subsets of the curve."


def score_rows(told: Json) -> list[tuple[str, Json, Json]]:
    """(name, scores, exact matches) of the headline: the model as it was whole and cut, then the tuned ones cut."""
    rows: list[tuple[str, Json, Json]] = []
    for row in told["models"]:
        if row["part"] == "before":
            rows.append((f"{row['told']}, whole answer", row["whole answer"], {}))
            rows.append((f"{row['told']}, first line", row["first line"], row["exact"]))
        elif row["part"] != "curve":
            rows.append((row["told"], row["first line"], row["exact"]))
    return rows


def with_error(value: Json) -> str:
    """A mean and its standard error."""
    if not value["count"]:
        return "-"
    return f"{value['mean']:.1f}" if value["error"] is None else f"{value['mean']:.1f} ±{value['error']:.1f}"


def difference_rows(told: Json) -> list[tuple[str, str, str]]:
    """What self-instruct data adds to each other model: over all prompts, and over families in no seed."""
    names = {"as-it-was": "the model as it was", "seeds-only": "the seeds only", "solved": "the upper bound"}
    found = {(row["over"], row["prompts"]): _difference(row) for row in told["differences"]}
    return [
        (f"against {name}", found[over, "all"], found[over, UNSEEDED])
        for over, name in names.items()
        if (over, "all") in found
    ]


def _difference(row: Json) -> str:
    between = row["interval"]
    told = "" if between is None else f" ({between['low']:+.1f} to {between['high']:+.1f})"
    return f"{row['value']:+.1f}{told}" if row["count"] else "-"


def reader_lines(told: Json) -> list[str]:
    """What the strict reader found, in words; nothing where the model is not of its world."""
    instances, instructions = told["instances"], told["instructions"]
    if "right" not in instances:
        return [f"{instances['all']:,} instances; they are not checked, since the model is not of the micro-world."]
    share = instances["share right"]
    counts = ", ".join(f"{instances[name]:,} {name}" for name in STATUSES)
    taken = ", ".join(f"{instructions[name]:,} {name}" for name in ("read", "unread", "ambiguous"))
    right = "none" if share is None else f"{share:.1%}"
    return [f"Instructions, by the strict reader: {taken}.", f"Instances: {right} right ({counts})."]


def write_page(measured: Measured, told: Json) -> None:
    """Write results.md, and curve.svg where there is a curve."""
    folder, curve = measured.wanted.folder, curve_rows(told)
    if curve:
        before = next(row for row in told["models"] if row["part"] == "before")
        write_whole(folder / CURVE, curve_svg(curve, before["first line"]["all"]["mean"]).encode())
    write_whole(folder / PAGE, ("\n".join(_page(told, curve)) + "\n").encode())


def _table(head: Sequence[str], rows: Iterable[Sequence[object]]) -> Iterator[str]:
    yield "| " + " | ".join(head) + " |"
    yield "|" + "---|" + "---:|" * (len(head) - 1)
    yield from ("| " + " | ".join(map(str, row)) + " |" for row in rows)
    yield ""


def _cells(scores: Json) -> list[str]:
    return [with_error(scores[group]) for group in ("all", SEEDED, UNSEEDED)]


def _page(told: Json, curve: list[Json]) -> Iterator[str]:
    yield from (f"# What the demo with {told['model']} has shown", "", MECHANISM, "")
    prompts = told["prompts"]
    yield (
        f"ROUGE-L (x100) on {prompts['all']} unseen prompts, {prompts[UNSEEDED]} of them of families in no seed; "
        f"{prompts['left out']} more were generated as well and are left out. {ERRORS}"
    )
    yield ""
    rows = [
        (name, *_cells(scores), f"{right['all']['mean']:.0f}%" if right else "")
        for name, scores, right in score_rows(told)
    ]
    yield from _table(("model", "all", SEEDED, UNSEEDED, "exact"), rows)
    yield from _table(("self-instruct data (95% interval)", "all", UNSEEDED), difference_rows(told))
    yield from (one_seed(told), "", *reader_lines(told), "")
    if len(told["finetuning seeds"]) > 1:
        yield from ("## Each finetuning seed", "", "The mean over all prompts, answers cut at the first line.", "")
        yield from _table(
            ("model", *(f"seed {seed}" for seed in told["finetuning seeds"]), "mean", "spread"), seed_rows(told)
        )
    if curve:
        yield from ("## More data", "", f"![Scores over the number of generated tasks]({CURVE})", "")
        head = ("generated tasks", "all", SEEDED, UNSEEDED)
        yield from _table(head, [(row["generated tasks"], *_cells(row["first line"])) for row in curve])
    yield from ("## By family", "", "First line; worst first.", "")
    names = ("as-it-was", "seeds-only", "self-instruct")
    for group in (UNSEEDED, SEEDED):
        rows = [
            (row["family"], row["prompts"], *(f"{row[name]:.0f}" for name in names))
            for row in told["families"]
            if row["group"] == group
        ]
        yield from _table((f"family {group}", "prompts", "as it was", "seeds only", "self-instruct"), rows)
    yield from (
        "## How it was made",
        "",
        "The settings are those of this table; the same models stand in steps.json.",
        "",
    )
    made = [row for row in told["models"] if "steps" in row]
    yield from _table(
        ("model", "trained on", "steps", "learning rate"),
        [(row["told"], row["source"], row["steps"], f"{row['learning rate']:g}") for row in made],
    )
    seconds = ", ".join(f"{work} {value:.0f} s" for work, value in told["seconds"].items())
    yield f"Time: {seconds}. The report is {REPORT}, the figures are in {SUMMARY}."


def seed_rows(told: Json) -> list[tuple[str, ...]]:
    """Each tuned model: every finetuning seed, mean, standard deviation; a failed one says so."""
    rows = []
    for row in told["models"]:
        if "by seed" in row:
            single = ["failed" if value is None else f"{value:.1f}" for value in row["by seed"].values()]
            mean, off = row["mean over seeds"], row["deviation over seeds"]
            rows.append(
                (row["told"], *single, "-" if mean is None else f"{mean:.1f}", "-" if off is None else f"{off:.1f}")
            )
    return rows
