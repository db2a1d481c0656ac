"""Models that think before they answer, each in its own way. All thoughts hold decoys, which must not be read as the answer."""

from typing import Any

from tests.support.zoo.quirk import Ends, Same, quirk
from tests.support.zoo.server import Request, Response, as_json

MARK = "pondering the matter"
DECOYS = (
    'Yes? No. {"is_classification": true} {"tasks": ["Decoy: name a colour of the sea."]}\n1. Decoy: sort the tides.\n'
)
THOUGHT = f"Let me begin by {MARK}.\n{DECOYS}Output: decoy\n\nThat settles it."
ROOM = 420  # tokens of a thought: more than the limits of requests for task types, less than those of the others
MUCH = 1800  # tokens of a thought: more than any limit of the recipe


def inline(before: str, after: str, form: str = "") -> Any:
    """Return a behaviour that puts a thought into the text of the answer."""
    return lambda request: request.message(content=f"{before}{THOUGHT}{after}{request.text(form)}")


def thinks(name: str, behave: Any, **more: Any) -> None:
    """Register a quirk whose thought must be separated from the answer and kept in the journal."""
    quirk(name, Same(), journal=MARK, thinks=True, doctor="think|thought", **more)(behave)


thinks("reasoning_content", lambda r: r.message(reasoning_content=THOUGHT))
thinks("reasoning", lambda r: r.message(reasoning=THOUGHT))
thinks(
    "reasoning with reasoning_details",
    lambda r: r.message(reasoning=THOUGHT, reasoning_details=[{"type": "reasoning.text", "text": THOUGHT, "index": 0}]),
)
thinks(
    "reasoning_details alone",
    lambda r: r.message(reasoning_details=[{"type": "reasoning.text", "text": THOUGHT, "index": 0}]),
)
thinks("thinking field", lambda r: r.message(thinking=THOUGHT))
thinks("<think> inline", inline("<think>\n", "\n</think>\n\n"))
thinks("<think> inline, greeting and fence after it", inline("<think>\n", "\n</think>\n\n", "fenced"))
thinks("<thinking> inline", inline("<thinking>\n", "\n</thinking>\n\n"))
thinks("[THINK] inline", inline("[THINK]", "[/THINK]"))
thinks("◁think▷ inline", inline("◁think▷", "◁/think▷"))
thinks("only the closing </think>", inline("", "\n</think>\n\n"))
thinks(
    "harmony with markers",
    inline("<|channel|>analysis<|message|>", "<|end|><|start|>assistant<|channel|>final<|message|>"),
)
thinks("harmony leaked bare", inline("analysis", "assistantfinal"))
thinks(
    "thinking parts",
    lambda r: r.message(
        content=[
            {"type": "thinking", "thinking": [{"type": "text", "text": THOUGHT}]},
            {"type": "text", "text": r.text()},
        ]
    ),
)
thinks(
    "thinking parts with a plain text",
    lambda r: r.message(
        content=[{"type": "thinking", "thinking": THOUGHT, "signature": "x"}, {"type": "text", "text": r.text()}]
    ),
)
quirk("an empty <think></think>", Same())(lambda r: r.message(content=f"<think>\n\n</think>\n\n{r.text()}"))
quirk("reasoning_content empty", Same())(lambda r: r.message(reasoning_content=""))


def cut(shape: Any, needed: int = ROOM) -> Any:
    """Return the behaviour of a model whose thought takes this number of tokens, which count against the reply's limit."""

    def behave(request: Request) -> Response:
        thought = (THOUGHT + " More of it." * 800)[: 4 * needed]
        room = 4 * (request.limit - needed)
        text = request.text()
        if room <= 0:
            return as_json(
                200, request.body(shape(request, thought[: 4 * request.limit], None) | {"finish_reason": "length"})
            )
        finish = "stop" if len(text) <= room else "length"
        return as_json(200, request.body(shape(request, thought, text[:room]) | {"finish_reason": finish}))

    return behave


def apart(request: Request, thought: str, text: str | None) -> dict[str, Any]:
    return request.choice(content=text, reasoning_content=thought)


def within(request: Request, thought: str, text: str | None) -> dict[str, Any]:
    return request.choice(content=f"<think>\n{thought}" + ("" if text is None else f"\n</think>\n\n{text}"))


def prefilled(request: Request, thought: str, text: str | None) -> dict[str, Any]:
    """Return a choice for a chat template that has opened the thought already.

    The text has only the closing tag of the thought, and not even that if the reply was cut in the thought.
    """
    return request.choice(content=thought + ("" if text is None else f"\n</think>\n\n{text}"))


def hidden(request: Request, thought: str, text: str | None) -> dict[str, Any]:
    """Return a choice as GPT-5 does, which only counts its thought."""
    return request.choice(content=text or "")


ROOMY = Same(wasted=12, paid=12)
quirk("cut while thinking, thought apart", ROOMY, says="think|thought|room", journal=MARK, doctor="think|thought")(
    cut(apart)
)
quirk("cut while thinking, inside <think>", ROOMY, says="think|thought|room", journal=MARK, doctor="think|thought")(
    cut(within)
)
quirk("cut while thinking, no opening tag", ROOMY, says="think|thought|room", journal=MARK, doctor="think|thought")(
    cut(prefilled)
)
quirk("cut while thinking, thought hidden", ROOMY, says="think|thought|room")(cut(hidden))
MUCH_ROOM = Ends((0,), "think|thought|room", 120, paid=None, heals=False)
quirk("long thoughts apart, cut at first", MUCH_ROOM, journal=MARK, doctor="think|thought")(cut(apart, MUCH))
quirk("long thoughts inside <think>, cut at first", MUCH_ROOM, journal=MARK, doctor="think|thought")(cut(within, MUCH))
quirk("long thoughts hidden, cut at first", MUCH_ROOM)(cut(hidden, MUCH))
quirk(
    "always cut while thinking",
    Ends((1,), r"cut while thinking", 250, paid=None, heals=False, never="[Aa]dd seeds|bootstruct export"),
    status="cut while thinking",
)(lambda r: as_json(200, r.body(r.choice(content=None, reasoning_content=THOUGHT) | {"finish_reason": "length"})))
quirk(
    "always cut inside <think>",
    Ends((1,), r"cut while thinking", 250, paid=None, heals=False, never="[Aa]dd seeds|bootstruct export"),
    status="cut while thinking",
)(lambda r: as_json(200, r.body(r.choice(content=f"<think>\n{THOUGHT}") | {"finish_reason": "length"})))
quirk(
    "the answer itself in reasoning_content",
    Ends((1,), r"thought|thinking", 250, paid=None, heals=False, never="[Aa]dd seeds|bootstruct export"),
)(lambda r: r.message(content=None, reasoning_content=r.text()))
