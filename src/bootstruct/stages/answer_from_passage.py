"""The instance of a task about a passage: one request, which shows the passage and whose reply is the output."""

from collections.abc import Generator

from bootstruct.config.recipe import Documents, Recipe
from bootstruct.journal.events import CUT, EMPTY
from bootstruct.stages.constraints import apply_constraints, constrained_text, deal_constraints
from bootstruct.stages.draw import sample_number
from bootstruct.stages.parsing.cleanup import CUT_OFF
from bootstruct.stages.parsing.instances import ParsedInstances
from bootstruct.stages.passages import NO_ANSWER, is_no_answer, passage_of, passage_values
from bootstruct.stages.propose import build_prompt
from bootstruct.stages.regenerate_outputs import parse_output
from bootstruct.stages.rules import broken_instance_rule, broken_output_rule
from bootstruct.stages.second_requests import ask_twice
from bootstruct.stages.unread_replies import unread_reason
from bootstruct.types import Instance, Instruction, Prompt, RejectedInstance, Reply


def answer_from_passage(
    recipe: Recipe,
    documents: Documents,
    task: Instruction,
    is_classification: bool,
    again: bool,
    worked: list[dict[str, str]],
    unread: list[tuple[str, str]],
) -> Generator[Prompt, Reply, ParsedInstances]:
    """Ask for the output of a task, and make its one instance: with the passage as input, or without an input.

    Args:
        recipe: the recipe.
        documents: its part about documents.
        task: the task.
        is_classification: its task type.
        again: whether the request may be made once more in this run (`State.asks_again`).
        worked: seed tasks that are shown with their outputs.
        unread: takes the step and the reason if the reply cannot be read.

    Returns:
        A generator of prompts; it is sent the replies and returns the instances kept and rejected.
    """
    passage = passage_of(recipe, task.name)
    constraints = deal_constraints(recipe, task.name, is_classification)
    values = {"instruction": constrained_text(task.text, constraints), "is_classification": is_classification}
    sample = sample_number(recipe.seed, "instances", task.text)
    shown = passage_values(recipe, passage) | values
    prompt = build_prompt(recipe, documents.answer, "instances", sample, worked=worked, **shown)
    reply = yield from ask_twice(recipe, prompt, again)
    new = Instance(passage.text if passage and documents.use == "input" else "", parse_output(reply, is_classification))
    reason = unread_reason(reply) or (CUT if reply.is_cut else "")
    unread += [(prompt.step, reason)] if reason else []
    if reason not in ("", CUT, EMPTY):
        return (), ()
    rule = CUT_OFF if reply.is_cut else NO_ANSWER if is_no_answer(new.output) else None
    rule = rule or broken_instance_rule(new, robust=True, instruction=task.text)
    rule = rule or broken_output_rule(recipe.instances.output_rules, new)
    kept, rejected = ((new,), ()) if rule is None else ((), (RejectedInstance(new, rule),))
    return apply_constraints(constraints, kept, rejected)
