"""The log-likelihood of texts under a model, given a prompt."""

from collections.abc import Callable, Sequence
from pathlib import Path

from evaluation_rows import Row

from bootstruct.engines.local.likelihood import TokenPair, text_losses
from bootstruct.finetuning.data import TrainingExample
from bootstruct.finetuning.settings import FinetuneSettings
from bootstruct.finetuning.tokens import chat_texts, split_tokens
from bootstruct.finetuning.train import load_model
from bootstruct.types import Message

ROWS_AT_ONCE = 8


class Likelihood:
    """A model that computes the likelihood of texts.

    If `is_bf16` is True, the forward pass runs in bf16, as the training does, on a CPU that computes in it.
    """

    def __init__(self, folder: Path, is_bf16: bool = True) -> None:
        """Load a model folder."""
        self.model, self.tokenizer = load_model(str(folder), FinetuneSettings())
        self.model.eval()
        self.is_bf16 = is_bf16

    def tokens(self, row: Row, form: str, text: str) -> tuple[list[int], list[int]]:
        """Return the tokens of the prompt and those of the text after it, without the end-of-text token."""
        if form == "chat":
            chat = (Message("user", row.request()), Message("assistant", text))
            prompt, completion, begins = chat_texts(self.tokenizer, TrainingExample("", "", "", chat))
            read, learnt = split_tokens(
                self.tokenizer, prompt, text if completion.startswith(text) else completion, begins
            )
        else:
            read, learnt = split_tokens(self.tokenizer, row.prompt(form), f" {text}", True)
        end = self.tokenizer.eos_token_id
        return read, learnt[:-1] if learnt and learnt[-1] == end else learnt

    def size(self, text: str) -> int:
        """Return the number of tokens of a text by itself, by which its loss is divided."""
        return max(1, len(self.tokenizer(text, add_special_tokens=False)["input_ids"]))

    def losses(
        self, rows: Sequence[tuple[Row, str, str]], on_progress: Callable[[int, int], None] = lambda done, total: None
    ) -> list[float]:
        """Return the negative log-likelihood in nats of each text, given the prompt of its row in a format.

        Args:
            rows: the row, the format and the text of each.
            on_progress: called with the number of rows that are done, and the number of all rows.
        """
        parts = [self.tokens(*row) for row in rows]
        order = sorted(range(len(parts)), key=lambda n: (len(parts[n][0]) + len(parts[n][1]), n))
        found = [0.0] * len(parts)
        for start in range(0, len(order), ROWS_AT_ONCE):
            block = order[start : start + ROWS_AT_ONCE]
            for n, loss in zip(block, self._block([parts[n] for n in block]), strict=True):
                found[n] = loss
            on_progress(start + len(block), len(order))
        return found

    def _block(self, parts: Sequence[tuple[list[int], list[int]]]) -> list[float]:
        import torch

        with torch.autocast("cpu", torch.bfloat16, enabled=self.is_bf16):
            return list(text_losses(self.model, [TokenPair(read, written) for read, written in parts]))
