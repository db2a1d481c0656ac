"""Rewrite the outputs of a task's instances: one request for each, whose reply is the new output (section 4.5)."""

from collections.abc import Generator

from bootstruct.config.recipe import Ask, Recipe
from bootstruct.journal.events import CUT, EMPTY
from bootstruct.stages.constraints import broken_constraint, deal_constraints
from bootstruct.stages.draw import sample_number
from bootstruct.stages.parsing.cleanup import CUT_OFF, LABEL, OUTPUT, SHORT_LABEL, clean_reply
from bootstruct.stages.parsing.instances import DUPLICATE
from bootstruct.stages.passages import NO_ANSWER, is_no_answer, passage_of, passage_values
from bootstruct.stages.propose import build_prompt
from bootstruct.stages.rules import broken_instance_rule, broken_output_rule
from bootstruct.stages.second_requests import ask_twice
from bootstruct.stages.unread_replies import unread_reason
from bootstruct.types import Instance, Instruction, Prompt, RejectedInstance, Reply


def rewrite(
    recipe: Recipe,
    ask: Ask,
    task: Instruction,
    is_classification: bool,
    kept: tuple[Instance, ...],
    again: bool = True,
) -> Generator[Prompt, Reply, tuple[tuple[Instance, ...], tuple[RejectedInstance, ...], list[tuple[str, str]]]]:
    """Ask for a new output for each kept instance.

    New outputs are subject to the rules for instances; a rejection is recorded as `rewritten: empty output` and the like. An
    instance whose new output is rejected does not keep its old one.

    Args:
        recipe: the recipe.
        ask: the template, sampling and model that write the outputs.
        task: the task.
        is_classification: its task type.
        kept: the instances whose outputs are rewritten.
        again: whether requests may be made once more in this run (`State.asks_again`).

    Returns:
        A generator of prompts; it is sent the reply to each and returns the instances kept and rejected, and (step,
        reason) for each reply that was cut off or unreadable.
    """
    rewritten: dict[Instance, None] = {}  # a set in order
    rejected, unread = [], []
    constraints = deal_constraints(recipe, task.name, is_classification)
    shown = {**passage_values(recipe, passage_of(recipe, task.name)), **({"worked": ()} if recipe.documents else {})}
    for number, old in enumerate(kept):
        sample = sample_number(recipe.seed, "rewrite", number, task.text)
        values = {"instruction": task.text, "input": old.input, "is_classification": is_classification, **shown}
        prompt = build_prompt(recipe, ask, f"rewrite/{number}", sample, **values)
        reply = yield from ask_twice(recipe, prompt, again)
        new = Instance(old.input, parse_output(reply, is_classification))
        reason = (unread_reason(reply) or (CUT if reply.is_cut else "")) if again else ""
        unread += [(prompt.step, reason)] if reason else []
        rule = CUT_OFF if reply.is_cut else NO_ANSWER if recipe.documents and is_no_answer(new.output) else None
        rule = rule or broken_instance_rule(new, robust=True, instruction=task.text)
        rule = rule or broken_output_rule(recipe.instances.output_rules, new)
        rule = rule or broken_constraint(constraints, new.output)
        rule = reason if reason not in ("", CUT, EMPTY) else rule
        rule = rule or (DUPLICATE if new in rewritten else None)
        if rule is None:
            rewritten[new] = None
        else:
            rejected.append(RejectedInstance(new, f"rewritten: {rule}"))
    return tuple(rewritten), tuple(rejected), unread


def parse_output(reply: Reply, is_classification: bool) -> str:
    """Return the output in a reply: all of it except thoughts, end tokens, and the name of the field if it is repeated."""
    text = clean_reply(reply.text).strip()
    for name in (OUTPUT, LABEL, SHORT_LABEL) if is_classification else (OUTPUT,):
        if match := name.match(text):
            return text[match.end() :].strip()
    return text
