"""The progress bar of commands that process many rows. On a terminal, it shows what is done and the time left."""

import contextlib
import sys
from collections.abc import Iterator
from typing import Protocol

from bootstruct.cli.echo import made_visible


class Move(Protocol):
    """Moves a progress bar."""

    def __call__(self, part: str, done: int, total: int | None, shown: str = "") -> None:
        """Show how much is done.

        Args:
            part: which part of the work it is; each begins at zero and has a time of its own.
            done: how much of it is done.
            total: how much there is; None if that is not known.
            shown: the text before the bar instead of the part.
        """


@contextlib.contextmanager
def progress_bar(hidden: bool = False) -> Iterator[Move]:
    """A function that moves a bar on a terminal's stderr; the bar is removed at the end of the block.

    Args:
        hidden: show nothing; nothing is shown either if stderr is not a terminal.
    """
    if hidden or not sys.stderr.isatty():
        yield lambda part, done, total, shown="": None
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TaskID, TaskProgressColumn, TextColumn, TimeRemainingColumn

    text = TextColumn("{task.description}", markup=False)
    parts: dict[str, TaskID] = {}
    with Progress(
        text, BarColumn(), TaskProgressColumn(), TimeRemainingColumn(), console=Console(stderr=True), transient=True
    ) as bar:

        def move(part: str, done: int, total: int | None, shown: str = "") -> None:
            if part not in parts:
                for earlier in parts.values():
                    bar.update(earlier, visible=False)
                parts[part] = bar.add_task("", total=None)
            bar.update(parts[part], description=made_visible(shown or part), completed=done, total=total)

        yield move
