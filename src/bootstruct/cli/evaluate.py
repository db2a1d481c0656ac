"""bootstruct evaluate: superni, user-tasks, score, overlap. The commands about ratings are in `evaluate_ratings`."""

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

from bootstruct.cli.evaluate_asking import FOLDER, Outcome, Reach, ask, asking_flags
from bootstruct.cli.evaluate_ratings import agree_command, compare_command, judge_command, sheet_command
from bootstruct.errors import BadInput

if TYPE_CHECKING:
    from bootstruct.evaluate.cases import Case, Problem
    from bootstruct.evaluate.predict import Kind
    from bootstruct.evaluate.scorecard import Scored


@click.group("evaluate", short_help="Measure models: scores, ratings, comparisons, decontamination.")
def evaluate_command() -> None:
    """Measure models. Every reply is journalled in the folder --out names: the same command again asks nothing twice.

    \b
    Examples:
      bootstruct evaluate superni --data natural-instructions --model openai/gpt-4.1-mini
      bootstruct evaluate user-tasks --model openai/base --model openai/tuned --base-url http://127.0.0.1:8000/v1
      bootstruct evaluate judge evaluations/user-tasks/openai_base --judge openai/gpt-4.1
      bootstruct evaluate compare evaluations/user-tasks/*/ --ratings ratings.jsonl --key evaluations/user-tasks/key.json
    """


for _command in (agree_command, compare_command, judge_command, sheet_command):
    evaluate_command.add_command(_command)


@evaluate_command.command("superni", short_help="Ask models the test tasks of Super-NaturalInstructions.")
@click.option("--data", type=FOLDER, required=True, help="A checkout of the public natural-instructions repository.")
@click.option(
    "--model", "models", metavar="ENGINE/NAME", multiple=True, required=True, help="Who answers; may be repeated."
)
@click.option(
    "--out", type=FOLDER, default=Path("evaluations/superni"), show_default=True, help="A folder a model in here."
)
@click.option("--split", type=FOLDER, help="A list of task names. [default: DATA/splits/default/test_tasks.txt]")
@click.option("--task", "tasks", multiple=True, help="This task only; may be repeated.")
@click.option(
    "--instances", type=click.IntRange(1), default=100, show_default=True, help="Of each task, the first so many."
)
@click.option(
    "--examples", type=click.IntRange(0), default=0, show_default=True, help="Positive examples in the prompt."
)
@click.option(
    "--prompt-tokens", type=click.IntRange(1), default=1024, show_default=True, help="Examples are shown up to this."
)
@click.option("--tokenizer", type=FOLDER, help="Counts prompt tokens exactly; else four characters make a token.")
@click.option("--by-task", is_flag=True, help="Show the scores of each task as well.")
@click.option("--json", "as_json", is_flag=True, help="As one JSON list, an object a model.")
@asking_flags
def superni_command(
    data: Path,
    models: tuple[str, ...],
    out: Path,
    split: Path | None,
    tasks: tuple[str, ...],
    instances: int,
    examples: int,
    prompt_tokens: int,
    tokenizer: Path | None,
    by_task: bool,
    as_json: bool,
    reach: Reach,
) -> None:
    """Ask each model the official test split of Super-NaturalInstructions and score its answers.

    The prompt holds the task's definition and, with --examples, as many positive examples as fit. Scores are the official
    ones: ROUGE-L and exact match over all instances, shown raw, cut at the first blank line, and cut to one sentence.

    \b
    Examples:
      bootstruct evaluate superni --data natural-instructions --model openai/gpt-4.1-mini --max-cost 5
      bootstruct evaluate superni --data natural-instructions --model openai/davinci-002 --api text --examples 2
    """
    from bootstruct.evaluate.superni import prompt_of, read_split, token_count

    found = read_split(data, split, tasks, instances)
    count, counted = token_count(tokenizer)
    by_name = {task.name: task for task in found.tasks}
    texts = {case.key: prompt_of(by_name[case.task], case, examples, prompt_tokens, count) for case in found.cases}
    shown = f"and up to {examples} examples within {prompt_tokens} tokens ({counted})" if examples else "only"
    about = (f"definition {shown}", str(split or data))
    _ask_models(models, out, "superni", (found.cases, found.problems), texts, about, reach, by_task, as_json)


