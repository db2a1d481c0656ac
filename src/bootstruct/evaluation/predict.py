"""One model's predictions on a set of cases: the requests, and the final content of an evaluation folder.

evaluation.json     what was asked, of whom, with which settings
journal.jsonl       every reply; the only file that matters
predictions.jsonl   an export: one row an instance, in the official or the published format, with its lineage
scores.json         an export: the scores, and over how many instances
"""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final, Literal

from bootstruct.errors import InputError
from bootstruct.evaluation.cases import EvaluationCase, Problem, Problems
from bootstruct.evaluation.scorecard import Scorecard, score, to_row
from bootstruct.evaluation.scores import Prediction
from bootstruct.io.files import write_whole
from bootstruct.io.rows import read_json
from bootstruct.io.trust import require_no_links
from bootstruct.journal.events import ReplyReceived
from bootstruct.run.asking import Fact
from bootstruct.stages.parsing.thoughts import without_thought
from bootstruct.types import Message, Prompt, Sampling

HEADER, PREDICTIONS, SCORES = "evaluation.json", "predictions.jsonl", "scores.json"
GREEDY: Final = Sampling(
    temperature=0.0, max_tokens=1024
)  # the paper and its code: temperature 0, 1,024 tokens, no stop

Api = Literal["text", "chat"]
Kind = Literal["superni", "user-tasks", "ifeval", "mc", "perplexity", "judge-absolute", "judge-pairwise"]


@dataclass(frozen=True, slots=True)
class EvaluationManifest:
    """The content of `evaluation.json`.

    Attributes:
        model: as given on the command line. digest: of the keys and texts of the requests.
    """

    evaluation: Kind
    model: str
    api: Api
    sampling: Sampling
    prompt: str
    tasks: str
    instances: int

    def to_row(self) -> dict[str, Any]:
        """As plain JSON values."""
        return asdict(self)


def question_of(text: str, model: str, api: Api, sampling: Sampling, step: str = "predict") -> Prompt:
    """One request for the engine: a text to continue, or the same text as a user's message."""
    if api == "text":
        return Prompt(step, model, sampling, 0, text=text)
    return Prompt(step, model, sampling, 0, messages=(Message("user", text),))


def folder_name(model: str) -> str:
    """A folder name for a model, with underscores for all but letters, digits, dots, dashes and underscores."""
    return re.sub(r"[^\w.\-]+", "_", model).strip("._") or "model"


def predictions_of(cases: Sequence[EvaluationCase], facts: Mapping[str, Fact], problems: Problems) -> list[Prediction]:
    """The predictions; failed and unanswered requests are counted as missing."""
    found = []
    for case in cases:
        fact = facts.get(case.key)
        if isinstance(fact, ReplyReceived):
            text = without_thought(fact.reply).text
            if not text.strip():
                problems.add("empty predictions", case.instance, "counted as they are: wrong")
            found.append(Prediction(case.task, case.instance, text, case.references, case.category))
        elif fact is None:
            problems.add("instances without a prediction", f"{case.instance}: not asked yet", "left out of the means")
        else:
            problems.add("instances without a prediction", f"{case.instance}: {fact.reason}", "left out of the means")
    return found


def write_results(
    folder: Path,
    note: EvaluationManifest,
    cases: Sequence[EvaluationCase],
    facts: Mapping[str, Fact],
    given: Sequence[Problem],
) -> Scorecard:
    """Write the exports of an evaluation folder and return its scores.

    Args:
        given: the faults of the tasks.
    """
    problems = Problems()
    problems.take(given)
    scored = score(predictions_of(cases, facts, problems), len(cases), problems.all(), note.model)
    rows = [_row(note, case, fact) for case in cases if isinstance(fact := facts.get(case.key), ReplyReceived)]
    write_header(folder, note)
    write_whole(folder / PREDICTIONS, "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows).encode())
    write_whole(folder / SCORES, (json.dumps(to_row(scored), ensure_ascii=False, indent=1) + "\n").encode())
    return scored


def _row(note: EvaluationManifest, case: EvaluationCase, fact: ReplyReceived) -> dict[str, Any]:
    """One prediction in the format of its kind. `lineage` names the reply, its model and its request."""
    reply, lineage = fact.reply, lineage_of(fact, note.model)
    if note.evaluation == "superni":
        instance = {"id": case.instance, "input": case.input, "output": list(case.references)}
        row: dict[str, Any] = {"Task": case.source, "Categories": [case.category] if case.category else []}
        return row | {"Instance": instance, "prediction": without_thought(reply).text, "lineage": lineage}
    target = case.references[0]
    row = {"id": case.instance, "instruction": case.instruction, "input": case.input, "target": target}
    return row | {"response": without_thought(reply).text, "lineage": lineage}


def lineage_of(fact: ReplyReceived, model: str) -> dict[str, Any]:
    """Where an answer comes from: its key in the journal, the digest of its request, its model, its end and its tokens."""
    reply = fact.reply
    return {
        "key": fact.key,
        "digest": fact.digest,
        "model": reply.model or model,
        "finish": reply.finish,
        "tokens": [reply.prompt_tokens, reply.completion_tokens],
    }


def begin_folder(folder: Path, note: EvaluationManifest) -> None:
    """Record the evaluation in a new folder.

    Raises InputError where it holds another evaluation. Other differences are noticed for each request; the header is
    written again with the results.
    """
    known = read_header(folder)
    if known is None:
        write_header(folder, note)
    elif (known.get("evaluation"), known.get("model")) != (note.evaluation, note.model):
        raise InputError(
            f"{folder}: holds an evaluation of {known.get('model')} on {known.get('evaluation')}; choose another --out folder."
        )


def write_header(folder: Path, note: EvaluationManifest) -> None:
    """Write `evaluation.json`."""
    write_whole(folder / HEADER, (json.dumps(note.to_row(), ensure_ascii=False, indent=1) + "\n").encode())


def read_header(folder: Path) -> dict[str, Any] | None:
    """The header of an evaluation folder, None if it has none yet. Raises InputError where it is broken."""
    path = folder / HEADER
    require_no_links(folder)
    if not path.is_file():
        return None
    try:
        row = read_json(path, folder)
    except InputError as exc:
        raise InputError(f"{str(exc).removesuffix('.')}; delete it and run the same command again.") from None
    if not isinstance(row, dict):
        raise InputError(f"{path}: not an object; delete it and run the same command again.")
    return row
