"""Runs from Python: make one (`init`), open one for reading (`open`), and look at its contents."""

import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any

from markupsafe import Markup

from bootstruct.config.machine import read_machine
from bootstruct.config.recipe import Recipe
from bootstruct.config.seeds import set_or_file
from bootstruct.errors import InputError
from bootstruct.io.accounts import RowAccount
from bootstruct.journal.events import CandidatesJudged
from bootstruct.journal.file import NAME, journal_path, read_events
from bootstruct.journal.state import State
from bootstruct.render.numbers import number
from bootstruct.render.sanitize import escaped
from bootstruct.run.folder import is_begun, read_plan, read_run, read_suspended
from bootstruct.run.init import init_run
from bootstruct.run.status import Status, status_of
from bootstruct.stages.custom import PythonCheck, PythonRule, custom_code
from bootstruct.stages.passages import passage_of
from bootstruct.types import Instance, Passage, Seed

StrPath = str | PathLike[str]

if TYPE_CHECKING:
    from bootstruct.export.files import ExportResult
    from bootstruct.history.rejudge import Rejudgement
    from bootstruct.history.rewrite import Api
    from bootstruct.history.verification import Verification


@dataclass(frozen=True, slots=True)
class Task:
    """An accepted instruction with its task type and instances.

    Attributes:
        name: where it came from: `812.3` is candidate 3 of request 812.
        instruction: its text.
        is_classification: its task type; None until it is completed.
        instances: those that count: all of its instances, or those that passed every check of the recipe.
        is_completed: whether its task type and instances are decided.
        passage: the part of a document that it is about; None if the run is not about documents.
    """

    name: str
    instruction: str
    is_classification: bool | None
    instances: tuple[Instance, ...]
    is_completed: bool
    passage: Passage | None = None


@dataclass(frozen=True, slots=True)
class Rejection:
    """A candidate instruction that was not accepted.

    Attributes:
        request: the number of the request that brought it.
        text: its text.
        rule: name of the first rule it broke; `too similar` is the novelty filter.
        score: ROUGE-L F-measure with the nearest text, if novelty rejected it.
        neighbour: that text's name: a seed's id or a task's name.
        note: the reason that a rule in Python gave.
    """

    request: int
    text: str
    rule: str
    score: float | None
    neighbour: str | None
    note: str = ""


