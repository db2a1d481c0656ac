"""bootstruct doctor."""

import dataclasses
import shutil
import textwrap

import click

from bootstruct.cli.echo import echo, echo_json, styled
from bootstruct.cli.shared_options import server_option
from bootstruct.render.sanitize import visible

COLOURS = {"installed": "green", "missing": "yellow", "yes": "green", "no": "red", "failed": "red"}


@click.command("doctor", short_help="Show what is installed, and what a model supports.")
@click.option(
    "--model",
    metavar="ENGINE/NAME",
    help="Probe a server's model, as in openai/gpt-4.1-mini (about 20 requests), or a model on this machine.",
)
@server_option()
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def doctor_command(model: str | None, base_url: str | None, as_json: bool) -> None:
    """Show what is installed and what is missing.

    With --model, show what the server, or the model on this machine, supports. With --server alone, show whether it
    answers, which variable holds its key, and which models it lists.

    Servers accept fields that they ignore, so each probe asks for something whose effect shows in the reply. A model on
    this machine is loaded and tried: chat template, context length, JSON schema, tokens per second.

    \b
    Examples:
      bootstruct doctor
      bootstruct doctor --server ollama
      bootstruct doctor --model openai/Qwen3-8B --base-url http://127.0.0.1:8000/v1
      bootstruct doctor --model hf/./SmolLM2-135M-Instruct.Q4_1.gguf
    """
    from bootstruct.api.applications import doctor

    found = doctor(model, base_url=base_url)
    if as_json:
        installed, server = (list(map(dataclasses.asdict, rows)) for rows in (found.installed, found.server))
        echo_json({"installed": installed, "server": server})
        return
    for component in found.installed:
        _print_row("installed" if component.is_installed else "missing", component.name, component.note)
    if found.server:
        echo(f"\n{model or 'server'} {f'at {found.base_url}' if found.base_url else 'on this machine'}")
    for result in found.server:
        _print_row(result.outcome, result.feature, result.note)


def _print_row(status: str, name: str, note: str) -> None:
    """Print one row; a long note is wrapped below itself, so that no line is wider than the terminal."""
    margin = 10 + 17
    width = max(20, shutil.get_terminal_size().columns - margin)
    first, *rest = textwrap.wrap(visible(note), width, break_on_hyphens=False) or [""]
    echo(styled(f"{status:10}", fg=COLOURS.get(status, "yellow")), f"{name:17}{first}")
    for line in rest:
        echo(" " * margin + line)
