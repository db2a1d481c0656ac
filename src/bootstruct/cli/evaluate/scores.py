"""bootstruct evaluate: superni, user-tasks, score, overlap."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from bootstruct.cli.echo import echo, echo_accounts, echo_json
from bootstruct.cli.evaluate.options import FOLDER, ProgressLine, asking_flags, models_option
from bootstruct.cli.shared_options import Command, fields, list_left_out, number_option, superni_tasks
from bootstruct.errors import RunStoppedError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bootstruct.api.evaluate import EvaluationResult
    from bootstruct.evaluation.scorecard import Scorecard


def _part_of_the_data(command: Command) -> Command:
    """Add the options that choose tasks of Super-NaturalInstructions if --data names a checkout of it."""
    for option in (
        number_option("--instances", "With --data: use the first N instances of each task.", default=100),
        click.option("--task", "only", multiple=True, help="With --data: use this task only; may be repeated."),
        click.option("--split", type=FOLDER, help="With --data: a list of task names."),
    ):
        command = option(command)
    return command


@click.command("superni", short_help="Give models the test tasks of Super-NaturalInstructions.")
@click.option("--data", type=FOLDER, required=True, help="A checkout of the public natural-instructions repository.")
@models_option
@click.option(
    "--out", type=FOLDER, default=Path("evaluations/superni"), show_default=True, help="Holds one folder per model."
)
@click.option("--split", type=FOLDER, help="A list of task names. [default: DATA/splits/default/test_tasks.txt]")
@click.option("--task", "only", multiple=True, help="Use this task only; may be repeated.")
@number_option("--instances", "Use the first N instances of each task.", default=100)
@number_option("--examples", "Show N positive examples in the prompt.", least=0, default=0)
@number_option("--prompt-tokens", "Add examples while the prompt fits into N tokens.", default=1024)
@click.option(
    "--tokenizer",
    type=FOLDER,
    help="Count prompt tokens exactly with this tokenizer; without it, four characters count as one token.",
)
@click.option("--by-task", is_flag=True, help="Show the scores of each task as well.")
@list_left_out
@click.option("--json", "as_json", is_flag=True, help="Print one JSON list, with one object per model.")
@asking_flags
def superni_command(
    models: tuple[str, ...],
    data: Path,
    by_task: bool,
    list_left_out: bool,
    as_json: bool,
    quiet: bool,
    **options: Any,
) -> None:
    """Give each model the official test split of Super-NaturalInstructions and score its answers.

    The prompt holds the task's definition and, with --examples, as many positive examples as fit. Scores are the official
    ones: ROUGE-L and exact match over all instances, shown raw, cut at the first blank line, and cut to one sentence.

    \b
    Examples:
      bootstruct evaluate superni --data natural-instructions --model openai/gpt-4.1-mini --max-cost 5
      bootstruct evaluate superni --data natural-instructions --model openai/davinci-002 --api text --examples 2
    """
    from bootstruct.api.evaluate import superni

    with ProgressLine(quiet) as shown:
        result = superni(models, data, on_progress=shown.update, **options)
    _say_what_was_read(result, quiet, list_left_out)
    _show_result(result, by_task, as_json)


@click.command("user-tasks", short_help="Give models user-oriented tasks and make a blind rating sheet.")
@models_option
@click.option(
    "--tasks",
    type=FOLDER,
    help="A file of tasks in any shape of rows (docs/files.md). [default: the 252 tasks that come with bootstruct]",
)
@fields
@click.option(
    "--out", type=FOLDER, default=Path("evaluations/user-tasks"), show_default=True, help="Holds one folder per model."
)
@click.option(
    "--prompt", type=FOLDER, help="A Jinja2 template of `instruction` and `input`. [default: the paper's form]"
)
@click.option(
    "--seed", default=42, show_default=True, help="The random seed for the letters and the order of the rating sheet."
)
@list_left_out
@click.option("--json", "as_json", is_flag=True, help="Print one JSON list, with one object per model.")
@asking_flags
def user_tasks_command(
    models: tuple[str, ...], list_left_out: bool, as_json: bool, quiet: bool, **options: Any
) -> None:
    """Give each model the user-oriented tasks, score the answers, and write a blind rating sheet of all models.

    ROUGE-L and exact match are a poor proxy for the judgement of people: have answers rated (`bootstruct review`) or
    judged (`bootstruct evaluate judge`). The sheet is sheet.jsonl; key.json says which model wrote which answer.

    \b
    Examples:
      bootstruct evaluate user-tasks --model openai/base --model openai/tuned --base-url http://127.0.0.1:8000/v1
      bootstruct evaluate user-tasks --model openai/davinci-002 --api text --tasks user_oriented_instructions.jsonl
    """
    from bootstruct.api.evaluate import user_tasks

    with ProgressLine(quiet) as shown:
        result = user_tasks(models, on_progress=shown.update, **options)
    _say_what_was_read(result, quiet, list_left_out)
    _show_result(result, False, as_json)
    sheet = result.sheet
    if sheet is not None and not sheet.is_current:
        echo(f"{sheet.sheet}: is kept because it may have been rated; `evaluate sheet` makes another one.", err=True)
    elif sheet is not None and not as_json:
        echo(f"\nBlind rating sheet: {sheet.sheet}; the key to it: {sheet.key}")


def _say_what_was_read(result: "EvaluationResult", quiet: bool, list_left_out: bool) -> None:
    """Report the rows of the evaluation set, which all models answered."""
    if result.scorecards and (not quiet or list_left_out):
        echo_accounts(result.scorecards[0].accounts, list_left_out)


def _show_result(result: "EvaluationResult", by_task: bool, as_json: bool) -> None:
    """Print the scores of each model; raises RunStoppedError if not every request was answered."""
    _show(result.scorecards, by_task, as_json)
    if result.stopped:
        raise RunStoppedError(result.stopped)


def _show(found: "Sequence[Scorecard]", by_task: bool, as_json: bool) -> None:
    from bootstruct.evaluation.scorecard import markdown, to_row

    if as_json:
        echo_json([to_row(scored) | {"accounts": [read.to_row() for read in scored.accounts]} for scored in found])
    else:
        echo("\n\n".join(markdown(scored, by_task) for scored in found))


@click.command("score", short_help="Score prediction files.")
@click.argument("files", type=str, nargs=-1, required=True, metavar="FILE...")
@click.option(
    "--data",
    type=FOLDER,
    help="A checkout of natural-instructions: its references and categories count, and missing predictions are found.",
)
@_part_of_the_data
@click.option("--tasks", type=FOLDER, help="A user task file: its references count, and missing predictions are found.")
@click.option(
    "--tokenizer",
    type=click.Choice(["official", "unicode"]),
    default="official",
    show_default=True,
    help="With unicode, show ROUGE-L over the words of every script beside the official one, which reads only a-z and 0-9.",
)
@click.option("--by-task", is_flag=True, help="Show the scores of each task as well.")
@list_left_out
@click.option("--json", "as_json", is_flag=True, help="Print one JSON list, with one object per file.")
def score_command(files: tuple[str, ...], by_task: bool, as_json: bool, list_left_out: bool, **task_set: Any) -> None:
    """Score predictions in the official format (Task, Instance, prediction) or the paper's (response, target).

    A FILE may be an evaluation folder, and NAME=FILE names it. Without --data or --tasks the references in the file count.

    \b
    Examples:
      bootstruct evaluate score predictions.jsonl --data natural-instructions --by-task
      bootstruct evaluate score davinci_predictions.jsonl --json
      bootstruct evaluate score chinese.jsonl --tokenizer unicode
    """
    from bootstruct.api.evaluate import score

    cards = score(files, **task_set)
    if not as_json or list_left_out:
        echo_accounts((account for card in cards for account in card.accounts), list_left_out)
    _show(cards, by_task, as_json)


@click.command("overlap", short_help="Measure how close training data is to an evaluation set.")
@click.argument("training", type=FOLDER)
@click.option("--tasks", type=FOLDER, help="A user task file. [default: the 252 tasks that come with bootstruct]")
@click.option("--data", type=FOLDER, help="A checkout of natural-instructions, instead of user tasks.")
@_part_of_the_data
@number_option("--rows", "Show N tasks, the nearest first.", least=0, default=20)
@fields
@superni_tasks
@list_left_out
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object with all tasks.")
def overlap_command(training: Path, rows: int, list_left_out: bool, as_json: bool, **task_set: Any) -> None:
    """Report how close TRAINING is to each task of an evaluation set.

    TRAINING is a run folder, a file of rows (docs/files.md), or a folder of Super-NaturalInstructions tasks, of which
    test tasks and tasks in other languages are left out. The report shows the best ROUGE-L of each task's
    instruction, equal instructions and inputs, and shared sequences of 13 words. To keep a run away from a set, give
    the set to `bootstruct init --keep-away`.

    \b
    Examples:
      bootstruct evaluate overlap runs/a
      bootstruct evaluate overlap train.jsonl --data natural-instructions --json
      bootstruct evaluate overlap natural-instructions --data natural-instructions
    """
    from bootstruct.api.evaluate import overlap
    from bootstruct.evaluation.overlap import markdown, to_row

    found = overlap(training, **task_set)
    row = to_row(found.report, found.problems)
    if as_json:
        echo_json(row | {"accounts": [account.to_row() for account in found.accounts]})
    else:
        echo_accounts(found.accounts, list_left_out)
        echo(markdown(found.report, rows, found.problems))
