"""bootstruct evaluate: sheet, judge, agree, compare."""

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

from bootstruct.cli.evaluate_asking import FOLDER, Reach, ask, asking_flags
from bootstruct.errors import BadInput

if TYPE_CHECKING:
    from bootstruct.evaluate.compare import Source
    from bootstruct.evaluate.ratings import Answer, Rating


def _answers(given: tuple[str, ...]) -> "list[Answer]":
    """The answers of all models given, as folders, files or NAME=PATH."""
    from bootstruct.evaluate.compare import source_of
    from bootstruct.evaluate.ratings import read_answers

    sources = [source_of(each) for each in given]
    names = [each.name for each in sources]
    if len(set(names)) < len(names):
        raise BadInput("two models have the same name; name them, as in before=PATH after=PATH.")
    return [answer for each in sources for answer in read_answers(each.path, each.name)]


@click.command("sheet", short_help="Make a blind rating sheet of several models' answers.")
@click.argument("models", nargs=-1, required=True, metavar="MODEL...")
@click.option("--out", type=FOLDER, required=True, help="A new folder for sheet.jsonl and key.json.")
@click.option("--seed", default=42, show_default=True, help="Draws letters and order.")
def sheet_command(models: tuple[str, ...], out: Path, seed: int) -> None:
    """Write a blind rating sheet of the answers of MODEL..., each an evaluation folder, a file, or NAME=either.

    \b
    Example:
      bootstruct evaluate sheet base=evaluations/user-tasks/openai_base tuned=tuned_predictions.jsonl --out rating
    """
    from bootstruct.evaluate.ratings import KEY, SHEET, write_sheet

    answers = _answers(models)
    if not write_sheet(out, answers, seed):
        raise BadInput(f"{out / SHEET}: is a sheet of other answers, and may have been rated; choose another folder.")
    click.echo(f"{out / SHEET}: {len(answers)} answers\n{out / KEY}: whose they are; keep it from the raters")


@click.command("judge", short_help="Have a model judge answers to user tasks.")
@click.argument("models", nargs=-1, required=True, metavar="MODEL...")
@click.option("--judge", metavar="ENGINE/NAME", required=True, help="Who judges.")
@click.option("--pairwise", is_flag=True, help="Two answers against each other, in both orders, instead of levels A-D.")
@click.option("--prompt", type=FOLDER, help="Your own prompt, a Jinja2 template. [default: the shipped one]")
@click.option(
    "--out", type=FOLDER, default=Path("evaluations/judged"), show_default=True, help="One folder a judge in here."
)
@click.option("--json", "as_json", is_flag=True, help="As one JSON object.")
@asking_flags
def judge_command(
    models: tuple[str, ...],
    judge: str,
    pairwise: bool,
    prompt: Path | None,
    out: Path,
    as_json: bool,
    reach: Reach,
) -> None:
    """Have a model judge the answers of MODEL..., each an evaluation folder of user tasks, a file, or NAME=either.

    Levels A-D with a rubric; with --pairwise every two models in both orders: win rates with ties, also at equal length,
    and how much the order mattered. The judge sees no names. Levels are written as ratings, for `compare` and `agree`.

    \b
    Examples:
      bootstruct evaluate judge evaluations/user-tasks/openai_base --judge openai/gpt-4.1 --max-cost 2
      bootstruct evaluate judge base=base.jsonl tuned=tuned.jsonl --pairwise --judge openai/gpt-4.1
    """
    from bootstruct.evaluate import judge as judging
    from bootstruct.evaluate.judge_text import markdown
    from bootstruct.evaluate.predict import Asked, begin_folder, folder_name
    from bootstruct.evaluate.user_tasks import shipped_prompt
    from bootstruct.files import read_text
    from bootstruct.plan import split_model

    answers = _answers(models)
    if pairwise and len(models) < 2:
        raise BadInput("--pairwise: give at least two models.")
    engine, name = split_model(judge)
    mode = "pairwise" if pairwise else "absolute"
    template = read_text(prompt).removesuffix("\n") if prompt else shipped_prompt(f"judge_{mode}")
    asked = Asked(
        "judge-pairwise" if pairwise else "judge-absolute", judge, reach.api_of(engine), reach.sampling(), template,
        " ".join(models), len(answers),
    )  # fmt: skip
    make, read = (
        (judging.pairwise_questions, judging.judged_in_pairs)
        if pairwise
        else (judging.absolute_questions, judging.judged_absolutely)
    )
    folder = out / f"{folder_name(judge)}-{mode}"
    questions = make(answers, template, asked, name)
    begin_folder(folder, asked)
    outcome = ask(folder, questions, engine, name, reach)
    judged = read(answers, outcome.facts, asked, outcome.cost, outcome.spent)
    judging.write_judged(folder, judged, asked)
    click.echo(json.dumps(judging.to_row(judged), ensure_ascii=False) if as_json else markdown(judged))
    if outcome.stopped:
        raise outcome.stopped


