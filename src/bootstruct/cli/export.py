"""bootstruct export."""

import sys
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from bootstruct.cli.bars import Move, progress_bar
from bootstruct.cli.completion import complete_formats, complete_trainers
from bootstruct.cli.echo import echo, echo_json
from bootstruct.errors import InputError
from bootstruct.export.formats import FORMATS, IMPORT_IS_CLOSED
from bootstruct.export.trainers import BASE_MODEL, TRAINERS
from bootstruct.render.numbers import counted, number

if TYPE_CHECKING:
    from bootstruct.export.files import ExportResult
    from bootstruct.export.selection import RunSource
    from bootstruct.journal.state import State

PATH = click.Path(path_type=Path)
CONTAINERS = ("jsonl", "json", "csv", "tsv", "parquet", "arrow", "dataset")
HELP = """Write the completed tasks of RUN as training data. The same run gives the same bytes.

Of several runs, each adds what is new compared with the earlier ones, by the novelty rule of the first. The formats of pairs
compare answers instead: the samples of one run's agreement check, or the answers of several runs to the same requests, the
better run being named first.

\b
Formats:
{formats}

With --for NAME, a folder is written that a trainer takes as it is: the data, its entry and a configuration file.

\b
Trainers:
{trainers}

The name of --out determines the kind of file: .jsonl, .json, .csv, .tsv, .parquet, .arrow, the first four also with .gz or
.zst. Without such an ending, the format's own kind is written. All rows have ids that name run, request and candidate,
if the format has a place for them.

\b
Examples:
  bootstruct export runs/a --format messages --out data/train.jsonl
  bootstruct export runs/a --format messages --out data/train.jsonl --split test=0.1
  bootstruct export runs/a runs/b --format alpaca --out data/both.csv
  bootstruct export runs/a --format parquet --container dataset --out data/set
  bootstruct export runs/a --format preference --margin 0.4 --out data/pairs.jsonl
  bootstruct export runs/better runs/a --format preference --out data/pairs.jsonl
  bootstruct export runs/a --format original --out data/original --no-seeds
  bootstruct export runs/a --format messages --out - | wc -l
  bootstruct export runs/a --format messages --out data/good.jsonl --reviewed good
  bootstruct export runs/a --for axolotl --split test=0.1 --out training
""".format(
    formats="\n".join(f"  {name:22}  {known.description}" for name, known in FORMATS.items()),
    trainers="\n".join(f"  {name:22}  {known.description}" for name, known in TRAINERS.items()),
)


