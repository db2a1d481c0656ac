"""What is installed, what is missing, what to do; and what a server really does, by asking it.

Servers accept fields and ignore them. Each probe therefore asks for something whose effect can be seen in the answer.
"""

import asyncio
import importlib.metadata
import importlib.util
import platform
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Literal

import orjson

from bootstruct.domain import Message, Prompt, Sampling
from bootstruct.engines.openai import OpenAI
from bootstruct.errors import BootstructError, DoorClosed, Passing, Permanent

Json = dict[str, Any]
Outcome = Literal["yes", "no", "ignored", "refused", "unclear", "failed"]

EXTRAS = {  # extra -> the modules it brings, and what it is for
    "local": (("torch", "transformers"), "models on this machine"),
    "train": (("trl", "peft"), "finetuning"),
    "report": (("lemminflect",), "verbs and objects in the report"),
    "review": (("starlette", "uvicorn"), "the review page"),
    "parquet": (("pyarrow",), "Parquet files"),
    "ray": (("ray",), "more than one machine"),
}
COUNTING = "Count from 1 to 30, separated by single spaces: 1 2 3"
STORY = "Invent a name for a ship and answer with the name only."


@dataclass(frozen=True, slots=True)
class Part:
    """A part of this installation: there or not, and what to do."""

    name: str
    there: bool
    told: str


@dataclass(frozen=True, slots=True)
class Probe:
    """What a server does about one feature, and what that means here."""

    feature: str
    outcome: Outcome
    told: str


def parts() -> list[Part]:
    """Python, the package, and each extra."""
    found = [
        Part("python", True, platform.python_version()),
        Part("bootstruct", True, importlib.metadata.version("bootstruct")),
    ]
    for extra, (modules, purpose) in EXTRAS.items():
        missing = [name for name in modules if importlib.util.find_spec(name) is None]
        remedy = f"for {purpose}: pip install 'bootstruct[{extra}]'"
        found.append(Part(extra, not missing, purpose if not missing else remedy))
    return found


class Server:
    """Raw calls to a server, answers as JSON: (status, body)."""

    def __init__(self, engine: OpenAI, model: str) -> None:
        self.engine, self.model = engine, model

    async def chat(self, content: str, **more: Any) -> tuple[int, Json]:
        messages = [{"role": "user", "content": content}]
        return await self._post("/chat/completions", {"messages": messages, **more})

    async def text(self, prompt: str | list[str], **more: Any) -> tuple[int, Json]:
        return await self._post("/completions", {"prompt": prompt, **more})

    async def ask(self, words: str, **more: Any) -> tuple[int, Json]:
        """By chat, or by text where the server does not chat."""
        status, body = await self.chat(words, **more)
        return (status, body) if status == 200 else await self.text(words, **more)

    async def _post(self, path: str, payload: Json) -> tuple[int, Json]:
        status, _, body = await self.engine.post(
            path, {"model": self.model, "max_tokens": 40, "temperature": 0} | payload
        )
        try:
            answer = orjson.loads(body)
        except ValueError:
            answer = {}
        return status, answer if isinstance(answer, dict) else {}


def texts(body: Json) -> list[str]:
    """The texts of all choices."""
    found = []
    for choice in body.get("choices") or ():
        text = (choice.get("message") or {}).get("content") if "message" in choice else choice.get("text")
        found.append(text if isinstance(text, str) else "")
    return found


async def chats(server: Server) -> Probe:
    status, body = await server.chat("Say hello.")
    works = status == 200 and bool(texts(body))
    return Probe(
        "chat", "yes" if works else "no", "recipe chat works" if works else f"answers {status}: take recipe paper"
    )


async def continues(server: Server) -> Probe:
    status, body = await server.text("One, two, three,")
    works = status == 200 and bool(texts(body))
    return Probe(
        "text completion",
        "yes" if works else "no",
        "recipe paper works" if works else f"answers {status}: take recipe chat",
    )


async def counts_tokens(server: Server) -> Probe:
    usage = (await server.ask("Say hello."))[1].get("usage") or {}
    if usage.get("prompt_tokens") and usage.get("completion_tokens"):
        return Probe("token usage", "yes", "budgets in tokens and money are exact")
    return Probe("token usage", "no", "budgets count each call at its upper bound")


async def stops(server: Server) -> Probe:
    status, body = await server.ask(COUNTING, stop=[" 9"])
    text = "".join(texts(body))
    if status != 200:
        return Probe("stop strings", "refused", f"answers {status}")
    if " 9" not in text and any(f" {n}" in text for n in (5, 6, 7, 8)):
        return Probe("stop strings", "yes", "ends where it should")
    if text.rstrip().endswith("9"):
        return Probe("stop strings", "yes", "leaves the stop string in; bootstruct cuts it off")
    ignored = "10" in text
    told = (
        "runs on and is paid for; bootstruct cuts the text" if ignored else "the model did not count; try a larger one"
    )
    return Probe("stop strings", "ignored" if ignored else "unclear", told)


