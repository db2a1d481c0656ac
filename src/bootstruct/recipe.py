"""Everything that can change a byte of the output, and nothing else. How a model is reached is the machine's business.

A recipe is written as YAML (see `recipes/`), checked here, and stored whole in the journal: from then on the journal's
copy is the authority. Section numbers are those of the paper (arXiv 2212.10560).
"""

import dataclasses
import re
from dataclasses import dataclass, field
from typing import Any, Literal

from bootstruct.domain import Sampling, digest_of_value
from bootstruct.errors import BadInput
from bootstruct.shape import build

Reading = Literal["robust", "original"]
LATER = {"later": True}  # metadata of fields that recipes did not always have: at their defaults they enter no digest


@dataclass(frozen=True, slots=True)
class Lag:
    """How far behind the pool a request may be written: request k sees the pool as it stood after request k - lag(k).

    lag(k) = min(most, max(least, k // share)). The released code draws five prompts before it sees any reply: least 5.
    """

    least: int = 5
    most: int = 512
    share: int = 4

    def of(self, index: int) -> int:
        return min(self.most, max(self.least, index // self.share))


@dataclass(frozen=True, slots=True)
class Ask:
    """One step's question. `prompt` is a Jinja2 template, `system` a chat system message.

    model, api: of this question alone; empty for the recipe's. reply: `json` asks for a JSON object with the step's schema
    (`stages/schemas.py`); what cannot be read so is read as text.
    """

    prompt: str
    sampling: Sampling
    system: str = ""
    model: str = ""
    api: Literal["", "text", "chat"] = field(default="", metadata=LATER)
    reply: Literal["text", "json"] = field(default="text", metadata=LATER)


@dataclass(frozen=True, slots=True)
class Rule:
    """One line of the rule table: its name, and exactly one check that a text must not meet.

    words_at_most, words_above: number of words (counted between blanks, or, with `count: any script`, single characters
    of scripts that write no blanks as well). matches: a regular expression found anywhere, case-blind.
    """

    name: str
    words_at_most: int | None = None
    words_above: int | None = None
    matches: str | None = None
    starts_with: str | None = None
    starts_with_punctuation: bool = False
    starts_outside_ascii: bool = False
    count: Literal["blanks", "any script"] = "blanks"


@dataclass(frozen=True, slots=True)
class Novelty:
    """Refuse a text whose ROUGE-L F-measure with any pool member exceeds `threshold` (section 2.2: 0.7).

    at_threshold: what happens at exactly the threshold; the released code keeps, the paper's text refuses.
    tokenizer: a name of `stages.rouge.TOKENIZERS`.
    """

    threshold: float = 0.7
    at_threshold: Literal["keep", "refuse"] = "keep"
    tokenizer: str = "rouge"


@dataclass(frozen=True, slots=True)
class Propose:
    """Growing the pool (section 2.2): 8 examples a prompt, 6 seeds and up to 2 machine-made ones.

    hints: name -> values; each request is given one value of each. with_instances: a request brings instances as well,
    and nothing more is asked for them (Alpaca's variant).
    """

    ask: Ask
    seed_examples: int = 6
    machine_examples: int = 2
    only_classification: bool = False
    lag: Lag = Lag()
    rules: tuple[Rule, ...] = ()
    novelty: Novelty = Novelty()
    hints: dict[str, tuple[str, ...]] = field(default_factory=dict, metadata=LATER)
    with_instances: bool = field(default=False, metadata=LATER)


@dataclass(frozen=True, slots=True)
class Instances:
    """Writing instances (section 2.2): at most 5 a task go into the training data.

    rewrite: asked for each instance that was kept; its reply takes the place of the output (the paper's ablation of output
    quality: a better model writes the outputs).
    """

    input_first: Ask
    output_first: Ask
    most: int = 5
    rewrite: Ask | None = field(default=None, metadata=LATER)


@dataclass(frozen=True, slots=True)
class Check:
    """A question about finished instances; those that do not pass are refused (beyond the paper; see docs/checks.md).

    agreement: `samples` answers to instruction and input. measure `exact`: the share of them equal to the output, but for
    case, blanks and marks around it; `rouge`: their mean ROUGE-L with it; kept at `at_least` or more. rubric: a grade of
    `scale` (worst first), kept at `level` or better. back-check: `samples` instructions written from input and output,
    the best one's ROUGE-L with the real one; kept at `at_least` or more. decontamination: asks nobody; refuses what shares
    `run_length` words in a row with a kept-away text or one of `texts`, or is nearer to it than ROUGE-L `near`. ROUGE-L has
    the words of `propose.novelty.tokenizer`. unreadable: what becomes of an instance where no reply could be read.
    """

    name: str
    kind: Literal["agreement", "rubric", "back-check", "decontamination"]
    ask: Ask | None = None
    samples: int = 5
    measure: Literal["exact", "rouge"] = "exact"
    at_least: float = 0.5
    scale: tuple[str, ...] = ("1", "2", "3", "4", "5")
    level: str = "4"
    unreadable: Literal["keep", "refuse"] = "keep"
    texts: tuple[str, ...] = ()
    run_length: int = 13
    near: float = 0.7

    @property
    def asks(self) -> int:
        """How many questions it asks about an instance."""
        return {"agreement": self.samples, "back-check": self.samples, "rubric": 1, "decontamination": 0}[self.kind]


@dataclass(frozen=True, slots=True)
class Encode:
    """Instance to training example (appendix A.2): templates with and without input, one drawn for each instance.

    drop_field_name: the share of inputs whose single field name ("Paragraph:") is taken off. end: what closes a completion
    in the files of the original format; trainers add a model's own end of text.
    """

    with_input: tuple[str, ...]
    without_input: tuple[str, ...]
    completion_with_input: tuple[str, ...]
    completion_without_input: tuple[str, ...]
    drop_field_name: float = 0.5
    end: str = "<|endoftext|>"


@dataclass(frozen=True, slots=True)
class Recipe:
    """A whole recipe. `api` says whether prompts are texts to continue or chat messages to answer.

    classify_together: one question for all tasks accepted from one request, in place of one each. language: what the tasks
    are to be written in; templates see it.
    """

    recipe: str
    model: str
    propose: Propose
    classify: Ask
    instances: Instances
    encode: Encode
    seed: int = 42
    api: Literal["text", "chat"] = "text"
    reading: Reading = "robust"
    keep_away: tuple[str, ...] = ()
    checks: tuple[Check, ...] = field(default=(), metadata=LATER)
    classify_together: Ask | None = field(default=None, metadata=LATER)
    language: str = field(default="English", metadata=LATER)

    def digest(self) -> str:
        return digest_of_value(to_mapping(self))

    def model_of(self, ask: Ask) -> str:
        return ask.model or self.model

    def api_of(self, ask: Ask) -> str:
        return ask.api or self.api

    def model_at(self, step: str) -> str:
        """The model that is asked at a step (`propose`, `kinds`, `kind`, `instances`, `rewrite`, `check NAME`)."""
        asks = {"propose": self.propose.ask, "kind": self.classify, "kinds": self.classify_together}
        asks["rewrite"] = self.instances.rewrite
        asks |= {f"check {check.name}": check.ask for check in self.checks}
        return self.model_of(asks.get(step) or self.instances.input_first)


def to_mapping(recipe: Recipe) -> dict[str, Any]:
    """The recipe as plain JSON values, defaults included (but for LATER fields); `from_mapping` reads it back."""
    mapping: dict[str, Any] = _plain(recipe)
    return mapping


def _plain(value: Any) -> Any:
    if isinstance(value, tuple):
        return tuple(_plain(each) for each in value)
    if not dataclasses.is_dataclass(value):
        return value
    there = [(each, getattr(value, each.name)) for each in dataclasses.fields(value)]
    return {each.name: _plain(own) for each, own in there if not each.metadata.get("later") or own != _default(each)}


def _default(of: dataclasses.Field[Any]) -> object:
    return of.default if of.default_factory is dataclasses.MISSING else of.default_factory()


def from_mapping(mapping: object, where: str) -> Recipe:
    """Check and build a recipe. Raises BadInput naming the key; `where` is the file it came from."""
    recipe = build(Recipe, mapping, where)
    _check(recipe, where)
    return recipe


def _check(recipe: Recipe, where: str) -> None:
    propose, lag = recipe.propose, recipe.propose.lag
    faults = [
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
        (not 0 < propose.novelty.threshold <= 1, "propose.novelty.threshold: must lie in (0, 1]"),
        (not recipe.language.strip(), "language: is empty; name one, as in `language: German`"),
        (
            recipe.reading == "original"
            and bool(
                recipe.classify_together or propose.with_instances or any(a.reply == "json" for a in _asks(recipe))
            ),
            "reading: `original` knows one task a question and text replies only; take `robust`",
        ),
        (recipe.instances.most < 1, "instances.most: must be at least 1"),
        (not 0 <= recipe.encode.drop_field_name <= 1, "encode.drop_field_name: must lie in [0, 1]"),
        (not recipe.encode.with_input or not recipe.encode.without_input, "encode: needs a template of either kind"),
        (
            len(recipe.encode.with_input) != len(recipe.encode.completion_with_input)
            or len(recipe.encode.without_input) != len(recipe.encode.completion_without_input),
            "encode: needs one completion for each template",
        ),
    ]
    for wrong, message in faults:
        if wrong:
            raise BadInput(f"{where}: {message}.")
    for rule in propose.rules:
        _check_rule(rule, where)
    for ask in _asks(recipe):
        if ask.sampling.max_tokens < 1:
            raise BadInput(f"{where}: max_tokens must be at least 1.")
        if ask.reply == "json" and recipe.api_of(ask) != "chat":
            raise BadInput(f"{where}: `reply: json` needs `api: chat`; a text is continued, not answered.")
    if recipe.instances.rewrite is not None and recipe.instances.rewrite.reply == "json":
        raise BadInput(f"{where}: instances.rewrite: an output written anew is text; leave `reply: json` out.")
    _check_hints(propose.hints, where)
    for number, check in enumerate(recipe.checks):
        _check_check(check, [each.name for each in recipe.checks[:number]], where)


def _asks(recipe: Recipe) -> list[Ask]:
    """Every question of stages 1 to 3."""
    instances = recipe.instances
    every = (recipe.propose.ask, recipe.classify_together, recipe.classify, instances.input_first)
    return [ask for ask in (*every, instances.output_first, instances.rewrite) if ask is not None]


def _check_hints(hints: dict[str, tuple[str, ...]], where: str) -> None:
    for name, values in hints.items():
        if not name.isidentifier() or hasattr(hints, name):
            raise BadInput(f"{where}: propose.hints: {name!r:.60} cannot be a hint's name; take a word, as in `topic`.")
        if not values or not all(value.strip() for value in values):
            raise BadInput(f"{where}: propose.hints.{name}: needs at least one value, and none may be empty.")


def _check_check(check: Check, before: list[str], where: str) -> None:
    asks = check.kind != "decontamination"
    faults = [
        (not re.fullmatch(r"[\w-]+", check.name), "a name is letters, digits, - and _ only: it is part of keys"),
        (check.name in before, "another check has this name"),
        (asks and check.ask is None, "needs `ask`: who is asked what"),
        (not asks and check.ask is not None, "asks nobody; leave `ask` out"),
        (check.ask is not None and check.ask.sampling.max_tokens < 1, "max_tokens must be at least 1"),
        (check.ask is not None and check.ask.reply == "json", "reads text; leave `reply: json` out"),
        (not 1 <= check.samples <= 100, "samples: must lie between 1 and 100"),
        (not 0 <= check.at_least <= 1, "at_least: must lie in [0, 1]"),
        (not 0 < check.near <= 1, "near: must lie in (0, 1]"),
        (check.run_length < 1, "run_length: must be at least 1"),
        (len(set(check.scale)) < max(2, len(check.scale)), "scale: needs two or more different grades, worst first"),
        (any(not re.fullmatch(r"\w+", grade) for grade in check.scale), "scale: a grade is one word or number"),
        (check.kind == "rubric" and check.level not in check.scale, "level: must be one of `scale`"),
    ]
    for wrong, message in faults:
        if wrong:
            raise BadInput(f"{where}: checks: {check.name!r}: {message}.")


def _check_rule(rule: Rule, where: str) -> None:
    defaults = {field.name: field.default for field in dataclasses.fields(Rule)}
    checks = [name for name in defaults if name not in ("name", "count") and getattr(rule, name) != defaults[name]]
    if len(checks) != 1:
        raise BadInput(f"{where}: propose.rules: rule {rule.name!r} needs exactly one check, it has {len(checks)}.")
    if rule.matches is not None:
        try:
            re.compile(rule.matches)
        except (re.error, RecursionError, OverflowError) as exc:
            raise BadInput(f"{where}: propose.rules: rule {rule.name!r}: not a regular expression: {exc}.") from None
