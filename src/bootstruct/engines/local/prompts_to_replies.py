"""From prompts to replies, for all models on this machine: tokenization, limits, and batches that fit into memory."""

from collections.abc import Callable, Sequence
from typing import Any

from bootstruct.engines.local import GenerationResult
from bootstruct.engines.local.schema_constraints import SchemaConstraints
from bootstruct.engines.local.token_loop import ANCHOR, DecodeRequest, DecodeSettings, DecodingRow
from bootstruct.engines.local.tokenization import Tokenization
from bootstruct.errors import EngineUnavailableError
from bootstruct.types import Prompt, Reply

Generate = Callable[[list[DecodeRequest]], list[DecodingRow]]


def decode_settings(model: Any, tokenization: Tokenization) -> DecodeSettings:
    """Return how a model's replies are decoded; close choices are made again only if its numbers have 32 bits or more."""
    schemas = SchemaConstraints(tokenization.tokenizer, tokenization.ends, tokenization.name)
    is_exact = next(model.parameters()).dtype.itemsize >= 4
    return DecodeSettings(tokenization.text, tokenization.ends, is_exact, schemas)


def reply_to_all(prompts: Sequence[Prompt], tokenization: Tokenization, generate: Generate) -> list[GenerationResult]:
    """One result for each prompt, in order: a reply, or RequestRejectedError if the prompt exceeds the context.

    Args:
        prompts: for one model.
        tokenization: of the model.
        generate: computes the replies to all prompts that fit into the context.
    """
    results: list[GenerationResult | None] = []
    requests: list[DecodeRequest] = []
    for prompt in prompts:
        tokens = tokenization.tokens(prompt)
        results.append(tokenization.rejection(tokens))
        if results[-1] is None:
            sampling = prompt.sampling.filled()
            most = sampling.most_tokens
            max_tokens = most if tokenization.is_encoder else min(most, tokenization.context - len(tokens))
            before = () if tokenization.is_encoder else tuple(tokens[-ANCHOR:])
            requests.append(DecodeRequest(tokens, sampling, prompt.sample, max_tokens, before, prompt.schema))
    decoded = iter(zip(requests, generate(requests) if requests else [], strict=True))
    return [
        _reply(*next(decoded), prompt.model) if result is None else result
        for prompt, result in zip(prompts, results, strict=True)
    ]


def _reply(request: DecodeRequest, decoded: DecodingRow, model: str) -> Reply:
    return Reply(decoded.text, decoded.finish, len(request.prompt), len(decoded.tokens), model)


def in_halves(requests: list[DecodeRequest], generate: Generate) -> list[DecodingRow]:
    """Generate all replies at once, or in halves if memory is short; no reply depends on its batch."""
    import torch

    try:
        return generate(requests)
    except (torch.OutOfMemoryError, MemoryError):
        if len(requests) == 1:
            raise EngineUnavailableError(
                f"There is not enough memory for one prompt of {len(requests[0].prompt)} tokens: use a smaller model, or "
                "lower max_tokens in the recipe."
            ) from None
    half = len(requests) // 2
    return [*in_halves(requests[:half], generate), *in_halves(requests[half:], generate)]
