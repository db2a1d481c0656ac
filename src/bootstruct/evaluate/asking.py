"""Asking the questions of an evaluation: the journal first, then the engine; every reply is written down once.

An evaluation's journal is the same kind of file as a run's (one writer, a torn tail is cut), with facts only: `Replied`
and `Failed`. Each is filed under its key with the digest of its question, so running the same command again asks only
what is not answered yet, and a changed model, prompt or setting is noticed before anything is asked.
"""

import asyncio
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from bootstruct.domain import Prompt, digest_of
from bootstruct.engines import Engine
from bootstruct.errors import BadJournal, DoorClosed, Permanent, ReplayMismatch
from bootstruct.events import Failed, Replied
from bootstruct.journal import NAME, Journal, read_events

EARLY_FAILURES: Final = 5  # as many permanent errors before any success end it: all questions fail alike
MOST_AT_ONCE: Final = 1024  # questions handed to the engine; how many are in flight is its own business

Fact = Replied | Failed


@dataclass(frozen=True, slots=True)
class Spent:
    """What the replies in a journal took; tokens are the servers' own counts."""

    requests: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0

    def plus(self, fact: Fact) -> "Spent":
        if isinstance(fact, Failed):
            return self
        prompt, completion = fact.reply.prompt_tokens, fact.reply.completion_tokens
        return Spent(self.requests + 1, self.prompt_tokens + prompt, self.completion_tokens + completion)


def read_facts(folder: Path) -> dict[str, Fact]:
    """The replies in an evaluation folder by key; empty where it has none yet. Raises BadJournal at file:line."""
    path = folder / NAME
    facts: dict[str, Fact] = {}
    if path.is_file():
        for offset, event in read_events(path):
            if not isinstance(event, Replied | Failed):
                kind = type(event).__name__
                raise BadJournal(
                    f"{path}: at byte {offset} stands a {kind}; is this the journal of a run? Take another --out."
                )
            facts[event.key] = event
    return facts


class Asking:
    """One evaluation's questions and answers. `facts` holds all that is known, `spent` what it took in all."""

    def __init__(self, folder: Path, journal: Journal) -> None:
        self.folder, self.journal = folder, journal
        self.facts = read_facts(folder)
        self.spent = Spent()
        for fact in self.facts.values():
            self.spent = self.spent.plus(fact)
        self.total = self.done = 0
        self._early: list[Permanent] = []
        self._succeeded = asyncio.Event()

    def unanswered(self, questions: Mapping[str, Prompt], retry_failed: bool = False) -> list[tuple[str, Prompt]]:
        """What is still to be asked. Raises ReplayMismatch where the journal answers another question under a key."""
        left = []
        for key, prompt in questions.items():
            fact = self.facts.get(key)
            if fact is not None and fact.digest != digest_of(prompt):
                raise ReplayMismatch(
                    f"{self.folder}: {key} was asked before with another model, prompt, sampling or input; give the same "
                    "flags as then, or another --out folder."
                )
            if fact is None or (isinstance(fact, Failed) and retry_failed):
                left.append((key, prompt))
        return left

    async def ask_all(
        self, questions: Mapping[str, Prompt], engine: Engine, retry_failed: bool = False, at_once: int = MOST_AT_ONCE
    ) -> None:
        """Get every question answered, or failed for good; `facts` tells which. Raises what the engine stops with."""
        left = self.unanswered(questions, retry_failed)
        self.total, self.done = len(questions), len(questions) - len(left)
        if any(isinstance(fact, Replied) for fact in self.facts.values()):
            self._succeeded.set()
        queue = iter(left)
        enough = min(EARLY_FAILURES, len(left))
        tasks = [asyncio.create_task(self._work(queue, engine, enough)) for _ in range(min(at_once, len(left)))]
        if not tasks:
            return
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_EXCEPTION)
        finally:
            ended = [task for task in tasks if task.done()]
            for task in tasks:
                task.cancel()
            await asyncio.wait(tasks)  # what is in flight is paid for: its reply is still written down
        for task in ended:
            task.result()

    async def _work(self, queue: Iterator[tuple[str, Prompt]], engine: Engine, enough: int) -> None:
        own = asyncio.current_task()
        for key, prompt in queue:
            try:
                reply = await engine.complete(prompt)
            except Permanent as exc:
                await self._hold_back(exc, enough)
                self._record(Failed(key, digest_of(prompt), exc.status, exc.reason))
            else:
                self._record(Replied(key, digest_of(prompt), reply))
                self._succeeded.set()
            if own is not None and own.cancelling():
                return

    def _record(self, fact: Fact) -> None:
        self.journal.append(fact)
        self.facts[fact.key] = fact
        self.spent = self.spent.plus(fact)
        self.done += 1

    async def _hold_back(self, exc: Permanent, enough: int) -> None:
        """A failure counts only once something has succeeded; where the first ones all fail, nothing is recorded."""
        if self._succeeded.is_set():
            return
        self._early.append(exc)
        if len(self._early) >= enough:
            raise DoorClosed(
                f"The first {len(self._early)} questions all failed: {exc}. Nothing was recorded; change the flags or the "
                "server, then run the same command again."
            )
        await self._succeeded.wait()


@contextmanager
def opened(folder: Path) -> Iterator[Asking]:
    """An evaluation folder for asking; made where it is not there. Raises BadInput where another process writes to it."""
    folder.mkdir(parents=True, exist_ok=True)
    journal = Journal(folder / NAME)
    try:
        yield Asking(folder, journal)
    finally:
        journal.close()
