"""Causal language models: prompts are continued, many at once, left-padded behind the prefix they share."""

from collections.abc import Callable, Sequence
from typing import Any

from bootstruct.domain import Prompt
from bootstruct.engines.local import Answer
from bootstruct.engines.local.answers import answers, halving
from bootstruct.engines.local.decode import Asked, Speaker, Written, write
from bootstruct.engines.local.fit import in_portions, sizes_of
from bootstruct.engines.local.prefix import Layers, Prefix, Prefixes
from bootstruct.engines.local.room import layers_of, roomy_cache
from bootstruct.engines.local.words import Words


class Causal:
    """model, words: as loaded. share: whether prefixes are computed once (off only to compare)."""

    def __init__(self, model: Any, words: Words, share: bool = True) -> None:
        self.model, self.words = model, words
        self.layers = layers_of(model)
        self.prefixes = Prefixes(self._compute) if share and self.layers else None
        self.sizes = sizes_of(model)
        self.speaker = Speaker(words.text, words.ends, recheck=next(model.parameters()).dtype.itemsize >= 4)

    def generate(self, prompts: list[Prompt], stopping: Callable[[], bool]) -> list[Answer]:
        return answers(prompts, self.words, lambda asked: self._ask(asked, stopping))

    def _ask(self, asked: list[Asked], stopping: Callable[[], bool]) -> list[Written]:
        written: list[Written] = [Written()] * len(asked)
        for group, prefix in self._groups(asked):
            for portion in in_portions([asked[n] for n in group], len(prefix.tokens) if prefix else 0, self.sizes):
                here = [group[place] for place in portion]

                def write_some(some: list[Asked], prefix: Prefix | None = prefix) -> list[Written]:
                    return self._write(some, prefix, stopping)

                for n, done in zip(here, halving([asked[n] for n in here], write_some), strict=True):
                    written[n] = done
        return written

    def _groups(self, asked: list[Asked]) -> list[tuple[list[int], Prefix | None]]:
        if self.prefixes is None:
            return [(list(range(len(asked))), None)]
        return self.prefixes.split([each.prompt for each in asked])

    def _write(self, asked: list[Asked], prefix: Prefix | None, stopping: Callable[[], bool]) -> list[Written]:
        import torch

        with torch.inference_mode():
            room = max(each.room for each in asked)
            batch = CausalBatch(self.model, self.layers, [each.prompt for each in asked], prefix, room)
            return write(batch, asked, self.speaker, stopping)

    def _compute(self, tokens: tuple[int, ...]) -> Layers:
        import torch

        with torch.inference_mode():
            cache = roomy_cache(self.layers or 0, 1, len(tokens))
            ids = torch.tensor([tokens], device=self.model.device)
            self.model(input_ids=ids, past_key_values=cache, use_cache=True, logits_to_keep=1)
            return [(layer.keys, layer.values) for layer in cache.layers]


class CausalBatch:
    """Rows of one forward pass after another (see `decode.Batch`).

    layers: of the cache, None for a cache of transformers' own. prompts: whole, the prefix included. room: tokens that a
    reply may have.
    """

    def __init__(
        self, model: Any, layers: int | None, prompts: Sequence[Sequence[int]], prefix: Prefix | None, room: int
    ) -> None:
        import torch

        self.model, device = model, model.device
        known = len(prefix.tokens) if prefix else 0
        longest = max(len(prompt) for prompt in prompts)
        self.ids = torch.zeros(len(prompts), longest - known, dtype=torch.int64, device=device)
        self.mask = torch.ones(len(prompts), longest + room, dtype=torch.int64, device=device)
        for row, prompt in enumerate(prompts):
            pads = longest - len(prompt)
            self.ids[row, pads:] = torch.tensor(prompt[known:], device=device)
            self.mask[row, known : known + pads] = 0
        self.positions = (self.mask.cumsum(1) - 1).clamp(min=0)
        self.seen = known
        if layers:
            self.cache = roomy_cache(layers, len(prompts), longest + room, prefix.layers if prefix else None)
        else:
            from transformers.cache_utils import DynamicCache

            self.cache = DynamicCache(config=model.config)

    def begin(self) -> Any:
        return self._forward(self.ids)

    def advance(self, tokens: Any) -> Any:
        return self._forward(tokens[:, None])

    def _forward(self, ids: Any) -> Any:
        begin, self.seen = self.seen, self.seen + ids.shape[1]
        out = self.model(
            input_ids=ids, attention_mask=self.mask[:, : self.seen], position_ids=self.positions[:, begin : self.seen],
            past_key_values=self.cache, use_cache=True, logits_to_keep=1,
        )  # fmt: skip
        return out.logits[:, -1].float()

    def keep(self, rows: Any) -> None:
        self.mask, self.positions = self.mask[rows], self.positions[rows]
        self.cache.batch_select_indices(rows)

    def alone(self, prompt: Sequence[int], written: Sequence[int]) -> Any:
        import torch

        ids = torch.tensor([[*prompt, *written]], device=self.model.device)
        return self.model(input_ids=ids, use_cache=False, logits_to_keep=1).logits[:, -1].float()
