"""bootstruct status, bootstruct verify: looking at a run."""

import dataclasses
import json
import re
import time
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from bootstruct.verify import Findings

FOLDER = click.Path(path_type=Path)
MOST_SHOWN = 20


@click.command("status", short_help="Show what a run has come to.")
@click.argument("run", type=FOLDER)
@click.option("--json", "as_json", is_flag=True, help="As one JSON object (docs/status.md describes it).")
def status_command(run: Path, as_json: bool) -> None:
    """Show counts, the funnel, tokens and money of RUN. Reads the journal only: a run that is going on is not disturbed.

    \b
    Example:
      bootstruct status runs/a --json
    """
    from bootstruct.runs import read_aside, read_run
    from bootstruct.settings import read_machine
    from bootstruct.status import status_of

    status = status_of(read_run(run), read_machine(run).prices, read_aside(run))
    if as_json:
        click.echo(json.dumps(dataclasses.asdict(status), ensure_ascii=False))
        return
    from rich.console import Console

    from bootstruct.cli.tables import status_table

    Console().print(status_table(status))


@click.command("verify", short_help="Re-derive every decision from the recorded replies.")
@click.argument("run", type=FOLDER)
@click.option("--json", "as_json", is_flag=True, help="As one JSON object.")
@click.pass_context
def verify_command(ctx: click.Context, run: Path, as_json: bool) -> None:
    """Derive every decision of RUN again from its recorded replies and list where the journal says otherwise.

    Checked: the questions asked, the examples drawn, what was read from each reply, rules, novelty, kinds and instances.
    Exits with 2 if anything disagrees.

    \b
    Example:
      bootstruct verify runs/a
    """
    from bootstruct.journal import read_events
    from bootstruct.runs import journal_path
    from bootstruct.verify import Findings, verify

    findings, begun = Findings(), time.monotonic()
    told = begun
    for number in verify(read_events(journal_path(run)), findings):
        if time.monotonic() - told > 2 and not as_json:
            told = time.monotonic()
            click.echo(f"{number} events, {len(findings.disagreements)} disagreements ...", err=True)
    if as_json:
        click.echo(json.dumps(dataclasses.asdict(findings), ensure_ascii=False))
    else:
        _tell(findings, time.monotonic() - begun)
    ctx.exit(2 if findings.disagreements else 0)


def _tell(findings: "Findings", seconds: float) -> None:
    checked = ", ".join(f"{count} {what}" for what, count in findings.checked.items()) or "nothing"
    click.echo(f"checked: {checked} ({seconds:.1f} s)")
    for what, count in findings.unchecked.items():
        click.echo(f"not checked: {count} {what}")
    for line in findings.disagreements[:MOST_SHOWN]:
        click.echo(f"disagrees: {line}")
    if len(findings.disagreements) > MOST_SHOWN:
        click.echo(f"... and {len(findings.disagreements) - MOST_SHOWN} more (--json lists all), by kind:")
        kinds = Counter(re.sub(r"^.*?: (?=recorded|was|shows|read)", "", line)[:90] for line in findings.disagreements)
        for kind, count in kinds.most_common(8):
            click.echo(f"  {count} x {kind}")
    click.echo(
        "agrees: every decision follows from its replies"
        if not findings.disagreements
        else f"{len(findings.disagreements)} disagreements"
    )
