"""What a model on this machine supports, found by loading it and generating a few short replies."""

import asyncio
import time
from collections.abc import Callable
from functools import partial

from bootstruct.diagnosis.server import ProbeResult
from bootstruct.engines.local import GenerationResult, LocalModel
from bootstruct.engines.local.load import POCKET, load
from bootstruct.engines.local.schema_constraints import why_not_held
from bootstruct.engines.local.tokenization import NO_LIMIT, Tokenization
from bootstruct.errors import BootstructError
from bootstruct.stages.schemas import TASK_TYPE
from bootstruct.types import Message, Prompt, Reply, Sampling

PAPER_PROMPT = 1500  # tokens that recipe paper needs: prompt and reply
MEASURED = 32  # tokens of the reply whose speed is measured
ROWS = 8  # replies at once, as in a run


async def probe_local_model(engine: str, name: str) -> list[ProbeResult]:
    """Load a model and probe it. Blocking work is done in a thread.

    Args:
        engine: `hf` or `pocket`.
        name: a folder, a GGUF file, or a name on the hub.

    Raises:
        InputError: packages are missing, or no model is there.
        EngineUnavailableError: the model cannot be loaded.
    """
    return await asyncio.to_thread(_probe, engine, name)


def _probe(engine: str, name: str) -> list[ProbeResult]:
    began = time.perf_counter()
    model = load(name or POCKET, is_pocket=engine == POCKET)
    seconds = time.perf_counter() - began
    results = [ProbeResult("model", "yes", f"loaded in {seconds:.0f} s")]
    tokenization: Tokenization = model.tokenization
    probes: tuple[tuple[str, Callable[[], ProbeResult]], ...] = (
        ("chat", partial(_chat, model, tokenization)),
        ("text completion", partial(_text_completion, model)),
        ("context length", partial(_context_length, tokenization)),
        ("JSON schema", partial(_json_schema, model, tokenization)),
        ("tokens/s", partial(_speed, model)),
    )
    for feature, probe in probes:
        try:
            results.append(probe())
        except BootstructError as exc:
            results.append(ProbeResult(feature, "failed", str(exc)))
    return results


def _never() -> bool:
    return False


def _text(result: GenerationResult) -> str:
    """The text of a reply. Raises the error that came instead."""
    if not isinstance(result, Reply):
        raise result
    return result.text


def _chat(model: LocalModel, tokenization: Tokenization) -> ProbeResult:
    if not tokenization.has_chat_template:
        return ProbeResult("chat", "no", "it has no chat template: use recipe paper")
    prompt = Prompt("probe", "probe", Sampling(max_tokens=8), 0, messages=(Message("user", "Say hello."),))
    text = _text(model.generate([prompt], _never)[0])
    if text.strip():
        return ProbeResult("chat", "yes", "it has a chat template: recipe chat works")
    return ProbeResult("chat", "unclear", "it has a chat template, but its reply to a greeting is empty")


def _text_completion(model: LocalModel) -> ProbeResult:
    prompt = Prompt("probe", "probe", Sampling(max_tokens=8), 0, text="One, two, three,")
    if _text(model.generate([prompt], _never)[0]).strip():
        return ProbeResult("text completion", "yes", "recipe paper works")
    return ProbeResult("text completion", "unclear", "its continuation of a text is empty")


def _context_length(tokenization: Tokenization) -> ProbeResult:
    context = tokenization.context
    if context >= NO_LIMIT:
        return ProbeResult("context length", "yes", "the model names no limit")
    needed = f"recipe paper needs about {PAPER_PROMPT:,}"
    return ProbeResult("context length", "yes" if context >= PAPER_PROMPT else "no", f"{context:,} tokens; {needed}")


def _json_schema(model: LocalModel, tokenization: Tokenization) -> ProbeResult:
    """Ask for prose under a schema whose replies are short."""
    reason = why_not_held()
    if reason:
        return ProbeResult("JSON schema", "no", f"replies are parsed without a constraint: {reason}")
    story = "Tell me a story about the sea."
    sampling = Sampling(max_tokens=60)
    if tokenization.has_chat_template:
        prompt = Prompt("probe", "probe", sampling, 0, messages=(Message("user", story),), schema=TASK_TYPE)
    else:
        prompt = Prompt("probe", "probe", sampling, 0, text=story, schema=TASK_TYPE)
    text = _text(model.generate([prompt], _never)[0])
    if text.lstrip().startswith("{") and '"is_classification"' in text:
        return ProbeResult("JSON schema", "yes", "replies follow the schema")
    return ProbeResult("JSON schema", "no", "its tokenizer is not supported: replies are parsed without a constraint")


def _speed(model: LocalModel) -> ProbeResult:
    """Generate several replies at once, as a run does, after the first ones have warmed the model up."""
    sampling = Sampling(temperature=1.0, max_tokens=MEASURED)
    prompts = [Prompt("probe", "probe", sampling, n, text="Once upon a time") for n in range(ROWS)]
    began = time.perf_counter()
    replies = [result for result in model.generate(prompts, _never) if isinstance(result, Reply)]
    seconds = max(time.perf_counter() - began, 1e-6)
    tokens = sum(reply.completion_tokens for reply in replies)
    return ProbeResult("tokens/s", "yes" if tokens else "no", f"{tokens / seconds:,.0f}, with {ROWS} replies at once")
