"""The files of the released code, from a run: what its other tools expect to read."""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from bootstruct.domain import Reply
from bootstruct.events import State, key_of
from bootstruct.lineage import proposed_by, recorded_reply
from bootstruct.stages.encode import training_instances
from bootstruct.stages.novelty import Index

Json = dict[str, Any]
NEAREST = 10  # the released code keeps the ten most similar texts


def original_files(state: State, journal: Path, train: list[Json]) -> Iterator[tuple[str, Iterable[Json]]]:
    """(file name, rows) of each file. `train` holds prompt and completion of the training examples."""
    made = list(_instructions(state, journal))
    yield "machine_generated_instructions.jsonl", made
    annotated = state.machine[: len(state.annotated)]
    yield (
        f"is_clf_or_not_{_file_name(state.recipe.model)}_template_1.jsonl",
        [{"instruction": task.text, "is_classification": _kind(state, journal, task.name)} for task in annotated],
    )
    yield "machine_generated_instances.jsonl", _raw_instances(state, journal, made)
    yield (
        "all_generated_instances.jsonl",
        [
            {"instruction": task.text, "input": each.input, "output": each.output}
            for task in annotated
            for each in training_instances(state.recipe, task.name, state.standing(task.name))
        ],
    )
    end = state.recipe.encode.end
    closed = [{"prompt": row["prompt"], "completion": row["completion"] + end} for row in train]
    yield f"gpt3_finetuning_data_{len(closed)}.jsonl", closed


def _instructions(state: State, journal: Path) -> Iterator[Json]:
    """Each accepted instruction with its nearest texts and the mean similarity over the pool as it then stood."""
    index = Index(state.recipe.propose.novelty.threshold, tokenizer=state.recipe.propose.novelty.tokenizer)
    index.extend(seed.instruction for seed in state.seeds)
    texts = [seed.instruction for seed in state.seeds]
    for task in state.machine:
        recorded = state.recorded.get(task.name)
        if recorded is None:
            similar = {texts[position]: score for score, position in index.top(task.text, NEAREST)}
            mean: float | None = index.mean(task.text)
            request = int(task.name.partition(".")[0])
        else:
            similar, mean, request = dict(recorded.most_similar), recorded.mean, recorded.request_idx
        index.add(task.text)
        texts.append(task.text)
        asked = proposed_by(state, journal, task.name)
        yield {
            "instruction": task.text,
            "most_similar": similar,
            "avg_similarity_score": mean,
            "metadata": {"prompt": asked.question, "response": _response(asked.reply)},
            "request_idx": request,
        }


def _kind(state: State, journal: Path, task: str) -> str:
    """The answer to "is it classification?" as it came, else (asked for several at once, or as JSON) what it came to."""
    annotated, replied = state.annotated[task], recorded_reply(state, journal, key_of(task, "kind"))
    if replied is not None and state.recipe.classify.reply == "text":
        return replied.reply.text
    if annotated.failed or (replied is None and state.recipe.classify_together is None):
        return ""
    return "Yes" if annotated.is_classification else "No"


def _raw_instances(state: State, journal: Path, made: list[Json]) -> Iterator[Json]:
    for task, row in zip(state.machine[: len(state.annotated)], made, strict=False):
        replied = recorded_reply(state, journal, key_of(task.name, "instances"))
        yield {
            "instruction": task.text,
            "raw_instances": replied.reply.text if replied else "",
            "instance_metadata": {"response": _response(replied.reply if replied else None)},
            "instruction_metadata": row["metadata"],
            "most_similar": row["most_similar"],
            "avg_similarity_score": row["avg_similarity_score"],
        }


def _response(reply: Reply | None) -> Json | None:
    return None if reply is None else {"choices": [{"text": reply.text, "index": 0, "finish_reason": reply.finish}]}


def _file_name(model: str) -> str:
    """A model's name as part of a file's name: never a path."""
    return "".join(each if each.isalnum() or each in "._-" else "-" for each in model).strip(".") or "model"
