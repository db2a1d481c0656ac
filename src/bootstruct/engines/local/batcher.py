"""An adapter that collects single requests into batches for a blocking model, with one worker thread.

All waiting requests are taken at once, grouped by model and step (requests of one step share their prefix and length),
and computed longest first, so that batches need little padding and a lack of memory appears at the beginning.
"""

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from bootstruct.engines.local import GenerationResult, GenerationStoppedError, LocalModel
from bootstruct.engines.traffic.draining import GRACE, drained_reply
from bootstruct.errors import BootstructError, EngineUnavailableError
from bootstruct.types import Prompt, Reply

MOST = 64  # requests in one batch: larger ones gain little speed and cost memory
LINGER = 0.005  # seconds in which requests gather before a batch begins


@dataclass(eq=False, slots=True)
class _WaitingPrompt:
    prompt: Prompt
    result: "asyncio.Future[GenerationResult]"
    has_begun: bool = False


def batches_of(prompts: list[Prompt], most: int = MOST) -> list[list[int]]:
    """Indices of the prompts, in batches of one model and step, longest first; groups are in the order of arrival."""
    groups: dict[tuple[str, str], list[int]] = {}
    for number, prompt in enumerate(prompts):
        groups.setdefault((prompt.model, prompt.stage), []).append(number)
    batches = []
    for group in groups.values():
        group.sort(key=lambda number: -size_of(prompts[number]))
        batches += [group[first : first + most] for first in range(0, len(group), most)]
    return batches


def size_of(prompt: Prompt) -> int:
    """The characters of a prompt: near enough to its tokens to sort by."""
    return len(prompt.text) + sum(len(message.content) for message in prompt.messages)


class BatchingEngine:
    """An engine made of local models.

    A request that is cancelled before its batch begins is dropped; after that the engine waits for its reply, to
    record it. Closing the engine ends a running batch at its next token.

    Args:
        load: returns the model of a name, or raises EngineUnavailableError; called once for each name.
        most: requests in one batch.
        linger: seconds in which requests gather before a batch begins.
        grace: seconds that the reply to a cancelled request is waited for.
    """

    def __init__(
        self, load: Callable[[str], LocalModel], most: int = MOST, linger: float = LINGER, grace: float = GRACE
    ) -> None:
        self._load, self._most, self._linger, self._grace = load, most, linger, grace
        self._models: dict[str, LocalModel] = {}
        self._waiting: list[_WaitingPrompt] = []
        self._runner: asyncio.Task[None] | None = None
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="bootstruct-model")
        self._stop = threading.Event()

    async def complete(self, prompt: Prompt) -> Reply:
        """See `Engine`."""
        request = _WaitingPrompt(prompt, asyncio.get_running_loop().create_future())
        self._waiting.append(request)
        if self._runner is None or self._runner.done():
            self._runner = asyncio.create_task(self._run())
        return await drained_reply(request.result, lambda: request.has_begun, self._grace)

    async def _run(self) -> None:
        while self._waiting:
            await asyncio.sleep(self._linger)
            taken, self._waiting = self._waiting, []
            for batch in batches_of([waiting.prompt for waiting in taken], self._most):
                await self._compute([taken[number] for number in batch])

    async def _compute(self, batch: list[_WaitingPrompt]) -> None:
        batch = [waiting for waiting in batch if not waiting.result.done()]
        if not batch:
            return
        for waiting in batch:
            waiting.has_begun = True
        work = asyncio.get_running_loop().run_in_executor(
            self._thread, self._generate, [waiting.prompt for waiting in batch]
        )
        try:
            results = await work
        except Exception as exc:  # raised in every request of the batch; the run ends with the first one
            for waiting in batch:
                if not waiting.result.done():
                    waiting.result.set_exception(_for_user(exc))
                    waiting.result.exception()  # retrieved, so that asyncio does not warn where nobody waits any more
            return
        for waiting, result in zip(batch, results, strict=True):
            if not waiting.result.done():
                waiting.result.set_result(result)

    def _generate(self, prompts: list[Prompt]) -> list[GenerationResult]:
        """In the worker thread: the results of one batch, whose prompts name one model."""
        name = prompts[0].model
        if name not in self._models:
            self._models[name] = self._load(name)
        return self._models[name].generate(prompts, self._stop.is_set)

    async def aclose(self) -> None:
        """Stop the batch that is running and the worker thread."""
        self._stop.set()
        await asyncio.to_thread(self._thread.shutdown, cancel_futures=True)
        if self._runner is not None:
            self._runner.cancel()
            await asyncio.wait({self._runner})


def _for_user(exc: Exception) -> Exception:
    if isinstance(exc, BootstructError):
        return exc
    if isinstance(exc, GenerationStoppedError):
        return EngineUnavailableError("The model was closed before it replied.")
    return exc