@evaluate_command.command("user-tasks", short_help="Ask models user-oriented tasks; make a blind rating sheet.")
@click.option(
    "--model", "models", metavar="ENGINE/NAME", multiple=True, required=True, help="Who answers; may be repeated."
)
@click.option("--tasks", type=FOLDER, help="A task file (JSONL). [default: the 252 tasks that come with bootstruct]")
@click.option(
    "--out", type=FOLDER, default=Path("evaluations/user-tasks"), show_default=True, help="A folder a model in here."
)
@click.option(
    "--prompt", type=FOLDER, help="A Jinja2 template of `instruction` and `input`. [default: the paper's form]"
)
@click.option("--seed", default=42, show_default=True, help="Draws letters and order of the rating sheet.")
@click.option("--json", "as_json", is_flag=True, help="As one JSON list, an object a model.")
@asking_flags
def user_tasks_command(
    models: tuple[str, ...], tasks: Path | None, out: Path, prompt: Path | None, seed: int, as_json: bool, reach: Reach
) -> None:
    """Ask each model the user-oriented tasks, score the answers, and write a blind rating sheet of all models.

    ROUGE-L and exact match stand in for people here, poorly: have answers rated (`bootstruct review`) or judged
    (`bootstruct evaluate judge`). The sheet is sheet.jsonl; key.json says whose answer is whose.

    \b
    Examples:
      bootstruct evaluate user-tasks --model openai/base --model openai/tuned --base-url http://127.0.0.1:8000/v1
      bootstruct evaluate user-tasks --model openai/davinci-002 --api text --tasks user_oriented_instructions.jsonl
    """
    from bootstruct.evaluate.predict import PREDICTIONS, folder_name
    from bootstruct.evaluate.ratings import KEY, SHEET, read_answers, write_sheet
    from bootstruct.evaluate.user_tasks import read_user_tasks, shipped_prompt, user_prompt
    from bootstruct.files import read_text

    cases, problems = read_user_tasks(tasks)
    template = read_text(prompt).removesuffix("\n") if prompt else shipped_prompt("user_task")
    texts = {case.key: user_prompt(template, case) for case in cases}
    about = (template, str(tasks or "user_tasks.jsonl of bootstruct"))
    _ask_models(models, out, "user-tasks", (cases, problems), texts, about, reach, False, as_json)
    answers = [each for model in models for each in read_answers(out / folder_name(model) / PREDICTIONS, model)]
    if not write_sheet(out, answers, seed):
        click.echo(
            f"{out / SHEET}: kept as it is, because it may have been rated; `evaluate sheet` makes another.", err=True
        )
    elif not as_json:
        click.echo(f"\nBlind rating sheet: {out / SHEET}; the key to it: {out / KEY}")


def _ask_models(
    models: tuple[str, ...],
    out: Path,
    kind: "Kind",
    asked_of: "tuple[tuple[Case, ...], tuple[Problem, ...]]",
    texts: dict[str, str],
    about: tuple[str, str],
    reach: Reach,
    by_task: bool,
    as_json: bool,
) -> None:
    """Ask, write and show, one model after another. about: the prompt and the tasks, in words."""
    from bootstruct.evaluate.predict import Asked, begin_folder, folder_name, question_of, write_results
    from bootstruct.plan import split_model

    split = [(model, *split_model(model)) for model in models]  # a typing error shows before anything is asked
    found: list[Scored] = []
    for model, engine, name in split:
        asked = Asked(kind, model, reach.api_of(engine), reach.sampling(), about[0], about[1], len(asked_of[0]))
        folder = out / folder_name(model)
        questions = {key: question_of(text, name, asked.api, asked.sampling) for key, text in texts.items()}
        begin_folder(folder, asked)
        outcome: Outcome = ask(folder, questions, engine, name, reach)
        found.append(write_results(folder, asked, asked_of[0], outcome.facts, asked_of[1]))
        if outcome.stopped:
            _show(found, by_task, as_json)
            raise outcome.stopped
    _show(found, by_task, as_json)


def _show(found: "list[Scored]", by_task: bool, as_json: bool) -> None:
    from bootstruct.evaluate.scorecard import markdown, to_row

    if as_json:
        click.echo(json.dumps([to_row(each) for each in found], ensure_ascii=False))
    else:
        click.echo("\n\n".join(markdown(each, by_task) for each in found))


