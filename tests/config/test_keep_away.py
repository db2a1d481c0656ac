"""Texts to keep away from: part of the run, refused when a candidate comes too near, with what it is near."""

import asyncio
import json
from pathlib import Path

import pytest

from bootstruct.engines.scripted import ScriptedEngine
from bootstruct.errors import InputError
from bootstruct.history.verify import verify
from bootstruct.io.accounts import RowAccount
from bootstruct.journal.events import CandidatesJudged
from bootstruct.journal.file import read_events
from bootstruct.pipeline import generate
from bootstruct.run.folder import open_run
from bootstruct.run.init import init_run
from bootstruct.run.scheduler import ActiveRun
from bootstruct.types import Prompt

AWAY = "Name the three longest rivers of the southern continent."


def answer(prompt: Prompt) -> str:
    if prompt.step == "propose":
        near = "Name the four longest rivers of the southern continent."
        return f" {near}\n10. Compose a limerick on a clockmaker number {prompt.sample} of {prompt.sample % 977} towns."
    return "No" if prompt.step == "kind" else "Output: done"


def test_candidates_that_come_near_are_refused(tmp_path: Path) -> None:
    away = tmp_path / "test_set.jsonl"
    away.write_text(json.dumps({"question": "What is it?"}) + "\n" + json.dumps({"instruction": AWAY}) + "\n")
    folder = tmp_path / "run"
    written = init_run(folder, "paper", None, None, None, (away,), False)
    assert written["keep_away.jsonl"] == "2 texts to keep away from"
    state, journal = open_run(folder)
    assert state.recipe.keep_away == ("What is it?", AWAY)

    async def main() -> None:
        await generate(ActiveRun(state, journal, ScriptedEngine(answer)), 1, None)
        journal.close()

    asyncio.run(main())
    verdict = next(e for _, e in read_events(folder / "journal.jsonl") if isinstance(e, CandidatesJudged)).verdicts[0]
    assert (verdict.rule, verdict.neighbour) == ("near a kept-away text", "keep_away:1")
    assert verdict.score is not None
    assert 0.7 < verdict.score < 1
    findings = verify(folder / "journal.jsonl")
    assert findings.disagreements == []


def test_they_are_part_of_the_run(tmp_path: Path) -> None:
    plain, careful, away = tmp_path / "plain", tmp_path / "careful", tmp_path / "a.jsonl"
    away.write_text(json.dumps({"text": AWAY}) + "\n")
    init_run(plain, "paper", None, None, None, (), False)
    init_run(careful, "paper", None, None, None, (away,), False)
    digests = []
    for folder in (plain, careful):
        state, journal = open_run(folder)
        journal.close()
        digests.append(state.recipe.digest())
    assert digests[0] != digests[1]


def test_a_file_without_texts_is_told(tmp_path: Path) -> None:
    away = tmp_path / "a.jsonl"
    away.write_text('{"text": "x y"}\n{"n": 1}\n')
    accounts: list[RowAccount] = []
    init_run(tmp_path / "run", "paper", None, None, None, (away,), False, accounts=accounts)
    [account] = [account for account in accounts if account.path == str(away)]
    assert (account.read, account.used, list(account.left_out.values())) == (2, 1, [[2]])
    assert (tmp_path / "run" / "keep_away.jsonl").read_text() == '{"text": "x y"}\n'
    away.write_text('{"n": 1}\n')
    with pytest.raises(InputError, match=r"a.jsonl:1"):
        init_run(tmp_path / "none", "paper", None, None, None, (away,), False)
    assert not (tmp_path / "none").exists()
