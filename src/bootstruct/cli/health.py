"""bootstruct doctor."""

import asyncio
import dataclasses
import json
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from bootstruct.doctor import Probe
    from bootstruct.settings import Machine

MARKS = {"yes": ("yes", "green"), "no": ("no", "red"), "failed": ("failed", "red")}


@click.command("doctor", short_help="Show what is installed, and what a server really does.")
@click.option(
    "--model", metavar="ENGINE/NAME", help="Probe a server's model, as in openai/gpt-4.1-mini (about 20 calls)."
)
@click.option("--base-url", metavar="URL", help="The server, as in http://127.0.0.1:8000/v1.")
@click.option("--json", "as_json", is_flag=True, help="As one JSON object.")
def doctor_command(model: str | None, base_url: str | None, as_json: bool) -> None:
    """Show what is installed and what is missing. With --model: what the server really does.

    Servers accept fields that they ignore, so each probe asks for something whose effect shows in the answer.

    \b
    Examples:
      bootstruct doctor
      bootstruct doctor --model openai/Qwen3-8B --base-url http://127.0.0.1:8000/v1
    """
    from bootstruct.doctor import parts
    from bootstruct.plan import split_model
    from bootstruct.settings import read_machine

    found = parts()
    probes: list[Probe] = []
    if model is not None:
        engine, name = split_model(model)
        machine = read_machine(None, base_url=(base_url,) if base_url else None, engine=engine)
        probes = asyncio.run(_probe(machine, name))
    if as_json:
        rows = [dataclasses.asdict(each) for each in found], [dataclasses.asdict(each) for each in probes]
        click.echo(json.dumps({"installed": rows[0], "server": rows[1]}))
        return
    for part in found:
        mark = click.style("ok     ", fg="green") if part.there else click.style("missing", fg="yellow")
        click.echo(f"{mark}  {part.name:16} {part.told}")
    if probes:
        click.echo(f"\n{model} at {machine.base_url[0] if machine.base_url else 'api.openai.com'}")
    for probe in probes:
        word, colour = MARKS.get(probe.outcome, (probe.outcome, "yellow"))
        click.echo(f"{click.style(f'{word:8}', fg=colour)} {probe.feature:16} {probe.told}")


async def _probe(machine: "Machine", name: str) -> "list[Probe]":
    from bootstruct.doctor import probe
    from bootstruct.engines.build import open_servers
    from bootstruct.errors import BadInput

    if machine.engine != "openai":
        raise BadInput(f"engine {machine.engine!r}: only servers are probed; name one as openai/NAME with --base-url.")
    engine = open_servers(machine)[0]
    try:
        return await probe(engine, name)
    finally:
        await engine.aclose()
