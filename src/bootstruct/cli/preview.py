"""bootstruct preview."""

import dataclasses
import math
from pathlib import Path
from typing import TYPE_CHECKING

import click

from bootstruct.cli.echo import StyledText, echo, echo_json, styled
from bootstruct.cli.serve_option import serve as serve_option
from bootstruct.cli.serve_option import serving
from bootstruct.cli.shared_options import number_option, ray_address, server_option
from bootstruct.cli.shared_options import trust_remote_code as trust_remote_code_option
from bootstruct.cli.trust_option import confirmed
from bootstruct.cli.trust_option import trust as trust_option
from bootstruct.errors import InputError, RunStoppedError
from bootstruct.render.numbers import duration, money, number

if TYPE_CHECKING:
    from collections.abc import Callable

    from bootstruct.history.estimate import Estimate, PreviewedRequest, Range

LONGEST_PROMPT, SHOWN_LINES = 24, 8  # lines of a prompt shown whole; lines shown of each end of a longer one
STEPS = {
    "propose": "new instructions",
    "kind": "task type: is it classification?",
    "kinds": "task types of all tasks of a request",
    "instances": "instances",
    "rewrite": "a rewritten output",
    "user": "the user's next turn",
    "assistant": "the assistant's answer to it",
}


@click.command("preview", short_help="Show a few requests in full and estimate what the run will take.")
@click.argument("run", type=click.Path(path_type=Path))
@number_option("--requests", "Send N requests for instructions.", most=5, default=2)
@number_option("--tasks", "Estimate a run of N accepted instructions.", default=1000)
@server_option()
@serve_option
@click.option("--engine", metavar="ENGINE", help="Another engine for the preview: openai, hf, or recorded:RUN.")
@trust_remote_code_option
@trust_option
@ray_address
@click.option("--full", is_flag=True, help="Show long prompts in full instead of their beginning and end.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def preview_command(
    run: Path,
    requests: int,
    tasks: int,
    base_url: str | None,
    serve: str | None,
    engine: str | None,
    trust_remote_code: bool,
    trust: bool,
    ray_address: str | None,
    full: bool,
    as_json: bool,
) -> None:
    """Send the first requests of RUN, show each prompt, its reply and what was parsed from it, and estimate the run.

    Lines of a prompt begin with "|", lines of a reply with ">". The replies are kept: `generate` reuses them free.
    The estimate has intervals from the variation among the replies; more --requests make them narrower.

    \b
    Example:
      bootstruct preview runs/a --tasks 5000
    """
    from bootstruct.api.tools import preview
    from bootstruct.history.estimate import NOTHING_ACCEPTED, NOTHING_USABLE

    flags = {"engine": engine, "trust_remote_code": trust_remote_code, "ray_address": ray_address}
    with serving(run, serve, (base_url,) if base_url else (), engine, as_json) as addresses:
        flags["trust"] = confirmed(run, trust, flags | {"base_url": addresses})
        result = preview(run, requests, tasks, base_url=next(iter(addresses), None), **flags)  # type: ignore[arg-type]
    if as_json:
        echo_json(dataclasses.asdict(result))
    else:
        for count, request in enumerate(result.requests, 1):
            _print_request(request, f"Request {count} of {len(result.requests)}", full)
    for warning in result.warnings:
        echo(f"warning: {warning}", err=True)
    if result.estimate is None:
        raise InputError(NOTHING_ACCEPTED)
    if not as_json:
        _print_estimate(result.estimate)
    if not result.has_usable_instances:
        raise RunStoppedError(NOTHING_USABLE)
    if not as_json:
        echo(f"Next: bootstruct generate {run} --tasks {tasks}")


def _print_request(request: "PreviewedRequest", title: str, full: bool) -> None:
    """Print a prompt, its reply and what was parsed from it, each under a heading of its own."""
    step = STEPS.get(request.step.partition("/")[0], request.step)
    echo(f"{title}: {step} ({request.subject})", bold=True)
    echo("Prompt", underline=True)
    for line in _shortened(request.prompt.split("\n"), full):
        echo("  ", styled("|", dim=True), f" {line}".rstrip())
    if request.reply is None:
        echo("Reply: none, the request failed for good", fg="red")
        echo()
        return
    reply = request.reply
    echo(
        styled("Reply", underline=True),
        f" ({number(reply.prompt_tokens)} prompt + "
        f"{number(reply.completion_tokens)} reply tokens, finish reason: {reply.finish})",
    )
    for line in reply.text.rstrip("\n").split("\n"):
        echo("  ", styled(">", dim=True), " " if line.rstrip() else "", styled(line.rstrip(), fg="cyan"))
    if request.unread:
        echo(f"Nothing could be read from it: {request.unread}", fg="yellow")
    parsed = list(_parsed_lines(request))
    if parsed:
        echo("Parsed", underline=True)
    for mark, line in parsed:
        echo("  ", mark, " ", line)
    echo()


