"""The form of requests to a server: that of the recipe, without what the server refuses.

Servers differ in the fields that they accept. A field that one refuses by name is left out or sent in another form
from then on, for that server and model; reported once, recorded in the journal as `RequestAdapted`, and outside every
digest: equal replies give equal data however they were requested.
"""

import asyncio
import re
import warnings
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import orjson

from bootstruct.engines.response import ServerError
from bootstruct.journal.events import RequestAdapted
from bootstruct.render.sanitize import visible
from bootstruct.stages.parsing.thoughts import split_thought
from bootstruct.types import Prompt, Reply

LIMIT, NEWER_LIMIT, SCHEMA, ROOM = "max_tokens", "max_completion_tokens", "response_format", "thinking_tokens"
OPTIONAL: Final = ("temperature", "top_p", "presence_penalty", "frequency_penalty", "seed", "stop")
SCHEMA_FORMS: Final = ("json_schema", "json_object and schema", "json_object", "guided_json", "")  # tried in this order
REFUSALS: Final = {400, 404, 405, 422, 501}  # statuses by which servers refuse a field
FIRST_ROOM, MOST_ROOM = 4096, 32_768  # tokens for thoughts, after a reply shows that the model thinks
MOST_BLIND: Final = 2  # failures 500 in a row for which a request is tried without its schema
LONGEST_REASON: Final = 160  # characters of a server's message that are shown
MOST_STEPS: Final = 10  # changes that one request may try
CONTEXT: Final = re.compile(
    r"context[ _](?:length|window|size)|maximum (?:context|sequence|input) length|(?:prompt|input|message)s?\b[^.]{0,40}\btoo "
    r"(?:long|large)|too many (?:input )?tokens|exceeds? [^.]{0,40}\bcontext",
    re.IGNORECASE,
)
NO_MODEL: Final = re.compile(
    r"model\b[^.]{0,80}\b(?:not (?:exist|found|available|a valid)|unknown)|(?:no such|unknown|invalid) model",
    re.IGNORECASE,
)
_MARKERS: Final = re.compile(r"[<\[◁][^<>\[\]]{0,30}[>\]▷]")
_OTHER_NAMES: Final = {  # as servers that translate requests call the fields
    "top_p": ("top_p", "topP", "top-p"),
    "presence_penalty": ("presence_penalty", "presencePenalty"),
    "frequency_penalty": ("frequency_penalty", "frequencyPenalty"),
    "stop": ("stop", "stop_sequences", "stopSequences", "stop sequences", "stop strings"),
    LIMIT: ("max_tokens", "maxTokens", "max_new_tokens", "maxOutputTokens", "max_output_tokens"),
    NEWER_LIMIT: ("max_completion_tokens",),
    SCHEMA: ("response_format", "json_schema", "response_schema", "responseSchema", "guided_json", "json_object"),
}
_PLAIN_WORDS: Final = {"stop", "seed"}  # names that are also words: they need a sign that the field is meant
_OF_A_FIELD: Final = re.compile(
    r"param|field|argument|propert|unknown name|unsupported|not (?:support|permitted|allowed)|unrecogni|unexpected|extra",
    re.IGNORECASE,
)
_TOO_LARGE: Final = re.compile(
    r"too (?:large|high|big)|at most|maximum|exceed|less than|<=|≤|up to|greater than", re.IGNORECASE
)
_EXPECTED: Final = re.compile(
    r"expected one of|(?:supported|allowed|valid|known|accepted) \w+ (?:are|include)", re.IGNORECASE
)
_UNKNOWN: Final = re.compile(
    r"unknown|unrecogni|unsupported param|not permitted|unexpected|extra (?:field|input)|cannot find field|not allowed",
    re.IGNORECASE,
)


