"""bootstruct schema."""

import click

from bootstruct.cli.echo import echo_json


@click.command("schema", short_help="Print the JSON Schema of a file that you edit, for editors.")
@click.argument("name", type=click.Choice(["recipe", "machine"]))
def schema_command(name: str) -> None:
    """Print the JSON Schema of recipe.yaml (recipe), or of machine.yaml and your own settings file (machine).

    Editors use it to complete and check these files; docs/editors.md says how.

    \b
    Examples:
      bootstruct schema recipe > recipe.schema.json
      bootstruct schema machine > machine.schema.json
    """
    from bootstruct.config.json_schema import json_schema

    echo_json(json_schema("recipe" if name == "recipe" else "machine"))
