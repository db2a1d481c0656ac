"""bootstruct export, bootstruct import: files out of a run and into one."""

from pathlib import Path

import click

FOLDER = click.Path(path_type=Path)


@click.command("export", short_help="Write training files from a run.")
@click.argument("run", type=FOLDER)
@click.option("--format", "format_", required=True, metavar="FORMAT", help="One of those below.")
@click.option("--out", type=FOLDER, required=True, help="The file to write (for `original` a folder).")
@click.option("--seeds/--no-seeds", default=None, help="Put the seed tasks in as well. [default: only in `original`]")
@click.option(
    "--reviewed", type=click.Choice(["good"]), help="Leave out the tasks that most of their reviewers call bad."
)
def export_command(run: Path, format_: str, out: Path, seeds: bool | None, reviewed: str | None) -> None:
    """Write the accepted tasks of RUN as training data. The same run gives the same bytes.

    \b
    alpaca             one JSON list of instruction, input, output
    messages           JSONL of chat messages, as TRL and most trainers read it
    prompt-completion  JSONL with the paper's 13 templates, one drawn for each instance
    sharegpt           one JSON list of conversations
    openai             JSONL for OpenAI's fine-tuning API, checked as the API checks it
    parquet            all columns in one table (pip install 'bootstruct[parquet]')
    original           the five files of the released code, in a folder

    \b
    Examples:
      bootstruct export runs/a --format messages --out data/train.jsonl
      bootstruct export runs/a --format original --out data/original --no-seeds
      bootstruct export runs/a --format messages --out data/good.jsonl --reviewed good
    """
    from bootstruct.export import export
    from bootstruct.judgements import tasks_marked_bad
    from bootstruct.runs import journal_path, read_run

    state = read_run(run)
    bad = tasks_marked_bad(run) if reviewed else set()
    done = export(state, journal_path(run), format_, out, seeds, bad)
    for path, rows in done.files.items():
        click.echo(f"{path}: {rows} rows")
    if reviewed:
        click.echo(f"left out: {len(bad)} tasks marked bad by their reviewers (others may not have been reviewed)")
    if done.annotated < done.tasks:
        click.echo(
            f"part of the run: {done.annotated} of {done.tasks} accepted tasks are annotated "
            f"(requests 0 to {done.requests - 1} are committed); `bootstruct generate {run}` goes on."
        )


@click.command("import", short_help="Turn files of the original code into a run.")
@click.argument("run", type=FOLDER)
@click.option(
    "--from", "sources", type=FOLDER, multiple=True, required=True, help="A folder or file of the original code."
)
@click.option("--seeds", type=FOLDER, help="The seed tasks that run was made with; the shipped ones if left out.")
@click.option("--recipe", default="original", show_default=True, help="Whose reading and rules to derive with.")
def import_command(run: Path, sources: tuple[Path, ...], seeds: Path | None, recipe: str) -> None:
    """Read the files of the original code (machine_generated_instructions.jsonl ...) into the new run folder RUN.

    Decisions are derived from the logged replies and set right where the files say otherwise. The run can then be
    verified, exported, reported and reused, but not extended.

    \b
    Example:
      bootstruct import runs/old --from data/davinci --seeds data/seed_tasks.jsonl
      bootstruct verify runs/old
    """
    from bootstruct.files import read_recipe, read_seeds, recipe_folder, shipped_seeds
    from bootstruct.importer import find_files, import_run

    given = Path(recipe)
    path = given if given.suffix in (".yaml", ".yml") else Path(str(recipe_folder(recipe))) / "recipe.yaml"
    told = import_run(run, find_files(list(sources)), read_recipe(path), read_seeds(seeds or shipped_seeds()))
    click.echo(
        f"{told.requests} replies, {told.read} texts read, {told.candidates} of them break no rule, "
        f"{told.accepted} accepted; {told.tasks} annotated with {told.instances} instances"
    )
    for note in told.notes:
        click.echo(f"note: {note}")
    click.echo(f"Next: bootstruct verify {run}")
