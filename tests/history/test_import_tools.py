"""The output of other tools as an import without replies."""

import json
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from bootstruct.config.recipe import Ask, Check
from bootstruct.errors import InputError
from bootstruct.export.files import export
from bootstruct.history.importer import import_run
from bootstruct.history.verify import verify
from bootstruct.run.folder import read_run
from bootstruct.types import Sampling
from tests.support.commands import CLI, bootstruct
from tests.support.imports import TEXTS, Json, folder, imported, lines, step1, tasks
from tests.support.paths import DATA
from tests.support.scripts import HAS_PARQUET, SEEDS, recipe

OTHER_TOOLS: dict[str, list[Json]] = {
    "alpaca": [
        {
            "instruction": TEXTS[n],
            "input": "",
            "output": f"o{n}",
            "most_similar_instructions": {},
            "avg_similarity_score": None,
        }
        for n in range(2)
    ],
    "camel": [
        {
            "id": f"machine_task_{n}",
            "instruction": TEXTS[n],
            "is_classification": False,
            "instances": [{"input": "", "output": f"o{n}"}],
        }
        for n in range(2)
    ],
    "distilabel": [
        {
            "instruction": TEXTS[n],
            "generation": f"o{n}",
            "model_name": "mistral",
            "distilabel_metadata": {
                "raw_output_text_generation_0": f"o{n}",
                "raw_input_text_generation_0": [{"role": "user", "content": TEXTS[n]}],
                "statistics_text_generation_0": {"input_tokens": 5, "output_tokens": 7},
            },
        }
        for n in range(2)
    ],
    "datadesigner": [
        {
            "category": "c",
            "question": TEXTS[n],
            "answer": f"o{n}",
            "answer__trace": [{"role": "user", "content": TEXTS[n]}],
            "answer__reasoning_content": "r",
            "score": {"relevance": {"score": 4, "reasoning": "r"}},
        }
        for n in range(2)
    ],
    "curator": [{"prompt": TEXTS[n], "response": f"o{n}", "topic": "t"} for n in range(2)],
    "curator's cache": [
        {
            "response_message": f"o{n}",
            "parsed_response_message": None,
            "response_errors": None,
            "raw_response": {"id": "r", "choices": []},
            "raw_request": None,
            "generic_request": {
                "model": "m",
                "messages": [{"role": "system", "content": "s"}, {"role": "user", "content": TEXTS[n]}],
                "response_format": None,
                "original_row": {"prompt": TEXTS[n]},
                "original_row_idx": n,
                "generation_params": {},
                "is_multimodal_prompt": False,
            },
            "created_at": "2026-01-31T12:00:00",
            "finished_at": "2026-01-31T12:00:01",
            "token_usage": {"input": 5, "output": 7, "total": 12},
            "response_cost": None,
            "finish_reason": "stop",
        }
        for n in range(2)
    ],
}


@pytest.mark.parametrize("name", ["tasks.json", "tasks.jsonl", "tasks.parquet"])
@pytest.mark.parametrize("tool", OTHER_TOOLS)
def test_other_tools_without_replies(tool: str, name: str, tmp_path: Path) -> None:
    from bootstruct.io.writers import write_rows

    if name.endswith("parquet") and not HAS_PARQUET:
        pytest.skip("pyarrow is not installed")
    (tmp_path / "source").mkdir()
    write_rows(tmp_path / "source" / name, OTHER_TOOLS[tool])
    result, state = imported(tmp_path, tmp_path / "source")
    assert tasks(state) == [(TEXTS[n], False, [("", f"o{n}")]) for n in range(2)]
    assert (result.requests, result.accepted, result.tasks, result.open_tasks) == (0, 2, 2, 0)
    assert [(account.read, account.used) for account in result.accounts] == [(2, 2)]
    found = verify(tmp_path / "run")
    assert found.disagreements == []
    assert found.unchecked["completed tasks whose replies were not kept"] == 2
    assert "completed tasks" not in found.checked
    assert found.conclusion.startswith("no disagreement with the rules of the recipe")
    assert "cannot be checked, because the imported files contain none" in found.conclusion
    assert read_run(tmp_path / "run").usage == {}, "a reply that was not kept is no reply paid for"
    assert state.recipe.model == {"distilabel": "mistral", "curator's cache": "m"}.get(tool, "unknown")
    done = export(state, tmp_path / "run" / "journal.jsonl", "messages", tmp_path / "m.jsonl")
    assert done.exported == 2


def test_what_verify_can_and_cannot_know(tmp_path: Path) -> None:
    imported(tmp_path, folder(tmp_path))
    found = verify(tmp_path / "run")
    assert found.conclusion == "agrees: every decision that can be checked follows from its replies"
    import_run(tmp_path / "other", [lines(tmp_path / "short.jsonl", {"instruction": "Sing.", "output": "La."})])
    assert verify(tmp_path / "other").conclusion.startswith("1 disagreement with the rules of the recipe")
    done = bootstruct("verify", tmp_path / "other")
    assert "cannot be checked, because the imported files contain none" in done.stdout
    assert "every decision follows" not in done.stdout


