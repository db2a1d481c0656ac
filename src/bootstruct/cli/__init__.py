"""The command line.

Commands live in the modules beside this one and are imported when called.

Exit codes: 0 done, 1 stopped short of the goal or mostly went wrong, with everything saved, 2 the user must change
something, 130 interrupted, 143 terminated (SIGTERM, which ends a command in the same good order).
"""

import contextlib
import errno
import importlib
import io
import logging
import os
import signal
import sys
import threading
import traceback
import warnings
from collections.abc import Iterator
from types import FrameType
from typing import Any

import click

from bootstruct import __version__
from bootstruct.cli.echo import echo
from bootstruct.errors import BootstructError

COMMANDS = {  # name -> (module, the line `--help` shows); in the order of a run's life
    "demo": ("demo", "Run the whole loop on this machine, with the embedded model."),
    "init": ("init", "Make a run folder: recipe and seeds, ready to edit."),
    "preview": ("preview", "Show a few requests in full and what the run will cost."),
    "generate": ("generate", "Grow the pool and write instances; running it again resumes."),
    "status": ("status", "Show the state and the figures of a run."),
    "verify": ("verify", "Re-derive every decision from the recorded replies."),
    "export": ("export", "Write training files from a run."),
    "finetune": ("finetune", "Finetune a model on runs and files."),
    "report": ("report", "Write a page that shows the data set at a glance, and its card."),
    "push": ("push", "Put a data set on the Hugging Face hub."),
    "select": ("select", "Choose rows to train on, each choice explained."),
    "diversity": ("diversity", "Measure how diverse data sets are, side by side."),
    "review": ("review", "Serve a local page on which people judge tasks and rate answers."),
    "dedup": ("dedup", "Keep what is new in any file of texts, with the novelty filter alone."),
    "evaluate": ("evaluate", "Measure models: scores, ratings, comparisons, decontamination."),
    "doctor": ("doctor", "Show what is installed and what a server supports."),
    "schema": ("schema", "Print the JSON Schema of a recipe or settings file, for editors."),
    "import": ("import_", "Turn files of the original code into a run."),
}


class LazyGroup(click.Group):
    """A group that knows its commands by name and imports one only when it is called."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The commands in the order of a run's life."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import a command when it is called."""
        if cmd_name not in COMMANDS:
            return None
        module = importlib.import_module(f"bootstruct.cli.{COMMANDS[cmd_name][0]}")
        command: click.Command = getattr(module, f"{cmd_name}_command")
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The commands with their lines, without importing any."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, line) for name, (_, line) in COMMANDS.items()])

    def resolve_command(self, ctx: click.Context, args: list[str]) -> Any:
        """As usual, but the error for an unknown command names the nearest one."""
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

    A run is a folder. Every reply is recorded as it arrives and never paid for twice. After a crash, run the same command
    again to continue.
    """


def _show_warning(
    message: Warning | str,
    category: type[Warning],
    filename: str,
    lineno: int,
    file: object = None,
    line: str | None = None,
) -> None:
    """Print a warning as one line: warnings of bootstruct itself as notes, others with their place, as usual."""
    note = category is UserWarning
    echo(f"note: {message}" if note else f"{filename}:{lineno}: {category.__name__}: {message}", err=True)


class _VisibleLog(logging.Handler):
    """Print what libraries log as notes on stderr; it may contain text of servers."""

    def emit(self, record: logging.LogRecord) -> None:
        """Print one message."""
        echo(f"note: {record.name}: {record.getMessage()}", err=True)


class _Interruption:
    """Lets SIGTERM, which a job scheduler or a container sends, end a command as Ctrl-C does: replies in flight are kept.

    Attributes:
        exit_code: of the command if it is interrupted.
    """

    def __init__(self) -> None:
        self.exit_code = 130
        self._process = os.getpid()

    @contextlib.contextmanager
    def handled(self) -> Iterator[None]:
        """Handle the signal within the block; only the main thread can, and only if it does not ignore Ctrl-C."""
        ignored = signal.getsignal(signal.SIGINT) is signal.SIG_IGN  # as in the background of a script
        if ignored or threading.current_thread() is not threading.main_thread():
            yield
            return
        before = signal.signal(signal.SIGTERM, self.terminate)
        try:
            yield
        finally:
            signal.signal(signal.SIGTERM, before)

    def terminate(self, number: int, frame: FrameType | None) -> None:
        """Turn the signal into an interrupt; in a forked child, let it do what it usually does."""
        if os.getpid() != self._process:
            signal.signal(signal.SIGTERM, signal.SIG_DFL)
            signal.raise_signal(signal.SIGTERM)
        self.exit_code = 128 + number
        signal.raise_signal(signal.SIGINT)


def main() -> None:
    """Run the command line; an error is one sentence on stderr."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # a terminal that is not UTF-8 lacks most characters
    logging.lastResort = _VisibleLog(logging.WARNING)
    interruption = _Interruption()
    try:
        with warnings.catch_warnings(), interruption.handled():
            warnings.showwarning = _show_warning
            code = cli.main(
                standalone_mode=False
            )  # the code that a command passed to `ctx.exit`, else what it returned
        sys.stdout.flush()
    except click.exceptions.Exit as exc:
        raise SystemExit(exc.exit_code) from None
    except click.ClickException as exc:
        shown = io.StringIO()
        exc.show(shown)
        echo(shown.getvalue(), err=True, nl=False)
        raise SystemExit(exc.exit_code) from None
    except BootstructError as exc:
        echo(f"{'stopped' if exc.exit_code == 1 else 'error'}: {exc.sentence}", err=True)
        raise SystemExit(exc.exit_code) from None
    except (KeyboardInterrupt, click.Abort):
        echo("interrupted: everything so far is saved; run the same command again to continue.", err=True)
        raise SystemExit(interruption.exit_code) from None
    except BrokenPipeError:
        _leave_stdout()
        raise SystemExit(0) from None
    except OSError as exc:
        _leave_stdout()
        echo(f"error: {_os_error(exc)}", err=True)
        raise SystemExit(2) from None
    except MemoryError:
        echo(
            "error: there is not enough memory for this command; use smaller files or a machine with more memory.",
            err=True,
        )
        raise SystemExit(2) from None
    except RecursionError:
        echo("error: a value in a file or a reply is nested too deeply to be read; correct or remove it.", err=True)
        raise SystemExit(2) from None
    except Exception:  # a fault of ours; its message may contain text of files and servers
        echo(traceback.format_exc(), err=True, nl=False)
        echo("error: this is a fault of bootstruct, which the lines above show; please report it.", err=True)
        raise SystemExit(2) from None
    if isinstance(code, int) and code:
        raise SystemExit(code)


def _leave_stdout() -> None:
    """Discard what is still to be written to the standard output, because it cannot be written."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _os_error(exc: OSError) -> str:
    """One sentence for an error of the operating system that no command expects at its place."""
    what, reason = exc.filename or "the output", exc.strerror or str(exc)
    remedy = {
        errno.EMFILE: "raise the limit of open files, as in `ulimit -n 4096`",
        errno.ENFILE: "close other programs",
        errno.ENOSPC: "free some space",
        errno.EDQUOT: "free some space",
        errno.EFBIG: "raise the limit of file sizes, as in `ulimit -f unlimited`",
    }
    return f"{what}: {reason}; {remedy.get(exc.errno or 0, 'check the place and its permissions')}, then run the command again."
