"""Write docs/commands.md, which shows every command with its help text and options. `make docs` runs this script."""

import inspect
import re
from collections.abc import Iterator
from pathlib import Path

import click

from bootstruct.cli import COMMANDS, cli

PAGE = Path(__file__).parent.parent / "docs" / "commands.md"
HEAD = """# Commands

This page is made from the help texts of the commands (`make docs` writes it). `bootstruct COMMAND --help` shows the same
text on a terminal, and [the Python functions](python.md) do the same work in a script or a notebook.

| exit code | meaning |
|---|---|
| 0 | The command did what was asked. |
| 1 | The run stopped short of its goal (budget, stall, a silent server), or most of it [went wrong](status.md); all is saved. |
| 2 | The user must change something: a flag, a file, a recipe or a key. |
| 130 | The command was interrupted; everything up to there is saved. |
| 143 | The same, by SIGTERM, as from a job scheduler or `docker stop`. |
"""
EXAMPLES = re.compile(r"^Examples?:$")
CODE = re.compile(r"(`[^`]+`|(?<![\w/-])--[a-z][\w-]*)")


def main() -> None:
    """Write the page."""
    PAGE.write_text(page(), encoding="utf-8")


def page() -> str:
    """Return the whole page as Markdown."""
    overview = [f"| [`{name}`](#{name}) | {line} |" for name, (_, line) in COMMANDS.items()]
    sections = _group(cli, click.Context(cli, info_name="bootstruct"), 2)
    return "\n".join([HEAD, "| command | purpose |", "|---|---|", *overview, "", *sections]).rstrip() + "\n"


def _group(group: click.Group, parent: click.Context, level: int) -> Iterator[str]:
    for name in group.list_commands(parent):
        command = group.get_command(parent, name)
        assert command is not None
        context = click.Context(command, info_name=name, parent=parent)
        yield from _command(command, context, level)
        if isinstance(command, click.Group):
            yield from _group(command, context, level + 1)


def _command(command: click.Command, context: click.Context, level: int) -> Iterator[str]:
    yield f"{'#' * level} {context.command_path.removeprefix('bootstruct ')}"
    yield ""
    usage = " ".join([context.command_path, *command.collect_usage_pieces(context)])
    yield from ["```text", usage, "```", ""]
    yield from _description(command.help or "")
    rows = [row for option in command.get_params(context) if (row := _option(option, context))]
    yield from ["| option | meaning |", "|---|---|", *rows, ""]


def _description(help_text: str) -> Iterator[str]:
    r"""Yield the paragraphs of a help text; those that click must not wrap (marked by `\b`) are kept as they are."""
    for block in inspect.cleandoc(help_text).split("\n\n"):
        lines = [line for line in block.splitlines() if line.strip() != "\b"]
        if "\b" not in block:
            yield from [_prose(" ".join(line.strip() for line in lines)), ""]
            continue
        title = lines.pop(0) if lines and not lines[0].startswith(" ") else ""
        if title:
            yield from [f"**{title}**" if EXAMPLES.match(title) else _prose(title), ""]
        if lines:
            yield from ["```text", *inspect.cleandoc("\n".join(lines)).splitlines(), "```", ""]


def _option(option: click.Parameter, context: click.Context) -> str | None:
    record = option.get_help_record(context) if isinstance(option, click.Option) else None
    if record is None or "--help" in option.opts:
        return None
    names, meaning = (text.replace("|", "&#124;") for text in record)  # a bar would end the table cell
    code = f"<code>{names}</code>" if "&" in names else f"`{names}`"
    return f"| {code} | {_prose(' '.join(meaning.split()))} |"


def _prose(text: str) -> str:
    """Return a help text as Markdown: code spans stay, options become code spans, and everything else is plain text."""
    pieces = CODE.split(text)
    return "".join(
        f"`{piece.strip('`')}`" if CODE.fullmatch(piece) else re.sub(r"([*_<>\[\]])", r"\\\1", piece)
        for piece in pieces
    )


if __name__ == "__main__":
    main()