def test_a_part_complete_import_is_not_told_to_go_on(tmp_path: Path) -> None:
    imported(tmp_path, lines(tmp_path / "part.jsonl", *OTHER_TOOLS["alpaca"], {"instruction": TEXTS[3]}))
    done = bootstruct("export", tmp_path / "run", "--format", "alpaca", "--out", tmp_path / "a.json")
    assert "part of the import: 2 of 3 accepted tasks are completed. An import cannot be continued" in done.stdout
    assert "generate" not in done.stdout
    import_run(tmp_path / "none", [lines(tmp_path / "none.jsonl", {"instruction": TEXTS[3]})])
    done = bootstruct("export", tmp_path / "none", "--format", "alpaca", "--out", tmp_path / "b.json")
    assert done.returncode == 2
    assert "The import has no task with instances. An import cannot be continued" in done.stderr


def test_progress_of_a_long_import(tmp_path: Path) -> None:
    path = lines(tmp_path / "long.jsonl", *({"instruction": f"Count to {n}.", "output": "x"} for n in range(1500)))
    seen: list[tuple[int, int, int]] = []
    result = import_run(
        tmp_path / "run", [path], seeds=SEEDS, on_progress=lambda r: seen.append((r.rows, r.accepted, r.tasks))
    )
    assert seen[0] == (1000, 0, 0)
    assert seen == sorted(seen) and len(seen) > 4
    assert (result.rows, result.accepted) == (1500, 1500)


def test_folders_as_distilabel_and_datadesigner_leave_them(tmp_path: Path) -> None:
    pytest.importorskip("pyarrow", reason="pyarrow is not installed")
    from bootstruct.io.writers import FileForm, write_rows

    rows = OTHER_TOOLS["distilabel"]
    write_rows(tmp_path / "distiset" / "default" / "train", rows, FileForm("dataset"))
    (tmp_path / "distiset" / "default" / "dataset_dict.json").write_text('{"splits": ["train"]}')
    (tmp_path / "distiset" / "distiset_configs").mkdir()
    result, _ = imported(tmp_path, tmp_path / "distiset")
    assert (result.accepted, result.tasks) == (2, 2)
    write_rows(tmp_path / "distiset" / "other", rows, FileForm("dataset"))
    with pytest.raises(InputError, match="contains 2 data sets, such as default; name one of them"):
        import_run(tmp_path / "again", [tmp_path / "distiset"])

    artifacts = tmp_path / "artifacts" / "questions"
    for number, row in enumerate(OTHER_TOOLS["datadesigner"]):
        write_rows(artifacts / "parquet-files" / f"batch_{number:05d}.parquet", [row])
    (artifacts / "metadata.json").write_text("{}")
    result = import_run(tmp_path / "designed", [artifacts])
    assert (result.accepted, result.tasks) == (2, 2)
    assert [(account.read, account.used) for account in result.accounts] == [(1, 1), (1, 1)]


def test_a_folder_as_curator_leaves_it(tmp_path: Path) -> None:
    folder = tmp_path / "9ac389f1df0258af"
    folder.mkdir()
    for number, row in ((0, 0), (2, 1), (10, 0)):
        lines(folder / f"responses_{number}.jsonl", OTHER_TOOLS["curator"][row])
    for other in ("requests_0.jsonl", "failed_requests.jsonl", "metadata_0.json", "response.json"):
        (folder / other).write_text("{}")
    result, state = imported(tmp_path, folder)
    assert [text for text, _, _ in tasks(state)] == TEXTS[:2]
    read = [Path(account.path).name for account in result.accounts]
    assert read == ["responses_0.jsonl", "responses_2.jsonl", "responses_10.jsonl"]  # by their numbers
    assert [(account.read, account.used) for account in result.accounts] == [(1, 1)] * 3


@pytest.mark.parametrize("named", ["-", "pipe"])
def test_a_pipe_is_read_once_and_whole(named: str, tmp_path: Path) -> None:
    rows = [{"instruction": f"Write about thing {n}.", "output": "x " * 30} for n in range(2000)]
    path = lines(tmp_path / "rows.jsonl", *rows)
    source = "-" if named == "-" else "/dev/stdin"
    command = [*CLI, "import", str(tmp_path / "run"), "--from", source, "--json"]
    done = subprocess.run(command, input=path.read_bytes(), capture_output=True)
    assert json.loads(done.stdout)["accounts"][0]["used"] == 2000, done.stderr.decode()
    replies = lines(tmp_path / "replies.jsonl", step1(0)).read_bytes()
    done = subprocess.run([*CLI, "import", str(tmp_path / "two"), "--from", source], input=replies, capture_output=True)
    assert done.returncode == 2
    assert b"holds the replies of a run, which are read from files only" in done.stderr


