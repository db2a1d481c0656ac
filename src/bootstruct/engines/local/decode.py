"""The loop that writes replies: one token for every row of a batch at a time, until each row has come to its end."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from bootstruct.domain import Sampling
from bootstruct.engines.local import Stopped, choose

ANCHOR = (
    4  # tokens before the reply that are decoded with it: tokenizers treat the beginning of a text in their own ways
)
COMPACT_AT = 0.75  # a batch is made smaller once so few of its rows are still being written


class Batch(Protocol):
    """A batch inside a model. Rows are numbered by their place in it; `keep` renumbers those that stay."""

    def begin(self) -> Any:
        """Logits (rows, vocabulary), float32, for the first token of each reply."""

    def advance(self, tokens: Any) -> Any:
        """Logits for the next token after `tokens` (rows)."""

    def keep(self, rows: Any) -> None:
        """Go on with these rows only."""

    def alone(self, prompt: Sequence[int], written: Sequence[int]) -> Any:
        """Logits (1, vocabulary) after this one row, computed in the one way that depends on nothing else."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What one row asks for. room: the most tokens it may write, at least 1. before: the tokens that the reply follows,
    as far as they matter to its text."""

    prompt: list[int]
    sampling: Sampling
    seed: int
    room: int
    before: tuple[int, ...] = ()


@dataclass(slots=True)
class Written:
    """What has become of one row; finish is `stop` or `length` in the end."""

    text: str = ""
    finish: str = ""
    tokens: list[int] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Speaker:
    """The model's words: ids -> text, the ids that end a reply, and the size of its vocabulary.

    recheck: whether choices too close to call are settled by `Batch.alone` (see `choose`).
    """

    text: Callable[[Sequence[int]], str]
    ends: frozenset[int]
    recheck: bool = True


def write(batch: Batch, asked: Sequence[Asked], speaker: Speaker, stopping: Callable[[], bool]) -> list[Written]:
    """The replies of one batch, in order. Raises Stopped once `stopping` says so."""
    import torch

    logits = batch.begin()
    written = [Written() for _ in asked]
    rows = list(range(len(asked)))  # which of the asked each row of the batch is
    rules = choose.rules_of([each.sampling for each in asked], [each.seed for each in asked], logits.device)
    has_penalty = any(each.sampling.presence_penalty or each.sampling.frequency_penalty for each in asked)
    counts = torch.zeros_like(logits) if has_penalty else None
    while True:
        if stopping():
            raise Stopped
        done = [written[n].finish != "" for n in rows]
        tokens = _choose(batch, logits, counts, rules, rows, asked, written, speaker)
        if counts is not None:
            counts[torch.arange(len(rows), device=counts.device), tokens] += 1
        for n, token, is_done in zip(rows, tokens.tolist(), done, strict=True):
            if not is_done:
                _take(written[n], token, asked[n], speaker)
        open_ = [place for place, n in enumerate(rows) if not written[n].finish]
        if not open_:
            return written
        if len(open_) <= COMPACT_AT * len(rows):
            kept = torch.tensor(open_, device=logits.device)
            batch.keep(kept)
            rows, tokens, rules = [rows[place] for place in open_], tokens[kept], rules.keep(kept)
            counts = counts[kept] if counts is not None else None
        logits = batch.advance(tokens)


def _choose(
    batch: Batch, logits: Any, counts: Any, rules: choose.Rules, rows: list[int], asked: Sequence[Asked],
    written: Sequence[Written], speaker: Speaker,
) -> Any:  # fmt: skip
    """One token for each row of the batch; what is too close to call is computed alone."""
    import torch

    positions = torch.tensor([len(written[n].tokens) for n in rows], device=logits.device)
    adjusted = logits if counts is None else choose.penalised(logits, counts, rules)
    tokens, close = choose.choose(adjusted, rules, positions)
    if not speaker.recheck:
        return tokens
    for place in close.nonzero()[:, 0].tolist():
        n = rows[place]
        if written[n].finish:
            continue
        row = torch.tensor([place], device=logits.device)
        own = batch.alone(asked[n].prompt, written[n].tokens)
        if counts is not None:
            own = choose.penalised(own, counts[row], rules.keep(row))
        tokens[place] = choose.choose(own, rules.keep(row), positions[row])[0][0]
    return tokens


def _take(row: Written, token: int, asked: Asked, speaker: Speaker) -> None:
    """Add one token to a reply, and end the reply where it ends it."""
    row.tokens.append(token)
    if token in speaker.ends:
        row.text, row.finish = text_of(asked.before, row.tokens[:-1], speaker), "stop"
        return
    stops = [each for each in asked.sampling.stop if each]
    if stops:
        reach = max(len(each.encode()) for each in stops) + ANCHOR  # a token is at least one byte
        tail = speaker.text(row.tokens[-reach:])
        if any(each in tail for each in stops):
            text = text_of(asked.before, row.tokens, speaker)
            ends = [at for each in stops if (at := text.find(each)) >= 0]
            if ends:
                row.text, row.finish = text[: min(ends)], "stop"
                return
    if len(row.tokens) >= asked.room:
        row.text, row.finish = text_of(asked.before, row.tokens, speaker), "length"


def text_of(before: Sequence[int], tokens: Sequence[int], speaker: Speaker) -> str:
    """The text that the tokens add to those before: blanks at the seam are kept as they are in the whole."""
    known, whole = speaker.text(before), speaker.text([*before, *tokens])
    return whole[len(known) :] if whole.startswith(known) else speaker.text(tokens)
