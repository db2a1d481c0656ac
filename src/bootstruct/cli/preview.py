"""bootstruct preview."""

import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING

import click

from bootstruct.cli.echo import StyledText, echo, echo_json, styled
from bootstruct.cli.shared_options import number_option, ray_address, server_option
from bootstruct.cli.shared_options import trust_remote_code as trust_remote_code_option
from bootstruct.cli.trust_option import confirmed
from bootstruct.cli.trust_option import trust as trust_option
from bootstruct.errors import InputError
from bootstruct.render.numbers import duration, money, number

if TYPE_CHECKING:
    from bootstruct.history.estimate import Estimate, PreviewedRequest

LONGEST_PROMPT, SHOWN_LINES = 24, 8  # lines of a prompt shown whole; lines shown of each end of a longer one
STEPS = {
    "propose": "new instructions",
    "kind": "task type: is it classification?",
    "kinds": "task types of all tasks of a request",
    "instances": "instances",
    "rewrite": "a rewritten output",
}


@click.command("preview", short_help="Show a few requests in full and estimate what the run will take.")
@click.argument("run", type=click.Path(path_type=Path))
@number_option("--requests", "Send N requests for instructions.", most=5, default=2)
@number_option("--tasks", "Estimate a run of N accepted instructions.", default=1000)
@server_option()
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
    engine: str | None,
    trust_remote_code: bool,
    trust: bool,
    ray_address: str | None,
    full: bool,
    as_json: bool,
) -> None:
    """Send the first requests of RUN, show each prompt, its reply and what was parsed from it, and estimate the run.

    Lines of a prompt begin with "|", lines of a reply with ">". The replies are kept: `generate` reuses them free.

    \b
    Example:
      bootstruct preview runs/a --tasks 5000
    """
    from bootstruct.api.tools import preview
    from bootstruct.history.estimate import NOTHING_ACCEPTED

    flags = {"engine": engine, "trust_remote_code": trust_remote_code, "ray_address": ray_address}
    flags["trust"] = confirmed(run, trust, flags | {"base_url": (base_url,) if base_url else ()})
    result = preview(run, requests, tasks, base_url=base_url, **flags)  # type: ignore[arg-type]
    if as_json:
        echo_json(dataclasses.asdict(result))
    else:
        for count, request in enumerate(result.requests, 1):
            _print_request(request, f"Request {count} of {len(result.requests)}", full)
    if result.estimate is None:
        raise InputError(NOTHING_ACCEPTED)
    if not as_json:
        _print_estimate(result.estimate)
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
    for rejection in request.rejected:
        pair = f"{rejection.instance.input!r} -> {rejection.instance.output!r}"
        lines.append((rejected, f"{pair}  [{rejection.rule}]"))
    return lines


def _print_estimate(estimate: "Estimate") -> None:
    echo(
        f"Estimate for {number(estimate.tasks)} accepted instructions (later requests bring less than the first)",
        bold=True,
    )
    echo(
        f"  {number(estimate.requests)} requests, {number(estimate.instruction_requests)} of them for new instructions"
    )
    echo(f"  {number(estimate.prompt_tokens)} prompt + {number(estimate.completion_tokens)} reply tokens")
    unknown = "cost not known: set `prices:` in machine.yaml"
    echo(f"  {unknown if estimate.cost is None else f'{money(estimate.cost)} at list price'}")
    if estimate.seconds is not None:
        from bootstruct.history.estimate import ASSUMED_CONCURRENCY

        echo(f"  {duration(estimate.seconds)} with {ASSUMED_CONCURRENCY} requests in flight")
