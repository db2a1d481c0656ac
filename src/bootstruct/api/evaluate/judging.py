"""Have a model judge answers to user tasks: `judge`."""

from collections.abc import Mapping
from dataclasses import replace
from os import PathLike
from pathlib import Path
from typing import Final, Unpack

from bootstruct.api.blocking import blocking
from bootstruct.errors import InputError
from bootstruct.evaluation import judge as judging
from bootstruct.evaluation.collect_replies import ModelOptions, asked_model, collect_replies
from bootstruct.evaluation.compare import AnswerFiles, answers_of, sources_of
from bootstruct.evaluation.judge import JudgeResult
from bootstruct.evaluation.predict import EvaluationManifest, Kind, begin_folder, folder_name
from bootstruct.evaluation.user_tasks import prompt_template
from bootstruct.io.accounts import RowAccount

_KINDS: Final[tuple[Kind, Kind]] = ("judge-absolute", "judge-pairwise")


async def ajudge(
    answers: AnswerFiles,
    judge: str,
    *,
    pairwise: bool = False,
    prompt: str | PathLike[str] | None = None,
    out: str | PathLike[str] = "evaluations/judged",
    **options: Unpack[ModelOptions],
) -> JudgeResult:
    """Have a model judge answers to user tasks: `judge` for a running event loop.

    The judge sees no names. It gives levels A to D (figure 6 of the paper), or compares every two models in both orders.

    Args:
        answers: evaluation folders of user tasks or predictions files: one, a list, or a dict of paths by model.
        judge: the model that judges, as in `openai/gpt-4.1`.
        pairwise: compare two answers instead of giving levels.
        prompt: a Jinja2 template of your own; by default the one that comes with the package.
        out: a folder with one folder per judge, with replies and verdicts.
        options: how the judge is reached and used, the budget, and `on_progress` (see `ModelOptions`).

    Returns:
        Ratings or comparisons, what was unreadable, and the cost. A budget or a long silence of the server ends it early
        with `stopped` set and everything saved.

    Raises:
        InputError: answers, the prompt, the judge or an option cannot be used.
        EngineUnavailableError: no key, no permission, unknown model, or the server cannot be reached.
    """
    sources = sources_of(answers)
    accounts: list[RowAccount] = []
    given = answers_of(sources, accounts)
    if pairwise and len(sources) < 2:
        raise InputError("--pairwise: give at least two models.")
    model, mode = asked_model(judge, options), "pairwise" if pairwise else "absolute"
    template, kind = prompt_template(Path(prompt) if prompt else None, f"judge_{mode}"), _KINDS[pairwise]
    note = EvaluationManifest(kind, judge, model.api, model.sampling, template, _spelled(answers), len(given))
    make, read = (
        (judging.pairwise_questions, judging.judged_in_pairs)
        if pairwise
        else (judging.absolute_questions, judging.judged_absolutely)
    )
    folder = Path(out) / f"{folder_name(judge)}-{mode}"
    requests = make(given, template, note, model.name)
    begin_folder(folder, note)
    replies = await collect_replies(folder, requests, model, options)
    judged = read(given, replies.facts, note, replies.cost, replies.spent)
    judging.write_judged(folder, judged, note)
    return replace(judged, folder=folder, stopped=replies.stopped, accounts=tuple(accounts))


@blocking(ajudge, "bootstruct.evaluate")
def judge() -> None:
    """Have a model judge answers to user tasks: levels A to D, or every two models against each other.

    Calling it again resumes: recorded replies are reused free. It takes the parameters of `ajudge`, which is the one to
    await inside a running event loop.

    Example:
        >>> import json, pathlib
        >>> import bootstruct as bs
        >>> row = {"id": "t0", "instruction": "Name the capital.", "input": "France", "response": "Paris", "target": "Paris"}
        >>> _ = pathlib.Path("answers.jsonl").write_text(json.dumps(row))
        >>> engine = bs.ScriptedEngine(lambda prompt: "Level: A")
        >>> judged = bs.evaluate.judge({"tuned": "answers.jsonl"}, judge="python/me", engine=engine)
        >>> judged.ratings[0].model, judged.ratings[0].level
        ('tuned', 'A')
    """


def _spelled(answers: AnswerFiles) -> str:
    """The answers as a command line would name them, for `evaluation.json`."""
    if isinstance(answers, Mapping):
        return " ".join(f"{name}={path}" for name, path in answers.items())
    return str(answers) if isinstance(answers, str | PathLike) else " ".join(map(str, answers))
