"""Asking: the journal first, each question once, whatever stops it."""

import asyncio
from pathlib import Path

import pytest

from bootstruct.engines.scripted import ScriptedEngine
from bootstruct.errors import (
    EngineUnavailableError,
    InputError,
    JournalError,
    ReplayMismatchError,
    RequestRejectedError,
    RunStoppedError,
)
from bootstruct.evaluation.asking import EvaluationSession, opened, read_facts
from bootstruct.evaluation.predict import question_of
from bootstruct.journal.events import ReplyReceived, RequestFailed
from bootstruct.journal.file import NAME
from bootstruct.types import Prompt, Reply, Sampling


def questions(count: int, model: str = "m") -> dict[str, Prompt]:
    return {f"predict/t/{n}": question_of(f"question {n}", model, "text", Sampling()) for n in range(count)}


def ask(
    folder: Path, asked: dict[str, Prompt], engine: ScriptedEngine, retry_failed: bool = False
) -> EvaluationSession:
    async def run() -> EvaluationSession:
        with opened(folder) as asking:
            await asking.ask_all(asked, engine, retry_failed)
            return asking

    return asyncio.run(run())


def test_what_is_answered_is_never_asked_again(tmp_path: Path) -> None:
    first = ScriptedEngine(lambda prompt: Reply(prompt.text.upper(), prompt_tokens=3, completion_tokens=2))
    assert ask(tmp_path, questions(20), first).spent.prompt_tokens == 60
    again = ScriptedEngine(lambda prompt: "other")
    asking = ask(tmp_path, questions(25), again)
    assert [prompt.text for prompt in again.asked] == [f"question {n}" for n in range(20, 25)]
    assert (asking.done, asking.total, asking.spent.requests) == (25, 25, 25)
    facts = read_facts(tmp_path)
    assert isinstance(facts["predict/t/3"], ReplyReceived)
    assert facts["predict/t/3"].reply.text == "QUESTION 3"


def test_a_changed_question_is_noticed_before_anything_is_asked(tmp_path: Path) -> None:
    ask(tmp_path, questions(3), ScriptedEngine(lambda prompt: "x"))
    other = ScriptedEngine(lambda prompt: "x")
    with pytest.raises(ReplayMismatchError, match="predict/t/0 was sent before with another model"):
        ask(tmp_path, questions(9, "other"), other)
    assert other.asked == []


def test_stopping_short_keeps_what_came(tmp_path: Path) -> None:
    def answer(prompt: Prompt) -> str:
        if prompt.text == "question 7":
            raise RunStoppedError("no money left.")
        return "x"

    with pytest.raises(RunStoppedError):
        ask(tmp_path, questions(10), ScriptedEngine(answer))
    known = len(read_facts(tmp_path))
    assert known >= 7
    rest = ScriptedEngine(lambda prompt: "x")
    ask(tmp_path, questions(10), rest)
    assert len(rest.asked) == 10 - known


def test_some_failures_are_recorded_and_asked_again_only_where_wanted(tmp_path: Path) -> None:
    def answer(prompt: Prompt) -> str:
        if prompt.text in ("question 0", "question 4"):
            raise RequestRejectedError(400, "too long")
        return "x"

    facts = ask(tmp_path, questions(8), ScriptedEngine(answer)).facts
    assert {key for key, fact in facts.items() if isinstance(fact, RequestFailed)} == {"predict/t/0", "predict/t/4"}
    silent = ScriptedEngine(lambda prompt: "y")
    ask(tmp_path, questions(8), silent)
    assert silent.asked == []
    again = ScriptedEngine(lambda prompt: "y")
    assert all(
        isinstance(fact, ReplyReceived) for fact in ask(tmp_path, questions(8), again, retry_failed=True).facts.values()
    )
    assert len(again.asked) == 2


@pytest.mark.parametrize("count", [1, 3, 40])
def test_where_all_fail_nothing_is_recorded(tmp_path: Path, count: int) -> None:
    def refuse(prompt: Prompt) -> str:
        raise RequestRejectedError(400, "bad model")

    with pytest.raises(EngineUnavailableError, match="requests all failed: 400: bad model"):
        ask(tmp_path, questions(count), ScriptedEngine(refuse))
    assert read_facts(tmp_path) == {}


def test_a_torn_tail_is_cut_and_asked_again(tmp_path: Path) -> None:
    ask(tmp_path, questions(5), ScriptedEngine(lambda prompt: "x"))
    journal = tmp_path / NAME
    journal.write_bytes(journal.read_bytes()[:-10])
    rest = ScriptedEngine(lambda prompt: "x")
    ask(tmp_path, questions(5), rest)
    assert len(rest.asked) == 1
    assert len(read_facts(tmp_path)) == 5


def test_one_writer_at_a_time(tmp_path: Path) -> None:
    with opened(tmp_path), pytest.raises(InputError, match="another bootstruct is writing"), opened(tmp_path):
        pass


def test_the_journal_of_a_run_is_refused(tmp_path: Path) -> None:
    (tmp_path / NAME).write_text('{"event":"proposed","index":0,"shown":[],"verdicts":[]}\n')
    with pytest.raises(JournalError, match="is this the journal of a run"):
        read_facts(tmp_path)
