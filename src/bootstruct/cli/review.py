"""bootstruct review: people judge the run on a local web page."""

from pathlib import Path

import click

FOLDER = click.Path(path_type=Path)


@click.command("review", short_help="Serve a local page on which people judge tasks and rate answers.")
@click.argument("run", type=FOLDER)
@click.option("--port", type=click.IntRange(0, 65535), help="[default: 8642, or a free one where that is taken]")
@click.option("--host", default="127.0.0.1", show_default=True, help="The address to listen on.")
@click.option("--allow-remote", is_flag=True, help="Agree that other machines can reach the page (with --host).")
@click.option("--tasks", type=click.IntRange(min=1), metavar="N", help="Tasks to sample. [default: 200]")
@click.option("--seed", default=42, show_default=True, help="Draws the sample, its order and the sides of pairs.")
@click.option("--reviewers", metavar="A,B,...", help="Share the items out among these names.")
@click.option(
    "--overlap",
    type=click.FloatRange(0, 1),
    metavar="SHARE",
    help="The part that every reviewer sees, 0 to 1. [default: 1]",
)
@click.option("--sheet", type=FOLDER, help="Folder of a rating sheet. [default: RUN, or RUN/rating]")
@click.option("--export", "export_", type=FOLDER, metavar="FILE", help="Write the judgements (.csv or .jsonl) and end.")
@click.option("--ratings", type=FOLDER, metavar="FILE", help="Write the A-D ratings for `evaluate` and end.")
def review_command(
    run: Path,
    port: int | None,
    host: str,
    allow_remote: bool,
    tasks: int | None,
    seed: int,
    reviewers: str | None,
    overlap: float | None,
    sheet: Path | None,
    export_: Path | None,
    ratings: Path | None,
) -> None:
    """Serve the review page of RUN and print its address.

    Quality review of a sample of tasks, blind rating of the answers in a sheet (`bootstruct evaluate sheet`), a live view
    of a running `generate`, and the results. Judgements go to reviews.jsonl in RUN as they are given.

    \b
    Examples:
      bootstruct review runs/a
      bootstruct review runs/a --tasks 200 --reviewers anna,ben --overlap 0.25
      bootstruct review runs/a --sheet rating
      bootstruct review runs/a --export judgements.csv
      bootstruct export runs/a --reviewed good --format messages --out good.jsonl
    """
    from bootstruct.review.desk import Wanted
    from bootstruct.review.serve import Bind, reviewers_of, serve, write_judgements, write_ratings

    if export_:
        click.echo(f"{export_}: {write_judgements(run, export_)} judgements")
    if ratings:
        click.echo(f"{ratings}: {write_ratings(run, sheet, ratings)} ratings")
    if export_ or ratings:
        return
    names = reviewers_of(reviewers) if reviewers is not None else None
    serve(run, sheet, Wanted(tasks, seed, names, overlap), Bind(host, port, allow_remote), click.echo)
