"""How likely outputs are for a small local model, after their prompts and alone: perplexity, and IFD from both.

IFD (instruction-following difficulty; Li et al. 2024, arXiv:2402.00530) is the perplexity of the output after its prompt
divided by that of the output alone: near 1 if the prompt does not help, above 1 if it misleads.
"""

from collections.abc import Callable, Sequence
from typing import Any, Final

import numpy as np

from bootstruct.engines.local.load import POCKET, load
from bootstruct.errors import InputError
from bootstruct.selection.rules import Floats, SelectableRow

MOST_TOKENS: Final = 1024  # of prompt and output; longer outputs are cut
BATCH: Final = 8


def perplexities(
    available: Sequence[SelectableRow], name: str, tell: Callable[[int, int], None] = lambda done, of: None
) -> tuple[Floats, Floats]:
    """The perplexity of each output after its prompt, and alone; nan if it has fewer than two tokens.

    The first token of an output is not counted in either, because nothing comes before it if the output is alone.

    Args:
        available: the rows.
        name: the model: `pocket` or `hf/FOLDER`.
        tell: called with how many rows are done, and how many there are.

    Raises:
        InputError: the name is unknown, the model is not causal, or packages are missing.
        EngineUnavailableError: it cannot be loaded.
    """
    provider, _, place = name.partition("/")
    if name != POCKET and not (provider == "hf" and place):
        raise InputError(f"--model {name}: unknown; use pocket or hf/FOLDER, a small model on this machine.")
    loaded = load(place or name, is_pocket=name == POCKET)
    tokenization = loaded.tokenization
    if tokenization.is_encoder:
        raise InputError(f"--model {name}: is an encoder-decoder model; use a causal one.")
    most = min(MOST_TOKENS, tokenization.context)

    def ids(text: str) -> list[int]:
        return list(tokenization.tokenizer(text, add_special_tokens=False)["input_ids"])

    pairs = []
    for row in available:
        prompt = "\n\n".join(part for part in (row.instruction, row.input) if part) + "\n\n"
        output = ids(row.output)[: most // 2]
        pairs.append((ids(prompt)[-(most - len(output)) :], output))
    order = sorted(range(len(pairs)), key=lambda number: len(pairs[number][0]) + len(pairs[number][1]))
    after, alone = np.full(len(pairs), np.nan), np.full(len(pairs), np.nan)
    for start in range(0, len(order), BATCH):
        batch = order[start : start + BATCH]
        given = [(pairs[number][0], pairs[number][1]) for number in batch]
        after[batch] = _of(loaded.model, given)
        alone[batch] = _of(loaded.model, [([], output) for _, output in given])
        tell(min(start + BATCH, len(order)), len(order))
    return after, alone


def _of(model: Any, given: Sequence[tuple[list[int], list[int]]]) -> Floats:
    """The perplexities of outputs after prompts, both as tokens."""
    import torch

    longest = max(1, max(len(prompt) + len(output) for prompt, output in given))
    ids = torch.zeros((len(given), longest), dtype=torch.long)
    mask = torch.zeros_like(ids)
    counted = torch.zeros((len(given), longest), dtype=torch.bool)
    for row, (prompt, output) in enumerate(given):
        whole = [*prompt, *output]
        ids[row, : len(whole)] = torch.tensor(whole, dtype=torch.long)
        mask[row, : len(whole)] = 1
        counted[row, len(prompt) + 1 : len(whole)] = True
    mask[:, 0] = 1  # an empty row is useless but not a fault
    device = next(model.parameters()).device
    with torch.inference_mode():
        logits = model(input_ids=ids.to(device), attention_mask=mask.to(device)).logits.float().cpu()
    losses = torch.nn.functional.cross_entropy(logits[:, :-1].transpose(1, 2), ids[:, 1:], reduction="none")
    counted = counted[:, 1:]
    sums, counts = (losses * counted).sum(1).double(), counted.sum(1)
    found: Floats = torch.where(counts > 0, torch.exp(sums / counts), torch.nan).numpy()
    return found
