"""The command line: words in, words out. Commands live in the modules beside this one and are imported when called.

Exit codes: 0 done, 1 stopped short of the goal with everything saved, 2 the user must change something, 130 interrupted.
"""

import importlib
import os
import sys
from typing import Any

import click

from bootstruct import __version__
from bootstruct.errors import BootstructError

COMMANDS = {  # name -> (module, the line `--help` shows); in the order of a run's life
    "demo": ("demo", "The whole loop on this machine, with the embedded model."),
    "init": ("begin", "Make a run folder: recipe and seeds, ready to edit."),
    "preview": ("ahead", "Show a few requests in full and what the run will cost."),
    "generate": ("grow", "Grow the pool and write instances; running it again resumes."),
    "status": ("look", "Show what a run has come to."),
    "verify": ("look", "Re-derive every decision from the recorded replies."),
    "export": ("files", "Write training files from a run."),
    "finetune": ("finetune", "Finetune a model on runs and files."),
    "report": ("report", "Write a page that shows the data set at a glance, and its card."),
    "review": ("review", "Serve a local page: quality review and blind rating by people."),
    "dedup": ("filter", "Keep what is new in any file of texts: the novelty filter alone."),
    "evaluate": ("evaluate", "Measure models: scores, ratings, comparisons, decontamination."),
    "doctor": ("health", "Show what is installed, and what a server really does."),
    "import": ("files", "Turn files of the original code into a run."),
}


class LazyGroup(click.Group):
    """A group that knows its commands by name and imports one only when it is called."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        module = importlib.import_module(f"bootstruct.cli.{COMMANDS[cmd_name][0]}")
        command: click.Command = getattr(module, f"{cmd_name}_command")
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, line) for name, (_, line) in COMMANDS.items()])

    def resolve_command(self, ctx: click.Context, args: list[str]) -> Any:
        try:
            return super().resolve_command(ctx, args)
        except click.UsageError as exc:
            import difflib

            near = difflib.get_close_matches(args[0], COMMANDS, 1)
            raise click.UsageError(
                f"{exc.message} {f'Did you mean {near[0]!r}?' if near else ''}".strip(), ctx
            ) from None


@click.group(
    cls=LazyGroup,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="A first run against a server that speaks OpenAI's API: bootstruct init runs/first --model "
    "openai/gpt-4.1-mini, then bootstruct generate runs/first --tasks 50. "
    'Shell completion: eval "$(_BOOTSTRUCT_COMPLETE=bash_source bootstruct)" (or zsh_source, fish_source).',
)
@click.version_option(__version__, prog_name="bootstruct")
def cli() -> None:
    """Self-Instruct: a language model grows a few hand-written tasks into instruction data.

    A run is a folder. Every reply is written down once and never paid for twice; any crash is survived by running the
    same command again.
    """


def main() -> None:
    """Run the command line; errors are one sentence on stderr."""
    try:
        cli.main(standalone_mode=False)
        sys.stdout.flush()
    except click.exceptions.Exit as exc:
        raise SystemExit(exc.exit_code) from None
    except click.ClickException as exc:
        exc.show()
        raise SystemExit(exc.exit_code) from None
    except BootstructError as exc:
        click.echo(f"{'stopped' if exc.exit_code == 1 else 'error'}: {exc}", err=True)
        raise SystemExit(exc.exit_code) from None
    except (KeyboardInterrupt, click.Abort):
        click.echo("interrupted: everything up to here is saved; run the same command to go on.", err=True)
        raise SystemExit(130) from None
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise SystemExit(0) from None
