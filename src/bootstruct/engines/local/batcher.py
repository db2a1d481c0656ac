"""From questions that come one by one to batches for a model that blocks: one adapter, one worker thread.

What waits is taken at once, grouped by model and step (questions of one step share their prefix and their length), and
answered longest first, so that rows of a batch need little padding and a lack of memory shows at the beginning.
"""

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from bootstruct.domain import Prompt, Reply
from bootstruct.engines.finishing import GRACE, outcome
from bootstruct.engines.local import Answer, Model, Stopped
from bootstruct.errors import BootstructError, DoorClosed

MOST = 64  # questions in one batch: beyond it a batch gains little speed and costs memory
LINGER = 0.005  # seconds in which questions gather before a batch begins


@dataclass(eq=False, slots=True)
class _Waiting:
    prompt: Prompt
    answer: "asyncio.Future[Answer]"
    begun: bool = False


def batches_of(prompts: list[Prompt], most: int = MOST) -> list[list[int]]:
    """Indices of the prompts, in batches: each of one model and step, longest first; groups in the order of asking."""
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
    return len(prompt.text) + sum(len(each.content) for each in prompt.messages)


class Batcher:
    """An engine made of models. load: gives the model of a name, or raises DoorClosed; asked once for each name.

    A question that is cancelled before its batch begins is forgotten; after that it is waited for `grace` seconds, as its
    reply is worth writing down. Closing ends a running batch at its next token.
    """

    def __init__(
        self, load: Callable[[str], Model], most: int = MOST, linger: float = LINGER, grace: float = GRACE
    ) -> None:
        self._load, self._most, self._linger, self._grace = load, most, linger, grace
        self._models: dict[str, Model] = {}
        self._waiting: list[_Waiting] = []
        self._runner: asyncio.Task[None] | None = None
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="bootstruct-model")
        self._stop = threading.Event()

    async def complete(self, prompt: Prompt) -> Reply:
        mine = _Waiting(prompt, asyncio.get_running_loop().create_future())
        self._waiting.append(mine)
        if self._runner is None or self._runner.done():
            self._runner = asyncio.create_task(self._run())
        return await outcome(mine.answer, lambda: mine.begun, self._grace)

    async def _run(self) -> None:
        while self._waiting:
            await asyncio.sleep(self._linger)
            here, self._waiting = self._waiting, []
            for batch in batches_of([each.prompt for each in here], self._most):
                await self._answer([here[number] for number in batch])

    async def _answer(self, batch: list[_Waiting]) -> None:
        batch = [each for each in batch if not each.answer.done()]
        if not batch:
            return
        for each in batch:
            each.begun = True
        work = asyncio.get_running_loop().run_in_executor(self._thread, self._generate, [each.prompt for each in batch])
        try:
            answers = await work
        except Exception as exc:  # told to every question of the batch; the run ends with the first one
            for each in batch:
                if not each.answer.done():
                    each.answer.set_exception(_as_told(exc))
                    each.answer.exception()  # seen, also where nobody waits any more
            return
        for each, answer in zip(batch, answers, strict=True):
            if not each.answer.done():
                each.answer.set_result(answer)

    def _generate(self, prompts: list[Prompt]) -> list[Answer]:
        """In the worker thread: the answers of one batch; its prompts name one model."""
        name = prompts[0].model
        if name not in self._models:
            self._models[name] = self._load(name)
        return self._models[name].generate(prompts, self._stop.is_set)

    async def aclose(self) -> None:
        self._stop.set()
        await asyncio.to_thread(self._thread.shutdown, cancel_futures=True)
        if self._runner is not None:
            self._runner.cancel()
            await asyncio.wait({self._runner})


def _as_told(exc: Exception) -> Exception:
    if isinstance(exc, BootstructError):
        return exc
    if isinstance(exc, Stopped):
        return DoorClosed("The model was closed before it had answered.")
    return exc
