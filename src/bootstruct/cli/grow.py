"""bootstruct generate."""

import asyncio
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click

from bootstruct.cli.cluster import ray_actors, ray_address
from bootstruct.errors import BadInput, StoppedShort

if TYPE_CHECKING:
    from bootstruct.engines.budgeted import Limits
    from bootstruct.engines.build import ByBatch
    from bootstruct.events import State
    from bootstruct.rewriting import Api
    from bootstruct.settings import Machine

FOLDER = click.Path(path_type=Path)
BATCH_AHEAD = 50_000  # tasks begun at once by batch: a file's worth
MOST_UNKNOWN = 5  # words named of seeds that the pocket model does not know


class Concurrency(click.ParamType[int | None]):
    """A number of questions in flight, or `auto`."""

    name = "N|auto"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> int | None:
        if value == "auto":
            return None
        try:
            number = int(str(value))
        except ValueError:
            self.fail(f"{value!r} is neither a number nor `auto`.", param, ctx)
        if number < 1:
            self.fail("at least 1 question must be in flight.", param, ctx)
        return number


@click.command("generate", short_help="Grow the pool and write instances; running it again resumes.")
@click.argument("run", type=FOLDER)
@click.option("--tasks", type=click.IntRange(1), default=100, show_default=True, help="Accepted instructions to reach.")
@click.option("--concurrency", type=Concurrency(), help="Questions in flight; auto finds the level. [default: auto]")
@click.option("--max-requests", type=click.IntRange(1), help="Stop before more replies than this, over the whole run.")
@click.option("--max-tokens", type=click.IntRange(1), help="Stop before more tokens than this, over the whole run.")
@click.option("--max-cost", type=click.FloatRange(0, min_open=True), help="Stop before more US dollars than this.")
@click.option("--base-url", metavar="URL", multiple=True, help="The server; repeat it for several equal ones.")
@click.option(
    "--engine", metavar="ENGINE", help="Who answers instead: openai, hf, or recorded:RUN for another run's replies."
)
@click.option("--timeout", type=click.FloatRange(0, min_open=True), help="Seconds a call may take. [default: 120]")
@click.option("--trust-remote-code", is_flag=True, help="Run the code that a local model (hf/) brings along.")
@ray_address
@ray_actors
@click.option("--reuse", type=FOLDER, multiple=True, help="A run whose replies to the same questions are taken, free.")
@click.option(
    "--rejudge", type=FOLDER, metavar="OLD", help="Begin with OLD's replies, judged anew by this run's recipe."
)
@click.option(
    "--rewrite-outputs",
    type=FOLDER,
    metavar="OLD",
    help="RUN is new: OLD's tasks, their outputs written anew by --model.",
)
@click.option("--model", metavar="ENGINE/NAME", help="With --rewrite-outputs: who writes them.")
@click.option(
    "--api",
    type=click.Choice(["text", "chat"]),
    help="With it: how that model is asked. [default: as in OLD]",
)
@click.option("--batch", is_flag=True, help="Ask by the server's batch API what needs no order: half the price, a day.")
@click.option("--batch-file", type=FOLDER, metavar="OUT.jsonl", help="Write those questions to a file, and stop.")
@click.option(
    "--batch-results", type=FOLDER, metavar="IN.jsonl", multiple=True, help="Answers to them, as of vllm run-batch."
)
@click.option(
    "--retry-failed", is_flag=True, help="Ask again what failed for good while writing instances or checking them."
)
@click.option("--ignore-stall", is_flag=True, help="Go on although the last 100 requests brought nothing new.")
@click.option("--quiet", is_flag=True, help="Say nothing but errors and the result.")
def generate_command(
    run: Path,
    tasks: int,
    concurrency: int | None,
    max_requests: int | None,
    max_tokens: int | None,
    max_cost: float | None,
    base_url: tuple[str, ...],
    engine: str | None,
    timeout: float | None,
    trust_remote_code: bool,
    ray_address: str | None,
    ray_actors: tuple[int, ...] | None,
    reuse: tuple[Path, ...],
    rejudge: Path | None,
    rewrite_outputs: Path | None,
    model: str | None,
    api: "Api | None",
    batch: bool,
    batch_file: Path | None,
    batch_results: tuple[Path, ...],
    retry_failed: bool,
    ignore_stall: bool,
    quiet: bool,
) -> None:
    """Grow the pool of RUN to --tasks accepted instructions, each classified and with instances.

    Running the same command again resumes: whatever was answered is read from the journal, never asked again. A higher
    --tasks extends the run. Ctrl-C ends it in good order. The key comes from the environment (OPENAI_API_KEY).

    \b
    Examples:
      bootstruct generate runs/a --tasks 50
      bootstruct generate runs/a --tasks 1000 --max-cost 5
      bootstruct generate runs/b --base-url http://127.0.0.1:8000/v1 --concurrency 64
      bootstruct generate runs/b --batch                 (half the price; interrupt it and come back, it is taken up)
      bootstruct generate runs/c --reuse runs/a          (other prompts: what is equal is not paid twice)
      bootstruct generate runs/d --rejudge runs/a        (other rules: runs/a's replies are judged anew)
      bootstruct generate runs/e --rewrite-outputs runs/a --model openai/gpt-4.1
    """
    from bootstruct.engines.budgeted import Limits
    from bootstruct.settings import read_machine

    if rewrite_outputs is not None and rejudge is None:
        _rewrite(run, rewrite_outputs, model, api or "", base_url)
    elif rewrite_outputs is not None or model or api:
        raise BadInput("--model and --api belong to --rewrite-outputs OLD, which does not go together with --rejudge.")
    if not run.is_dir():
        raise BadInput(f"{run}: no such run folder; `bootstruct init {run}` makes one.")
    flags = {"base_url": base_url, "engine": engine, "timeout": timeout}
    ray = {"ray_address": ray_address, "ray_actors": ray_actors}
    machine = read_machine(run, concurrency=concurrency, trust_remote_code=trust_remote_code, **flags, **ray)
    limits = Limits(max_requests, max_tokens, max_cost)
    if rejudge is not None:
        from bootstruct.rejudge import rejudge as judge_again

        click.echo(f"{judge_again(run, rejudge)} requests of {rejudge} judged anew", err=True)
    options = Options(tasks, (*reuse, *((rejudge,) if rejudge else ())), retry_failed, ignore_stall, quiet)
    asyncio.run(_generate(run, machine, limits, options, _by_batch(run, batch, batch_file, batch_results)))


