"""Between text and tokens: a prompt's tokens, a reply's text, and the tokens that end a reply."""

from collections.abc import Sequence
from typing import Any

from bootstruct.domain import Prompt
from bootstruct.errors import DoorClosed, Permanent

NO_LIMIT = 1_000_000  # context of models that name none


class Words:
    """tokenizer, model: transformers' own. is_encoder: the prompt goes into an encoder, which wants its end marked."""

    def __init__(self, tokenizer: Any, model: Any, name: str, is_encoder: bool = False) -> None:
        self.tokenizer, self.name, self.is_encoder = tokenizer, name, is_encoder
        self.context = context_of(model, is_encoder)
        self.ends = ends_of(tokenizer, model)

    def tokens(self, prompt: Prompt) -> list[int]:
        """The prompt's tokens. Raises DoorClosed where a chat is to be had with a model that has no chat template."""
        if not prompt.is_chat:
            return self._tokens_of_text(prompt.text)
        if not getattr(self.tokenizer, "chat_template", None):
            raise DoorClosed(
                f"The model {self.name} has no chat template, so it cannot answer chat messages: take a model made for chat, "
                "or a recipe with `api: text` (`bootstruct init RUN --recipe paper`)."
            )
        messages = [{"role": each.role, "content": each.content} for each in prompt.messages]
        try:
            text = self.tokenizer.apply_chat_template(messages, tokenize=False, add_generation_prompt=True)
        except Exception as exc:  # templates are programs: they raise what they like, mostly about a role
            raise DoorClosed(f"The chat template of {self.name} does not take these messages: {exc}.") from None
        return list(self.tokenizer(text, add_special_tokens=False)["input_ids"])

    def _tokens_of_text(self, text: str) -> list[int]:
        ids = list(self.tokenizer(text)["input_ids"])
        end = self.tokenizer.eos_token_id
        if not self.is_encoder and ids and ids[-1] == end:  # some tokenizers close every text, but this one goes on
            plain = list(self.tokenizer(text, add_special_tokens=False)["input_ids"])
            ids = ids if plain and plain[-1] == end else ids[:-1]
        if ids:
            return ids
        first = next((i for i in (self.tokenizer.bos_token_id, end) if i is not None), 0)
        return [int(first)]

    def refusal(self, tokens: Sequence[int]) -> Permanent | None:
        """Why a prompt of these tokens cannot be answered; None where it can."""
        most = self.context if self.is_encoder else self.context - 1
        if len(tokens) <= most:
            return None
        return Permanent(400, f"the prompt has {len(tokens)} tokens, the context of {self.name} is {self.context}")

    def text(self, tokens: Sequence[int]) -> str:
        decoded = self.tokenizer.decode(tokens, skip_special_tokens=True, clean_up_tokenization_spaces=False)
        return str(decoded).encode("utf-8", "replace").decode()


def context_of(model: Any, is_encoder: bool) -> int:
    """Tokens of prompt and reply together. T5 and its kin name none: their positions are relative."""
    config = model.config.get_text_config()
    named = [getattr(config, name, None) for name in ("max_position_embeddings", "n_positions", "n_ctx", "max_seq_len")]
    sizes = [size for size in named if isinstance(size, int) and size > 0]
    return sizes[0] if sizes and not (is_encoder and config.model_type in RELATIVE) else NO_LIMIT


RELATIVE = {"t5", "mt5", "umt5", "longt5", "switch_transformers"}


def ends_of(tokenizer: Any, model: Any) -> frozenset[int]:
    """Ids that end a reply: what the model's generation settings and its tokenizer say."""
    settings = getattr(model, "generation_config", None)
    named = [getattr(settings, "eos_token_id", None), tokenizer.eos_token_id, model.config.eos_token_id]
    found: set[int] = set()
    for each in named:
        found |= set(each) if isinstance(each, list | tuple) else {each} if each is not None else set()
    return frozenset(found)
