"""bootstruct finetune."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from bootstruct.cli.echo import echo, echo_accounts, echo_json
from bootstruct.cli.shared_options import fields, list_left_out, number_option, superni_tasks
from bootstruct.errors import InputError

if TYPE_CHECKING:
    from bootstruct.finetuning.run import FinetuneResult
    from bootstruct.finetuning.settings import FinetuneSettings
    from bootstruct.finetuning.train import Tell

FOLDER = click.Path(path_type=Path)


@click.command("finetune", short_help="Finetune a model on runs and files.")
@click.argument("source", nargs=-1, type=FOLDER)
@click.option("--model", required=True, metavar="M", help="A model folder, a name on the Hugging Face hub, or pocket.")
@click.option("--out", type=FOLDER, required=True, help="The folder of the new model.")
@click.option("--settings", "file", type=FOLDER, help="A YAML file of settings (docs/finetune.md); flags override it.")
@click.option(
    "--mix",
    type=(FOLDER, float),
    multiple=True,
    metavar="SOURCE WEIGHT",
    help="Add a source; WEIGHT 0.5 takes half of its examples, 2 takes each twice. May be repeated.",
)
@fields
@superni_tasks
@list_left_out
@click.option(
    "--tasks",
    type=click.IntRange(1),
    metavar="N",
    help="Train on N tasks only; a smaller set is always part of a larger one.",
)
@click.option(
    "--select",
    "select_rule",
    type=click.Choice(["random", "longest", "perplexity", "ifd", "k-center", "mixture"]),
    help="Train on --select-size examples only, chosen by a rule of `bootstruct select` (docs/selection.md).",
)
@number_option("--select-size", "With --select: how many examples; a run's seed tasks come on top.")
@click.option("--select-model", metavar="MODEL", help="With --select perplexity or ifd: pocket or hf/FOLDER.")
@click.option("--embed", metavar="MODEL", help="With --select k-center or mixture: hf/FOLDER, static/FOLDER or hashed.")
@click.option(
    "--quality",
    type=click.Choice(["longest", "perplexity", "ifd"]),
    help="With --select mixture: the rule whose rank is multiplied by the distance.",
)
@click.option(
    "--format",
    "format_",
    type=click.Choice(["templates", "chat"]),
    help="The text of the examples: the recipe's templates or the model's chat template. [default: templates]",
)
@click.option(
    "--method",
    type=click.Choice(["full", "lora", "qlora", "dpo", "dpo-lora"]),
    help="Train all weights or adapters; dpo trains on preference pairs (docs/preference.md). [default: full]",
)
@click.option(
    "--like-paper",
    is_flag=True,
    default=None,
    help="Use the paper's settings: 2 epochs on everything, templates, batches of 0.2% of the examples.",
)
@click.option("--merge", is_flag=True, default=None, help="Merge adapters into the model before it is written.")
@click.option("--seeds/--no-seeds", default=True, show_default=True, help="Train on a run's seed tasks as well.")
@click.option("--epochs", type=click.FloatRange(0, min_open=True), help="Passes over the data. [default: 2]")
@click.option(
    "--max-steps", type=click.IntRange(1), metavar="N", help="Train for N optimizer steps, instead of epochs."
)
@click.option(
    "--learning-rate",
    type=click.FloatRange(0, min_open=True),
    help="The peak learning rate. [default: by method and model size]",
)
@click.option(
    "--held-out",
    type=click.FloatRange(0, 1, max_open=True),
    help="The share of tasks that is held out for measuring. [default: 0.05]",
)
@click.option(
    "--patience",
    type=click.IntRange(0),
    metavar="N",
    help="Stop after N epochs without a lower held-out loss. [default: 0, never]",
)
@click.option("--packing/--no-packing", default=None, help="Put several examples into one row.")
@click.option("--seed", type=int, help="The random seed. [default: 42]")
@click.option(
    "--set",
    "options",
    multiple=True,
    metavar="NAME=VALUE",
    help="Set any option of TRL's SFTConfig (or DPOConfig); may be repeated.",
)
@click.option(
    "--provider",
    type=click.Choice(["local", "openai"]),
    default="local",
    help="Train on this machine or with OpenAI's fine-tuning API.",
)
@click.option("--base-url", metavar="URL", help="The address of the fine-tuning API, with --provider openai.")
@click.option("--job", default="", metavar="ID", help="Follow this job of the fine-tuning API.")
@click.option("--resume", is_flag=True, help="Continue from the last checkpoint in --out.")
@click.option(
    "--json", "as_json", is_flag=True, help="Print the result as one JSON object, with what was read and left out."
)
@click.option("--quiet", is_flag=True, help="Print nothing but errors and the result.")
def finetune_command(
    source: tuple[Path, ...],
    model: str,
    out: Path,
    file: Path | None,
    mix: tuple[tuple[Path, float], ...],
    format_: str | None,
    select_rule: str | None,
    select_size: int | None,
    select_model: str | None,
    embed: str | None,
    quality: str | None,
    fields: dict[str, str] | None,
    test_tasks: bool,
    other_languages: bool,
    list_left_out: bool,
    seeds: bool,
    options: tuple[str, ...],
    provider: str,
    base_url: str | None,
    job: str,
    resume: bool,
    as_json: bool,
    quiet: bool,
    **flags: object,
) -> None:
    """Finetune the model M on each SOURCE: a run, a file of instruction data, a folder of Super-NaturalInstructions tasks.

    Files may have any container and shape that docs/files.md lists. The rows of one instruction are one task, which
    is used for training or held out as a whole. Of Super-NaturalInstructions, test tasks and tasks in other languages
    are left out.

    The loss is on the completions only. The result is a standard model folder with a card, and `--model hf/DIR` uses
    it. For several processes run torchrun --nproc_per_node 2 -m bootstruct finetune ... With --provider openai the model is
    trained by OpenAI's fine-tuning API; running the same command again follows the job.

    \b
    Examples:
      bootstruct finetune runs/a --model Qwen/Qwen3-0.6B --out models/a
      bootstruct finetune pairs.jsonl --model models/a --method dpo --out models/better
      bootstruct finetune runs/a --model models/base --method lora --merge --out models/b --set warmup_steps=20
      bootstruct finetune runs/a --select longest --select-size 1000 --model models/base --out models/few
      bootstruct finetune runs/a --provider openai --model gpt-4.1-mini-2025-04-14 --out models/there
      bootstruct finetune runs/a --model google/t5-v1_1-base --like-paper --out models/t5
      bootstruct finetune runs/a --mix superni/tasks 0.5 --settings my.yaml --model models/base --out models/c
    """
    from bootstruct.finetuning.run import finetune
    from bootstruct.finetuning.settings import MixturePart, read_settings
    from bootstruct.finetuning.train import is_first

    sources = [(path, 1.0) for path in source] + list(mix)
    parts = [
        MixturePart(str(path), weight, 0, 0, seeds, fields or {}, test_tasks, other_languages)
        for path, weight in sources
    ]
    chosen = {"rule": select_rule, "size": select_size, "model": select_model, "embed": embed, "quality": quality}
    chosen = {name: value for name, value in chosen.items() if value is not None}
    if chosen and select_rule is None:
        raise InputError("--select-size, --select-model, --embed and --quality belong to --select; name a rule.")
    given = {**flags, "format": format_, "mixture": tuple(parts) or None, "select": chosen or None}
    settings = read_settings(file, given, options)
    if not settings.mixture and not job:
        raise InputError("finetune: name a SOURCE to train on: a run, a file, or `mixture:` in the settings file.")
    first = is_first()

    def tell(line: str) -> None:
        if first and not quiet:
            echo(line, err=True)

    if provider == "openai" and settings.has_pairs:
        raise InputError(f"--method {settings.method}: trains on this machine; leave --provider openai out.")
    if provider == "openai":
        _there(model, out, settings, base_url, job, tell)
        return
    done = finetune(model, out, settings, resume, tell)
    accounts = [source.account for source in done.data.sources if source.account is not None]
    if first and list_left_out:
        echo_accounts(accounts, lines=True)
    if first and as_json:
        echo_json(_json_row(done))
    elif first:
        loss = "" if done.trained.loss is None else f", loss {done.trained.loss:.3f}"
        away = done.trained.held_out_loss
        measured = "" if away is None else f" ({away:.3f} on held-out tasks)"
        echo(
            f"{out}: {done.trained.steps} steps, {done.trained.epochs:.2f} epochs{loss}{measured}, "
            f"{done.trained.tokens_per_second:,.0f} tokens/s"
        )
        echo(f"Next: bootstruct init runs/next --model hf/{out}")


def _json_row(done: "FinetuneResult") -> dict[str, object]:
    """The sources, what was left out, and the results, as plain JSON values."""
    trained, data = done.trained, done.data
    return {
        "out": str(done.out),
        "tasks": data.tasks,
        "held_out_tasks": data.held_out_tasks,
        "examples": len(data.train),
        "examples_held_out": len(data.held_out),
        "examples_too_long": done.rows.too_long,
        "steps": trained.steps,
        "epochs": trained.epochs,
        "loss": trained.loss,
        "held_out_loss": trained.held_out_loss,
        "accounts": [source.account.to_row() for source in data.sources if source.account is not None],
    }


def _there(model: str, out: Path, settings: "FinetuneSettings", base_url: str | None, job: str, tell: "Tell") -> None:
    """Finetune through OpenAI's fine-tuning API."""
    import asyncio

    from bootstruct.config.machine import DEFAULT_URL, read_machine
    from bootstruct.finetuning.data import mixture_of, read_data
    from bootstruct.finetuning.openai_api import FinetuneEndpoint, finetune_there
    from bootstruct.finetuning.selecting import select_examples

    machine = read_machine(None, base_url=(base_url,) if base_url else None)
    place = FinetuneEndpoint((machine.base_url or (DEFAULT_URL,))[0], machine.key())
    data = None if job else read_data(mixture_of(settings), settings.tasks, 0, settings.seed)
    if data is not None:
        data, _ = select_examples(data, settings.select, settings.seed, tell)
    for source in data.sources if data is not None else ():
        if source.account is not None:
            tell(source.account.in_words())
    examples = () if data is None else data.train
    name = model.removeprefix("openai/")
    done = asyncio.run(
        finetune_there(place, name, examples, out, max(1, round(settings.epochs)), settings.seed, tell, job)
    )
    echo(f"{out}: the finetuned model is {done['fine_tuned_model']}")
    echo(f"Next: bootstruct init runs/next --model openai/{done['fine_tuned_model']}")