def _by_batch(run: Path, batch: bool, out: Path | None, results: tuple[Path, ...]) -> "ByBatch | None":
    from bootstruct.engines.build import ByBatch

    is_offline = out is not None or bool(results)
    if batch and is_offline:
        raise BadInput("--batch asks a server's batch API, --batch-file and --batch-results do without. Take either.")
    return ByBatch(run, is_offline, out, results) if batch or is_offline else None


def _rewrite(run: Path, old: Path, model: str | None, api: "Api", base_url: tuple[str, ...]) -> None:
    """Begin RUN from OLD's tasks, so that only their outputs are left to be asked for."""
    from bootstruct.files import write_whole
    from bootstruct.plan import machine_file, split_model
    from bootstruct.rewriting import rewrite_outputs
    from bootstruct.runs import MACHINE

    if model is None:
        raise BadInput("--rewrite-outputs: name the model that writes them, as in --model openai/gpt-4.1.")
    engine, name = split_model(model)
    taken = rewrite_outputs(run, old, name, api)
    if not (run / MACHINE).exists():
        write_whole(run / MACHINE, machine_file(engine, base_url).encode())
    left = f"; {taken.left_out} that have no instances yet are left out" if taken.left_out else ""
    click.echo(f"{taken.tasks} tasks of {old}, their outputs written anew by {name}{left}", err=True)
    if taken.checks:
        click.echo(f"its checks {', '.join(taken.checks)} are left out: only outputs are asked for", err=True)


@dataclass(frozen=True, slots=True)
class Options:
    """What the flags of `generate` say beyond machine and budget."""

    tasks: int
    reuse: tuple[Path, ...]
    retry_failed: bool
    ignore_stall: bool
    quiet: bool


async def _generate(
    folder: Path, machine: "Machine", limits: "Limits", options: Options, by_batch: "ByBatch | None"
) -> None:
    from bootstruct.cli.progress import Progress, tell_aside
    from bootstruct.drive import Run
    from bootstruct.engines.build import open_engine, spent_in
    from bootstruct.engines.recorded import Recorded
    from bootstruct.pipeline import STALL_AFTER, generate
    from bootstruct.runs import PREVIEWS, journal_path, open_run

    reused = [journal_path(path) for path in options.reuse]
    reused += sorted(folder.glob(PREVIEWS))
    reuse = Recorded(*reused) if reused else None
    state, journal = open_run(folder)
    is_rewritten = state.origin == "rewrite"  # it has the old run's tasks, and asks for outputs only
    tasks = len(state.machine) if is_rewritten else options.tasks
    steps = ["rewrite"] if is_rewritten else ["propose", "kind", "instances"]
    asked = [state.recipe.model_at(step) for step in steps]
    unknown = next((name for name in asked if machine.prices.of(name) is None), None)
    if limits.cost is not None and unknown is not None:
        journal.close()
        raise BadInput(
            f"--max-cost: the price of {unknown!r} is not known; set it in {folder / 'machine.yaml'}, as in "
            f"`prices: {{{unknown}: [0.40, 1.60]}}` (US dollars for a million tokens), or use --max-tokens."
        )
    if machine.engine == "pocket" and not state.answered:
        _tell_unknown_words(state)
    try:
        stack = open_engine(machine, limits, spent_in(state.usage, machine.prices), by_batch)
    except BadInput:
        journal.close()
        raise
    progress = Progress(state, stack, machine.prices, tasks, options.quiet)
    telling = asyncio.create_task(tell_aside(folder, stack.gate))
    try:
        with progress:
            run = Run(state, journal, stack.engine, reuse, options.retry_failed)
            run.ahead = BATCH_AHEAD if by_batch else None
            await generate(run, tasks, None if options.ignore_stall else STALL_AFTER)
    except (StoppedShort, asyncio.CancelledError):
        click.echo(progress.result(folder), err=True)
        raise
    finally:
        telling.cancel()
        journal.close()
        await stack.engine.aclose()
    click.echo(progress.result(folder))


def _tell_unknown_words(state: "State") -> None:
    """The pocket model knows one small world of words; seeds that leave it are carried on badly."""
    from bootstruct.pocket.vocabulary import unknown_words

    unknown = unknown_words(state.seeds)
    if unknown:
        more = f" and {len(unknown) - MOST_UNKNOWN} more" if len(unknown) > MOST_UNKNOWN else ""
        click.echo(
            f"note: the pocket model has never seen {', '.join(unknown[:MOST_UNKNOWN])}{more}: words of the seeds outside "
            "its small world, which it cannot carry on well.",
            err=True,
        )
