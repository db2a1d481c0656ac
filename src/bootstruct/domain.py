"""The nouns. Values only: nothing here does I/O, waits, or draws a random number."""

import hashlib
import json
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Instance:
    """One worked example of a task. `input` is empty where the instruction needs none."""

    input: str
    output: str


@dataclass(frozen=True, slots=True)
class Seed:
    """A hand-written task (the paper, section 2.2: 175 of them, one instance each)."""

    id: str
    instruction: str
    instances: tuple[Instance, ...]
    is_classification: bool
    name: str = ""


@dataclass(frozen=True, slots=True)
class Instruction:
    """An accepted machine-written instruction, named by where it came from: `812.3` is request 812, candidate 3.

    instances: those that came with it, in the same reply (Alpaca's variant).
    """

    name: str
    text: str
    instances: tuple[Instance, ...] = ()


@dataclass(frozen=True, slots=True)
class Sampling:
    """How a reply is drawn. max_tokens counts tokens of the reply; stop strings end it and are not part of it."""

    temperature: float = 0.0
    top_p: float = 1.0
    presence_penalty: float = 0.0
    frequency_penalty: float = 0.0
    max_tokens: int = 1024
    stop: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Message:
    role: str
    content: str


@dataclass(frozen=True, slots=True)
class Prompt:
    """One question to a model: a text to continue, or chat messages to answer (never both).

    `step` says which step asks (`propose`, `kind`, `instances`, `rewrite/0` ...); it names the key and is no part of it.
    `sample` tells equal questions apart and is sent as the seed where the engine has one. `schema` is a JSON schema (as
    text) that a server holds the reply to if it can; empty for free text.
    """

    step: str
    model: str
    sampling: Sampling
    sample: int
    text: str = ""
    messages: tuple[Message, ...] = ()
    schema: str = ""

    @property
    def is_chat(self) -> bool:
        return bool(self.messages)

    @property
    def stage(self) -> str:
        """The step without its number: `rewrite` of `rewrite/3`."""
        return self.step.partition("/")[0]


@dataclass(frozen=True, slots=True)
class Reply:
    """What a model answered. `finish` is the server's own word: `stop`, `length`, `content_filter` ...

    prompt_tokens, completion_tokens: as the server counted them, 0 where it did not say. seconds: from sending the
    question to having the whole answer, pauses and failed calls not counted; 0 where not measured. retries: failed calls
    before this one. via: `batch` where it came by a batch, else empty.
    """

    text: str
    finish: str = "stop"
    prompt_tokens: int = 0
    completion_tokens: int = 0
    model: str = ""
    seconds: float = 0.0
    retries: int = 0
    via: str = ""

    @property
    def is_cut(self) -> bool:
        """True where the reply ran into max_tokens."""
        return self.finish == "length"


@dataclass(frozen=True, slots=True)
class Candidate:
    """A text read from a reply before it is judged. `flaw` names what reading already found wrong with it.

    instances: those written beside it, where one request asks for both.
    """

    text: str
    flaw: str | None = None
    instances: tuple[Instance, ...] = ()


@dataclass(frozen=True, slots=True)
class Verdict:
    """What was decided about a candidate instruction.

    rule: name of the first rule it broke, None where it was kept. score: ROUGE-L F-measure with `neighbour` (a seed's
    id or an instruction's name), only where novelty refused it. instances: those it came with, only where it was kept.
    """

    text: str
    rule: str | None = None
    score: float | None = None
    neighbour: str | None = None
    instances: tuple[Instance, ...] = ()

    @property
    def kept(self) -> bool:
        return self.rule is None


@dataclass(frozen=True, slots=True)
class Refused:
    """An instance that was read but not kept, and the rule it broke."""

    instance: Instance
    rule: str


@dataclass(frozen=True, slots=True)
class Checkmark:
    """What a check found of one instance of a task, by its number among them.

    rule: what it was refused for, None where it was kept. score: what was measured, None where nothing could be (`note`
    then says so). note: what else there is to say, such as the text it is too near to.
    """

    instance: int
    rule: str | None = None
    score: float | None = None
    note: str = ""

    @property
    def kept(self) -> bool:
        return self.rule is None

    @property
    def is_unreadable(self) -> bool:
        return self.note.startswith("no readable ")


@dataclass(frozen=True, slots=True)
class Example:
    """A training example: the model sees `prompt` and learns `completion`."""

    prompt: str
    completion: str


def digest_of(prompt: Prompt) -> str:
    """A name for the question itself: equal prompts, equal digests, whatever step or key they are asked under."""
    sampling = prompt.sampling
    question: dict[str, object] = {  # by hand: asked for every question, and dataclasses.asdict takes most of the time
        "model": prompt.model,
        "sampling": {
            "temperature": sampling.temperature,
            "top_p": sampling.top_p,
            "presence_penalty": sampling.presence_penalty,
            "frequency_penalty": sampling.frequency_penalty,
            "max_tokens": sampling.max_tokens,
            "stop": sampling.stop,
        },
        "sample": prompt.sample,
        "text": prompt.text,
        "messages": [{"role": message.role, "content": message.content} for message in prompt.messages],
    }
    if prompt.schema:
        question["schema"] = prompt.schema
    return digest_of_value(question)


def digest_of_value(value: object) -> str:
    """128 bits of BLAKE2b over canonical JSON, as hexadecimal."""
    canonical = json.dumps(value, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return hashlib.blake2b(canonical.encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()
