"""Small input files that failed once, and what must come of them: the one reader, and the commands that use it.

The files are public data beside the checkout; nothing of them is repeated here. What a file holds is read by the standard
library alone, and the product is held to that.
"""

import csv
import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from bootstruct.deduplication.filter import DedupResult, dedup
from bootstruct.errors import InputError
from bootstruct.finetuning.data import TrainingExample, read_part
from bootstruct.finetuning.settings import MixturePart
from bootstruct.history.importer import ImportResult, import_run
from bootstruct.io.rows import read_rows
from bootstruct.io.shapes import read_task_row
from bootstruct.io.writers import row_writer
from bootstruct.journal.state import State
from bootstruct.reporting.from_files import file_subject
from bootstruct.reporting.subject import ReportTask
from bootstruct.run.folder import read_plan, read_run
from bootstruct.run.init import init_run
from bootstruct.types import Message, Seed
from tests.io.test_one_reader import lines
from tests.support.paths import DATA

FILE = DATA / "cases" / "files.jsonl"
if not FILE.is_file():
    pytest.skip("../shared/data/cases/files.jsonl is absent: the small files are not here", allow_module_level=True)

CONTENT: dict[str, str] = {
    case["name"]: case["content"] for case in map(json.loads, FILE.read_text(encoding="utf-8").split("\n")[:-1])
}
DESCRIBED = {"gap.jsonl", "same_request.jsonl"}  # told in words instead of content: files of our own stand for them
SPELLINGS = (True, "Yes", "yes", 1)  # of a task type that is classification
Task = tuple[str, str, str]  # instruction, input, output


def case(name: str, folder: Path) -> Path:
    """The file of a case."""
    path = folder / name
    path.write_bytes(CONTENT[name].encode())
    return path


def objects(content: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in content.split("\n") if line]


def table(content: str, delimiter: str) -> list[dict[str, Any]]:
    return list(csv.DictReader(io.StringIO(content), delimiter=delimiter))


def fields(rows: list[dict[str, Any]], given: str = "input", output: str = "output") -> list[Task]:
    return [(row["instruction"], row.get(given, ""), row[output]) for row in rows]


TASKS: dict[str, Callable[[str], list[Task]]] = {  # files of tasks with one instance each, and what they hold
    "list.json": lambda content: fields(json.loads(content)),
    "list_named.jsonl": lambda content: fields(json.loads(content)),
    "lines_named.json": lambda content: fields(objects(content)),
    "dolly.jsonl": lambda content: fields(objects(content), "context", "response"),
    "metadata.jsonl": lambda content: fields(objects(content)),
    "chat_with_metadata.jsonl": lambda content: [
        (row["messages"][0]["content"], "", row["messages"][1]["content"]) for row in objects(content)
    ],
    "semicolon.csv": lambda content: fields(table(content, ";")),
    "table.tsv": lambda content: fields(table(content, "\t")),
    "lima.jsonl": lambda content: [
        (*row["conversations"][:1], "", row["conversations"][1]) for row in objects(content)
    ],
    "instructlab.jsonl": lambda content: [(row["user"], "", row["assistant"]) for row in objects(content)],
}


def begun_with(seeds: Path) -> tuple[Seed, ...]:
    """The seed tasks of a run that `init --seeds` made."""
    init_run(seeds.parent / "run", "paper", seeds=seeds)
    return read_plan(seeds.parent / "run")[1]


def reported(path: Path) -> list[ReportTask]:
    return file_subject(path, "rows").tasks


def trained_on(path: Path) -> list[TrainingExample]:
    return read_part(MixturePart(str(path)))[1]


def kept(path: Path, out: Path | None = None) -> DedupResult:
    """What `dedup` comes to, and with `out` the file that it writes."""
    result = DedupResult()
    with row_writer(out or path.parent / "kept.jsonl") as writer:
        list(dedup([path], result=result, keep=writer.add))
    return result


def imported(folder: Path, step1: Path, **others: Path) -> tuple[ImportResult, State]:
    """A run of the released code, imported: its instructions, and maybe the files of the later steps."""
    source = folder / "source"
    source.mkdir()
    names = {"types": "is_clf_or_not_m_template_1.jsonl", "instances": "machine_generated_instances.jsonl"}
    for name, path in {
        "machine_generated_instructions.jsonl": step1,
        **{names[n]: p for n, p in others.items()},
    }.items():
        (source / name).write_bytes(path.read_bytes())
    result = import_run(folder / "imported", [source])
    return result, read_run(folder / "imported")


