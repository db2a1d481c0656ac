"""bootstruct report: the data set at a glance."""

import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import click

from bootstruct.cli.echo import echo, echo_accounts, echo_json
from bootstruct.cli.shared_options import embedding_options, fields, list_left_out, superni_tasks, taxonomy_option

if TYPE_CHECKING:
    from bootstruct.reporting.build import ReportResult

FOLDER = click.Path(path_type=Path)


def _rows(ctx: click.Context, param: click.Parameter, value: str | None) -> int | Literal["all"] | None:
    """A whole number above 0, or `all`."""
    if value is None or value == "all":
        return value  # type: ignore[return-value]
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
    help="Show a random sample of N tasks in the page, or all. [default: 1000]",
)
@click.option("--seeds", type=FOLDER, help="The seed tasks to compare a file with; a run has its own.")
@click.option(
    "--test-set",
    "test_sets",
    type=FOLDER,
    multiple=True,
    metavar="FILE",
    help="Measure how close the data is to these test tasks; may be repeated.",
)
@taxonomy_option
@embedding_options
@fields
@superni_tasks
@list_left_out
@click.option(
    "--json", "as_json", is_flag=True, help="Print what was written, counted and left out as one JSON object."
)
def report_command(
    runs: tuple[Path, ...],
    out: Path | None,
    rows: int | Literal["all"] | None,
    seeds: Path | None,
    test_sets: tuple[Path, ...],
    taxonomy: Path | None,
    embed: str | None,
    base_url: str | None,
    embeddings: Path | None,
    fields: dict[str, str] | None,
    test_tasks: bool,
    other_languages: bool,
    list_left_out: bool,
    as_json: bool,
) -> None:
    """Write one self-contained HTML page about RUN, and a data set card in Markdown beside it.

    RUN is a run folder, an export, or any file of instruction data (docs/files.md lists containers and shapes),
    including files of the original code; - is the standard input. Several are shown side by side.

    If people have judged tasks of a run (`bootstruct review`), the page shows their judgements. A FILE of --test-set
    may also have any of these shapes.

    \b
    Examples:
      bootstruct report runs/a
      bootstruct report data/train.json --seeds seeds.jsonl --out train.html
      bootstruct report runs/a --test-set user_tasks.jsonl --test-set heldout.json
      bootstruct report runs/a --embed hf/./all-MiniLM-L6-v2
      bootstruct report runs/a runs/b --out a-and-b.html --rows 200
    """
    from bootstruct.api.tools import report
    from bootstruct.render.numbers import counted
    from bootstruct.reporting.sections import shared_counts

    begun = time.monotonic()

    def tell(text: str) -> None:
        if sys.stderr.isatty():
            echo(f"{time.monotonic() - begun:5.1f} s  {text}", err=True)

    made = report(
        *runs, out=out, rows=rows, seeds=seeds, test_sets=test_sets, fields=fields, test_tasks=test_tasks,
        other_languages=other_languages, embed=embed, base_url=base_url, embeddings=embeddings, taxonomy=taxonomy,
        on_step=tell,
    )  # fmt: skip
    if as_json:
        echo_json(_json_row(made))
        return
    echo_accounts(made.accounts, list_left_out)
    for path, size in made.files.items():
        echo(f"{path}: {size / 1e6:.2f} MB" if size >= 10_000 else f"{path}: {size:,} bytes")
    for measured in made.measured:
        table = measured.table
        echo(
            f"{measured.subject.label}: {counted(table.instructions, 'instruction')}, {counted(table.instances, 'instance')}"
        )
        for near in measured.nearby:
            verdict = ", ".join(f"{name} {count:,}" for name, count in shared_counts(near))
            echo(f"{measured.subject.label} and {near.label}, of {counted(len(near.found.tasks), 'task')}: {verdict}")
        for note in measured.subject.notes:
            echo(f"note: {note}")
    if made.reader is None:
        echo("note: without the verb figures; pip install 'bootstruct[report]' installs a reader of verbs.")


def _json_row(made: "ReportResult") -> dict[str, object]:
    """What was written, counted and left out as plain JSON values."""
    return {
        "written": {str(path): size for path, size in made.files.items()},
        "data_sets": [
            {
                "label": measured.subject.label,
                "source": measured.subject.source,
                "instructions": measured.table.instructions,
                "instances": measured.table.instances,
                "notes": measured.subject.notes,
                "diversity": None if measured.diversity is None else measured.diversity.to_row(),
            }
            for measured in made.measured
        ],
        "accounts": [account.to_row() for account in made.accounts],
    }
