"""Causal language models: many prompts continued at once, left-padded behind the prefix that they share."""

from collections.abc import Callable, Sequence
from typing import Any

from bootstruct.engines.local import GenerationResult
from bootstruct.engines.local.kv_cache import cache_parameter, layers_of, preallocated_cache
from bootstruct.engines.local.memory import in_portions, sizes_of
from bootstruct.engines.local.prefix_cache import Layers, PrefixCache, SharedPrefix
from bootstruct.engines.local.prompts_to_replies import decode_settings, in_halves, reply_to_all
from bootstruct.engines.local.token_loop import DecodeRequest, DecodingRow, decode
from bootstruct.engines.local.tokenization import Tokenization
from bootstruct.types import Prompt


class CausalModel:
    """A causal language model.

    Args:
        model: as transformers loads it.
        tokenization: of the model.
        share: whether shared prefixes are computed once (False only for comparison).
    """

    def __init__(self, model: Any, tokenization: Tokenization, share: bool = True) -> None:
        self.model, self.tokenization = model, tokenization
        self.layers = layers_of(model)
        self.prefixes = PrefixCache(self._compute) if share and self.layers else None
        self.sizes = sizes_of(model)
        self.decode_settings = decode_settings(model, tokenization)

    def generate(self, prompts: list[Prompt], stopping: Callable[[], bool]) -> list[GenerationResult]:
        """See `LocalModel`."""
        return reply_to_all(prompts, self.tokenization, lambda requests: self._generate(requests, stopping))

    def _generate(self, requests: list[DecodeRequest], stopping: Callable[[], bool]) -> list[DecodingRow]:
        replies: list[DecodingRow] = [DecodingRow()] * len(requests)
        for group, prefix in self._groups(requests):
            for portion in in_portions([requests[n] for n in group], len(prefix.tokens) if prefix else 0, self.sizes):
                numbers = [group[place] for place in portion]

                def decode_some(some: list[DecodeRequest], prefix: SharedPrefix | None = prefix) -> list[DecodingRow]:
                    return self._decode(some, prefix, stopping)

                for n, reply in zip(numbers, in_halves([requests[n] for n in numbers], decode_some), strict=True):
                    replies[n] = reply
        return replies

    def _groups(self, requests: list[DecodeRequest]) -> list[tuple[list[int], SharedPrefix | None]]:
        if self.prefixes is None:
            return [(list(range(len(requests))), None)]
        return self.prefixes.split([request.prompt for request in requests])

    def _decode(
        self, requests: list[DecodeRequest], prefix: SharedPrefix | None, stopping: Callable[[], bool]
    ) -> list[DecodingRow]:
        import torch

        with torch.inference_mode():
            max_tokens = max(request.max_tokens for request in requests)
            batch = CausalBatch(self.model, self.layers, [request.prompt for request in requests], prefix, max_tokens)
            return decode(batch, requests, self.decode_settings, stopping)

    def _compute(self, tokens: tuple[int, ...]) -> Layers:
        import torch

        with torch.inference_mode():
            cache = preallocated_cache(self.layers or 0, 1, len(tokens))
            ids = torch.tensor([tokens], device=self.model.device)
            self.model(input_ids=ids, use_cache=True, logits_to_keep=1, **{cache_parameter(self.model): cache})
            return [(layer.keys, layer.values) for layer in cache.layers]


class CausalBatch:
    """A batch of rows that decode together (see `DecodeBatch`).

    Args:
        model: as transformers loads it.
        layers: number of layers of the cache; None for transformers' own cache.
        prompts: the whole prompts, including the prefix.
        prefix: the beginning of all prompts.
        max_tokens: the most tokens of a reply.
    """

    def __init__(
        self,
        model: Any,
        layers: int | None,
        prompts: Sequence[Sequence[int]],
        prefix: SharedPrefix | None,
        max_tokens: int,
    ) -> None:
        import torch

        self.model, device = model, model.device
        self.cache_name = cache_parameter(model)
        known = len(prefix.tokens) if prefix else 0
        longest = max(len(prompt) for prompt in prompts)
        self.ids = torch.zeros(len(prompts), longest - known, dtype=torch.int64, device=device)
        self.mask = torch.ones(len(prompts), longest + max_tokens, dtype=torch.int64, device=device)
        for row, prompt in enumerate(prompts):
            pads = longest - len(prompt)
            self.ids[row, pads:] = torch.tensor(prompt[known:], device=device)
            self.mask[row, known : known + pads] = 0
        self.positions = (self.mask.cumsum(1) - 1).clamp(min=0)
        self.seen = known
        if layers:
            self.cache = preallocated_cache(
                layers, len(prompts), longest + max_tokens, prefix.layers if prefix else None
            )
        else:
            from transformers.cache_utils import DynamicCache

            self.cache = DynamicCache(config=model.config)

    def begin(self) -> Any:
        """See `DecodeBatch`."""
        return self._forward(self.ids)

    def advance(self, tokens: Any) -> Any:
        """See `DecodeBatch`."""
        return self._forward(tokens[:, None])

    def _forward(self, ids: Any) -> Any:
        begin, self.seen = self.seen, self.seen + ids.shape[1]
        out = self.model(
            input_ids=ids, attention_mask=self.mask[:, : self.seen], position_ids=self.positions[:, begin : self.seen],
            use_cache=True, logits_to_keep=1, **{self.cache_name: self.cache},
        )  # fmt: skip
        return out.logits[:, -1].float()

    def keep(self, rows: Any) -> None:
        """See `DecodeBatch`."""
        self.mask, self.positions = self.mask[rows], self.positions[rows]
        self.cache.batch_select_indices(rows)

    def alone(self, prompt: Sequence[int], generated: Sequence[int]) -> Any:
        """See `DecodeBatch`."""
        import torch

        ids = torch.tensor([[*prompt, *generated]], device=self.model.device)
        return self.model(input_ids=ids, use_cache=False, logits_to_keep=1).logits[:, -1].float()
