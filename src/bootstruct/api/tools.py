"""Functions around a run: preview it, report on it, finetune on it."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from bootstruct.api.blocking import blocking
from bootstruct.config.machine import read_machine
from bootstruct.engines.base import Engine
from bootstruct.errors import InputError
from bootstruct.stages.custom import PythonCheck, PythonRule, custom_code

if TYPE_CHECKING:
    from bootstruct.finetuning.run import FinetuneResult
    from bootstruct.history.estimate import Preview
    from bootstruct.reporting.build import ReportResult

StrPath = str | PathLike[str]


async def apreview(
    run: StrPath,
    requests: int = 2,
    tasks: int = 1000,
    *,
    engine: str | Engine | None = None,
    base_url: str | None = None,
    trust_remote_code: bool = False,
    trust: bool = False,
    ray_address: str | None = None,
    rules: Iterable[PythonRule] = (),
    checks: Iterable[PythonCheck] = (),
) -> "Preview":
    """Make the first requests of a run and estimate what the whole run will take.

    The replies are kept: `generate` reuses them and does not pay for them again.

    Args:
        run: a run folder that has not begun.
        requests: requests for instructions to make, 1 to 5.
        tasks: the number of accepted instructions to estimate for.
        engine: an engine of your own, or the name of one; by default, the run's machine settings decide.
        base_url: the server.
        trust_remote_code: run the code that comes with a model.
        trust: confirm, once for this folder, where its `machine.yaml` sends requests and which key they carry.
        ray_address: the Ray cluster, for `ray/` models.
        rules: rules in Python that the run uses.
        checks: checks in Python that the run uses; each is called for the first instance of the tasks that are shown.

    Returns:
        Each request with its prompt, its reply and what was parsed from it; and the estimate, None if no instruction was
        accepted.

    Raises:
        InputError: the run has begun, or an argument cannot be used.
        EngineUnavailableError: no key, no permission, unknown model, or the server cannot be reached.
    """
    from bootstruct.history.preview import preview

    folder = Path(run)
    machine = read_machine(
        folder,
        trust,
        engine=engine if isinstance(engine, str) else None,
        base_url=(base_url,) if base_url else None,
        trust_remote_code=trust_remote_code,
        ray_address=ray_address,
    )
    own = engine if engine is not None and not isinstance(engine, str) else None
    return await preview(folder, requests, tasks, machine, own, custom_code(rules, checks))


@blocking(apreview)
def preview() -> None:
    """Make the first requests of a run and estimate what the whole run will take.

    It takes the parameters of `apreview`, which is the function to await inside a running event loop.

    Example:
        >>> import bootstruct as bs
        >>> seeds = [{"instruction": "Name a fruit.", "output": "apple"}]
        >>> run = bs.init("runs/first", recipe="paper", model="python/script", seeds=seeds)
        >>> replies = {"propose": " Sing a song about the sea.", "kind": "No", "instances": "Output: La la la."}
        >>> preview = bs.preview("runs/first", engine=bs.ScriptedEngine(lambda prompt: replies[prompt.step]), tasks=100)
        >>> preview.accepted, preview.requests[0].reply.text, preview.estimate.tasks
        (1, ' Sing a song about the sea.', 100)
    """


async def atopics_from_seeds(run: StrPath, *, engine: Engine | None = None) -> tuple[str, ...]:
    """Ask the model once for topics of the run's own seeds: `topics_from_seeds` for a running event loop.

    The topics are written into the hints of the folder's recipe, where they can be edited until the first `generate`.
    Request and reply are kept in `topics.jsonl`; they do not count in the run's budget.

    Args:
        run: a run folder that has not begun.
        engine: an engine of your own that answers.

    Returns:
        The topics.

    Raises:
        InputError: the run has begun, its recipe takes no topics, or no topic can be read from the reply.
        EngineUnavailableError: the model cannot be reached.
    """
    from bootstruct.run.topics import topics_from_seeds as ask

    return await ask(Path(run), engine=engine)


@blocking(atopics_from_seeds)
def topics_from_seeds() -> None:
    """Ask the model once for topics of the run's own seeds, and write them into its recipe.

    It takes the parameters of `atopics_from_seeds`, which is the function to await inside a running event loop.

    Example:
        >>> import bootstruct as bs
        >>> seeds = [{"instruction": "Say how to true a bicycle wheel.", "output": "Turn the spokes bit by bit."}]
        >>> run = bs.init("runs/shop", model="python/script", seeds=seeds)
        >>> bs.topics_from_seeds("runs/shop", engine=bs.ScriptedEngine(lambda prompt: '{"topics": ["wheels", "brakes"]}'))
        ('wheels', 'brakes')
    """


def report(
    *runs: StrPath,
    out: StrPath | None = None,
    rows: int | Literal["all"] | None = None,
    seeds: StrPath | None = None,
    test_sets: Sequence[StrPath] = (),
    fields: Mapping[str, str] | None = None,
    test_tasks: bool = False,
    other_languages: bool = False,
    embed: str | None = None,
    base_url: str | None = None,
    embeddings: StrPath | None = None,
    taxonomy: StrPath | None = None,
    on_step: Callable[[str], None] | None = None,
) -> "ReportResult":
    """Write one self-contained HTML page about data sets, and a data set card in Markdown beside it.

    Args:
        runs: run folders, exports, or any files of instruction data; several are shown side by side.
        out: the page to write; by default report.html in the run, or a file beside the data.
        rows: tasks to browse in the page: a number (a random sample) or `all`; None for 1,000, or fewer if they are long.
        seeds: the seed tasks to compare a file with; a run has its own.
        test_sets: files of test tasks that the data should not contain, or folders of Super-NaturalInstructions.
        fields: the names of fields of files by their meaning, as in `{"instruction": "task", "output": "reply"}`.
        test_tasks: whether the test tasks of a folder of Super-NaturalInstructions, and those that its split excludes, count.
        other_languages: whether the tasks of a folder of Super-NaturalInstructions in languages other than English count.
        embed: cluster topics, and measure diversity, by vectors of this model as well: `openai/MODEL`, `hf/FOLDER`,
            `static/FOLDER` or `hashed`; by default topics are told by words.
        base_url: with `embed="openai/MODEL"`: the server.
        embeddings: a folder that keeps the vectors; by default `embeddings` in the first run folder, else they are not kept.
        taxonomy: a YAML file of what the data should cover, instead of what their seeds cover (docs/diversity.md).
        on_step: called with a line about the current step.

    Returns:
        The files written, with their sizes in bytes, what was measured, and an account of the rows of each file.

    Raises:
        InputError: a source or the place to write cannot be used.
    """
    from bootstruct.reporting.browse import ROWS
    from bootstruct.reporting.build import make_report

    if not runs:
        raise InputError("report: name a run folder or a file of instruction data.")
    return make_report(
        [Path(run) for run in runs],
        None if out is None else Path(out),
        None if rows == "all" else rows or ROWS,
        None if seeds is None else Path(seeds),
        on_step or (lambda step: None),
        rows is None,
        [Path(path) for path in test_sets],
        fields,
        test_tasks,
        other_languages,
        embed,
        base_url,
        None if embeddings is None else Path(embeddings),
        None if taxonomy is None else Path(taxonomy),
    )


def finetune(
    *sources: StrPath,
    model: str,
    out: StrPath,
    settings: StrPath | None = None,
    seeds: bool = True,
    mix: Mapping[str, float] | None = None,
    trainer: Mapping[str, object] | None = None,
    fields: Mapping[str, str] | None = None,
    test_tasks: bool = False,
    other_languages: bool = False,
    resume: bool = False,
    on_step: Callable[[str], None] | None = None,
    **flags: Any,
) -> "FinetuneResult":
    """Finetune a model on runs and files and write a standard model folder with a card.

    Args:
        sources: run folders, files of instruction data, folders of Super-NaturalInstructions tasks.
        model: a model folder, a name on the Hugging Face hub, or `pocket`.
        out: the folder of the new model; `hf/OUT` is then an engine.
        settings: a YAML file of settings (docs/finetune.md).
        seeds: whether a run's seed tasks are trained on as well.
        mix: further sources, with the number of times that each is used.
        trainer: options of TRL's SFTConfig, or of its DPOConfig with `method="dpo"`.
        fields: the names of fields of files by their meaning, as in `{"instruction": "task", "output": "reply"}`.
        test_tasks: whether to train on the test tasks of Super-NaturalInstructions, and on those that its split excludes.
        other_languages: whether to train on tasks of Super-NaturalInstructions in languages other than English.
        resume: continue from the last checkpoint in `out`.
        on_step: called with a line about the current step.
        flags: settings by name, which override those of the file: `tasks`, `format`, `method`, `merge`, `epochs`, `max_steps`,
            `learning_rate`, `held_out`, `patience`, `packing`, `seed`, `like_paper`; `select`, as in
            `{"rule": "longest", "size": 1000}`, trains on chosen examples only (docs/selection.md).

    Raises:
        InputError: something cannot be used; nothing was trained.
        EngineUnavailableError: memory or disk space ran out.
    """
    from bootstruct.finetuning.run import finetune as build
    from bootstruct.finetuning.settings import MixturePart, read_settings

    weighted = [(str(source), 1.0) for source in sources] + list((mix or {}).items())
    parts = [
        MixturePart(source, weight, 0, 0, seeds, dict(fields or {}), test_tasks, other_languages)
        for source, weight in weighted
    ]
    chosen = read_settings(
        None if settings is None else Path(settings), {**flags, "mixture": tuple(parts) or None}, trainer_values=trainer
    )
    if not chosen.mixture:
        raise InputError("finetune: name a source to train on: a run, a file, or `mixture:` in the settings file.")
    return build(model, Path(out), chosen, resume, on_step or (lambda step: None))
