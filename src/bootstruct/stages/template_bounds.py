"""Templates of strangers (recipes, chat models), bounded: Jinja's sandbox with a limit on steps, text, and numbers.

The sandbox keeps a template away from Python but does not limit size: a few words can request a text of a terabyte or
an endless loop. Here every pass of a loop and every call is a step, and every text, list and number that a template
makes is measured before or as it is made.
"""

import math
import re
from collections.abc import Callable, Iterable, Mapping
from contextvars import ContextVar
from functools import wraps
from itertools import islice
from types import GeneratorType
from typing import Any, Final

from jinja2 import StrictUndefined, nodes, pass_context
from jinja2.exceptions import SecurityError
from jinja2.runtime import Context, Undefined
from jinja2.sandbox import ImmutableSandboxedEnvironment
from jinja2.visitor import NodeTransformer

MOST_STEPS: Final = 10_000  # passes of loops and calls while one template is filled
MOST_TEXT: Final = 4_000_000  # characters that one template makes, counted at every place where text is made
MOST_NUMBER: Final = 1_000_000  # of a width, a count or a range
_ELEMENT: Final = 16  # characters that an element of a list counts for
_MOST_PRECISION: Final = 100
_MOST_BITS: Final = 4096  # of a whole number
_WIDE: Final = re.compile(
    r"%(?:\([^)]*+\))?+[^a-zA-Z%]*?(?:\d{6}|\*)|\{[^{}]*?(?:\d{6}|(?<=.)(?<!\{)\{)"
)  # in a format
_FORMATS: Final = ("format", "format_map")
_PER_LINE: Final = ("expandtabs", "indent", "tojson")  # a width for each line, tab or element
_MEASURED: Final = (str, bytes, list, tuple, dict, set, frozenset, range)
_SCALARS: Final = (str, bytes, int, float, bool, type(None))


class Allowance:
    """The remaining steps and text while one template is filled.

    Args:
        steps: passes of loops and calls.
        text: characters, counted at every place where text is made.
    """

    __slots__ = ("most_steps", "most_text", "steps", "text")

    def __init__(self, steps: int = MOST_STEPS, text: int = MOST_TEXT) -> None:
        self.steps = self.most_steps = steps
        self.text = self.most_text = text

    def step(self) -> str:
        """Take one step and return empty text for the template. Raises SecurityError if none is left."""
        self.steps -= 1
        if self.steps < 0:
            raise SecurityError(f"takes more than {self.most_steps:,} steps")
        return ""

    def take(self, size: int) -> None:
        """Take this number of characters. Raises SecurityError if fewer are left."""
        self.text -= size
        if self.text < 0:
            raise SecurityError(f"makes more than {self.most_text:,} characters of text")


_ALLOWANCE: ContextVar[Allowance] = ContextVar("template allowance")


def begin_filling(steps: int = MOST_STEPS, text: int = MOST_TEXT) -> None:
    """Set the steps and the text of the next template.

    Args:
        steps: passes of loops and calls that it may take.
        text: characters that it may make.
    """
    _ALLOWANCE.set(Allowance(steps, text))


