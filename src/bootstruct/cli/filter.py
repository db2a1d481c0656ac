"""bootstruct dedup."""

import contextlib
import json
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click

from bootstruct.cli.cluster import ray_address
from bootstruct.cli.tables import number
from bootstruct.status import duration

if TYPE_CHECKING:
    from bootstruct.dedup import Place, Told
    from bootstruct.shards import Shards

FILE = click.Path(path_type=Path)
EXAMPLES = 5


@click.command("dedup", short_help="Keep what is new in any file of texts.")
@click.argument("files", type=FILE, nargs=-1, required=True)
@click.option("--out", type=FILE, help="Write the kept rows here (.jsonl, .json or .parquet by its name).")
@click.option("--dropped", type=FILE, help="Write one JSON line for each dropped row: what, where, near what.")
@click.option("--against", type=FILE, multiple=True, help="A set to keep away from, as a test set. May be repeated.")
@click.option("--threshold", type=float, default=0.7, show_default=True, help="Drop above this ROUGE-L F-measure.")
@click.option("--tokenizer", default="unicode", show_default=True, help="unicode (any script), rouge, rouge-stemmed.")
@click.option("--field", help="The field with the text. [default: instruction, text, prompt ... or the first message]")
@click.option("--ray", is_flag=True, help="Hold the kept texts on a Ray cluster, for sets that outgrow one machine.")
@ray_address
@click.option("--shards", type=click.IntRange(1), help="With --ray: in so many pieces. [default: one for each CPU]")
@click.option("--json", "as_json", is_flag=True, help="The totals as one JSON object.")
@click.option("--quiet", is_flag=True, help="No progress.")
def dedup_command(
    files: tuple[Path, ...],
    out: Path | None,
    dropped: Path | None,
    against: tuple[Path, ...],
    threshold: float,
    tokenizer: str,
    field: str | None,
    ray: bool,
    ray_address: str | None,
    shards: int | None,
    as_json: bool,
    quiet: bool,
) -> None:
    """Filter FILES (JSONL, JSON or Parquet) with the exact novelty rule of the paper, row by row, in order.

    A row is dropped if its ROUGE-L with any row kept before it exceeds the threshold. Nothing is approximated.

    \b
    Examples:
      bootstruct dedup data.jsonl --out new.jsonl
      bootstruct dedup train.parquet --against test.jsonl --threshold 0.5 --dropped near_the_test.jsonl
      bootstruct dedup zh.jsonl --field question --out zh_new.jsonl
      bootstruct dedup crawl.jsonl --out new.jsonl --ray --ray-address 10.0.0.1:6379 --shards 16
    """
    from bootstruct.dedup import Told, dedup, report_rows, write, writing
    from bootstruct.errors import BadInput

    for path in (*files, *against):
        if not path.is_file():
            raise BadInput(f"{path}: no such file.")
    if not ray and (ray_address or shards):
        raise BadInput("--ray-address and --shards belong to --ray; add it.")
    told, began = Told(), time.monotonic()
    kept = writing(out) if out else contextlib.nullcontext(lambda row: None)
    with _pool(ray, ray_address, shards, threshold, tokenizer) as pool, kept as keep:
        with _bar(files, quiet or as_json) as advance:
            for done in dedup(files, against, field, threshold, tokenizer, told, keep, pool):
                if done.rows % 500 == 0:
                    advance(done)
    if dropped:
        write(dropped, list(report_rows(told)))
    seconds = time.monotonic() - began
    if as_json:
        counts = {"rows": told.rows, "kept": told.kept, "dropped": len(told.dropped), "near_the_other_set": told.near}
        click.echo(json.dumps(counts | {"without_text": told.without_text, "seconds": seconds}))
    else:
        _tell(told, against, seconds)


@contextlib.contextmanager
def _pool(
    ray: bool, address: str | None, count: int | None, threshold: float, tokenizer: str
) -> "Iterator[Callable[[Iterable[Place]], Shards[Place]] | None]":
    """What makes the pool on a cluster, closed with the block; None where it stays on this machine."""
    if not ray:
        yield None
        return
    from bootstruct.engines.cluster.on_ray import address_of, require_ray
    from bootstruct.shards import Shards

    require_ray()
    made: list[Shards[Place]] = []

    def make(away: "Iterable[Place]") -> "Shards[Place]":
        texts = ((place.text, place) for place in away)
        made.append(Shards(texts, threshold, tokenizer, address_of(address), count))
        return made[0]

    try:
        yield make
    finally:
        for each in made:
            each.close()


@contextlib.contextmanager
def _bar(files: tuple[Path, ...], hidden: bool) -> "Iterator[Callable[[Told], None]]":
    """A progress bar over the rows of the files; gives what moves it."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    from bootstruct.dedup import read

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    hidden = hidden or not sys.stderr.isatty()
    with Progress(*columns, console=Console(stderr=True), disable=hidden, transient=True) as bar:
        total = None if hidden else sum(sum(1 for _ in read(path)) for path in files)
        task = bar.add_task("kept", total=total)
        yield lambda told: bar.update(task, completed=told.rows, description=f"kept {number(told.kept)}")


def _tell(told: "Told", against: tuple[Path, ...], seconds: float) -> None:
    near = f" ({number(told.near)} of them near {', '.join(map(str, against))})" if against else ""
    click.echo(
        f"{number(told.rows)} rows, {number(told.kept)} kept, {number(len(told.dropped))} dropped{near} in {duration(seconds)}"
    )
    if told.without_text:
        click.echo(f"{number(told.without_text)} rows have no text and were kept")
    for each in sorted(told.dropped, key=lambda each: -each.score)[:EXAMPLES]:
        click.echo(f"  {each.score:.2f} {each.place.path}:{each.place.row} {each.place.text[:70]!r}")
        click.echo(f"    is near {each.near.path}:{each.near.row} {each.near.text[:70]!r}")
    if len(told.dropped) > EXAMPLES:
        click.echo(f"  ... {number(len(told.dropped) - EXAMPLES)} more: --dropped FILE lists all")
