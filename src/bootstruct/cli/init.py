"""bootstruct init."""

import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from bootstruct.cli.completion import complete_recipes, complete_seeds
from bootstruct.cli.echo import echo, echo_accounts, echo_json
from bootstruct.cli.shared_options import fields, list_left_out, server_option
from bootstruct.render.numbers import number
from bootstruct.render.sanitize import visible

if TYPE_CHECKING:
    from bootstruct.history.rejudge import Rejudgement
    from bootstruct.history.rewrite import Api, RewriteSummary
    from bootstruct.io.accounts import RowAccount

LIST = "list"


def _list(context: click.Context, _: click.Parameter, value: str | None) -> str | None:
    """Print the shipped recipes and exit if `--recipe` has no value."""
    if value != LIST or context.resilient_parsing:
        return value
    from bootstruct.config.loading import recipe_lines

    for name, line in recipe_lines().items():
        echo(f"{name:10} {line}")
    return context.exit()


@click.command("init", short_help="Make a run folder.")
@click.argument("run", type=click.Path(path_type=Path))
@click.option(
    "--recipe",
    default=None,
    is_flag=False,
    flag_value=LIST,
    is_eager=True,
    callback=_list,
    shell_complete=complete_recipes,
    help="The name of a recipe, or a YAML file; without a value, list the names. [default: chat]",
)
@click.option("--model", metavar="ENGINE/NAME", help="The model, as in openai/gpt-4.1-mini.")
@server_option("; kept in machine.yaml")
@click.option(
    "--seeds",
    metavar="FILE|simple",
    shell_complete=complete_seeds,
    help="Your seed tasks, in a file of any shape; or `simple`, 100 short everyday tasks that come with bootstruct. "
    "[default: the 175 that come with it]",
)
@click.option(
    "--keep-away",
    type=click.Path(path_type=Path),
    multiple=True,
    help="A file of texts or tasks that accepted instructions must not be similar to; may be repeated.",
)
@click.option(
    "--documents",
    type=click.Path(path_type=Path),
    multiple=True,
    metavar="PATH",
    help="A document or a folder of documents that the tasks are to be about: text, Markdown, HTML, PDF; may be repeated.",
)
@click.option(
    "--passage-words",
    type=int,
    metavar="N",
    help="The most words of a passage of these documents. [default: 300]",
)
@fields
@click.option(
    "--rejudge",
    type=click.Path(path_type=Path),
    metavar="OLD",
    help="Begin with OLD's replies, judge them again, and say what is decided differently; no request is sent.",
)
@click.option(
    "--rewrite-outputs",
    type=click.Path(path_type=Path),
    metavar="OLD",
    help="Begin with OLD's completed tasks; --model will rewrite their outputs. Such a run does not grow.",
)
@click.option(
    "--api",
    type=click.Choice(["text", "chat"]),
    help="With --rewrite-outputs: how to call that model. [default: as in OLD]",
)
@click.option(
    "--topics-from-seeds",
    is_flag=True,
    help="Ask the model once for topics that fit your seeds, and put them into the recipe's hints.",
)
@click.option("--eject", is_flag=True, help="Copy the prompts into the run folder as well, to edit them.")
@list_left_out
@click.option("--json", "as_json", is_flag=True, help="Print what was written and read as one JSON object.")
def init_command(
    run: Path,
    recipe: str | None,
    model: str | None,
    base_url: str | None,
    seeds: str | None,
    keep_away: tuple[Path, ...],
    documents: tuple[Path, ...],
    passage_words: int | None,
    fields: dict[str, str] | None,
    rejudge: Path | None,
    rewrite_outputs: Path | None,
    api: "Api | None",
    topics_from_seeds: bool,
    eject: bool,
    list_left_out: bool,
    as_json: bool,
) -> None:
    """Make the folder RUN with a recipe and seeds, ready to edit. The first `generate` fixes them.

    A seed task is a row with an `instruction`, optionally an `input` and an `output` (or `instances`, a list of
    these), and `is_classification` if its outputs are labels. JSON Lines, CSV and other files and shapes are read as
    well; rows of one instruction become one task with several instances. docs/seeds.md describes the format. `--seeds
    simple` is always the set of that name; a file with this name is ./simple.

    \b
    Examples:
      bootstruct init --recipe                              (lists the recipes)
      bootstruct init runs/a --model openai/gpt-4.1-mini
      bootstruct init runs/b --recipe paper --model openai/davinci-002 --seeds my_tasks.jsonl
      bootstruct init runs/s --model hf/my-small-model --seeds simple
      bootstruct init runs/b2 --seeds tasks.csv --fields instruction=question,output=answer
      bootstruct init runs/c --model openai/Qwen3-8B --base-url http://127.0.0.1:8000/v1 --eject
      bootstruct init runs/f --model openai/gpt-4.1-mini --seeds my_tasks.jsonl --topics-from-seeds
      bootstruct init runs/g --model openai/gpt-4.1-mini --documents handbook/ --documents report.pdf
      bootstruct init runs/d --rejudge runs/a --recipe stricter.yaml
      bootstruct init runs/e --rewrite-outputs runs/a --model openai/gpt-4.1
    """
    import bootstruct as bs
    from bootstruct.config.seeds import set_or_file
    from bootstruct.errors import InputError
    from bootstruct.history.derived_runs import init_rejudged, init_rewritten, refuse_documents, refuse_mixed
    from bootstruct.run.folder import RECIPE
    from bootstruct.run.init import init_run

    refuse_mixed(rejudge, rewrite_outputs, api or "")
    if topics_from_seeds and (rejudge is not None or rewrite_outputs is not None):
        raise InputError("--topics-from-seeds: is for a new run; leave --rejudge and --rewrite-outputs out.")
    refuse_documents(bool(documents), passage_words, is_derived=rejudge is not None or rewrite_outputs is not None)
    if rewrite_outputs is not None:
        taken = init_rewritten(run, rewrite_outputs, model, api or "", (base_url,) if base_url else ())
        echo_rewritten(taken, rewrite_outputs, str(model))
        echo(f"Next: bootstruct generate {run}")
        return
    accounts: list[RowAccount] = []
    options: dict[str, Any] = {
        "model": model,
        "base_url": base_url,
        "seeds": None if seeds is None else set_or_file(seeds),
        "keep_away": keep_away,
        "eject": eject,
    }
    options |= {"fields": fields, "accounts": accounts}
    if rejudge is not None:
        report = init_rejudged(run, rejudge, recipe, **options)
        if as_json:
            rows = [account.to_row() for account in accounts]
            echo_json({"run": str(run), "rejudged": dataclasses.asdict(report), "accounts": rows})
            return
        echo_accounts(accounts, list_left_out)
        echo(f"{run}: {rejudgement_in_words(report, rejudge)}")
        echo(f"Next: bootstruct status {run}, or bootstruct generate {run}, with --tasks N to grow the pool")
        return
    options |= {"documents": documents} | ({"passage_words": passage_words} if passage_words is not None else {})
    written = init_run(run, recipe or "chat", **options)
    if as_json:
        echo_json({"run": str(run), "written": written, "accounts": [account.to_row() for account in accounts]})
        return
    echo_accounts(accounts, list_left_out)
    for name, what in written.items():
        echo(f"{run / name}: {what}")
    if topics_from_seeds:
        topics = bs.topics_from_seeds(run)
        echo(f"{run / RECIPE}: {len(topics)} topics of your seeds (1 request): {'; '.join(topics)}")
    echo(f"Next: bootstruct generate {run} --tasks 50")


