"""Files of the original code -> a journal, so that paid-for runs can be verified, reported, exported and re-judged.

What the files hold becomes facts; the decisions are derived with the recipe's rules and set right where the files say
otherwise, so that `verify` shows exactly where they differ.
"""

import dataclasses
import itertools
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import orjson

from bootstruct.domain import Candidate, Instance, Instruction, Reply, Seed, Verdict, digest_of_value
from bootstruct.errors import BadInput
from bootstruct.event_json import to_json
from bootstruct.events import Annotated, Event, Proposed, Recorded, Replied, Started, State, apply, begin
from bootstruct.files import read_rows, write_whole
from bootstruct.journal import NAME
from bootstruct.recipe import Recipe
from bootstruct.stages.annotate import annotate
from bootstruct.stages.pool import TOO_SIMILAR, Pool
from bootstruct.stages.propose import read_instructions

NOT_IN_FILES = "not in the imported files"
_KINDS = {
    "machine_generated_instructions": "instructions",
    "is_clf_or_not": "kinds",
    "machine_generated_instances": "instances",
    "all_generated_instances": "finished",
}
Row = dict[str, Any]


@dataclass(slots=True)
class Imported:
    """What an import found: counts, and notes on what the files leave open.

    read: texts read from the replies; candidates: those of them that break no rule (novelty apart).
    """

    requests: int = 0
    read: int = 0
    candidates: int = 0
    accepted: int = 0
    tasks: int = 0
    instances: int = 0
    notes: list[str] = field(default_factory=list)


def find_files(sources: list[Path]) -> dict[str, Path]:
    """The files of a run by kind, from folders and files given. Raises BadInput where the instructions are missing."""
    found: dict[str, Path] = {}
    for source in sources:
        paths = sorted(source.glob("*.jsonl")) if source.is_dir() else [source]
        for path in paths:
            kind = next((kind for stem, kind in _KINDS.items() if path.name.startswith(stem)), None)
            if kind is None and not source.is_dir():
                kind = "instructions"
            if kind is not None and path.is_file() and kind not in found:
                found[kind] = path
            elif kind is not None and found.get(kind) != path and not path.is_file():
                raise BadInput(f"{path}: no such file.")
    if "instructions" not in found:
        where = ", ".join(map(str, sources))
        raise BadInput(f"{where}: no machine_generated_instructions*.jsonl found; name the folder or file of step 1.")
    return found


def import_run(folder: Path, files: dict[str, Path], recipe: Recipe, seeds: tuple[Seed, ...]) -> Imported:
    """Write the journal of a new run folder from these files. Nothing is written unless all of it could be read."""
    if (folder / NAME).exists():
        raise BadInput(f"{folder}: already holds a run; import into a new folder.")
    recipe = dataclasses.replace(recipe, model=_model(files))
    started = Started(recipe, seeds, origin="import")
    state, events, told = begin(started), [line_of(started)], Imported()
    for event in itertools.chain(_requests(files, state, told), _annotations(files, state, told)):
        events.append(line_of(event))
    told.accepted = len(state.machine)
    _compare_finished(files, state, told)
    write_whole(folder / NAME, b"".join(events))
    return told


def line_of(event: Event) -> bytes:
    return orjson.dumps(to_json(event)) + b"\n"


def _model(files: dict[str, Path]) -> str:
    """The engine in `is_clf_or_not_{engine}_{template}.jsonl`, as far as the files tell."""
    name = files["kinds"].name if "kinds" in files else ""
    return name.removeprefix("is_clf_or_not_").removesuffix(".jsonl").split("_template")[0] or "unknown"


def _requests(files: dict[str, Path], state: State, told: Imported) -> Iterator[Event]:
    path, pool, other_rules = files["instructions"], Pool(state.recipe).catch_up(state), Counter[str]()

    def same_request(numbered: tuple[int, Row]) -> tuple[int, str]:
        line, row = numbered
        return _request_idx(row, path, line), _question(row.get("metadata"), path, line)

    rows = list(read_rows(path))
    if not rows:
        raise BadInput(f"{path}: is empty; nothing to import.")
    for index, ((_, question), group) in enumerate(itertools.groupby(rows, same_request)):
        lines = list(group)
        reply = _reply((lines[0][1].get("metadata") or {}).get("response"), path, lines[0][0])
        replied = Replied(f"propose/{index}", digest_of_value(question), reply, question=question)
        apply(state, replied)
        yield replied
        proposed = _proposed(index, reply, lines, pool, other_rules)
        told.requests, told.read = told.requests + 1, told.read + len(proposed.verdicts)
        told.candidates += sum(v.kept or v.rule in (TOO_SIMILAR, NOT_IN_FILES) for v in proposed.verdicts)
        before = len(state.machine)
        apply(state, proposed)
        yield proposed
        for (_, row), task in zip(lines, state.machine[before:], strict=True):
            recorded = _recorded(task, row)
            apply(state, recorded)
            yield recorded
        pool.catch_up(state)
    told.notes += [
        f"{count} of {len(rows)} kept instructions are refused by this recipe as {rule!r}: the run was made with other rules"
        for rule, count in other_rules.most_common()
    ]


def _proposed(
    index: int, reply: Reply, lines: list[tuple[int, Row]], pool: Pool, other_rules: Counter[str]
) -> Proposed:
    """The verdicts on a reply as the file has them: a row is a candidate that was kept.

    other_rules counts the kept ones that the recipe's rules would have refused.
    """
    candidates = read_instructions(pool.recipe, reply, ())
    rows = [(line, str(row.get("instruction", ""))) for line, row in lines]
    if not _in_order([text for _, text in rows], candidates):
        candidates = [Candidate(text) for _, text in rows]  # another reading made these; verify tells
    verdicts: list[Verdict] = []
    upcoming = iter(rows)
    expected = next(upcoming, None)
    for candidate, verdict in zip(candidates, pool.judge(index, candidates), strict=True):
        if expected is not None and candidate.text == expected[1]:
            verdicts.append(Verdict(candidate.text))
            other_rules.update([] if verdict.rule is None else [verdict.rule])
            expected = next(upcoming, None)
        else:
            verdicts.append(Verdict(candidate.text, NOT_IN_FILES) if verdict.kept else verdict)
    return Proposed(index, (), tuple(verdicts))


