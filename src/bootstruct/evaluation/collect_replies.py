"""The replies that an evaluation needs: recorded ones are reused free, the others are requested from the model."""

import asyncio
import difflib
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypedDict

from bootstruct.config.machine import MachineSettings, read_machine
from bootstruct.engines.base import Engine
from bootstruct.engines.batch.lines import MOST_REQUESTS
from bootstruct.engines.build import BatchOptions, EngineStack, open_engine
from bootstruct.engines.traffic.budgeted import BudgetAmount, BudgetLimits
from bootstruct.engines.traffic.retrying import FailureStreak
from bootstruct.errors import InputError, RunStoppedError
from bootstruct.evaluation.asking import MOST_AT_ONCE, EvaluationSession, opened
from bootstruct.evaluation.predict import Api
from bootstruct.journal.usage import Usage
from bootstruct.run.asking import Fact
from bootstruct.run.init import split_model
from bootstruct.types import Prompt, Sampling

PROGRESS_SECONDS = 0.5  # between two calls of on_progress


@dataclass(frozen=True, slots=True)
class EvaluationProgress:
    """The progress of an evaluation.

    Attributes:
        folder: the evaluation folder of the model that is asked.
        done: requests that are answered, or failed for good.
        total: requests of the evaluation.
        replies_per_second: how fast replies come.
        prompt_tokens: tokens of all prompts so far.
        completion_tokens: tokens of all replies so far.
        cost: US dollars so far; None if the price is not known.
        seconds: since the first request.
        seconds_left: how long the rest will take; None until it can be estimated.
        batches: what the server's batch API is doing, in words; empty if it is not used.
        failure_streak: what the server answers instead of replies; None if the last answer was a reply.
    """

    folder: Path
    done: int
    total: int
    replies_per_second: float
    prompt_tokens: int
    completion_tokens: int
    cost: float | None
    seconds: float
    seconds_left: float | None
    batches: str = ""
    failure_streak: FailureStreak | None = None


OnEvaluationProgress = Callable[[EvaluationProgress], object]


class ModelOptions(TypedDict, total=False):
    """How a model is reached and used; every option may be left out.

    Attributes:
        engine: an engine of your own, for a model that is named `python/NAME`.
        api: `chat` or `text`; by default, servers get chat requests and models on this machine get text.
        new_tokens: the longest answer in tokens (1,024).
        temperature: the sampling temperature (0, which decodes greedily).
        base_url: the server.
        concurrency: requests in flight; by default it adapts to the server.
        timeout: seconds that a request may take (120).
        max_requests: stop before more replies than this, over the whole evaluation folder.
        max_tokens: stop before more tokens than this, over the whole evaluation folder.
        max_cost: stop before more US dollars than this, over the whole evaluation folder.
        trust_remote_code: run the code that comes with a model.
        ray_address: the Ray cluster, for `ray/` models.
        ray_actors: how many Ray actors: (least,) or (least, most).
        batch: use the server's batch API: half the price, up to a day.
        retry_failed: send requests again that failed for good.
        on_progress: called with an `EvaluationProgress` twice per second and once at the end.
    """

    engine: Engine | None
    api: Api | None
    new_tokens: int
    temperature: float
    base_url: str | None
    concurrency: int | None
    timeout: float | None
    max_requests: int | None
    max_tokens: int | None
    max_cost: float | None
    trust_remote_code: bool
    ray_address: str | None
    ray_actors: tuple[int, ...] | None
    batch: bool
    retry_failed: bool
    on_progress: OnEvaluationProgress | None


@dataclass(frozen=True, slots=True)
class AskedModel:
    """A model and how it is used.

    Attributes:
        given: its name as the user gave it, as in `openai/gpt-4.1-mini`.
        engine: the engine, as in `openai`.
        name: its name as the engine knows it.
        api: `chat` or `text`.
        sampling: how its replies are drawn.
    """

    given: str
    engine: str
    name: str
    api: Api
    sampling: Sampling


def asked_model(given: str, options: ModelOptions) -> AskedModel:
    """Read the name of a model and how it is used.

    Raises:
        InputError: no engine is named, or an option is unknown or out of range.

    Example:
        >>> model = asked_model("openai/gpt-4.1-mini", {"new_tokens": 50})
        >>> model.name, model.api, model.sampling.max_tokens
        ('gpt-4.1-mini', 'chat', 50)
    """
    for option in options:
        if option not in ModelOptions.__annotations__:
            near = difflib.get_close_matches(option, ModelOptions.__annotations__, 1)
            known = f"did you mean {near[0]}?" if near else f"known are {', '.join(ModelOptions.__annotations__)}."
            raise InputError(f"{option}: no such option; {known}")
    engine, name = split_model(given)
    new_tokens, temperature = options.get("new_tokens", 1024), options.get("temperature", 0.0)
    if new_tokens < 1:
        raise InputError(f"new_tokens: must be at least 1, not {new_tokens}.")
    if temperature < 0:
        raise InputError(f"temperature: must be at least 0, not {temperature:g}.")
    usual: Api = "chat" if engine.partition(":")[0] in ("openai", "recorded") else "text"
    sampling = Sampling(temperature=temperature, max_tokens=new_tokens)
    return AskedModel(given, engine, name, options.get("api") or usual, sampling)


