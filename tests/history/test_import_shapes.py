"""Real runs of the released code as they lie: forks that log otherwise, files in other places, gaps."""

from pathlib import Path
from typing import Any

import pytest

from bootstruct.errors import JournalError
from bootstruct.export.files import export
from bootstruct.history.verify import verify
from bootstruct.history.verify_wording import grouped
from bootstruct.journal.events import CandidatesJudged, ReplyReceived, RunStarted, TaskCompleted
from bootstruct.journal.state import apply, begin, waiting
from bootstruct.types import Instance, Verdict
from tests.support.imports import TEXTS, folder, imported, lines, step1, tasks
from tests.support.scripts import SEEDS, recipe


def test_the_subfolder_of_the_last_step_is_followed(tmp_path: Path) -> None:
    source = tmp_path / "source"
    lines(source / "machine_generated_instructions.jsonl", *map(step1, range(4)))
    parsed = [{"instruction": TEXTS[0], "input": str(n), "output": f"out {n}"} for n in range(2)]
    lines(
        source / "finetuning_data" / "all_generated_instances.jsonl",
        *parsed,
        {"instruction": "Another.", "output": "x"},
    )
    result, state = imported(tmp_path, source)
    assert tasks(state) == [(TEXTS[0], False, [("0", "out 0"), ("1", "out 1")])]
    assert (result.tasks, result.instances, result.open_tasks) == (1, 2, 3)
    assert any("1 row left out, whose instructions are not in the first step" in note for note in result.notes)
    assert verify(tmp_path / "run").unchecked["completed tasks whose replies were not kept"] == 1


def test_gaps_in_the_later_steps(tmp_path: Path) -> None:
    result, state = imported(tmp_path, folder(tmp_path, [TEXTS[0], *TEXTS[2:]]))
    assert [text for text, _, _ in tasks(state)] == [TEXTS[0], *TEXTS[2:]]
    assert [task.text for task in waiting(state)] == [TEXTS[1]]
    assert (result.tasks, result.open_tasks, state.left_open) == (3, 1, 1)
    assert result.notes == [f"1 of 4 tasks have no instances in the files and stay open, such as {TEXTS[1]!r}"]
    assert verify(tmp_path / "run").disagreements == []
    done = export(state, tmp_path / "run" / "journal.jsonl", "alpaca", tmp_path / "a.json")
    assert (done.exported, done.tasks_left_out) == (3, {"not completed yet": 1})


def test_only_an_import_leaves_gaps() -> None:
    for origin, is_allowed in (("import", True), ("generate", False)):
        state = begin(RunStarted(recipe(), SEEDS, origin=origin))
        apply(state, CandidatesJudged(0, (), tuple(Verdict(text) for text in TEXTS)))
        done = TaskCompleted("0.2", False, (Instance("", "x"),))
        if is_allowed:
            apply(state, done)
            assert [task.name for task in waiting(state)] == ["0.0", "0.1", "0.3"]
            with pytest.raises(JournalError, match=r"0\.1 is completed out of order"):
                apply(state, TaskCompleted("0.1", False, ()))
            apply(state, TaskCompleted("0.3", False, ()))
            assert [task.name for task in state.completed_tasks] == ["0.2", "0.3"]
        else:
            with pytest.raises(JournalError, match="out of order"):
                apply(state, done)


def test_equal_findings_of_verify_are_grouped(tmp_path: Path) -> None:
    rows = [step1(n) | {"instruction": f"Éa {text}", "metadata": "lost"} for n, text in enumerate(TEXTS)]
    imported(tmp_path, lines(tmp_path / "machine_generated_instructions.jsonl", *rows))
    found = verify(tmp_path / "run")
    assert [group.count for group in grouped(found.disagreements)] == [4]
    assert "starts outside ASCII" in found.disagreements[0]
    assert found.unchecked["replies that are not in the imported files"] == 4


def test_raw_instances_can_begin_an_import(tmp_path: Path) -> None:
    raws = ["Output: a b", "Class label: yes\nText: a\nClass label: no\nText: b"]
    rows = [
        {
            "instruction": TEXTS[n],
            "raw_instances": raw,
            "instance_metadata": {"prompt": "q", "response": {"choices": [{"text": raw, "finish_reason": "stop"}]}},
            "instruction_metadata": step1(n)["metadata"],
            "most_similar": {},
            "avg_similarity_score": None,
        }
        for n, raw in enumerate(raws)
    ]
    result, state = imported(tmp_path, lines(tmp_path / "machine_generated_instances.jsonl", *rows))
    assert (result.requests, result.accepted, result.tasks) == (2, 2, 2)
    assert [kind for _, kind, _ in tasks(state)] == [False, True]
    assert tasks(state)[1][2] == [("Text: a", "yes"), ("Text: b", "no")]
    assert any("no file of task types" in note for note in result.notes)
    assert verify(tmp_path / "run").disagreements == []
    assert state.recipe.model == "unknown"


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (True, True),
        (1, True),
        (" Yes", True),
        (False, False),
        (None, False),
        ("No", False),
        (" Yes\n\nTask: Sort.\nIs it? No", False),
    ],
)
def test_task_types_in_every_spelling(answer: object, kind: bool, tmp_path: Path) -> None:
    """An answer that runs on is none to the released code: it asked for an input first, and so it is read."""
    _, state = imported(tmp_path, folder(tmp_path, answer=answer))
    assert {found for _, found, _ in tasks(state)} == {kind}
    assert verify(tmp_path / "run").disagreements == []