@evaluate_command.command("score", short_help="Score prediction files.")
@click.argument("files", type=str, nargs=-1, required=True, metavar="FILE...")
@click.option(
    "--data", type=FOLDER, help="A checkout of natural-instructions: references, categories, what is missing."
)
@click.option("--split", type=FOLDER, help="With --data: a list of task names.")
@click.option("--task", "tasks_only", multiple=True, help="With --data: this task only; may be repeated.")
@click.option("--instances", type=click.IntRange(1), default=100, show_default=True, help="With --data: of each task.")
@click.option("--tasks", type=FOLDER, help="A user task file: references, and what is missing.")
@click.option("--by-task", is_flag=True, help="Show the scores of each task as well.")
@click.option("--json", "as_json", is_flag=True, help="As one JSON list, an object a file.")
def score_command(
    files: tuple[str, ...],
    data: Path | None,
    split: Path | None,
    tasks_only: tuple[str, ...],
    instances: int,
    tasks: Path | None,
    by_task: bool,
    as_json: bool,
) -> None:
    """Score predictions in the official format (Task, Instance, prediction) or the paper's (response, target).

    A FILE may be an evaluation folder, and NAME=FILE names it. Without --data or --tasks the references in the file count.

    \b
    Examples:
      bootstruct evaluate score predictions.jsonl --data natural-instructions --by-task
      bootstruct evaluate score davinci_predictions.jsonl --json
    """
    from bootstruct.evaluate.compare import source_of
    from bootstruct.evaluate.predictions import read_predictions
    from bootstruct.evaluate.scorecard import score

    cases, problems = cases_given(data, split, tasks_only, instances, tasks)
    found = []
    for each in map(source_of, files):
        loaded = read_predictions(each.path, cases)
        expected = loaded.expected if loaded.expected is not None else each.expected
        found.append(score(loaded.predictions, expected, (*problems, *loaded.problems), each.name))
    _show(found, by_task, as_json)


def cases_given(
    data: Path | None, split: Path | None, tasks_only: tuple[str, ...], instances: int, tasks: Path | None
) -> "tuple[tuple[Case, ...] | None, tuple[Problem, ...]]":
    """The instances that --data or --tasks name, None where neither is given."""
    from bootstruct.evaluate.superni import read_split
    from bootstruct.evaluate.user_tasks import read_user_tasks

    if data and tasks:
        raise BadInput("--data and --tasks: take one of the two.")
    if data:
        found = read_split(data, split, tasks_only, instances)
        return found.cases, found.problems
    return read_user_tasks(tasks) if tasks else (None, ())


@evaluate_command.command("overlap", short_help="How near training data comes to an evaluation set.")
@click.argument("training", type=FOLDER)
@click.option("--tasks", type=FOLDER, help="A user task file. [default: the 252 tasks that come with bootstruct]")
@click.option("--data", type=FOLDER, help="A checkout of natural-instructions instead.")
@click.option("--split", type=FOLDER, help="With --data: a list of task names.")
@click.option("--task", "tasks_only", multiple=True, help="With --data: this task only; may be repeated.")
@click.option("--instances", type=click.IntRange(1), default=100, show_default=True, help="With --data: of each task.")
@click.option("--rows", type=click.IntRange(0), default=20, show_default=True, help="Tasks shown, the nearest first.")
@click.option("--json", "as_json", is_flag=True, help="As one JSON object, all tasks.")
def overlap_command(
    training: Path,
    tasks: Path | None,
    data: Path | None,
    split: Path | None,
    tasks_only: tuple[str, ...],
    instances: int,
    rows: int,
    as_json: bool,
) -> None:
    """Report how near TRAINING (a run folder or a JSONL file) comes to each task of an evaluation set.

    Shown are the best ROUGE-L of each task's instruction, equal instructions and inputs, and shared runs of 13 words. To
    keep a run away from a set, give the set to `bootstruct init --keep-away`.

    \b
    Examples:
      bootstruct evaluate overlap runs/a
      bootstruct evaluate overlap train.jsonl --data natural-instructions --json
    """
    from bootstruct.evaluate.overlap import markdown, to_row, training_texts
    from bootstruct.evaluate.user_tasks import shipped_tasks
    from bootstruct.stages.overlap import overlap

    given = tasks if tasks or data else shipped_tasks()
    cases, problems = cases_given(data, split, tasks_only, instances, given)
    texts, found = training_texts(training)
    report, problems = overlap(texts, cases or ()), (*problems, *found)
    as_text = json.dumps(to_row(report, problems), ensure_ascii=False) if as_json else markdown(report, rows, problems)
    click.echo(as_text)
