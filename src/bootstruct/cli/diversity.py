"""bootstruct diversity: how diverse data sets are, side by side."""

import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import click

from bootstruct.cli.echo import echo, echo_accounts, echo_json
from bootstruct.cli.shared_options import embedding_options, fields, list_left_out, number_option, taxonomy_option

if TYPE_CHECKING:
    from bootstruct.io.accounts import RowAccount
    from bootstruct.reporting.diversity import MeasuredText, SetDiversity

FOLDER = click.Path(path_type=Path)
MOST_HOLES = 20  # shown of a set


@click.command("diversity", short_help="Measure how diverse data sets are, side by side.")
@click.argument("runs", nargs=-1, required=True, type=FOLDER, metavar="RUN...")
@click.option(
    "--on",
    type=click.Choice(["instruction", "output", "all"]),
    default="instruction",
    show_default=True,
    help="Measure instructions, outputs, or all texts of a task as one.",
)
@number_option("--size", "Compare N texts of each set. [default: as many as the smallest has, at most 1,000]", 2)
@click.option("--seeds", type=FOLDER, help="The seed tasks whose coverage is measured; a run has its own.")
@click.option("--no-whole", is_flag=True, help="Measure the samples only, which is faster for large sets.")
@taxonomy_option
@embedding_options
@fields
@list_left_out
@click.option("--json", "as_json", is_flag=True, help="Print all values, with sources, as one JSON object.")
@click.option("--quiet", is_flag=True, help="Show no progress.")
def diversity_command(
    runs: tuple[Path, ...],
    on: "MeasuredText",
    size: int | None,
    seeds: Path | None,
    no_whole: bool,
    embed: str | None,
    base_url: str | None,
    embeddings: Path | None,
    taxonomy: Path | None,
    fields: dict[str, str] | None,
    list_left_out: bool,
    as_json: bool,
    quiet: bool,
) -> None:
    """Measure how diverse the texts of each RUN are: a run folder, an export, or any file of instruction data.

    Distinct n-grams, self-repetition, Self-BLEU, compression, the Vendi score, the entropy of verbs with their
    objects, how the texts spread over the seeds, and, with --embed, how far they are apart in meaning. Sets are
    compared on random samples of one size, because most measures depend on it; brackets hold 95% intervals. Holes are
    topics, task types, lengths and verbs of the seeds, or of --taxonomy, of which a set has too few.
    docs/diversity.md shows which of them notice duplicates, paraphrases, translations and a loss of topics.

    \b
    Examples:
      bootstruct diversity runs/a
      bootstruct diversity runs/a alpaca.json --seeds seeds.jsonl
      bootstruct diversity train.jsonl --on output --size 500
      bootstruct diversity runs/a --embed openai/text-embedding-3-small
      bootstruct diversity runs/a --taxonomy taxonomy.yaml
      bootstruct diversity runs/a runs/b --json
    """
    from bootstruct.api.measuring import diversity

    begun, accounts = time.monotonic(), list["RowAccount"]()

    def tell(text: str) -> None:
        if sys.stderr.isatty() and not quiet:
            echo(f"{time.monotonic() - begun:5.1f} s  {text}", err=True)

    found = diversity(
        *runs,
        on=on,
        size=size,
        seeds=seeds,
        fields=fields,
        whole=not no_whole,
        embed=embed,
        base_url=base_url,
        embeddings=embeddings,
        taxonomy=taxonomy,
        on_step=tell,
        accounts=accounts,
    )
    if as_json:
        echo_json({"sets": [one.to_row() for one in found], "accounts": [account.to_row() for account in accounts]})
        return
    if not quiet or list_left_out:
        echo_accounts(accounts, list_left_out)
    print_diversity(found)


def print_diversity(found: "tuple[SetDiversity, ...]") -> None:
    """A table of all measures, and the texts that they measure."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    from bootstruct.render.sanitize import visible
    from bootstruct.reporting.diversity import comparison_rows, number_in_words

    table = Table(box=None, padding=(0, 2, 0, 0))
    table.add_column("", no_wrap=True)
    table.add_column("more diverse", style="dim")
    for one in found:
        table.add_column(Text(visible(one.label)), justify="right", no_wrap=True)
    for measure, values in comparison_rows(found):
        table.add_row(measure.label, measure.direction, *values)
    Console(width=max(80, 50 + 34 * len(found))).print(table)
    for one in found:
        what = {"instruction": "instructions", "output": "outputs", "all": "tasks"}[one.on]
        sampled = (
            f"a random sample of {one.sample:,} of {one.texts:,}" if one.sample < one.texts else f"all {one.texts:,}"
        )
        echo(f"{one.label}: {sampled} {what}, tokens: {one.tokens}")
        wholes = [value for value in one.values if value.whole is not None] if one.sample < one.texts else []
        if wholes:
            listed = ", ".join(f"{value.measure.label} {number_in_words(value.whole)}" for value in wholes)
            echo(f"  over all {one.texts:,}: {listed}")
    print_holes(found)
    if any(not one.reader for one in found) and found[0].on == "instruction":
        echo("note: without verb-object entropy; pip install 'bootstruct[report]' installs a reader of verbs.")


def print_holes(found: "tuple[SetDiversity, ...]") -> None:
    """The thin places of each set, and what could not be counted."""
    from bootstruct.reporting.holes import place_in_words

    for one in found:
        if one.coverage is None:
            continue
        places, thin = one.coverage.places, one.coverage.thin
        by = (
            "words, which is coarse; --embed tells them by meaning"
            if one.coverage.vectors == "words"
            else one.coverage.vectors
        )
        topics = f"; topics by {by}" if any(place.kind == "topic" for place in places) else ""
        echo(f"{one.label}: {len(thin):,} of {len(places):,} places of {one.coverage.taxonomy} are thin{topics}")
        for place in thin[:MOST_HOLES]:
            echo(f"  {place_in_words(place)}")
        if len(thin) > MOST_HOLES:
            echo(f"  and {len(thin) - MOST_HOLES:,} more; --json has all")
        for note in one.coverage.notes:
            echo(f"  note: {note}")
    if all(one.coverage is None for one in found) and found[0].on == "instruction":
        echo("note: without holes; --seeds or --taxonomy says what the sets should cover.")
