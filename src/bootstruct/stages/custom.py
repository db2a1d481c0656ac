"""Rules and checks that users write in Python: what they are, and how they are called.

The recipe declares them by name and version. The functions are given again to each `generate`; their decisions are in
the journal, so a run can be read, exported and verified without them. Every error in them is reported in one
sentence.
"""

import inspect
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

from bootstruct.config.recipe import Check, Recipe, Rule
from bootstruct.errors import BootstructError, InputError
from bootstruct.journal.events import InstancesChecked
from bootstruct.render.sanitize import one_line, visible
from bootstruct.stages.draw import sample_number
from bootstruct.stages.parsing.cleanup import CUT_OFF
from bootstruct.stages.parsing.json_replies import BROKEN
from bootstruct.stages.parsing.thoughts import without_thought
from bootstruct.stages.rules import EMPTY, EMPTY_OUTPUT, ENDS_WITH_COLON, KEPT_AWAY, REPEATS_INPUT, TOO_SIMILAR
from bootstruct.types import CheckVerdict, Instance, Instruction, Message, Prompt, Reply, Sampling

LONGEST_REASON: Final = 200  # characters of a reason that are recorded
LONGEST_NAME: Final = 80  # characters of a name, and of a version
RESERVED: Final = {EMPTY, TOO_SIMILAR, KEPT_AWAY, CUT_OFF, BROKEN, EMPTY_OUTPUT, REPEATS_INPUT, ENDS_WITH_COLON}
RESERVED_START: Final = "not in "  # candidates of an import that are not in its files

RuleFunction = Callable[[str], str | None]
AskFunction = Callable[[str, Prompt], Awaitable[Reply | None]]


@dataclass(frozen=True, slots=True)
class CheckedInstance:
    """The argument of a check in Python.

    Attributes:
        instruction: the task.
        input: the instance's input; empty if the task needs none.
        output: its output.
        is_classification: the task's type.
    """

    instruction: str
    input: str
    output: str
    is_classification: bool


@dataclass(frozen=True, slots=True)
class PythonRule:
    """A rule for candidate instructions: it receives the text and returns None or the reason of a rejection."""

    name: str
    version: str
    function: RuleFunction


@dataclass(frozen=True, slots=True)
class PythonCheck:
    """A check: it receives a `CheckedInstance` and `ask` and returns, or awaits, None (passed) or a reason."""

    name: str
    version: str
    function: Callable[..., Any]


@dataclass(frozen=True, slots=True)
class CustomCode:
    """The rules and checks in Python that are available, by name."""

    rules: Mapping[str, PythonRule] = field(default_factory=dict)
    checks: Mapping[str, PythonCheck] = field(default_factory=dict)

    def missing(self, recipe: Recipe) -> list[str]:
        """The declared rules and checks that are not available in the same version, in words."""
        declared = [("rule", rule.name, rule.python, self.rules) for rule in recipe.propose.rules if rule.python]
        declared += [("check", c.name, c.version, self.checks) for c in recipe.checks if c.kind == "python"]  # type: ignore[misc]
        found = []
        for kind, name, version, here in declared:
            given = here.get(name)
            if given is None:
                found.append(f"the {kind} {name!r} (version {version})")
            elif given.version != version:
                found.append(f"the {kind} {name!r} in version {version}, not {given.version}")
        return found

    def require(self, recipe: Recipe, run: object, function: str) -> None:
        """Raise InputError if the recipe of `run` declares something unavailable; `function` is the one to call."""
        if missing := self.missing(recipe):
            raise InputError(
                f"{run}: this run uses {', '.join(missing)}, written in Python: give it from Python, as in "
                f"`bootstruct.{function}(RUN, rules=[...], checks=[...])`."
            )


NO_CODE: Final = CustomCode()


def rule(name: str, version: str = "1") -> Callable[[RuleFunction], PythonRule]:
    """Make a rule for candidate instructions from a function.

    Args:
        name: the name under which rejections are recorded.
        version: the version, to be raised whenever the function decides differently from before.

    Example:
        >>> import bootstruct as bs
        >>> @bs.rule("no-digits", version="1")
        ... def no_digits(text):
        ...     return "holds a digit" if any(c.isdigit() for c in text) else None
        >>> no_digits.name, no_digits.function("Count to 10.")
        ('no-digits', 'holds a digit')
    """
    return lambda function: PythonRule(name, version, function)


