"""bootstruct report: the data set at a glance."""

import sys
import time
from pathlib import Path

import click

FOLDER = click.Path(path_type=Path)


def _rows(ctx: click.Context, param: click.Parameter, value: str | None) -> int | str | None:
    """A whole number above 0, or `all`."""
    if value is None or value == "all":
        return value
    if not (value.isascii() and value.isdigit() and int(value)):
        raise click.BadParameter(f"{value!r}: give a number of tasks above 0, or all.")
    return int(value)


@click.command("report", short_help="Write a page that shows the data set at a glance, and its card.")
@click.argument("runs", nargs=-1, required=True, type=FOLDER, metavar="RUN...")
@click.option("--out", type=FOLDER, help="The page to write. [default: report.html in RUN, or beside a file]")
@click.option(
    "--rows",
    callback=_rows,
    metavar="N|all",
    help="Tasks to browse in the page: a number (a random sample), or all. [default: 1000]",
)
@click.option("--seeds", type=FOLDER, help="The seed tasks (JSONL) to compare a file with; a run brings its own.")
@click.option(
    "--test-set",
    "test_sets",
    type=FOLDER,
    multiple=True,
    metavar="FILE",
    help="Test tasks (JSONL or JSON) that the data should not hold: how near does it come? May be repeated.",
)
def report_command(
    runs: tuple[Path, ...], out: Path | None, rows: int | str | None, seeds: Path | None, test_sets: tuple[Path, ...]
) -> None:
    """Write one self-contained HTML page about RUN, and a data set card in Markdown beside it.

    RUN is a run folder, an export, or any file of instruction data (Alpaca, chat messages, prompt and completion, the
    files of the original code). Several are set side by side.

    Where people have judged tasks of a run (`bootstruct review`), the page shows what they said. A FILE of --test-set has
    rows of tasks with instances, as seeds and user tasks have, of Alpaca's format, of chat messages, or of `text`.

    \b
    Examples:
      bootstruct report runs/a
      bootstruct report data/train.json --seeds seeds.jsonl --out train.html
      bootstruct report runs/a --test-set user_tasks.jsonl --test-set heldout.json
      bootstruct report runs/a runs/b --out a-and-b.html --rows 200
    """
    from bootstruct.report.browse import ROWS
    from bootstruct.report.build import make_report
    from bootstruct.report.sections import counted, shared_counts

    begun = time.monotonic()

    def tell(text: str) -> None:
        if sys.stderr.isatty():
            click.echo(f"{time.monotonic() - begun:5.1f} s  {text}", err=True)

    count = None if rows == "all" else int(rows or ROWS)
    made = make_report(list(runs), out, count, seeds, tell, rows is None, test_sets)
    for path, size in made.files.items():
        click.echo(f"{path}: {size / 1e6:.2f} MB" if size >= 10_000 else f"{path}: {size:,} bytes")
    for measured in made.measured:
        table = measured.table
        click.echo(f"{measured.subject.label}: {table.instructions:,} instructions, {table.instances:,} instances")
        for near in measured.nearby:
            said = ", ".join(f"{name} {count:,}" for name, count in shared_counts(near))
            click.echo(
                f"{measured.subject.label} and {near.label}, of {counted(len(near.found.tasks), 'task')}: {said}"
            )
        for note in measured.subject.notes:
            click.echo(f"note: {note}")
    if made.reader is None:
        click.echo("note: without the verb figures; pip install 'bootstruct[report]' brings a reader of verbs.")
