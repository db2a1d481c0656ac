"""Everything that can change a byte of the output, and nothing else. How a model is reached is the machine's business.

A recipe is written as YAML (see `recipes/`), checked here, and stored whole in the journal: from then on the journal's
copy is the authority. Section numbers are those of the paper (arXiv 2212.10560).
"""

import dataclasses
import re
from dataclasses import dataclass
from typing import Any, Literal

from bootstruct.domain import Sampling, digest_of_value
from bootstruct.errors import BadInput
from bootstruct.shape import build

Reading = Literal["robust", "original"]


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
    """One step's question. `prompt` is a Jinja2 template, `system` a chat system message; `model` overrides the run's."""

    prompt: str
    sampling: Sampling
    system: str = ""
    model: str = ""


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
    """Growing the pool (section 2.2): 8 examples a prompt, 6 seeds and up to 2 machine-made ones."""

    ask: Ask
    seed_examples: int = 6
    machine_examples: int = 2
    only_classification: bool = False
    lag: Lag = Lag()
    rules: tuple[Rule, ...] = ()
    novelty: Novelty = Novelty()


@dataclass(frozen=True, slots=True)
class Instances:
    """Writing instances (section 2.2): at most 5 a task go into the training data."""

    input_first: Ask
    output_first: Ask
    most: int = 5


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
    """A whole recipe. `api` says whether prompts are texts to continue or chat messages to answer."""

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

    def digest(self) -> str:
        return digest_of_value(to_mapping(self))

    def model_of(self, ask: Ask) -> str:
        return ask.model or self.model


def to_mapping(recipe: Recipe) -> dict[str, Any]:
    """The recipe as plain JSON values, defaults included; `from_mapping` reads it back."""
    return dataclasses.asdict(recipe)


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
    for ask in (propose.ask, recipe.classify, recipe.instances.input_first, recipe.instances.output_first):
        if ask.sampling.max_tokens < 1:
            raise BadInput(f"{where}: max_tokens must be at least 1.")


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
