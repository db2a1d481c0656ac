"""Runs as training files: the rows that are selected, in one of the formats, in any container.

The same runs give the same bytes, and a file is written completely or not at all. Rows are made and written one at a
time: only the state of the runs is in memory.
"""

import contextlib
import itertools
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from bootstruct.errors import InputError
from bootstruct.export.formats import FORMATS, IMPORT_IS_CLOSED, ExportFormat, find_format
from bootstruct.export.original import original_files
from bootstruct.export.preference import select_pairs
from bootstruct.export.rows import EqualTexts, TrainingRow
from bootstruct.export.selection import RunSource, Selection, parts_of, select
from bootstruct.export.thoughts import RowsWithThoughts, note_on_thoughts
from bootstruct.io.dataset_folders import whole_folder, write_parts
from bootstruct.io.files import write_whole
from bootstruct.io.row_writers import WrittenRows
from bootstruct.io.writers import FileForm, form_of, require_other_file, row_writer, write_rows
from bootstruct.render.numbers import counted
from bootstruct.run.folder import RECIPE, RUN_FILES

if TYPE_CHECKING:
    from bootstruct.config.recipe import Recipe
    from bootstruct.journal.state import State

Json = dict[str, Any]
EQUAL = "examples that are equal to one that is exported"
OnProgress = Callable[[int, int], object]
PROGRESS_ROWS = 1000  # rows between two calls of on_progress


@dataclass(frozen=True, slots=True)
class ExportResult:
    """What was written, what was left out, and the progress of the runs.

    Attributes:
        files: number of rows by file.
        requests: number of committed requests for new instructions.
        tasks: number of accepted tasks.
        completed: number of completed tasks among them.
        exported: number of tasks in the files; exported seeds are counted too.
        tasks_left_out: number of tasks that are not in the files, by reason.
        rows_left_out: number of rows of exported tasks that are not in the files, by reason.
        notes: what a format or a container has no room for, and what was written in its place.
    """

    files: dict[str, int]
    requests: int
    tasks: int
    completed: int
    exported: int = 0
    tasks_left_out: dict[str, int] = field(default_factory=dict)
    rows_left_out: dict[str, int] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)


def export(
    state: "State",
    journal: Path,
    format: str,
    out: Path | BinaryIO,
    seeds: bool | None = None,
    without: Collection[str] = (),
    **options: Any,
) -> ExportResult:
    """Write the completed tasks of one run as training data.

    Args:
        state: the state of the run.
        journal: its journal, from which `original` reads the replies.
        format: a name of `FORMATS`.
        out: the file to write, or a stream open for bytes; for `original` a folder.
        seeds: whether the seed tasks are part of it; None does so in `original` only.
        without: names of tasks to leave out.
        options: further ones of `export_runs`.

    Raises:
        InputError: as `export_runs`.
    """
    return export_runs([RunSource(state, journal, without)], format, out, seeds, **options)


def export_runs(
    runs: Sequence[RunSource],
    format: str,
    out: Path | BinaryIO,
    seeds: bool | None = None,
    splits: Mapping[str, float] | None = None,
    container: str | None = None,
    threshold: float | None = None,
    margin: float | None = None,
    on_progress: OnProgress | None = None,
    thoughts: bool = False,
) -> ExportResult:
    """Write the completed tasks of runs as training data.

    Args:
        runs: the runs; of several, later ones give what is new beside earlier ones (see `export.selection.select`).
        format: a name of `FORMATS`.
        out: the file to write, or a stream open for bytes; for `original` a folder.
        seeds: whether the seed tasks are part of it; None does so in `original` only.
        splits: the shares of parts that are written beside `train`, by name; the instances of a task stay together.
        container: a name of `io.writers.CONTAINERS`; None takes what the file's name says, else the format's own.
        threshold: of several runs, the ROUGE-L F-measure above which a task of a later one is left out.
        margin: of pairs of answers, the least margin (see `export.preference`).
        on_progress: called with the number of rows written and that of all rows, after every 1,000 rows and at the end.
        thoughts: whether answers are preceded by the thoughts that the journal holds (see `export.thoughts`).

    Raises:
        InputError: the format is unknown, there is nothing to write yet, the place cannot be written or is a file of a
            run, or an option does not go with the format.
    """
    chosen, splits = find_format(format), splits or {}
    _require_tasks(runs, chosen)
    _require_place(runs, chosen, format, out, splits, container)
    _require_options(chosen, format, seeds, threshold, margin)
    selection = (
        select_pairs(runs, margin or 0.0)
        if chosen.has_pairs
        else select(runs, chosen.is_folder if seeds is None else seeds, threshold)
    )
    if chosen.has_pairs and not selection.count:
        reasons = "; ".join(f"{count:,} {reason}" for reason, count in selection.rows_left_out.items())
        raise InputError(f"format {format}: there is no pair to write{f' (left out: {reasons})' if reasons else ''}.")
    if thoughts and not chosen.has_thoughts:
        possible = " or ".join(f"`{name}`" for name, known in FORMATS.items() if known.has_thoughts)
        raise InputError(f"--thoughts: the format `{format}` has no place for thoughts; use {possible}.")
    with_thoughts = [RowsWithThoughts(run, rows) for run, rows in zip(runs, selection.rows, strict=True) if thoughts]
    selection.rows = [*with_thoughts] if thoughts else selection.rows
    notes = [] if chosen.has_turns else list(_turns_left_out(format, runs))
    if chosen.is_folder:
        files = _write_original(runs[0], selection, out)
        notes += _left_out_of_recipe(runs[0].state.recipe)
    else:
        form = form_of(out, chosen.container, container)
        written = _write_parts(runs, selection, chosen, out, form, splits, on_progress)
        files = {name: part.rows for name, part in written.items()}
        changes = sum((part.changes for part in written.values()), Counter[str]())
        notes += WrittenRows(changes=changes).notes
        notes += [note] if (note := note_on_thoughts(with_thoughts)) else []
    return ExportResult(
        files,
        sum(len(source.state.accepted_after) for source in runs),
        sum(len(source.state.accepted) for source in runs),
        sum(len(source.state.completed) for source in runs),
        selection.tasks,
        dict(selection.tasks_left_out),
        dict(selection.rows_left_out),
        notes,
    )


