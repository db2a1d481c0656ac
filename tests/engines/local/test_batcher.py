"""The batcher: what is answered together, in what order, and what happens when something ends early. No model needed."""

import asyncio
import threading
import time
from collections.abc import Callable

import pytest

from bootstruct.engines.local import GenerationResult, GenerationStoppedError
from bootstruct.engines.local.batcher import BatchingEngine, batches_of
from bootstruct.errors import EngineUnavailableError, InputError, RequestRejectedError
from bootstruct.types import Prompt, Reply, Sampling


def prompt(text: str, step: str = "kind", model: str = "m") -> Prompt:
    return Prompt(step, model, Sampling(), 0, text=text)


class Echo:
    """Answers with the prompt's text, after `release` is set; keeps what came together."""

    def __init__(self) -> None:
        self.batches: list[list[str]] = []
        self.threads: set[int] = set()
        self.begun, self.release = threading.Event(), threading.Event()
        self.release.set()

    def generate(self, prompts: list[Prompt], stopping: Callable[[], bool]) -> list[GenerationResult]:
        self.batches.append([entry.text for entry in prompts])
        self.threads.add(threading.get_ident())
        self.begun.set()
        while not self.release.wait(0.01):
            if stopping():
                raise GenerationStoppedError
        return [
            RequestRejectedError(400, "too long") if entry.text == "bad" else Reply(entry.text) for entry in prompts
        ]


def held() -> Echo:
    """A model that begins a batch, but does not end it before `release` is set."""
    model = Echo()
    model.release.clear()
    return model


async def first_request(model: Echo, engine: BatchingEngine) -> "asyncio.Task[Reply]":
    """A request whose batch the model has begun."""
    task = asyncio.create_task(engine.complete(prompt("first")))
    assert await asyncio.to_thread(model.begun.wait, 5)
    return task


def test_batches_are_of_one_model_and_step_and_longest_first() -> None:
    asked = [prompt("aa"), prompt("b", "propose"), prompt("cccc"), prompt("d", model="n"), prompt("ccc")]
    assert batches_of(asked, most=2) == [[2, 4], [0], [1], [3]]


def test_every_request_gets_its_own_reply_from_one_thread() -> None:
    model = Echo()

    async def story() -> list[Reply]:
        engine = BatchingEngine(lambda name: model, most=8)
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
    model = held()

    async def story() -> None:
        engine = BatchingEngine(lambda name: model)
        first = await first_request(model, engine)
        others = [asyncio.create_task(engine.complete(prompt(text))) for text in ("b", "cc")]
        await asyncio.sleep(0.05)
        model.release.set()
        await asyncio.gather(first, *others)
        await engine.aclose()

    asyncio.run(story())
    assert model.batches == [["first"], ["cc", "b"]]


def test_a_rejected_prompt_costs_only_itself() -> None:
    async def story() -> list[object]:
        model = Echo()
        engine = BatchingEngine(lambda name: model)
        asked = (engine.complete(prompt(text)) for text in ("a", "bad"))
        result: list[object] = await asyncio.gather(*asked, return_exceptions=True)
        await engine.aclose()
        return result

    good, bad = asyncio.run(story())
    assert good == Reply("a")
    assert isinstance(bad, RequestRejectedError)


@pytest.mark.parametrize("error", [EngineUnavailableError("no such model."), InputError("no such folder.")])
def test_a_model_that_cannot_be_loaded_fails_every_request(error: Exception) -> None:
    def load(name: str) -> Echo:
        raise error

    async def story() -> list[object]:
        engine = BatchingEngine(load)
        result: list[object] = await asyncio.gather(
            *(engine.complete(prompt(t)) for t in "abc"), return_exceptions=True
        )
        await engine.aclose()
        return result

    assert asyncio.run(story()) == [error] * 3


def test_a_request_cancelled_before_its_batch_is_never_computed() -> None:
    model = held()

    async def story() -> None:
        engine = BatchingEngine(lambda name: model)
        first = await first_request(model, engine)
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


def test_a_request_cancelled_after_its_batch_began_still_brings_its_reply() -> None:
    model = held()

    async def story() -> Reply:
        engine = BatchingEngine(lambda name: model)
        task = await first_request(model, engine)
        task.cancel()
        asyncio.get_running_loop().call_later(0.05, model.release.set)
        try:
            return await task
        finally:
            await engine.aclose()

    assert asyncio.run(story()) == Reply("first")


def test_closing_ends_a_batch_that_would_never_end() -> None:
    model = held()

    async def story() -> None:
        engine = BatchingEngine(lambda name: model, grace=0.05)
        task = await first_request(model, engine)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await engine.aclose()

    began = time.monotonic()
    asyncio.run(asyncio.wait_for(story(), 20))
    assert not model.release.is_set()
    assert time.monotonic() - began < 20
