"""bootstruct generate."""

import asyncio
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click

from bootstruct.errors import BadInput, StoppedShort

if TYPE_CHECKING:
    from bootstruct.engines.budgeted import Limits
    from bootstruct.settings import Machine

FOLDER = click.Path(path_type=Path)


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
@click.option("--reuse", type=FOLDER, multiple=True, help="A run whose replies to the same questions are taken, free.")
@click.option(
    "--rejudge", type=FOLDER, metavar="OLD", help="Begin with OLD's replies, judged anew by this run's recipe."
)
@click.option("--retry-failed", is_flag=True, help="Ask again what failed for good while writing instances.")
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
    reuse: tuple[Path, ...],
    rejudge: Path | None,
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
      bootstruct generate runs/c --reuse runs/a          (other prompts: what is equal is not paid twice)
      bootstruct generate runs/d --rejudge runs/a        (other rules: runs/a's replies are judged anew)
    """
    from bootstruct.engines.budgeted import Limits
    from bootstruct.settings import read_machine

    if not run.is_dir():
        raise BadInput(f"{run}: no such run folder; `bootstruct init {run}` makes one.")
    flags = {"base_url": base_url, "engine": engine, "timeout": timeout}
    machine = read_machine(run, concurrency=concurrency, trust_remote_code=trust_remote_code, **flags)
    limits = Limits(max_requests, max_tokens, max_cost)
    if rejudge is not None:
        from bootstruct.rejudge import rejudge as judge_again

        click.echo(f"{judge_again(run, rejudge)} requests of {rejudge} judged anew", err=True)
    options = Options(tasks, (*reuse, *((rejudge,) if rejudge else ())), retry_failed, ignore_stall, quiet)
    asyncio.run(_generate(run, machine, limits, options))


@dataclass(frozen=True, slots=True)
class Options:
    """What the flags of `generate` say beyond machine and budget."""

    tasks: int
    reuse: tuple[Path, ...]
    retry_failed: bool
    ignore_stall: bool
    quiet: bool


async def _generate(folder: Path, machine: "Machine", limits: "Limits", options: Options) -> None:
    from bootstruct.cli.progress import Progress
    from bootstruct.drive import Run
    from bootstruct.engines.build import open_engine, spent_in
    from bootstruct.engines.recorded import Recorded
    from bootstruct.pipeline import STALL_AFTER, generate
    from bootstruct.runs import PREVIEWS, journal_path, open_run

    reused = [journal_path(path) for path in options.reuse]
    reused += sorted(folder.glob(PREVIEWS))
    reuse = Recorded(*reused) if reused else None
    state, journal = open_run(folder)
    if limits.cost is not None and machine.prices.of(state.recipe.model) is None:
        journal.close()
        raise BadInput(
            f"--max-cost: the price of {state.recipe.model!r} is not known; set it in {folder / 'machine.yaml'}, as in "
            f"`prices: {{{state.recipe.model}: [0.40, 1.60]}}` (US dollars for a million tokens), or use --max-tokens."
        )
    stack = open_engine(machine, limits, spent_in(state.usage, machine.prices))
    progress = Progress(state, stack, machine.prices, options.tasks, options.quiet)
    try:
        with progress:
            run = Run(state, journal, stack.engine, reuse, options.retry_failed)
            await generate(run, options.tasks, None if options.ignore_stall else STALL_AFTER)
    except (StoppedShort, asyncio.CancelledError):
        click.echo(progress.result(folder), err=True)
        raise
    finally:
        journal.close()
        await stack.engine.aclose()
    click.echo(progress.result(folder))
