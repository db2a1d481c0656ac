"""The values that all of bootstruct uses. Nothing here does I/O, waits, or draws a random number."""

import hashlib
import json
from dataclasses import dataclass, field, replace
from typing import Any, Final

import orjson

LATER: Final = {
    "later": True
}  # metadata of fields that recipes did not always have: at their defaults they enter no digest


MOST_TOKENS: Final = 16_384  # of a reply whose length the recipe does not limit
CUT_FINISHES: Final = {"length", "max_tokens", "max_output_tokens", "model_length", "model_context_window_exceeded"}
FILTERED_FINISHES: Final = {
    "content_filter",
    "content-filter",
    "safety",
    "recitation",
    "blocklist",
    "prohibited_content",
    "spii",
    "sensitive",
}
REFUSAL: Final = "refusal"  # the finish of a reply that the server itself marks as a refusal


@dataclass(frozen=True, slots=True)
class Turn:
    """A later turn of a conversation: what the user writes next, and what the assistant answers.

    Attributes:
        user: what the user writes.
        assistant: the answer.
        intent: what the user was to do, as in `clarify`.
        cut: the sides (`user`, `assistant`) for which the model went on to write the other side; that part was cut off.
    """

    user: str
    assistant: str
    intent: str = ""
    cut: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Instance:
    """One worked example of a task.

    Attributes:
        input: empty if the instruction needs none.
        output: what the model should write.
        turns: of a conversation, the turns that follow.
    """

    input: str
    output: str
    turns: tuple[Turn, ...] = ()


@dataclass(frozen=True, slots=True)
class Seed:
    """A hand-written task (section 2.2 of the paper: 175 of them, one instance each).

    Attributes:
        id: unique among the seeds of a run.
        instruction: the text of the task.
        instances: at least one.
        is_classification: the task type.
        name: a short label, as the paper's seeds have one.
    """

    id: str
    instruction: str
    instances: tuple[Instance, ...]
    is_classification: bool
    name: str = ""


@dataclass(frozen=True, slots=True)
class Instruction:
    """An accepted machine-written instruction.

    Attributes:
        name: where it came from: `812.3` is candidate 3 of request 812.
        text: of the instruction.
        instances: those that came with it in the same reply (Alpaca's variant).
    """

    name: str
    text: str
    instances: tuple[Instance, ...] = ()


@dataclass(frozen=True, slots=True)
class Passage:
    """A part of a document of the user's, about which tasks are written (docs/documents.md).

    Attributes:
        document: the document's name, as in `handbook/leave.md`.
        start: where it begins in the text of the document, in characters.
        end: where it ends there; the character at this place is no longer part of it.
        text: the passage itself.
        heading: the headings above it, or its page; may be empty.
    """

    document: str
    start: int
    end: int
    text: str
    heading: str = ""

    @property
    def name(self) -> str:
        """Document and span, as in `handbook/leave.md:120-980`."""
        return f"{self.document}:{self.start}-{self.end}"


@dataclass(frozen=True, slots=True)
class Sampling:
    """How a reply is sampled; the fields are those of OpenAI's API. None leaves a field out of the request.

    Attributes:
        temperature: 0 takes the most probable token.
        top_p: the probability mass of the nucleus that tokens are drawn from.
        presence_penalty: subtracted from the logits of tokens that the reply already has.
        frequency_penalty: likewise, once for each time that it has the token.
        max_tokens: the most tokens of the reply, not counting thoughts.
        stop: strings that end the reply and are not part of it.
        extra: further fields of the request body, as JSON values (`reasoning_effort`, `top_k` ...).
    """

    temperature: float | None = 0.0
    top_p: float | None = 1.0
    presence_penalty: float | None = 0.0
    frequency_penalty: float | None = 0.0
    max_tokens: int | None = 1024
    stop: tuple[str, ...] = ()
    extra: dict[str, Any] = field(default_factory=dict, hash=False, metadata=LATER)

    @property
    def most_tokens(self) -> int:
        """The most tokens of the reply, even if the recipe does not limit them."""
        return MOST_TOKENS if self.max_tokens is None else self.max_tokens

    def filled(self) -> "Sampling":
        """The sampling with the API's defaults instead of None, for engines that choose tokens themselves."""
        return replace(
            self,
            temperature=1.0 if self.temperature is None else self.temperature,
            top_p=1.0 if self.top_p is None else self.top_p,
            presence_penalty=self.presence_penalty or 0.0,
            frequency_penalty=self.frequency_penalty or 0.0,
            max_tokens=self.most_tokens,
        )