def rejudgement_in_words(report: "Rejudgement", old: Path) -> str:
    """A comparison of old and new decisions in a few lines: how many are as before, and the others by rule."""
    changed = sum(change.count for change in report.changes)
    left = report.accepted - report.completed
    todo = f", {number(left)} need requests" if left else ""
    rows = [f"  {number(c.count):>6} {visible(c.old)} -> {visible(c.new)}" for c in report.changes]
    return "\n".join(
        [
            f"{number(report.requests)} requests of {old} judged again; no request was sent",
            f"{number(report.same)} candidates decided as before, {number(changed)} otherwise{':' if rows else ''}",
            *rows,
            f"{number(report.accepted)} accepted instructions ({number(report.accepted_before)} before), "
            f"{number(report.completed)} of them completed by replies that were already paid for{todo}",
        ]
    )


def echo_rewritten(taken: "RewriteSummary", old: Path, model: str) -> None:
    """Say what a run of rewritten outputs was made from."""
    left = f"; {taken.left_out} that have no instances yet are left out" if taken.left_out else ""
    echo(f"{taken.tasks} tasks of {old}, whose outputs are rewritten by {model}{left}; the run cannot grow", err=True)
    if taken.checks:
        echo(
            f"its checks and turns ({', '.join(taken.checks)}) are left out, because only outputs are requested",
            err=True,
        )
