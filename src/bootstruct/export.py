"""The state of a run as training files. The same state gives the same bytes; files are there whole or not at all.

Every format is a function from a run to its content; rows come in the order in which tasks were accepted.
"""

import json
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bootstruct.domain import Instance
from bootstruct.errors import BadInput
from bootstruct.events import State
from bootstruct.export_original import original_files
from bootstruct.files import write_whole
from bootstruct.openai_format import openai_faults
from bootstruct.stages.draw import rng_for
from bootstruct.stages.encode import encode, training_instances

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Row:
    """One training row. id: `812.3/0` is the first instance of task 812.3; a seed's id stands for its task."""

    id: str
    task: str
    instruction: str
    instance: Instance
    is_classification: bool
    is_seed: bool


@dataclass(frozen=True, slots=True)
class Exported:
    """What was written: files with their rows, and how far the run's two streams are committed (all or part of it)."""

    files: dict[str, int]
    requests: int
    tasks: int
    annotated: int


def rows(state: State, seeds: bool = False, without: Collection[str] = ()) -> Iterator[Row]:
    """The rows of a run: seeds first (if wanted), then each annotated task with at most `instances.most` instances.

    without: tasks to leave out, as people marked them bad.
    """
    for seed in state.seeds if seeds else ():
        for number, instance in enumerate(seed.instances):
            yield Row(f"{seed.id}/{number}", seed.id, seed.instruction, instance, seed.is_classification, True)
    for task in state.machine[: len(state.annotated)]:
        if task.name in without:
            continue
        annotated = state.annotated[task.name]
        for number, instance in enumerate(training_instances(state.recipe, task.name, state.standing(task.name))):
            yield Row(f"{task.name}/{number}", task.name, task.text, instance, annotated.is_classification, False)


def export(
    state: State,
    journal: Path,
    format: str,
    out: Path,
    seeds: bool | None = None,
    without: Collection[str] = (),
) -> Exported:
    """Write the run to `out` (a file; a folder for `original`). seeds None: as the format has it (original: yes).
    without: tasks to leave out.

    Raises BadInput where the format is unknown or the run has nothing to export.
    """
    if format not in FORMATS:
        raise BadInput(f"format {format!r}: unknown; take one of {', '.join(FORMATS)}.")
    if not state.machine:
        raise BadInput("The run has no accepted instruction yet; `bootstruct generate` brings some.")
    if format in FOLDERS and out.exists() and not out.is_dir():
        raise BadInput(f"{out}: is a file; the format `{format}` is a folder of files.")
    if format not in FOLDERS and out.is_dir():
        raise BadInput(f"{out}: is a folder; name a file, as in {out / 'data'}{SUFFIXES.get(format, '.jsonl')}.")
    if format not in FOLDERS and not state.annotated:
        raise BadInput("The run has no annotated task yet; run `bootstruct generate` again to have instances written.")
    given = rows(state, format in FOLDERS if seeds is None else seeds, without)
    made = _original(state, journal, given, without) if format in FOLDERS else FORMATS[format](state, journal, given)
    written = {}
    for name, count, content in list(made):
        write_whole(out / name, content)
        written[str(out / name)] = count
    return Exported(written, len(state.marks), len(state.machine), len(state.annotated))


def examples(state: State, given: Iterable[Row]) -> list[Json]:
    """Prompt and completion of each row with the recipe's templates, without doubles, in the recipe's shuffled order."""
    made: dict[tuple[str, str], None] = {}
    for row in given:
        example = encode(state.recipe, row.instruction, row.instance, rng_for(state.recipe.seed, "encode", row.id))
        made[example.prompt, example.completion] = None
    encoded = [{"prompt": prompt, "completion": completion} for prompt, completion in made]
    rng_for(state.recipe.seed, "shuffle").shuffle(encoded)
    return encoded


def question(row: Row) -> str:
    """Instruction and input as one message."""
    given = row.instance.input.strip()
    return f"{row.instruction}\n\n{given}" if given else row.instruction


def lines(content: Iterable[Json]) -> bytes:
    """One JSON object a line, readable in any script."""
    return b"".join(json.dumps(row, ensure_ascii=False).encode() + b"\n" for row in content)


Files = Iterator[tuple[str, int, bytes]]  # (name below `out`, or "" for `out` itself; rows; content)


def _alpaca(state: State, journal: Path, given: Iterable[Row]) -> Files:
    made = [
        {"id": row.id, "instruction": row.instruction, "input": row.instance.input, "output": row.instance.output}
        for row in given
    ]
    yield "", len(made), json.dumps(made, ensure_ascii=False, indent=1).encode() + b"\n"


def _messages(state: State, journal: Path, given: Iterable[Row]) -> Files:
    made = []
    for row in given:
        asked = {"role": "user", "content": question(row)}
        made.append({"id": row.id, "messages": [asked, {"role": "assistant", "content": row.instance.output}]})
    yield "", len(made), lines(made)


def _sharegpt(state: State, journal: Path, given: Iterable[Row]) -> Files:
    made = []
    for row in given:
        asked = {"from": "human", "value": question(row)}
        made.append({"id": row.id, "conversations": [asked, {"from": "gpt", "value": row.instance.output}]})
    yield "", len(made), json.dumps(made, ensure_ascii=False, indent=1).encode() + b"\n"


def _openai(state: State, journal: Path, given: Iterable[Row]) -> Files:
    made = []
    for row in given:
        asked = {"role": "user", "content": question(row)}
        made.append({"messages": [asked, {"role": "assistant", "content": row.instance.output}]})
    content = lines(made)
    faults = openai_faults(content)
    if faults:
        raise BadInput(
            f"The fine-tuning API would refuse this file: {faults[0]}. Reach more tasks, or take another format."
        )
    yield "", len(made), content


def _parquet(state: State, journal: Path, given: Iterable[Row]) -> Files:
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError:
        raise BadInput("The format parquet needs pyarrow: pip install 'bootstruct[parquet]'.") from None
    made = [
        {
            "id": row.id,
            "instruction": row.instruction,
            "input": row.instance.input,
            "output": row.instance.output,
            "is_classification": row.is_classification,
            "is_seed": row.is_seed,
        }
        for row in given
    ]
    text, yes = pyarrow.string(), pyarrow.bool_()
    names = [("id", text), ("instruction", text), ("input", text), ("output", text)]
    schema = pyarrow.schema([*names, ("is_classification", yes), ("is_seed", yes)])
    sink = pyarrow.BufferOutputStream()
    pyarrow.parquet.write_table(pyarrow.Table.from_pylist(made, schema=schema), sink, compression="zstd")
    yield "", len(made), sink.getvalue().to_pybytes()


def _prompt_completion(state: State, journal: Path, given: Iterable[Row]) -> Files:
    made = examples(state, given)
    yield "", len(made), lines(made)


def _original(state: State, journal: Path, given: Iterable[Row], without: Collection[str] = ()) -> Files:
    texts = {task.text for task in state.machine if task.name in without}
    for name, made in original_files(state, journal, examples(state, given)):
        content = lines(row for row in made if row.get("instruction") not in texts)
        yield name, content.count(b"\n"), content


FORMATS: dict[str, Callable[[State, Path, Iterable[Row]], Files]] = {
    "original": _original,
    "alpaca": _alpaca,
    "messages": _messages,
    "prompt-completion": _prompt_completion,
    "sharegpt": _sharegpt,
    "openai": _openai,
    "parquet": _parquet,
}
FOLDERS = {"original"}
SUFFIXES = {"alpaca": ".json", "sharegpt": ".json", "parquet": ".parquet"}
