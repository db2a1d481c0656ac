"""Measure how far models follow instructions to the letter: `ifeval`."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from os import PathLike
from pathlib import Path
from typing import Unpack

from bootstruct.api.blocking import blocking
from bootstruct.api.evaluate.models import model_names
from bootstruct.evaluation.collect_replies import ModelOptions, asked_model, collect_replies
from bootstruct.evaluation.ifeval import SHIPPED, IfevalScores, read_ifeval_prompts, write_ifeval
from bootstruct.evaluation.predict import EvaluationManifest, begin_folder, folder_name, question_of
from bootstruct.io.accounts import RowAccount


@dataclass(frozen=True, slots=True)
class IfevalResult:
    """The result of an evaluation by IFEval.

    Attributes:
        scores: the scores of each model, in the order in which they were named.
        folders: the evaluation folder of each of them.
        stopped: why not every request was answered, in a sentence; else empty.
    """

    scores: tuple[IfevalScores, ...]
    folders: tuple[Path, ...]
    stopped: str = ""

    @property
    def is_complete(self) -> bool:
        """Whether every request was made."""
        return not self.stopped


async def aifeval(
    models: str | Sequence[str],
    prompts: str | PathLike[str] | None = None,
    *,
    out: str | PathLike[str] = "evaluations/ifeval",
    **options: Unpack[ModelOptions],
) -> IfevalResult:
    """Give models prompts with constraints and check the answers by code: `ifeval` for a running event loop.

    Args:
        models: one model or several, as in `openai/gpt-4.1-mini`.
        prompts: a file in IFEval's shape; by default the 100 prompts that come with the package.
        out: holds one folder per model.
        options: how the models are reached and used, the budget, and `on_progress` (see `ModelOptions`).

    Returns:
        The shares of prompts and constraints that are followed. A budget or a long silence of the server ends it early with
        `stopped` set and everything saved.

    Raises:
        InputError: the prompts, a model or an option cannot be used.
        EngineUnavailableError: no key, no permission, unknown model, or the server cannot be reached.
    """
    accounts: list[RowAccount] = []
    asked = read_ifeval_prompts(Path(prompts) if prompts else None, accounts)
    about = ("the prompt itself", str(Path(prompts)) if prompts else f"{SHIPPED} of bootstruct")
    scores: list[IfevalScores] = []
    folders: list[Path] = []
    for model in [asked_model(name, options) for name in model_names(models)]:
        note = EvaluationManifest("ifeval", model.given, model.api, model.sampling, *about, len(asked))
        folders.append(Path(out) / folder_name(model.given))
        requests = {
            prompt.request_key: question_of(prompt.prompt, model.name, model.api, model.sampling) for prompt in asked
        }
        begin_folder(folders[-1], note)
        replies = await collect_replies(folders[-1], requests, model, options)
        scores.append(replace(write_ifeval(folders[-1], note, asked, replies.facts), accounts=tuple(accounts)))
        if replies.stopped:
            return IfevalResult(tuple(scores), tuple(folders), replies.stopped)
    return IfevalResult(tuple(scores), tuple(folders))


@blocking(aifeval, "bootstruct.evaluate")
def ifeval() -> None:
    """Give models prompts with constraints (IFEval) and check by code which ones the answers follow.

    Calling it again resumes: recorded replies are reused free. It takes the parameters of `aifeval`, which is the one to
    await inside a running event loop.

    Example:
        >>> import json, pathlib
        >>> import bootstruct as bs
        >>> row = {"key": 1, "prompt": "Name two colours without a comma.", "kwargs": [{}]}
        >>> row["instruction_id_list"] = ["punctuation:no_comma"]
        >>> _ = pathlib.Path("prompts.jsonl").write_text(json.dumps(row))
        >>> engine = bs.ScriptedEngine(lambda prompt: "Red and green.")
        >>> result = bs.evaluate.ifeval("python/me", "prompts.jsonl", engine=engine)
        >>> result.scores[0].prompts["strict"].percent
        100.0
    """
