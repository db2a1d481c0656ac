"""bootstruct review: people judge the run on a local web page."""

from pathlib import Path
from typing import Any

import click

from bootstruct.cli.echo import echo

FOLDER = click.Path(path_type=Path)


@click.command("review", short_help="Serve a local page on which people judge tasks and rate answers.")
@click.argument("run", type=FOLDER)
@click.option("--port", type=click.IntRange(0, 65535), help="The port to listen on. [default: 8642, or a free one]")
@click.option("--host", default="127.0.0.1", show_default=True, help="The address to listen on.")
@click.option("--allow-remote", is_flag=True, help="Allow other machines to reach the page (with --host).")
@click.option("--tasks", type=click.IntRange(min=1), metavar="N", help="Sample N tasks. [default: 200]")
@click.option(
    "--seed", default=42, show_default=True, help="The random seed for the sample, its order and the sides of pairs."
)
@click.option("--reviewers", metavar="A,B,...", help="Divide the items among these names.")
@click.option(
    "--overlap",
    type=click.FloatRange(0, 1),
    metavar="SHARE",
    help="The share of the items that every reviewer sees, 0 to 1. [default: 1]",
)
@click.option("--sheet", type=FOLDER, help="The folder of a rating sheet. [default: RUN, or RUN/rating]")
@click.option(
    "--export", "export_", type=FOLDER, metavar="FILE", help="Write the judgements (.csv or .jsonl) and exit."
)
@click.option("--ratings", type=FOLDER, metavar="FILE", help="Write the A-D ratings for `evaluate` and exit.")
def review_command(
    run: Path,
    sheet: Path | None,
    export_: Path | None,
    ratings: Path | None,
    reviewers: str | None,
    **options: Any,
) -> None:
    """Serve the review page of RUN and print its address.

    On the page, people review a sample of tasks and rate the answers in a sheet blind (`bootstruct evaluate sheet`).
    It also shows a running `generate` live, and the results. Each judgement is written to reviews.jsonl in RUN at
    once.

    \b
    Examples:
      bootstruct review runs/a
      bootstruct review runs/a --tasks 200 --reviewers anna,ben --overlap 0.25
      bootstruct review runs/a --sheet rating
      bootstruct review runs/a --export judgements.csv
      bootstruct export runs/a --reviewed good --format messages --out good.jsonl
    """
    from bootstruct.api.applications import export_judgements, export_ratings, review

    if export_:
        echo(f"{export_}: {export_judgements(run, export_)} judgements")
    if ratings:
        echo(f"{ratings}: {export_ratings(run, ratings, sheet=sheet)} ratings")
    if export_ or ratings:
        return
    names = None if reviewers is None else reviewers.split(",")
    review(run, sheet=sheet, reviewers=names, on_line=echo, **options)
