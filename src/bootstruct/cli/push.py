"""bootstruct push."""

from pathlib import Path
from typing import Any

import click

from bootstruct.cli.completion import complete_formats
from bootstruct.cli.echo import echo, echo_accounts, echo_json
from bootstruct.cli.shared_options import list_left_out


@click.command("push", short_help="Put a data set on the Hugging Face hub.")
@click.argument("source", type=click.Path(path_type=Path), metavar="RUN|FILE")
@click.argument("repository", metavar="ORG/NAME")
@click.option(
    "--format",
    "formats",
    multiple=True,
    default=("messages",),
    show_default=True,
    shell_complete=complete_formats,
    help="Of a run, the format of the rows; may be repeated: each is a configuration, and the first is the default.",
)
@click.option(
    "--split", "splits", multiple=True, metavar="NAME=SHARE", help="Of a run, a part beside `train`, as in test=0.1."
)
@click.option("--seeds/--no-seeds", default=None, help="Of a run, send the seed tasks as well.")
@click.option("--reviewed", type=click.Choice(["good"]), help="Leave out tasks that most of their reviewers call bad.")
@click.option("--license", "licence", metavar="ID", help="The licence as the hub names it, such as cc-by-4.0.")
@click.option("--private", is_flag=True, help="Make a new repository private.")
@click.option("--dry-run", is_flag=True, help="Show what would go, and send nothing.")
@click.option(
    "--message", default="Data set made with bootstruct", show_default=True, help="The message of the commit."
)
@list_left_out
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@click.option("--quiet", is_flag=True, help="Print nothing but errors and the result.")
def push_command(
    source: Path,
    repository: str,
    formats: tuple[str, ...],
    splits: tuple[str, ...],
    dry_run: bool,
    list_left_out: bool,
    as_json: bool,
    quiet: bool,
    **options: Any,
) -> None:
    """Put RUN or FILE on the Hugging Face hub as the data set ORG/NAME, with a card and Croissant metadata, in one commit.

    The token is that of the environment (HF_TOKEN) or of the hub's own login (`hf auth login`). With --dry-run nothing is
    sent and no network is used: files, sizes and the card are shown. Needs `pip install 'bootstruct[hub]'`.

    \b
    Examples:
      bootstruct push runs/a me/my-tasks --split test=0.1 --license cc-by-4.0 --dry-run
      bootstruct push runs/a me/my-tasks --format messages --format alpaca --private
      bootstruct push good.jsonl me/my-tasks
    """
    from bootstruct.api.publishing import push
    from bootstruct.export.selection import read_splits

    def tell(step: str) -> None:
        if not quiet:
            echo(step, err=True)

    chosen = formats[0] if len(formats) == 1 else formats
    made = push(source, repository, formats=chosen, split=read_splits(splits), dry_run=dry_run, on_step=tell, **options)
    if not quiet or list_left_out:
        echo_accounts(made.accounts, list_left_out)
    if as_json:
        echo_json(
            {
                "repository": made.repository,
                "address": made.address,
                "commit": made.commit,
                "files": dict(made.files),
                "card": made.card,
                "notes": list(made.notes),
                "accounts": [account.to_row() for account in made.accounts],
            }
        )
        return
    for note in made.notes:
        echo(f"note: {note}", err=True)
    for path, size in made.files.items():
        echo(f"{path}: {size:,} bytes")
    if dry_run:
        echo(f"\nThe card (README.md):\n\n{made.card}")
        echo(f"Nothing was sent. Without --dry-run, these files go to {made.address} in one commit.")
    else:
        echo(f"sent to {made.address}\ncommit: {made.commit}")
