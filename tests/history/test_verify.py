"""`verify` reports every corruption: each kind of event is corrupted in several ways."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from bootstruct.engines.scripted import ScriptedEngine
from bootstruct.errors import RequestRejectedError
from bootstruct.history.verification import Verification
from bootstruct.history.verify import verify
from bootstruct.types import Prompt, Reply
from tests.support.scripts import answer, run_to

Row = dict[str, Any]


def found(path: Path) -> Verification:
    return verify(path)


@pytest.fixture(scope="module")
def rows(tmp_path_factory: pytest.TempPathFactory) -> list[Row]:
    path = tmp_path_factory.mktemp("run") / "journal.jsonl"

    def sometimes(prompt: Prompt) -> Reply:
        if prompt.step != "propose" and prompt.sample % 20 == 0:
            raise RequestRejectedError(400, "content policy")
        return answer(prompt)

    run_to(path, ScriptedEngine(sometimes), 60)
    assert found(path).disagreements == []
    return [json.loads(line) for line in path.read_text().splitlines()]


def last(rows: list[Row], event: str, matches: Callable[[Row], object] = lambda row: True) -> Row:
    return next(row for row in reversed(rows) if row["event"] == event and matches(row))


def kept(row: Row) -> Row:
    return next(v for v in row["verdicts"] if "rule" not in v)


def similar(row: Row) -> Row | None:
    return next((v for v in row["verdicts"] if "score" in v), None)


def change_started_seed(rows: list[Row]) -> None:
    rows[0]["seeds"][3]["instruction"] = "Describe something else that nobody has ever seen"


def change_started_recipe(rows: list[Row]) -> None:
    rows[0]["recipe"]["propose"]["novelty"]["threshold"] = 0.3


def change_started_sampling(rows: list[Row]) -> None:
    rows[0]["recipe"]["classify"]["sampling"]["temperature"] = 0.5


def change_reply_to_request(rows: list[Row]) -> None:
    row = next(row for row in rows if row["event"] == "replied" and row["key"] == "propose/3")
    row["reply"]["text"] += "\n30. An instruction that nobody has written ever before today"


def change_finish(rows: list[Row]) -> None:
    row = next(row for row in rows if row["event"] == "replied" and row["key"] == "propose/3")
    row["reply"]["finish"] = "length" if row["reply"]["finish"] == "stop" else "stop"


def change_reply_kind(rows: list[Row]) -> None:
    row = last(rows, "replied", lambda row: row["key"].endswith("/kind"))
    row["reply"]["text"] = "No" if row["reply"]["text"].strip() == "Yes" else "Yes"


def change_reply_instances(rows: list[Row]) -> None:
    row = last(rows, "replied", lambda row: row["key"].endswith("/instances"))
    row["reply"] = {"text": "Class label: x\nInput: y\nExample 1\nInput: q\nOutput: z", "finish": "stop"}


def change_digest(rows: list[Row]) -> None:
    last(rows, "replied")["digest"] = "0" * 32


def change_key(rows: list[Row]) -> None:
    last(rows, "replied", lambda row: row["key"].startswith("propose/"))["key"] = "propose/9999"


def change_failed(rows: list[Row]) -> None:
    last(rows, "failed")["digest"] = "f" * 32


def change_failed_to_other_task(rows: list[Row]) -> None:
    row = last(rows, "failed")
    row["key"] = "annotate/9999.0/kind"


def change_verdict(rows: list[Row]) -> None:
    verdict = kept(last(rows, "proposed", lambda row: any("rule" not in v for v in row["verdicts"])))
    verdict["rule"] = "too short"


def change_verdict_rule(rows: list[Row]) -> None:
    row = last(rows, "proposed", lambda row: any(v.get("rule") == "too short" for v in row["verdicts"]))
    next(v for v in row["verdicts"] if v.get("rule") == "too short")["rule"] = "too long"


def change_verdict_score(rows: list[Row]) -> None:
    verdict = similar(last(rows, "proposed", similar))
    assert verdict
    verdict["score"] += 1e-15


def change_verdict_neighbour(rows: list[Row]) -> None:
    verdict = similar(last(rows, "proposed", similar))
    assert verdict
    verdict["near"] = "seed_task_0" if verdict["near"] != "seed_task_0" else "seed_task_1"


def change_verdict_text(rows: list[Row]) -> None:
    last(rows, "proposed", lambda row: row["verdicts"])["verdicts"][0]["text"] += "!"


def drop_verdict(rows: list[Row]) -> None:
    last(rows, "proposed", lambda row: row["verdicts"])["verdicts"].pop()


def change_shown(rows: list[Row]) -> None:
    last(rows, "proposed")["shown"][0] = "seed_task_x"


def mark_request_failed(rows: list[Row]) -> None:
    last(rows, "proposed", lambda row: not row.get("failed"))["failed"] = True


def drop_request(rows: list[Row]) -> None:
    rows.remove(last(rows, "proposed"))
    rows.remove(next(row for row in rows if row["event"] == "proposed" and row["index"] == 2))


def change_instance(rows: list[Row]) -> None:
    last(rows, "annotated", lambda row: row["instances"])["instances"][0]["output"] = "something else"


def change_kind(rows: list[Row]) -> None:
    row = last(rows, "annotated", lambda row: not row.get("failed"))
    row["is_classification"] = not row["is_classification"]


def change_refused(rows: list[Row]) -> None:
    last(rows, "annotated", lambda row: row["refused"])["refused"].pop()


def mark_task_failed(rows: list[Row]) -> None:
    last(rows, "annotated", lambda row: not row.get("failed"))["failed"] = True


def complete_an_unknown_task(rows: list[Row]) -> None:
    last(rows, "annotated")["task"] = "9999.0"


def start_twice(rows: list[Row]) -> None:
    rows.append(rows[0])


def drop_reply(rows: list[Row]) -> None:
    rows.remove(next(row for row in rows if row["event"] == "replied" and row["key"] == "propose/4"))


CORRUPTIONS = [value for name, value in sorted(globals().items()) if name.split("_")[0] in
               ("change", "drop", "mark", "complete", "start") and callable(value)]  # fmt: skip


@pytest.mark.parametrize("corrupt", CORRUPTIONS, ids=lambda corrupt: corrupt.__name__)
def test_every_corruption_is_reported(tmp_path: Path, rows: list[Row], corrupt: Callable[[list[Row]], None]) -> None:
    damaged = json.loads(json.dumps(rows))
    corrupt(damaged)
    assert damaged != rows
    path = tmp_path / "journal.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in damaged))
    assert found(path).disagreements


def test_the_corruptions_reach_every_kind_of_event(rows: list[Row]) -> None:
    """`recorded` comes from imports only: tests/test_importer.py corrupts those."""
    assert {row["event"] for row in rows} == {"started", "replied", "failed", "proposed", "annotated"}
    assert len(CORRUPTIONS) >= 25