def default_path(runs: Sequence[Path], format: str, container: str | None = None) -> Path:
    """Return where runs are exported to if no place is named: `RUN-FORMAT` with its suffix, in this folder.

    Args:
        runs: the folders of the runs.
        format: the name of the format.
        container: the container, where it is not the format's own.
    """
    chosen = find_format(format)
    suffix = chosen.suffix if container is None or chosen.is_folder else f".{container}" * (container != "dataset")
    return Path(f"{'-'.join(run.resolve().name for run in runs)}-{format}{suffix}")


def part_path(out: Path, part: str, form: FileForm, default: str) -> Path:
    """Return the file of a part: `train-test.jsonl` beside `train.jsonl`, or `test.jsonl` in a folder.

    Args:
        out: what all parts are named after; a folder is one that is there, or a name without a suffix.
        part: the name of the part.
        form: what the file is.
        default: its suffix in a folder.
    """
    if form.container == "dataset":
        return out / part
    if out.is_dir() or not out.suffix:
        return out / f"{part}{default}"
    endings = out.suffixes[-2:] if form.compression else out.suffixes[-1:]
    stem = out.name.removesuffix("".join(endings))
    return out.with_name(f"{stem}-{part}{''.join(endings)}")


def _require_tasks(runs: Sequence[RunSource], chosen: ExportFormat) -> None:
    states = [source.state for source in runs]
    if not any(state.completed for state in states) and all(state.origin == "import" for state in states):
        if not chosen.is_folder:
            raise InputError(f"The import has no task with instances. {IMPORT_IS_CLOSED}")
        return
    if not any(state.accepted for state in states):
        raise InputError("The run has no accepted instruction yet; run `bootstruct generate` first.")
    if not any(state.completed for state in states) and not chosen.is_folder:
        raise InputError("The run has no completed task yet; run `bootstruct generate` again to complete tasks.")


def _require_place(
    runs: Sequence[RunSource],
    chosen: ExportFormat,
    format: str,
    out: Path | BinaryIO,
    splits: Mapping[str, float],
    container: str | None,
) -> None:
    if chosen.is_folder and (len(runs) > 1 or splits or container):
        what = "one run" if len(runs) > 1 else "one folder, without --split and --container"
        raise InputError(f"The format `{format}` is {what}; use another format.")
    if not isinstance(out, Path):
        if chosen.is_folder:
            raise InputError(f"The format `{format}` is a folder of files; name one with --out.")
        if splits or container == "dataset":
            raise InputError("--split and the container `dataset` write several files; name a place with --out.")
    elif chosen.is_folder and out.exists() and not out.is_dir():
        raise InputError(f"{out}: is a file; the format `{format}` is a folder of files.")
    elif not chosen.is_folder and out.is_dir() and not splits and container != "dataset":
        raise InputError(f"{out}: is a folder; name a file, as in {out / 'data'}{chosen.suffix}.")
    if chosen.is_bound and form_of(out, chosen.container, container).container != chosen.container:
        raise InputError(f"The format `{format}` is {chosen.container.upper()} only; name a file {chosen.suffix}.")
    if not isinstance(out, Path):
        return
    for source in runs:
        if chosen.is_folder and out.resolve() == source.journal.parent.resolve():
            raise InputError(f"{out}: is the folder of the run, whose recipe would be lost; name another folder.")
        own = [source.journal.with_name(name) for name in RUN_FILES]
        require_other_file(out, own, "a file of the run")
        for part in ("train", *splits) if splits else ():
            form = form_of(out, chosen.container, container)
            require_other_file(part_path(out, part, form, f".{form.container}"), own, "a file of the run")


