"""What a server supports, found by sending requests.

Servers accept fields and ignore them. Each probe therefore asks for something whose effect shows in the reply.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Literal

import orjson

from bootstruct.config.addresses import shown_address
from bootstruct.config.machine import DEFAULT_URL, read_machine
from bootstruct.engines.build import open_servers
from bootstruct.engines.openai import OpenAIEngine
from bootstruct.engines.request_form import MOST_STEPS, ROOM, SCHEMA_FORMS, in_words, schema_fields
from bootstruct.engines.response import parsed, read_response, read_value, reasoning_tokens
from bootstruct.errors import (
    BootstructError,
    EngineUnavailableError,
    InputError,
    RequestRejectedError,
    TransientError,
)
from bootstruct.journal.events import RequestAdapted
from bootstruct.run.init import split_model
from bootstruct.stages.parsing.thoughts import split_thought
from bootstruct.types import Message, Prompt, Reply, Sampling

Json = dict[str, Any]
Outcome = Literal["yes", "no", "ignored", "refused", "unclear", "failed"]

COUNTING = "Count from 1 to 30, separated by single spaces: 1 2 3"
BASE = Sampling(max_tokens=40)
LONG_PROMPT = 4200  # words, each of which is a token at least
SCHEMA = {
    "type": "object",
    "properties": {"n": {"type": "integer"}},
    "required": ["n"],
    "additionalProperties": False,
}
STORY = "Invent a name for a ship and answer with the name only."


@dataclass(frozen=True, slots=True)
class ProbeResult:
    """How a server treats one feature.

    Attributes:
        feature: its name, such as `stop strings`.
        outcome: whether it works: `yes`, `no`, `ignored` (accepted without effect), `refused` (an error), `unclear`, or
            `failed` (no reply).
        note: what that means for a run.
    """

    feature: str
    outcome: Outcome
    note: str


class ProbeClient:
    """Requests to a server, in the form that it accepts; responses are (HTTP status, JSON body).

    Attributes:
        adaptations: what the server refused, and what was sent instead.
        thoughts: how replies showed that the model thinks before it answers.
    """

    def __init__(self, engine: OpenAIEngine, model: str) -> None:
        self.engine, self.model = engine, model
        self.adaptations: list[RequestAdapted] = []
        self.thoughts: list[str] = []
        engine.forms.on_adapted = self.adaptations.append

    async def chat(self, content: str, **more: Any) -> tuple[int, Json]:
        """Ask by chat."""
        return await self._post(Prompt("probe", self.model, BASE, 0, messages=(Message("user", content),)), more)

    async def text(self, prompt: str | list[str], **more: Any) -> tuple[int, Json]:
        """Ask by text completion."""
        more |= {"prompt": prompt} if isinstance(prompt, list) else {}
        return await self._post(Prompt("probe", self.model, BASE, 0, text=str(prompt)), more)

    async def ask(self, content: str, **more: Any) -> tuple[int, Json]:
        """Ask by chat, or by text completion if the server does not support chat."""
        status, body = await self.chat(content, **more)
        return (status, body) if status == 200 else await self.text(content, **more)

    async def _post(self, prompt: Prompt, more: Json) -> tuple[int, Json]:
        """Send a request with the tested fields; other fields that the server refuses are left out."""
        form, trial, reasons = self.engine.forms.of(self.engine.where, self.model), dict[str, str](), dict[str, str]()
        while True:
            body = form.body(prompt, trial) | more
            if "max_tokens" in more and (limit := {**form.changes, **trial}.get("max_tokens")):
                body[limit] = body.pop("max_tokens")
            status, _, content = await self.engine.post("/chat/completions" if prompt.is_chat else "/completions", body)
            response = read_response(status, content, prompt)
            if isinstance(response, Reply):
                self.engine.forms.report(form.adopt(trial, reasons))
                self.engine.forms.report(form.make_room(prompt, response, reasoning_tokens(content)))
                self.thoughts += filter(None, [_way_of_thinking(response, content)])
                return 200, _normal(content, prompt, response)
            change = form.next_change(prompt, body, response, trial) if len(reasons) < MOST_STEPS else None
            if change is None or any(name in more for name in change):
                if response.is_malformed:
                    raise TransientError(0, response.message, is_malformed=True)
                return response.status, {"choices": [], "usage": {}, "error": response.message}
            trial |= change
            reasons |= dict.fromkeys(change, response.message)


def _normal(content: bytes, prompt: Prompt, reply: Reply) -> Json:
    """A response in one shape, however the server wrote it: all its choices, with their texts, and its token usage."""
    body = parsed(content)
    choices = body.get("choices") if isinstance(body, dict) else None
    kept = []
    for choice in choices if isinstance(choices, list) else ():
        read = read_value({"choices": [choice]}, prompt)
        if isinstance(choice, dict) and isinstance(read, Reply):
            kept.append(
                {**choice, "message": {"content": split_thought(read.text).answer}, "finish_reason": read.finish}
            )
    kept = kept or [{"message": {"content": split_thought(reply.text).answer}, "finish_reason": reply.finish}]
    counts = {"prompt_tokens": reply.prompt_tokens, "completion_tokens": reply.completion_tokens}
    return {"choices": kept, "usage": {name: count for name, count in counts.items() if count}}


def _way_of_thinking(reply: Reply, content: bytes) -> str:
    """How a reply shows that the model thinks before it answers; empty if it does not."""
    if reply.thought:
        return "in a field of its own"
    if split_thought(reply.text).thought:
        return "in the text of the reply"
    return "hidden, but counted" if reasoning_tokens(content) else ""


def choice_texts(body: Json) -> list[str]:
    """Return the texts of all choices in a response."""
    texts = []
    for choice in body["choices"]:
        text = choice["message"].get("content") if "message" in choice else choice.get("text")
        texts.append(text if isinstance(text, str) else "")
    return texts


async def probe_chat(server: ProbeClient) -> ProbeResult:
    """Ask by chat."""
    status, body = await server.chat("Say hello.")
    works = status == 200 and any(choice_texts(body))
    return ProbeResult(
        "chat", "yes" if works else "no", "recipe chat works" if works else f"HTTP status {status}: use recipe paper"
    )


async def probe_text_completion(server: ProbeClient) -> ProbeResult:
    """Ask for a continuation."""
    status, body = await server.text("One, two, three,")
    works = status == 200 and any(choice_texts(body))
    return ProbeResult(
        "text completion",
        "yes" if works else "no",
        "recipe paper works" if works else f"HTTP status {status}: use recipe chat",
    )


async def probe_token_usage(server: ProbeClient) -> ProbeResult:
    """Look for token counts in a reply."""
    usage = (await server.ask("Say hello."))[1]["usage"]
    if usage.get("prompt_tokens") and usage.get("completion_tokens"):
        return ProbeResult("token usage", "yes", "budgets in tokens and money are exact")
    return ProbeResult("token usage", "no", "budgets count each request at its upper bound")


async def probe_stop_strings(server: ProbeClient) -> ProbeResult:
    """Ask for a list of numbers and stop it at 9."""
    status, body = await server.ask(COUNTING, stop=[" 9"])
    text = "".join(choice_texts(body))
    if status != 200:
        return ProbeResult("stop strings", "refused", f"HTTP status {status}")
    if " 9" not in text and any(f" {n}" in text for n in (5, 6, 7, 8)):
        return ProbeResult("stop strings", "yes", "replies end at the stop string")
    if text.rstrip().endswith("9"):
        return ProbeResult("stop strings", "yes", "replies include the stop string; bootstruct removes it")
    ignored = "10" in text
    note = (
        "replies run on and are paid for; bootstruct cuts the text"
        if ignored
        else "the model did not count; try a larger one"
    )
    return ProbeResult("stop strings", "ignored" if ignored else "unclear", note)


async def probe_max_tokens(server: ProbeClient) -> ProbeResult:
    """Ask for more than 5 tokens with a limit of 5."""
    status, body = await server.ask(COUNTING, max_tokens=5)
    finish = next((choice.get("finish_reason") for choice in body["choices"]), None)
    used = body["usage"].get("completion_tokens")
    if status == 200 and finish == "length" and (not isinstance(used, int) or used <= 6):
        return ProbeResult("max_tokens", "yes", "cut replies are marked `length`")
    return ProbeResult(
        "max_tokens", "unclear" if status == 200 else "refused", f"status {status}, finish {finish}, {used} tokens"
    )


async def probe_temperature(server: ProbeClient) -> ProbeResult:
    """Ask four times at a high temperature; replies must differ."""
    replies = {"".join(choice_texts((await server.ask(STORY, temperature=1.5, seed=n))[1])) for n in range(4)}
    if len(replies) > 1:
        return ProbeResult("temperature", "yes", "replies vary")
    if replies == {""}:
        return ProbeResult("temperature", "unclear", "no reply had any text")
    return ProbeResult(
        "temperature", "ignored", "all replies are equal: the server decodes greedily, so instructions will repeat"
    )


async def probe_seed(server: ProbeClient) -> ProbeResult:
    """Ask three times at once with one seed; replies must be equal."""
    requests = [server.ask(STORY, temperature=1.0, seed=7) for _ in range(3)]
    replies = [(status, "".join(choice_texts(body))) for status, body in await asyncio.gather(*requests)]
    if any(status != 200 for status, _ in replies):
        return ProbeResult("seed", "refused", f"HTTP status {replies[0][0]}")
    if not any(text for _, text in replies):
        return ProbeResult("seed", "unclear", "no reply had any text")
    if len({text for _, text in replies}) == 1:
        return ProbeResult("seed", "yes", "equal seeds give equal replies, also at the same time")
    return ProbeResult("seed", "ignored", "a run is reproduced from its journal, not by the server")


async def probe_n(server: ProbeClient) -> ProbeResult:
    """Ask for two samples in one request."""
    status, body = await server.ask(STORY, n=2, temperature=1.0)
    if status == 200 and len(choice_texts(body)) == 2:
        return ProbeResult("n", "yes", "several samples per request")
    return ProbeResult("n", "ignored" if status == 200 else "refused", "one request per sample")


async def probe_logprobs(server: ProbeClient) -> ProbeResult:
    """Ask for log probabilities."""
    status, body = await server.ask("Say hello.", logprobs=True)
    found = any(choice.get("logprobs") for choice in body["choices"])
    return ProbeResult(
        "logprobs", "yes" if found else "ignored" if status == 200 else "refused", "not needed by any recipe"
    )


async def probe_json_schema(server: ProbeClient) -> ProbeResult:
    """Ask for prose under a JSON schema, in every way that servers know; the reply must be the object."""
    outcomes: dict[str, str] = {}
    for way in SCHEMA_FORMS[:-1]:
        prompt = Prompt(
            "probe", server.model, BASE, 0, messages=(Message("user", "x"),), schema=orjson.dumps(SCHEMA).decode()
        )
        fields = schema_fields(way, prompt)
        status, body = await server.chat("Tell me a story about the sea, as a JSON object.", **fields)
        if status != 200:
            outcomes[way] = f"refused with status {status}"
            continue
        try:
            obeys = isinstance(orjson.loads("".join(choice_texts(body)))["n"], int)
        except (ValueError, KeyError, TypeError):
            obeys = False
        outcomes[way] = "obeyed" if obeys else "ignored"
        if obeys:
            break
    note = ", ".join(f"{way} {outcome}" for way, outcome in outcomes.items())
    if "obeyed" in outcomes.values():
        return ProbeResult("JSON schema", "yes", f"replies follow the schema ({note})")
    if "ignored" in outcomes.values():
        return ProbeResult("JSON schema", "ignored", f"replies are parsed without a schema ({note})")
    return ProbeResult("JSON schema", "refused", f"requests are sent without it, replies parsed as text ({note})")


async def probe_prompt_list(server: ProbeClient) -> ProbeResult:
    """Send two prompts in one request."""
    status, body = await server.text(["One, two,", "A, B,"])
    works = status == 200 and len(choice_texts(body)) == 2
    return ProbeResult(
        "list of prompts",
        "yes" if works else "refused" if status != 200 else "ignored",
        "one request per prompt is used",
    )


async def probe_context_length(server: ProbeClient) -> ProbeResult:
    """Send a prompt of at least 4,200 tokens, and compare with what the server counted."""
    status, body = await server.ask("word " * LONG_PROMPT, max_tokens=1)
    counted = body["usage"].get("prompt_tokens")
    if status != 200:
        return ProbeResult("context length", "no", "4,200 tokens do not fit; recipe paper needs about 1,500")
    if counted and counted < LONG_PROMPT:
        return ProbeResult(
            "context length",
            "no",
            f"the prompt was cut silently: {counted:,} of more than {LONG_PROMPT:,} tokens were read",
        )
    return ProbeResult("context length", "yes", "a prompt of about 4,200 tokens fits")


async def probe_thinking(server: ProbeClient) -> ProbeResult:
    """Ask something that needs a thought; thoughts in the other replies count as well."""
    await server.chat("How many letters are in the word `seventeen`? Answer with the number only.", max_tokens=200)
    if not server.thoughts:
        return ProbeResult("thinking", "no", "replies are answers only")
    how = max(set(server.thoughts), key=server.thoughts.count)
    room = server.engine.forms.room(server.model)
    return ProbeResult(
        "thinking", "yes", f"the model thinks before it answers ({how}); replies get {room:,} tokens more for it"
    )


PROBES: tuple[tuple[str, Callable[[ProbeClient], Awaitable[ProbeResult]]], ...] = (
    ("chat", probe_chat),
    ("text completion", probe_text_completion),
    ("token usage", probe_token_usage),
    ("stop strings", probe_stop_strings),
    ("max_tokens", probe_max_tokens),
    ("temperature", probe_temperature),
    ("seed", probe_seed),
    ("n", probe_n),
    ("logprobs", probe_logprobs),
    ("JSON schema", probe_json_schema),
    ("list of prompts", probe_prompt_list),
    ("context length", probe_context_length),
    ("thinking", probe_thinking),
)


async def probe_model(model: str, base_url: str | None = None) -> tuple[str, list[ProbeResult]]:
    """Probe a server, and return its address and how it treats each feature.

    Args:
        model: the name of the model, as in `openai/gpt-4.1-mini`.
        base_url: the server; by default, the user's settings decide.

    Raises:
        InputError: the model is not one of a server.
        EngineUnavailableError: the server cannot be reached, needs another key, or does not know the model.
    """
    engine, name = split_model(model)
    machine = read_machine(None, base_url=(base_url,) if base_url else None, engine=engine)
    if machine.engine != "openai":
        raise InputError(
            f"engine {machine.engine!r}: only servers can be probed; name the model as openai/NAME, with --base-url."
        )
    server = open_servers(machine)[0]
    try:
        return shown_address(machine.base_url[0]) if machine.base_url else DEFAULT_URL, await probe_server(server, name)
    finally:
        await server.aclose()


async def probe_server(engine: OpenAIEngine, model: str) -> list[ProbeResult]:
    """Probe every feature of a server with about 20 short requests.

    Args:
        engine: the client of the server.
        model: the name of the model to ask.

    Raises:
        EngineUnavailableError: the server cannot be reached, needs another key, or does not know the model.
    """
    server, results = ProbeClient(engine, model), list[ProbeResult]()
    await _require_model(server, model)
    for name, run in PROBES:
        try:
            results.append(await run(server))
        except TransientError as exc:
            results.append(ProbeResult(name, "failed", str(exc)))
        except BootstructError as exc:
            results.append(ProbeResult(name, "refused", str(exc)))
    refused = [event for event in server.adaptations if event.field != ROOM]
    return results + [ProbeResult(event.field, "refused", in_words(event)) for event in refused]


async def _require_model(server: ProbeClient, model: str) -> None:
    """Raise EngineUnavailableError with the reason if the server does not answer for this model."""
    chat = Prompt("probe", model, BASE, 0, messages=(Message("user", "Say hello."),))
    text = Prompt("probe", model, BASE, 0, text="Hello,")
    try:
        await server.engine.complete(chat)
    except TransientError as exc:
        if not exc.connected:
            doubt = (
                "is this an OpenAI-compatible server" if exc.is_malformed else "is the server running at this address"
            )
            raise EngineUnavailableError(f"{exc}; {doubt}? Give its address with --base-url.") from None
    except (EngineUnavailableError, RequestRejectedError) as refusal:
        try:
            await server.engine.complete(text)
        except TransientError:
            return
        except (EngineUnavailableError, RequestRejectedError):
            raise EngineUnavailableError(str(refusal)) from None
