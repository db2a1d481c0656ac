"""Further turns of an instance: what the user writes next under a drawn intent, then what the assistant answers."""

import re
from collections.abc import Generator, Iterator
from dataclasses import replace
from typing import Final

from bootstruct.config.recipe import Followups, Recipe
from bootstruct.journal.events import CUT, EMPTY
from bootstruct.stages.draw import rng_for, sample_number
from bootstruct.stages.parsing.cleanup import clean_reply
from bootstruct.stages.propose import build_prompt
from bootstruct.stages.rules import broken_output_rule
from bootstruct.stages.second_requests import ask_twice
from bootstruct.stages.templates import fill
from bootstruct.stages.unread_replies import unread_reason
from bootstruct.types import Instance, Instruction, Message, Prompt, RejectedInstance, Reply, Turn

SPEAKERS: Final = ("user", "assistant")  # the two steps of a turn, as keys name them
OTHER_SIDE, REPEATS = "written by the other side", "repeats an earlier turn"
_NAMES: Final = {"user": "user|human", "assistant": "assistant|ai"}
_MARK: Final = re.compile(  # the beginning of a turn: "User:", "**Assistant:**", "### Human", "[assistant]" ...
    r"^[ \t]*+(?:(?P<sign>\#{1,6}[ \t]*+|\[)|[*_]{0,3}+)"
    rf"(?P<name>{_NAMES['user']}|{_NAMES['assistant']})(?:'s (?:turn|message|reply))?+[ \t]*+"
    r"(?:\][ \t]*+:?|(?(sign)(?=\n|\Z)|(?!))|[*_]{0,3}+[ \t]*+[:：][*_]{0,3}+)",
    re.IGNORECASE | re.MULTILINE,
)

Conversations = tuple[tuple[Instance, ...], tuple[RejectedInstance, ...], list[tuple[str, str]]]


def draw_intents(recipe: Recipe, followups: Followups, task: str, number: int) -> tuple[str, ...]:
    """Return what the user does in each further turn of an instance; empty if it gets none.

    Args:
        recipe: the recipe; its seed decides.
        followups: its part about further turns.
        task: the task's name.
        number: the number of the instance, from 0.
    """
    rng = rng_for(recipe.seed, "followups", task, number)
    if rng.random() >= followups.share:
        return ()
    return tuple(rng.choice(followups.intents) for _ in range(rng.randint(*followups.turns)))


def follow_up(
    recipe: Recipe, followups: Followups, task: Instruction, kept: tuple[Instance, ...], again: bool
) -> Generator[Prompt, Reply, Conversations]:
    """Ask for the further turns of each instance. A turn that cannot be used ends its conversation; those before it stay.

    Args:
        recipe: the recipe.
        followups: its part about further turns.
        task: the task.
        kept: its instances.
        again: whether requests may be made once more in this run (`State.asks_again`).

    Returns:
        A generator of prompts; it is sent the reply to each and returns the instances with their turns, the turns that
        broke a rule, and (step, reason) for each reply that was cut off or unreadable.
    """
    grown, rejected, unread = list[Instance](), list[RejectedInstance](), list[tuple[str, str]]()
    for number, instance in enumerate(kept):
        turns = list[Turn]()
        for place, intent in enumerate(draw_intents(recipe, followups, task.name, number), 1):
            before = conversation(task.text, replace(instance, turns=tuple(turns)))
            texts, cut = dict[str, str](), list[str]()
            rule = ""
            for speaker in SPEAKERS:
                step = f"{speaker}/{number}/{place}"
                prompt = _prompt(recipe, followups, step, before, intent)
                reply = yield from ask_twice(recipe, prompt, again)
                text, is_cut = read_turn(reply.text, speaker)
                reason = unread_reason(reply) or (CUT if reply.is_cut else "" if text or is_cut else EMPTY)
                if reason:
                    unread.append((step, reason))
                    break
                texts[speaker] = text
                rule = _broken_rule(recipe, speaker, text, before)
                if rule:
                    break
                cut += [speaker] if is_cut else []
                before = (*before, Message(speaker, text))
            if rule:
                pair = Instance(texts["user"], texts.get("assistant", ""))
                rejected.append(RejectedInstance(pair, f"turn: {rule}"))
            if rule or len(texts) < len(SPEAKERS):
                break
            turns.append(Turn(texts["user"], texts["assistant"], intent, tuple(cut)))
        grown.append(replace(instance, turns=tuple(turns)))
    return tuple(grown), tuple(rejected), unread


