"""The flags and the progress line that all commands of `evaluate` with a model share."""

import shutil
import sys
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING

import click

from bootstruct.cli.echo import CLEAR_LINE, echo
from bootstruct.cli.shared_options import (
    Command,
    concurrency,
    max_cost,
    number_option,
    ray_actors,
    ray_address,
    server_option,
    timeout,
    trust_remote_code,
)
from bootstruct.render.sanitize import one_line

if TYPE_CHECKING:
    from bootstruct.evaluation.collect_replies import EvaluationProgress

FOLDER = click.Path(path_type=Path)
LINE_SECONDS = 10.0

_FLAGS = (
    click.option(
        "--api",
        type=click.Choice(["chat", "text"]),
        help="The form of the requests. [default: chat for servers, else text]",
    ),
    number_option("--new-tokens", "Limit each answer to N tokens.", default=1024),
    click.option(
        "--temperature",
        type=click.FloatRange(0),
        default=0.0,
        show_default=True,
        help="The sampling temperature; 0 decodes greedily.",
    ),
    server_option(),
    concurrency,
    timeout,
    click.option(
        "--max-requests", type=click.IntRange(1), help="Stop before the whole folder has more replies than this."
    ),
    click.option(
        "--max-tokens", type=click.IntRange(1), help="Stop before the whole folder has used more tokens than this."
    ),
    max_cost,
    trust_remote_code,
    ray_address,
    ray_actors,
    click.option("--batch", is_flag=True, help="Use the server's batch API: half the price, up to a day."),
    click.option("--retry-failed", is_flag=True, help="Send the requests that failed for good again."),
    click.option("--quiet", is_flag=True, help="Print nothing but errors and the result."),
)


models_option = click.option(
    "--model",
    "models",
    metavar="ENGINE/NAME",
    multiple=True,
    required=True,
    help="The model to evaluate; may be repeated.",
)


def asking_flags(command: Command) -> Command:
    """Add the flags, which are `evaluation.replies.ModelOptions` by name, and `--quiet`."""
    for flag in reversed(_FLAGS):
        command = flag(command)
    return command


class ProgressLine:
    """A context around a function that uses a model: its `update` is the function's `on_progress`.

    It updates a line on a terminal, and prints a plain line from time to time elsewhere.
    """

    def __init__(self, quiet: bool) -> None:
        self.quiet, self.is_live = quiet, sys.stderr.isatty()
        self._shown = 0.0

    def __enter__(self) -> "ProgressLine":
        """Show nothing yet."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Clear the line of a terminal."""
        if self.is_live and not self.quiet:
            echo(CLEAR_LINE, err=True, nl=False)

    def update(self, progress: "EvaluationProgress") -> None:
        """Show the newest numbers."""
        if progress.seconds < self._shown:  # the next model
            self._shown = 0.0
        if self.quiet or (not self.is_live and progress.seconds - self._shown < LINE_SECONDS):
            return
        self._shown = progress.seconds
        text = f"{progress.folder.name}: {line(progress)}"
        if self.is_live:  # a line that wraps could not be overwritten
            text = one_line(text, shutil.get_terminal_size().columns - 1)
        echo(CLEAR_LINE if self.is_live else "", text, err=True, nl=not self.is_live)


def line(progress: "EvaluationProgress") -> str:
    """Return counts, rate, use and time left in one line."""
    from bootstruct.cli.progress import streak_in_words
    from bootstruct.render.numbers import duration, money

    left = progress.seconds_left
    remaining = "time left not known yet" if left is None else f"{duration(left)} left"
    tokens = progress.prompt_tokens + progress.completion_tokens
    spent = f", {money(progress.cost)}" if progress.cost else ""
    facts = f"{progress.done:,}/{progress.total:,} answered, {progress.replies_per_second:.1f} replies/s"
    batches = f"; {progress.batches}" if progress.batches else ""
    errors = streak_in_words(progress.failure_streak)
    return f"{facts}, {tokens:,} tokens{spent}, {remaining}{batches}" + (f"; {errors}" if errors else "")