def _in_order(texts: list[str], candidates: list[Candidate]) -> bool:
    found = iter(candidate.text for candidate in candidates)
    return all(text in found for text in texts)


def _recorded(task: Instruction, row: Row) -> Recorded:
    similar = row.get("most_similar")
    pairs = tuple((str(text), float(score)) for text, score in similar.items()) if isinstance(similar, dict) else ()
    mean = row.get("avg_similarity_score")
    return Recorded(
        task.name, pairs, float(mean) if isinstance(mean, int | float) else None, int(row.get("request_idx") or 0)
    )


def _annotations(files: dict[str, Path], state: State, told: Imported) -> Iterator[Event]:
    if "kinds" not in files or "instances" not in files:
        missing = [name for name in ("kinds", "instances") if name not in files]
        told.notes.append(f"no file of {' and '.join(missing)}: the tasks come without instances")
        return
    kinds = _by_instruction(files["kinds"])
    written = _by_instruction(files["instances"])
    known = {task.text for task in state.machine}
    for path, rows in ((files["kinds"], kinds), (files["instances"], written)):
        stray = next((text for text in rows if text not in known), None)
        if stray is not None:
            raise BadInput(
                f"{path}:{rows[stray][0]}: {stray!r} is not among the instructions: do these files belong to one run?"
            )
    for task in state.machine:
        if task.text not in kinds or task.text not in written:
            told.notes.append(f"{task.text!r} has no instances in the files; it and all after it come without")
            return
        for event in _annotation(state.recipe, task, kinds[task.text], written[task.text], files):
            apply(state, event)
            yield event
        annotated = state.annotated[task.name]
        told.tasks, told.instances = told.tasks + 1, told.instances + len(annotated.instances)


def _annotation(
    recipe: Recipe, task: Instruction, kind: tuple[int, Row], row: tuple[int, Row], files: dict[str, Path]
) -> Iterator[Event]:
    line, values = row
    metadata = values.get("instance_metadata") or {}
    reply = _reply(metadata.get("response"), files["instances"], line)
    raw = values.get("raw_instances")
    if isinstance(raw, str):
        reply = dataclasses.replace(reply, text=raw)
    replies = {
        "kind": (Reply(str(kind[1].get("is_classification", ""))), ""),
        "instances": (reply, _text(metadata.get("prompt"))),
    }
    flow = annotate(recipe, task)
    prompt = next(flow)
    try:
        while True:
            answer, question = replies[prompt.step]
            yield Replied(f"annotate/{task.name}/{prompt.step}", digest_of_value(question), answer, question=question)
            prompt = flow.send(answer)
    except StopIteration as done:
        annotated: Annotated = done.value
        yield annotated


def _compare_finished(files: dict[str, Path], state: State, told: Imported) -> None:
    if "finished" not in files or not state.annotated:
        return
    texts = {task.name: task.text for task in state.machine}
    derived = {(texts[a.task], each) for a in state.annotated.values() for each in a.instances}
    stray = 0
    for _, row in read_rows(files["finished"]):
        instance = Instance(str(row.get("input", "")), str(row.get("output", "")))
        stray += (str(row.get("instruction", "")), instance) not in derived
    if stray:
        told.notes.append(
            f"{files['finished'].name}: {stray} rows are not among the instances that the raw replies give"
        )


def _by_instruction(path: Path) -> dict[str, tuple[int, Row]]:
    found: dict[str, tuple[int, Row]] = {}
    for line, row in read_rows(path):
        text = row.get("instruction")
        if not isinstance(text, str):
            raise BadInput(f"{path}:{line}: `instruction` is missing.")
        found.setdefault(text, (line, row))
    return found


def _request_idx(row: Row, path: Path, line: int) -> int:
    if not isinstance(row.get("instruction"), str):
        raise BadInput(f"{path}:{line}: `instruction` is missing; is this a file of the original step 1?")
    index = row.get("request_idx", 0)
    if not isinstance(index, int):
        raise BadInput(f"{path}:{line}: `request_idx` must be a whole number.")
    return index


def _question(metadata: object, path: Path, line: int) -> str:
    if not isinstance(metadata, dict) or "prompt" not in metadata:
        raise BadInput(
            f"{path}:{line}: `metadata` with `prompt` and `response` is missing; without it nothing can be derived."
        )
    return _text(metadata["prompt"])


def _text(prompt: object) -> str:
    """The prompt as text: some forks log a list of one, or a chat message."""
    if isinstance(prompt, list):
        prompt = prompt[0] if prompt else ""
    if isinstance(prompt, dict):
        prompt = prompt.get("content", "")
    return str(prompt or "")


def _reply(response: object, path: Path, line: int) -> Reply:
    """The reply in a logged response: a completion, a chat completion, or the bare text."""
    if response is None:
        return Reply("", "none")
    if isinstance(response, str):
        return Reply(response)
    try:
        choice = response["choices"][0]  # type: ignore[index]
        text = choice["message"]["content"] if "message" in choice else choice["text"]
        return Reply(str(text), str(choice.get("finish_reason") or "stop"))
    except (KeyError, IndexError, TypeError):
        raise BadInput(f"{path}:{line}: `response` is neither a completion, nor a chat completion, nor text.") from None