def check(name: str, version: str = "1") -> Callable[[Callable[..., Any]], PythonCheck]:
    """Make a check of instances from a function, which may be a coroutine function.

    The function receives a `CheckedInstance` and `ask`; `await ask("a prompt")` (or a list of messages) makes a request to
    the run's model, recorded and never paid twice, and gives its `Reply`. It returns None (passed) or a reason.

    Example:
        >>> import bootstruct as bs
        >>> @bs.check("short", version="1")
        ... def short(instance, ask):
        ...     return "too long" if len(instance.output) > 200 else None
    """
    return lambda function: PythonCheck(name, version, function)


def custom_code(rules: Iterable[PythonRule] = (), checks: Iterable[PythonCheck] = ()) -> CustomCode:
    """Rules and checks by name. Raises InputError if two have the same name, or something else was given."""
    made: list[dict[str, Any]] = []
    for kind, given in ((PythonRule, rules), (PythonCheck, checks)):
        word, by_name = ("rule" if kind is PythonRule else "check"), dict[str, Any]()
        for entry in given:
            if not isinstance(entry, kind):
                raise InputError(
                    f"{word}s: expected what `bootstruct.{word}(name, version)` makes, found {entry!r:.80}."
                )
            for what, text in (("name", entry.name), ("version", entry.version)):
                if not _is_label(text):
                    raise InputError(
                        f"{word}s: {text!r:.80} cannot be the {what} of a {word}: the name and the version are texts of one "
                        f"line, at most {LONGEST_NAME} characters, without a slash."
                    )
            if entry.name in by_name:
                raise InputError(f"{word}s: {entry.name!r} is given twice.")
            by_name[entry.name] = entry
        made.append(by_name)
    return CustomCode(*made)


def declare(recipe: Recipe, rules: Sequence[tuple[str, str]], checks: Sequence[tuple[str, str]]) -> Recipe:
    """The recipe with these (name, version) of rules and checks in Python, after its own."""
    names = {own.name for own in recipe.propose.rules} | {own.name for own in recipe.checks}
    for name, _ in (*rules, *checks):
        if name in names:
            raise InputError(f"{name!r}: the recipe has a rule or check of this name already; choose another one.")
        if name in RESERVED or name.startswith(RESERVED_START):
            raise InputError(
                f"{name!r}: rejections that need no rule are recorded under this name; choose another one."
            )
    propose = replace(
        recipe.propose, rules=(*recipe.propose.rules, *(Rule(name, python=version) for name, version in rules))
    )
    added = tuple(Check(name, "python", version=version) for name, version in checks)
    return replace(recipe, propose=propose, checks=(*recipe.checks, *added))


def without_python(recipe: Recipe) -> Recipe:
    """The recipe without its rules and checks in Python: what `declare` was given."""
    rules = tuple(own for own in recipe.propose.rules if not own.python)
    checks = tuple(own for own in recipe.checks if own.kind != "python")
    return replace(recipe, propose=replace(recipe.propose, rules=rules), checks=checks)


def broken_python_rule(recipe: Recipe, code: CustomCode, text: str) -> tuple[str, str] | None:
    """(name, reason) of the first rule in Python that an instruction breaks, None if it breaks none.

    Raises:
        InputError: the function is missing, raised an exception, or returned something other than None or a text.
    """
    for declared in recipe.propose.rules:
        if not declared.python:
            continue
        if declared.name not in code.rules:
            raise InputError(
                f"This run uses the rule {declared.name!r} (version {declared.python}), which is written in Python: give it "
                "to the function that you call, as in `bootstruct.generate(RUN, rules=[...])`."
            )
        try:
            reason = code.rules[declared.name].function(text)
        except Exception as exc:
            raise InputError(_failure("rule", declared.name, text, exc)) from exc
        if reason is not None:
            return declared.name, _reason("rule", declared.name, reason)
    return None


