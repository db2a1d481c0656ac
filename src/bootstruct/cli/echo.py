"""The functions with which all commands print, so that hidden characters of untrusted text are made visible.

Escape sequences, controls, direction marks and other hidden characters become harmless marks (`render.sanitize`), on
a terminal and in a pipe alike. JSON keeps its values: there such characters are written as JSON's own escapes.
"""

import dataclasses
from typing import TYPE_CHECKING, Any, TypeVar

import click

from bootstruct.render.sanitize import in_json_line, visible

if TYPE_CHECKING:
    from collections.abc import Iterable

    from bootstruct.io.accounts import RowAccount

T = TypeVar("T")


class StyledText(str):
    """Text that is made visible and styled already."""

    __slots__ = ()


CLEAR_LINE = StyledText("\r\x1b[K")  # back to the beginning of a terminal's line, which is cleared


def styled(text: str, **style: Any) -> StyledText:
    """Text in a style of `click.style`, made visible."""
    return StyledText(click.style(visible(text), **style))


def echo(*parts: str, err: bool = False, nl: bool = True, **style: Any) -> None:
    """Print text, made visible.

    Args:
        parts: printed one after the other; what `styled` returned keeps its style.
        err: to stderr instead of stdout.
        nl: whether a new line follows.
        style: of `click.style`, for all of it.
    """
    text = "".join(
        part if isinstance(part, StyledText) else styled(part, **style) if style else visible(part) for part in parts
    )
    click.echo(text, err=err, nl=nl)


def echo_accounts(accounts: "Iterable[RowAccount]", lines: bool = False) -> None:
    """Say on stderr, in one line per file, how many rows were read, of which shape, and what was left out and why.

    Args:
        accounts: an account of the rows of each file.
        lines: whether the lines of the rows that were left out are listed.
    """
    for account in accounts:
        echo(account.in_words(lines), err=True)


def echo_json(value: Any, err: bool = False) -> None:
    """Print a value as one line of JSON in which no character is hidden; a reader gets the value unchanged."""
    click.echo(in_json_line(value), err=err)


def made_visible(value: T) -> T:
    """The same value with every text in it made visible, inside dataclasses, dicts, lists and tuples."""
    return _made_visible(value)  # type: ignore[no-any-return]


def _made_visible(value: Any) -> Any:
    if isinstance(value, str):
        return visible(value)
    if isinstance(value, dict):
        return {_made_visible(key): _made_visible(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple) and not hasattr(value, "_fields"):
        return type(value)(_made_visible(inner) for inner in value)
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        changed = {row.name: _made_visible(getattr(value, row.name)) for row in dataclasses.fields(value) if row.init}
        return dataclasses.replace(value, **changed)
    return value
