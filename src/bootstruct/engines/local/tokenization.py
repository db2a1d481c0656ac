"""Tokenization: a prompt's tokens, a reply's text, and the tokens that end a reply."""

from collections.abc import Sequence
from typing import Any

from bootstruct.engines.local.chat_templates import ChatTemplateError, fill_chat_template
from bootstruct.errors import EngineUnavailableError, RequestRejectedError
from bootstruct.types import Prompt

NO_LIMIT = 1_000_000  # tokens; context of models that name none


class Tokenization:
    """How one model's prompts and replies are tokenized.

    Args:
        tokenizer: as transformers loads it.
        model: likewise.
        name: as shown to the user.
        is_encoder: whether the prompt goes into an encoder, which needs an end token.

    Attributes:
        context: tokens of prompt and reply together (of the prompt alone if `is_encoder`).
        ends: the ids that end a reply.
    """

    def __init__(self, tokenizer: Any, model: Any, name: str, is_encoder: bool = False) -> None:
        self.tokenizer, self.name, self.is_encoder = tokenizer, name, is_encoder
        self.context = context_of(model, is_encoder)
        self.ends = ends_of(tokenizer, model)

    @property
    def has_chat_template(self) -> bool:
        """Whether the model accepts chat messages."""
        return bool(getattr(self.tokenizer, "chat_template", None))

    def tokens(self, prompt: Prompt) -> list[int]:
        """The prompt's tokens.

        Raises:
            EngineUnavailableError: the prompt holds chat messages, and the model has no chat template that they fit.
        """
        if not prompt.is_chat:
            return self._tokens_of_text(prompt.text)
        if not self.has_chat_template:
            raise EngineUnavailableError(
                f"The model {self.name} has no chat template, so it cannot reply to chat messages: use a chat model, "
                "or a recipe with `api: text` (`bootstruct init RUN --recipe paper`)."
            )
        messages = [{"role": message.role, "content": message.content} for message in prompt.messages]
        try:
            text = fill_chat_template(self.tokenizer, messages, add_generation_prompt=True)
        except ChatTemplateError as exc:
            raise EngineUnavailableError(
                f"The chat template of {self.name} cannot be filled with these messages: {exc}; use another model, or a "
                "recipe with `api: text` (`bootstruct init RUN --recipe paper`)."
            ) from None
        return list(self.tokenizer(text, add_special_tokens=False)["input_ids"])

    def _tokens_of_text(self, text: str) -> list[int]:
        ids = list(self.tokenizer(text)["input_ids"])
        end = self.tokenizer.eos_token_id
        if (
            not self.is_encoder and ids and ids[-1] == end
        ):  # some tokenizers end every text, but this one is to be continued
            plain = list(self.tokenizer(text, add_special_tokens=False)["input_ids"])
            ids = ids if plain and plain[-1] == end else ids[:-1]
        if ids:
            return ids
        first = next((i for i in (self.tokenizer.bos_token_id, end) if i is not None), 0)
        return [int(first)]

    def rejection(self, tokens: Sequence[int]) -> RequestRejectedError | None:
        """The error if a prompt of these tokens exceeds the context, otherwise None."""
        most = self.context if self.is_encoder else self.context - 1
        if len(tokens) <= most:
            return None
        return RequestRejectedError(
            400, f"the prompt has {len(tokens)} tokens, but the context of {self.name} is {self.context}"
        )

    def text(self, tokens: Sequence[int]) -> str:
        """The text of tokens, without special tokens."""
        decoded = self.tokenizer.decode(tokens, skip_special_tokens=True, clean_up_tokenization_spaces=False)
        return str(decoded).encode("utf-8", "replace").decode()


def context_of(model: Any, is_encoder: bool) -> int:
    """Tokens of prompt and reply together. T5 and related models have no limit: their positions are relative."""
    config = model.config.get_text_config()
    named = [getattr(config, name, None) for name in ("max_position_embeddings", "n_positions", "n_ctx", "max_seq_len")]
    sizes = [size for size in named if isinstance(size, int) and size > 0]
    return sizes[0] if sizes and not (is_encoder and config.model_type in RELATIVE) else NO_LIMIT


RELATIVE = {"t5", "mt5", "umt5", "longt5", "switch_transformers"}


def ends_of(tokenizer: Any, model: Any) -> frozenset[int]:
    """Ids that end a reply, by the model's generation settings and its tokenizer."""
    settings = getattr(model, "generation_config", None)
    named = [getattr(settings, "eos_token_id", None), tokenizer.eos_token_id, model.config.eos_token_id]
    found: set[int] = set()
    for row in named:
        found |= set(row) if isinstance(row, list | tuple) else {row} if row is not None else set()
    return frozenset(found)