def step1_row(number: int, text: str, request: int = 0, response: str | None = None) -> dict[str, Any]:
    logged = {"prompt": "p", "response": response or f" {text}"}
    return {"instruction": text, "most_similar": {}, "request_idx": request, "metadata": logged}


def test_every_case_has_a_test() -> None:
    here = {*TASKS, *DESCRIBED, "alpaca.jsonl", "booleans.jsonl", "duplicate_seeds.jsonl", "metadata_is_text.jsonl"}
    here |= {
        "mixed_types.jsonl",
        "null_similarity.jsonl",
        "numbers.jsonl",
        "plain.txt",
        "surrogate.jsonl",
        "tools.jsonl",
    }
    assert here == set(CONTENT)


@pytest.mark.parametrize("name", TASKS)
def test_every_command_reads_the_same_tasks(name: str, tmp_path: Path) -> None:
    path, expected = case(name, tmp_path), TASKS[name](CONTENT[name])
    read = [read_task_row(row) for _, row in read_rows(path)]
    assert [(task.instruction, *pair) for task in read for pair in task.pairs] == expected
    assert (kept(path).rows, kept(path).without_text) == (len(expected), 0)
    assert [(task.text, i.input, i.output) for task in reported(path) for i in task.instances] == expected
    assert [(seed.instruction, i.input, i.output) for seed in begun_with(path) for i in seed.instances] == expected
    examples = trained_on(path)
    assert [(example.task, example.messages[-1].content) for example in examples] == [
        (instruction, output) for instruction, _, output in expected
    ]
    assert all(given in example.prompt for example, (_, given, _) in zip(examples, expected, strict=True))


def test_the_system_message_is_kept_where_the_format_has_room(tmp_path: Path) -> None:
    (row,) = objects(CONTENT["instructlab.jsonl"])
    (example,) = trained_on(case("instructlab.jsonl", tmp_path))
    assert example.messages[0] == Message("system", row["system"])


def test_rows_of_one_instruction_are_one_task(tmp_path: Path) -> None:
    rows = objects(CONTENT["alpaca.jsonl"])
    path = case("alpaca.jsonl", tmp_path)
    expected = [(row["input"], row["output"]) for row in rows]
    (task,) = reported(path)
    assert [(instance.input, instance.output) for instance in task.instances] == expected
    (seed,) = begun_with(path)
    assert [(instance.input, instance.output) for instance in seed.instances] == expected


def test_dedup_keeps_the_instances_of_one_instruction(tmp_path: Path) -> None:
    assert kept(case("alpaca.jsonl", tmp_path)).kept == 2


def test_equal_seeds_are_merged_by_init_and_kept_by_an_import(tmp_path: Path) -> None:
    from bootstruct.config.seeds import read_seeds

    path, rows = case("duplicate_seeds.jsonl", tmp_path), objects(CONTENT["duplicate_seeds.jsonl"])
    made = init_run(tmp_path / "told", "paper", seeds=path)
    assert "1 row has the instruction of another" in made["seeds.jsonl"]
    (seed,) = begun_with(path)
    assert [instance.output for instance in seed.instances] == [row["instances"][0]["output"] for row in rows]
    assert [seed.id for seed in read_seeds(path, "keep")] == [row["id"] for row in rows]
    with pytest.raises(InputError, match=r":2: the same instruction as line 1"):
        read_seeds(path)


@pytest.mark.parametrize("spelling", SPELLINGS)
def test_the_task_type_in_every_spelling(spelling: object, tmp_path: Path) -> None:
    (row,) = objects(CONTENT["booleans.jsonl"])
    assert row["is_classification"] is True
    path = lines(tmp_path / "rows.jsonl", row | {"is_classification": spelling})
    assert [task.kind for task in reported(path)] == [True]
    assert [seed.is_classification for seed in begun_with(path)] == [True]
    text = row["instruction"]
    one = lines(tmp_path / "one.jsonl", step1_row(0, text))
    raw = lines(tmp_path / "raw.jsonl", {"instruction": text, "raw_instances": " Class label: x\nInput: y"})
    _, state = imported(tmp_path, one, types=path, instances=raw)
    assert [task.is_classification for task in state.completed.values()] == [True]
    folder = file_subject_of_folder(tmp_path / "source")
    assert [task.kind for task in folder] == [True]


