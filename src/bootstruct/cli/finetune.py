"""bootstruct finetune."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from bootstruct.errors import BadInput

if TYPE_CHECKING:
    from bootstruct.finetune.settings import Settings
    from bootstruct.finetune.train import Tell

FOLDER = click.Path(path_type=Path)


@click.command("finetune", short_help="Finetune a model on runs and files.")
@click.argument("source", nargs=-1, type=FOLDER)
@click.option("--model", required=True, metavar="M", help="A model folder, a name on the Hugging Face hub, or pocket.")
@click.option("--out", type=FOLDER, required=True, help="The folder of the new model.")
@click.option("--settings", "file", type=FOLDER, help="A YAML file of settings (docs/finetune.md); flags go before it.")
@click.option(
    "--mix", type=(FOLDER, float), multiple=True, metavar="SOURCE WEIGHT", help="Another source, so many times."
)
@click.option("--tasks", type=click.IntRange(1), help="Only so many tasks; fewer are always a part of more.")
@click.option("--format", "format_", type=click.Choice(["templates", "chat"]), help="How examples are written.")
@click.option("--method", type=click.Choice(["full", "lora", "qlora"]), help="What is trained. [default: full]")
@click.option("--merge", is_flag=True, default=None, help="Write adapters merged into the model.")
@click.option("--seeds/--no-seeds", default=True, show_default=True, help="A run's seed tasks are trained on as well.")
@click.option("--epochs", type=click.FloatRange(0, min_open=True), help="Times over the data. [default: 2]")
@click.option("--max-steps", type=click.IntRange(1), help="Optimizer steps, instead of epochs.")
@click.option("--learning-rate", type=click.FloatRange(0, min_open=True), help="[default: by method and size]")
@click.option("--held-out", type=click.FloatRange(0, 1, max_open=True), help="Share of tasks held out. [default: 0.05]")
@click.option("--patience", type=click.IntRange(0), help="Epochs without a lower held-out loss before it stops.")
@click.option("--packing/--no-packing", default=None, help="Several examples in one row.")
@click.option("--seed", type=int, help="[default: 42]")
@click.option("--set", "options", multiple=True, metavar="NAME=VALUE", help="Any option of TRL's SFTConfig.")
@click.option("--provider", type=click.Choice(["local", "openai"]), default="local", help="Where it is trained.")
@click.option("--base-url", metavar="URL", help="Of the fine-tuning API, with --provider openai.")
@click.option("--job", default="", metavar="ID", help="Follow this job of the fine-tuning API.")
@click.option("--resume", is_flag=True, help="Go on from the last checkpoint in --out.")
@click.option("--quiet", is_flag=True, help="Say nothing but errors and the result.")
def finetune_command(
    source: tuple[Path, ...],
    model: str,
    out: Path,
    file: Path | None,
    mix: tuple[tuple[Path, float], ...],
    format_: str | None,
    seeds: bool,
    options: tuple[str, ...],
    provider: str,
    base_url: str | None,
    job: str,
    resume: bool,
    quiet: bool,
    **flags: object,
) -> None:
    """Finetune the model M on each SOURCE: a run, a file of instruction data, a folder of Super-NaturalInstructions tasks.

    The loss is on the completions only. The result is a standard model folder with a card: `hf/DIR` is an engine. Several
    processes: torchrun --nproc_per_node 2 -m bootstruct finetune ... With --provider openai the model is trained by
    OpenAI's fine-tuning API; running the same command again follows the job.

    \b
    Examples:
      bootstruct finetune runs/a --model Qwen/Qwen3-0.6B --out models/a
      bootstruct finetune runs/a --model models/base --method lora --merge --out models/b --set warmup_steps=20
      bootstruct finetune runs/a --provider openai --model gpt-4.1-mini-2025-04-14 --out models/there
      bootstruct finetune runs/a --mix superni/tasks 0.5 --settings my.yaml --model models/base --out models/c
    """
    from bootstruct.finetune.build import finetune
    from bootstruct.finetune.settings import Part, read_settings
    from bootstruct.finetune.train import is_first

    parts = [Part(str(path), seeds=seeds) for path in source]
    parts += [Part(str(path), weight, seeds=seeds) for path, weight in mix]
    given = {**flags, "format": format_, "mixture": tuple(parts) or None}
    settings = read_settings(file, given, options)
    if not settings.mixture and not job:
        raise BadInput("finetune: name a SOURCE to train on: a run, a file, or `mixture:` in the settings file.")
    first = is_first()

    def tell(line: str) -> None:
        if first and not quiet:
            click.echo(line, err=True)

    if provider == "openai":
        _there(model, out, settings, base_url, job, tell)
        return
    done = finetune(model, out, settings, resume, tell)
    if first:
        loss = "" if done.trained.loss is None else f", loss {done.trained.loss:.3f}"
        away = done.trained.held_out_loss
        measured = "" if away is None else f" ({away:.3f} on held-out tasks)"
        click.echo(
            f"{out}: {done.trained.steps} steps, {done.trained.epochs:.2f} epochs{loss}{measured}, "
            f"{done.trained.tokens_per_second:,.0f} tokens/s"
        )
        click.echo(f"Next: bootstruct init runs/next --model hf/{out}")


def _there(model: str, out: Path, settings: "Settings", base_url: str | None, job: str, tell: "Tell") -> None:
    """Through OpenAI's fine-tuning API."""
    import asyncio

    from bootstruct.finetune.data import read_data
    from bootstruct.finetune.openai_api import Place, finetune_there
    from bootstruct.settings import DEFAULT_URL, read_machine

    machine = read_machine(None, base_url=(base_url,) if base_url else None)
    place = Place((machine.base_url or (DEFAULT_URL,))[0], machine.key())
    examples = () if job else read_data(settings.mixture, settings.tasks, 0, settings.seed).train
    name = model.removeprefix("openai/")
    done = asyncio.run(
        finetune_there(place, name, examples, out, max(1, round(settings.epochs)), settings.seed, tell, job)
    )
    click.echo(f"{out}: the finetuned model is {done['fine_tuned_model']}")
    click.echo(f"Next: bootstruct init runs/next --model openai/{done['fine_tuned_model']}")
