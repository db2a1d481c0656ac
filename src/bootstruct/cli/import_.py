"""bootstruct import."""

import time
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from bootstruct.cli.completion import complete_recipes
from bootstruct.cli.echo import echo, echo_accounts, echo_json
from bootstruct.cli.shared_options import fields, list_left_out
from bootstruct.render.numbers import counted, number

if TYPE_CHECKING:
    from bootstruct.history.importer import ImportResult

FOLDER = click.Path(path_type=Path)
PROGRESS_SECONDS = 2.0


@click.command("import", short_help="Turn files of the original code, or of other tools, into a run.")
@click.argument("run", type=FOLDER)
@click.option(
    "--from",
    "sources",
    type=FOLDER,
    multiple=True,
    required=True,
    help="A folder or file of the original code, or a file of tasks; may be repeated.",
)
@click.option(
    "--seeds",
    type=FOLDER,
    help="The seed tasks with which that run was made. [default: seed_tasks.jsonl among the files, else those that come with "
    "bootstruct]",
)
@click.option(
    "--recipe",
    shell_complete=complete_recipes,
    help="The recipe whose parsing and rules derive the decisions. [default: recipe.yaml among the files, else original]",
)
@fields
@list_left_out
@click.option("--json", "as_json", is_flag=True, help="Print what was imported as one JSON object.")
def import_command(
    run: Path,
    sources: tuple[Path, ...],
    seeds: Path | None,
    recipe: str | None,
    fields: dict[str, str] | None,
    list_left_out: bool,
    as_json: bool,
) -> None:
    """Read the files of other tools into the new run folder RUN.

    These are the files of the original code (machine_generated_instructions.jsonl ..., including those in finetuning_data/),
    what `export --format original` wrote, or tasks in any file that bootstruct reads: Alpaca's regen.json, the output of
    CAMEL, distilabel, DataDesigner, curator and others, whose replies are not kept.

    Decisions are derived from the logged replies and corrected where the files differ. Tasks that the files do not
    complete stay open. The run can then be verified, exported, reported and reused, but not extended.

    \b
    Examples:
      bootstruct import runs/old --from data/davinci --seeds data/seed_tasks.jsonl
      bootstruct import runs/alpaca --from regen.json --recipe alpaca
      bootstruct import runs/other --from generated.parquet --fields instruction=question,output=answer
      bootstruct verify runs/old
    """
    from bootstruct.api.data import import_run

    last_shown = time.monotonic()

    def show(counts: "ImportResult") -> None:
        nonlocal last_shown
        if time.monotonic() - last_shown > PROGRESS_SECONDS and not as_json:
            last_shown = time.monotonic()
            done = f"{number(counts.accepted)} instructions accepted, {number(counts.tasks)} tasks completed"
            echo(f"{number(counts.rows)} rows read, {done} ...", err=True)

    imported = import_run(run, sources, recipe=recipe, seeds=seeds, fields=fields, on_progress=show)
    if as_json:
        echo_json(asdict(imported) | {"accounts": [account.to_row() for account in imported.accounts]})
    else:
        echo_accounts(imported.accounts, list_left_out)
        _print(imported, run)


def _print(imported: "ImportResult", run: Path) -> None:
    for content, path in imported.files.items():
        echo(f"{content}: {path}")
    echo(
        f"{number(imported.requests)} repl{'y' if imported.requests == 1 else 'ies'}, "
        f"{counted(imported.read, 'text')} read, {number(imported.candidates)} of them break no rule, "
        f"{number(imported.accepted)} accepted; {number(imported.tasks)} completed with "
        f"{counted(imported.instances, 'instance')}, {number(imported.open_tasks)} open"
    )
    for note in imported.notes:
        echo(f"note: {note}")
    echo(f"Next: bootstruct verify {run}")
