"""Options that several commands share: each is declared once."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from bootstruct.cli.completion import complete_servers

if TYPE_CHECKING:
    _ActorRangeBase = click.ParamType[tuple[int, ...]]
    _ConcurrencyBase = click.ParamType[int | None]
    _FieldNamesBase = click.ParamType[dict[str, str]]
else:
    _ActorRangeBase = _ConcurrencyBase = _FieldNamesBase = click.ParamType  # is not generic before click 8.4

Command = TypeVar("Command", bound=Callable[..., Any])


class ActorRange(_ActorRangeBase):
    """`8`: so many; `1:8`: from 1 to 8, as the queue needs; `2:`: from 2 to as many as fit."""

    name = "MIN:MAX"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> tuple[int, ...]:
        """The least number, and the most where one is given."""
        least, colon, most = str(value).partition(":")
        most = most if colon else least
        if not least.isdecimal() or (most and not most.isdecimal()):
            self.fail(f"{value!r} is neither a number nor MIN:MAX, as in 1:8.", param, ctx)
        return (int(least), int(most)) if most else (int(least),)


class Concurrency(_ConcurrencyBase):
    """A number of requests in flight, or `auto`."""

    name = "N|auto"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> int | None:
        """The number; None for `auto`."""
        if value == "auto":
            return None
        try:
            number = int(str(value))
        except ValueError:
            self.fail(f"{value!r} is neither a number nor `auto`.", param, ctx)
        if number < 1:
            self.fail("at least 1 request must be in flight.", param, ctx)
        return number


class FieldNames(_FieldNamesBase):
    """`instruction=task,output=reply`: the names of fields by their meaning."""

    name = "ROLE=NAME,..."

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> dict[str, str]:
        """The names by what they hold."""
        from bootstruct.io.fields import read_fields

        if isinstance(value, dict):
            return value
        try:
            return read_fields(str(value))
        except ValueError as exc:
            self.fail(f"{exc}.", param, ctx)


def number_option(
    flag: str, text: str, least: int = 1, most: int | None = None, default: int | None = None
) -> Callable[[Command], Command]:
    """An option whose value is a whole number, which its help text calls N.

    Args:
        flag: as in `--tasks`.
        text: the help text.
        least: the least number allowed.
        most: the most, None without a limit.
        default: the number if the option is left out.
    """
    numbers = click.IntRange(least, most)
    return click.option(flag, type=numbers, default=default, show_default=default is not None, metavar="N", help=text)


def server_option(more: str = "", multiple: bool = False) -> Callable[[Command], Command]:
    """The option that names the server, by its address or by a name.

    Args:
        more: a continuation of the help text.
        multiple: whether it may be given again for several equal servers.
    """
    return click.option(
        "--base-url",
        "--server",
        "base_url",
        metavar="URL|NAME",
        multiple=multiple,
        shell_complete=complete_servers,
        help=f"The server: its address, as in http://127.0.0.1:8000/v1, or a name, as in ollama{more}.",
    )


fields = click.option(
    "--fields",
    type=FieldNames(),
    help="The names of the fields of a file with names of its own, as in instruction=task,input=given,output=reply; "
    "a.b is field b within a.",
)
list_left_out = click.option(
    "--list-left-out", is_flag=True, help="List the line numbers of the rows that are left out, by reason."
)
concurrency = click.option(
    "--concurrency", type=Concurrency(), help="Requests in flight; auto adapts to the server. [default: auto]"
)
timeout = click.option(
    "--timeout",
    type=click.FloatRange(0, min_open=True),
    metavar="N",
    help="Abandon a request after N seconds. [default: 120]",
)
max_cost = click.option(
    "--max-cost",
    type=click.FloatRange(0, min_open=True),
    help="Stop before the cost exceeds this number of US dollars.",
)
trust_remote_code = click.option(
    "--trust-remote-code", is_flag=True, help="Run the code that comes with a local model (hf/)."
)
ray_address = click.option(
    "--ray-address",
    metavar="ADDRESS",
    help="For ray/ models: HOST:PORT of the cluster, auto, or local. [default: local]",
)
ray_actors = click.option(
    "--ray-actors", type=ActorRange(), help="For ray/ models: the number of actors. [default: 1 to as many as fit]"
)


def embedding_options(command: Command) -> Command:
    """Add the options that say which model turns texts into vectors, and where these are kept."""
    for option in (
        click.option(
            "--embeddings",
            type=click.Path(path_type=Path),
            metavar="FOLDER",
            help="Keep the vectors in this folder, so that no text is embedded twice.",
        ),
        server_option(", for --embed openai/MODEL"),
        click.option(
            "--embed",
            metavar="MODEL",
            help="The model that embeds texts: openai/MODEL (a server with /embeddings), hf/FOLDER (sentence-transformers), "
            "static/FOLDER (model2vec), or hashed (parts of words; no model).",
        ),
    ):
        command = option(command)
    return command


def taxonomy_option(command: Command) -> Command:
    """Add the option that names a taxonomy."""
    return click.option(
        "--taxonomy",
        type=click.Path(path_type=Path),
        metavar="FILE",
        help="A YAML file of topics, types, lengths and verbs to cover. [default: those of the seeds]",
    )(command)


def superni_tasks(command: Command) -> Command:
    """Add the options that include tasks of Super-NaturalInstructions that are otherwise left out."""
    for option in (
        click.option(
            "--other-languages",
            is_flag=True,
            help="Of Super-NaturalInstructions, keep tasks in other languages than English as well.",
        ),
        click.option(
            "--test-tasks",
            is_flag=True,
            help="Of Super-NaturalInstructions, keep test tasks and those that its split excludes as well.",
        ),
    ):
        command = option(command)
    return command
