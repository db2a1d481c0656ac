"""Chat templates of models, which are programs of strangers and are filled within the bounds of recipe templates.

A chat template is a Jinja template in a model folder or in a GGUF file. transformers fills it in a sandbox that keeps
it away from Python but lets it loop forever or take all memory. Here it is filled in the bounded environment, with
the functions that transformers offers to templates, and gives the same text.
"""

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import lru_cache
from typing import Any, Final, NoReturn

from jinja2 import Template, TemplateError, Undefined, nodes
from jinja2.ext import Extension
from jinja2.parser import Parser

from bootstruct.stages.template_bounds import MOST_STEPS, MOST_TEXT, BoundedEnvironment, begin_filling

_MOST_CHARACTERS: Final = 100_000  # of a template; long ones of well-known models have 20,000
_STEPS_PER_MESSAGE: Final = 1_000
_STEPS_PER_CHARACTER: Final = 4  # some templates loop over the content of a message
_TEXT_PER_CHARACTER: Final = 64  # how often a template may go over a message
_AGAIN_PER_MESSAGE: Final = 4  # and over all of them for each one: `messages | length`
_MOST_REASON: Final = 300  # characters of a template's message about its failure


class ChatTemplateError(ValueError):
    """A chat template does not parse, does not accept the messages, or takes too many steps or too much text."""


def fill_chat_template(
    tokenizer: Any, messages: Sequence[Mapping[str, str]], add_generation_prompt: bool = False
) -> str:
    """The text of a chat, as the template of a model writes it.

    Args:
        tokenizer: of the model, as transformers loads it.
        messages: each with `role` and `content`.
        add_generation_prompt: whether the text ends with the beginning of a reply.

    Raises:
        ChatTemplateError: the template does not parse, refuses the messages, or takes too many steps or too much text.
    """
    try:
        template = tokenizer.get_chat_template()
        if len(template) > _MOST_CHARACTERS:
            raise ChatTemplateError(f"it has more than {_MOST_CHARACTERS:,} characters")
        compiled = _compiled(template)
        count, characters = len(messages), sum(len(value) + 64 for message in messages for value in message.values())
        begin_filling(
            MOST_STEPS + _STEPS_PER_MESSAGE * count + _STEPS_PER_CHARACTER * characters,
            MOST_TEXT + (_TEXT_PER_CHARACTER + _AGAIN_PER_MESSAGE * count) * characters,
        )
        values = {"messages": [dict(message) for message in messages], "tools": None, "documents": None}
        return compiled.render(**tokenizer.special_tokens_map, **values, add_generation_prompt=add_generation_prompt)
    except ChatTemplateError:
        raise
    except Exception as exc:  # a template is a program and raises anything, mostly about a role
        reason = " ".join(str(exc).split()) or type(exc).__name__
        raise ChatTemplateError(reason[:_MOST_REASON].rstrip(".")) from None


def _refuse(message: object) -> NoReturn:
    raise TemplateError(str(message))


def _now(form: str) -> str:
    return datetime.now().strftime(form)


def _tojson(
    value: Any,
    ensure_ascii: bool = False,
    indent: int | None = None,
    separators: tuple[str, str] | None = None,
    sort_keys: bool = False,
) -> str:
    """The filter as chat templates expect it: without the escapes for HTML that Jinja's own makes."""
    return json.dumps(value, ensure_ascii=ensure_ascii, indent=indent, separators=separators, sort_keys=sort_keys)


class _GenerationTag(Extension):
    """`{% generation %}`, which marks what a model wrote; its content is part of the text like any other."""

    tags = {"generation"}  # noqa: RUF012 (as Jinja declares it)

    def parse(self, parser: Parser) -> nodes.Node:
        """Read the content, in a scope of its own."""
        line = next(parser.stream).lineno
        return nodes.Scope(parser.parse_statements(("name:endgeneration",), drop_needle=True)).set_lineno(line)


_ENVIRONMENT = BoundedEnvironment(
    {"tojson": _tojson},
    undefined=Undefined,
    keep_trailing_newline=False,
    trim_blocks=True,
    lstrip_blocks=True,
    extensions=[_GenerationTag, "jinja2.ext.loopcontrols"],
)
_ENVIRONMENT.globals |= {"raise_exception": _refuse, "strftime_now": _now}


@lru_cache(maxsize=16)
def _compiled(template: str) -> Template:
    return _ENVIRONMENT.from_string(template)
