"""A run as the files of the released code, which its other tools read, and what `import` needs in addition.

The five files of the released code have no place for the recipe, the seeds, thoughts, the names of the examples in a prompt,
and replies of later steps. They are in files of our own in the same folder, so that importing it gives the same decisions.
"""

import itertools
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from bootstruct.config.recipe import to_mapping
from bootstruct.export.rows import TrainingRow, prompt_completions
from bootstruct.journal.codec import seed_to_json
from bootstruct.journal.events import NOT_KEPT, CandidatesJudged, ReplyReceived
from bootstruct.journal.file import read_events
from bootstruct.journal.keys import key_of
from bootstruct.journal.state import State
from bootstruct.novelty.index import NoveltyIndex
from bootstruct.run.task_provenance import counted_reply, proposed_by
from bootstruct.stages.custom import without_python
from bootstruct.stages.training_format import training_instances
from bootstruct.types import Reply

Json = dict[str, Any]
NEAREST = 10  # the released code keeps the ten most similar texts
RECIPE, SEEDS, REQUESTS = "recipe.yaml", "seed_tasks.jsonl", "requests.jsonl"  # the files of our own


def original_files(
    state: State, journal: Path, rows: Iterable[TrainingRow]
) -> Iterator[tuple[str, Sequence[Json] | bytes]]:
    """Yield the files that the released code would have written, and recipe and seeds, which `import` needs beside them.

    Args:
        state: the state of the run.
        journal: its journal, from which the replies are read again.
        rows: the training rows.

    Yields:
        Name and rows of each file; of the recipe its content.
    """
    yield RECIPE, recipe_text(state)
    yield SEEDS, [seed_to_json(seed) for seed in state.seeds]
    yield REQUESTS, list(_request_rows(state, journal))
    instructions = list(_instruction_rows(state, journal))
    yield "machine_generated_instructions.jsonl", instructions
    completed = [task for task in state.completed_tasks if not state.completed[task.name].failed]
    yield (
        f"is_clf_or_not_{_part_of_file_name(state.recipe.model)}_template_1.jsonl",
        [
            {"instruction": task.text, "is_classification": _task_type_text(state, journal, task.name)}
            for task in completed
        ],
    )
    yield "machine_generated_instances.jsonl", list(_raw_instance_rows(state, journal, instructions))
    yield (
        "all_generated_instances.jsonl",
        [
            {"instruction": task.text, "input": instance.input, "output": instance.output}
            for task in completed
            for instance in training_instances(state.recipe, task.name, state.passed_instances(task.name))
        ],
    )
    end = state.recipe.encode.end
    examples = prompt_completions(state.recipe, rows)
    ended = [{"prompt": row["prompt"], "completion": row["completion"] + end} for row in examples]
    yield f"gpt3_finetuning_data_{len(ended)}.jsonl", ended


def _instruction_rows(state: State, journal: Path) -> Iterator[Json]:
    """Yield each accepted instruction with its nearest texts and its mean similarity to the pool as it then was."""
    index = NoveltyIndex(state.recipe.propose.novelty.threshold, tokenizer=state.recipe.propose.novelty.tokenizer)
    index.extend(seed.instruction for seed in state.seeds)
    texts = [seed.instruction for seed in state.seeds]
    for task in state.accepted:
        recorded = state.imported.get(task.name)
        if recorded is None:
            similar = {texts[position]: score for score, position in index.top(task.text, NEAREST)}
            mean: float | None = index.mean(task.text)
            request_index = int(task.name.partition(".")[0])
        else:
            similar, mean, request_index = dict(recorded.most_similar), recorded.mean, recorded.request_idx
        index.add(task.text)
        texts.append(task.text)
        request = proposed_by(state, journal, task.name)
        yield {
            "instruction": task.text,
            "most_similar": similar,
            "avg_similarity_score": mean,
            "metadata": {"prompt": request.prompt, "response": _response(request.reply)},
            "request_idx": request_index,
        }


def _task_type_text(state: State, journal: Path, task: str) -> str:
    """Return the reply about the task type unchanged.

    Where it was asked for several tasks at once, or as JSON, the answer that was read from it is put in its place.
    """
    completed, received = state.completed[task], counted_reply(state, journal, key_of(task, "kind"))
    if received is not None and state.recipe.classify.reply == "text":
        return received.reply.text
    if completed.failed or (received is None and state.recipe.classify_together is None):
        return ""
    return "Yes" if completed.is_classification else "No"


def _raw_instance_rows(state: State, journal: Path, instructions: Sequence[Json]) -> Iterator[Json]:
    rows = {row["instruction"]: row for row in instructions}
    for task in state.completed_tasks:
        if state.completed[task.name].failed:
            continue
        row = rows[task.text]
        received = counted_reply(state, journal, key_of(task.name, "instances"))
        yield {
            "instruction": task.text,
            "raw_instances": received.reply.text if received else "",
            "instance_metadata": {"response": _response(received.reply if received else None)},
            "instruction_metadata": row["metadata"],
            "most_similar": row["most_similar"],
            "avg_similarity_score": row["avg_similarity_score"],
        }


def _request_rows(state: State, journal: Path) -> Iterator[Json]:
    """Yield what each request of the exported tasks has that the five files lack.

    A row of a request for instructions has `request`, `tasks` (the names of those that were accepted from it) and
    `examples` (the names of those in its prompt); a row of a request about a task has `task` and `step`. Both have the
    `response` where the five files do not hold all of it.
    """
    accepted: dict[int, list[str]] = {}
    for task in state.accepted:
        accepted.setdefault(int(task.name.partition(".")[0]), []).append(task.name)
    shown = {event.index: event.shown for _, event in read_events(journal) if isinstance(event, CandidatesJudged)}
    for index, names in accepted.items():
        reply = counted_reply(state, journal, f"propose/{index}")
        yield {"request": index, "tasks": names, "examples": list(shown.get(index, ()))} | _thought(reply)
    for task in state.completed_tasks:
        for step in ("kind", "instances"):
            if more := _thought(counted_reply(state, journal, key_of(task.name, step))):
                yield {"task": task.name, "step": step} | more
        for number in itertools.count():
            reply = counted_reply(state, journal, key_of(task.name, f"rewrite/{number}"))
            if reply is None:
                break
            yield {"task": task.name, "step": f"rewrite/{number}", "response": _response(reply.reply)} | _thought(reply)


def _thought(received: ReplyReceived | None) -> Json:
    return {"thought": received.reply.thought} if received and received.reply.thought else {}


def recipe_text(state: State) -> bytes:
    """Return the recipe of a run as YAML that `import --recipe` reads; rules and checks in Python are left out."""
    import yaml

    recipe = without_python(state.recipe)
    return yaml.safe_dump(to_mapping(recipe), sort_keys=False, allow_unicode=True).encode()


def _response(reply: Reply | None) -> Json | None:
    """Return a reply as the completions API answered; None if none was kept."""
    if reply is None or reply.finish == NOT_KEPT:
        return None
    return {"choices": [{"text": reply.text, "index": 0, "finish_reason": reply.finish}]}


def _part_of_file_name(model: str) -> str:
    """Return a model's name as part of a file's name: never a path."""
    return "".join(text if text.isalnum() or text in "._-" else "-" for text in model).strip(".") or "model"
