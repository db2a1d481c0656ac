"""What all models on this machine do around their forward passes: prompts in, replies out, and room in memory."""

from collections.abc import Callable, Sequence

from bootstruct.domain import Prompt, Reply
from bootstruct.engines.local import Answer
from bootstruct.engines.local.decode import ANCHOR, Asked, Written
from bootstruct.engines.local.words import Words
from bootstruct.errors import DoorClosed

Writer = Callable[[list[Asked]], list[Written]]


def answers(prompts: Sequence[Prompt], words: Words, ask: Writer) -> list[Answer]:
    """One answer for each prompt, in order. ask: gets those that fit the model's context, all at once."""
    made: list[Answer | None] = []
    asked: list[Asked] = []
    for prompt in prompts:
        tokens = words.tokens(prompt)
        made.append(words.refusal(tokens))
        if made[-1] is None:
            most = prompt.sampling.max_tokens
            room = most if words.is_encoder else min(most, words.context - len(tokens))
            before = () if words.is_encoder else tuple(tokens[-ANCHOR:])
            asked.append(Asked(tokens, prompt.sampling, prompt.sample, room, before))
    written = iter(zip(asked, ask(asked) if asked else [], strict=True))
    return [
        _reply(*next(written), prompt.model) if got is None else got for prompt, got in zip(prompts, made, strict=True)
    ]


def _reply(asked: Asked, written: Written, model: str) -> Reply:
    return Reply(written.text, written.finish, len(asked.prompt), len(written.tokens), model)


def halving(asked: list[Asked], write: Writer) -> list[Written]:
    """Write all at once, or in halves where memory is short: which rows share a batch changes no reply."""
    import torch

    try:
        return write(asked)
    except (torch.OutOfMemoryError, MemoryError):
        if len(asked) == 1:
            raise DoorClosed(
                f"Memory is too short for one prompt of {len(asked[0].prompt)} tokens: take a smaller model, or lower "
                "max_tokens in the recipe."
            ) from None
    half = len(asked) // 2
    return [*halving(asked[:half], write), *halving(asked[half:], write)]
