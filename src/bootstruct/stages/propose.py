"""Stage 1: the prompt that asks for new instructions, and the candidates in its reply. `pool.py` judges them."""

import json
from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from bootstruct.config.recipe import Ask, Check, Evolve, Recipe
from bootstruct.journal.events import CUT, REFUSAL, UNREADABLE
from bootstruct.journal.state import State
from bootstruct.stages import schemas
from bootstruct.stages.draw import (
    draw_evolution,
    draw_examples,
    name_and_text,
    sample_number,
    visible_count,
)
from bootstruct.stages.parsing import instructions, json_replies, original, whole_tasks
from bootstruct.stages.parsing.cleanup import clean_reply
from bootstruct.stages.parsing.refusals import is_refusal
from bootstruct.stages.passages import deal_passage, passage_values
from bootstruct.stages.revisions import revised_task, revision_values
from bootstruct.stages.rules import broken_output_rule
from bootstruct.stages.steering import hints_of
from bootstruct.stages.templates import fill
from bootstruct.stages.unread_replies import unread_reason
from bootstruct.types import Candidate, Instruction, Message, Prompt, Reply, Seed

NO_JSON: Final = (
    "no JSON"  # the rule under which a reply is rejected that was asked for as JSON and is not a list either
)
_WRITING: Final = ("propose", "instances", "rewrite")  # the steps that the recipe's own system message is for
LONGEST_CHATTER: Final = 300  # characters that are recorded of it


def build_prompt(recipe: Recipe, ask: Ask, step: str, sample: int, schema: str = "", /, **values: object) -> Prompt:
    """Build the prompt of one step: its template, filled, as text or as chat messages by the recipe's `api`.

    Args:
        recipe: the recipe.
        ask: the template, sampling and model of the step.
        step: the name of the step.
        sample: the sample number.
        schema: the JSON schema of the reply; used only if the recipe asks for JSON.
        values: what the template may use, besides `language` and `reply`.
    """
    values |= {"language": recipe.language, "reply": ask.reply}
    filled, model = fill(ask.prompt, **values), recipe.model_of(ask)
    schema = schema if ask.reply == "json" else ""
    if recipe.api_of(ask) == "text":
        return Prompt(step, model, ask.sampling, sample, text=filled)
    template = ask.system or (recipe.system if step.partition("/")[0] in _WRITING else "")
    system = (Message("system", fill(template, **values)),) if template else ()
    return Prompt(step, model, ask.sampling, sample, messages=(*system, Message("user", filled)), schema=schema)


def propose_prompt(state: State, index: int) -> tuple[Prompt, tuple[str, ...]]:
    """Return the prompt of request `index` and the names of the examples in it, in the order shown (section 2.2).

    A request that rewrites or revises an accepted instruction shows that one alone. In a run about documents, a request also
    shows the passage that is dealt to it.
    """
    recipe = state.recipe
    propose = recipe.propose
    if recipe.revising is not None and (rejected := revised_task(state, index)) is not None:
        return _revise_prompt(state, recipe.revising, index, rejected)
    visible = visible_count(propose, index, state.accepted_after)
    if propose.evolve is not None and (drawn := draw_evolution(propose, recipe.seed, index, visible)) is not None:
        return _evolve_prompt(recipe, propose.evolve, index, state.accepted[drawn[0]], drawn[1])
    shown = draw_examples(propose, recipe.seed, index, state.seeds, state.accepted, visible)
    sample = sample_number(recipe.seed, "propose", index)
    values = {**template_values(recipe, shown), "hints": hints_of(state, index)}
    schema = schemas.TASKS_WITH_INSTANCES if propose.with_instances else schemas.TASKS
    ask = propose.ask if recipe.documents is None else recipe.documents.ask
    values |= passage_values(recipe, deal_passage(recipe, index))
    prompt = build_prompt(recipe, ask, "propose", sample, schema, **values)
    prompt = replace(prompt, ordered=True)  # the examples of later requests are drawn from its reply
    return prompt, tuple(name_and_text(task)[0] for task in shown)


