"""Derive the prompt of a recorded request, and decide what a journal of version 1 may have read differently."""

from collections.abc import Mapping
from dataclasses import replace

from bootstruct.config.recipe import Check
from bootstruct.journal.events import CandidatesJudged, ReplyReceived
from bootstruct.journal.keys import AGAIN, SHARED, key_of
from bootstruct.journal.state import State, siblings
from bootstruct.journal.state import check_keys as state_check_keys
from bootstruct.stages.annotate import annotate, annotate_in, flow_reply
from bootstruct.stages.check_scores import judge_key
from bootstruct.stages.instance_checks import InstanceChecks
from bootstruct.stages.parsing.check_replies import parse_answer
from bootstruct.stages.parsing.cleanup import CUT_OFF
from bootstruct.stages.parsing.json_replies import BROKEN
from bootstruct.stages.parsing.thoughts import split_thought
from bootstruct.stages.propose import propose_prompt
from bootstruct.stages.rules import EMPTY_OUTPUT, ENDS_WITH_COLON, REPEATS_INPUT
from bootstruct.stages.second_requests import second_request
from bootstruct.types import Candidate, Instruction, Prompt, Reply, digest_of

READ_OTHERWISE = "read otherwise by today's parsers (journal version 1)"
_FLAWS = {CUT_OFF, BROKEN, EMPTY_OUTPUT, ENDS_WITH_COLON, REPEATS_INPUT}  # found while reading, not by a recipe's rule
RepliesByKey = Mapping[str, Reply | None]  # None: the request failed for good


def derived_prompt(
    state: State, key: str, replies: RepliesByKey, positions: Mapping[str, int], checks: InstanceChecks
) -> Prompt:
    """Return the prompt that the recipe gives for a key.

    Args:
        state: the state right before the request.
        key: the key of the request.
        replies: the replies so far to requests that are not decided on.
        positions: by name, the places of the accepted instructions.
        checks: the recipe's checks.

    Raises:
        KeyError: no request has this key at this point of the run; also ValueError, IndexError or StopIteration.
    """
    parts = key.removesuffix(AGAIN).split("/", 2)
    if parts[0] == "propose":
        first = propose_prompt(state, int(parts[1]))[0]
        return _second(state, key, first, replies.get(f"propose/{parts[1]}")) if key.endswith(AGAIN) else first
    group = siblings(state, parts[1]) if parts[-1] == SHARED else ()
    task = group[0] if group else state.accepted[positions[parts[1]]]
    if parts[0] == "check":
        name, number, sample = parts[2].split("/")
        check = next(entry for entry in state.recipe.checks if entry.name == name.partition(".")[0])
        first = _check_prompt(state, checks, check, task, int(number), name, int(sample))
        known = state.replies.get(key.removesuffix(AGAIN))
        reply = known.reply if isinstance(known, ReplyReceived) else None
        return _second(state, key, first, reply) if key.endswith(AGAIN) else first
    if parts[0] != "annotate":
        raise KeyError(key)
    flow = annotate_in(state, task)
    prompt = next(flow)
    while prompt.step != key.split("/", 2)[2]:
        sent = flow_reply(prompt, replies[key_of(task.name, prompt.step)])
        if sent is None:
            raise KeyError(key)
        prompt = flow.send(sent)
    return prompt


def _check_prompt(
    state: State, checks: InstanceChecks, check: Check, task: Instruction, number: int, name: str, sample: int
) -> Prompt:
    """Return request `sample` of a sort (`CheckRequests.name`) about an instance; a judge's needs all answers.

    Raises:
        KeyError: the check makes no such request.
    """
    instances = state.completed[task.name].instances
    for made in check.requests:
        if made.name == name and sample < made.count:
            return checks.prompt(check, task, instances[number], sample, name, made.ask)
    if check.judge is None:
        raise KeyError(name)
    facts = {key: state.replies[key] for key in state_check_keys(state, task.name) if key in state.replies}
    replies = {key: fact.reply if isinstance(fact, ReplyReceived) else None for key, fact in facts.items()}
    answers = [parse_answer(reply.text) for reply in checks.counted(check, task, number, instances, replies) or ()]
    prompts = checks.judge_prompts(check, task, number, instances[number], answers)
    return prompts[judge_key(check, task, number, sample)]


def _second(state: State, key: str, prompt: Prompt, reply: Reply | None) -> Prompt:
    """Return the second request of a key. Raises KeyError if the first reply gives no reason for it."""
    second = second_request(state.recipe, prompt, reply) if reply and state.asks_again else None
    if second is None:
        raise KeyError(key)
    return second


def is_after_reading(key: str) -> bool:
    """Return whether a request is made or not because of how an earlier reply about the task was read."""
    stream, _, step = key.partition("/")
    return stream == "annotate" and step.partition("/")[2].partition("/")[0] in ("kind", "instances", "rewrite")


def may_be_read_otherwise(state: State, key: str, digest: str, positions: Mapping[str, int]) -> bool:
    """Return whether a recorded request is the recipe's if an earlier reply about the task is read differently.

    The request for instances is known exactly: it is one of two, by the task type. A request to rewrite an output
    contains the input that was read, so it may be any.
    """
    stream, name, step = [*key.split("/", 2), "", ""][:3]
    if stream != "annotate" or name not in positions:
        return False
    if step != "instances":
        return step.startswith("rewrite/")
    task = state.accepted[positions[name]]
    alone = replace(state.recipe, classify_together=None)
    for answer in ("Yes", "No"):
        flow = annotate(alone, task, (), again=False, seeds=state.seeds)
        next(flow)
        if digest_of(flow.send(Reply(answer))) == digest:
            return True
    return False


def as_recorded(event: CandidatesJudged) -> list[Candidate]:
    """Return the candidates of a request in the journal, to be judged again."""
    return [
        Candidate(verdict.text, verdict.rule if verdict.rule in _FLAWS else None, verdict.instances)
        for verdict in event.verdicts
    ]


def has_thought(reply: Reply) -> bool:
    """Return whether a reply contains a thought that the present parsers split from the answer."""
    return bool(split_thought(reply.text).thought)
