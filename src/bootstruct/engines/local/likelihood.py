"""How likely given texts are for a model on this machine, after a prompt."""

import inspect
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

from bootstruct.engines.local.load import POCKET, load
from bootstruct.errors import InputError
from bootstruct.types import Prompt

ROWS_AT_ONCE: Final = 8


@dataclass(frozen=True, slots=True)
class TokenPair:
    """The tokens of a prompt and of the text after it.

    Attributes:
        prompt: the prompt's tokens; the last ones where all do not fit into the context.
        text: the text's tokens.
        is_cut: whether the prompt was cut.
    """

    prompt: Sequence[int]
    text: Sequence[int]
    is_cut: bool = False


class LikelihoodModel:
    """A causal language model that says how likely texts are.

    Args:
        name: `pocket`, or `hf/` and a folder, a GGUF file or a name on the hub.
        trust_remote_code: whether code that the model brings may run.

    Raises:
        InputError: the name is unknown, the model is not causal, or packages are missing.
        EngineUnavailableError: it cannot be loaded.
    """

    def __init__(self, name: str, trust_remote_code: bool = False) -> None:
        provider, _, place = name.partition("/")
        if name != POCKET and not (provider == "hf" and place):
            raise InputError(
                f"--model {name}: the likelihood of given texts needs a model on this machine; use pocket or hf/FOLDER."
            )
        loaded = load(place or name, name == POCKET, trust_remote_code)
        self.model, self.tokenization = loaded.model, loaded.tokenization
        if self.tokenization.is_encoder:
            raise InputError(f"--model {name}: is an encoder-decoder model; use a causal one.")

    def pair(self, prompt: Prompt, text: str) -> TokenPair:
        """Return the tokens of a prompt and of a text that continues it.

        After a text, both are tokenized together, so that words join as the model knows them; after a chat, the text alone is.

        Raises:
            EngineUnavailableError: the prompt holds chat messages, and the model has no chat template that they fit.
        """
        read, written = self.tokenization.tokens(prompt), list[int]()
        if not prompt.is_chat:
            written = self.tokenization.tokens(Prompt("", "", prompt.sampling, 0, text=prompt.text + text))[len(read) :]
        if not written:
            written = list(self.tokenization.tokenizer(text, add_special_tokens=False)["input_ids"])
        room = max(1, self.tokenization.context - len(written))
        return TokenPair(read[-room:], written[: self.tokenization.context - 1], len(read) > room)

    def losses(
        self, pairs: Sequence[TokenPair], tell: Callable[[int, int], object] = lambda done, total: None
    ) -> list[float]:
        """Return the negative log-likelihood of each text in nats, after its prompt.

        Args:
            pairs: prompts and texts; pairs of similar length are computed together.
            tell: called with how many are done, and how many there are.
        """
        order = sorted(
            range(len(pairs)), key=lambda number: (len(pairs[number].prompt) + len(pairs[number].text), number)
        )
        found = [0.0] * len(pairs)
        for start in range(0, len(order), ROWS_AT_ONCE):
            block = order[start : start + ROWS_AT_ONCE]
            for number, loss in zip(block, text_losses(self.model, [pairs[n] for n in block]), strict=True):
                found[number] = loss
            tell(start + len(block), len(order))
        return found


def text_losses(model: Any, pairs: Sequence[TokenPair]) -> Iterator[float]:
    """Yield the negative log-likelihood of each text in nats, after its prompt; without a prompt, from its second token.

    Args:
        model: a causal model, as transformers loads it.
        pairs: prompts and texts, computed in one batch.
    """
    import torch

    wholes = [[*pair.prompt, *pair.text] for pair in pairs]
    longest = max(1, *(len(whole) for whole in wholes)) if wholes else 1
    ids = torch.zeros((len(pairs), longest), dtype=torch.long)
    mask = torch.zeros_like(ids)
    for row, whole in enumerate(wholes):
        ids[row, : len(whole)] = torch.tensor(whole, dtype=torch.long)
        mask[row, : len(whole)] = 1
    mask[:, 0] = 1  # an empty row is useless but not a fault
    first = max(0, min((len(pair.prompt) for pair in pairs), default=0) - 1)
    can_skip = "logits_to_keep" in inspect.signature(model.forward).parameters
    kept = {"logits_to_keep": longest - first} if can_skip else {}
    device = next(model.parameters()).device
    with torch.inference_mode():
        logits = model(input_ids=ids.to(device), attention_mask=mask.to(device), **kept).logits
        skipped = longest - logits.shape[1]
        for row, (pair, whole) in enumerate(zip(pairs, wholes, strict=True)):
            begin = max(1, len(pair.prompt))
            scores = logits[row, begin - 1 - skipped : len(whole) - 1 - skipped].float().log_softmax(-1).cpu()
            wanted = torch.tensor(whole[begin:], dtype=torch.long)
            yield -float(scores[torch.arange(len(wanted)), wanted].double().sum())