@click.command("export", short_help="Write training files from a run.", help=HELP)
@click.argument("runs", type=PATH, nargs=-1, required=True, metavar="RUN...")
@click.option(
    "--format",
    "format_",
    metavar="FORMAT",
    shell_complete=complete_formats,
    help="One of the formats above.",
)
@click.option(
    "--for",
    "trainer",
    metavar="NAME",
    shell_complete=complete_trainers,
    help="One of the trainers above, instead of --format; --out is then a folder. [default: RUN-NAME in this folder]",
)
@click.option("--base-model", metavar="M", help=f"With --for, the model to train. [default: {BASE_MODEL}]")
@click.option(
    "--out",
    type=PATH,
    help="The file to write (for `original` a folder); - for the standard output. [default: RUN-FORMAT in this folder]",
)
@click.option(
    "--container",
    type=click.Choice(CONTAINERS),
    help="The kind of file, whatever its name is; `dataset` is a folder for datasets.load_from_disk.",
)
@click.option(
    "--split",
    "splits",
    multiple=True,
    metavar="NAME=SHARE",
    help="Write a share of the tasks to a file of its own, as in test=0.1; the rest is `train`. May be repeated.",
)
@click.option("--seeds/--no-seeds", default=None, help="Export the seed tasks as well. [default: only in `original`]")
@click.option("--reviewed", type=click.Choice(["good"]), help="Leave out tasks that most of their reviewers call bad.")
@click.option(
    "--threshold",
    type=click.FloatRange(0, 1, min_open=True),
    help="With several runs, leave out a later run's tasks above this ROUGE-L F-measure. [default: the first recipe's]",
)
@click.option(
    "--margin",
    type=click.FloatRange(0),
    metavar="M",
    help="With pairs of answers, leave out those whose margin is below M. [default: 0]",
)
@click.option(
    "--thoughts",
    is_flag=True,
    help="With messages, write what the model thought before an answer, where the journal holds it, between <think> tags.",
)
@click.option("--json", "as_json", is_flag=True, help="Print what was written and left out as one JSON object.")
@click.option("--quiet", is_flag=True, help="Show no progress.")
def export_command(
    runs: tuple[Path, ...],
    format_: str | None,
    trainer: str | None,
    base_model: str | None,
    out: Path | None,
    container: str | None,
    splits: tuple[str, ...],
    seeds: bool | None,
    reviewed: str | None,
    threshold: float | None,
    margin: float | None,
    thoughts: bool,
    as_json: bool,
    quiet: bool,
) -> None:
    """Write training files from a run."""
    from bootstruct.export.files import default_path, export_runs
    from bootstruct.export.for_trainer import export_for
    from bootstruct.export.selection import RunSource, read_splits
    from bootstruct.journal.file import journal_path
    from bootstruct.journal.reviews import tasks_marked_bad

    _require_one(format_, trainer, base_model, out, container, margin, thoughts)
    is_piped = out == Path("-")
    with progress_bar(quiet or as_json) as move:
        sources = [
            RunSource(_read(run, move), journal_path(run), tasks_marked_bad(run) if reviewed else set(), run)
            for run in runs
        ]

        def on_progress(done: int, total: int) -> None:
            move("writing", done, total, f"{counted(done, 'row')} written")

        if trainer is not None:
            folder = out or Path(f"{'-'.join(run.resolve().name for run in runs)}-{trainer}")
            made = export_for(
                sources, trainer, folder, base_model or BASE_MODEL, seeds, read_splits(splits), threshold, on_progress
            )
            result = made.result
        else:
            place = sys.stdout.buffer if is_piped else out or default_path(runs, format_ or "", container)
            result = export_runs(
                sources,
                format_ or "",
                place,
                seeds,
                read_splits(splits),
                container,
                threshold,
                margin,
                on_progress,
                thoughts,
            )
    if as_json:
        left_out = [name for source in sources for name in sorted(source.without)]
        how = {"for": made.trainer, "base_model": made.base_model, "command": made.command} if trainer else {}
        echo_json({"format": format_, **how, **asdict(result), "left_out": left_out}, err=is_piped)
        return
    _print(result, is_piped)
    if rest := _what_is_open(sources, runs, result):
        echo(rest, err=is_piped)
    if trainer:
        echo(f"base model: {made.base_model}" + ("" if base_model else " (--base-model chooses another)"))
        if made.before:
            echo(made.before)
        echo(f"train with: {made.command}")


def _require_one(
    format_: str | None,
    trainer: str | None,
    base_model: str | None,
    out: Path | None,
    container: str | None,
    margin: float | None,
    thoughts: bool,
) -> None:
    """Raise InputError unless exactly one of --format and --for is given, with options that go with it."""
    if (format_ is None) == (trainer is None):
        formats, trainers = ", ".join(FORMATS), ", ".join(TRAINERS)
        raise InputError(f"export: name one of --format ({formats}) and --for ({trainers}).")
    if trainer is None and base_model is not None:
        raise InputError("--base-model: is for --for; leave it out with --format.")
    if trainer is not None and thoughts:
        raise InputError("--thoughts: is for --format messages; leave it out with --for.")
    if trainer is not None and (container is not None or margin is not None or out == Path("-")):
        raise InputError(
            "--for: writes a folder in the form of the trainer; leave --container, --margin and `--out -` out."
        )


def _read(run: Path, move: Move) -> "State":
    from bootstruct.journal.file import NAME
    from bootstruct.run.folder import read_run

    size = (run / NAME).stat().st_size if (run / NAME).is_file() else None
    return read_run(run, lambda done: move(f"reading {run}", done, size))


def _print(result: "ExportResult", err: bool) -> None:
    for name, count in result.files.items():
        echo(f"{name}: {counted(count, 'row')}" if count else name, err=err)
    for note in result.notes:
        echo(f"note: {note}", err=err)
    _print_left_out("tasks", result.tasks_left_out, err)
    _print_left_out("rows", result.rows_left_out, err)


def _what_is_open(sources: "list[RunSource]", runs: tuple[Path, ...], result: "ExportResult") -> str:
    """Which tasks are not completed, and what can be done about it; empty if all are."""
    if result.completed == result.tasks:
        return ""
    done = f"{number(result.completed)} of {number(result.tasks)} accepted tasks are completed"
    if len(runs) > 1:
        return f"parts of the runs: {done}."
    if sources[0].state.origin == "import":
        return f"part of the import: {done}. {IMPORT_IS_CLOSED}"
    return (
        f"part of the run: {done} (requests 0 to {result.requests - 1} are committed); `bootstruct generate {runs[0]}` "
        "continues it."
    )


def _print_left_out(what: str, reasons: Mapping[str, int], err: bool) -> None:
    if reasons:
        listed = "; ".join(f"{number(count)} {reason}" for reason, count in reasons.items())
        echo(f"{what} left out: {listed}", err=err)