def _evolve_prompt(
    recipe: Recipe, evolve: Evolve, index: int, parent: Instruction, way: str
) -> tuple[Prompt, tuple[str, ...]]:
    sample = sample_number(recipe.seed, "propose", index)
    values = {"instruction": " ".join(parent.text.split()), "way": way}
    prompt = build_prompt(recipe, evolve.ask, "propose", sample, schemas.TASKS, **values)
    return replace(prompt, ordered=True), (parent.name,)


def _revise_prompt(state: State, check: Check, index: int, parent: Instruction) -> tuple[Prompt, tuple[str, ...]]:
    assert check.revise is not None, "the recipe was checked"
    sample = sample_number(state.recipe.seed, "propose", index)
    schema = schemas.TASKS_WITH_INSTANCES if state.recipe.propose.with_instances else schemas.TASKS
    values = revision_values(state, check, parent)
    prompt = build_prompt(state.recipe, check.revise, "propose", sample, schema, **values)
    return replace(prompt, ordered=True), (parent.name,)


def template_values(recipe: Recipe, shown: Sequence[Seed | Instruction]) -> dict[str, object]:
    """Return what the template of stage 1 may use of the examples.

    `examples` holds their texts; `worked` holds those with an instance, as objects with `instruction`, `input`, `output`,
    and `json`, which is all three as JSON.
    """
    examples = [" ".join(name_and_text(example)[1].split()).removesuffix(":") for example in shown]
    worked = [
        {"instruction": instruction, "input": instance.input, "output": instance.output}
        for instruction, example in zip(examples, shown, strict=True)
        for instance in example.instances[:1]
    ]
    worked = [task | {"json": json.dumps(task, ensure_ascii=False)} for task in worked]
    return {"examples": examples, "worked": worked, "only_classification": recipe.propose.only_classification}


def read_candidates(
    recipe: Recipe, reply: Reply | None, shown: Sequence[str], named: bool
) -> tuple[list[Candidate], str]:
    """Return the candidates of a request for instructions, and why there are none; empty if there are.

    Args:
        recipe: the recipe.
        reply: the reply that counts; None if the request failed for good.
        shown: the names of the examples in its prompt.
        named: whether this run records why a reply could not be read (`State.asks_again`).
    """
    if reply is None:
        return [], ""
    candidates = parse_instructions(recipe, reply, shown)
    if candidates or not named:
        return candidates, ""
    refused = REFUSAL if is_refusal(clean_reply(reply.text).strip()) else UNREADABLE
    cut = CUT if reply.is_cut and recipe.reading == "original" else ""  # such a reply is not read at all
    return candidates, unread_reason(reply) or cut or refused


def parse_instructions(recipe: Recipe, reply: Reply, shown: Sequence[str]) -> list[Candidate]:
    """Parse the candidate instructions of a reply as the recipe's `reading` says.

    Args:
        recipe: the recipe.
        reply: the reply to a request for new instructions.
        shown: the names of the examples in its prompt.
    """
    if recipe.reading == "original":
        return original.parse_instructions(reply)
    if unread_reason(reply):
        return []
    ask, with_instances = recipe.propose.ask, recipe.propose.with_instances
    if ask.reply == "json":
        parsed = json_replies.parse_tasks(reply) if with_instances else json_replies.parse_instructions(reply)
        if parsed is not None:
            return _with_output_rules(recipe, parsed)
        if not with_instances and not instructions.reads_as_list(reply):
            if is_refusal(clean_reply(reply.text).strip()):
                return []
            return [Candidate(" ".join(clean_reply(reply.text).split())[:LONGEST_CHATTER], NO_JSON)]
    if with_instances:
        return _with_output_rules(recipe, whole_tasks.parse_tasks(reply, opened=recipe.api_of(ask) == "text"))
    return instructions.parse_instructions(reply, opened=len(shown) + 1 if recipe.api_of(ask) == "text" else None)


def _with_output_rules(recipe: Recipe, candidates: list[Candidate]) -> list[Candidate]:
    """Give candidates that come with their instances the flaw that the recipe's rules for outputs find in these."""
    rules = recipe.instances.output_rules

    def flaw(candidate: Candidate) -> str | None:
        return next((name for pair in candidate.instances if (name := broken_output_rule(rules, pair))), None)

    return [replace(row, flaw=row.flaw or flaw(row)) for row in candidates] if rules else candidates
