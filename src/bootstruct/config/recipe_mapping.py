"""A recipe from plain values: built, and checked for what the types of its fields do not say."""

import dataclasses
import re
from typing import Final

from bootstruct.config.recipe import Check, Propose, Recipe, Rule, asks_of
from bootstruct.config.validation import build, expression_fault
from bootstruct.errors import InputError
from bootstruct.types import Sampling

OWN_FIELDS: Final = {  # of a request's body: they have a place of their own, or bootstruct itself decides them
    *("model", "messages", "prompt", "temperature", "top_p", "presence_penalty", "frequency_penalty", "stop", "seed"),
    *("max_tokens", "max_completion_tokens", "response_format", "stream", "n", "best_of", "tools", "functions"),
}


def from_mapping(mapping: object, where: str) -> Recipe:
    """Build a recipe from plain JSON or YAML values, and check it.

    Args:
        mapping: the values; fields that are left out have their defaults.
        where: the file from which they came, for messages.

    Raises:
        InputError: a key is unknown, a value has another type, or values cannot work together; it names the key.
    """
    recipe = build(Recipe, mapping, where)
    _check(recipe, where)
    return recipe


def _faults(recipe: Recipe) -> list[tuple[bool, str]]:
    """Whether each condition on single fields is broken, and the message for it."""
    propose, lag = recipe.propose, recipe.propose.lag
    parses_more = recipe.classify_together or propose.with_instances
    asks_json = any(ask.reply == "json" for ask in asks_of(recipe).values())
    return [
        (not recipe.model, "model: is empty; name the model, as in `model: davinci-002`"),
        (
            propose.seed_examples < 0 or propose.machine_examples < 0,
            "propose: the number of examples cannot be negative",
        ),
        (propose.seed_examples + propose.machine_examples < 1, "propose: at least one example must be shown"),
        (
            lag.least < 1 or lag.most < lag.least or lag.share < 1,
            "propose.lag: needs 1 <= least <= most and share >= 1",
        ),
        (not 0 < propose.novelty.threshold <= 1, "propose.novelty.threshold: must be in (0, 1]"),
        (not recipe.language.strip(), "language: is empty; name a language, as in `language: German`"),
        (
            recipe.reading == "original" and bool(parses_more or asks_json),
            "reading: `original` supports only one task per request and text replies; use `robust`",
        ),
        (recipe.instances.most < 1, "instances.most: must be at least 1"),
        (
            recipe.instances.worked_seeds < 0 or recipe.instances.worked_characters < 1,
            "instances: worked_seeds must be at least 0, worked_characters at least 1",
        ),
        (
            bool(recipe.system) and recipe.api != "chat",
            "system: needs `api: chat`; for a model that continues text, write it into the prompts",
        ),
        *_constraint_faults(recipe),
        *_evolve_faults(recipe),
        *_document_faults(recipe),
        *_followup_faults(recipe),
        (recipe.more_tokens < 1, "more_tokens: must be at least 1"),
        (not 0 <= recipe.encode.drop_field_name <= 1, "encode.drop_field_name: must be in [0, 1]"),
        (
            not recipe.encode.with_input or not recipe.encode.without_input,
            "encode: needs at least one template with input and one without",
        ),
        (
            len(recipe.encode.with_input) != len(recipe.encode.completion_with_input)
            or len(recipe.encode.without_input) != len(recipe.encode.completion_without_input),
            "encode: needs one completion for each template",
        ),
    ]


def _constraint_faults(recipe: Recipe) -> list[tuple[bool, str]]:
    chosen = recipe.constraints
    if chosen is None:
        return []
    return [
        (not 0 < chosen.share <= 1, "constraints.share: must be in (0, 1]"),
        (not 1 <= chosen.most <= 4, "constraints.most: must be between 1 and 4"),
        (not chosen.words, "constraints.words: is empty; name some words, or leave the key out"),
        (
            recipe.propose.with_instances or recipe.reading == "original",
            "constraints: need requests for instances; leave them out with `with_instances` and `reading: original`",
        ),
    ]


def _evolve_faults(recipe: Recipe) -> list[tuple[bool, str]]:
    propose, evolve = recipe.propose, recipe.propose.evolve
    if evolve is None:
        return []
    return [
        (not 0 < evolve.share < 1, "propose.evolve.share: must be between 0 and 1, both excluded"),
        (not evolve.ways, "propose.evolve.ways: is empty; name at least one way, as in `ways: [deeper]`"),
        (
            evolve.ask.reply != propose.ask.reply or recipe.api_of(evolve.ask) != recipe.api_of(propose.ask),
            "propose.evolve.ask: needs the same `reply` and `api` as propose.ask, because both replies are read alike",
        ),
        (
            propose.with_instances or recipe.reading == "original",
            "propose.evolve: rewrites instructions alone; leave it out with `with_instances` and `reading: original`",
        ),
    ]