@dataclass(slots=True)
class RequestForm:
    """The form of requests to one server for one model, as far as its responses have shown it.

    Attributes:
        server: the address without credentials.
        model: the model's name.
        changes: by field, what is sent instead: another name of the limit, another form of the schema, a number of
            tokens; empty if the field is left out.
        has_fixed_room: whether the user sets how many tokens a thought may have.
        has_proven_schema: whether a reply came to a request with a schema.
        exploring: held by the request that finds out what the server accepts.
    """

    server: str
    model: str
    changes: dict[str, str] = field(default_factory=dict)
    has_fixed_room: bool = False
    has_proven_schema: bool = False
    exploring: asyncio.Lock = field(default_factory=asyncio.Lock)
    _blind: int = 0  # requests in a row that failed in every form

    @property
    def room(self) -> int:
        """How many tokens a reply may have beyond `max_tokens`, for thoughts."""
        return int(self.changes.get(ROOM, "0"))

    def body(self, prompt: Prompt, trial: Mapping[str, str] | None = None) -> dict[str, Any]:
        """The body of a request.

        Args:
            prompt: the prompt.
            trial: changes that are tried on top of the known ones.
        """
        changes, sampling = {**self.changes, **(trial or {})}, prompt.sampling
        body: dict[str, Any] = {"model": prompt.model}
        if prompt.is_chat:
            body["messages"] = [{"role": message.role, "content": message.content} for message in prompt.messages]
        else:
            body["prompt"] = prompt.text
        wanted: dict[str, Any] = {
            "temperature": sampling.temperature,
            "top_p": sampling.top_p,
            "seed": prompt.sample,
            "presence_penalty": sampling.presence_penalty or None,
            "frequency_penalty": sampling.frequency_penalty or None,
            "stop": list(sampling.stop) or None,
            **sampling.extra,
        }
        body |= {name: value for name, value in wanted.items() if value is not None and name not in changes}
        if sampling.max_tokens is not None and changes.get(LIMIT) != "":
            most = sampling.max_tokens + int(changes.get(ROOM, "0"))
            limit = changes.get("most_tokens")
            body[changes.get(LIMIT, LIMIT)] = min(most, int(limit)) if limit else most
        if prompt.schema and prompt.is_chat:
            body |= schema_fields(changes.get(SCHEMA, SCHEMA_FORMS[0]), prompt)
        return body

    def next_change(
        self, prompt: Prompt, sent: Mapping[str, Any], error: ServerError, trial: Mapping[str, str]
    ) -> dict[str, str] | None:
        """What to change so that the server may accept a request that it has just refused; None if nothing helps.

        Args:
            prompt: the prompt.
            sent: the body of the refused request.
            error: what the server reported.
            trial: the changes for this request so far.
        """
        schema_form = {**self.changes, **trial}.get(SCHEMA, SCHEMA_FORMS[0])
        has_schema = bool(prompt.schema) and prompt.is_chat and bool(schema_form)
        if error.status in REFUSALS and not (
            error.status == 404 and error.code in ("model_not_found", "not_found_error")
        ):
            if CONTEXT.search(error.message) and error.param != SCHEMA:
                return None
            name = _refused_field(sent, error)
            if name == SCHEMA:
                return _next_schema(schema_form, error)
            if name is not None:
                return _change_of(name, sent, error)
            is_about_model = error.status in (404, 405) and not re.search(r"param|schema|format", error.message)
            is_about_model = is_about_model or NO_MODEL.search(error.message) is not None
            return (
                _next_schema(schema_form, error)
                if has_schema and not self.has_proven_schema and not is_about_model
                else None
            )
        if (
            error.status in (500, 501)
            and not error.is_malformed
            and has_schema
            and not self.has_proven_schema
            and self._blind < MOST_BLIND
        ):
            return _next_schema(schema_form, error)
        return None

    def adopt(self, trial: Mapping[str, str], reasons: Mapping[str, str]) -> list[RequestAdapted]:
        """Keep changes from now on, and return the new ones, to be recorded."""
        self._blind = 0
        new = {name: change for name, change in trial.items() if self.changes.get(name) != change}
        self.changes |= new
        return [RequestAdapted(self.server, self.model, name, change, reasons[name]) for name, change in new.items()]

    def note_failure(self) -> None:
        """Count a request that failed in every form that was tried."""
        self._blind += 1

    def make_room(self, prompt: Prompt, reply: Reply, hidden: int) -> list[RequestAdapted]:
        """Raise the limit of later replies if this one shows that the model thinks before it answers.

        Args:
            prompt: the prompt.
            reply: the reply.
            hidden: its tokens that the server counts as thoughts.
        """
        is_hidden = reply.is_cut and not reply.is_filtered and not reply.text.strip()  # all of it was a thought
        thought = reply.thought or _MARKERS.sub("", split_thought(reply.text).thought)
        thinks = is_hidden or bool(thought.strip()) or hidden > 0
        if self.has_fixed_room or not thinks or prompt.sampling.max_tokens is None:
            return []
        room = max(self.room, FIRST_ROOM)
        if reply.is_cut and self.room and reply.completion_tokens >= prompt.sampling.max_tokens + self.room:
            room = min(MOST_ROOM, 2 * self.room)
        return self.adopt({ROOM: str(room)}, {ROOM: "the model thinks before it answers"}) if room != self.room else []


