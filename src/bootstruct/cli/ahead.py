"""bootstruct preview."""

import asyncio
import dataclasses
import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

from bootstruct.cli.cluster import ray_address
from bootstruct.cli.tables import money, number
from bootstruct.errors import BadInput
from bootstruct.status import duration

if TYPE_CHECKING:
    from bootstruct.preview import Preview, Shown
    from bootstruct.settings import Machine


@click.command("preview", short_help="Show a few requests in full and what the run will cost.")
@click.argument("run", type=click.Path(path_type=Path))
@click.option("--requests", type=click.IntRange(1, 5), default=2, show_default=True, help="Requests to ask.")
@click.option("--tasks", type=click.IntRange(1), default=1000, show_default=True, help="The goal to estimate for.")
@click.option("--base-url", metavar="URL", help="The server, as in http://127.0.0.1:8000/v1.")
@click.option("--engine", metavar="ENGINE", help="Who answers instead: openai, hf, or recorded:RUN.")
@click.option("--trust-remote-code", is_flag=True, help="Run the code that a local model (hf/) brings along.")
@ray_address
@click.option("--full", is_flag=True, help="Show long prompts whole instead of their beginning and end.")
@click.option("--json", "as_json", is_flag=True, help="As one JSON object.")
def preview_command(
    run: Path,
    requests: int,
    tasks: int,
    base_url: str | None,
    engine: str | None,
    trust_remote_code: bool,
    ray_address: str | None,
    full: bool,
    as_json: bool,
) -> None:
    """Ask the first requests of RUN and show each prompt, the raw reply and what was read from it; then estimate.

    The replies are kept: `generate` takes them over and does not pay for them again.

    \b
    Example:
      bootstruct preview runs/a --tasks 5000
    """
    from bootstruct.preview import estimate
    from bootstruct.runs import is_begun, read_plan
    from bootstruct.settings import read_machine

    if not run.is_dir():
        raise BadInput(f"{run}: no such run folder; `bootstruct init {run}` makes one.")
    if is_begun(run):
        raise BadInput(f"{run}: has begun; `bootstruct status {run}` tells what it takes.")
    flags = {"engine": engine, "trust_remote_code": trust_remote_code, "ray_address": ray_address}
    machine = read_machine(run, base_url=(base_url,) if base_url else None, **flags)
    told = asyncio.run(_preview(run, machine, requests))
    if not as_json:
        for shown in told.shown:
            _show(shown, full)
    guess = estimate(told, read_plan(run)[0], machine.prices, tasks)
    if as_json:
        click.echo(
            json.dumps({"preview": dataclasses.asdict(told), "estimate": dataclasses.asdict(guess)}, ensure_ascii=False)
        )
        return
    click.secho(
        f"Estimate for {number(tasks)} instructions, if it goes on like this (later requests bring less)", bold=True
    )
    click.echo(f"  {number(guess.requests)} requests for instructions, {number(guess.calls)} calls in all")
    click.echo(f"  {number(guess.prompt_tokens)} prompt + {number(guess.completion_tokens)} reply tokens")
    cost = (
        f"{money(guess.cost)} at list price"
        if guess.cost is not None
        else "price not known: set `prices:` in machine.yaml"
    )
    click.echo(f"  {cost}")
    if guess.seconds is not None:
        click.echo(f"  {duration(guess.seconds)} with 16 questions in flight")
    click.echo(f"Next: bootstruct generate {run} --tasks {tasks}")


async def _preview(folder: Path, machine: "Machine", requests: int) -> "Preview":
    from bootstruct.engines.budgeted import Amount, Limits
    from bootstruct.engines.build import open_engine
    from bootstruct.engines.recorded import Recorded
    from bootstruct.preview import preview
    from bootstruct.runs import PREVIEWS

    stack = open_engine(machine, Limits(), Amount())
    before = sorted(folder.glob(PREVIEWS))
    try:
        return await preview(folder, stack.engine, requests, Recorded(*before) if before else None)
    finally:
        await stack.engine.aclose()


def _show(shown: "Shown", full: bool) -> None:
    """One question, its reply and what was read from it."""
    names = {"propose": "new instructions", "kind": "is it classification?", "rewrite": "an output written anew"}
    names["kinds"] = "which of these are classification? Asked once for all tasks of a request, as of"
    click.secho(f"── {names.get(shown.step.partition('/')[0], shown.step)}: {shown.about}", bold=True)
    lines = shown.question.split("\n")
    if not full and len(lines) > 24:
        lines = [
            *lines[:8],
            click.style(f"  ... {len(lines) - 16} lines (--full shows them) ...", dim=True),
            *lines[-8:],
        ]
    click.echo("\n".join(lines), nl=False)
    if shown.reply is None:
        click.secho("\n(this question failed for good)", fg="red")
        return
    click.secho(shown.reply.text.rstrip("\n"), fg="cyan")
    tokens = f"{number(shown.reply.prompt_tokens)} + {number(shown.reply.completion_tokens)} tokens"
    click.secho(f"   {tokens}, finish {shown.reply.finish}", dim=True)
    for verdict in shown.verdicts:
        mark = click.style("kept   ", fg="green") if verdict.kept else click.style("refused", fg="yellow")
        why = "" if verdict.kept else f"  [{verdict.rule}{f' {verdict.score:.2f}' if verdict.score else ''}]"
        click.echo(f"   {mark} {verdict.text}{why}")
    for instance in shown.instances:
        click.echo(f"   {click.style('kept   ', fg='green')} {instance.input!r} -> {instance.output!r}")
    for refused in shown.refused:
        pair = f"{refused.instance.input!r} -> {refused.instance.output!r}"
        click.echo(f"   {click.style('refused', fg='yellow')} {pair}  [{refused.rule}]")
    click.echo()