@dataclass(frozen=True, slots=True)
class CollectedReplies:
    """The replies to the requests of an evaluation.

    Attributes:
        facts: the replies and failures by key.
        spent: the use of all replies in the folder.
        cost: the same in US dollars; None if the price is not known.
        stopped: why not every request was answered, in a sentence; else empty.
    """

    facts: Mapping[str, Fact]
    spent: Usage
    cost: float | None
    stopped: str = ""


async def collect_replies(
    folder: Path, requests: Mapping[str, Prompt], model: AskedModel, options: ModelOptions
) -> CollectedReplies:
    """Get every request answered: by the folder's journal, else by the model.

    Args:
        folder: the evaluation folder; made if it is not there.
        requests: the requests by key.
        model: the model.
        options: how it is reached, the budget, and what is called meanwhile.

    Returns:
        The replies. A budget or a long silence of the server ends it early, with `stopped` set and everything saved.

    Raises:
        InputError: an option cannot be used, or the folder contains other requests.
        EngineUnavailableError: no key, no permission, unknown model, or the server cannot be reached.
    """
    machine = _machine(model, options)
    limits = BudgetLimits(options.get("max_requests"), options.get("max_tokens"), options.get("max_cost"))
    if limits.cost is not None and machine.prices.of(model.name) is None:
        raise InputError(
            f"--max-cost: the price of {model.name!r} is not known; set `prices:` in the settings file, or --max-tokens."
        )
    if model.engine == "python" and options.get("engine") is None:
        raise InputError(
            f"{model.given}: an engine written in Python is given from Python, as in "
            "`bootstruct.evaluate.user_tasks(MODEL, engine=my_engine)`."
        )
    is_batch, retry_failed = options.get("batch", False), options.get("retry_failed", False)
    with opened(folder) as session:
        stopped = ""
        if left := session.unanswered(requests, retry_failed):
            used, cost = session.spent, session.cost(model.name, machine.prices)
            spent = BudgetAmount(used.requests, used.tokens, cost or 0.0)
            stack = open_engine(
                machine, limits, spent, BatchOptions(folder) if is_batch else None, options.get("engine")
            )
            try:
                reused = len(requests) - len(left)
                with _watched(session, stack, model.name, machine, reused, options.get("on_progress")):
                    at_once = MOST_REQUESTS if is_batch else MOST_AT_ONCE
                    await session.ask_all(requests, stack.engine, retry_failed, at_once)
            except RunStoppedError as exc:
                stopped = str(exc)
            finally:
                await stack.engine.aclose()
        return CollectedReplies(session.facts, session.spent, session.cost(model.name, machine.prices), stopped)


def _machine(model: AskedModel, options: ModelOptions) -> MachineSettings:
    """How the model is reached: the options over the user's settings."""
    url = options.get("base_url")
    names = ("concurrency", "timeout", "trust_remote_code", "ray_address", "ray_actors")
    flags: dict[str, Any] = {name: options.get(name) for name in names}
    return read_machine(None, engine=model.engine, base_url=(url,) if url else None, **flags)


@contextmanager
def _watched(
    session: EvaluationSession,
    stack: EngineStack,
    name: str,
    machine: MachineSettings,
    reused: int,
    on_progress: OnEvaluationProgress | None,
) -> Iterator[None]:
    """Call `on_progress` from time to time while the block runs, and once at its end.

    Args:
        session: the requests.
        stack: the engine.
        name: the model's name as the engine knows it.
        machine: the prices.
        reused: requests that were answered before.
        on_progress: what is called.
    """
    if on_progress is None:
        yield
        return
    began = time.monotonic()

    def snapshot() -> EvaluationProgress:
        seconds, spent = time.monotonic() - began, session.spent
        rate = (session.done - reused) / seconds if seconds else 0.0
        left = (session.total - session.done) / rate if rate else None
        return EvaluationProgress(
            session.folder, session.done, session.total, rate, spent.prompt_tokens, spent.completion_tokens,
            session.cost(name, machine.prices), seconds, left, stack.batches.in_words() if stack.batches else "",
            stack.retrying.failure_streak,
        )  # fmt: skip

    async def watch() -> None:
        while True:
            await asyncio.sleep(PROGRESS_SECONDS)
            on_progress(snapshot())

    watching = asyncio.create_task(watch())
    try:
        yield
    finally:
        watching.cancel()
        on_progress(snapshot())
