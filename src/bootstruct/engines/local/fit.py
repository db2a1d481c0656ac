"""How many rows fit into memory at once: better fewer rows than a machine that swaps or kills."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from bootstruct.engines.local.decode import Asked

SHARE = 0.6  # of the free memory that a batch may take
AT_LEAST = 256 * 1024 * 1024  # bytes, where free memory cannot be told


@dataclass(frozen=True, slots=True)
class Sizes:
    """Bytes: of keys and values for a token, of what is held while a prompt's token is read, and of one row's logits."""

    kept: int
    passing: int
    logits: int
    device: Any


def sizes_of(model: Any) -> Sizes:
    """From the model's configuration; names differ between families, so what is missing is taken as large."""
    config = model.config.get_text_config()
    heads = getattr(config, "num_attention_heads", 0) or 16
    hidden = getattr(config, "hidden_size", 0) or 4096
    width = getattr(config, "head_dim", 0) or hidden // heads
    layers = getattr(config, "num_hidden_layers", 0) or 32
    inner = getattr(config, "intermediate_size", 0) or 4 * hidden
    groups = getattr(config, "num_key_value_heads", 0) or heads
    number = next(model.parameters()).dtype.itemsize
    vocabulary = int(getattr(config, "vocab_size", 0) or 50_000)
    return Sizes(2 * layers * groups * width * number, (8 * hidden + 3 * inner) * number, 40 * vocabulary, model.device)


def free_bytes(device: Any) -> int:
    """Free memory of the device, as far as the system tells."""
    if device.type == "cuda":
        import torch

        return int(torch.cuda.mem_get_info(device)[0])
    try:
        with open("/proc/meminfo", encoding="ascii") as file:
            table = dict(line.split(":", 1) for line in file)
        return int(table["MemAvailable"].split()[0]) * 1024
    except (OSError, KeyError, ValueError):
        return 4 * AT_LEAST


def in_portions(asked: Sequence[Asked], known: int, sizes: Sizes) -> Iterator[list[int]]:
    """Indices of the asked, in portions that fit, longest first. known: tokens of the prefix they share."""
    order = sorted(range(len(asked)), key=lambda n: -len(asked[n].prompt))
    limit = max(AT_LEAST, int(SHARE * free_bytes(sizes.device)))
    portion: list[int] = []
    longest = room = 0
    for n in order:
        longest = max(longest, len(asked[n].prompt))  # the first of a portion: they come longest first
        room = max(room, asked[n].room)
        new = longest - known
        row = (longest + room) * sizes.kept + new * sizes.passing + 5 * new * longest + sizes.logits
        if portion and (len(portion) + 1) * row > limit:
            yield portion
            portion, longest, room = [], len(asked[n].prompt), asked[n].room
        portion.append(n)
    if portion:
        yield portion