async def limits(server: Server) -> Probe:
    status, body = await server.ask(COUNTING, max_tokens=5)
    finish = next((choice.get("finish_reason") for choice in body.get("choices") or ()), None)
    used = (body.get("usage") or {}).get("completion_tokens")
    if status == 200 and finish == "length" and (used is None or used <= 6):
        return Probe("max_tokens", "yes", "cut replies are marked `length`")
    return Probe(
        "max_tokens", "unclear" if status == 200 else "refused", f"status {status}, finish {finish}, {used} tokens"
    )


async def samples(server: Server) -> Probe:
    got = {"".join(texts((await server.ask(STORY, temperature=1.5, seed=n))[1])) for n in range(4)}
    if len(got) > 1:
        return Probe("temperature", "yes", "replies vary")
    return Probe(
        "temperature", "ignored", "every reply is the same: the server decodes greedily, instructions will repeat"
    )


async def seeds(server: Server) -> Probe:
    asked = [server.ask(STORY, temperature=1.0, seed=7) for _ in range(3)]
    got = [(status, "".join(texts(body))) for status, body in await asyncio.gather(*asked)]
    if any(status != 200 for status, _ in got):
        return Probe("seed", "refused", f"answers {got[0][0]}")
    if len({text for _, text in got}) == 1:
        return Probe("seed", "yes", "the same seed gives the same reply, also side by side")
    return Probe("seed", "ignored", "a run is reproduced from its journal, not from the server")


async def several(server: Server) -> Probe:
    status, body = await server.ask(STORY, n=2, temperature=1.0)
    if status == 200 and len(texts(body)) == 2:
        return Probe("n", "yes", "several samples a call")
    return Probe("n", "ignored" if status == 200 else "refused", "one call a sample")


async def logprobs(server: Server) -> Probe:
    status, body = await server.ask("Say hello.", logprobs=True)
    found = any(choice.get("logprobs") for choice in body.get("choices") or ())
    return Probe("logprobs", "yes" if found else "ignored" if status == 200 else "refused", "not needed by any recipe")


async def schema(server: Server) -> Probe:
    wanted = {
        "type": "object",
        "properties": {"n": {"type": "integer"}},
        "required": ["n"],
        "additionalProperties": False,
    }
    form = {"type": "json_schema", "json_schema": {"name": "n", "schema": wanted, "strict": True}}
    status, body = await server.chat("Tell me a story about the sea.", response_format=form)
    if status != 200:
        return Probe("JSON schema", "refused", f"answers {status}; questions go without, replies are read as they come")
    try:
        obeys = isinstance(orjson.loads("".join(texts(body)))["n"], int)
    except (ValueError, KeyError, TypeError):
        obeys = False
    return Probe(
        "JSON schema",
        "yes" if obeys else "ignored",
        "replies are constrained" if obeys else "replies are read as they come",
    )


async def lists(server: Server) -> Probe:
    status, body = await server.text(["One, two,", "A, B,"])
    works = status == 200 and len(texts(body)) == 2
    return Probe(
        "list of prompts", "yes" if works else "refused" if status != 200 else "ignored", "one call a prompt is used"
    )


async def context(server: Server) -> Probe:
    status, _ = await server.ask("word " * 4200, max_tokens=1)
    fits = status == 200
    told = "a prompt of about 4,200 tokens fits" if fits else "4,200 tokens do not fit: recipe paper needs about 1,500"
    return Probe("context length", "yes" if fits else "no", told)


PROBES: tuple[tuple[str, Callable[[Server], Awaitable[Probe]]], ...] = (
    ("chat", chats),
    ("text completion", continues),
    ("token usage", counts_tokens),
    ("stop strings", stops),
    ("max_tokens", limits),
    ("temperature", samples),
    ("seed", seeds),
    ("n", several),
    ("logprobs", logprobs),
    ("JSON schema", schema),
    ("list of prompts", lists),
    ("context length", context),
)


async def probe(engine: OpenAI, model: str) -> list[Probe]:
    """Ask the server about every feature (about 20 short calls). Raises DoorClosed where it cannot be reached at all."""
    server, found = Server(engine, model), list[Probe]()
    await _knock(engine, model)
    for name, run in PROBES:
        try:
            found.append(await run(server))
        except Passing as exc:
            found.append(Probe(name, "failed", str(exc)))
        except BootstructError as exc:
            found.append(Probe(name, "refused", str(exc)))
    return found


async def _knock(engine: OpenAI, model: str) -> None:
    """Is anybody there who knows the model? Raises DoorClosed with the reason if not."""
    chat = Prompt("probe", model, Sampling(max_tokens=5), 0, messages=(Message("user", "Say hello."),))
    text = Prompt("probe", model, Sampling(max_tokens=5), 0, text="Hello,")
    try:
        await engine.complete(chat)
    except Passing as exc:
        if not exc.connected:
            raise DoorClosed(f"{exc}; is the server running there? Give its address with --base-url.") from None
    except (DoorClosed, Permanent) as closed:
        try:
            await engine.complete(text)
        except Passing:
            return
        except (DoorClosed, Permanent):
            raise DoorClosed(str(closed)) from None
