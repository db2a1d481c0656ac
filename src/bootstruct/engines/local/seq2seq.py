"""Encoder-decoder models (T5, T0, Tk-Instruct): the encoder reads the prompt, the decoder writes the reply."""

from collections.abc import Callable, Sequence
from typing import Any

from bootstruct.engines.local import GenerationResult
from bootstruct.engines.local.kv_cache import cache_parameter
from bootstruct.engines.local.memory import in_portions, sizes_of
from bootstruct.engines.local.prompts_to_replies import decode_settings, in_halves, reply_to_all
from bootstruct.engines.local.token_loop import DecodeRequest, DecodingRow, decode
from bootstruct.engines.local.tokenization import Tokenization
from bootstruct.types import Prompt


class Seq2SeqModel:
    """An encoder-decoder model.

    Args:
        model: as transformers loads it.
        tokenization: of the model.
    """

    def __init__(self, model: Any, tokenization: Tokenization) -> None:
        self.model, self.tokenization = model, tokenization
        self.sizes = sizes_of(model)
        self.decode_settings = decode_settings(model, tokenization)

    def generate(self, prompts: list[Prompt], stopping: Callable[[], bool]) -> list[GenerationResult]:
        """See `LocalModel`."""
        return reply_to_all(prompts, self.tokenization, lambda requests: self._generate(requests, stopping))

    def _generate(self, requests: list[DecodeRequest], stopping: Callable[[], bool]) -> list[DecodingRow]:
        replies: list[DecodingRow] = [DecodingRow()] * len(requests)
        for portion in in_portions(requests, 0, self.sizes):
            decoded = in_halves([requests[n] for n in portion], lambda some: self._decode(some, stopping))
            for n, reply in zip(portion, decoded, strict=True):
                replies[n] = reply
        return replies

    def _decode(self, requests: list[DecodeRequest], stopping: Callable[[], bool]) -> list[DecodingRow]:
        import torch

        with torch.inference_mode():
            return decode(
                Seq2SeqBatch(self.model, [request.prompt for request in requests]),
                requests,
                self.decode_settings,
                stopping,
            )


class Seq2SeqBatch:
    """A batch of rows that decode together (see `DecodeBatch`)."""

    def __init__(self, model: Any, prompts: Sequence[Sequence[int]]) -> None:
        import torch
        from transformers.cache_utils import DynamicCache, EncoderDecoderCache

        self.model, device = model, model.device
        self.cache_name = cache_parameter(model)
        longest = max(len(prompt) for prompt in prompts)
        ids = torch.zeros(len(prompts), longest, dtype=torch.int64, device=device)
        self.mask = torch.zeros(len(prompts), longest, dtype=torch.int64, device=device)
        for row, prompt in enumerate(prompts):
            ids[row, : len(prompt)] = torch.tensor(prompt, device=device)
            self.mask[row, : len(prompt)] = 1
        self.encoded = model.get_encoder()(input_ids=ids, attention_mask=self.mask).last_hidden_state
        self.cache = EncoderDecoderCache(DynamicCache(), DynamicCache())

    def begin(self) -> Any:
        """See `DecodeBatch`."""
        import torch

        return self.advance(torch.full((len(self.mask),), self._start(), device=self.mask.device))

    def advance(self, tokens: Any) -> Any:
        """See `DecodeBatch`."""
        from transformers.modeling_outputs import BaseModelOutput

        out = self.model(
            encoder_outputs=BaseModelOutput(last_hidden_state=self.encoded), attention_mask=self.mask,
            decoder_input_ids=tokens[:, None], use_cache=True, **{self.cache_name: self.cache},
        )  # fmt: skip
        return out.logits[:, -1].float()

    def keep(self, rows: Any) -> None:
        """See `DecodeBatch`."""
        self.mask, self.encoded = self.mask[rows], self.encoded[rows]
        self.cache.batch_select_indices(rows)

    def alone(self, prompt: Sequence[int], generated: Sequence[int]) -> Any:
        """See `DecodeBatch`."""
        import torch

        device = self.mask.device
        decoder_ids = torch.tensor([[self._start(), *generated]], device=device)
        out = self.model(
            input_ids=torch.tensor([list(prompt)], device=device), decoder_input_ids=decoder_ids, use_cache=False
        )
        return out.logits[:, -1].float()

    def _start(self) -> int:
        settings, config = self.model.generation_config, self.model.config
        named = (settings.decoder_start_token_id, config.decoder_start_token_id, config.pad_token_id)
        return int(next(row for row in named if row is not None))