def _document_faults(recipe: Recipe) -> list[tuple[bool, str]]:
    propose, documents = recipe.propose, recipe.documents
    if documents is None:
        ungrounded = next((check.name for check in recipe.checks if check.kind == "grounded"), "")
        return [(bool(ungrounded), f"checks: {ungrounded!r}: needs passages; `init --documents` adds them")]
    return [
        (not 1 <= documents.tasks <= 20, "documents.tasks: must be between 1 and 20"),
        (
            documents.ask.reply != propose.ask.reply or recipe.api_of(documents.ask) != recipe.api_of(propose.ask),
            "documents.ask: needs the same `reply` and `api` as propose.ask, because both replies are read alike",
        ),
        (documents.answer.reply == "json", "documents.answer: its reply is the output; leave `reply: json` out"),
        (
            propose.with_instances or recipe.reading == "original",
            "documents: need requests for outputs; leave them out with `with_instances` and `reading: original`",
        ),
        (
            propose.evolve is not None,
            "documents: cannot be used with propose.evolve, whose requests show a task and no passage",
        ),
        (
            recipe.revising is not None,
            "documents: cannot be used with `rounds`, whose requests show a task and no passage",
        ),
        (any(not passage.text.strip() for passage in documents.passages), "documents.passages: one of them is empty"),
    ]


def _followup_faults(recipe: Recipe) -> list[tuple[bool, str]]:
    chosen = recipe.followups
    if chosen is None:
        return []
    turns = chosen.turns
    return [
        (
            len(turns) != 2 or not 1 <= turns[0] <= turns[1] <= 20,
            "followups.turns: needs the fewest and the most turns, between 1 and 20, as in `turns: [1, 3]`",
        ),
        (not 0 < chosen.share <= 1, "followups.share: must be in (0, 1]"),
        (
            not chosen.intents or not all(intent.strip() for intent in chosen.intents),
            "followups.intents: needs at least one, and none may be empty",
        ),
        (
            "json" in (chosen.user.reply, chosen.assistant.reply),
            "followups: the reply to each request is the turn itself; leave `reply: json` out",
        ),
        (recipe.reading == "original", "followups: need `reading: robust`"),
    ]


def _check(recipe: Recipe, where: str) -> None:
    for wrong, message in _faults(recipe):
        if wrong:
            raise InputError(f"{where}: {message}.")
    for rule in recipe.propose.rules:
        _check_rule(rule, where, "propose.rules")
    for rule in recipe.instances.output_rules:
        _check_rule(rule, where, "instances.output_rules")
    for ask in asks_of(recipe).values():
        if (fault := _sampling_fault(ask.sampling)) is not None:
            raise InputError(f"{where}: {fault}.")
        if ask.reply == "json" and recipe.api_of(ask) != "chat":
            raise InputError(
                f"{where}: `reply: json` needs `api: chat`; models that continue text cannot be constrained to JSON."
            )
    if recipe.instances.rewrite is not None and recipe.instances.rewrite.reply == "json":
        raise InputError(f"{where}: instances.rewrite: a rewritten output is text; leave `reply: json` out.")
    _check_hints(recipe.propose.hints, where)
    _check_steer(recipe.propose, where)
    for number, check in enumerate(recipe.checks):
        _check_check(check, [entry.name for entry in recipe.checks[:number]], where)
        if fault := next((message for wrong, message in _round_faults(recipe, check) if wrong), None):
            raise InputError(f"{where}: checks: {check.name!r}: {fault}.")


def _sampling_fault(sampling: Sampling) -> str | None:
    """What is wrong with the sampling of a request; None if nothing is."""
    if sampling.max_tokens is not None and sampling.max_tokens < 1:
        return "max_tokens must be at least 1"
    taken = sorted(name for name in sampling.extra if name in OWN_FIELDS)
    if taken:
        return f"sampling.extra: {taken[0]!r} is set by bootstruct itself; leave it out"
    return None


def _check_hints(hints: dict[str, tuple[str, ...]], where: str) -> None:
    for name, values in hints.items():
        if not name.isidentifier() or hasattr(hints, name):
            raise InputError(
                f"{where}: propose.hints: {name!r:.60} cannot be the name of a hint; use a word, as in `topic`."
            )
        if not values or not all(value.strip() for value in values):
            raise InputError(f"{where}: propose.hints.{name}: needs at least one value, and none may be empty.")


def _check_steer(propose: Propose, where: str) -> None:
    steer = propose.steer
    if steer is None:
        return
    values = {value for column in propose.hints.values() for value in column}
    unknown = next((name for name in steer.words if name not in values), None)
    faults = [
        (not propose.hints, "deals hints, and the recipe has none; give it `propose.hints`, such as a list of topics"),
        (not 0 < steer.share <= 1, "share: must be above 0 and at most 1"),
        (not 1 <= steer.most <= 1000, "most: must be between 1 and 1000"),
        (unknown is not None, f"words: {unknown!r:.60} is not a value of a hint"),
    ]
    for wrong, message in faults:
        if wrong:
            raise InputError(f"{where}: propose.steer: {message}.")


