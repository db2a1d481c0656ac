"""bootstruct status: looking at a run."""

import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING

import click

from bootstruct.cli.echo import echo_json, made_visible

if TYPE_CHECKING:
    pass


FOLDER = click.Path(path_type=Path)


@click.command("status", short_help="Show the state and the figures of a run.")
@click.argument("run", type=FOLDER)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object (docs/status.md describes it).")
def status_command(run: Path, as_json: bool) -> None:
    """Show counts, the funnel, tokens and cost of RUN. It only reads the journal, so a running `generate` is not disturbed.

    \b
    Example:
      bootstruct status runs/a --json
    """
    from bootstruct.config.machine import read_machine
    from bootstruct.run.folder import read_run, read_suspended
    from bootstruct.run.status import status_of

    status = status_of(read_run(run), read_machine(run).prices, read_suspended(run))
    if as_json:
        echo_json(dataclasses.asdict(status))
        return
    from rich.console import Console

    from bootstruct.cli.tables import status_table

    Console().print(status_table(made_visible(status)))
