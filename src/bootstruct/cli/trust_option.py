"""The flag `--trust`, and the question on a terminal that replaces it."""

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

from bootstruct.cli.echo import echo

trust = click.option(
    "--trust",
    is_flag=True,
    help="Confirm, once for this folder, where its machine.yaml sends requests, which key they carry, and its prices.",
)


def confirmed(run: Path, is_trusted: bool, flags: Mapping[str, Any]) -> bool:
    """Whether the user trusts the machine settings of a folder: by the flag, or by answering a question on a terminal.

    Args:
        run: the run folder.
        is_trusted: whether `--trust` was given.
        flags: the other flags; `engine`, `base_url` and `ray_address` determine what has to be confirmed.

    Returns:
        True if the user has confirmed now. False asks nothing, or leaves it to the command to stop with the sentence
        that shows both the address and the variable.
    """
    from bootstruct.config.machine import read_machine

    if is_trusted or not run.is_dir() or not (sys.stdin.isatty() and sys.stderr.isatty()):
        return is_trusted
    given: dict[str, Any] = {name: flags.get(name) for name in ("engine", "base_url", "ray_address")}
    question = read_machine(run, **given).unconfirmed
    if not question:
        return False
    echo(question.partition("; if that is")[0] + ".", err=True)
    return click.confirm("Is that what you want?", default=False, err=True)