class BoundedEnvironment(ImmutableSandboxedEnvironment):
    """The sandbox in which templates are filled: those of recipes, and with other options those of chat models.

    Args:
        filters: further filters, bounded like Jinja's own.
        options: of Jinja's environment, instead of those for recipes.
    """

    intercepted_binops = frozenset(("+", "*", "**", "%"))

    def __init__(self, filters: Mapping[str, Callable[..., Any]] | None = None, **options: Any) -> None:
        super().__init__(**{"undefined": StrictUndefined, "keep_trailing_newline": True, "autoescape": False} | options)
        self.globals = {name: value for name, value in self.globals.items() if name != "lipsum"} | {"range": _range}
        every = dict[str, Any](self.filters) | dict(filters or {})
        self.filters = {name: _bounded(name, function) for name, function in every.items()}
        self.tests = {name: _bounded(name, function) for name, function in dict[str, Any](self.tests).items()}
        self.filters |= {_STEP: _step, _SHOWN: _shown, _JOINED: _joined, _COUNT: _count}

    def _parse(self, source: str, name: str | None, filename: str | None) -> nodes.Template:
        return _BoundsInserter().visit(super()._parse(source, name, filename))  # type: ignore[no-any-return]

    def call_binop(self, context: Context, operator: str, left: Any, right: Any) -> Any:
        """Compute what the template requests, unless the result would be too large."""
        if operator == "**":
            base, power = (abs(value) if isinstance(value, int | float) else 2 for value in (left, right))
            if power * math.log2(max(base, 2)) > _MOST_BITS:
                raise SecurityError("computes a number that is too large")
        elif isinstance(left, int | float) and isinstance(right, int | float):
            pass
        elif operator == "*":
            times = [max(0, int(value)) if isinstance(value, int | float) else _size(value) for value in (left, right)]
            _ALLOWANCE.get().take(times[0] * times[1])
        elif operator == "%":
            _check_arguments("format", (left, right))
        else:
            _ALLOWANCE.get().take(_size(left) + _size(right))
        result = super().call_binop(context, operator, left, right)
        if isinstance(result, int) and result.bit_length() > _MOST_BITS:
            raise SecurityError("computes a number that is too large")
        return result

    def wrap_str_format(self, value: Any) -> Any:
        """The sandbox's own `str.format`, for formats of a small width only."""
        found = super().wrap_str_format(value)
        if found is not None and isinstance(value.__self__, str):
            _refuse_wide(value.__self__)
        return found

    def call(self, context: Context, obj: Any, *args: Any, **kwargs: Any) -> Any:
        """Call a function or a method of a value, bounded like a filter."""
        allowance = _ALLOWANCE.get()
        allowance.step()
        _check_arguments(getattr(obj, "__name__", ""), (getattr(obj, "__self__", None), *args, *kwargs.values()))
        result = super().call(context, obj, *args, **kwargs)
        allowance.take(_size(result))
        return result


def _bounded(name: str, function: Callable[..., Any]) -> Callable[..., Any]:
    """A filter or a test of this name whose arguments and result are measured."""

    @wraps(function)
    def bounded(*args: Any, **kwargs: Any) -> Any:
        allowance = _ALLOWANCE.get()
        allowance.step()
        taken = [_taken(value) if isinstance(value, GeneratorType) else value for value in args]
        _check_arguments(name, (*taken, *kwargs.values()))
        result = function(*taken, **kwargs)
        allowance.take(_size(result))
        return result

    return bounded


def _taken(values: Iterable[Any]) -> list[Any]:
    taken = list(islice(values, MOST_STEPS + 1))
    if len(taken) > MOST_STEPS:
        raise SecurityError(f"iterates over more than {MOST_STEPS:,} values")
    return taken


def _check_arguments(name: str, values: tuple[Any, ...]) -> None:
    """Refuse what would make one call huge: large numbers, wide formats, two long texts or lists together."""
    sizes = sorted((_size(value) for value in values if isinstance(value, _MEASURED)), reverse=True)
    _ALLOWANCE.get().take(sum(sizes))
    if len(sizes) > 1 and sizes[0] * sizes[1] > 16 * MOST_TEXT:
        raise SecurityError("combines texts or lists that are too long")
    numbers = [abs(value) for value in values if isinstance(value, int | float)]
    if sizes and numbers and max(numbers) * (sizes[0] if name in _PER_LINE else 1) > MOST_NUMBER:
        raise SecurityError(f"uses a number above {MOST_NUMBER:,} with a text")
    if name in _FORMATS and isinstance(values[0], str):
        _refuse_wide(values[0])
    if name == "round" and len(numbers) > 1 and numbers[1] > _MOST_PRECISION:
        raise SecurityError(f"rounds to more than {_MOST_PRECISION} places")


