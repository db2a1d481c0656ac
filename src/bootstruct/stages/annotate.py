"""Stages 2 and 3 for one instruction: a generator that yields each prompt and receives its reply."""

from collections.abc import Generator, Sequence
from functools import lru_cache

from bootstruct.config.recipe import Ask, Recipe
from bootstruct.journal.events import CUT, UNREADABLE, TaskCompleted
from bootstruct.journal.keys import AGAIN, SHARED
from bootstruct.journal.state import State, siblings
from bootstruct.stages import schemas
from bootstruct.stages.answer_from_passage import answer_from_passage
from bootstruct.stages.constraints import apply_constraints, constrained_text, deal_constraints
from bootstruct.stages.draw import sample_number
from bootstruct.stages.followups import follow_up
from bootstruct.stages.house_style import draw_worked_seeds
from bootstruct.stages.parsing import instances, json_replies, original
from bootstruct.stages.parsing.instances import ParsedInstances
from bootstruct.stages.parsing.task_types import parse_task_type, parse_task_types
from bootstruct.stages.propose import build_prompt
from bootstruct.stages.regenerate_outputs import rewrite
from bootstruct.stages.rules import checked_instances
from bootstruct.stages.second_requests import FAILED, ask_twice
from bootstruct.stages.unread_replies import unread_reason
from bootstruct.types import Instruction, Prompt, RejectedInstance, Reply, Seed

AnnotateFlow = Generator[Prompt, Reply, TaskCompleted]
Unread = list[tuple[str, str]]  # (step, why its reply could not be read)


def annotate_in(state: State, task: Instruction) -> AnnotateFlow:
    """Return the flow that completes a task of a run: `annotate` with the values of the run's state.

    Args:
        state: the state of the run.
        task: one of its accepted instructions.
    """
    return annotate(state.recipe, task, siblings(state, task.name), state.asks_again, state.seeds)


def annotate(
    recipe: Recipe,
    task: Instruction,
    siblings: Sequence[Instruction] = (),
    again: bool = True,
    seeds: Sequence[Seed] = (),
) -> AnnotateFlow:
    """Ask for the task type, then for instances: label first for classification, input first otherwise (section 2.2).

    If the recipe rewrites outputs, the output of each instance is requested again; if it has `followups`, further turns
    of each instance are requested at the end. A request whose reply
    contains no answer is made once more (see `second_requests`); if it still cannot be read, the reason is recorded.

    Args:
        recipe: the recipe.
        task: an accepted instruction.
        siblings: the tasks accepted from the same request, including this one, if the recipe classifies them together.
        again: whether requests may be made once more in this run (`State.asks_again`).
        seeds: the seed tasks of the run; some are shown if the recipe says so (`instances.worked_seeds`).

    Returns:
        A generator of prompts; it is sent the reply to each and returns the completed task.
    """
    is_classification, kept = False, task.instances
    rejected: tuple[RejectedInstance, ...] = ()
    unread: Unread = []
    if not recipe.propose.with_instances:
        is_classification = yield from _task_type(recipe, task, siblings, again, unread)
        kept, rejected = yield from _instances(recipe, task, is_classification, again, seeds, unread)
    if recipe.instances.rewrite is not None:
        kept, more, lost = yield from rewrite(recipe, recipe.instances.rewrite, task, is_classification, kept, again)
        rejected, unread = rejected + more, unread + lost
    if recipe.followups is not None:
        kept, more, lost = yield from follow_up(recipe, recipe.followups, task, kept, again)
        rejected, unread = rejected + more, unread + lost
    return TaskCompleted(task.name, is_classification, kept, rejected, unread=tuple(unread) if again else ())


def flow_reply(prompt: Prompt, reply: Reply | None) -> Reply | None:
    """Return what the generator is sent for a reply; None ends it.

    If a request about several tasks failed for good, each of them continues with a request of its own. If a second
    request failed for good, the first reply counts.

    Args:
        prompt: the prompt that was sent.
        reply: its reply, None if it failed for good.
    """
    can_do_without = prompt.step == SHARED or prompt.step.endswith(AGAIN)
    return Reply("", FAILED) if reply is None and can_do_without else reply


