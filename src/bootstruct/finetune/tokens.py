"""Examples as tokens: what is read, and what of it is learnt. The loss is on the completion and the end of text only (the
paper's prompt loss weight of 0)."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from bootstruct.errors import BadInput
from bootstruct.finetune.data import Taught

IGNORED = -100  # the label of a token that is read but not learnt


@dataclass(frozen=True, slots=True)
class Encoded:
    """Token ids and labels of the examples that fit, and how many were longer than allowed (the longest, in tokens)."""

    ids: list[list[int]]
    labels: list[list[int]]
    too_long: int
    longest: int

    @property
    def learnt(self) -> int:
        """Tokens with a loss."""
        return sum(label != IGNORED for row in self.labels for label in row)


def encode_all(tokenizer: Any, examples: Sequence[Taught], is_chat: bool, max_length: int) -> Encoded:
    """All examples; those longer than max_length are left out and counted, never cut."""
    ids, labels, too_long, longest = [], [], 0, 0
    for example in examples:
        asked, answered = split_tokens(
            tokenizer, *(chat_texts(tokenizer, example) if is_chat else plain_texts(example))
        )
        longest = max(longest, len(asked) + len(answered))
        if len(asked) + len(answered) > max_length:
            too_long += 1
            continue
        ids.append([*asked, *answered])
        labels.append([*[IGNORED] * len(asked), *answered])
    return Encoded(ids, labels, too_long, longest)


def plain_texts(example: Taught) -> tuple[str, str, bool]:
    """(prompt, completion, whether the tokenizer adds what begins a text)."""
    return example.prompt, example.completion, True


def chat_texts(tokenizer: Any, example: Taught) -> tuple[str, str, bool]:
    """The same for the model's chat template. Raises BadInput where it has none, or renders in a way that cannot be split."""
    if not getattr(tokenizer, "chat_template", None):
        raise BadInput(
            "format chat: the model has no chat template; take `format: templates`, or a model made for chat."
        )
    chat = [{"role": each.role, "content": each.content} for each in example.messages]
    try:
        asked = tokenizer.apply_chat_template(chat[:-1], tokenize=False, add_generation_prompt=True)
        whole = tokenizer.apply_chat_template(chat, tokenize=False)
    except Exception as exc:  # templates are programs and raise what they like
        raise BadInput(f"format chat: the model's chat template does not take these messages: {exc}.") from None
    if whole.startswith(asked):
        return asked, whole[len(asked) :], False
    return asked, chat[-1]["content"], False  # it renders a past answer otherwise than one to be written


def split_tokens(tokenizer: Any, prompt: str, completion: str, begins: bool) -> tuple[list[int], list[int]]:
    """(ids read, ids learnt): the prompt exactly as it is tokenized when the model is asked, then the completion, closed
    with the end of text.

    Where tokens would merge across the seam the completion is tokenized by itself: at the seam the model sees in training
    what it sees when it answers.
    """
    end = tokenizer.eos_token_id
    asked = list(tokenizer(prompt, add_special_tokens=begins)["input_ids"])
    if begins and asked and asked[-1] == end:
        plain = list(tokenizer(prompt, add_special_tokens=False)["input_ids"])
        asked = asked if plain and plain[-1] == end else asked[:-1]
    whole = list(tokenizer(prompt + completion, add_special_tokens=begins)["input_ids"])
    if whole[: len(asked)] == asked:
        answered = whole[len(asked) :]
    else:
        answered = list(tokenizer(completion, add_special_tokens=False)["input_ids"])
    return asked, answered if end in answered[-3:] else [*answered, end]
