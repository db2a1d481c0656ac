"""bootstruct select: which rows to train on."""

import sys
import time
from pathlib import Path
from typing import Any

import click

from bootstruct.cli.echo import echo, echo_accounts, echo_json
from bootstruct.cli.shared_options import embedding_options, fields, list_left_out, number_option

FILE = click.Path(path_type=Path)


@click.command("select", short_help="Choose rows to train on, each choice explained.")
@click.argument("sources", nargs=-1, required=True, type=FILE, metavar="RUN|FILE...")
@click.option("--size", type=click.IntRange(1), required=True, metavar="N", help="How many rows to choose.")
@click.option(
    "--by",
    type=click.Choice(["random", "longest", "perplexity", "ifd", "grade", "k-center", "mixture"]),
    default="random",
    show_default=True,
    help="The rule: random; long outputs; perplexity of the output (lowest first) or instruction-following difficulty under "
    "--model; --grade; far apart in meaning under --embed; or --quality times that distance.",
)
@click.option("--out", type=FILE, help="Write the chosen rows here; - is the standard output.")
@click.option(
    "--per", metavar="type|FIELD", help="Choose equally many per task type, or per value of a field, as in topic."
)
@click.option(
    "--quality",
    type=click.Choice(["longest", "perplexity", "ifd", "grade"]),
    help="Of --by mixture: the rule whose rank is multiplied by the distance.",
)
@click.option("--grade", metavar="FIELD", help="The field with the grades; a.b is field b within a.")
@click.option("--model", help="The small model of perplexity and ifd: pocket or hf/FOLDER.")
@embedding_options
@number_option("--seed", "The seed of --by random.", 0, default=0)
@fields
@list_left_out
@click.option("--json", "as_json", is_flag=True, help="Print the counts as one JSON object.")
@click.option("--quiet", is_flag=True, help="Show no progress.")
def select_command(
    sources: tuple[Path, ...], out: Path | None, list_left_out: bool, as_json: bool, quiet: bool, **options: Any
) -> None:
    """Choose rows of runs and files to train on. The same rows and options give the same choice.

    Each chosen row keeps its fields and its place in the order, and gets a column `selection`: its rank, the rule, the score,
    and why it was chosen.

    \b
    Examples:
      bootstruct select runs/a --size 1000 --by k-center --embed hf/./all-MiniLM-L6-v2 --out few.jsonl
      bootstruct select alpaca.json --size 5000 --by ifd --model hf/./SmolLM2-135M --per type --out few.json
      bootstruct select graded.jsonl --size 500 --by mixture --quality grade --grade score --embed hashed --out few.jsonl
      bootstruct select data.jsonl --size 100 --out sample.jsonl
    """
    from bootstruct.api.selecting import select

    begun, is_piped = time.monotonic(), out == Path("-")

    def tell(text: str) -> None:
        if sys.stderr.isatty() and not quiet:
            echo(f"{time.monotonic() - begun:5.1f} s  {text}", err=True)

    found = select(*sources, out=sys.stdout.buffer if is_piped else out, on_step=tell, **options)
    if as_json:
        accounts = [account.to_row() for account in found.accounts]
        counts = {"available": found.available, "chosen": len(found.rows), "groups": found.groups}
        echo_json(counts | {"accounts": accounts}, err=is_piped)
        return
    if not quiet or list_left_out:
        echo_accounts(found.accounts, list_left_out)
    echo(f"{len(found.rows):,} of {found.available:,} rows chosen by {options['by']}", err=is_piped)
    for group, count in found.groups.items():
        echo(f"  {group}: {count:,}", err=is_piped)
    if out is None:
        for row in sorted(found.rows, key=lambda row: row["selection"]["rank"])[:5]:
            echo(f"  {row['selection']['rank']}. {row['selection']['why']}")
        echo("note: nothing was written; --out FILE writes the rows.")