class RequestForms:
    """The forms of all servers and models of an engine.

    Args:
        known: the changes that earlier sessions found.
        thinking_tokens: tokens for thoughts from the first request on; None to determine the number.

    Attributes:
        on_adapted: called with each new change, once; it warns if nothing else is set.
    """

    def __init__(self, known: Iterable[RequestAdapted] = (), thinking_tokens: int | None = None) -> None:
        self.on_adapted: Callable[[RequestAdapted], object] = warn_of
        self._forms: dict[tuple[str, str], RequestForm] = {}
        self._room = thinking_tokens
        for event in known:
            if _is_usable(event) and (event.field != ROOM or thinking_tokens is None):
                self.of(event.server, event.model).changes[event.field] = event.change

    def of(self, server: str, model: str) -> RequestForm:
        """The form of requests to a server for a model."""
        if (server, model) not in self._forms:
            changes = {} if self._room is None else {ROOM: str(self._room)}
            self._forms[server, model] = RequestForm(server, model, changes, self._room is not None)
        return self._forms[server, model]

    def room(self, model: str) -> int:
        """The most tokens for thoughts in requests to any server."""
        return max((form.room for (_, name), form in self._forms.items() if name == model), default=self._room or 0)

    def report(self, events: Iterable[RequestAdapted]) -> None:
        """Pass new changes on."""
        for event in events:
            self.on_adapted(event)


def in_words(event: RequestAdapted) -> str:
    """One sentence about a change, for people."""
    where = f"{event.server} ({event.model})"
    reason = event.reason if len(event.reason) <= LONGEST_REASON else f"{event.reason[:LONGEST_REASON]} ..."
    reported = f": {reason}" if reason else ""
    if event.field == ROOM:
        return (
            f"{where}: {event.reason}; replies may be {event.change} tokens longer than the recipe says, for thoughts."
        )
    if event.field == "most_tokens":
        return f"{where} accepts at most {event.change} tokens for a reply{reported}."
    if event.field == SCHEMA:
        how = (
            f"requested in another way ({event.change})"
            if event.change
            else "no longer requested; replies are read without it"
        )
        return f"{where} refuses the JSON schema as it was sent; it is {how}{reported}."
    if event.change:
        return f"{where} refuses the field {event.field}; {event.change} is sent in its place{reported}."
    return f"{where} refuses the field {event.field}; it is left out from now on{reported}."


def warn_of(event: RequestAdapted) -> None:
    """Warn once about the form of requests from now on."""
    warnings.warn(visible(in_words(event)), stacklevel=2)


