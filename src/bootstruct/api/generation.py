"""Growing a run from Python: `generate`, and `agenerate` inside a running event loop."""

import asyncio
import contextlib
import dataclasses
import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from os import PathLike
from pathlib import Path

from bootstruct.api.blocking import blocking
from bootstruct.api.runs import Run
from bootstruct.config.machine import MachineSettings, read_machine
from bootstruct.config.recipe import Recipe, asks_of
from bootstruct.engines.base import Engine
from bootstruct.engines.build import BatchOptions, open_engine, spent_in
from bootstruct.engines.observing.engine import ObservedEngine
from bootstruct.engines.observing.run_log import RunLog
from bootstruct.engines.observing.tracing import RequestTracer
from bootstruct.engines.recorded import RecordedEngine
from bootstruct.engines.request_form import RequestForms, warn_of
from bootstruct.engines.traffic.budgeted import BudgetLimits
from bootstruct.errors import InputError, RunStoppedError
from bootstruct.journal.events import RequestAdapted
from bootstruct.journal.file import journal_path
from bootstruct.journal.state import State
from bootstruct.pipeline import STALL_AFTER
from bootstruct.pipeline import generate as run_pipeline
from bootstruct.render.sanitize import visible
from bootstruct.run.closing import closing_summary, next_commands
from bootstruct.run.folder import MACHINE, PREVIEWS, SUSPENDED_SECONDS, TAKEN_OVER, open_run, write_suspended
from bootstruct.run.goal import goal_notes, goal_of
from bootstruct.run.pacing import Pacer
from bootstruct.run.progress import Progress, ProgressMeter
from bootstruct.run.scheduler import ActiveRun
from bootstruct.run.shortfall import no_instances_reason, nothing_usable
from bootstruct.run.steering import steer_run
from bootstruct.stages.custom import PythonCheck, PythonRule, custom_code

PROGRESS_SECONDS = 0.25  # between two calls of on_progress
BATCH_AHEAD = 50_000  # tasks begun at once by batch: a file's worth
LOCAL_PROVIDERS = ("hf", "pocket", "ray/hf", "ray/pocket")
MOST_UNKNOWN = 5  # words named of seeds that the pocket model does not know

OnProgress = Callable[[Progress], object]


@dataclass(frozen=True, slots=True)
class GenerateResult:
    """The result of a session of `generate`.

    Attributes:
        run: the run, to read.
        progress: the last snapshot: counts, tokens, cost, seconds.
        stopped: why it ended before the goal (budget, stall, silence), or why none of its results is usable, in a
            sentence or two; empty if the goal was reached.
    """

    run: Run
    progress: Progress
    stopped: str = ""

    @property
    def is_complete(self) -> bool:
        """Whether the goal was reached, with anything usable."""
        return not self.stopped

    @property
    def went_wrong(self) -> tuple[str, ...]:
        """A sentence for each thing of which more than half went wrong over the whole run, with the causes and what to change.

        `bootstruct generate` then exits with 1, although the goal may have been reached.
        """
        return self.progress.went_wrong

    @property
    def next_commands(self) -> list[str]:
        """The commands that make sense now."""
        return next_commands(self.progress, self.run.folder, self.is_complete)

    @property
    def summary(self) -> str:
        """The result of the session in a few lines, as `bootstruct generate` prints it."""
        return closing_summary(self.progress, self.run.folder, self.is_complete)


