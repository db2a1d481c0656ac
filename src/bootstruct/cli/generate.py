"""bootstruct generate."""

import contextlib
import dataclasses
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from bootstruct.cli.echo import echo, echo_json
from bootstruct.cli.serve_option import serve, serving
from bootstruct.cli.shared_options import (
    concurrency,
    max_cost,
    number_option,
    ray_actors,
    ray_address,
    server_option,
    timeout,
    trust_remote_code,
)
from bootstruct.cli.trust_option import confirmed, trust
from bootstruct.errors import InputError, RunStoppedError

if TYPE_CHECKING:
    from bootstruct.api.generation import GenerateResult
    from bootstruct.engines.build import BatchOptions
    from bootstruct.history.rewrite import Api

FOLDER = click.Path(path_type=Path)


@click.command("generate", short_help="Grow the pool and write instances; running it again resumes.")
@click.argument("run", type=FOLDER)
@number_option(
    "--tasks",
    "Stop at N accepted instructions, all of them completed. [default: 100, or all existing ones if there are more]",
)
@number_option("--instances", "Stop at N instances that passed the recipe's checks.")
@click.option(
    "--steer",
    is_flag=True,
    help="Deal hints towards topics, kinds and lengths of which the run has few tasks. Fixed when the run begins.",
)
@click.option("--no-grow", is_flag=True, help="Request no new instructions; complete those that are accepted.")
@number_option(
    "--ahead",
    "Let at most about N accepted tasks be incomplete while the pool grows. [default: follows the requests in flight]",
)
@concurrency
@click.option("--max-requests", type=click.IntRange(1), help="Stop before the whole run has more replies than this.")
@click.option("--max-tokens", type=click.IntRange(1), help="Stop before the whole run has used more tokens than this.")
@max_cost
@server_option("; repeat the option for several equal servers", multiple=True)
@serve
@click.option(
    "--engine",
    metavar="ENGINE",
    help="Use another engine than the recipe names: openai, hf, or recorded:RUN for a run's replies.",
)
@timeout
@number_option(
    "--thinking-tokens",
    "Allow replies N more tokens for a model's thoughts. [default: determined from the replies]",
    least=0,
)
@trust_remote_code
@trust
@ray_address
@ray_actors
@click.option(
    "--reuse",
    type=FOLDER,
    multiple=True,
    help="Reuse the replies of this run to equal requests, free of charge; may be repeated.",
)
@click.option(
    "--batch", is_flag=True, help="Use the server's batch API for requests that can wait: half the price, up to a day."
)
@click.option(
    "--batch-file", type=FOLDER, metavar="OUT.jsonl", help="Write the requests that can wait to a file, and stop."
)
@click.option(
    "--batch-results",
    type=FOLDER,
    metavar="IN.jsonl",
    multiple=True,
    help="Read the replies to them, as vllm run-batch writes them.",
)
@click.option(
    "--retry-failed",
    is_flag=True,
    help="Send requests about tasks again if they failed for good, or if their replies were cut or could not be read.",
)
@click.option(
    "--ignore-stall",
    is_flag=True,
    help="Continue although the last 100 requests brought no new instruction, or the last 100 tasks no instance.",
)
@click.option(
    "--log",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="Append a JSON object per line for each request, without prompts and replies.",
)
@click.option(
    "--trace",
    is_flag=True,
    help="Send an OpenTelemetry span per request to OTEL_EXPORTER_OTLP_ENDPOINT (extra `trace`).",
)
@click.option("--quiet", is_flag=True, help="Print nothing but errors and the result.")
@click.option("--json", "as_json", is_flag=True, help="Print the result as one JSON object.")
@click.option("--rejudge", type=FOLDER, hidden=True)  # now `init NEW --rejudge OLD`
@click.option("--rewrite-outputs", type=FOLDER, hidden=True)  # now `init NEW --rewrite-outputs OLD --model M`
@click.option("--model", hidden=True)
@click.option("--api", type=click.Choice(["text", "chat"]), hidden=True)
def generate_command(
    run: Path,
    batch: bool,
    batch_file: Path | None,
    batch_results: tuple[Path, ...],
    rejudge: Path | None,
    rewrite_outputs: Path | None,
    model: str | None,
    api: "Api | None",
    reuse: tuple[Path, ...],
    no_grow: bool,
    serve: str | None,
    quiet: bool,
    as_json: bool,
    **options: Any,
) -> None:
    """Grow the pool of RUN to --tasks accepted instructions, each with its task type and instances.

    Running the same command again resumes: recorded replies are read from the journal and never paid twice. A higher
    --tasks extends the run. Ctrl-C stops it and saves everything. The key comes from the environment variable that `key_env` in
    machine.yaml names (OPENAI_API_KEY unless it is set).

    \b
    Examples:
      bootstruct generate runs/a --tasks 50
      bootstruct generate runs/a --tasks 1000 --max-cost 5
      bootstruct generate runs/a --instances 5000
      bootstruct generate runs/a --tasks 1000 --steer   (hints towards thin topics)
      bootstruct generate runs/a --no-grow              (completes what is accepted)
      bootstruct generate runs/b --base-url http://127.0.0.1:8000/v1 --concurrency 64
      bootstruct generate runs/b --serve vllm       (starts it, and stops it at the end)
      bootstruct generate runs/b --batch            (if interrupted, run it again: it continues)
      bootstruct generate runs/b --tasks 50000 --log run.log --quiet --json    (unattended)
      bootstruct generate runs/c --reuse runs/a     (after changing prompts: replies to equal requests are free)
    """
    from bootstruct.api.generation import generate
    from bootstruct.cli.progress import ProgressDisplay, trouble
    from bootstruct.run.closing import closing_summary

    _begin(run, rejudge, rewrite_outputs, model, api or "", options["base_url"])
    if rejudge is not None and options["tasks"] is None and options["instances"] is None:
        echo(f"Next: bootstruct generate {run}, with --tasks N to grow the pool")
        return
    options["grow"] = not no_grow
    options["reuse"] = (*reuse, *((rejudge,) if rejudge else ()))
    options["batch"] = _batch_options(run, batch, batch_file, batch_results)
    display = ProgressDisplay(quiet)
    try:
        with serving(run, serve, options["base_url"], options["engine"], quiet) as options["base_url"]:
            options["trust"] = confirmed(run, options["trust"], options)
            with display, _tracing(options["trace"]):
                result = generate(run, on_progress=display.update, **options)
    except KeyboardInterrupt:
        if display.last is not None:
            echo(closing_summary(display.last, run), err=True)
            if errors := trouble(display.last):
                echo(errors, err=True)
        raise
    _print_result(result, as_json)


