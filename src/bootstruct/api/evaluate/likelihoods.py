"""Measure models by the likelihood of given texts: `mc` for questions with choices, `perplexity` for references."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from os import PathLike
from pathlib import Path
from typing import TypeVar

from bootstruct.api.evaluate.models import model_names
from bootstruct.errors import InputError
from bootstruct.evaluation.loss_records import TextLoss, recorded_losses
from bootstruct.evaluation.multiple_choice import ChoiceScores, read_choice_questions, write_choices
from bootstruct.evaluation.perplexity import PerplexityScores, read_reference_texts, write_perplexity
from bootstruct.evaluation.predict import GREEDY, Api, EvaluationManifest, Kind, begin_folder, folder_name, question_of
from bootstruct.evaluation.user_tasks import prompt_template
from bootstruct.io.accounts import RowAccount
from bootstruct.stages.templates import fill
from bootstruct.types import Prompt

StrPath = str | PathLike[str]
OnLikelihoods = Callable[[str, int, int], object]
Scores = TypeVar("Scores")


def mc(
    models: str | Sequence[str],
    questions: StrPath,
    *,
    out: StrPath = "evaluations/mc",
    prompt: StrPath | None = None,
    api: Api = "text",
    trust_remote_code: bool = False,
    on_progress: OnLikelihoods | None = None,
) -> tuple[ChoiceScores, ...]:
    """Let models choose among given answers by likelihood, and score the choices.

    Args:
        models: models on this machine, `pocket` or `hf/...`: one or several.
        questions: a file of questions with choices (docs/evaluation.md).
        out: holds one folder per model; what is recorded there is not computed again.
        prompt: a Jinja2 template of `question`, `choices` and `labels`; by default `Question: ... Answer:`.
        api: `text`, in which a choice follows the prompt after a blank, or `chat`, in which it is the reply to it.
        trust_remote_code: run the code that comes with a model.
        on_progress: called with the model, the number of choices done and that of all choices.

    Returns:
        The scores of each model, in the order in which they were named.

    Raises:
        InputError: the file, the prompt or a model cannot be used.
        EngineUnavailableError: a model cannot be loaded, or has no chat template.

    Example:
        >>> import json, pathlib
        >>> import bootstruct as bs
        >>> row = {"question": "Which one is a colour?", "choices": ["red", "seven"], "answer": 0}
        >>> _ = pathlib.Path("questions.jsonl").write_text(json.dumps(row))
        >>> try:
        ...     bs.evaluate.mc("openai/gpt-4.1-mini", "questions.jsonl")
        ... except bs.InputError as error:
        ...     print(error)
        --model openai/gpt-4.1-mini: the likelihood of given texts needs a model on this machine; use pocket or hf/FOLDER.
    """
    accounts: list[RowAccount] = []
    asked = read_choice_questions(Path(questions), accounts)
    template = prompt_template(Path(prompt) if prompt else None, "multiple_choice")
    wanted: dict[str, tuple[str, str]] = {}
    for question in asked:
        text = fill(template, question=question.question, choices=question.choices, labels=question.labels)
        wanted |= {question.key(place): (text, choice) for place, choice in enumerate(question.choices)}

    def write(folder: Path, note: EvaluationManifest, losses: Mapping[str, TextLoss]) -> ChoiceScores:
        return replace(write_choices(folder, note, asked, losses), accounts=tuple(accounts))

    about = (template, str(Path(questions)))
    return _measure(models, Path(out), "mc", wanted, about, api, write, trust_remote_code, on_progress)


def perplexity(
    models: str | Sequence[str],
    references: StrPath,
    *,
    out: StrPath = "evaluations/perplexity",
    prompt: StrPath | None = None,
    api: Api = "text",
    fields: Mapping[str, str] | None = None,
    trust_remote_code: bool = False,
    on_progress: OnLikelihoods | None = None,
) -> tuple[PerplexityScores, ...]:
    """Measure how likely models find the outputs of instruction data after their prompts.

    Args:
        models: models on this machine, `pocket` or `hf/...`: one or several.
        references: a file of instruction data in any shape of rows.
        out: holds one folder per model; what is recorded there is not computed again.
        prompt: a Jinja2 template of `instruction` and `input`; by default the paper's form.
        api: `text`, in which the output follows the prompt after a blank, or `chat`, in which it is the reply to it.
        fields: the names of fields by their meaning, as in `{"instruction": "task"}`.
        trust_remote_code: run the code that comes with a model.
        on_progress: called with the model, the number of outputs done and that of all outputs.

    Returns:
        The scores of each model, in the order in which they were named.

    Raises:
        InputError: the file, the prompt or a model cannot be used.
        EngineUnavailableError: a model cannot be loaded, or has no chat template.

    Example:
        >>> import json, pathlib
        >>> import bootstruct as bs
        >>> row = {"instruction": "Name a colour.", "output": "Red."}
        >>> _ = pathlib.Path("references.jsonl").write_text(json.dumps(row))
        >>> try:
        ...     bs.evaluate.perplexity("gpt", "references.jsonl")
        ... except bs.InputError as error:
        ...     print(error)
        --model gpt: the likelihood of given texts needs a model on this machine; use pocket or hf/FOLDER.
    """
    accounts: list[RowAccount] = []
    texts = read_reference_texts(Path(references), fields, accounts)
    template = prompt_template(Path(prompt) if prompt else None, "user_task")
    wanted = {text.key: (fill(template, instruction=text.instruction, input=text.input), text.output) for text in texts}

    def write(folder: Path, note: EvaluationManifest, losses: Mapping[str, TextLoss]) -> PerplexityScores:
        return replace(write_perplexity(folder, note, texts, losses), accounts=tuple(accounts))

    about = (template, str(Path(references)))
    return _measure(models, Path(out), "perplexity", wanted, about, api, write, trust_remote_code, on_progress)


def _measure(
    models: str | Sequence[str],
    out: Path,
    kind: Kind,
    wanted: Mapping[str, tuple[str, str]],
    about: tuple[str, str],
    api: Api,
    write: Callable[[Path, EvaluationManifest, Mapping[str, TextLoss]], Scores],
    trust_remote_code: bool,
    on_progress: OnLikelihoods | None,
) -> tuple[Scores, ...]:
    """The likelihoods of the wanted texts, by prompt and text, under each model, and what is written of them."""
    names = model_names(models)
    for name in names:  # a typing error shows before anything is computed
        if name != "pocket" and not name.startswith("hf/"):
            raise InputError(
                f"--model {name}: the likelihood of given texts needs a model on this machine; use pocket or hf/FOLDER."
            )
    if api not in ("text", "chat"):
        raise InputError(f"api: takes 'text' or 'chat', not {api!r}.")
    found: list[Scores] = []
    for name in names:
        folder, note = out / folder_name(name), EvaluationManifest(kind, name, api, GREEDY, *about, len(wanted))
        begin_folder(folder, note)

        def tell(done: int, total: int, name: str = name) -> None:
            if on_progress is not None:
                on_progress(name, done, total)

        asked: dict[str, tuple[Prompt, str]] = {
            key: (question_of(text, name, api, GREEDY), written if api == "chat" else f" {written}")
            for key, (text, written) in wanted.items()
        }
        found.append(write(folder, note, recorded_losses(folder, name, asked, trust_remote_code, tell)))
    return tuple(found)
