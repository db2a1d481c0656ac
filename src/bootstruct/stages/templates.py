"""Filling prompt templates. A template is a recipe's own text; what a model wrote only ever comes in as a value."""

from functools import lru_cache

from jinja2 import StrictUndefined, Template, TemplateError
from jinja2.sandbox import ImmutableSandboxedEnvironment

from bootstruct.errors import BadInput

_ENVIRONMENT = ImmutableSandboxedEnvironment(undefined=StrictUndefined, keep_trailing_newline=True, autoescape=False)


@lru_cache(maxsize=256)
def _compiled(template: str) -> Template:
    try:
        return _ENVIRONMENT.from_string(template)
    except (TemplateError, RecursionError, OverflowError) as exc:
        raise BadInput(f"prompt template {template[:40]!r}: {exc}; see Jinja2's syntax.") from None


def fill(template: str, **values: object) -> str:
    """The template with its values. Raises BadInput where it does not parse or names a value that does not exist."""
    compiled = _compiled(template)
    try:
        return compiled.render(values)
    except (TemplateError, ArithmeticError, LookupError, TypeError, ValueError, AttributeError, RecursionError) as exc:
        raise BadInput(f"prompt template {template[:40]!r}: {exc}; known here: {', '.join(values)}.") from None
