"""Values that a shell completes: names of formats, recipes and servers, each with a description."""

import click
from click.shell_completion import CompletionItem


def complete_formats(context: click.Context, parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Return the export formats that begin with what was typed."""
    from bootstruct.export.formats import FORMATS

    return _items({name: known.description for name, known in FORMATS.items()}, incomplete)


def complete_trainers(context: click.Context, parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Return the trainers that begin with what was typed."""
    from bootstruct.export.trainers import TRAINERS

    return _items({name: known.description for name, known in TRAINERS.items()}, incomplete)


def complete_recipes(context: click.Context, parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Return the shipped recipes that begin with what was typed, then the YAML files."""
    from bootstruct.config.loading import recipe_lines

    return [*_items(recipe_lines(), incomplete), CompletionItem(incomplete, type="file")]


def complete_servers(context: click.Context, parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Return the servers known by name that begin with what was typed."""
    from bootstruct.config.servers import shipped_servers

    return _items({name: f"{server.base_url}: {server.note}" for name, server in shipped_servers().items()}, incomplete)


def complete_started_servers(
    context: click.Context, parameter: click.Parameter, incomplete: str
) -> list[CompletionItem]:
    """Return the servers that can be started that begin with what was typed."""
    from bootstruct.engines.model_server import SERVERS

    return _items(dict.fromkeys(SERVERS, "started on this machine, if it is installed"), incomplete)


def complete_seeds(context: click.Context, parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Return the shipped sets of seeds that begin with what was typed, then the files."""
    from bootstruct.config.seeds import SEED_SETS

    sets = dict.fromkeys(SEED_SETS, "a set that comes with bootstruct")
    return [*_items(sets, incomplete), CompletionItem(incomplete, type="file")]


def _items(values: dict[str, str], incomplete: str) -> list[CompletionItem]:
    return [CompletionItem(name, help=text) for name, text in values.items() if name.startswith(incomplete)]