def _shortened(lines: list[str], full: bool) -> list[str]:
    if full or len(lines) <= LONGEST_PROMPT:
        return lines
    left_out = f"... {len(lines) - 2 * SHOWN_LINES} more lines (--full shows them) ..."
    return [*lines[:SHOWN_LINES], left_out, *lines[-SHOWN_LINES:]]


def _parsed_lines(request: "PreviewedRequest") -> list[tuple[StyledText, str]]:
    """Return (mark, text) for each candidate or instance in a reply: kept or rejected, and by which rule."""
    kept, rejected = styled("kept    ", fg="green"), styled("rejected", fg="yellow")
    lines = []
    for verdict in request.verdicts:
        score = f" {verdict.score:.2f}" if verdict.score else ""
        rule = "" if verdict.kept else f"  [{verdict.rule}{score}]"
        lines.append((kept if verdict.kept else rejected, f"{verdict.text}{rule}"))
    for instance in request.instances:
        lines.append((kept, f"{instance.input!r} -> {instance.output!r}"))
        lines += [(kept, f"  then ({turn.intent}) {turn.user!r} -> {turn.assistant!r}") for turn in instance.turns]
    for rejection in request.rejected:
        pair = f"{rejection.instance.input!r} -> {rejection.instance.output!r}"
        lines.append((rejected, f"{pair}  [{rejection.rule}]"))
    return lines


def _print_estimate(estimate: "Estimate") -> None:
    echo(
        f"Estimate for {number(estimate.tasks)} accepted instructions (later requests yield less than the first)",
        bold=True,
    )
    first = f"{number(estimate.instruction_requests)} of them for new instructions"
    echo(f"  {number(estimate.requests)} requests, {first}{_between(estimate.requests_range, number)}")
    tokens = f"{number(estimate.prompt_tokens)} prompt + {number(estimate.completion_tokens)} reply tokens"
    echo(f"  {tokens}{_between(estimate.tokens_range, number)}")
    cost = f"{money(estimate.cost)} at list price{_between(estimate.cost_range, money)}"
    echo(f"  {'cost not known: set `prices:` in machine.yaml' if estimate.cost is None else cost}")
    if estimate.revisions is not None:
        tokens, price = f"{number(estimate.revision_tokens or 0)} tokens", money(estimate.revision_cost)
        more = f"{number(estimate.revisions)} requests for instructions more ({tokens}, {price})"
        echo(f"  at most {more} if the solvers reject every task in all its rounds")
    if estimate.seconds is not None:
        from bootstruct.history.estimate import ASSUMED_CONCURRENCY

        echo(f"  {duration(estimate.seconds)} with {ASSUMED_CONCURRENCY} requests in flight")
    if estimate.requests_range is None:
        echo("  no interval: one request for instructions shows no variation; --requests 5 narrows the estimate")
        return
    limits = f"--max-requests {math.ceil(estimate.requests_range[1])}"
    if estimate.tokens_range is not None:
        limits += f", --max-tokens {math.ceil(estimate.tokens_range[1])}"
    if estimate.cost_range is not None and estimate.cost:
        limits += f", --max-cost {_rounded_up(estimate.cost_range[1])}"
    echo(f"  as a limit: {limits} (upper ends of the intervals)")


def _between(found: "Range | None", shown: "Callable[[float], str]") -> str:
    """An interval as it follows an estimate; empty if there is none."""
    return "" if found is None else f"  (90%: {shown(found[0])} to {shown(found[1])})"


def _rounded_up(cost: float) -> str:
    """Dollars with two significant digits, rounded up."""
    step = 10 ** (math.floor(math.log10(cost)) - 1)
    return f"{math.ceil(cost / step) * step:g}"
