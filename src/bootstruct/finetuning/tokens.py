"""Examples as tokens: the tokens that are read, and those of them that are learnt.

The loss is on the completion and the end of text only (the paper's prompt loss weight of 0); in a conversation, on each
turn of the assistant.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from bootstruct.engines.local.chat_templates import ChatTemplateError, fill_chat_template
from bootstruct.errors import InputError
from bootstruct.finetuning.data import TrainingExample
from bootstruct.finetuning.preferences import PreferenceExample

IGNORED = -100  # the label of a token that is read but not learnt


@dataclass(frozen=True, slots=True)
class TokenizedExamples:
    """Token ids and labels of the examples that fit, and how many were longer than allowed (the longest, in tokens).

    Attributes:
        is_encoder: whether an encoder reads `ids` and its decoder writes `labels`; otherwise `ids` are both, one
            after the other, and `labels` are as long.
        rejected: for preference pairs, the tokens of the second answers; `ids` and `labels` hold the first ones.
        last_only: conversations of which only the last turn is learnt, because the model's chat template shows earlier
            turns differently later on.
    """

    ids: list[list[int]]
    labels: list[list[int]]
    too_long: int
    longest: int
    is_encoder: bool = False
    rejected: list[list[int]] | None = None
    last_only: int = 0

    @property
    def size(self) -> int:
        """Tokens that are read or written."""
        others = self.labels if self.is_encoder else self.rejected or []
        return sum(map(len, self.ids)) + sum(map(len, others))

    @property
    def learnt(self) -> int:
        """Tokens with a loss."""
        return sum(label != IGNORED for row in self.labels for label in row) + sum(map(len, self.rejected or []))

    def pairs(self) -> dict[str, list[list[int]]]:
        """The columns that TRL's DPO trainer reads: prompts, first and second answers."""
        starts = [sum(label == IGNORED for label in row) for row in self.labels]
        prompts = [row[:start] for row, start in zip(self.ids, starts, strict=True)]
        chosen = [row[start:] for row, start in zip(self.ids, starts, strict=True)]
        return {"prompt_ids": prompts, "chosen_ids": chosen, "rejected_ids": self.rejected or []}


def encode_all(
    tokenizer: Any, examples: Sequence[TrainingExample], is_chat: bool, max_length: int, is_encoder: bool = False
) -> TokenizedExamples:
    """All examples; those longer than max_length are left out and counted, never cut.

    Args:
        is_encoder: whether an encoder reads the prompt; then prompt and completion may each have `max_length` tokens.
    """
    ids, labels, too_long, longest, last_only = [], [], 0, 0, 0
    for example in examples:
        pieces = (chat_pieces(tokenizer, example) if is_chat else plain_pieces(example)) if example.later else []
        if pieces and not is_encoder:
            read, learnt = piece_tokens(tokenizer, pieces, is_chat)
            size = len(read)
        else:
            last_only += bool(example.later and is_chat and not pieces)
            texts = chat_texts(tokenizer, example) if is_chat else plain_texts(example)
            if pieces:  # an encoder reads all but the last answer
                texts = "".join(text for text, _ in pieces[:-1]), pieces[-1][0], texts[2]
            parts = encoder_tokens(tokenizer, *texts) if is_encoder else split_tokens(tokenizer, *texts)
            read, learnt = parts
            size = max(map(len, parts)) if is_encoder else sum(map(len, parts))
            if not is_encoder:
                read, learnt = [*read, *learnt], [*[IGNORED] * len(read), *learnt]
        longest = max(longest, size)
        if size > max_length:
            too_long += 1
            continue
        ids.append(read)
        labels.append(learnt)
    return TokenizedExamples(ids, labels, too_long, longest, is_encoder, last_only=last_only)


def encode_pairs(
    tokenizer: Any, examples: Sequence[TrainingExample], is_chat: bool, max_length: int
) -> TokenizedExamples:
    """All preference pairs; those with an answer that is longer than max_length are left out and counted, never cut."""
    ids, labels, rejected, too_long, longest = [], [], [], 0, 0
    for example in examples:
        assert isinstance(example, PreferenceExample)
        both = [
            split_tokens(tokenizer, *(chat_texts(tokenizer, row) if is_chat else plain_texts(row)))
            for row in (example, example.other)
        ]
        (prompt, first), (_, second) = both
        size = len(prompt) + max(len(first), len(second))
        longest = max(longest, size)
        if size > max_length:
            too_long += 1
            continue
        ids.append([*prompt, *first])
        labels.append([*[IGNORED] * len(prompt), *first])
        rejected.append(second)
    return TokenizedExamples(ids, labels, too_long, longest, rejected=rejected)


def plain_texts(example: TrainingExample) -> tuple[str, str, bool]:
    """(prompt, completion, whether the tokenizer adds the beginning of a text)."""
    return example.prompt, example.completion, True