def test_several_files_of_tasks_are_all_read_and_what_is_not_read_is_told(tmp_path: Path) -> None:
    one, two = (lines(tmp_path / f"{n}.jsonl", OTHER_TOOLS["alpaca"][n]) for n in range(2))
    result, state = imported(tmp_path, one, two)
    assert [text for text, _, _ in tasks(state)] == TEXTS[:2]
    assert result.requests == 0
    first = lines(tmp_path / "machine_generated_instructions.jsonl", step1(0))
    other = lines(tmp_path / "machine_generated_instructions_2.jsonl", step1(1))
    result = import_run(tmp_path / "first", [first, other, one])
    assert [note for note in result.notes if "not read" in note] == [
        f"{path}: not read, because another file contains the same" for path in (other, one)
    ]


def test_the_mark_of_camel_for_an_unreadable_reply_is_no_output(tmp_path: Path) -> None:
    rows = [
        {
            "id": f"machine_task_{n + 1}",
            "instruction": TEXTS[n],
            "is_classification": n == 1,
            "instances": [[{"input": "", "output": "No valid output found."}], [], [{"input": "a", "output": "b"}]][n],
        }
        for n in range(3)
    ]
    path = tmp_path / "camel.json"
    path.write_text(json.dumps(rows, indent=4))
    result, state = imported(tmp_path, path)
    assert tasks(state) == [(TEXTS[2], False, [("a", "b")])]
    assert result.open_tasks == 2
    assert result.accounts[0].notes["with the output 'No valid output found.', which counts as no output"] == 1


def test_lists_of_instructions(tmp_path: Path) -> None:
    result, state = imported(
        tmp_path, lines(tmp_path / "out.jsonl", {"input": "rivers", "instructions": TEXTS[:3], "model_name": "m"})
    )
    assert [task.text for task in state.accepted] == TEXTS[:3]
    assert (result.tasks, result.open_tasks, state.recipe.model) == (0, 3, "m")
    assert any("3 of 3 instructions are imported without a reply" in note for note in result.notes)


def test_rows_of_one_instruction_are_one_task_and_every_row_is_accounted_for(tmp_path: Path) -> None:
    rows: list[Json] = [
        {"instruction": TEXTS[0], "input": "a", "output": "1"},
        {"instruction": TEXTS[0], "input": "b", "output": "2"},
        {"output": "nothing to do"},
        {"instruction": TEXTS[1], "output": None},
    ]
    result, state = imported(tmp_path, lines(tmp_path / "rows.jsonl", *rows))
    assert tasks(state) == [(TEXTS[0], False, [("a", "1"), ("b", "2")])]
    (account,) = result.accounts
    assert (account.read, account.used, account.omitted) == (4, 3, 1)
    assert result.open_tasks == 1


def test_fields_of_other_names(tmp_path: Path) -> None:
    path = lines(tmp_path / "rows.jsonl", {"ask": TEXTS[0], "say": "x"})
    with pytest.raises(InputError, match="--fields"):
        imported(tmp_path, path)
    _, state = imported(tmp_path, path, fields={"instruction": "ask", "output": "say"})
    assert tasks(state) == [(TEXTS[0], False, [("", "x")])]


def test_whole_tasks_by_the_recipe_of_alpaca(tmp_path: Path) -> None:
    result, state = imported(tmp_path, lines(tmp_path / "rows.jsonl", *OTHER_TOOLS["alpaca"]), recipe=recipe("alpaca"))
    assert tasks(state) == [(TEXTS[n], False, [("", f"o{n}")]) for n in range(2)]
    assert result.tasks == 2
    assert verify(tmp_path / "run").disagreements == []


@pytest.mark.skipif(not DATA.is_dir(), reason="../shared/data is absent")
@pytest.mark.parametrize("name", ["original", "alpaca"])
def test_a_real_file_of_alpacas_code(name: str, tmp_path: Path) -> None:
    from bootstruct.config.seeds import read_seeds

    seeds = read_seeds(DATA / "official" / "seed_tasks.jsonl", "keep")
    result = import_run(tmp_path / "run", [DATA / "alpaca_style"], recipe(name), seeds)
    assert (result.accepted, result.tasks, result.instances, result.requests) == (140, 140, 140, 0)
    found = verify(tmp_path / "run")
    assert (found.disagreements, found.checked["similarities"]) == ([], 140)


def test_what_cannot_begin_an_import_is_told(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="nowhere: no such file"):
        imported(tmp_path, tmp_path / "nowhere")
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match="no other file of tasks found"):
        imported(tmp_path, tmp_path / "empty")
    for name in ("a.jsonl", "b.jsonl"):
        lines(tmp_path / "two" / name, OTHER_TOOLS["alpaca"][0])
    with pytest.raises(InputError, match=r"contains 2 files of rows, such as a\.jsonl; name one of them"):
        imported(tmp_path, tmp_path / "two")
    assert not (tmp_path / "run").exists()


def test_checks_of_a_recipe_are_left_out_and_told(tmp_path: Path) -> None:
    check = Check("judge", "rubric", Ask("Is {{ instruction }} good?", Sampling()))
    result, state = imported(tmp_path, folder(tmp_path), recipe=replace(recipe("original"), checks=(check,)))
    assert state.recipe.checks == ()
    assert any("checks (judge) are left out" in note for note in result.notes)
    assert result.instances == 4
