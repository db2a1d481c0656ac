"""bootstruct evaluate: ifeval, mc, perplexity."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from bootstruct.cli.bars import progress_bar
from bootstruct.cli.echo import echo, echo_accounts, echo_json
from bootstruct.cli.evaluate.options import FOLDER, ProgressLine, asking_flags, models_option
from bootstruct.cli.shared_options import Command, fields, list_left_out, trust_remote_code
from bootstruct.errors import RunStoppedError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence


@click.command("ifeval", short_help="Give models prompts with constraints that code can check (IFEval).")
@models_option
@click.option(
    "--prompts",
    type=FOLDER,
    help="A file in IFEval's shape (docs/evaluation.md). [default: the 100 prompts that come with bootstruct]",
)
@click.option(
    "--out", type=FOLDER, default=Path("evaluations/ifeval"), show_default=True, help="Holds one folder per model."
)
@list_left_out
@click.option("--json", "as_json", is_flag=True, help="Print one JSON list, with one object per model.")
@asking_flags
def ifeval_command(models: tuple[str, ...], list_left_out: bool, as_json: bool, quiet: bool, **options: Any) -> None:
    """Give each model prompts whose constraints code can check (length, words, format, case, language ...).

    A prompt counts strictly if its answer follows every constraint, and loosely if it does so when the first line, the
    last line or asterisks are overlooked. Prompts are a file with `prompt`, `instruction_id_list` and `kwargs` in each
    row; the 25 kinds of constraints are those of IFEval.

    \b
    Examples:
      bootstruct evaluate ifeval --model openai/gpt-4.1-mini --max-cost 1
      bootstruct evaluate ifeval --model hf/models/a --api chat --prompts input_data.jsonl
    """
    from bootstruct.api.evaluate import ifeval
    from bootstruct.evaluation.ifeval import markdown, to_row

    with ProgressLine(quiet) as shown:
        result = ifeval(models, on_progress=shown.update, **options)
    accounts = result.scores[0].accounts
    if not quiet or list_left_out:
        echo_accounts(accounts, list_left_out)
    if as_json:
        read = {"accounts": [account.to_row() for account in accounts]}
        echo_json([to_row(scores) | read for scores in result.scores])
    else:
        echo("\n\n".join(map(markdown, result.scores)))
    if result.stopped:
        raise RunStoppedError(result.stopped)


def _likelihood_flags(default_out: str) -> "Callable[[Command], Command]":
    """Add the options that the commands about likelihoods share."""
    options = (
        models_option,
        click.option(
            "--out", type=FOLDER, default=Path(default_out), show_default=True, help="Holds one folder per model."
        ),
        click.option(
            "--api",
            type=click.Choice(["text", "chat"]),
            default="text",
            show_default=True,
            help="Whether a text follows its prompt after a blank, or is the reply to it by the model's chat template.",
        ),
        trust_remote_code,
        list_left_out,
        click.option("--json", "as_json", is_flag=True, help="Print one JSON list, with one object per model."),
        click.option("--quiet", is_flag=True, help="Print nothing but errors and the result."),
    )

    def add(command: Command) -> Command:
        for option in reversed(options):
            command = option(command)
        return command

    return add


@click.command("mc", short_help="Let models choose among given answers by likelihood (ARC-like files).")
@click.argument("questions", type=FOLDER, metavar="FILE")
@click.option(
    "--prompt", type=FOLDER, help="A Jinja2 template of `question`, `choices` and `labels`. [default: Question, Answer]"
)
@_likelihood_flags("evaluations/mc")
def mc_command(
    models: tuple[str, ...], questions: Path, list_left_out: bool, as_json: bool, quiet: bool, **options: Any
) -> None:
    """Let each model on this machine choose among the given answers to the questions of FILE by their likelihood.

    FILE has a question, choices and the right choice in each row, in the shape of ARC, MMLU, HellaSwag or PIQA
    (docs/evaluation.md). Accuracy is given plain and by likelihood per character, with Wilson's intervals.

    \b
    Examples:
      bootstruct evaluate mc arc_challenge.parquet --model hf/./models/a --model hf/./models/b
      bootstruct evaluate mc questions.jsonl --model hf/Qwen/Qwen2.5-0.5B-Instruct --api chat
    """
    from bootstruct.api.evaluate import mc
    from bootstruct.evaluation.multiple_choice import markdown, to_row

    with progress_bar(quiet or as_json) as move:
        found = mc(models, questions, on_progress=move, **options)
    _show(found, to_row, markdown, list_left_out, as_json, quiet)


@click.command("perplexity", short_help="Measure how likely models find the outputs of a file.")
@click.argument("references", type=FOLDER, metavar="FILE")
@click.option(
    "--prompt", type=FOLDER, help="A Jinja2 template of `instruction` and `input`. [default: the paper's form]"
)
@fields
@_likelihood_flags("evaluations/perplexity")
def perplexity_command(
    models: tuple[str, ...], references: Path, list_left_out: bool, as_json: bool, quiet: bool, **options: Any
) -> None:
    """Measure how likely each model on this machine finds the outputs of FILE after their prompts.

    FILE is instruction data in any shape of rows (docs/files.md). Perplexity is per token, so it compares models with the same
    tokenizer only; bits per byte compares all.

    \b
    Examples:
      bootstruct evaluate perplexity held-out.jsonl --model hf/./models/before --model hf/./models/after
      bootstruct evaluate perplexity test.jsonl --model hf/./models/chat --api chat --json
    """
    from bootstruct.api.evaluate import perplexity
    from bootstruct.evaluation.perplexity import markdown, to_row

    with progress_bar(quiet or as_json) as move:
        found = perplexity(models, references, on_progress=move, **options)
    _show(found, to_row, markdown, list_left_out, as_json, quiet)


def _show(
    found: "Sequence[Any]",
    to_row: "Callable[[Any], dict[str, Any]]",
    markdown: "Callable[[Any], str]",
    list_left_out: bool,
    as_json: bool,
    quiet: bool,
) -> None:
    accounts = found[0].accounts
    if (not quiet and not as_json) or list_left_out:
        echo_accounts(accounts, list_left_out)
    if as_json:
        echo_json([to_row(one) | {"accounts": [account.to_row() for account in accounts]} for one in found])
    else:
        echo(markdown(found))
