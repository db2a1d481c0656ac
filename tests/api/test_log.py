"""`generate` with a log: a line per request, a first and a last one, and the same bytes as without."""

import json
from pathlib import Path

import pytest

import bootstruct as bs

REPLIES = {"propose": " Sing a song about the sea.", "kind": "No", "instances": "Output: La la la."}


def made(folder: Path) -> None:
    seeds = [{"instruction": "Name a fruit.", "output": "apple"}]
    bs.init(folder, recipe="paper", model="python/script", seeds=seeds)


def test_a_session_is_logged(tmp_path: Path) -> None:
    engine = bs.ScriptedEngine(lambda prompt: REPLIES[prompt.step])
    for name, log in (("a", tmp_path / "run.log"), ("b", None)):
        made(tmp_path / name)
        result = bs.generate(tmp_path / name, tasks=1, engine=engine, concurrency=1, log=log)
        assert result.is_complete
    first, *requests, last = map(json.loads, (tmp_path / "run.log").read_text().splitlines())
    assert (first["event"], first["run"]) == ("begin", str(tmp_path / "a"))
    assert {row["step"] for row in requests} == {"propose", "kind", "instances"}
    assert len(requests) == result.progress.replies
    assert (last["event"], last["stopped"], last["accepted"], last["instances"]) == ("end", "", 1, 1)
    exports = [bs.open(tmp_path / name).export("messages", tmp_path / f"{name}.jsonl") for name in "ab"]
    assert len(exports) == 2
    assert (tmp_path / "a.jsonl").read_bytes() == (tmp_path / "b.jsonl").read_bytes()


def test_a_log_in_a_folder_that_is_not_there(tmp_path: Path) -> None:
    made(tmp_path / "a")
    with pytest.raises(bs.InputError, match="cannot be written as a log"):
        bs.generate(tmp_path / "a", tasks=1, engine=bs.ScriptedEngine(lambda _: ""), log=tmp_path / "no" / "run.log")
    assert not (tmp_path / "a" / "journal.jsonl").exists()
