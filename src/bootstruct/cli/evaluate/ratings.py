"""bootstruct evaluate: sheet, judge, agree, compare."""

from pathlib import Path
from typing import Any

import click

from bootstruct.cli.echo import echo, echo_accounts, echo_json
from bootstruct.cli.evaluate.options import FOLDER, ProgressLine, asking_flags
from bootstruct.cli.shared_options import list_left_out
from bootstruct.errors import RunStoppedError


@click.command("sheet", short_help="Make a blind rating sheet of several models' answers.")
@click.argument("models", nargs=-1, required=True, metavar="MODEL...")
@click.option("--out", type=FOLDER, required=True, help="A new folder for sheet.jsonl and key.json.")
@click.option("--seed", default=42, show_default=True, help="The random seed for the letters and the order.")
@list_left_out
def sheet_command(models: tuple[str, ...], out: Path, seed: int, list_left_out: bool) -> None:
    """Write a blind rating sheet of the answers of MODEL..., each an evaluation folder, a file, or either as NAME=PATH.

    \b
    Example:
      bootstruct evaluate sheet base=evaluations/user-tasks/openai_base tuned=tuned_predictions.jsonl --out rating
    """
    from bootstruct.api.evaluate import sheet

    made = sheet(models, out, seed=seed)
    echo_accounts(made.accounts, list_left_out)
    echo(f"{made.sheet}: {made.answers} answers\n{made.key}: which model wrote which; do not show it to the raters")


@click.command("judge", short_help="Have a model judge answers to user tasks.")
@click.argument("models", nargs=-1, required=True, metavar="MODEL...")
@click.option("--judge", metavar="ENGINE/NAME", required=True, help="The model that judges.")
@click.option("--pairwise", is_flag=True, help="Compare two answers, in both orders, instead of giving levels A-D.")
@click.option(
    "--prompt", type=FOLDER, help="Your own prompt, a Jinja2 template. [default: the one that comes with bootstruct]"
)
@click.option(
    "--out", type=FOLDER, default=Path("evaluations/judged"), show_default=True, help="Holds one folder per judge."
)
@list_left_out
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@asking_flags
def judge_command(
    models: tuple[str, ...], judge: str, list_left_out: bool, as_json: bool, quiet: bool, **options: Any
) -> None:
    """Have a model judge the answers of MODEL..., each an evaluation folder of user tasks, a file, or NAME=PATH.

    The judge gives levels A-D by a rubric. With --pairwise, it compares every two models in both orders, and reports
    win rates with ties, also at equal length, and the effect of the order. The judge sees no names. Levels are
    written as ratings, for `compare` and `agree`.

    \b
    Examples:
      bootstruct evaluate judge evaluations/user-tasks/openai_base --judge openai/gpt-4.1 --max-cost 2
      bootstruct evaluate judge base=base.jsonl tuned=tuned.jsonl --pairwise --judge openai/gpt-4.1
    """
    from bootstruct.api.evaluate import judge as judge_answers
    from bootstruct.evaluation.judge import to_row
    from bootstruct.evaluation.judge_report import markdown

    with ProgressLine(quiet) as shown:
        judged = judge_answers(models, judge, on_progress=shown.update, **options)
    if not quiet or list_left_out:
        echo_accounts(judged.accounts, list_left_out)
    if as_json:
        echo_json(to_row(judged) | {"accounts": [read.to_row() for read in judged.accounts]})
    else:
        echo(markdown(judged))
    if judged.stopped:
        raise RunStoppedError(judged.stopped)


@click.command("agree", short_help="Measure how raters agree and how scores agree with ratings.")
@click.argument("ratings", type=FOLDER, nargs=-1, required=True, metavar="RATINGS...")
@click.option("--key", type=FOLDER, help="The key to a blind sheet, if the ratings name its items.")
@click.option(
    "--scores", "models", multiple=True, metavar="MODEL", help="Answers to score: a folder, a file, or NAME=PATH."
)
@list_left_out
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def agree_command(
    ratings: tuple[Path, ...], key: Path | None, models: tuple[str, ...], list_left_out: bool, as_json: bool
) -> None:
    """Report Cohen's kappa, Spearman and Kendall for every two raters and Krippendorff's alpha for all, with intervals.

    RATINGS are files of people's ratings or folders of a judge. With --scores, report how ROUGE-L and exact match correlate
    with people's ratings.

    \b
    Example:
      bootstruct evaluate agree anna.jsonl ben.jsonl evaluations/judged/openai_gpt-4.1-absolute --key key.json
    """
    from bootstruct.api.evaluate import agree
    from bootstruct.evaluation.rating_agreement import markdown, to_row

    found = agree(ratings, key=key, answers=models)
    parts = (found.pairs, found.raters, found.correlations)
    if as_json:
        echo_json(to_row(*parts) | {"accounts": [account.to_row() for account in found.accounts]})
    else:
        echo_accounts(found.accounts, list_left_out)
        echo(markdown(*parts))


@click.command("compare", short_help="Compare models with one another and with the paper's rows.")
@click.argument("models", nargs=-1, required=True, metavar="MODEL...")
@click.option("--ratings", type=FOLDER, multiple=True, help="Ratings: a file, or a judge's folder; may be repeated.")
@click.option("--key", type=FOLDER, help="The key to a blind sheet, if the ratings name its items.")
@click.option("--out", type=FOLDER, help="A folder for compare.md, compare.html, compare.json and ratings.svg.")
@list_left_out
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def compare_command(
    models: tuple[str, ...],
    ratings: tuple[Path, ...],
    key: Path | None,
    out: Path | None,
    list_left_out: bool,
    as_json: bool,
) -> None:
    """Compare MODEL..., each an evaluation folder, a predictions file, or either as NAME=PATH.

    The report has a table in the style of the paper's Table 3 and stacked bars A-D in that of its Figure 6, with the paper's
    rows marked as published. It tests for every two models whether they differ by more than chance (sign-flip test over
    tasks, McNemar).

    \b
    Examples:
      bootstruct evaluate compare before=evaluations/superni/hf_base after=evaluations/superni/hf_tuned --out comparison
      bootstruct evaluate compare base.jsonl tuned.jsonl --ratings ratings.jsonl --key key.json
    """
    from bootstruct.api.evaluate import compare
    from bootstruct.evaluation.compare import to_row
    from bootstruct.evaluation.compare_report import markdown

    compared = compare(models, ratings=ratings, key=key, out=out)
    accounts = [account for scored in compared.scored for account in scored.accounts] + list(compared.accounts)
    if as_json:
        echo_json(to_row(compared) | {"accounts": [account.to_row() for account in accounts]})
    else:
        echo_accounts(accounts, list_left_out)
        echo(markdown(compared))