def _check_check(check: Check, before: list[str], where: str) -> None:
    asks = check.kind not in ("decontamination", "python", "solver-gap")
    faults = [
        (
            not re.fullmatch(r"[\w-]+", check.name),
            "a name may contain only letters, digits, - and _, since it is part of keys",
        ),
        (check.name in before, "another check has this name"),
        (check.kind == "python" and not check.version, "needs the `version` of its Python function"),
        (asks and check.ask is None, "needs `ask`, the request that it makes"),
        (not asks and check.ask is not None, "makes no request; leave `ask` out"),
        (
            any(made.ask.reply == "json" for made in check.all_requests),
            "parses text replies; leave `reply: json` out",
        ),
        (not 1 <= check.samples <= 100, "samples: must be between 1 and 100"),
        (not 0 <= check.at_least <= 1, "at_least: must be in [0, 1]"),
        (not check.at_least <= check.at_most <= 1, "at_most: must be between `at_least` and 1"),
        (
            check.kind != "agreement" and (check.majority or check.at_most < 1),
            "majority and at_most need `kind: agreement`",
        ),
        (
            check.kind not in ("agreement", "solver-gap") and check.measure not in ("exact", "rouge"),
            "this measure needs `kind: agreement` or `kind: solver-gap`",
        ),
        (
            check.measure == "rouge" and (check.majority or check.at_most < 1),
            "measure rouge: has neither majority nor at_most",
        ),
        (
            check.measure == "judge" and check.majority,
            "measure judge: compares answers with the output only; leave `majority` out",
        ),
        (check.measure == "judge" and check.judge is None, "measure judge: needs `judge`, the request for a grade"),
        (check.measure != "judge" and check.judge is not None, "judge: needs `measure: judge`"),
        *_gap_faults(check),
        (not 0 < check.near <= 1, "near: must be in (0, 1]"),
        (check.run_length < 1, "run_length: must be at least 1"),
        (len(set(check.scale)) < max(2, len(check.scale)), "scale: needs two or more different grades, worst first"),
        (any(not re.fullmatch(r"\w+", grade) for grade in check.scale), "scale: a grade must be one word or number"),
        (check.kind in ("rubric", "grounded") and check.level not in check.scale, "level: must be one of `scale`"),
    ]
    for wrong, message in faults:
        if wrong:
            raise InputError(f"{where}: checks: {check.name!r}: {message}.")
    for made in check.all_requests:
        if (fault := _sampling_fault(made.ask.sampling)) is not None:
            raise InputError(f"{where}: checks: {check.name!r}: {fault}.")


def _round_faults(recipe: Recipe, check: Check) -> list[tuple[bool, str]]:
    propose, revise = recipe.propose, check.revise
    return [
        (not 0 <= check.rounds <= 100, "rounds: must be between 0 and 100"),
        (check.rounds > 0 and check.kind != "solver-gap", "rounds: needs `kind: solver-gap`"),
        (check.rounds > 0 and recipe.revising is not check, "rounds: another check has rounds; one alone can"),
        (check.rounds > 0 and revise is None, "rounds: needs `revise`, the request for a revised task"),
        (revise is not None and not check.rounds, "revise: needs `rounds`, as in `rounds: 2`"),
        (check.rounds > 0 and recipe.reading == "original", "rounds: are not possible with `reading: original`"),
        (
            revise is not None
            and (revise.reply != propose.ask.reply or recipe.api_of(revise) != recipe.api_of(propose.ask)),
            "revise: needs the same `reply` and `api` as propose.ask, because both replies are read alike",
        ),
        (revise is not None and (_sampling_fault(revise.sampling) is not None), "revise: its sampling cannot work"),
    ]


def _gap_faults(check: Check) -> list[tuple[bool, str]]:
    if check.kind != "solver-gap":
        return [(check.weak is not None or check.strong is not None, "weak and strong need `kind: solver-gap`")]
    return [
        (check.weak is None or check.strong is None, "needs `weak` and `strong`, the requests for answers"),
        (
            check.weak == check.strong,
            "weak and strong are the same; give one of them another `model` or `sampling`, as in `weak: {model: small}`",
        ),
        (not 0 <= check.strong_at_least <= 1, "strong_at_least: must be in [0, 1]"),
        (not 0 < check.weak_below <= 1.01, "weak_below: must be above 0 and at most 1.01, which no score reaches"),
        (not 0 <= check.gap <= 1, "gap: must be in [0, 1]"),
    ]


def _check_rule(rule: Rule, where: str, key: str) -> None:
    defaults = {field.name: field.default for field in dataclasses.fields(rule)}
    checks = [name for name in defaults if name not in ("name", "count") and getattr(rule, name) != defaults[name]]
    if len(checks) != 1:
        raise InputError(f"{where}: {key}: rule {rule.name!r} needs exactly one condition but has {len(checks)}.")
    if rule.matches is not None and (fault := expression_fault(rule.matches)):
        raise InputError(f"{where}: {key}: rule {rule.name!r}: {fault}.")