def _task_type(
    recipe: Recipe, task: Instruction, siblings: Sequence[Instruction], again: bool, unread: Unread
) -> Generator[Prompt, Reply, bool]:
    """Ask whether a task is classification: for all siblings at once, and alone if that gave no readable answer."""
    if recipe.classify_together is not None and len(siblings) > 1:
        ask = recipe.classify_together
        reply = yield from ask_twice(recipe, _task_types_prompt(_Together(recipe, ask, tuple(siblings))), again)
        answers = parse_task_types(reply, len(siblings), ask.reply == "json")
        if (answer := answers.get(1 + list(siblings).index(task))) is not None:
            return answer
        if siblings[0] == task and reply.finish != FAILED:  # counted once for the request
            unread.append((SHARED, unread_reason(reply) or UNREADABLE))
    sample, ask = sample_number(recipe.seed, "kind", task.text), recipe.classify
    prompt = build_prompt(recipe, ask, "kind", sample, schemas.TASK_TYPE, instruction=task.text)
    reply = yield from ask_twice(recipe, prompt, again)
    reason = unread_reason(reply)
    if recipe.reading == "original":  # reads all but a bare yes as no
        unread += [("kind", reason)] if reason else []
        return original.parse_task_type(reply)
    answer = None if reason else parse_task_type(reply, ask.reply == "json")
    if answer is None:
        unread.append(("kind", reason or UNREADABLE))
    return bool(answer)


class _Together:
    """Tasks that share one request of a recipe; equal if recipe and tasks are the same."""

    def __init__(self, recipe: Recipe, ask: Ask, siblings: tuple[Instruction, ...]) -> None:
        self.recipe, self.ask, self.siblings = recipe, ask, siblings

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, _Together):
            return NotImplemented
        return self.recipe is other.recipe and self.ask is other.ask and self.siblings == other.siblings

    def __hash__(self) -> int:
        return hash((id(self.recipe), *(task.name for task in self.siblings)))


@lru_cache(maxsize=16)  # each of the tasks sends a request
def _task_types_prompt(together: _Together) -> Prompt:
    texts = [task.text for task in together.siblings]
    sample = sample_number(together.recipe.seed, SHARED, *texts)
    return build_prompt(together.recipe, together.ask, SHARED, sample, schemas.TASK_TYPES, instructions=texts)


def _instances(
    recipe: Recipe, task: Instruction, is_classification: bool, again: bool, seeds: Sequence[Seed], unread: Unread
) -> Generator[Prompt, Reply, ParsedInstances]:
    """Ask for instances and parse them; of a task about a passage, for its one output."""
    worked = draw_worked_seeds(recipe.instances, recipe.seed, task, is_classification, seeds)
    if recipe.documents is not None:
        about = recipe, recipe.documents, task, is_classification
        return (yield from answer_from_passage(*about, again, worked, unread))
    ask = recipe.instances.output_first if is_classification else recipe.instances.input_first
    schema = schemas.LABEL_FIRST if is_classification else schemas.INPUT_FIRST
    sample = sample_number(recipe.seed, "instances", task.text)
    constraints = deal_constraints(recipe, task.name, is_classification)
    text = constrained_text(task.text, constraints)
    prompt = build_prompt(recipe, ask, "instances", sample, schema, instruction=text, worked=worked)
    reply = yield from ask_twice(recipe, prompt, again)
    kept, rejected = parse_instances(recipe, ask, reply, is_classification, task.text)
    if not kept:
        reason = unread_reason(reply) or (CUT if reply.is_cut else "" if rejected else UNREADABLE)
        unread += [("instances", reason)] if reason else []
    return apply_constraints(constraints, kept, rejected)


def parse_instances(
    recipe: Recipe, ask: Ask, reply: Reply, is_classification: bool, instruction: str = ""
) -> ParsedInstances:
    """Return the instances of a reply as the recipe's `reading` says, and the rejected ones, each with its rule.

    Args:
        recipe: the recipe.
        ask: the request's part of the recipe.
        reply: the reply to it.
        is_classification: whether the request asked for the label first.
        instruction: the task.
    """
    if recipe.reading == "original":
        return original.parse_instances(reply, is_classification)
    if unread_reason(reply):
        return (), ()
    parsed = json_replies.parse_instances(reply, is_classification, instruction) if ask.reply == "json" else None
    kept, rejected = instances.parse_instances(reply, is_classification, instruction) if parsed is None else parsed
    return checked_instances(recipe.instances.output_rules, kept, rejected, is_classification, instruction)