def plain_pieces(example: TrainingExample) -> list[tuple[str, bool]]:
    r"""A conversation as (text, whether it is learnt): each further turn follows the last one in the form of a prompt.

    Example:
        >>> example = TrainingExample("a", "Name a bird. Output:", " A wren.", (), later=(("Another?", "An owl."),))
        >>> plain_pieces(example)[2:]
        [('\n\nAnother?\n\nOutput:', False), (' An owl.', True)]
    """
    pieces = [(example.prompt, False), (example.completion, True)]
    for user, assistant in example.later:
        pieces += [(f"\n\n{user}\n\nOutput:", False), (f" {assistant}", True)]
    return pieces


def chat_pieces(tokenizer: Any, example: TrainingExample) -> list[tuple[str, bool]]:
    """A conversation as (text, whether it is learnt), by the model's chat template.

    Empty if the template shows earlier turns differently later on, so that they cannot be learnt in one text. Raises
    InputError as `chat_texts`.
    """
    pieces, done = list[tuple[str, bool]](), ""
    for place in range(len(example.later), -1, -1):
        chat = example.messages[: len(example.messages) - 2 * place]
        prompt, completion, _ = chat_texts(tokenizer, replace(example, messages=chat))
        if not prompt.startswith(done) or not completion:
            return []
        pieces += [(prompt[len(done) :], False), (completion, True)]
        done = prompt + completion
    whole = fill_chat_template(tokenizer, [{"role": row.role, "content": row.content} for row in example.messages])
    return pieces if whole == done else []


def piece_tokens(tokenizer: Any, pieces: Sequence[tuple[str, bool]], is_chat: bool) -> tuple[list[int], list[int]]:
    """(ids, labels) of a conversation.

    Each piece is tokenized together with what is before it if that changes no earlier token, else by itself. In texts
    without a chat template, the end of text closes each answer; a template closes them itself, except the last one.

    Args:
        tokenizer: the model's tokenizer.
        pieces: (text, whether it is learnt), in order.
        is_chat: whether they are those of a chat template.
    """
    end, text, ids, labels = tokenizer.eos_token_id, "", list[int](), list[int]()
    begins = not is_chat
    for place, (piece, is_learnt) in enumerate(pieces):
        whole = list(tokenizer(text + piece, add_special_tokens=begins)["input_ids"])
        if begins and whole and whole[-1] == end:
            whole = whole[:-1]
        is_joined = whole[: len(ids)] == ids
        new = whole[len(ids) :] if is_joined else list(tokenizer(piece, add_special_tokens=False)["input_ids"])
        is_closed = is_learnt and (not is_chat or place == len(pieces) - 1) and end not in new[-3:]
        ids += new + ([end] if is_closed else [])
        labels += (new + ([end] if is_closed else [])) if is_learnt else [IGNORED] * len(new)
        text += piece
    return ids, labels


def chat_texts(tokenizer: Any, example: TrainingExample) -> tuple[str, str, bool]:
    """The same for the model's chat template. Raises InputError if there is none, or if it cannot be split."""
    if not getattr(tokenizer, "chat_template", None):
        raise InputError("format chat: the model has no chat template; use `format: templates`, or a chat model.")
    chat = [{"role": message.role, "content": message.content} for message in example.messages]
    try:
        prompt_part = fill_chat_template(tokenizer, chat[:-1], add_generation_prompt=True)
        whole = fill_chat_template(tokenizer, chat)
    except ChatTemplateError as exc:
        raise InputError(
            f"format chat: the model's chat template cannot be filled with these messages: {exc}; use `format: templates`, "
            "or another model."
        ) from None
    if whole.startswith(prompt_part):
        return prompt_part, whole[len(prompt_part) :], False
    return prompt_part, chat[-1]["content"], False  # it renders a past answer differently from one to be written


def split_tokens(tokenizer: Any, prompt: str, completion: str, begins: bool) -> tuple[list[int], list[int]]:
    """(ids read, ids learnt).

    The prompt is tokenized exactly as at inference; the completion follows, closed with the end of text. If tokens
    would merge across the boundary, the completion is tokenized by itself, so that the model sees the same boundary
    in training as when it answers.
    """
    end = tokenizer.eos_token_id
    prompt_part = list(tokenizer(prompt, add_special_tokens=begins)["input_ids"])
    if begins and prompt_part and prompt_part[-1] == end:
        plain = list(tokenizer(prompt, add_special_tokens=False)["input_ids"])
        prompt_part = prompt_part if plain and plain[-1] == end else prompt_part[:-1]
    whole = list(tokenizer(prompt + completion, add_special_tokens=begins)["input_ids"])
    if whole[: len(prompt_part)] == prompt_part:
        completion_part = whole[len(prompt_part) :]
    else:
        completion_part = list(tokenizer(completion, add_special_tokens=False)["input_ids"])
    return prompt_part, completion_part if end in completion_part[-3:] else [*completion_part, end]


def encoder_tokens(tokenizer: Any, prompt: str, completion: str, begins: bool) -> tuple[list[int], list[int]]:
    """(ids that the encoder reads, ids that the decoder learns to write).

    The prompt is closed as at inference; the completion ends with the end of text.
    """
    end = tokenizer.eos_token_id
    read = list(tokenizer(prompt, add_special_tokens=begins)["input_ids"])
    written = list(tokenizer(completion, add_special_tokens=False)["input_ids"])
    return read, written if end in written[-3:] else [*written, end]