async def agenerate(
    run: str | PathLike[str],
    tasks: int | None = None,
    *,
    instances: int | None = None,
    grow: bool = True,
    steer: bool = False,
    engine: str | Engine | None = None,
    base_url: str | Sequence[str] = (),
    concurrency: int | None = None,
    timeout: float | None = None,
    thinking_tokens: int | None = None,
    ahead: int | None = None,
    max_requests: int | None = None,
    max_tokens: int | None = None,
    max_cost: float | None = None,
    reuse: Sequence[str | PathLike[str]] = (),
    batch: BatchOptions | None = None,
    retry_failed: bool = False,
    ignore_stall: bool = False,
    trust_remote_code: bool = False,
    trust: bool = False,
    ray_address: str | None = None,
    ray_actors: tuple[int, ...] | None = None,
    rules: Iterable[PythonRule] = (),
    checks: Iterable[PythonCheck] = (),
    on_progress: OnProgress | None = None,
    log: str | PathLike[str] | None = None,
    trace: bool = False,
) -> GenerateResult:
    """Grow a run to `tasks` accepted instructions: `generate` for a running event loop, as in notebooks.

    Args:
        run: the run folder, as `init` made it.
        tasks: accepted instructions to reach; 100 if neither this nor `instances` is given. If the run has more of
            them, only the tasks that a run with this goal has are completed. A run of rewritten outputs does not
            grow, and a rejudged one grows only with a goal; without one, all accepted tasks are completed.
        instances: instances to reach, of those that passed the recipe's checks; with `tasks`, the goal that is
            reached first counts.
        grow: whether new instructions may be requested; if not, only accepted ones are completed.
        steer: deal the recipe's hints towards values of which the run has few tasks (docs/recipes.md). This is written into the
            recipe of a run that has not begun, and stays so.
        engine: an engine of your own (anything with `complete` and `aclose`), or the name of one: `openai`, `hf`, `pocket`,
            or `recorded:RUN` for another run's replies. By default, the run's machine settings decide.
        base_url: the server, or several equal ones.
        concurrency: requests in flight; None adapts it to the server.
        timeout: seconds that a request may take.
        thinking_tokens: tokens that a reply may have beyond the recipe's limit, for a model's thoughts; None
            determines it from the replies.
        ahead: accepted tasks that may be incomplete while the pool grows; None follows the requests in flight. It changes no
            byte of the data, only how complete it is at any time.
        max_requests: stop before more replies than this, over the whole run.
        max_tokens: stop before more tokens than this, over the whole run.
        max_cost: stop before more US dollars than this, over the whole run.
        reuse: other runs whose replies to the same requests are reused free.
        batch: how requests that can wait are sent by batch; None sends all of them at once.
        retry_failed: send requests again that failed for good while completing or checking tasks.
        ignore_stall: continue although the last 100 requests brought nothing new, or the last 100 tasks no instance.
        trust_remote_code: run the code that comes with a model.
        trust: confirm, once for this folder, where its `machine.yaml` sends requests and which key they carry. It is
            needed if neither you nor your `init` set these: for a folder that came from somebody else, or was moved,
            copied or edited.
        ray_address: the Ray cluster, for `ray/` models.
        ray_actors: how many Ray actors: (least,) or (least, most).
        rules: the run's rules in Python, as they were given to `init`.
        checks: the run's checks in Python, as they were given to `init`.
        on_progress: called with a `Progress` four times per second and once at the end.
        log: a file to which a JSON object per line is appended for each request and for the beginning and end of the
            session; it holds no prompt, no reply and no key.
        trace: make an OpenTelemetry span of each request, with the tracer provider that the program has set up.

    Returns:
        The result. A budget, a stall or a server's long silence ends it early with `stopped` set and everything saved;
        `stopped` is also set if no task has an instance.

    Raises:
        InputError: the folder, an option or a key cannot be used as it is.
        EngineUnavailableError: no key, no permission, unknown model, or the server cannot be reached.
    """
    folder = Path(run)
    if not folder.is_dir():
        raise InputError(f"{folder}: no such run folder; `bootstruct init {folder}` makes one.")
    machine = read_machine(
        folder,
        trust,
        engine=engine if isinstance(engine, str) else None,
        base_url=(base_url,) if isinstance(base_url, str) else tuple(base_url),
        concurrency=concurrency,
        timeout=timeout,
        thinking_tokens=thinking_tokens,
        trust_remote_code=trust_remote_code,
        ray_address=ray_address,
        ray_actors=ray_actors,
    )
    if engine is None or isinstance(engine, str):
        machine.require_confirmed()
    if steer:
        steer_run(folder)
    limits = BudgetLimits(max_requests, max_tokens, max_cost)
    observers, replies = _observers(log, trace, folder), _reused(folder, reuse)
    state, journal = open_run(folder)
    try:
        goal = goal_of(state, tasks, instances, grow)
        for note in goal_notes(state, tasks, goal):
            warnings.warn(f"{note}.", stacklevel=2)
        code = custom_code(rules, checks)
        code.require(state.recipe, folder, "generate")
        _require_prices(folder, state, machine, limits)
        own = engine if engine is not None and not isinstance(engine, str) else None
        if own is None:
            _warn_of_extra_fields(state.recipe, machine.engine)
        if machine.engine == "pocket" and not state.reply_offsets:
            _warn_of_unknown_words(state)
        forms = RequestForms(state.adaptations.values(), machine.thinking_tokens)
        stack = open_engine(machine, limits, spent_in(state, machine.prices), batch, own, forms)
        limiter, begun, stopped = stack.limiter, BATCH_AHEAD if batch else None, ""
        pacer = Pacer(state, stack.budget, ahead or begun, lambda: limiter.level, begun)
        meter = ProgressMeter(state, stack, machine.prices, goal, pacer)
    except BaseException:
        journal.close()
        raise
    watching = asyncio.create_task(_watch(folder, meter, on_progress))
    try:
        observed = ObservedEngine(stack.engine, observers) if observers else stack.engine
        active = ActiveRun(state, journal, observed, replies, retry_failed, code, pacer)
        forms.on_adapted = partial(_record_adapted, active)
        await run_pipeline(active, goal, None if ignore_stall else STALL_AFTER)
    except RunStoppedError as exc:
        stopped = str(exc)
    finally:
        watching.cancel()
        journal.close()
        await stack.engine.aclose()
        stopped = _with_truth(state, stopped)
        last = meter.recounted()
        if on_progress is not None:
            on_progress(last)
        _close(observers, folder, last, stopped)
    return GenerateResult(Run(folder, state), last, stopped)


