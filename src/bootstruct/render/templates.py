"""What all pages share: their colours and fonts, and templates in which every text is escaped."""

import functools
from collections.abc import Callable
from importlib import resources
from typing import Any

import jinja2


def environment(package: str, **filters: Callable[..., Any]) -> jinja2.Environment:
    """Return the templates of a package: everything in them is escaped, and a name that they do not know is an error.

    Args:
        package: the package with a folder `templates`.
        filters: functions that the templates may call, by name.
    """
    made = jinja2.Environment(
        loader=jinja2.PackageLoader(package),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters |= filters
    return made


@functools.cache
def theme() -> str:
    """Return the style sheet that the style sheets of all pages continue."""
    return (resources.files("bootstruct.render") / "theme.css").read_text(encoding="utf-8")