@dataclass(frozen=True, slots=True)
class Message:
    """One chat message; the roles are those of OpenAI's API (`system`, `user`, `assistant`)."""

    role: str
    content: str


@dataclass(frozen=True, slots=True)
class Prompt:
    """One request to a model: a text to continue, or chat messages to reply to (never both).

    Attributes:
        step: the step that sends it (`propose`, `kind`, `instances`, `rewrite/0` ...); it is outside the digest.
        model: the model's name.
        sampling: how the reply is drawn.
        sample: distinguishes requests that are otherwise equal; sent as the seed if the engine accepts one.
        text: the text to continue.
        messages: the chat messages to reply to.
        schema: a JSON schema (as text) that the reply must match, if the engine can enforce one; empty for free text.
        ordered: whether later requests depend on its reply, so that it goes first and never waits for a batch;
            outside the digest.
    """

    step: str
    model: str
    sampling: Sampling
    sample: int
    text: str = ""
    messages: tuple[Message, ...] = ()
    schema: str = ""
    ordered: bool = False

    @property
    def is_chat(self) -> bool:
        """Whether it holds chat messages instead of a text to continue."""
        return bool(self.messages)

    @property
    def stage(self) -> str:
        """The step without its number: `rewrite` of `rewrite/3`."""
        return self.step.partition("/")[0]


@dataclass(frozen=True, slots=True)
class Reply:
    """A model's reply to a prompt.

    Attributes:
        text: without the stop string.
        finish: why it ended, in the server's own words: `stop`, `length`, `content_filter` ...
        prompt_tokens: as the server counted them, 0 if it did not say.
        completion_tokens: likewise.
        model: as the server named it.
        seconds: from sending the request to having the whole reply, without pauses and failed attempts; 0 if not
            measured.
        retries: failed attempts before this one.
        via: `batch` if it came by a batch, otherwise empty.
        thought: what the model thought before it answered, if the server separates it from the answer.
    """

    text: str
    finish: str = "stop"
    prompt_tokens: int = 0
    completion_tokens: int = 0
    model: str = ""
    seconds: float = 0.0
    retries: int = 0
    via: str = ""
    thought: str = ""

    @property
    def is_cut(self) -> bool:
        """Whether the reply was cut off: by max_tokens, or by a content filter."""
        return self.finish == "length" or self.finish.lower() in CUT_FINISHES or self.is_filtered

    @property
    def is_filtered(self) -> bool:
        """Whether a content filter of the server cut the reply off or held it back."""
        return self.finish.lower() in FILTERED_FINISHES

    @property
    def is_refusal(self) -> bool:
        """Whether the server marks the reply as a refusal; its text is then the refusal."""
        return self.finish == REFUSAL


@dataclass(frozen=True, slots=True)
class Candidate:
    """A candidate instruction as read from a reply, before it is judged.

    Attributes:
        text: of the candidate.
        flaw: the name of the fault that was found while reading, None if nothing was.
        instances: those that came with it, if one request asks for both.
    """

    text: str
    flaw: str | None = None
    instances: tuple[Instance, ...] = ()


@dataclass(frozen=True, slots=True)
class Verdict:
    """The decision about a candidate instruction.

    Attributes:
        text: of the candidate.
        rule: the name of the first rule that it broke, None if it was kept.
        score: its ROUGE-L F-measure (0 to 1) with the neighbour, only if it was too similar.
        neighbour: the id of the seed or the name of the instruction that it is too similar to.
        instances: those that came with it, only if it was kept.
    """

    text: str
    rule: str | None = None
    score: float | None = None
    neighbour: str | None = None
    instances: tuple[Instance, ...] = ()
    note: str = ""

    @property
    def kept(self) -> bool:
        """Whether it broke no rule."""
        return self.rule is None