def file_subject_of_folder(folder: Path) -> list[ReportTask]:
    from bootstruct.reporting.from_files import folder_subject

    return folder_subject(folder, "rows").tasks


def test_a_similarity_that_is_null(tmp_path: Path) -> None:
    path = case("null_similarity.jsonl", tmp_path)
    subject = file_subject(path, "rows")
    assert [subject.lineage(task).neighbours for task in subject.tasks] == [()]
    result, state = imported(tmp_path, path)
    assert result.accepted == 1
    assert [(row.most_similar, row.mean) for row in state.imported.values()] == [((), None)]


def test_metadata_that_logs_no_reply(tmp_path: Path) -> None:
    result, _ = imported(tmp_path, case("metadata_is_text.jsonl", tmp_path))
    assert result.accepted == 1
    assert any("without a reply" in note for note in result.notes)


def test_a_gap_in_a_later_step_leaves_the_tasks_behind_it(tmp_path: Path) -> None:
    texts = ["Name one river.", "Sort these words.", "Count the letters.", "Describe a lamp."]
    one = lines(tmp_path / "one.jsonl", *(step1_row(n, text, n) for n, text in enumerate(texts)))
    there = [texts[0], *texts[2:]]
    types = lines(tmp_path / "types.jsonl", *({"instruction": text, "is_classification": " No"} for text in there))
    raw = lines(tmp_path / "raw.jsonl", *({"instruction": text, "raw_instances": "Output: x y"} for text in there))
    _, state = imported(tmp_path, one, types=types, instances=raw)
    assert [task.text for task in state.accepted if task.name in state.completed] == there


def test_two_replies_under_one_request_number(tmp_path: Path) -> None:
    texts = ["Name one river.", "Sort these words."]
    result, state = imported(tmp_path, lines(tmp_path / "one.jsonl", *(step1_row(n, t) for n, t in enumerate(texts))))
    assert (result.requests, [task.text for task in state.accepted]) == (2, texts)


def test_mixed_types_and_parquet(tmp_path: Path) -> None:
    pytest.importorskip("pyarrow", reason="needs pyarrow")
    path, out = case("mixed_types.jsonl", tmp_path), tmp_path / "x.parquet"
    assert kept(path, out).kept == len(rows := objects(CONTENT["mixed_types.jsonl"]))
    assert [row for _, row in read_rows(out)] == [row | {"output": json.dumps(row["output"])} for row in rows]


@pytest.mark.parametrize("ending", [".jsonl", ".json"])
def test_half_a_character_passes_through_dedup(ending: str, tmp_path: Path) -> None:
    path, out = case("surrogate.jsonl", tmp_path), tmp_path / f"out{ending}"
    assert kept(path, out).kept == 1
    written = json.loads(out.read_bytes())
    assert (written if ending == ".json" else [written]) == objects(CONTENT["surrogate.jsonl"])
    assert [row for _, row in read_rows(out, surrogates="keep")] == objects(CONTENT["surrogate.jsonl"])


def test_numbers_are_trained_on_as_text_and_a_missing_output_is_counted(tmp_path: Path) -> None:
    number, _ = objects(CONTENT["numbers.jsonl"])
    source, (example,) = read_part(MixturePart(str(case("numbers.jsonl", tmp_path))))
    assert (example.task, example.messages[-1].content) == (number["instruction"], str(number["output"]))
    assert source.account is not None
    assert source.account.left_out == {"without output": [2]}


def test_a_chat_with_tool_calls(tmp_path: Path) -> None:
    ((turn, *_),) = (row["messages"] for row in objects(CONTENT["tools.jsonl"]))
    path = case("tools.jsonl", tmp_path)
    (task,) = reported(path)
    assert task.text == "".join(part["text"] for part in turn["content"])
    with pytest.raises(InputError, match="calls a tool"):
        trained_on(path)


def test_plain_text_gives_instructions_without_instances(tmp_path: Path) -> None:
    path, expected = case("plain.txt", tmp_path), CONTENT["plain.txt"].split("\n")[:-1]
    assert [(seed.instruction, seed.instances) for seed in begun_with(path)] == [(text, ()) for text in expected]
    assert (kept(path).rows, kept(path).kept) == (len(expected), len(expected))
    made = init_run(tmp_path / "told", "paper", seeds=path)
    assert f"{len(expected)} without instances" in made["seeds.jsonl"]