def _require_options(
    chosen: ExportFormat, format: str, seeds: bool | None, threshold: float | None, margin: float | None
) -> None:
    if not chosen.has_pairs and margin is not None:
        raise InputError(f"--margin: is for pairs of answers; leave it out with the format `{format}`.")
    if chosen.has_pairs and seeds:
        raise InputError(
            f"The format `{format}` has two answers in each row, and seed tasks have one; leave --seeds out."
        )
    if chosen.has_pairs and threshold is not None:
        raise InputError(f"The format `{format}` pairs the answers of runs; it cannot be combined with --threshold.")


def _write_original(source: RunSource, selection: Selection, out: Path | BinaryIO) -> dict[str, int]:
    assert isinstance(out, Path)
    texts = {task.text for task in source.state.accepted if task.name in source.without}
    files = {
        name: content if isinstance(content, bytes) else [row for row in content if row.get("instruction") not in texts]
        for name, content in original_files(source.state, source.journal, selection.rows[0])
    }
    for name, content in files.items():
        if isinstance(content, bytes):
            write_whole(out / name, content)
        else:
            write_rows(out / name, content, FileForm("jsonl"))
    return {str(out / name): 0 if isinstance(content, bytes) else len(content) for name, content in files.items()}


def _turns_left_out(format: str, runs: Sequence[RunSource]) -> Iterator[str]:
    """What a format without further turns lacks, in a sentence."""
    states = [source.state for source in runs if source.state.recipe.followups is not None]
    found = sum(
        bool(pair.turns) for state in states for task in state.completed for pair in state.passed_instances(task)
    )
    if found:
        whole = ", ".join(name for name, known in FORMATS.items() if known.has_turns)
        yield (
            f"{counted(found, 'instance')} of the {'runs' if len(runs) > 1 else 'run'} continue as conversations, and "
            f"{format} holds the first turn of each; these formats hold them whole: {whole}"
        )


def _left_out_of_recipe(recipe: "Recipe") -> Iterator[str]:
    """What the recipe among the files lacks, in a sentence."""
    names = [f"the rule {rule.name!r}" for rule in recipe.propose.rules if rule.python]
    names += [f"the check {check.name!r}" for check in recipe.checks if check.kind == "python"]
    if names:
        yield (
            f"{RECIPE}: {', '.join(names)} {'are' if len(names) > 1 else 'is'} left out, which a file cannot hold; what "
            f"{'they' if len(names) > 1 else 'it'} rejected stays rejected"
        )


def _write_parts(
    runs: Sequence[RunSource],
    selection: Selection,
    chosen: ExportFormat,
    out: Path | BinaryIO,
    form: FileForm,
    splits: Mapping[str, float],
    on_progress: OnProgress | None,
) -> dict[str, WrittenRows]:
    """What was written, by file. The rows of all parts are there before any file is at its place."""
    part_of = parts_of(itertools.chain(*selection.rows), splits) if splits else lambda instruction: ""
    written, done = dict[str, WrittenRows](), 0
    with contextlib.ExitStack() as stack:
        place = stack.enter_context(_place(out, form, splits))
        for part in ("train", *splits) if splits else ("",):
            target = part_path(place, part, form, f".{form.container}") if part and isinstance(place, Path) else place
            shown = part_path(out, part, form, f".{form.container}") if part and isinstance(out, Path) else out
            writer = stack.enter_context(row_writer(target, form, chosen.columns))
            written[str(shown) if isinstance(shown, Path) else "-"] = writer.written
            rows = [(row for row in own if part_of(row.instruction) == part) if part else own for own in selection.rows]
            for row in chosen.checks(_objects(runs, chosen, rows), part in ("", "train")):
                writer.add(row)
                done += 1
                if on_progress is not None and done % PROGRESS_ROWS == 0:
                    on_progress(done, selection.count)
    if equal := selection.count - done:
        selection.rows_left_out[EQUAL] += equal
    if on_progress is not None:
        on_progress(done, done)
    return written


@contextlib.contextmanager
def _place(out: Path | BinaryIO, form: FileForm, splits: Mapping[str, float]) -> Iterator[Path | BinaryIO]:
    """The places of the parts: a folder of `datasets` with parts is completed before it is moved to its place."""
    if form.container != "dataset" or not splits or not isinstance(out, Path):
        yield out
        return
    with whole_folder(out) as folder:
        write_parts(folder, ["train", *splits])
        yield folder


def _objects(runs: Sequence[RunSource], chosen: ExportFormat, rows: Sequence[Iterable[TrainingRow]]) -> Iterator[Json]:
    """The objects of all runs, one at a time; those of equal prompt and completion once."""
    once = EqualTexts()
    for source, own in zip(runs, rows, strict=True):
        for row in chosen.objects(source.state.recipe, own):
            if len(runs) == 1 or "completion" not in row or once.is_new(row["prompt"], row["completion"]):
                yield row