def _print_result(result: "GenerateResult", as_json: bool) -> None:
    """Print the result of a session, and the reasons for exit code 1 on stderr. Raises RunStoppedError and Exit."""
    if as_json:
        row = {"is_complete": result.is_complete, "stopped": result.stopped, "next": result.next_commands}
        echo_json(row | dataclasses.asdict(result.progress))
        for sentence in result.went_wrong:
            echo(f"More than half went wrong: {sentence}", err=True)
    else:
        echo(result.summary, err=bool(result.stopped or result.went_wrong))
    if result.stopped:
        raise RunStoppedError(result.stopped)
    if result.went_wrong:
        raise click.exceptions.Exit(1)


@contextlib.contextmanager
def _tracing(wanted: bool) -> Iterator[None]:
    """Send spans within the block to the place that the user's environment names, and the remaining ones at its end."""
    if not wanted:
        yield
        return
    from bootstruct.engines.observing.tracing import set_up_tracing

    shut_down = set_up_tracing()
    try:
        yield
    finally:
        shut_down()


def _begin(
    run: Path, rejudge: Path | None, rewrite: Path | None, model: str | None, api: "Api", base_url: tuple[str, ...]
) -> None:
    """The old spelling of `init --rejudge` and `init --rewrite-outputs`; no effect if the run began in this way."""
    if rewrite is not None and rejudge is None:
        from bootstruct.cli.init import echo_rewritten
        from bootstruct.history.derived_runs import init_rewritten

        echo_rewritten(init_rewritten(run, rewrite, model, api, base_url), rewrite, str(model))
    elif rewrite is not None or model or api:
        raise InputError("--model and --api belong to --rewrite-outputs OLD, which cannot be combined with --rejudge.")
    elif rejudge is not None:
        from bootstruct.cli.init import rejudgement_in_words
        from bootstruct.history.rejudge import rejudge as judge_again

        if not run.is_dir():
            raise InputError(f"{run}: no such run folder; `bootstruct init {run} --rejudge {rejudge}` makes one.")
        echo(rejudgement_in_words(judge_again(run, rejudge), rejudge), err=True)


def _batch_options(run: Path, batch: bool, out: Path | None, results: tuple[Path, ...]) -> "BatchOptions | None":
    from bootstruct.engines.build import BatchOptions

    is_offline = out is not None or bool(results)
    if batch and is_offline:
        raise InputError(
            "--batch uses a server's batch API, --batch-file and --batch-results do not; give one or the other."
        )
    return BatchOptions(run, is_offline, out, results) if batch or is_offline else None