@dataclass(frozen=True, slots=True)
class RejectedInstance:
    """An instance that was read but not kept, and the rule that it broke."""

    instance: Instance
    rule: str


@dataclass(frozen=True, slots=True)
class CheckVerdict:
    """The verdict of a check on one instance of a task.

    Attributes:
        instance: its number among the instances of the task, from 0.
        rule: why it was rejected, None if it was kept.
        score: what was measured, None if nothing could be (`note` then says why).
        note: further detail, such as the text that it is too similar to.
        scores: the mean scores of the weak and of the strong solver; `score` is then their difference.
        answers: if the task may be revised, an answer of each that shows why it was rejected.
    """

    instance: int
    rule: str | None = None
    score: float | None = None
    note: str = ""
    scores: tuple[float, ...] = ()
    answers: tuple[str, ...] = ()

    @property
    def kept(self) -> bool:
        """Whether it broke no rule."""
        return self.rule is None

    @property
    def is_unreadable(self) -> bool:
        """Whether the check's replies could not be read."""
        return self.note.startswith("no readable ")


@dataclass(frozen=True, slots=True)
class Example:
    """A training example: the model reads `prompt` and learns to write `completion`."""

    prompt: str
    completion: str


_CANONICAL = json.JSONEncoder(sort_keys=True, ensure_ascii=False, separators=(",", ":"))


def digest_of(prompt: Prompt) -> str:
    """The digest of a prompt and its sampling: equal for equal prompts, whatever their step or key."""
    try:
        return _digest(_canonical(prompt))
    except TypeError:  # half a character in a text, or a number beyond 64 bits
        return digest_of_value(_value_of(prompt))


def _canonical(prompt: Prompt) -> bytes:
    """The canonical JSON of a prompt's value, its texts by a faster writer. Raises TypeError for what that cannot write."""
    messages = b",".join(
        b'{"content":%b,"role":%b}' % (orjson.dumps(message.content), orjson.dumps(message.role))
        for message in prompt.messages
    )
    fields = _CANONICAL.encode(_sampling_value(prompt.sampling)).encode("utf-8", "surrogatepass")
    schema = b'"schema":%b,' % orjson.dumps(prompt.schema) if prompt.schema else b""
    named = orjson.dumps(prompt.model), orjson.dumps(prompt.sample)
    text = orjson.dumps(prompt.text)
    return b'{"messages":[%b],"model":%b,"sample":%b,"sampling":%b,%b"text":%b}' % (
        messages, *named, fields, schema, text,
    )  # fmt: skip


def _sampling_value(sampling: Sampling) -> dict[str, object]:
    return {
        "temperature": sampling.temperature,
        "top_p": sampling.top_p,
        "presence_penalty": sampling.presence_penalty,
        "frequency_penalty": sampling.frequency_penalty,
        "max_tokens": sampling.max_tokens,
        "stop": sampling.stop,
        **({"extra": sampling.extra} if sampling.extra else {}),
    }


def _value_of(prompt: Prompt) -> dict[str, object]:
    value: dict[str, object] = {
        "model": prompt.model,
        "sampling": _sampling_value(prompt.sampling),
        "sample": prompt.sample,
        "text": prompt.text,
        "messages": [{"role": message.role, "content": message.content} for message in prompt.messages],
    }
    if prompt.schema:
        value["schema"] = prompt.schema
    return value


def digest_of_value(value: object) -> str:
    """128 bits of BLAKE2b over the canonical JSON of a value, as hexadecimal digits."""
    return _digest(_CANONICAL.encode(value).encode("utf-8", "surrogatepass"))


def _digest(canonical: bytes) -> str:
    return hashlib.blake2b(canonical, digest_size=16).hexdigest()