@dataclass(frozen=True, slots=True)
class PythonCheckCall:
    """One call of a check in Python about the instances of a task."""

    code: CustomCode
    recipe: Recipe
    check: Check
    task: Instruction
    is_classification: bool
    instances: Sequence[Instance]
    left: Sequence[int]

    async def run(self, ask: AskFunction) -> InstancesChecked:
        """Call the function for each instance that is left; `ask` answers a prompt under a key.

        Raises:
            InputError: the function is missing, raised an exception, or returned something other than None or a text.
        """
        name = self.check.name
        if name not in self.code.checks:
            raise InputError(
                f"This run uses the check {name!r} (version {self.check.version}), which is written in Python: give it to the "
                "function that you call, as in `bootstruct.generate(RUN, checks=[...])`."
            )
        function, verdicts = self.code.checks[name].function, list[CheckVerdict]()
        for number in self.left:
            instance = self.instances[number]
            subject = CheckedInstance(self.task.text, instance.input, instance.output, self.is_classification)
            asked = _Ask(self, number, ask)
            reason, failure = None, None
            try:
                found = function(subject, asked)
                reason = await found if inspect.isawaitable(found) else found
            except Exception as exc:
                failure = exc
            failure = asked.failure or failure  # an error of a request counts, whatever the function did with it
            if isinstance(failure, _NoReplyError):
                continue  # a request failed for good: no verdict
            if isinstance(failure, BootstructError | UnrecordedRequestError):
                raise failure
            if failure is not None:
                raise InputError(_failure("check", name, self.task.text, failure)) from failure
            verdicts.append(
                CheckVerdict(number)
                if reason is None
                else CheckVerdict(number, f"{name}: rejected", note=_reason("check", name, reason))
            )
        return InstancesChecked(self.task.name, name, tuple(verdicts), failed=len(verdicts) < len(self.left))


class UnrecordedRequestError(Exception):
    """A check made a request that is not recorded: its code differs from the code that decided."""


class _NoReplyError(Exception):
    """A request of a check failed for good."""


class _Ask:
    """The `ask` of a check in Python: each call is a sample of its own, under a key of its own."""

    def __init__(self, call: PythonCheckCall, number: int, ask: AskFunction) -> None:
        self._call, self._number, self._ask, self._sample = call, number, ask, 0
        self.failure: Exception | None = None  # the first error of a request

    async def __call__(
        self, prompt: str | Sequence[Mapping[str, str]], temperature: float = 0.0, max_tokens: int = 512
    ) -> Reply:
        call, sample = self._call, self._sample
        self._sample += 1
        instance = call.instances[self._number]
        seed = sample_number(
            call.recipe.seed, "check", call.check.name, call.task.text, instance.input, instance.output, sample
        )
        sampling = Sampling(temperature=temperature, max_tokens=max_tokens)
        made = Prompt(f"check {call.check.name}", call.recipe.model, sampling, seed)
        if isinstance(prompt, str) and call.recipe.api == "text":
            made = replace(made, text=prompt)
        else:
            turns = [{"role": "user", "content": prompt}] if isinstance(prompt, str) else prompt
            made = replace(made, messages=tuple(Message(turn["role"], turn["content"]) for turn in turns))
        try:
            reply = await self._ask(f"check/{call.task.name}/{call.check.name}/{self._number}/{sample}", made)
            if reply is None:
                raise _NoReplyError
        except Exception as exc:
            self.failure = self.failure or exc
            raise
        return without_thought(reply)


def _is_label(text: object) -> bool:
    return (
        isinstance(text, str)
        and bool(text.strip())
        and len(text) <= LONGEST_NAME
        and text.isprintable()
        and "/" not in text
    )


def _reason(kind: str, name: str, reason: object) -> str:
    if not isinstance(reason, str):
        raise InputError(
            f"the {kind} {name!r} returned {type(reason).__name__}: return None if the text passes, and otherwise the reason."
        )
    return one_line(visible(reason), LONGEST_REASON) or "no reason given"


def _failure(kind: str, name: str, text: str, exc: Exception) -> str:
    about, message = one_line(visible(text), 80), one_line(visible(str(exc)), 200)
    return f"the {kind} {name!r} failed on {about!r}: {type(exc).__name__}: {message}. Correct it, then run the command again."
