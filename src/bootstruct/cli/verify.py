"""bootstruct verify."""

import dataclasses
import time
from pathlib import Path
from typing import TYPE_CHECKING

import click

from bootstruct.cli.echo import echo, echo_json

if TYPE_CHECKING:
    from bootstruct.history.verification import Verification


FOLDER = click.Path(path_type=Path)


MOST_SHOWN = 20  # kinds of disagreements; --json prints all of all kinds
PROGRESS_SECONDS = 2.0


@click.command("verify", short_help="Re-derive every decision from the recorded replies.")
@click.argument("run", type=FOLDER)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@click.pass_context
def verify_command(ctx: click.Context, run: Path, as_json: bool) -> None:
    """Derive every decision of RUN again from its recorded replies and list where the journal differs.

    It checks the prompts, the examples drawn, what was parsed from each reply, rules, novelty, task types, instances and
    checks, and exits with 2 if anything disagrees.

    \b
    Example:
      bootstruct verify runs/a
    """
    from bootstruct.history.verify import verify

    begun = last_shown = time.monotonic()

    def show(events: int, disagreements: int) -> None:
        nonlocal last_shown
        if time.monotonic() - last_shown > PROGRESS_SECONDS and not as_json:
            last_shown = time.monotonic()
            echo(f"{events:,} events, {disagreements:,} disagreements ...", err=True)

    found = verify(run, show)
    if as_json:
        echo_json(dataclasses.asdict(found) | {"conclusion": found.conclusion})
    else:
        _print(found, time.monotonic() - begun)
    ctx.exit(0 if found.agrees else 2)


def _print(found: "Verification", seconds: float) -> None:
    from bootstruct.history.verify_wording import grouped

    checked = ", ".join(f"{count} {what}" for what, count in found.checked.items()) or "nothing"
    echo(f"checked: {checked} ({seconds:.1f} s)")
    for what, count in found.unchecked.items():
        echo(f"not checked: {count} {what}")
    groups = grouped(found.disagreements)
    for group in groups[:MOST_SHOWN]:
        echo(f"disagrees: {group.first}")
        if group.count > 1:
            echo(f"  and {group.count - 1:,} more of this kind (--json lists all)")
    if len(groups) > MOST_SHOWN:
        echo(f"... and {len(groups) - MOST_SHOWN:,} more kinds (--json lists all)")
    echo(found.conclusion)