@blocking(agenerate)
def generate() -> None:
    """Grow a run to `tasks` accepted instructions, each classified and with instances.

    Running it again resumes: recorded replies are read from the journal and never paid twice. A higher `tasks` extends
    the run. It takes the parameters of `agenerate`, which is the function to await inside a running event loop.

    Example:
        >>> import bootstruct as bs
        >>> seeds = [{"instruction": "Name a fruit.", "output": "apple"}]
        >>> run = bs.init("runs/first", recipe="paper", model="python/script", seeds=seeds)
        >>> replies = {"propose": " Sing a song about the sea.", "kind": "No", "instances": "Output: La la la."}
        >>> engine = bs.ScriptedEngine(lambda prompt: replies[prompt.step])
        >>> result = bs.generate("runs/first", tasks=1, engine=engine)
        >>> result.is_complete, result.run.instances[0]["output"]
        (True, 'La la la.')

    Raises:
        InputError: the folder, an option or a key cannot be used as it is.
        EngineUnavailableError: no key, no permission, unknown model, or the server cannot be reached.
    """


def _with_truth(state: State, stopped: str) -> str:
    """Why a session ended, and why nothing is usable if that is so and not yet said."""
    is_said = stopped and stopped == no_instances_reason(state, STALL_AFTER)
    return stopped if is_said else f"{stopped} {nothing_usable(state)}".strip()


def _observers(log: str | PathLike[str] | None, trace: bool, folder: Path) -> list[RunLog | RequestTracer]:
    """The observers of each request. Raises InputError if the log cannot be written or packages are missing."""
    found: list[RunLog | RequestTracer] = [RequestTracer()] if trace else []
    if log is not None:
        run_log = RunLog(Path(log))
        run_log.write("begin", run=str(folder))
        found.append(run_log)
    return found