def _ratings(files: tuple[Path, ...], key: Path | None) -> "list[Rating]":
    from bootstruct.evaluate.ratings import RATINGS, read_key, read_ratings

    paths = [path / RATINGS if path.is_dir() else path for path in files]
    return read_ratings(paths, read_key(key) if key else None)


@click.command("agree", short_help="Agreement of raters, and of scores with ratings.")
@click.argument("ratings", type=FOLDER, nargs=-1, required=True, metavar="RATINGS...")
@click.option("--key", type=FOLDER, help="The key to a blind sheet, where ratings name items of it.")
@click.option(
    "--scores", "models", multiple=True, metavar="MODEL", help="Answers to score: folder, file or NAME=either."
)
@click.option("--json", "as_json", is_flag=True, help="As one JSON object.")
def agree_command(ratings: tuple[Path, ...], key: Path | None, models: tuple[str, ...], as_json: bool) -> None:
    """Cohen's kappa, Spearman and Kendall for every two raters, Krippendorff's alpha for all, with intervals.

    RATINGS are files of people or folders of a judge. With --scores: how ROUGE-L and exact match follow people's ratings.

    \b
    Example:
      bootstruct evaluate agree anna.jsonl ben.jsonl evaluations/judged/openai_gpt-4.1-absolute --key key.json
    """
    from bootstruct.evaluate.compare import source_of
    from bootstruct.evaluate.rating_agreement import agreements, all_raters, correlations, markdown, to_row

    rated = _ratings(ratings, key)
    follow = correlations(_scores([source_of(each) for each in models]), rated) if models else []
    found, several = agreements(rated), all_raters(rated)
    if as_json:
        click.echo(json.dumps(to_row(found, several, follow), ensure_ascii=False))
    else:
        click.echo(markdown(found, several, follow))


def _scores(sources: "list[Source]") -> dict[str, dict[tuple[str, str], float]]:
    """Name of a score -> answer -> score."""
    from bootstruct.evaluate.predictions import read_predictions
    from bootstruct.evaluate.scores import points_of

    tables: dict[str, dict[tuple[str, str], float]] = {}
    for each in sources:
        predictions = read_predictions(each.path).predictions
        for cut, words in (("raw", "raw"), ("paragraph", "to the first blank line")):
            for prediction, point in zip(predictions, points_of(predictions, cut), strict=True):
                answer = (each.name, prediction.instance)
                tables.setdefault(f"ROUGE-L, {words}", {})[answer] = point.rouge_l
                tables.setdefault(f"exact match, {words}", {})[answer] = point.exact_match
    return tables


@click.command("compare", short_help="Models side by side, beside the paper's rows.")
@click.argument("models", nargs=-1, required=True, metavar="MODEL...")
@click.option("--ratings", type=FOLDER, multiple=True, help="Ratings: a file, or a judge's folder; may be repeated.")
@click.option("--key", type=FOLDER, help="The key to a blind sheet, where ratings name items of it.")
@click.option("--out", type=FOLDER, help="A folder for compare.md, compare.html, compare.json and ratings.svg.")
@click.option("--json", "as_json", is_flag=True, help="As one JSON object.")
def compare_command(
    models: tuple[str, ...], ratings: tuple[Path, ...], key: Path | None, out: Path | None, as_json: bool
) -> None:
    """Compare MODEL..., each an evaluation folder, a predictions file, or NAME=either.

    One table in the style of the paper's Table 3, stacked bars A-D in that of its Figure 6, the paper's rows among ours and
    marked as published, and for every two models whether they differ by more than chance (paired bootstrap, McNemar).

    \b
    Examples:
      bootstruct evaluate compare before=evaluations/superni/hf_base after=evaluations/superni/hf_tuned --out comparison
      bootstruct evaluate compare base.jsonl tuned.jsonl --ratings ratings.jsonl --key key.json
    """
    from bootstruct.evaluate.compare import compare, source_of, to_row
    from bootstruct.evaluate.compare_text import figure_of, markdown, page
    from bootstruct.files import write_whole

    compared = compare([source_of(each) for each in models], None, _ratings(ratings, key))
    row = json.dumps(to_row(compared), ensure_ascii=False)
    if out:
        figure = figure_of(compared)
        files = {
            "compare.md": markdown(compared, "ratings.svg"),
            "compare.html": page(compared),
            "compare.json": f"{row}\n",
        }
        for name, text in (files | ({"ratings.svg": figure} if figure else {})).items():
            write_whole(out / name, text.encode())
    click.echo(row if as_json else markdown(compared))
