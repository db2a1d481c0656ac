"""The batcher: what is answered together, in what order, and what happens when something ends early. No model needed."""

import asyncio
import threading
import time
from collections.abc import Callable

import pytest

from bootstruct.domain import Prompt, Reply, Sampling
from bootstruct.engines.local import Answer, Stopped
from bootstruct.engines.local.batcher import Batcher, batches_of
from bootstruct.errors import BadInput, DoorClosed, Permanent


def prompt(text: str, step: str = "kind", model: str = "m") -> Prompt:
    return Prompt(step, model, Sampling(), 0, text=text)


class Echo:
    """Answers with the prompt's text, after `release` is set; keeps what came together."""

    def __init__(self) -> None:
        self.batches: list[list[str]] = []
        self.threads: set[int] = set()
        self.begun, self.release = threading.Event(), threading.Event()
        self.release.set()

    def generate(self, prompts: list[Prompt], stopping: Callable[[], bool]) -> list[Answer]:
        self.batches.append([each.text for each in prompts])
        self.threads.add(threading.get_ident())
        self.begun.set()
        while not self.release.wait(0.01):
            if stopping():
                raise Stopped
        return [Permanent(400, "too long") if each.text == "bad" else Reply(each.text) for each in prompts]


def test_batches_are_of_one_model_and_step_and_longest_first() -> None:
    asked = [prompt("aa"), prompt("b", "propose"), prompt("cccc"), prompt("d", model="n"), prompt("ccc")]
    assert batches_of(asked, most=2) == [[2, 4], [0], [1], [3]]


def test_everyone_gets_the_answer_to_their_own_question_from_one_thread() -> None:
    model = Echo()

    async def story() -> list[Reply]:
        engine = Batcher(lambda name: model, most=8)
        try:
            return await asyncio.gather(*(engine.complete(prompt("x" * (n % 5) + str(n))) for n in range(20)))
        finally:
            await engine.aclose()

    replies = asyncio.run(story())
    assert [reply.text for reply in replies] == ["x" * (n % 5) + str(n) for n in range(20)]
    assert [len(batch) for batch in model.batches] == [8, 8, 4]
    assert len(model.threads) == 1
    assert threading.get_ident() not in model.threads


def test_what_comes_meanwhile_is_the_next_batch() -> None:
    model = Echo()
    model.release.clear()

    async def story() -> None:
        engine = Batcher(lambda name: model)
        first = asyncio.create_task(engine.complete(prompt("first")))
        await asyncio.to_thread(model.begun.wait, 5)
        others = [asyncio.create_task(engine.complete(prompt(text))) for text in ("b", "cc")]
        await asyncio.sleep(0.05)
        model.release.set()
        await asyncio.gather(first, *others)
        await engine.aclose()

    asyncio.run(story())
    assert model.batches == [["first"], ["cc", "b"]]


def test_a_prompt_that_cannot_be_answered_costs_only_itself() -> None:
    async def story() -> list[object]:
        model = Echo()
        engine = Batcher(lambda name: model)
        asked = (engine.complete(prompt(text)) for text in ("a", "bad"))
        told: list[object] = await asyncio.gather(*asked, return_exceptions=True)
        await engine.aclose()
        return told

    good, bad = asyncio.run(story())
    assert good == Reply("a")
    assert isinstance(bad, Permanent)


@pytest.mark.parametrize("error", [DoorClosed("no such model."), BadInput("no such folder.")])
def test_a_model_that_cannot_be_had_is_told_to_all(error: Exception) -> None:
    def load(name: str) -> Echo:
        raise error

    async def story() -> list[object]:
        engine = Batcher(load)
        told: list[object] = await asyncio.gather(*(engine.complete(prompt(t)) for t in "abc"), return_exceptions=True)
        await engine.aclose()
        return told

    assert asyncio.run(story()) == [error] * 3


def test_a_cancelled_question_that_has_not_begun_is_never_asked() -> None:
    model = Echo()
    model.release.clear()

    async def story() -> None:
        engine = Batcher(lambda name: model)
        first = asyncio.create_task(engine.complete(prompt("first")))
        await asyncio.to_thread(model.begun.wait, 5)
        second = asyncio.create_task(engine.complete(prompt("second")))
        await asyncio.sleep(0.02)
        second.cancel()
        with pytest.raises(asyncio.CancelledError):
            await second
        model.release.set()
        assert await first == Reply("first")
        await engine.aclose()

    asyncio.run(story())
    assert model.batches == [["first"]]


def test_a_cancelled_question_that_has_begun_still_brings_its_reply() -> None:
    model = Echo()
    model.release.clear()

    async def story() -> Reply:
        engine = Batcher(lambda name: model)
        task = asyncio.create_task(engine.complete(prompt("paid")))
        await asyncio.to_thread(model.begun.wait, 5)
        task.cancel()
        asyncio.get_running_loop().call_later(0.05, model.release.set)
        try:
            return await task
        finally:
            await engine.aclose()

    assert asyncio.run(story()) == Reply("paid")


def test_closing_ends_a_batch_that_would_never_end() -> None:
    model = Echo()
    model.release.clear()

    async def story() -> None:
        engine = Batcher(lambda name: model, grace=0.05)
        task = asyncio.create_task(engine.complete(prompt("endless")))
        await asyncio.to_thread(model.begun.wait, 5)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await engine.aclose()

    began = time.monotonic()
    asyncio.run(asyncio.wait_for(story(), 20))
    assert not model.release.is_set()
    assert time.monotonic() - began < 20