def _close(observers: Sequence[RunLog | RequestTracer], folder: Path, last: Progress, stopped: str) -> None:
    """Write the last line of the log and close it; a log that ended early is a warning."""
    for run_log in [observer for observer in observers if isinstance(observer, RunLog)]:
        with run_log:
            run_log.write("end", run=str(folder), stopped=stopped, **dataclasses.asdict(last))
        if run_log.fault:
            warnings.warn(f"{run_log.fault}; the run itself is complete in its folder.", stacklevel=3)


def _reused(folder: Path, reuse: Sequence[str | PathLike[str]]) -> RecordedEngine | None:
    """Replies of other runs in the order given, then those of this run's own previews and of the run it was rejudged from."""
    journals = [journal_path(Path(path)) for path in reuse] + sorted(folder.glob(PREVIEWS))
    journals += [folder / TAKEN_OVER] if (folder / TAKEN_OVER).is_file() else []
    return RecordedEngine(*journals) if journals else None


def _require_prices(folder: Path, state: State, machine: MachineSettings, limits: BudgetLimits) -> None:
    """Raises InputError if money is capped and the price of a model that will be asked is not known."""
    steps = ["rewrite"] if state.origin == "rewrite" else ["propose", "kind", "instances"]
    names = [state.recipe.model_at(step) for step in steps]
    names += [state.recipe.model_of(made.ask) for check in state.recipe.checks for made in check.all_requests]
    names += [state.recipe.model_of(check.revise) for check in state.recipe.checks if check.revise is not None]
    unknown = next((name for name in names if machine.prices.of(name) is None), None)
    if limits.cost is not None and unknown is not None:
        raise InputError(
            f"--max-cost: the price of {unknown!r} is not known; set it in {folder / MACHINE}, as in "
            f"`prices: {{{unknown}: [0.40, 1.60]}}` (US dollars per million tokens), or use --max-tokens."
        )


def _record_adapted(active: ActiveRun, event: RequestAdapted) -> None:
    """Record how requests are sent from now on, and say so once."""
    active.record(event)
    warn_of(event)


def _warn_of_extra_fields(recipe: Recipe, engine: str) -> None:
    """Fields under `extra` are for servers; a model on this machine or on a cluster does not see them."""
    asks = [*asks_of(recipe).values(), *(made.ask for check in recipe.checks for made in check.all_requests)]
    names = sorted({name for ask in asks for name in ask.sampling.extra})
    if names and engine.partition(":")[0] in LOCAL_PROVIDERS:
        warnings.warn(
            f"the fields under `extra` in the recipe ({visible(', '.join(names))}) are for servers; {engine} ignores them.",
            stacklevel=3,
        )


def _warn_of_unknown_words(state: State) -> None:
    """The pocket model knows one small world of words and cannot continue seeds outside it."""
    from bootstruct.pocket.world.known_words import unknown_words

    unknown = unknown_words(state.seeds)
    if unknown:
        more = f" and {len(unknown) - MOST_UNKNOWN} more" if len(unknown) > MOST_UNKNOWN else ""
        warnings.warn(
            f"the pocket model has never seen {', '.join(unknown[:MOST_UNKNOWN])}{more}: words of the seeds outside its "
            "small world, and it cannot write well about them.",
            stacklevel=3,
        )


async def _watch(folder: Path, meter: ProgressMeter, on_progress: OnProgress | None) -> None:
    """Report progress, and keep the folder's note on suspended servers up to date, until cancelled."""
    noted: dict[str, str] = {}
    with _cleared(folder, noted):
        waited = 0.0
        while True:
            await asyncio.sleep(PROGRESS_SECONDS)
            waited += PROGRESS_SECONDS
            if on_progress is None and waited < SUSPENDED_SECONDS / 4:
                continue
            now = meter.snapshot()
            if on_progress is not None:
                on_progress(now)
            if waited >= SUSPENDED_SECONDS / 4:
                waited = 0.0
                if now.suspended or noted:
                    write_suspended(folder, now.suspended)
                noted.clear()
                noted.update(now.suspended)


@contextlib.contextmanager
def _cleared(folder: Path, noted: dict[str, str]) -> Iterator[None]:
    try:
        yield
    finally:
        if noted:
            write_suspended(folder, {})
