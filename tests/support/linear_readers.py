"""Every reader of foreign text, as a function of one text, and long texts of repeated fragments for them.

`tests/fuzz/test_linear.py` checks that the time of each reader is proportional to the length of its input.
"""

import contextlib
import itertools
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import orjson

from bootstruct.config.recipe import Recipe
from bootstruct.config.seeds import read_seeds
from bootstruct.engines.batch.lines import read_lines
from bootstruct.engines.request_form import LIMIT, RequestForms
from bootstruct.engines.response import ServerError, clean, cut_at_stop, error_in, read_response, reasoning_tokens
from bootstruct.errors import BootstructError
from bootstruct.evaluation import judge, scores
from bootstruct.export.thoughts import own_thought
from bootstruct.io.row_texts import instruction_of, texts_of
from bootstruct.io.rows import read_rows
from bootstruct.io.shapes import read_task_row
from bootstruct.journal.codec import decode_line
from bootstruct.journal.events import RequestFailed
from bootstruct.render import sanitize
from bootstruct.reporting import verbs
from bootstruct.run.failure_reasons import group_failures
from bootstruct.stages import answer_matching, instance_checks, regenerate_outputs, unread_replies
from bootstruct.stages.parsing import (
    cleanup,
    instances,
    instructions,
    json_replies,
    loose_json,
    original,
    task_types,
    thoughts,
    whole_tasks,
)
from bootstruct.stages.rules import broken_instance_rule, broken_rule, count_words, repeats_itself
from bootstruct.stages.training_format import without_field_name
from bootstruct.types import Instance, Prompt, Reply, Sampling
from tests.support.fuzz_readers import FOLDER, PIECES, PROMPTS, RECIPES

Reader = Callable[[str], object]
MEASURES = ("exact", "final", "numeric", "choice")
SCALES = (("1", "2", "3", "4", "5"), ("D", "C", "B", "A"), ("poor", "good"))


def _file(name: str, content: str) -> Path:
    path = FOLDER / name
    path.write_text(content, "utf-8")
    return path


def _rows(name: str, content: str) -> list[Any]:
    try:
        return list(read_rows(_file(name, content), bare_text=True))
    except BootstructError:
        return []


def _seeds(content: str) -> object:
    try:
        return read_seeds(_file("seeds.jsonl", content))
    except BootstructError:
        return None


def _journal_line(content: str) -> object:
    try:
        return decode_line(content.encode() + b"\n", 0)
    except BootstructError:
        return None


def _body(**message: str) -> bytes:
    return orjson.dumps({"choices": [{"message": message, "finish_reason": "stop"}], "usage": {}})


def _refusal(message: str, param: str) -> object:
    form = RequestForms().of("http://h", "m")
    sent = form.body(Prompt("propose", "m", Sampling(), 1, text="x"))
    return form.next_change(PROMPTS[0], sent, ServerError(400, message, "", param), {})


def _broken_rule(recipe: Recipe, text: str) -> str | None:
    return broken_rule(recipe.propose.rules, text)


def _chat_rows(content: str) -> object:
    row = {"messages": [{"role": "user", "content": content}, {"role": "assistant", "content": content}]}
    with contextlib.suppress(ValueError):  # a blank text is not an instruction
        read_task_row(row)
    return instruction_of({"instruction": content}), list(texts_of({"text": content}))


