"""What the commands of `evaluate` that ask a model share: flags, the engine, what is shown meanwhile."""

import asyncio
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from bootstruct.cli.cluster import ray_actors, ray_address
from bootstruct.cli.grow import Concurrency
from bootstruct.errors import BadInput, StoppedShort

if TYPE_CHECKING:
    from bootstruct.domain import Prompt, Sampling
    from bootstruct.engines.budgeted import Limits
    from bootstruct.evaluate.asking import Asking, Fact, Spent
    from bootstruct.evaluate.predict import Api
    from bootstruct.settings import Machine, Prices

FOLDER = click.Path(path_type=Path)
LINE_SECONDS = 10.0
Command = TypeVar("Command", bound=Callable[..., Any])

_FLAGS = (
    click.option(
        "--api", type=click.Choice(["chat", "text"]), help="How it is asked. [default: chat for servers, else text]"
    ),
    click.option(
        "--new-tokens", type=click.IntRange(1), default=1024, show_default=True, help="Longest answer, in tokens."
    ),
    click.option("--temperature", type=click.FloatRange(0), default=0.0, show_default=True, help="0 is greedy."),
    click.option("--base-url", metavar="URL", help="The server, as in http://127.0.0.1:8000/v1."),
    click.option(
        "--concurrency", type=Concurrency(), help="Questions in flight; auto finds the level. [default: auto]"
    ),
    click.option("--timeout", type=click.FloatRange(0, min_open=True), help="Seconds a call may take. [default: 120]"),
    click.option(
        "--max-requests", type=click.IntRange(1), help="Stop before more replies than this, over the whole folder."
    ),
    click.option(
        "--max-tokens", type=click.IntRange(1), help="Stop before more tokens than this, over the whole folder."
    ),
    click.option("--max-cost", type=click.FloatRange(0, min_open=True), help="Stop before more US dollars than this."),
    click.option("--trust-remote-code", is_flag=True, help="Run the code that a local model (hf/) brings along."),
    ray_address,
    ray_actors,
    click.option("--batch", is_flag=True, help="Ask by the server's batch API: half the price, within a day."),
    click.option("--retry-failed", is_flag=True, help="Ask again what failed for good."),
    click.option("--quiet", is_flag=True, help="Say nothing but errors and the result."),
)
_NAMES = (
    "api", "new_tokens", "temperature", "base_url", "concurrency", "timeout", "max_requests", "max_tokens", "max_cost",
    "trust_remote_code", "ray_address", "ray_actors", "batch", "retry_failed", "quiet",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Reach:
    """How a model is reached and asked: the flags."""

    api: "Api | None"
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
    quiet: bool

    def sampling(self) -> "Sampling":
        from bootstruct.domain import Sampling

        return Sampling(temperature=self.temperature, max_tokens=self.new_tokens)

    def api_of(self, engine: str) -> "Api":
        """Servers are asked by chat, models on this machine by text, unless a flag says otherwise."""
        return self.api or ("chat" if engine.partition(":")[0] in ("openai", "recorded") else "text")


def asking_flags(command: Command) -> Command:
    """Adds the flags to a command, which gets them as one argument `reach`."""

    def with_reach(**flags: Any) -> Any:
        reach = Reach(**{name: flags.pop(name) for name in _NAMES})
        return command(reach=reach, **flags)

    with_reach.__name__, with_reach.__doc__ = command.__name__, command.__doc__
    decorated: Any = with_reach
    for flag in reversed(_FLAGS):
        decorated = flag(decorated)
    decorated.__click_params__ = [*getattr(command, "__click_params__", []), *decorated.__click_params__]
    return decorated  # type: ignore[no-any-return]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What is known now. stopped: why not everything could be asked, to be raised once the rest is shown."""

    facts: "Mapping[str, Fact]"
    spent: "Spent"
    cost: float | None
    stopped: StoppedShort | None


def ask(folder: Path, questions: "Mapping[str, Prompt]", engine: str, name: str, reach: Reach) -> Outcome:
    """Ask what the folder's journal does not answer yet. Raises BootstructError; StoppedShort comes in the outcome."""
    from bootstruct.engines.budgeted import Limits
    from bootstruct.settings import read_machine

    url = (reach.base_url,) if reach.base_url else None
    ray = {"ray_address": reach.ray_address, "ray_actors": reach.ray_actors}
    speed = {"concurrency": reach.concurrency, "timeout": reach.timeout}
    trust = reach.trust_remote_code
    machine = read_machine(None, engine=engine, base_url=url, trust_remote_code=trust, **speed, **ray)
    if reach.max_cost is not None and machine.prices.of(name) is None:
        raise BadInput(
            f"--max-cost: the price of {name!r} is not known; set `prices:` in the settings file, or --max-tokens."
        )
    limits = Limits(reach.max_requests, reach.max_tokens, reach.max_cost)
    return asyncio.run(_ask(folder, questions, machine, limits, reach, name))


async def _ask(
    folder: Path, questions: "Mapping[str, Prompt]", machine: "Machine", limits: "Limits", reach: Reach, name: str
) -> Outcome:
    from bootstruct.engines.batch_lines import MOST_REQUESTS
    from bootstruct.engines.budgeted import Amount
    from bootstruct.engines.build import ByBatch, open_engine
    from bootstruct.evaluate.asking import MOST_AT_ONCE, opened

    with opened(folder) as asking:
        stopped = None
        if asking.unanswered(questions, reach.retry_failed):
            used, cost = asking.spent, _cost(asking.facts, machine.prices, name)
            spent = Amount(used.requests, used.prompt_tokens + used.completion_tokens, cost or 0.0)
            stack = open_engine(machine, limits, spent, ByBatch(folder) if reach.batch else None)
            batches = stack.batches.told if stack.batches else str
            shown = asyncio.create_task(
                _tell(asking, folder, lambda: _cost(asking.facts, machine.prices, name), batches, reach.quiet)
            )
            try:
                at_once = MOST_REQUESTS if reach.batch else MOST_AT_ONCE
                await asking.ask_all(questions, stack.engine, reach.retry_failed, at_once)
            except StoppedShort as exc:
                stopped = exc
            finally:
                shown.cancel()
                await stack.engine.aclose()
        return Outcome(asking.facts, asking.spent, _cost(asking.facts, machine.prices, name), stopped)


async def _tell(
    asking: "Asking", folder: Path, cost: Callable[[], float | None], batches: Callable[[], str], quiet: bool
) -> None:
    """How many, how fast, how long still: a line kept up to date on a terminal, one now and then elsewhere."""
    from bootstruct.cli.tables import money
    from bootstruct.status import duration

    await asyncio.sleep(0)
    began, start, live = time.monotonic(), asking.done, sys.stderr.isatty()
    try:
        while not quiet:
            await asyncio.sleep(0.5 if live else LINE_SECONDS)
            rate = (asking.done - start) / (time.monotonic() - began)
            left = f"{duration((asking.total - asking.done) / rate)} left" if rate else "time left not known yet"
            tokens = asking.spent.prompt_tokens + asking.spent.completion_tokens
            spent = f", {money(dollars)}" if (dollars := cost()) else ""
            line = f"{asking.done:,}/{asking.total:,} answered, {rate:.1f} replies/s, {tokens:,} tokens{spent}, {left}"
            line += f"; {under_way}" if (under_way := batches()) else ""
            click.echo(f"\r\x1b[K{folder.name}: {line}" if live else f"{folder.name}: {line}", err=True, nl=not live)
    finally:
        if live and not quiet:
            click.echo("\r\x1b[K", err=True, nl=False)


def _cost(facts: "Mapping[str, Fact]", prices: "Prices", name: str) -> float | None:
    """US dollars at list price over all replies of the model `name`; None where the price is not known."""
    from bootstruct.events import Replied

    total = 0.0
    for fact in facts.values():
        if isinstance(fact, Replied):
            reply = fact.reply
            known = reply.model if prices.of(reply.model) else name
            cost = prices.cost(known, reply.prompt_tokens, reply.completion_tokens)
            if cost is None:
                return None
            total += cost * (prices.batch_factor if reply.via == "batch" else 1)
    return total
