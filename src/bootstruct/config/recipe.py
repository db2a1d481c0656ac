"""Everything that can change a byte of the output, and nothing else.

How a model is reached belongs to the machine settings.

A recipe is written as YAML (see `recipes/`), checked here, and stored whole in the journal: from then on the
journal's copy counts. Section numbers are those of the paper (arXiv 2212.10560).
"""

from dataclasses import dataclass, field
from typing import Any, Final, Literal

from bootstruct.config.recipe_constraints import Constraints
from bootstruct.config.recipe_steer import Steer
from bootstruct.config.validation import to_plain
from bootstruct.types import LATER, Passage, Sampling, digest_of_value

Reading = Literal["robust", "original"]

ASKS: Final = {  # where a request is described in a recipe -> the step that makes it; those of checks are in `checks`
    ("documents", "ask"): "propose",
    ("documents", "answer"): "instances",
    ("propose", "ask"): "propose",
    ("propose", "evolve", "ask"): "propose",
    ("classify",): "kind",
    ("classify_together",): "kinds",
    ("instances", "input_first"): "instances",
    ("instances", "output_first"): "instances",
    ("instances", "rewrite"): "rewrite",
    ("followups", "user"): "user",
    ("followups", "assistant"): "assistant",
}


@dataclass(frozen=True, slots=True)
class Lag:
    """How far a request may lag behind the pool: request k sees the pool as it stood after request k - lag(k).

    lag(k) = min(most, max(least, k // share)). The released code draws five prompts before it sees any reply: least 5.
    """

    least: int = 5
    most: int = 512
    share: int = 4

    def of(self, index: int) -> int:
        """The lag of a request, by its index."""
        return min(self.most, max(self.least, index // self.share))


@dataclass(frozen=True, slots=True)
class Ask:
    """The request of one step. `prompt` is a Jinja2 template, `system` a chat system message.

    Attributes:
        model, api: for this request alone; empty for the recipe's.
        reply: `json` asks for a JSON object with the step's schema (`stages/schemas.py`); what cannot be read as JSON
            is read as text.
    """

    prompt: str
    sampling: Sampling
    system: str = ""
    model: str = ""
    api: Literal["", "text", "chat"] = field(default="", metadata=LATER)
    reply: Literal["text", "json"] = field(default="text", metadata=LATER)


@dataclass(frozen=True, slots=True)
class Rule:
    """One line of the rule table: its name, and exactly one condition that a text must not meet.

    Attributes:
        words_at_most, words_above: number of words (counted between blanks, or, with `count: any script`, single
            characters of scripts that write no blanks as well).
        matches: a regular expression that is searched for anywhere, ignoring case.
        python: the version of a function with this name that the user gives to `generate`.
    """

    name: str
    words_at_most: int | None = None
    words_above: int | None = None
    matches: str | None = None
    starts_with: str | None = None
    starts_with_punctuation: bool = False
    starts_outside_ascii: bool = False
    count: Literal["blanks", "any script"] = "blanks"
    python: str = field(default="", metadata=LATER)


@dataclass(frozen=True, slots=True)
class Novelty:
    """Reject a text whose ROUGE-L F-measure with any pool member exceeds `threshold` (section 2.2: 0.7).

    Attributes:
        at_threshold: what happens at exactly the threshold; the released code keeps the text, the paper's wording rejects it.
        tokenizer: a name of `stages.rouge.TOKENIZERS`.
    """

    threshold: float = 0.7
    at_threshold: Literal["keep", "refuse"] = "keep"
    tokenizer: str = "rouge"


@dataclass(frozen=True, slots=True)
class Evolve:
    """Requests that rewrite an accepted instruction instead of asking for new ones (beyond the paper; docs/evolve.md).

    Attributes:
        ask: its template sees `instruction` and `way`; its reply is read like that of `propose.ask`.
        share: the share of requests that do this, once there is an accepted instruction to rewrite.
        ways: how an instruction may be rewritten; each such request gets one of them.
    """

    ask: Ask
    share: float = 0.5
    ways: tuple[str, ...] = ("deeper", "broader", "constrained")


@dataclass(frozen=True, slots=True)
class Propose:
    """Growing the pool (section 2.2): 8 examples per prompt, 6 seeds and up to 2 machine-written ones.

    Attributes:
        hints: name -> values; each request gets one value of each.
        with_instances: a reply also contains instances, and no further request is made for them (Alpaca's variant).
        evolve: requests that rewrite accepted instructions.
        one_kind: whether all seeds in a prompt have the task type of the first one drawn.
        steer: whether hints are dealt towards thin places of the pool.
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
    evolve: Evolve | None = field(default=None, metadata=LATER)
    one_kind: bool = field(default=False, metadata=LATER)
    steer: Steer | None = field(default=None, metadata=LATER)


@dataclass(frozen=True, slots=True)
class Instances:
    """Writing instances (section 2.2): at most 5 per task go into the training data.

    Attributes:
        rewrite: a request for each kept instance; its reply replaces the output (the paper's ablation of
            output quality: a better model writes the outputs).
        output_rules: rules that outputs must not break (and, for classification tasks, inputs): refusals, placeholders.
        worked_seeds: how many seed tasks with their outputs a request shows at most, so that outputs follow their style.
        worked_characters: how many characters these may have in all; a seed task that does not fit is skipped.
    """

    input_first: Ask
    output_first: Ask
    most: int = 5
    rewrite: Ask | None = field(default=None, metadata=LATER)
    output_rules: tuple[Rule, ...] = field(default=(), metadata=LATER)
    worked_seeds: int = field(default=0, metadata=LATER)
    worked_characters: int = field(default=4000, metadata=LATER)


@dataclass(frozen=True, slots=True)
class CheckRequests:
    """Requests of one sort that a check makes about an instance.

    Attributes:
        name: the check's name, or `NAME.weak`, `NAME.strong`, `NAME.judge`; it is a part of their keys.
        ask: the request.
        count: how many there are at most.
    """

    name: str
    ask: Ask
    count: int


@dataclass(frozen=True, slots=True)
class Documents:
    """Tasks about passages of documents: each request for instructions shows one (beyond the paper; docs/documents.md).

    Attributes:
        ask: the request for instructions, instead of `propose.ask`; its reply is read like that one's.
        answer: the request for the output of a task; it sees the passage, and its reply is the output.
        use: whether the passage is the input of a task (`input`), or an answer is learnt without it (`memory`).
        tasks: how many tasks are asked for about a passage at a time.
        passages: those in `passages.jsonl` of the run folder; they become part of the recipe when the run begins.
    """

    ask: Ask
    answer: Ask
    use: Literal["input", "memory"] = "input"
    tasks: int = 4
    passages: tuple[Passage, ...] = ()


@dataclass(frozen=True, slots=True)
class Followups:
    """Further turns of instances, so that they become conversations (beyond the paper; docs/conversations.md).

    Attributes:
        user: the request for what the user writes next, under an intent.
        assistant: the request for the answer; a chat model is sent the conversation itself, whose last message is `prompt`.
        turns: the fewest and the most further turns of an instance; their number is drawn.
        share: the share of instances that get any.
        intents: what a user may do next; each turn draws one.
    """

    user: Ask
    assistant: Ask
    turns: tuple[int, ...] = (1, 3)
    share: float = 1.0
    intents: tuple[str, ...] = ("clarify", "correct", "extend", "change the subject")


@dataclass(frozen=True, slots=True)
class Check:
    """A request about finished instances; those that do not pass are rejected (beyond the paper; see docs/checks.md).

    agreement: `samples` answers to instruction and input. measure `exact`: the share of them equal to the output,
    except for case, blanks and surrounding marks; `rouge`: their mean ROUGE-L with it; `judge`: the mean grade that the
    request `judge` gives them beside the output; kept at `at_least` or more. solver-gap: `samples` answers of a weak and
    of a strong solver, scored by the same measures (docs/solver-gap.md).
    rubric: a grade of `scale` (worst first), kept at `level` or better. back-check: `samples` instructions written
    from input and output, the best one's ROUGE-L with the real one; kept at `at_least` or more. grounded: a grade of
    `scale` for how far the output follows from the task's passage; kept at `level` or better. decontamination:
    sends no request; rejects what shares `run_length` consecutive words with a kept-away text or one of `texts`, or
    is nearer to it than ROUGE-L `near`. ROUGE-L uses the words of `propose.novelty.tokenizer`.

    Attributes:
        unreadable: whether an instance is kept if no reply could be read.
        majority: agreement: whether the output must be the answer that most samples give; the share is then theirs.
        at_most: agreement: the highest share that is kept; a task that every sample solves teaches little.
        judge: measure `judge`: the request for a grade of one answer, worst 0 and best 1.
        weak, strong: solver-gap: the requests for answers of the two solvers.
        strong_at_least: solver-gap: the least mean score of the strong solver's answers.
        weak_below: solver-gap: the mean score that those of the weak one must not reach.
        gap: solver-gap: the least difference between the two mean scores.
        rounds: solver-gap: how often a task that it rejects is revised at most.
        revise: with `rounds`: the request for a revised task; its reply is read like that of `propose.ask`.
        version: of a `python` check, whose function the user gives to `generate`.
    """

    name: str
    kind: Literal["agreement", "rubric", "back-check", "grounded", "decontamination", "python", "solver-gap"]
    ask: Ask | None = None
    samples: int = 5
    measure: Literal["exact", "rouge", "final", "numeric", "choice", "judge"] = "exact"
    at_least: float = 0.5
    scale: tuple[str, ...] = ("1", "2", "3", "4", "5")
    level: str = "4"
    unreadable: Literal["keep", "refuse"] = "keep"
    texts: tuple[str, ...] = ()
    run_length: int = 13
    near: float = 0.7
    version: str = field(default="", metadata=LATER)
    majority: bool = field(default=False, metadata=LATER)
    at_most: float = field(default=1.0, metadata=LATER)
    judge: Ask | None = field(default=None, metadata=LATER)
    weak: Ask | None = field(default=None, metadata=LATER)
    strong: Ask | None = field(default=None, metadata=LATER)
    strong_at_least: float = field(default=0.65, metadata=LATER)
    weak_below: float = field(default=0.5, metadata=LATER)
    gap: float = field(default=0.2, metadata=LATER)
    rounds: int = field(default=0, metadata=LATER)
    revise: Ask | None = field(default=None, metadata=LATER)

    @property
    def asks(self) -> int:
        """How many requests it makes at once about an instance."""
        return sum(requests.count for requests in self.requests)

    @property
    def requests(self) -> tuple[CheckRequests, ...]:
        """The requests that it makes at once about an instance, by sort."""
        count = self.samples if self.kind in ("agreement", "back-check", "solver-gap") else 1
        asks = {self.name: self.ask, f"{self.name}.weak": self.weak, f"{self.name}.strong": self.strong}
        return tuple(CheckRequests(name, ask, count) for name, ask in asks.items() if ask is not None)

    @property
    def all_requests(self) -> tuple[CheckRequests, ...]:
        """All its requests by sort, with those that grade an answer, which are made after the answers are there."""
        if self.judge is None:
            return self.requests
        return (*self.requests, CheckRequests(f"{self.name}.judge", self.judge, self.asks))


@dataclass(frozen=True, slots=True)
class Encode:
    """Instance to training example (appendix A.2): templates with and without input, one drawn for each instance.

    Attributes:
        drop_field_name: the share of inputs whose single field name ("Paragraph:") is removed.
        end: what closes a completion in the files of the original format; trainers add a model's own end of text.
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

    Attributes:
        classify_together: one request for all tasks accepted from one request, instead of one each.
        language: the language of the tasks; templates see it.
        system: the system message of the requests for tasks, instances or outputs that have none of their own.
        constraints: constraints on the answers to tasks, checked by code.
        documents: passages that the tasks are about.
        followups: further turns of instances.
        more_tokens: how much higher `max_tokens` is if a reply was cut off before its answer and is requested once more.
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
    more_tokens: int = field(default=4096, metadata=LATER)
    system: str = field(default="", metadata=LATER)
    constraints: Constraints | None = field(default=None, metadata=LATER)
    documents: Documents | None = field(default=None, metadata=LATER)
    followups: Followups | None = field(default=None, metadata=LATER)

    def digest(self) -> str:
        """A name for the recipe: equal recipes, equal digests."""
        return digest_of_value(to_mapping(self))

    @property
    def revising(self) -> Check | None:
        """The check whose rejected tasks are revised; None if none has `rounds`."""
        return next((check for check in self.checks if check.rounds), None)

    def model_of(self, ask: Ask) -> str:
        """The model that answers a request: its own, else the recipe's."""
        return ask.model or self.model

    def api_of(self, ask: Ask) -> str:
        """Whether a request is `text` or `chat`: its own, else the recipe's."""
        return ask.api or self.api

    def model_at(self, step: str) -> str:
        """The model of a step (`propose`, `kinds`, `kind`, `instances`, `rewrite`, `user`, `assistant`, `check NAME` ...)."""
        asks = {f"check {made.name}": made.ask for check in self.checks for made in check.all_requests}
        for path, ask in asks_of(self).items():
            asks.setdefault(ASKS[path], ask)
        return self.model_of(asks.get(step) or self.instances.input_first)


def asks_of(recipe: Recipe) -> dict[tuple[str, ...], Ask]:
    """Every request of stages 1 to 3 that a recipe describes, by its place in it."""
    found: dict[tuple[str, ...], Ask] = {}
    for path in ASKS:
        value: Any = recipe
        for name in path:
            value = None if value is None else getattr(value, name)
        found |= {} if value is None else {path: value}
    return found


def models_of(recipe: Recipe) -> set[str]:
    """The models that the requests of a recipe are sent to, those of its checks and revisions included."""
    asks = [*asks_of(recipe).values(), *(made.ask for check in recipe.checks for made in check.all_requests)]
    asks += [check.revise for check in recipe.checks if check.revise is not None]
    return {recipe.model_of(ask) for ask in asks}


def to_mapping(recipe: Recipe) -> dict[str, Any]:
    """The recipe as plain JSON values, including defaults (except of LATER fields); `from_mapping` reads it back."""
    mapping: dict[str, Any] = to_plain(recipe)
    return mapping
