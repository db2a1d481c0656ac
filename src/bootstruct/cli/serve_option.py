"""The flag `--serve`, which starts a model server on this machine for the time of a command."""

import contextlib
from collections.abc import Iterator, Sequence
from pathlib import Path

import click

from bootstruct.cli.completion import complete_started_servers
from bootstruct.cli.echo import echo
from bootstruct.errors import InputError

NOTE_SECONDS = 15.0  # between two notes while the server starts

serve = click.option(
    "--serve",
    metavar="SERVER",
    shell_complete=complete_started_servers,
    help="Start vllm, sglang, llama.cpp or transformers with the recipe's model, and stop it at the end; arguments for the "
    "server may follow, as in --serve 'vllm --max-model-len 8192'.",
)


@contextlib.contextmanager
def serving(
    run: Path, server: str | None, base_url: Sequence[str], engine: str | None, quiet: bool
) -> Iterator[tuple[str, ...]]:
    """Start the server that `--serve` names, if any, for the block; yield the addresses that the command uses.

    Args:
        run: the run folder.
        server: the value of `--serve`.
        base_url: the value of `--base-url`.
        engine: the value of `--engine`.
        quiet: whether nothing is printed while it starts.

    Raises:
        InputError: another server or engine is given as well.
    """
    if server is None:
        yield tuple(base_url)
        return
    if base_url or engine is not None:
        raise InputError("--serve starts the server that is used; leave out --base-url, --server and --engine.")
    from bootstruct.api.serving import LOG, serve

    next_note = 0.0

    def note(seconds: float) -> None:
        nonlocal next_note
        if not quiet and seconds >= next_note:
            next_note += NOTE_SECONDS
            echo(f"starting {server.split()[0]}: {seconds:.0f} s; its output goes to {run / LOG}", err=True)

    with serve(run, server, on_wait=note) as address:
        if not quiet:
            echo(f"{server.split()[0]} answers at {address}", err=True)
        yield (address,)
