"""Fill prompt templates (Jinja2, sandboxed, bounded). The template is the recipe's; model output is only a value in it."""

from functools import lru_cache

from jinja2 import Template, TemplateError

from bootstruct.errors import InputError
from bootstruct.stages.template_bounds import BoundedEnvironment, begin_filling

_ENVIRONMENT = BoundedEnvironment()


@lru_cache(maxsize=256)
def _compiled(template: str) -> Template:
    try:
        return _ENVIRONMENT.from_string(template)
    except (TemplateError, RecursionError, OverflowError, MemoryError, ValueError, SyntaxError) as exc:
        raise InputError(f"prompt template {template[:40]!r}: {exc}; see Jinja2's syntax.") from None


def fill(template: str, **values: object) -> str:
    """Fill a template with values.

    Args:
        template: a Jinja2 template.
        values: the values that it may use.

    Raises:
        InputError: the template does not parse, fails, uses a value that does not exist, or takes too many steps or too
            much text.

    Example:
        >>> fill("Name {{ count }} rivers.", count=3)
        'Name 3 rivers.'
    """
    compiled = _compiled(template)
    begin_filling()
    try:
        return compiled.render(values)
    except (
        TemplateError,
        ArithmeticError,
        LookupError,
        TypeError,
        ValueError,
        AttributeError,
        RecursionError,
        MemoryError,
    ) as exc:
        raise InputError(f"prompt template {template[:40]!r}: {exc}; it may use {', '.join(values)}.") from None