def _refuse_wide(text: str) -> None:
    if _WIDE.search(text):
        raise SecurityError("formats a text with a width that is too large or not fixed")


def _size(value: Any, left: int | None = None) -> int:
    """The number of characters and elements inside a value; counting ends soon after it is too large."""
    if isinstance(value, str | bytes):
        return len(value)
    if left is None:
        left = _ALLOWANCE.get().most_text
    total = _ELEMENT
    if isinstance(value, _SCALARS):
        return total
    parts: Iterable[Any] = ()
    if isinstance(value, range):
        return len(value)
    if isinstance(value, dict):
        parts = (part for pair in value.items() for part in pair)
    elif isinstance(value, list | tuple | set | frozenset):
        parts = value
    for part in parts:
        total += _size(part, left - total)
        if total > left:
            break
    return total


def _range(*arguments: int) -> range:
    found = range(*arguments)
    if len(found) > MOST_STEPS:
        raise SecurityError(f"counts beyond {MOST_STEPS:,}")
    return found


# What counts is put into a template as filters, since calls pass through the sandbox, which takes much longer. Their names
# are none that a template can write. That they are given the context keeps Jinja from computing them when it compiles.
_STEP, _SHOWN, _JOINED, _COUNT = " step", " shown", " joined", " count"


@pass_context
def _step(context: Context, empty: str) -> str:
    _ALLOWANCE.get().step()
    return empty


@pass_context
def _shown(context: Context, value: Any, fixed: int = 0) -> Any:
    """A value that the template puts out, counted together with the fixed text beside it."""
    size = max(fixed, 0)
    if isinstance(value, str):
        size += len(value)
    elif not isinstance(value, Undefined):  # which says itself what is missing, once it is put out
        size += _size(value)
    _ALLOWANCE.get().take(size)
    return value


@pass_context
def _joined(context: Context, *values: Any) -> str:
    """The result of `a ~ b`."""
    for value in values:
        _shown(context, value)
    return "".join(map(str, values))


@pass_context
def _count(context: Context, size: int) -> str:
    _ALLOWANCE.get().take(max(size, 0))
    return ""


class _BoundsInserter(NodeTransformer):
    """Puts the counting into a template: into bodies of loops and macros, around output, and instead of `~`."""

    def visit_For(self, node: nodes.For) -> nodes.Node:  # noqa: N802
        """Count each pass."""
        return self._with_step(node)

    def visit_Macro(self, node: nodes.Macro) -> nodes.Node:  # noqa: N802
        """Count each call."""
        return self._with_step(node)

    def visit_Output(self, node: nodes.Output) -> nodes.Node:  # noqa: N802
        """Count output."""
        self.generic_visit(node)
        fixed = sum(len(part.data) for part in node.nodes if isinstance(part, nodes.TemplateData))
        places = [place for place, part in enumerate(node.nodes) if not isinstance(part, nodes.TemplateData)]
        for place in places:  # a template's own text counts each time that it is put out
            more = [nodes.Const(fixed)] if fixed and place == places[-1] else []
            node.nodes[place] = _filtered(_SHOWN, node.nodes[place], *more)
        if fixed and not places:
            node.nodes.append(_filtered(_COUNT, nodes.Const(fixed)))
        return node

    def visit_Concat(self, node: nodes.Concat) -> nodes.Node:  # noqa: N802
        """Count joined texts."""
        self.generic_visit(node)
        return _filtered(_JOINED, *node.nodes).set_lineno(node.lineno)

    def _with_step(self, node: Any) -> nodes.Node:
        self.generic_visit(node)
        node.body.insert(0, nodes.Output([_filtered(_STEP, nodes.Const(""))]).set_lineno(node.lineno))
        return node  # type: ignore[no-any-return]


def _filtered(name: str, value: nodes.Expr, *arguments: nodes.Expr) -> nodes.Expr:
    return nodes.Filter(value, name, list(arguments), [], None, None)