READERS: dict[str, Reader] = {
    # instructions
    "original instructions": lambda t: original.parse_instructions(Reply(t)),
    "instructions": lambda t: instructions.parse_instructions(Reply(t), None),
    "numbered instructions": lambda t: instructions.parse_instructions(Reply(t), 9),
    "whole tasks": lambda t: whole_tasks.parse_tasks(Reply(t), False),
    "whole tasks, opened": lambda t: whole_tasks.parse_tasks(Reply(t), True),
    "JSON instructions": lambda t: json_replies.parse_instructions(Reply(t)),
    "JSON tasks": lambda t: json_replies.parse_tasks(Reply(t)),
    **{f"rules of {name}": partial(_broken_rule, recipe) for name, recipe in RECIPES.items()},
    "words": count_words,
    "words in any script": lambda t: count_words(t, "any script"),
    # task types
    "original task type": lambda t: original.parse_task_type(Reply(t)),
    "task type": lambda t: task_types.parse_task_type(Reply(t), False),
    "task type, perhaps JSON": lambda t: task_types.parse_task_type(Reply(t), True),
    "task types": lambda t: task_types.parse_task_types(Reply(t), 5, False),
    "task types, perhaps JSON": lambda t: task_types.parse_task_types(Reply(t), 5, True),
    "JSON task type": json_replies.parse_task_type,
    "JSON task types": lambda t: json_replies.parse_task_types(Reply(t), 5),
    # instances
    "original instances": lambda t: original.parse_instances(Reply(t), False),
    "original labelled instances": lambda t: original.parse_instances(Reply(t), True),
    "instances": lambda t: instances.parse_instances(Reply(t), False),
    "labelled instances": lambda t: instances.parse_instances(Reply(t), True),
    "JSON instances": lambda t: json_replies.parse_instances(Reply(t), False),
    "labelled JSON instances": lambda t: json_replies.parse_instances(Reply(t), True),
    "instance rules": lambda t: broken_instance_rule(Instance("x", t)),
    "loops": repeats_itself,
    **{f"field names of {name}": partial(without_field_name, recipe) for name, recipe in RECIPES.items()},
    # replies in general
    "loose JSON": lambda t: list(loose_json.json_values(t)),
    "clean up": cleanup.clean_reply,
    "fields": cleanup.normalize_fields,
    "no input": cleanup.means_no_input,
    "thoughts": thoughts.split_thought,
    "plans": lambda t: own_thought(Reply(t), is_task=True),
    "why unread": lambda t: unread_replies.unread_reason(Reply(t)),
    "outputs": lambda t: regenerate_outputs.parse_output(Reply(t), False),
    "labels": lambda t: regenerate_outputs.parse_output(Reply(t), True),
    # checks, judges, scores
    "answers": instance_checks.parse_answer,
    **{f"answers, {measure}": partial(answer_matching.answer_form, measure) for measure in MEASURES},
    "task texts": instance_checks.parse_task_text,
    **{f"grades to {scale[-1]}": partial(instance_checks.parse_grade, scale=scale) for scale in SCALES},
    "levels": lambda t: judge.read_level(Reply(t)),
    "better": lambda t: judge.read_better(Reply(t)),
    "sentences": scores.first_sentence,
    "paragraphs": scores.first_paragraph,
    "exact match": lambda t: scores.exact_match(t, [t]),
    # servers
    "responses": lambda t: read_response(200, t.encode(), PROMPTS[1]),
    "failures": lambda t: read_response(400, t.encode(), PROMPTS[1]),
    "replies in responses": lambda t: read_response(200, _body(content=t), PROMPTS[1]),
    "thoughts in responses": lambda t: read_response(200, _body(content="x", reasoning_content=t), PROMPTS[1]),
    "streams": lambda t: read_response(200, b"data: " + _body(content=t) + b"\n\ndata: " + t.encode(), PROMPTS[1]),
    "errors of servers": lambda t: error_in(400, orjson.dumps({"error": {"message": t, "param": t}})),
    "pages of servers": lambda t: error_in(502, b"<html><title>" + t.encode()),
    "hidden thoughts": lambda t: reasoning_tokens(b'"reasoning_tokens"' + t.encode()),
    "characters": clean,
    "stops": lambda t: cut_at_stop(t, ("\n16.", "Task:")),
    "refusals": lambda t: _refusal(t, ""),
    "refusals of the limit": lambda t: _refusal(f"{LIMIT} {t}", LIMIT),
    "refusals of a field": lambda t: _refusal("x", t),
    "batch results": lambda t: list(read_lines(t.encode())),
    # files
    "seed files": _seeds,
    "seed rows": lambda t: _seeds(orjson.dumps({"instruction": t, "output": t}).decode()),
    "rows": lambda t: _rows("rows.jsonl", t),
    "tables": lambda t: _rows("rows.csv", "instruction,output\n" + t),
    "tables with any head": lambda t: _rows("rows.csv", t),
    "heads of tables": lambda t: _rows("rows.csv", t.replace("\n", ",")),
    "texts": lambda t: _rows("rows.txt", t),
    "shapes of rows": _chat_rows,
    "journal lines": _journal_line,
    # what is shown
    "visible": sanitize.visible,
    "escaped": sanitize.escaped,
    "verbs": verbs.pair,
    "reasons of failures": lambda t: group_failures([RequestFailed("k", "d", 400, t)]),
}


def forget() -> None:
    """Clear the caches of the readers, so that a text takes as long as it does at the first reading."""
    for cached in (thoughts.split_thought, cleanup.clean_reply, task_types.read_task_types):
        cached.cache_clear()


MORE_PIECES = (
    *("<", ">", "[", "]", "{", "}", "(", "/", "\\", "|", ",", ";", "-", "=", "+", "…", "”", "’", "%", "@", "~", "`"),
    *("level", "Level: A,", "better", "Better: answer 1 or", "score", "score is ", "grade of a ", "rating as ", "4/5 "),
    *("{\"a\":", '[{"', '{"instruction": "a"}', "\\u00e9", "\\\"", "data: ", "data: {}\n\n", "<title>", "<a ", "&amp;"),
    *("classification", "Is it classification? ", "is this ", "Task: ", "max_tokens ", "temperature", "sk-abcdefgh", "1.1"),
    *("<|channel|>analysis", "<|end|>", "[THINK]", "<answer>", "analysis", "assistantfinal", "Here's my thought process:"),
    *("write ", "to write ", "a.b:c/d-1", "x1", "Would you ", "please ", ", ", "and ", "word. ", "“a” ", "a\tb"),
)  # fmt: skip
FRAGMENTS = tuple(dict.fromkeys((*PIECES, *MORE_PIECES)))
BEFORE, AFTER = ("", "Output: ", '{"a": "', "<think>", "1. a\n"), ("", "x")


def repeated(fragments: tuple[str, ...] = FRAGMENTS) -> Iterator[tuple[str, Callable[[int], str]]]:
    """Yield a description and a function that returns a text of a given length.

    The texts repeat one fragment, without or with a separator, or after another text.
    """
    for fragment, between in itertools.product(fragments, ("", " ", "\n")):
        yield f"{fragment + between!r} again and again", _repeat(fragment + between)
    for fragment, before in itertools.product(fragments, BEFORE[1:]):
        yield f"{before!r}, then {fragment!r}", _repeat(fragment, before)
    for fragment, blank in itertools.product(fragments, (" ", "\n", "1", "*", "\t \n", "-", ".")):
        yield f"{fragment!r}, then {blank!r}, then x", _repeat(blank, fragment, "x")


def _repeat(fragment: str, before: str = "", after: str = "") -> Callable[[int], str]:
    return lambda size: before + fragment * (size // len(fragment)) + after
