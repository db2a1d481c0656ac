"""Functions beside runs: diagnosis (`doctor`), the demo, and the review page with its exports."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bootstruct.api.blocking import blocking
from bootstruct.errors import InputError

if TYPE_CHECKING:
    import threading

    from bootstruct.diagnosis.installation import InstalledComponent
    from bootstruct.diagnosis.server import ProbeResult

StrPath = str | PathLike[str]
LOCAL_ENGINES = ("hf", "pocket")


@dataclass(frozen=True, slots=True)
class DoctorResult:
    """A diagnosis.

    Attributes:
        installed: Python, the package and each extra: whether it is there, and how to install it.
        server: how the server, or the model on this machine, supports each feature; empty if none was probed.
        base_url: the address of the server; empty if none was probed.
    """

    installed: "tuple[InstalledComponent, ...]"
    server: "tuple[ProbeResult, ...]" = ()
    base_url: str = ""


async def adoctor(model: str | None = None, *, base_url: str | None = None) -> DoctorResult:
    """Find out what is installed, and what a server supports: `doctor` for a running event loop.

    Servers accept fields that they ignore, so each probe asks for something whose effect shows in the reply.

    Args:
        model: a server's model to probe with about 20 requests, as in `openai/gpt-4.1-mini`, or a model on this machine
            to load and try, as in `hf/./model.gguf`; without it, no model is used.
        base_url: the server, by its address or a name such as `ollama`; without a model, it is asked only for the
            list of its models. By default, the user's settings decide.

    Raises:
        InputError: the model is neither a server's nor on this machine.
        EngineUnavailableError: the server cannot be reached, needs another key, or does not know the model; or the model
            cannot be loaded.
    """
    from bootstruct.diagnosis.installation import installed_components

    installed = tuple(installed_components())
    if model is None and base_url is not None:
        from bootstruct.diagnosis.address import probe_address

        address, results = await probe_address(base_url)
        return DoctorResult(installed, tuple(results), address)
    if model is None:
        return DoctorResult(installed)
    engine, _, name = model.partition("/")
    if engine in LOCAL_ENGINES:
        from bootstruct.diagnosis.local_model import probe_local_model

        return DoctorResult(installed, tuple(await probe_local_model(engine, name)))
    from bootstruct.diagnosis.server import probe_model

    address, results = await probe_model(model, base_url)
    return DoctorResult(installed, tuple(results), address)


@blocking(adoctor)
def doctor() -> None:
    """Find out what is installed, and, with a model, what its server supports.

    It takes the parameters of `adoctor`, which is the function to await inside a running event loop.

    Example:
        >>> import bootstruct as bs
        >>> [component.name for component in bs.doctor().installed][:3]
        ['python', 'bootstruct', 'local']
    """


def demo(
    out: StrPath = "demo",
    *,
    tasks: int | None = None,
    full: bool = False,
    model: str = "pocket",
    to_stderr: bool = False,
    on_step: Callable[[str], None] | None = None,
) -> dict[str, Any]:
    """Run the whole loop on this machine: grow instructions, finetune on them, measure before and after.

    It needs no network and no key, and takes minutes. If it is called again, it continues where it stopped. Its steps
    are commands, which print what they do; every table is in `results.md` of the folder.

    Args:
        out: the folder to write to.
        tasks: accepted instructions to grow in a run, at least 10; by default 120, or 200 with `full`.
        full: run all models and formats, two runs, three finetuning seeds, and the curve over the amount of data.
        model: `pocket`, or another local model as `hf/DIR`.
        to_stderr: whether the output of the commands goes to stderr.
        on_step: called with each line about the demo itself.

    Returns:
        The results, as in `summary.json` of the folder; `failed` lists what could not be measured.

    Raises:
        InputError: packages are missing, or the folder contains something else.
        RunStoppedError: the model wrote too few usable tasks.
    """
    from bootstruct.pocket.demo.grow import LEAST_TASKS
    from bootstruct.pocket.demo.loop import require_packages, run_demo
    from bootstruct.pocket.demo.options import DemoOptions

    if tasks is not None and tasks < LEAST_TASKS:
        raise InputError(f"tasks: must be at least {LEAST_TASKS}, not {tasks}.")
    require_packages()
    return run_demo(DemoOptions(Path(out), model, tasks, full, to_stderr), on_step or (lambda text: None))


def review(
    run: StrPath,
    *,
    sheet: StrPath | None = None,
    tasks: int | None = None,
    seed: int = 42,
    reviewers: Sequence[str] | None = None,
    overlap: float | None = None,
    port: int | None = None,
    host: str = "127.0.0.1",
    allow_remote: bool = False,
    stop: "threading.Event | None" = None,
    on_line: Callable[[str], object] = print,
) -> None:
    """Serve the review page of a run until Ctrl+C, or until `stop` is set: people judge tasks and rate answers blind.

    Each judgement is written to `reviews.jsonl` in the run at once.

    Args:
        run: the run folder, or a folder with a rating sheet.
        sheet: the folder of a rating sheet; by default the run, or `rating` in it.
        tasks: tasks to sample; by default 200, as in the paper.
        seed: the random seed for the sample, its order and the sides of pairs.
        reviewers: names among which the items are divided; by default everybody sees all.
        overlap: the share of the items that every reviewer sees, 0 to 1; by default 1.
        port: the port; by default 8642, or a free one if that is taken.
        host: the address to listen on.
        allow_remote: allow other machines to reach the page.
        stop: an event that ends it, for pages that are served in a thread.
        on_line: called with each line for the user; the first is the address of the page.

    Raises:
        InputError: there is nothing to review, packages are missing, or the address cannot be used.
    """
    from bootstruct.reviewing.serve import ListenAddress, serve
    from bootstruct.reviewing.session import ReviewOptions

    if overlap is not None and not 0 <= overlap <= 1:
        raise InputError(f"overlap: must be in [0, 1], not {overlap:g}.")
    options = ReviewOptions(tasks, seed, _reviewers(reviewers), overlap)
    serve(Path(run), Path(sheet) if sheet else None, options, ListenAddress(host, port, allow_remote), on_line, stop)


def export_judgements(run: StrPath, path: StrPath) -> int:
    """Write the judgements that people gave on the review page of a run.

    Args:
        run: the run folder.
        path: the file: `.csv`, else JSON Lines.

    Returns:
        The number of judgements.

    Raises:
        InputError: nobody has judged the run, or its judgements cannot be read.
    """
    from bootstruct.reviewing.serve import write_judgements

    return write_judgements(Path(run), Path(path))


def export_ratings(run: StrPath, path: StrPath, *, sheet: StrPath | None = None) -> int:
    """Write the blind ratings (A to D) of a sheet, as `bootstruct.evaluate.compare` and `agree` read them.

    Args:
        run: the run folder, or the folder of the sheet.
        path: the file to write.
        sheet: the folder of the sheet; left out, the run, or `rating` in it.

    Returns:
        The number of ratings.

    Raises:
        InputError: there is no sheet, or nobody has rated it.
    """
    from bootstruct.reviewing.serve import write_ratings

    return write_ratings(Path(run), Path(sheet) if sheet else None, Path(path))


def _reviewers(names: Sequence[str] | None) -> tuple[str, ...] | None:
    from bootstruct.reviewing.serve import reviewers_of

    return None if names is None else reviewers_of(",".join([names] if isinstance(names, str) else names))
