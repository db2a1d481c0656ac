"""bootstruct demo."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from bootstruct.cli.echo import echo, echo_json
from bootstruct.errors import RunStoppedError

if TYPE_CHECKING:
    from rich.table import Table

Json = dict[str, Any]
SHOWN_WORST, SHOWN_BEST = 4, 2  # families shown of each group
BAR_WIDTH = 40  # characters of a score of 100


@click.command("demo", short_help="Run the whole loop on this machine, with the embedded model.")
@click.option(
    "--out", type=click.Path(path_type=Path), default=Path("demo"), show_default=True, help="The folder to write to."
)
@click.option(
    "--tasks", type=click.IntRange(10), help="Grow the pool to N accepted instructions. [default: 120, with --full 200]"
)
@click.option(
    "--full",
    is_flag=True,
    help="Run all models and formats, two runs, three finetuning seeds and the curve over the amount of data.",
)
@click.option("--model", default="pocket", show_default=True, help="The model: pocket, or another local one as hf/DIR.")
@click.option(
    "--json", "as_json", is_flag=True, help="Print the summary as one JSON object; everything else goes to stderr."
)
def demo_command(out: Path, tasks: int | None, full: bool, model: str, as_json: bool) -> None:
    """Grow instructions with the pocket model, finetune it on them, and measure it before and after.

    It needs no network and no key. Each step is a command that is shown as it runs. If you run the demo again, it
    continues where it stopped; --full continues a demo that was begun without it. All tables are in results.md, all
    figures in summary.json.

    \b
    Examples:
      bootstruct demo --out demo
      bootstruct demo --out demo --full
    """
    from bootstruct.api.applications import demo

    def show(line: str) -> None:
        echo(line, err=as_json, bold=line.startswith("\n"))

    summary = demo(out, tasks=tasks, full=full, model=model, to_stderr=as_json, on_step=show)
    if as_json:
        echo_json(summary)
    else:
        print_summary(summary, out)
    if summary["failed"]:
        raise RunStoppedError(f"failed: {', '.join(summary['failed'])}; the same command tries them again.")


def print_summary(summary: Json, out: Path) -> None:
    """Print the tables of a demo with their captions."""
    from rich.console import Console
    from rich.padding import Padding

    from bootstruct.pocket.demo.options import PAGE, REPORT, SUMMARY
    from bootstruct.pocket.demo.summary import curve_rows
    from bootstruct.pocket.demo.tables import INTERVALS, MECHANISM, headline_sentence, reader_lines, seeds_sentence
    from bootstruct.render.numbers import duration

    console = Console(highlight=False)
    console.print("\n", scores_table(summary), sep="")
    console.print(differences_table(summary))
    console.print(Padding(headline_sentence(summary), (0, 1), style="bold"))
    console.print(Padding(f"{INTERVALS} {seeds_sentence(summary)}", (0, 1), style="dim"))
    if len(summary["finetuning seeds"]) > 1:
        console.print("\n", seeds_table(summary), sep="")
    if curve := curve_rows(summary):
        console.print("\n", curve_table(curve), sep="")
    console.print("\n", families_table(summary), sep="")
    spent = ", ".join(f"{work} {duration(seconds)}" for work, seconds in summary["seconds"].items())
    lines = [
        *reader_lines(summary),
        f"Time: {spent}; {duration(sum(summary['seconds'].values()))} in all.",
        "",
        MECHANISM,
    ]
    lines += ["", f"All families and settings: {out / PAGE}. Figures: {out / SUMMARY}. Report: {out / REPORT}."]
    console.print(Padding("\n".join(lines), (1, 1)))


def _table(title: str, *heads: str) -> "Table":
    from rich import box
    from rich.table import Table

    table = Table(title=title, title_justify="left", title_style="bold", box=box.SIMPLE_HEAD, pad_edge=False)
    for number, head in enumerate(heads):
        table.add_column(head, justify="right" if number else "left", no_wrap=True)
    return table


def scores_table(summary: Json) -> "Table":
    """Return the table of all models: over all prompts with an interval, and in groups of families."""
    from bootstruct.pocket.demo.evaluation_data import GENERATED, NEITHER, NEVER_ANSWERED
    from bootstruct.pocket.demo.tables import score_rows, with_interval

    prompts = summary["prompts"]
    title = f"ROUGE-L on {prompts['all']} prompts of {prompts['families']} families of tasks; tuned on ..."
    groups = (GENERATED, NEITHER, NEVER_ANSWERED)
    table = _table(title, "", "all", *groups)
    for name, scores, _ in score_rows(summary):
        cells = [f"{scores[group]['mean']:.1f}" if scores[group]["count"] else "-" for group in groups]
        table.add_row(name, with_interval(scores["all"]), *cells, style="bold green" if name == "self-instruct" else "")
    return table


def differences_table(summary: Json) -> "Table":
    """Return what self-instruct data adds to every other model, with intervals; results.md has all groups."""
    from bootstruct.pocket.demo.tables import difference_rows

    table = _table("What self-instruct adds, over ...", "", "all", "p", "held out")
    for row in difference_rows(summary):
        table.add_row(row[0], row[1], row[2], row[-1])
    return table


def seeds_table(summary: Json) -> "Table":
    """Return every tuned model's mean and spread over runs and finetuning seeds; results.md lists each separately."""
    from bootstruct.pocket.demo.tables import seed_rows

    table = _table("Over runs and finetuning seeds: all prompts, first line", "", "mean", "spread")
    for name, _, mean, spread in seed_rows(summary):
        table.add_row(name, mean, spread)
    return table


def curve_table(rows: list[Json]) -> "Table":
    """Return the curve over the amount of data, with bars."""
    table = _table("More data: generated tasks in addition to the seeds, first line", "tasks", "", "all", "neither")
    table.columns[0].justify, table.columns[1].justify = "right", "left"
    for row in rows:
        scores = row["first line"]
        cells = [f"{scores[group]['mean']:.1f}" for group in ("all", "neither")]
        table.add_row(str(row["generated tasks"] or "seeds only"), bar(scores["all"]["mean"]), *cells)
    return table


def bar(score: float) -> str:
    """Return a score of 0 to 100 as a bar of block characters, to an eighth of one."""
    eighths = round(max(0.0, min(100.0, score)) / 100 * BAR_WIDTH * 8)
    return "[green]" + "█" * (eighths // 8) + " ▏▎▍▌▋▊▉"[eighths % 8].strip() + "[/]"


def families_table(summary: Json) -> "Table":
    """Return the worst and the best families of each group."""
    from bootstruct.pocket.demo.evaluation_data import GROUPS
    from bootstruct.pocket.demo.summary import HEADLINE_BASELINE

    heads = ("", "untuned", "seed instructions", "self-instruct")
    table = _table("Families of tasks, worst and best: first line", *heads)
    for group in GROUPS:
        own = [row for row in summary["families"] if row["group"] == group]
        shown = own if len(own) <= SHOWN_WORST + SHOWN_BEST + 1 else [*own[:SHOWN_WORST], None, *own[-SHOWN_BEST:]]
        table.add_row(f"[bold]{group}[/]", *["", "", ""])
        for row in shown:
            if row is None:
                left = len(own) - SHOWN_WORST - SHOWN_BEST
                table.add_row(f"  [dim]{left} more in results.md[/]", *["", "", ""])
            else:
                scores = [f"{row[name]:.0f}" for name in ("as-it-was", HEADLINE_BASELINE, "self-instruct")]
                table.add_row(f"  {row['family'].replace('_', ' ')}", *scores)
    return table
