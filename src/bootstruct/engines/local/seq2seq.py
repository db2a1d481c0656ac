"""Encoder-decoder models (T5, T0, Tk-Instruct): the encoder reads the prompt, the decoder writes the reply."""

from collections.abc import Callable, Sequence
from typing import Any

from bootstruct.domain import Prompt
from bootstruct.engines.local import Answer
from bootstruct.engines.local.answers import answers, halving
from bootstruct.engines.local.decode import Asked, Speaker, Written, write
from bootstruct.engines.local.fit import in_portions, sizes_of
from bootstruct.engines.local.words import Words


class Seq2Seq:
    """model, words: as loaded."""

    def __init__(self, model: Any, words: Words) -> None:
        self.model, self.words = model, words
        self.sizes = sizes_of(model)
        self.speaker = Speaker(words.text, words.ends, recheck=next(model.parameters()).dtype.itemsize >= 4)

    def generate(self, prompts: list[Prompt], stopping: Callable[[], bool]) -> list[Answer]:
        return answers(prompts, self.words, lambda asked: self._ask(asked, stopping))

    def _ask(self, asked: list[Asked], stopping: Callable[[], bool]) -> list[Written]:
        written: list[Written] = [Written()] * len(asked)
        for portion in in_portions(asked, 0, self.sizes):
            made = halving([asked[n] for n in portion], lambda some: self._write(some, stopping))
            for n, done in zip(portion, made, strict=True):
                written[n] = done
        return written

    def _write(self, asked: list[Asked], stopping: Callable[[], bool]) -> list[Written]:
        import torch

        with torch.inference_mode():
            return write(Seq2SeqBatch(self.model, [each.prompt for each in asked]), asked, self.speaker, stopping)


class Seq2SeqBatch:
    """Rows of one forward pass after another (see `decode.Batch`)."""

    def __init__(self, model: Any, prompts: Sequence[Sequence[int]]) -> None:
        import torch
        from transformers.cache_utils import DynamicCache, EncoderDecoderCache

        self.model, device = model, model.device
        longest = max(len(prompt) for prompt in prompts)
        ids = torch.zeros(len(prompts), longest, dtype=torch.int64, device=device)
        self.mask = torch.zeros(len(prompts), longest, dtype=torch.int64, device=device)
        for row, prompt in enumerate(prompts):
            ids[row, : len(prompt)] = torch.tensor(prompt, device=device)
            self.mask[row, : len(prompt)] = 1
        self.read = model.get_encoder()(input_ids=ids, attention_mask=self.mask).last_hidden_state
        self.cache = EncoderDecoderCache(DynamicCache(), DynamicCache())

    def begin(self) -> Any:
        import torch

        return self.advance(torch.full((len(self.mask),), self._start(), device=self.mask.device))

    def advance(self, tokens: Any) -> Any:
        from transformers.modeling_outputs import BaseModelOutput

        out = self.model(
            encoder_outputs=BaseModelOutput(last_hidden_state=self.read), attention_mask=self.mask,
            decoder_input_ids=tokens[:, None], past_key_values=self.cache, use_cache=True,
        )  # fmt: skip
        return out.logits[:, -1].float()

    def keep(self, rows: Any) -> None:
        self.mask, self.read = self.mask[rows], self.read[rows]
        self.cache.batch_select_indices(rows)

    def alone(self, prompt: Sequence[int], written: Sequence[int]) -> Any:
        import torch

        device = self.mask.device
        decoder = torch.tensor([[self._start(), *written]], device=device)
        out = self.model(
            input_ids=torch.tensor([list(prompt)], device=device), decoder_input_ids=decoder, use_cache=False
        )
        return out.logits[:, -1].float()

    def _start(self) -> int:
        settings, config = self.model.generation_config, self.model.config
        named = (settings.decoder_start_token_id, config.decoder_start_token_id, config.pad_token_id)
        return int(next(each for each in named if each is not None))
