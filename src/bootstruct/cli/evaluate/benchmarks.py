"""bootstruct evaluate: ifeval."""

from pathlib import Path
from typing import Any

import click

from bootstruct.cli.echo import echo, echo_accounts, echo_json
from bootstruct.cli.evaluate.options import FOLDER, ProgressLine, asking_flags, models_option
from bootstruct.cli.shared_options import list_left_out
from bootstruct.errors import RunStoppedError


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