def _is_usable(event: RequestAdapted) -> bool:
    """Whether a recorded change can be applied: journals may come from anywhere."""
    if event.field in (ROOM, "most_tokens"):
        return (
            event.change.isascii() and event.change.isdecimal() and int(event.change[:9]) > 0 and len(event.change) < 8
        )
    if event.field == SCHEMA:
        return event.change in SCHEMA_FORMS
    if event.field == LIMIT:
        return event.change in ("", NEWER_LIMIT)
    return event.change == "" and event.field not in ("model", "messages", "prompt")


def schema_fields(form: str, prompt: Prompt) -> dict[str, Any]:
    """The fields of a request body that ask for a JSON schema in one of `SCHEMA_FORMS`."""
    if not form:
        return {}
    schema = orjson.loads(prompt.schema)
    if form == "json_schema":
        named = {"name": re.sub(r"\W", "_", prompt.stage), "strict": True, "schema": schema}
        return {SCHEMA: {"type": "json_schema", "json_schema": named}}
    if form == "guided_json":
        return {"guided_json": schema}
    return {SCHEMA: {"type": "json_object"} | ({"schema": schema} if form != "json_object" else {})}


def _next_schema(form: str, error: ServerError) -> dict[str, str] | None:
    if not form:
        return None
    reported = f"{error.message} {error.param}"
    is_whole = re.search(r"\bresponse_?format\b", reported, re.IGNORECASE) and not re.search(
        r"json|schema|type", reported, re.IGNORECASE
    )
    if is_whole and form != "guided_json":
        return {SCHEMA: "guided_json"}  # the field itself is unknown, whatever is in it
    return {SCHEMA: SCHEMA_FORMS[SCHEMA_FORMS.index(form) + 1]}


def _refused_field(sent: Mapping[str, Any], error: ServerError) -> str | None:
    """The field of a request that an error is about, by the name that `changes` has for it."""
    own = [name for name in sent if name not in ("model", "messages", "prompt")]
    steps = re.split(r"[.\[\]/]+", error.param)
    for step in steps:
        if (name := _field_named(step, own)) is not None:
            return name
    found: list[tuple[int, str]] = []
    message = _EXPECTED.split(error.message, maxsplit=1)[0]
    for name in own:
        for spelling in _OTHER_NAMES.get(name, (name,)):
            if spelling in message and (match := re.search(rf"(?<![\w-]){re.escape(spelling)}(?![\w-])", message)):
                is_plain = name in _PLAIN_WORDS and spelling == name
                around = message[max(0, match.start() - 1) : match.end() + 1]
                if not is_plain or _OF_A_FIELD.search(message) or around[0] in "'\"`":
                    found.append((match.start(), name))
                break
    names = [name for _, name in sorted(found)]
    if "temperature" in names and "top_p" in names:
        return "top_p"
    name = names[0] if names else None
    return SCHEMA if name == "guided_json" else LIMIT if name == NEWER_LIMIT else name


def _field_named(step: str, own: list[str]) -> str | None:
    for name in own:
        if step and step in _OTHER_NAMES.get(name, (name,)):
            return SCHEMA if name == "guided_json" else LIMIT if name == NEWER_LIMIT else name
    return None


def _change_of(name: str, sent: Mapping[str, Any], error: ServerError) -> dict[str, str] | None:
    if name != LIMIT:
        return {name: ""}
    sent_limit = next((sent[limit] for limit in (NEWER_LIMIT, LIMIT) if limit in sent), 0)
    if LIMIT in sent and NEWER_LIMIT in error.message:
        return {LIMIT: NEWER_LIMIT}
    if _TOO_LARGE.search(error.message):
        smaller = [
            int(n)
            for n in re.findall(r"(?<![\d.])\d{1,7}(?![\d.]\d)", error.message.replace(",", ""))
            if 0 < int(n) < sent_limit
        ]
        return {"most_tokens": str(max(smaller))} if smaller else None
    if _UNKNOWN.search(error.message) or "not support" in error.message or error.code.startswith("unsupported"):
        return {LIMIT: NEWER_LIMIT if LIMIT in sent else ""}
    return None
