"""bootstruct dedup."""

import contextlib
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from bootstruct.cli.bars import progress_bar
from bootstruct.cli.echo import echo, echo_accounts, echo_json
from bootstruct.cli.shared_options import embedding_options, fields, list_left_out, ray_address
from bootstruct.render.numbers import counted, duration, number

if TYPE_CHECKING:
    from bootstruct.deduplication.comparison import On
    from bootstruct.deduplication.filter import DedupResult

FILE = click.Path(path_type=Path)
COUNTED = 1 << 26  # bytes; the rows of larger files are not counted first for the progress bar


@click.command("dedup", short_help="Keep what is new in any file of texts.")
@click.argument("files", type=FILE, nargs=-1, required=True)
@click.option(
    "--out",
    type=FILE,
    help="Write the kept rows here (.jsonl, .json, .csv, .tsv, .parquet, .arrow by its name, the text formats also with "
    ".gz or .zst); - is the standard output.",
)
@click.option(
    "--container",
    type=click.Choice(["jsonl", "json", "csv", "tsv", "txt", "parquet", "arrow", "dataset"]),
    help="The kind of file, whatever its name is; `dataset` is a folder for datasets.load_from_disk.",
)
@click.option(
    "--dropped", type=FILE, help="Write one JSON line for each dropped row: its text, its place and the row it is near."
)
@click.option(
    "--against",
    type=FILE,
    multiple=True,
    help="Drop rows near a row of this file, such as a test set; may be repeated.",
)
@click.option("--threshold", type=float, default=0.7, show_default=True, help="Drop above this ROUGE-L F-measure.")
@click.option(
    "--on",
    type=click.Choice(["instruction", "instruction+input", "all"]),
    help="Compare each row by itself: by its instruction (as the paper does), by instruction and input, or by all its texts.",
)
@click.option(
    "--group",
    is_flag=True,
    help="Compare instructions, and keep or drop the rows of one instruction together; of equal rows, one is kept. "
    "This is the default.",
)
@click.option(
    "--tokenizer",
    default="unicode",
    show_default=True,
    help="How a text is split into words: unicode (any script), rouge, or rouge-stemmed.",
)
@click.option("--field", help="The field with the text. [default: instruction, text, prompt ... or the first message]")
@fields
@click.option("--ray", is_flag=True, help="Hold the kept texts on a Ray cluster, for sets that outgrow one machine.")
@ray_address
@click.option(
    "--shards",
    type=click.IntRange(1),
    metavar="N",
    help="With --ray: split the kept texts into N shards. [default: one for each CPU]",
)
@click.option(
    "--semantic",
    type=float,
    metavar="T",
    help="Drop rows near in meaning too: above the cosine T of their embeddings. Needs --embed.",
)
@embedding_options
@list_left_out
@click.option("--json", "as_json", is_flag=True, help="Print the totals as one JSON object.")
@click.option("--quiet", is_flag=True, help="Show no progress.")
def dedup_command(
    files: tuple[Path, ...],
    out: Path | None,
    against: tuple[Path, ...],
    on: "On | None",
    group: bool,
    list_left_out: bool,
    as_json: bool,
    quiet: bool,
    **options: Any,
) -> None:
    """Filter FILES with the exact novelty rule of the paper, row by row, in order.

    Files may be JSON Lines, JSON, CSV, TSV, plain text, Parquet, Arrow or a folder of datasets.save_to_disk, also
    compressed with gzip or zstd; - is the standard input.

    An instruction is dropped if its ROUGE-L with any kept before it exceeds the threshold; nothing is approximated.
    The rows of one instruction (its instances) are kept or dropped together, unless --on says how each row is
    compared.

    \b
    Examples:
      bootstruct dedup data.jsonl --out new.jsonl
      bootstruct dedup alpaca.json --on instruction+input --out new.json
      bootstruct dedup train.parquet --against test.jsonl --threshold 0.5 --dropped near_the_test.jsonl
      zcat crawl.jsonl.gz | bootstruct dedup - --out new.jsonl
      bootstruct dedup zh.csv --fields instruction=question,output=reply --out zh_new.csv
      bootstruct dedup data.jsonl --semantic 0.9 --embed hf/./all-MiniLM-L6-v2 --embeddings vectors --out new.jsonl
      bootstruct dedup crawl.jsonl --out new.jsonl --ray --ray-address 10.0.0.1:6379 --shards 16
    """
    from bootstruct.api.data import dedup

    if group and on:
        raise click.UsageError("--group and --on: use one of the two.")
    began, is_piped = time.monotonic(), out == Path("-")
    place = sys.stdout.buffer if is_piped else out
    with _bar(files, quiet or as_json) as advance:
        result = dedup(
            files, out=place, against=against, on=on or "group", on_progress=advance, list_dropped=False, **options
        )
    seconds = time.monotonic() - began
    if as_json:
        counts = {
            "rows": result.rows,
            "kept": result.kept,
            "dropped": result.dropped_rows,
            "near_the_other_set": result.near,
            "equal_in_all_texts": result.equal,
            "near_in_meaning": result.in_meaning,
            "without_text": result.without_text,
        }
        accounts = [account.to_row() for account in result.accounts]
        echo_json(counts | {"seconds": seconds, "accounts": accounts}, err=is_piped)
        return
    if not quiet or list_left_out:
        echo_accounts(result.accounts, list_left_out)
    _print_totals(result, against, seconds, is_piped)


@contextlib.contextmanager
def _bar(files: tuple[Path, ...], hidden: bool) -> "Iterator[Callable[[DedupResult], None]]":
    """A progress bar over the rows of the files; yields the function that moves it."""
    from bootstruct.deduplication.filter import read
    from bootstruct.io.accounts import RowAccount

    hidden = hidden or not sys.stderr.isatty()
    with progress_bar(hidden) as move:
        are_small = all(path.is_file() and path.stat().st_size <= COUNTED for path in files)  # pipes are read once
        there = are_small and not hidden  # the work itself reports a missing file
        total = sum(sum(1 for _ in read(path, RowAccount(str(path)))) for path in files) if there else None
        yield lambda result: move(
            "rows", result.rows, total, f"{counted(result.rows, 'row')}, {number(result.kept)} kept"
        )


def _print_totals(result: "DedupResult", against: tuple[Path, ...], seconds: float, err: bool) -> None:
    reasons = [f"{number(result.equal)} equal to an earlier row in all texts"] if result.equal else []
    if result.near:
        reasons.append(f"{number(result.near)} near {', '.join(map(str, against))}")
    if result.in_meaning:
        reasons.append(f"{number(result.in_meaning)} near in meaning only")
    named = f" ({', '.join(reasons)})" if reasons else ""
    echo(
        f"{counted(result.rows, 'row')}, {number(result.kept)} kept, {number(result.dropped_rows)} dropped{named} "
        f"in {duration(seconds)}",
        err=err,
    )
    if result.without_text:
        echo(f"{counted(result.without_text, 'row')} without a text kept as found", err=err)
    for note in result.written.notes if result.written else ():
        echo(f"note: {note}", err=True)
    for dropped in sorted(result.dropped, key=lambda row: -row.score):
        echo(f"  {dropped.score:.2f} {dropped.place.path}:{dropped.place.row} {dropped.place.text[:70]!r}", err=err)
        echo(f"    is near {dropped.near.path}:{dropped.near.row} {dropped.near.text[:70]!r}", err=err)
    if result.dropped_rows > len(result.dropped):
        more = number(result.dropped_rows - len(result.dropped))
        echo(f"  ... {more} more: --dropped FILE lists all", err=err)