class Run:
    """A run, read only: its tasks, instances and rejections, its status, and files made from it.

    It shows the run as it was when it was opened; `refresh` reads what was added since. Reading never disturbs a
    running run, and costs nothing.

    Example:
        >>> import bootstruct as bs
        >>> run = bs.init("runs/first", model="openai/gpt-4.1-mini")
        >>> len(run.seeds), len(run.tasks)
        (175, 0)
        >>> run.seeds[0].is_classification
        False
    """

    def __init__(self, folder: StrPath, state: State | None = None) -> None:
        self.folder = Path(folder)
        self._state = state or read_state(self.folder)

    def __repr__(self) -> str:
        state = self._state
        return (
            f"<Run {str(self.folder)!r}: recipe {state.recipe.recipe}, {len(state.seeds)} seeds, "
            f"{len(state.accepted)} accepted, {len(state.completed)} completed>"
        )

    def _repr_html_(self) -> str:
        """A small table for notebooks."""
        status = self.status()
        top = ", ".join(f"{rule} {number(count)}" for rule, count in list(status.rejected.items())[:4])
        rows = [
            ("recipe", f"{status.recipe} with {status.model}"),
            ("seeds", number(status.seeds)),
            ("accepted", f"{number(status.accepted)} of {number(status.candidates)} candidates"),
            ("rejected", top or "none"),
            ("completed", f"{number(status.completed)} with {number(status.instances)} instances"),
            ("replies", f"{number(status.replies)} paid for, {number(status.reused)} reused free"),
            ("tokens", number(status.prompt_tokens + status.completion_tokens)),
        ]
        cells = Markup("").join(
            Markup("<tr><th style='text-align:left'>{}</th><td style='text-align:left'>{}</td></tr>").format(
                name, escaped(value)
            )
            for name, value in rows
        )
        return str(Markup("<table><caption>{}</caption>{}</table>").format(escaped(str(self.folder)), cells))

    def refresh(self) -> "Run":
        """Read the run again; returns itself."""
        self._state = read_state(self.folder)
        return self

    @property
    def recipe(self) -> Recipe:
        """The recipe: prompts, sampling, rules, thresholds."""
        return self._state.recipe

    @property
    def seeds(self) -> tuple[Seed, ...]:
        """The seed tasks."""
        return self._state.seeds

    @property
    def tasks(self) -> list[Task]:
        """The accepted instructions in the order in which they were accepted, completed or not."""
        return [self._task(position) for position in range(len(self._state.accepted))]

    @property
    def instances(self) -> list[dict[str, Any]]:
        """The training rows, without seeds: dicts of `id`, `instruction`, `input`, `output`, `is_classification`."""
        from bootstruct.export.rows import training_rows

        return [
            {
                "id": row.id,
                "instruction": row.instruction,
                "input": row.instance.input,
                "output": row.instance.output,
                "is_classification": row.is_classification,
            }
            for row in training_rows(self._state)
        ]

    def changes_from(self, old: StrPath) -> "Rejudgement":
        """How this run, rejudged from `old`, decided differently from `old`, by rule.

        Args:
            old: the run that was named as `rejudge` to `init`.

        Raises:
            InputError: there is no journal at `old`.
        """
        from bootstruct.history.rejudge import compare

        return compare(journal_path(Path(old)), journal_path(self.folder))

    @property
    def rejections(self) -> list[Rejection]:
        """The rejected candidates in the order in which they were judged, each with the rule it broke."""
        return list(self._rejections())

    def status(self) -> Status:
        """Counts, rejections by rule, tokens, cost and time over the whole run."""
        return status_of(self._state, read_machine(self.folder).prices, read_suspended(self.folder))

    def verify(
        self,
        on_progress: Callable[[int, int], object] | None = None,
        rules: Iterable[PythonRule] = (),
        checks: Iterable[PythonCheck] = (),
    ) -> "Verification":
        """Derive every decision again from the recorded replies.

        Args:
            on_progress: called from time to time with the numbers of events read and of disagreements found so far.
            rules: the run's rules in Python; without them, their decisions are accepted as recorded, and counted.
            checks: the run's checks in Python; likewise.

        Returns:
            What was checked, every disagreement, and what could not be checked and why.
        """
        from bootstruct.history.verify import verify

        return verify(self.folder, on_progress, custom_code(rules, checks))

    def export(
        self,
        format: str,
        path: StrPath,
        seeds: bool | None = None,
        reviewed: str | None = None,
        *,
        split: Mapping[str, float] | None = None,
        container: str | None = None,
        margin: float | None = None,
    ) -> "ExportResult":
        """Write the completed tasks as a training file. The same run gives the same bytes.

        Args:
            format: `messages`, `alpaca`, `prompt-completion`, `sharegpt`, `openai`, `parquet`, `preference`,
                `preference-text` or `original`.
            path: the file to write, whose ending determines its kind (see `bootstruct.export_runs`); for `original` a
                folder.
            seeds: include the seed tasks; None does so in `original` only.
            reviewed: `good` leaves out the tasks that most of their reviewers call bad.
            split: shares of parts that get files of their own, as in `{"test": 0.1}`; the rest is `train`.
            container: the kind of file, whatever its name is, as in `csv` or `dataset`.
            margin: with pairs of answers, the least margin.

        Raises:
            InputError: unknown format, nothing to write, or the place cannot be written.
        """
        from bootstruct.export.files import export
        from bootstruct.journal.reviews import tasks_marked_bad

        if reviewed not in (None, "good"):
            raise InputError(f"reviewed: takes 'good' or None, not {reviewed!r}.")
        without = tasks_marked_bad(self.folder) if reviewed else ()
        place, journal = Path(path), journal_path(self.folder)
        options = {"splits": split, "container": container, "margin": margin}
        return export(self._state, journal, format, place, seeds, without, **options)

    def to_pandas(self) -> Any:
        """The training rows as a pandas DataFrame. Raises InputError if pandas is missing."""
        try:
            import pandas
        except ImportError:
            raise InputError("to_pandas needs pandas: pip install pandas.") from None
        return pandas.DataFrame(self.instances, columns=["id", "instruction", "input", "output", "is_classification"])

    def to_dataset(self) -> Any:
        """The training rows as a Hugging Face `datasets.Dataset`. Raises InputError if datasets is missing."""
        try:
            import datasets
        except ImportError:
            raise InputError("to_dataset needs datasets: pip install 'bootstruct[train]'.") from None
        text = datasets.Value("string")
        names = dict.fromkeys(("id", "instruction", "input", "output"), text)
        features = datasets.Features({**names, "is_classification": datasets.Value("bool")})
        return datasets.Dataset.from_list(self.instances, features=features)

    def _task(self, position: int) -> Task:
        task = self._state.accepted[position]
        completed = self._state.completed.get(task.name)
        return Task(
            task.name,
            task.text,
            None if completed is None else completed.is_classification,
            self._state.passed_instances(task.name),
            completed is not None,
            passage_of(self._state.recipe, task.name),
        )

    def _rejections(self) -> Iterator[Rejection]:
        if not is_begun(self.folder):
            return
        for _, event in read_events(self.folder / NAME):
            if isinstance(event, CandidatesJudged):
                for verdict in event.verdicts:
                    if verdict.rule is not None:
                        yield Rejection(
                            event.index, verdict.text, verdict.rule, verdict.score, verdict.neighbour, verdict.note
                        )