CHAT = {"choices": [{"message": {"role": "assistant", "content": f" {TEXTS[0]}"}, "finish_reason": "stop"}]}


@pytest.mark.parametrize(
    ("response", "text", "model", "tokens"),
    [
        (CHAT, f" {TEXTS[0]}", "", (0, 0)),
        (CHAT | {"model": "m", "usage": {"prompt_tokens": 7, "completion_tokens": 3}}, f" {TEXTS[0]}", "m", (7, 3)),
        ({"choices": [{"message": {"content": None}, "finish_reason": "content_filter"}]}, "", "", (0, 0)),
        ({"choices": [{"text": None, "finish_reason": None}], "usage": None}, "", "", (0, 0)),
        (
            {"choices": [{"message": {"content": [{"type": "text", "text": f" {TEXTS[0]}"}]}}]},
            f" {TEXTS[0]}",
            "",
            (0, 0),
        ),
        (f" {TEXTS[0]}", f" {TEXTS[0]}", "", (0, 0)),
    ],
)
def test_responses_of_all_sorts(
    response: object, text: str, model: str, tokens: tuple[int, int], tmp_path: Path
) -> None:
    result, state = imported(tmp_path, lines(tmp_path / "machine_generated_instructions.jsonl", step1(0, response)))
    assert result.accepted == 1
    (received,) = [e for e in events(tmp_path / "run") if isinstance(e, ReplyReceived)]
    assert (received.reply.text, received.reply.model) == (text, model)
    assert (received.reply.prompt_tokens, received.reply.completion_tokens) == tokens
    assert state.recipe.model == (model or "unknown")


def events(run: Path) -> list[Any]:
    from bootstruct.journal.file import read_events

    return [event for _, event in read_events(run / "journal.jsonl")]


@pytest.mark.parametrize("metadata", [None, "qwen", [], {"prompt": None, "response": None}])
def test_metadata_without_a_reply(metadata: object, tmp_path: Path) -> None:
    rows = [step1(n) | {"metadata": metadata, "request_idx": 0} for n in range(3)]
    result, _ = imported(tmp_path, lines(tmp_path / "machine_generated_instructions.jsonl", *rows, step1(3)))
    assert (result.requests, result.accepted) == (1, 4)
    assert any("3 of 4 instructions are imported without a reply" in note for note in result.notes)
    assert verify(tmp_path / "run").disagreements == []


def test_prompts_as_lists_and_messages(tmp_path: Path) -> None:
    prompts = [
        "a",
        ["a"],
        {"role": "user", "content": "a"},
        [{"role": "system", "content": "s"}, {"role": "user", "content": "a"}],
    ]
    rows = [step1(n) | {"metadata": {"prompt": prompt, "response": f" {TEXTS[n]}"}} for n, prompt in enumerate(prompts)]
    imported(tmp_path, lines(tmp_path / "machine_generated_instructions.jsonl", *rows))
    asked = [event.question for event in events(tmp_path / "run") if isinstance(event, ReplyReceived)]
    assert asked == ["a", "a", "a", "s\n\na"]


def test_recorded_duplicates_stay(tmp_path: Path) -> None:
    source = folder(tmp_path)
    lines(
        source / "machine_generated_instructions.jsonl",
        step1(0),
        step1(1),
        step1(0) | {"request_idx": 2},
        step1(2),
        step1(3),
    )
    raw = [{"instruction": TEXTS[n], "raw_instances": f"Output: {place}"} for place, n in enumerate((0, 1, 0, 2, 3))]
    lines(source / "machine_generated_instances.jsonl", *raw)
    result, state = imported(tmp_path, source)
    assert [text for text, _, _ in tasks(state)] == [TEXTS[n] for n in (0, 1, 0, 2, 3)]
    assert [pairs[0][1] for _, _, pairs in tasks(state)] == list("01234")
    assert (result.tasks, result.open_tasks) == (5, 0)
