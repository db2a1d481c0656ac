"""Give models an evaluation set and score their answers: `superni` and `user_tasks`."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from os import PathLike
from pathlib import Path
from typing import Unpack

from bootstruct.api.blocking import blocking
from bootstruct.errors import InputError
from bootstruct.evaluation.collect_replies import ModelOptions, asked_model, collect_replies
from bootstruct.evaluation.predict import (
    PREDICTIONS,
    EvaluationManifest,
    Kind,
    begin_folder,
    folder_name,
    question_of,
    write_results,
)
from bootstruct.evaluation.ratings import SheetResult, make_sheet, read_answers
from bootstruct.evaluation.scorecard import Scorecard
from bootstruct.evaluation.superni import prompt_of, read_split, token_count
from bootstruct.evaluation.task_sets import TaskSet
from bootstruct.evaluation.user_tasks import prompt_template, read_user_tasks, user_prompt
from bootstruct.io.accounts import RowAccount

StrPath = str | PathLike[str]


@dataclass(frozen=True, slots=True)
class EvaluationResult:
    """The result of an evaluation.

    Attributes:
        scorecards: the scores of each model, in the order in which they were named.
        folders: the evaluation folder of each of them, with replies, predictions and scores.
        stopped: why not every request was answered (budget, silence), in a sentence; else empty.
        sheet: the blind rating sheet of the models' answers to user tasks; None for other sets, or if it stopped.
    """

    scorecards: tuple[Scorecard, ...]
    folders: tuple[Path, ...]
    stopped: str = ""
    sheet: SheetResult | None = None

    @property
    def is_complete(self) -> bool:
        """Whether every request was made."""
        return not self.stopped


async def asuperni(
    models: str | Sequence[str],
    data: StrPath,
    *,
    out: StrPath = "evaluations/superni",
    split: StrPath | None = None,
    only: Sequence[str] = (),
    instances: int = 100,
    examples: int = 0,
    prompt_tokens: int = 1024,
    tokenizer: StrPath | None = None,
    **options: Unpack[ModelOptions],
) -> EvaluationResult:
    """Give models the test tasks of Super-NaturalInstructions and score the answers: `superni` for a running event loop.

    The prompt holds the task's definition and up to `examples` positive examples that fit. Scores are the official
    ones (section 4.3 of the paper): ROUGE-L and exact match over all instances, shown raw and cut.

    Args:
        models: one model or several, as in `openai/gpt-4.1-mini`.
        data: a checkout of the public natural-instructions repository.
        out: holds one folder per model.
        split: a list of task names; by default the official test tasks.
        only: these tasks only.
        instances: how many instances of each task are used, the first ones.
        examples: positive examples to show in the prompt.
        prompt_tokens: examples are added while the prompt fits into this many tokens.
        tokenizer: counts prompt tokens exactly; without it, four characters count as one token.
        options: how the models are reached and used, the budget, and `on_progress` (see `ModelOptions`).

    Returns:
        The scores. A budget or a long silence of the server ends it early with `stopped` set and everything saved.

    Raises:
        InputError: the data, a model or an option cannot be used.
        EngineUnavailableError: no key, no permission, unknown model, or the server cannot be reached.
    """
    found = read_split(Path(data), Path(split) if split else None, tuple(only), instances)
    count, counted = token_count(Path(tokenizer) if tokenizer else None)
    by_name = {task.name: task for task in found.tasks}
    texts = {case.key: prompt_of(by_name[case.task], case, examples, prompt_tokens, count) for case in found.cases}
    shown = f"and up to {examples} examples within {prompt_tokens} tokens ({counted})" if examples else "only"
    about = (f"definition {shown}", str(Path(split or data)))
    return await _evaluate(
        model_names(models),
        Path(out),
        "superni",
        TaskSet(found.cases, found.problems, (found.account,)),
        texts,
        about,
        options,
    )


@blocking(asuperni, "bootstruct.evaluate")
def superni() -> None:
    """Give models the test tasks of Super-NaturalInstructions and score their answers.

    Calling it again resumes: recorded replies are reused free. It takes the parameters of `asuperni`, which is the one to
    await inside a running event loop.

    Example:
        >>> import json, pathlib
        >>> import bootstruct as bs
        >>> tasks = pathlib.Path("checkout/tasks")
        >>> tasks.mkdir(parents=True)
        >>> task = {"Definition": ["Name the capital."], "Instances": [{"input": "France", "output": ["Paris"]}]}
        >>> _ = (tasks / "task001_capitals.json").write_text(json.dumps(task))
        >>> engine = bs.ScriptedEngine(lambda prompt: "Paris")
        >>> result = bs.evaluate.superni("python/me", data="checkout", only=["task001_capitals"], engine=engine)
        >>> result.scorecards[0].tables["raw"].overall.rouge_l
        100.0
    """


async def auser_tasks(
    models: str | Sequence[str],
    tasks: StrPath | None = None,
    *,
    out: StrPath = "evaluations/user-tasks",
    prompt: StrPath | None = None,
    seed: int = 42,
    fields: Mapping[str, str] | None = None,
    **options: Unpack[ModelOptions],
) -> EvaluationResult:
    """Give models user-oriented tasks (section 4.4 of the paper) and score the answers: `user_tasks` for a running loop.

    ROUGE-L and exact match are a poor proxy for people here, so a blind rating sheet of all models' answers is also written.

    Args:
        models: one model or several, as in `openai/gpt-4.1-mini`.
        tasks: a task file in any shape of rows; by default the 252 tasks that come with the package.
        out: holds one folder per model, and the sheet.
        prompt: a Jinja2 template of `instruction` and `input`; by default the paper's form.
        seed: the random seed of the sheet.
        fields: the names of fields of the task file by their meaning, as in `{"instruction": "task"}`.
        options: how the models are reached and used, the budget, and `on_progress` (see `ModelOptions`).

    Returns:
        The scores and the sheet. A budget or a long silence of the server ends it early with `stopped` set.

    Raises:
        InputError: the tasks, the prompt, a model or an option cannot be used.
        EngineUnavailableError: no key, no permission, unknown model, or the server cannot be reached.
    """
    names, folder = model_names(models), Path(out)
    accounts: list[RowAccount] = []
    cases, problems = read_user_tasks(Path(tasks) if tasks else None, fields, accounts)
    template = prompt_template(Path(prompt) if prompt else None, "user_task")
    texts = {case.key: user_prompt(template, case) for case in cases}
    about = (template, str(Path(tasks)) if tasks else "user_tasks.jsonl of bootstruct")
    result = await _evaluate(
        names, folder, "user-tasks", TaskSet(cases, problems, tuple(accounts)), texts, about, options
    )
    if result.stopped:
        return result
    answers = [answer for name in names for answer in read_answers(folder / folder_name(name) / PREDICTIONS, name)]
    return replace(result, sheet=make_sheet(folder, answers, seed))


@blocking(auser_tasks, "bootstruct.evaluate")
def user_tasks() -> None:
    """Give models user-oriented tasks (section 4.4 of the paper), score their answers and make a blind rating sheet.

    Calling it again resumes: recorded replies are reused free. It takes the parameters of `auser_tasks`, which is the one
    to await inside a running event loop.

    Example:
        >>> import json, pathlib
        >>> import bootstruct as bs
        >>> task = {"id": "t0", "instruction": "Name the capital.", "instances": [{"input": "France", "output": "Paris"}]}
        >>> _ = pathlib.Path("tasks.jsonl").write_text(json.dumps(task))
        >>> result = bs.evaluate.user_tasks("python/me", "tasks.jsonl", engine=bs.ScriptedEngine(lambda prompt: "Rome"))
        >>> result.scorecards[0].tables["raw"].overall.exact_match, result.sheet.answers
        (0.0, 1)
    """


async def _evaluate(
    models: Sequence[str],
    out: Path,
    kind: Kind,
    task_set: TaskSet,
    texts: Mapping[str, str],
    about: tuple[str, str],
    options: ModelOptions,
) -> EvaluationResult:
    """Evaluate one model after another and write its results.

    Args:
        models: their names.
        out: holds one folder per model.
        kind: the evaluation.
        task_set: the tasks.
        texts: the text of each request, by key.
        about: the prompt and the tasks, in words, as `evaluation.json` says them.
        options: how the models are reached and used.
    """
    cards: list[Scorecard] = []
    folders: list[Path] = []
    cases = task_set.cases or ()
    for model in [asked_model(name, options) for name in models]:  # a typing error shows before any request is sent
        note = EvaluationManifest(kind, model.given, model.api, model.sampling, *about, len(cases))
        folders.append(out / folder_name(model.given))
        requests = {key: question_of(text, model.name, model.api, model.sampling) for key, text in texts.items()}
        begin_folder(folders[-1], note)
        replies = await collect_replies(folders[-1], requests, model, options)
        card = write_results(folders[-1], note, cases, replies.facts, task_set.problems)
        cards.append(replace(card, accounts=task_set.accounts))
        if replies.stopped:
            return EvaluationResult(tuple(cards), tuple(folders), replies.stopped)
    return EvaluationResult(tuple(cards), tuple(folders))


def model_names(models: str | Sequence[str]) -> list[str]:
    """The names of models as a list. Raises InputError if there is none."""
    names = [models] if isinstance(models, str) else list(models)
    if not names:
        raise InputError("models: name one, as in openai/gpt-4.1-mini.")
    return names
