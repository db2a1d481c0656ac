"""How likely outputs are for a small local model, after their prompts and alone: perplexity, and IFD from both.

IFD (instruction-following difficulty; Li et al. 2024, arXiv:2402.00530) is the perplexity of the output after its prompt
divided by that of the output alone: near 1 if the prompt does not help, above 1 if it misleads.
"""

import math
from collections.abc import Callable, Sequence
from typing import Any, Final

import numpy as np

from bootstruct.engines.local.likelihood import LikelihoodModel, TokenPair, text_losses
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
    likelihood = LikelihoodModel(name)
    tokenization = likelihood.tokenization
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
        after[batch] = _of(likelihood.model, given)
        alone[batch] = _of(likelihood.model, [([], output) for _, output in given])
        tell(min(start + BATCH, len(order)), len(order))
    return after, alone


def _of(model: Any, given: Sequence[tuple[list[int], list[int]]]) -> list[float]:
    """The perplexities of outputs after prompts, both as tokens, from the second token of each output."""
    pairs = [TokenPair([*prompt, *output[:1]], output[1:]) for prompt, output in given]
    losses = text_losses(model, pairs)
    return [
        math.exp(loss / len(pair.text)) if pair.text else math.nan for pair, loss in zip(pairs, losses, strict=True)
    ]