def open(run: StrPath) -> Run:
    """Open a run folder for reading.

    Raises:
        InputError: there is not a run folder, or its journal cannot be read.
    """
    return Run(run)


def init(
    run: StrPath,
    *,
    recipe: StrPath | None = None,
    model: str | None = None,
    base_url: str | None = None,
    seeds: StrPath | Sequence[Mapping[str, Any] | Seed | str] | None = None,
    keep_away: StrPath | Sequence[StrPath] = (),
    documents: StrPath | Sequence[StrPath] = (),
    passage_words: int | None = None,
    fields: Mapping[str, str] | None = None,
    rejudge: StrPath | None = None,
    rewrite_outputs: StrPath | None = None,
    api: "Api" = "",
    eject: bool = False,
    rules: Iterable[PythonRule] = (),
    checks: Iterable[PythonCheck] = (),
) -> Run:
    """Make a run folder with a recipe and seeds, ready to edit. The first `generate` fixes them.

    Args:
        run: the folder to make.
        recipe: the name of a shipped recipe (`chat`, the default; `paper`, `alpaca`, `original`, `pocket`) or a YAML file.
        model: the model, as in `openai/gpt-4.1-mini`, `hf/Qwen/Qwen3-0.6B`, `pocket`, or `python/NAME` for an engine
            of your own that is given to `generate`.
        base_url: the server; kept in the folder's machine settings.
        seeds: seed tasks: a file in any container and shape, or a list of dicts (`instruction`, `instances` or
            `input` and `output`, `is_classification`) or of instructions; or `"simple"`, the shipped set of short
            everyday tasks (a file with this name is `"./simple"` or a path object). By default, the 175 shipped ones.
        keep_away: files of texts that no instruction may be similar to (test sets).
        documents: files and folders of documents that the tasks are to be about (docs/documents.md); what is left out of
            them is told in a warning.
        passage_words: the most words of a passage of these; by default 300.
        fields: the names of fields of these files by their meaning, as in `{"instruction": "task", "output": "reply"}`.
        rejudge: begin with this run's replies, judged again by the new recipe (by default its own); no request is sent.
        rewrite_outputs: begin with this run's completed tasks, whose outputs `model` will rewrite.
        api: the form of the requests to that model, `text` or `chat`; empty for that of the old run.
        eject: copy the prompts into the folder as well, to edit them.
        rules: rules for instructions in Python (`bootstruct.rule`); `generate` needs them again.
        checks: checks of instances in Python (`bootstruct.check`); likewise.

    Returns:
        The run, for reading.

    Raises:
        InputError: the folder already contains a run, or an argument cannot be used. Nothing is written then.

    Example:
        >>> import bootstruct as bs
        >>> seeds = [{"instruction": "Name a fruit.", "output": "apple"}]
        >>> bs.init("runs/a", recipe="chat", model="openai/gpt-4.1-mini", seeds=seeds)
        <Run 'runs/a': recipe chat, 1 seeds, 0 accepted, 0 completed>
    """
    from bootstruct.history.derived_runs import init_rejudged, init_rewritten, refuse_documents, refuse_mixed

    folder = Path(run)
    refuse_mixed(Path(rejudge) if rejudge else None, Path(rewrite_outputs) if rewrite_outputs else None, api)
    about = [Path(path) for path in ((documents,) if isinstance(documents, str | PathLike) else documents)]
    refuse_documents(bool(about), passage_words, is_derived=rejudge is not None or rewrite_outputs is not None)
    if rewrite_outputs is not None:
        init_rewritten(folder, Path(rewrite_outputs), model, api, (base_url,) if base_url else ())
        return Run(folder)
    seed_source = set_or_file(seeds) if isinstance(seeds, str | PathLike) else None if seeds is None else list(seeds)
    away = (keep_away,) if isinstance(keep_away, str | PathLike) else keep_away
    given = None if recipe is None else str(recipe)
    options: dict[str, Any] = {
        "model": model,
        "base_url": base_url,
        "seeds": seed_source,
        "keep_away": tuple(Path(path) for path in away),
        "eject": eject,
        "fields": fields,
        "code": custom_code(rules, checks),
    }
    if rejudge is not None:
        init_rejudged(folder, Path(rejudge), given, **options)
    else:
        accounts: list[RowAccount] = []
        options |= {"passage_words": passage_words} if passage_words is not None else {}
        init_run(folder, given or "chat", **options, documents=about, accounts=accounts)
        for account in accounts:
            if about and account.unit == "file" and account.left_out:
                warnings.warn(account.in_words(lines=True), stacklevel=2)
    return Run(folder)


def read_state(folder: Path) -> State:
    """Return the state of a run folder, begun or not."""
    if folder.is_dir() and not is_begun(folder):
        recipe, seeds = read_plan(folder)
        return State(recipe, seeds)
    return read_run(folder)
