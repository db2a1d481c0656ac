"""bootstruct demo."""

import importlib.util
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from bootstruct.errors import BadInput, StoppedShort

if TYPE_CHECKING:
    from rich.table import Table

Json = dict[str, Any]
SHOWN_WORST, SHOWN_BEST, BAR = 4, 2, 40
NEEDED = ("torch", "transformers", "trl")


@click.command("demo", short_help="The whole loop on this machine, with the embedded model.")
@click.option(
    "--out", type=click.Path(path_type=Path), default=Path("demo"), show_default=True, help="A folder for it."
)
@click.option("--tasks", type=click.IntRange(10), help="Instructions to grow. [default: 120, with --full 300]")
@click.option("--full", is_flag=True, help="Three finetuning seeds, the curve over the amount of data, an upper bound.")
@click.option("--model", default="pocket", show_default=True, help="Another local model, as hf/DIR.")
@click.option("--json", "as_json", is_flag=True, help="The summary as one JSON object; all else goes to stderr.")
def demo_command(out: Path, tasks: int | None, full: bool, model: str, as_json: bool) -> None:
    """Grow instructions with the pocket model, finetune it on them, and measure it before and after. No network, no key.

    Every step is a command that is shown as it runs. Running the demo again goes on where it stopped; --full goes on from
    a demo without it. Tables are in results.md, figures in summary.json of the folder.

    \b
    Examples:
      bootstruct demo --out demo
      bootstruct demo --out demo --full
    """
    from bootstruct.demo.loop import Wanted, run_demo
    from bootstruct.demo.page import write_page
    from bootstruct.demo.summary import write_summary

    missing = [name for name in NEEDED if importlib.util.find_spec(name) is None]
    if missing:
        raise BadInput(f"The demo needs {' and '.join(missing)}: pip install 'bootstruct[local,train,report]'.")

    def say(line: str) -> None:
        click.secho(line, err=as_json, bold=line.startswith("\n"))

    measured = run_demo(Wanted(out, model, tasks, full, as_json), say)
    told = write_summary(measured)
    write_page(measured, told)
    if as_json:
        click.echo(json.dumps(told, ensure_ascii=False))
    else:
        show(told, out)
    if told["failed"]:
        raise StoppedShort(f"failed: {', '.join(told['failed'])}; the same command tries again what failed.")


def show(told: Json, out: Path) -> None:
    """The tables and what belongs to them."""
    from rich.console import Console
    from rich.padding import Padding

    from bootstruct.demo.loop import REPORT
    from bootstruct.demo.page import ERRORS, MECHANISM, PAGE, one_seed, reader_lines
    from bootstruct.demo.summary import SUMMARY, curve_rows
    from bootstruct.status import duration

    console = Console(highlight=False)
    console.print("\n", scores_table(told), sep="")
    console.print(differences_table(told))
    console.print(Padding(f"{ERRORS} {one_seed(told)}", (0, 1), style="dim"))
    if len(told["finetuning seeds"]) > 1:
        console.print("\n", seeds_table(told), sep="")
    if curve := curve_rows(told):
        console.print("\n", curve_table(curve), sep="")
    console.print("\n", families_table(told), sep="")
    spent = ", ".join(f"{work} {duration(seconds)}" for work, seconds in told["seconds"].items())
    lines = [*reader_lines(told), f"Time: {spent}; {duration(sum(told['seconds'].values()))} in all.", "", MECHANISM]
    lines += ["", f"All families and settings: {out / PAGE}. Figures: {out / SUMMARY}. Look at {out / REPORT}."]
    console.print(Padding("\n".join(lines), (1, 1)))


def _table(title: str, *heads: str) -> "Table":
    from rich import box
    from rich.table import Table

    table = Table(title=title, title_justify="left", title_style="bold", box=box.SIMPLE_HEAD, pad_edge=False)
    for number, head in enumerate(heads):
        table.add_column(head, justify="right" if number else "left", no_wrap=True)
    return table


def scores_table(told: Json) -> "Table":
    """The headline: each model over all prompts and by whether their family is in a seed."""
    from bootstruct.demo.page import score_rows, with_error

    title = f"ROUGE-L on {told['prompts']['all']} unseen prompts; is their family of tasks in a seed?"
    table = _table(title, "", "all", "in a seed", "in no seed", "exact")
    for name, scores, exact in score_rows(told):
        cells = [with_error(scores[group]) for group in ("all", "in a seed", "in no seed")]
        right = f"{exact['all']['mean']:.0f}%" if exact else ""
        table.add_row(name, *cells, right, style="bold green" if "self-instruct" in name else "")
    return table


def differences_table(told: Json) -> "Table":
    """What self-instruct data adds, with intervals."""
    from bootstruct.demo.page import difference_rows

    table = _table("What self-instruct data adds, first line (95% interval over families)", "", "all", "in no seed")
    for row in difference_rows(told):
        table.add_row(*row)
    return table


def seeds_table(told: Json) -> "Table":
    """Every tuned model with every finetuning seed."""
    from bootstruct.demo.page import seed_rows

    heads = [f"seed {seed}" for seed in told["finetuning seeds"]]
    table = _table("Each finetuning seed: all prompts, first line", "", *heads, "mean", "spread")
    for row in seed_rows(told):
        table.add_row(*row)
    return table


def curve_table(rows: list[Json]) -> "Table":
    """The curve over the amount of data, with bars."""
    table = _table(
        "More data: generated tasks beside the seeds, all prompts, first line", "tasks", "", "all", "in no seed"
    )
    table.columns[0].justify, table.columns[1].justify = "right", "left"
    for row in rows:
        scores = row["first line"]
        cells = [f"{scores[group]['mean']:.1f}" for group in ("all", "in no seed")]
        table.add_row(str(row["generated tasks"] or "seeds only"), bar(scores["all"]["mean"]), *cells)
    return table


def bar(score: float) -> str:
    """A score of 0 to 100 as a bar of block characters, to an eighth of one."""
    eighths = round(max(0.0, min(100.0, score)) / 100 * BAR * 8)
    return "[green]" + "█" * (eighths // 8) + " ▏▎▍▌▋▊▉"[eighths % 8].strip() + "[/]"


def families_table(told: Json) -> "Table":
    """The worst and the best families, those in no seed apart."""
    table = _table("Families of tasks, worst and best: first line", "", "as it was", "seeds only", "self-instruct")
    for group in ("in no seed", "in a seed"):
        own = [row for row in told["families"] if row["group"] == group]
        shown = own if len(own) <= SHOWN_WORST + SHOWN_BEST + 1 else [*own[:SHOWN_WORST], None, *own[-SHOWN_BEST:]]
        table.add_row(f"[bold]{group}[/]", *["", "", ""])
        for row in shown:
            if row is None:
                left = len(own) - SHOWN_WORST - SHOWN_BEST
                table.add_row(f"  [dim]{left} more in results.md[/]", *["", "", ""])
            else:
                scores = [f"{row[name]:.0f}" for name in ("as-it-was", "seeds-only", "self-instruct")]
                table.add_row(f"  {row['family'].replace('_', ' ')}", *scores)
    return table
