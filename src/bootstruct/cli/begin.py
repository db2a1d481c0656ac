"""bootstruct init."""

from pathlib import Path

import click

LIST = "list"


def _list(context: click.Context, _: click.Parameter, value: str) -> str:
    """Print the shipped recipes and leave, where `--recipe` has no value."""
    if value != LIST or context.resilient_parsing:
        return value
    from bootstruct.files import recipe_lines

    for name, line in recipe_lines().items():
        click.echo(f"{name:10} {line}")
    return context.exit()


@click.command("init", short_help="Make a run folder.")
@click.argument("run", type=click.Path(path_type=Path))
@click.option(
    "--recipe",
    default="chat",
    show_default=True,
    is_flag=False,
    flag_value=LIST,
    is_eager=True,
    callback=_list,
    help="A shipped one, or a YAML file of yours; without a value: list them and leave.",
)
@click.option("--model", metavar="ENGINE/NAME", help="Who answers, as in openai/gpt-4.1-mini.")
@click.option("--base-url", metavar="URL", help="The server, as in http://127.0.0.1:8000/v1; kept in machine.yaml.")
@click.option("--seeds", type=click.Path(path_type=Path), help="Your seed tasks (JSONL); the shipped 175 if left out.")
@click.option("--keep-away", type=click.Path(path_type=Path), multiple=True, help="JSONL of texts not to come near.")
@click.option("--eject", is_flag=True, help="Copy the prompts into the run folder as well, to edit them.")
def init_command(
    run: Path,
    recipe: str,
    model: str | None,
    base_url: str | None,
    seeds: Path | None,
    keep_away: tuple[Path, ...],
    eject: bool,
) -> None:
    """Make the folder RUN with a recipe and seeds, ready to edit. The first `generate` fixes them.

    \b
    Examples:
      bootstruct init --recipe                              (lists them)
      bootstruct init runs/a --model openai/gpt-4.1-mini
      bootstruct init runs/b --recipe paper --model openai/davinci-002 --seeds my_tasks.jsonl
      bootstruct init runs/c --model openai/Qwen3-8B --base-url http://127.0.0.1:8000/v1 --eject
    """
    from bootstruct.plan import init_run

    for name, what in init_run(run, recipe, model, base_url, seeds, keep_away, eject).items():
        click.echo(f"{run / name}: {what}")
    click.echo(f"Next: bootstruct generate {run} --tasks 50")
