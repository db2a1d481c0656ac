"""Sending the requests of an evaluation: the journal first, then the engine; every reply is recorded once.

An evaluation's journal is the same kind of file as a run's (one writer; an incomplete last line is cut), with facts
only: `ReplyReceived` and `RequestFailed`. Each is filed under its key with the digest of its request, so running the
same command again sends only unanswered requests, and a changed model, prompt or setting is noticed before anything
is sent.
"""

import asyncio
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import reduce
from pathlib import Path
from typing import Final

from bootstruct.config.machine import Prices
from bootstruct.engines.base import Engine
from bootstruct.errors import JournalError, ReplayMismatchError
from bootstruct.io.trust import require_no_links
from bootstruct.journal.cost import total_price
from bootstruct.journal.events import ReplyReceived, RequestFailed
from bootstruct.journal.file import NAME, Journal, read_events
from bootstruct.journal.usage import Usage
from bootstruct.run.asking import EARLY_FAILURES, Asker, Fact, FailureHandling, task_for
from bootstruct.types import Prompt, digest_of

MOST_AT_ONCE: Final = 1024  # requests handed to the engine; how many are in flight is its own business


def read_facts(folder: Path) -> dict[str, Fact]:
    """The replies in an evaluation folder by key; empty if it has none yet. Raises JournalError at file:line."""
    path = folder / NAME
    facts: dict[str, Fact] = {}
    if path.is_file():
        for offset, event in read_events(path):
            if not isinstance(event, ReplyReceived | RequestFailed):
                kind = type(event).__name__
                raise JournalError(
                    f"{path}: at byte {offset} there is a {kind}; is this the journal of a run? Choose another --out folder."
                )
            facts[event.key] = event
    return facts


class EvaluationSession:
    """One evaluation's requests and replies.

    Attributes:
        facts: the replies and failures by key.
        usage: totals over the replies, by the model's name as the server reported it.
        total: requests of the evaluation.
        done: those that are answered, or failed for good.
    """

    def __init__(self, folder: Path, journal: Journal) -> None:
        self.folder, self.journal = folder, journal
        self.facts = read_facts(folder)
        self.usage: dict[str, Usage] = {}
        for fact in self.facts.values():
            self._count(fact)
        self.total = self.done = 0
        self.has_success = any(isinstance(fact, ReplyReceived) for fact in self.facts.values())

    def find(self, key: str) -> Fact | None:
        """The reply or failure recorded under a key."""
        return self.facts.get(key)

    def record(self, fact: Fact) -> None:
        """File a reply or a failure under its key."""
        self.journal.append(fact)
        self.facts[fact.key] = fact
        self._count(fact)
        self.done += 1
        self.has_success = self.has_success or isinstance(fact, ReplyReceived)

    @property
    def spent(self) -> Usage:
        """The use of all replies."""
        return reduce(Usage.plus, self.usage.values(), Usage())

    def cost(self, model: str, prices: Prices) -> float | None:
        """What the replies cost in US dollars; None if a price is not known.

        Args:
            model: the name that the requests were sent with.
            prices: US dollars per million tokens.
        """
        return total_price(((usage, reported, model) for reported, usage in self.usage.items()), prices)

    def _count(self, fact: Fact) -> None:
        if isinstance(fact, ReplyReceived):
            name = fact.reply.model
            self.usage[name] = self.usage.get(name, Usage()).plus(Usage.of(fact))

    def unanswered(self, questions: Mapping[str, Prompt], retry_failed: bool = False) -> list[tuple[str, Prompt]]:
        """The unanswered requests. Raises ReplayMismatchError if another request is recorded under a key."""
        left = []
        for key, prompt in questions.items():
            fact = self.facts.get(key)
            if fact is not None and fact.digest != digest_of(prompt):
                raise ReplayMismatchError(self._mismatch(key))
            if fact is None or (isinstance(fact, RequestFailed) and retry_failed):
                left.append((key, prompt))
        return left

    async def ask_all(
        self, questions: Mapping[str, Prompt], engine: Engine, retry_failed: bool = False, at_once: int = MOST_AT_ONCE
    ) -> None:
        """Get every request answered, or failed for good (see `facts`). Raises the error that stops the engine."""
        left = self.unanswered(questions, retry_failed)
        self.total, self.done = len(questions), len(questions) - len(left)
        rules = FailureHandling(
            enough=lambda in_flight: min(EARLY_FAILURES, len(left)),
            mismatch=lambda key, recorded, now: self._mismatch(key),
            remedy="change the flags or the server",
            is_timed=False,
        )
        asker, queue = Asker(self, engine, rules, retry_failed=retry_failed), iter(left)
        tasks = [task_for(_work(queue, asker)) for _ in range(min(at_once, len(left)))]
        if not tasks:
            return
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_EXCEPTION)
        finally:
            ended = [task for task in tasks if task.done()]
            for task in tasks:
                task.cancel()
            await asyncio.wait(tasks)  # what is in flight is paid for: its reply is still recorded
        for task in ended:
            task.result()

    def _mismatch(self, key: str) -> str:
        return (
            f"{self.folder}: {key} was sent before with another model, prompt, sampling or input; give the same flags as "
            "before, or another --out folder."
        )


async def _work(queue: Iterator[tuple[str, Prompt]], asker: Asker) -> None:
    own = asyncio.current_task()
    for key, prompt in queue:
        await asker.ask(key, prompt)
        if own is not None and own.cancelling():
            return


@contextmanager
def opened(folder: Path) -> Iterator[EvaluationSession]:
    """An evaluation folder for requests, made if missing. Raises InputError if another process writes to it."""
    require_no_links(folder)
    folder.mkdir(parents=True, exist_ok=True)
    journal = Journal(folder / NAME)
    try:
        yield EvaluationSession(folder, journal)
    finally:
        journal.close()