def conversation(instruction: str, instance: Instance) -> tuple[Message, ...]:
    """Return an instance as the messages of a conversation, in which user and assistant take turns."""
    given = instance.input.strip()
    first = f"{instruction}\n\n{given}" if given else instruction
    turns = [(turn.user, turn.assistant) for turn in instance.turns]
    return tuple(
        Message(role, text)
        for pair in ((first, instance.output), *turns)
        for role, text in zip(SPEAKERS, pair, strict=True)
    )


def _prompt(recipe: Recipe, followups: Followups, step: str, before: tuple[Message, ...], intent: str) -> Prompt:
    speaker = step.partition("/")[0]
    ask = followups.user if speaker == "user" else followups.assistant
    shown = [{"role": message.role, "content": message.content} for message in before]
    sample = sample_number(recipe.seed, step, *(message.content for message in before))
    values = {"turns": shown, "message": before[-1].content, "intent": intent if speaker == "user" else ""}
    prompt = build_prompt(recipe, ask, step, sample, **values)
    if speaker == "user" or not prompt.is_chat:
        return prompt
    system = prompt.messages[:-1]
    if not system and recipe.system:
        system = (Message("system", fill(recipe.system, language=recipe.language, reply=ask.reply)),)
    return replace(prompt, messages=(*system, *before[:-1], prompt.messages[-1]))


def read_turn(text: str, speaker: str) -> tuple[str, bool]:
    r"""Return one side's turn in a reply, and whether the model went on to write the other side, which is cut off.

    Args:
        text: of the reply.
        speaker: whose turn was asked for, `user` or `assistant`.

    Example:
        >>> read_turn("User: And in winter?\nAssistant: Then it sleeps.", "user")
        ('And in winter?', True)
        >>> read_turn("Assistant: Then it sleeps.", "user")
        ('', True)
    """
    text = clean_reply(text).strip()
    first = _MARK.match(text)
    if first is not None:
        if not _is_of(first, speaker):
            return "", True
        text = text[first.end() :].lstrip(" \t*_\n")
    following = _MARK.search(text)
    return (text, False) if following is None else (text[: following.start()].strip(), True)


def _is_of(mark: re.Match[str], speaker: str) -> bool:
    return re.fullmatch(_NAMES[speaker], mark["name"], re.IGNORECASE) is not None


def _broken_rule(recipe: Recipe, speaker: str, text: str, before: tuple[Message, ...]) -> str:
    """Return the rule that a turn breaks; empty if it breaks none."""
    if not text:
        return OTHER_SIDE
    if any(message.role == speaker and message.content.strip() == text for message in before):
        return REPEATS
    return broken_output_rule(recipe.instances.output_rules, Instance("", text)) or ""


def mean_turns(recipe: Recipe) -> float:
    """Return how many further turns an instance has on average, by the recipe."""
    chosen = recipe.followups
    return chosen.share * sum(chosen.turns) / 2 if chosen is not None else 0.0


def turn_prompts(recipe: Recipe) -> Iterator[tuple[str, Prompt]]:
    """Yield both steps of a turn with a made-up prompt, as after one exchange; nothing without `followups`."""
    if recipe.followups is None:
        return
    before = conversation("Describe a bridge. " * 4, Instance("", "A bridge carries a road over a river. " * 10))
    yield "user", _prompt(recipe, recipe.followups, "user/0/1", before, recipe.followups.intents[0])
    before = (*before, Message("user", "And which kinds are there?"))
    yield "assistant", _prompt(recipe, recipe.followups, "assistant/0/1", before, "")
