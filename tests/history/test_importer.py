"""Real runs of the original code: imported, verified, exported, against the check values of the data's README.

The oracle for similarities is the installed rouge_score, never our own code.
"""

import json
from pathlib import Path

import pytest

from bootstruct.config.seeds import read_seeds
from bootstruct.errors import InputError
from bootstruct.export.files import export
from bootstruct.history.importer import ImportResult, import_run
from bootstruct.history.verification import Verification
from bootstruct.history.verify import verify
from bootstruct.run.folder import open_run, read_run
from tests.support.journals import sealed
from tests.support.paths import DATA
from tests.support.scripts import recipe

RUNS = DATA / "runs"
needs_data = pytest.mark.skipif(not RUNS.is_dir(), reason="../shared/data is absent: the real runs are not here")


def rows(path: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").split("\n") if line]


def imported(
    folder: Path, *sources: Path, seeds: Path = DATA / "official" / "seed_tasks.jsonl", of: str = "original"
) -> ImportResult:
    return import_run(folder, sources, recipe(of), read_seeds(seeds))


def verified(folder: Path) -> Verification:
    return verify(folder / "journal.jsonl")


@needs_data
@pytest.mark.parametrize(
    ("sources", "replies", "candidates", "accepted", "differences"),
    [
        (["davinci_small"], 14, 69, 67, 0),
        (["davinci_two/machine_generated_instructions.jsonl"], 22, 140, 107, 0),
        (["davinci_two/machine_generated_instructions_gpt.jsonl"], 24, 133, 114, 0),
        (["2024_backend"], 90, 547, 306, 1),
    ],
    ids=["davinci_small", "davinci_two", "davinci_two_gpt", "2024_backend"],
)
def test_real_runs_verify(
    tmp_path: Path, sources: list[str], replies: int, candidates: int, accepted: int, differences: int
) -> None:
    result = imported(tmp_path, *(RUNS / source for source in sources))
    assert (result.requests, result.candidates, result.accepted) == (replies, candidates, accepted)
    findings = verified(tmp_path)
    assert findings.checked["similarities"] == accepted
    assert len(findings.disagreements) == differences
    if differences:  # the one known gap: a candidate that the file lacks
        assert "Can you tell me about your family?" in findings.disagreements[0]


@needs_data
def test_instances_of_a_real_run(tmp_path: Path) -> None:
    result = imported(tmp_path, RUNS / "davinci_small")
    assert (result.tasks, result.instances, result.notes) == (67, 78, [])
    state = read_run(tmp_path)
    assert sum(bool(a.instances) for a in state.completed.values()) == 58
    assert sum(a.is_classification for a in state.completed.values()) == 8


@needs_data
def test_the_recorded_similarities_are_those_of_rouge_score(tmp_path: Path) -> None:
    import numpy as np
    from rouge_score import rouge_scorer

    imported(tmp_path, RUNS / "davinci_small")
    state, scorer = read_run(tmp_path), rouge_scorer.RougeScorer(["rougeL"], use_stemmer=False)
    pool = [seed.instruction for seed in state.seeds]
    for task in state.accepted:
        scores = [scorer.score(task.text, other)["rougeL"].fmeasure for other in pool]
        assert state.imported[task.name].mean == float(np.mean(scores))
        known = dict(zip(pool, scores, strict=True))
        assert all(known[text] == score for text, score in state.imported[task.name].most_similar)
        pool.append(task.text)


@needs_data
def test_export_gives_the_original_files_again(tmp_path: Path) -> None:
    """Equal as sets, before the random draws: which 5 instances, which template, which order."""
    imported(tmp_path / "run", RUNS / "davinci_small")
    state, out = read_run(tmp_path / "run"), tmp_path / "out"
    done = export(state, tmp_path / "run" / "journal.jsonl", "original", out)
    assert done.completed == done.tasks == 67

    def key(row: dict[str, object], *names: str) -> str:
        return json.dumps([row[name] for name in names], sort_keys=True)

    for name, fields in (
        (
            "machine_generated_instructions.jsonl",
            ("instruction", "most_similar", "avg_similarity_score", "request_idx"),
        ),
        ("is_clf_or_not_davinci_template_1.jsonl", ("instruction", "is_classification")),
        ("machine_generated_instances.jsonl", ("instruction", "raw_instances", "most_similar", "avg_similarity_score")),
        ("all_generated_instances.jsonl", ("instruction", "input", "output")),
    ):
        ours, theirs = rows(out / name), rows(RUNS / "davinci_small" / name)
        assert len(ours) == len(theirs), name
        assert {key(row, *fields) for row in ours} == {key(row, *fields) for row in theirs}, name
    prompts = [row["metadata"]["prompt"] for row in rows(out / "machine_generated_instructions.jsonl")]  # type: ignore[index]
    theirs = rows(RUNS / "davinci_small" / "machine_generated_instructions.jsonl")
    assert prompts == [row["metadata"]["prompt"] for row in theirs]  # type: ignore[index]
    assert len(rows(out / "gpt3_finetuning_data_253.jsonl")) == 253


@needs_data
def test_the_encoded_rows_hold_what_the_original_encoded(tmp_path: Path) -> None:
    """Each example of the original is one of the 13 templates over one of our instances; only the draws differ."""
    from bootstruct.export.rows import training_rows as exported_rows
    from bootstruct.stages.templates import fill
    from bootstruct.stages.training_format import without_field_name

    imported(tmp_path, RUNS / "davinci_small")
    state = read_run(tmp_path)
    encode, possible = state.recipe.encode, set()
    for row in exported_rows(state, seeds=True):
        given = row.instance.input.strip()
        for value in {given, without_field_name(state.recipe, given)}:
            prompts = encode.with_input if value else encode.without_input
            completions = encode.completion_with_input if value else encode.completion_without_input
            for prompt, completion in zip(prompts, completions, strict=True):
                values = {"instruction": row.instruction.strip(), "input": value, "output": row.instance.output.strip()}
                possible.add((fill(prompt, **values), fill(completion, **values) + encode.end))
    theirs = rows(RUNS / "davinci_small" / "gpt3_finetuning_data_253.jsonl")
    unknown = [row for row in theirs if (row["prompt"], row["completion"]) not in possible]
    assert len(theirs) == 253
    assert unknown == []


@needs_data
def test_the_korean_run_is_reported_with_notes(tmp_path: Path) -> None:
    seeds = RUNS / "korean" / "seed_tasks.jsonl"
    result = imported(tmp_path / "a", RUNS / "korean", seeds=seeds)
    assert result.accepted == 574
    assert any("572 of 574" in note and "other rules" in note for note in result.notes)
    ours = imported(tmp_path / "b", RUNS / "korean", seeds=seeds, of="paper")
    assert ours.accepted == 574
    assert not any("ASCII" in note for note in ours.notes)  # our rules are fair to the script
    assert any("too similar" in note for note in ours.notes)  # and see what the original's tokenizer cannot
    assert verified(tmp_path / "b").checked["candidates"] == ours.read


@needs_data
def test_a_corrupted_record_is_reported(tmp_path: Path) -> None:
    imported(tmp_path, RUNS / "davinci_small")
    path = tmp_path / "journal.jsonl"
    text = path.read_text()
    at = text.index('"event":"recorded"')
    score = text[text.index('"mean":', at) + 7 :].split(",")[0]
    for old, new in ((f'"mean":{score}', '"mean":0.5'), ("0.380952380952381]", "0.3809]")):
        assert old in text
        path.write_bytes(sealed(text.replace(old, new, 1).encode()))
        assert verified(tmp_path).disagreements
    path.write_text(text)
    assert verified(tmp_path).disagreements == []


@needs_data
def test_an_imported_run_cannot_be_extended(tmp_path: Path) -> None:
    imported(tmp_path, RUNS / "davinci_small")
    with pytest.raises(InputError, match="not extended"):
        open_run(tmp_path)
    with pytest.raises(InputError, match="already holds a run"):
        imported(tmp_path, RUNS / "davinci_small")


SEED = {"id": "s", "name": "s", "instruction": "Say it in other words.", "instances": [], "is_classification": False}
STEP1 = {
    "instruction": "List the rivers of your country.",
    "metadata": {
        "prompt": "p",
        "response": {"choices": [{"text": " List the rivers of your country.", "finish_reason": "stop"}]},
    },
    "request_idx": 0,
}


@pytest.mark.parametrize(
    ("files", "written"),
    [
        ({}, "no machine_generated_instructions"),
        ({"machine_generated_instructions.jsonl": ""}, "is empty"),
        ({"machine_generated_instructions.jsonl": '{"a": 1}\n'}, r":1: `instruction` is missing"),
        ({"machine_generated_instructions.jsonl": json.dumps(STEP1) + "\nnot json\n"}, r":2: not JSON"),
        ({"machine_generated_instructions.jsonl": json.dumps(STEP1 | {"request_idx": "a"})}, "whole number"),
        (
            {
                "machine_generated_instructions.jsonl": json.dumps(STEP1),
                "is_clf_or_not_x_template_1.jsonl": '{"instruction": "Another one", "is_classification": "Yes"}',
                "machine_generated_instances.jsonl": "",
            },
            "belong to one run",
        ),
    ],
)
def test_bad_files_are_named_and_nothing_is_written(tmp_path: Path, files: dict[str, str], written: str) -> None:
    source, target = tmp_path / "source", tmp_path / "run"
    source.mkdir()
    for name, text in files.items():
        (source / name).write_text(text)
    seeds = tmp_path / "seeds.jsonl"
    seeds.write_text(json.dumps(SEED) + "\n")
    with pytest.raises(InputError, match=written):
        imported(target, source, seeds=seeds)
    assert not target.exists()
