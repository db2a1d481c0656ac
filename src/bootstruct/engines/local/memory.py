"""How many rows fit into memory at once: a smaller batch is better than a machine that swaps or runs out of memory."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from bootstruct.engines.local.token_loop import DecodeRequest

SHARE = 0.6  # share of the free memory that a batch may take
AT_LEAST = 256 * 1024 * 1024  # bytes that a batch may take, whatever is free


@dataclass(frozen=True, slots=True)
class MemorySizes:
    """The memory that a model needs, in bytes.

    Attributes:
        cache: keys and values of one token.
        activations: the memory while one token of a prompt is read.
        logits: of one row.
        device: where the model is.
    """

    cache: int
    activations: int
    logits: int
    device: Any


def sizes_of(model: Any) -> MemorySizes:
    """The sizes by the model's configuration; names differ between families, so missing values count as large."""
    config = model.config.get_text_config()
    heads = getattr(config, "num_attention_heads", 0) or 16
    hidden = getattr(config, "hidden_size", 0) or 4096
    width = getattr(config, "head_dim", 0) or hidden // heads
    layers = getattr(config, "num_hidden_layers", 0) or 32
    inner = getattr(config, "intermediate_size", 0) or 4 * hidden
    groups = getattr(config, "num_key_value_heads", 0) or heads
    number = next(model.parameters()).dtype.itemsize
    vocabulary = int(getattr(config, "vocab_size", 0) or 50_000)
    return MemorySizes(
        2 * layers * groups * width * number, (8 * hidden + 3 * inner) * number, 40 * vocabulary, model.device
    )


def free_bytes(device: Any) -> int:
    """Free memory of the device, as far as the system reports it."""
    if device.type == "cuda":
        import torch

        return int(torch.cuda.mem_get_info(device)[0])
    try:
        with open("/proc/meminfo", encoding="ascii") as file:
            table = dict(line.split(":", 1) for line in file)
        return int(table["MemAvailable"].split()[0]) * 1024
    except (OSError, KeyError, ValueError):
        return 4 * AT_LEAST


def in_portions(requests: Sequence[DecodeRequest], known: int, sizes: MemorySizes) -> Iterator[list[int]]:
    """Indices of the requests in portions that fit into memory, longest first. known: tokens of their shared prefix."""
    order = sorted(range(len(requests)), key=lambda n: -len(requests[n].prompt))
    limit = max(AT_LEAST, int(SHARE * free_bytes(sizes.device)))
    portion: list[int] = []
    longest = max_tokens = 0
    for n in order:
        longest = max(longest, len(requests[n].prompt))  # the first of a portion, as they come longest first
        max_tokens = max(max_tokens, requests[n].max_tokens)
        new = longest - known
        row = (longest + max_tokens) * sizes.cache + new * sizes.activations + 5 * new * longest + sizes.logits
        if portion and (len(portion) + 1) * row > limit:
            yield portion
            portion, longest, max_tokens = [], len(requests[n].prompt), requests[n].max_tokens
        portion.append(n)
    if portion:
        yield portion
