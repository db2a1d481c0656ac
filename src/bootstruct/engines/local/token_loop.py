"""The decoding loop: one token for every row of a batch at a time, until each row has ended."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from bootstruct.engines.local import GenerationStoppedError, sampling
from bootstruct.engines.local.schema_constraints import ReplyConstraint, SchemaConstraints, allowed_tokens
from bootstruct.types import Sampling

ANCHOR = 4  # tokens before the reply that are decoded with it: tokenizers treat the beginning of a text specially
COMPACT_AT = 0.75  # share of unfinished rows at which a batch is made smaller


class DecodeBatch(Protocol):
    """A batch inside a model. Rows are numbered by their place in it; `keep` renumbers the remaining ones."""

    def begin(self) -> Any:
        """Logits (rows, vocabulary), float32, for the first token of each reply."""

    def advance(self, tokens: Any) -> Any:
        """Logits for the next token after `tokens` (rows)."""

    def keep(self, rows: Any) -> None:
        """Continue with these rows only."""

    def alone(self, prompt: Sequence[int], generated: Sequence[int]) -> Any:
        """Logits (1, vocabulary) after this one row, computed in a way that depends on nothing else."""


@dataclass(frozen=True, slots=True)
class DecodeRequest:
    """The task of one row.

    Attributes:
        prompt: its tokens.
        sampling: how tokens are drawn.
        seed: of the draws.
        max_tokens: the most tokens of the reply, at least 1.
        before: the last tokens of the prompt, as far as they affect how the reply is decoded.
        schema: a JSON schema that the reply must match; empty for free text.
    """

    prompt: list[int]
    sampling: Sampling
    seed: int
    max_tokens: int
    before: tuple[int, ...] = ()
    schema: str = ""


@dataclass(slots=True)
class DecodingRow:
    """The result of one row; `finish` is empty until the row ends, then `stop` or `length`."""

    text: str = ""
    finish: str = ""
    tokens: list[int] = field(default_factory=list)
    constraint: ReplyConstraint | None = None


@dataclass(frozen=True, slots=True)
class DecodeSettings:
    """Everything that the decoding of all replies of one model shares.

    Attributes:
        detokenize: turns token ids into text.
        ends: the token ids that end a reply.
        recheck: whether choices within floating-point noise are made again from `DecodeBatch.alone` (see `sampling`).
        schemas: makes the constraints of replies that must match a JSON schema; None if there are none.
    """

    detokenize: Callable[[Sequence[int]], str]
    ends: frozenset[int]
    recheck: bool = True
    schemas: SchemaConstraints | None = None

    def begin(self, request: DecodeRequest, width: int) -> DecodingRow:
        """Return an empty reply. `width` is the number of token ids for which the model computes logits."""
        return DecodingRow(constraint=self.schemas.constraint(request.schema, width) if self.schemas else None)


def decode(
    batch: DecodeBatch, requests: Sequence[DecodeRequest], settings: DecodeSettings, stopping: Callable[[], bool]
) -> list[DecodingRow]:
    """Return the replies of one batch, in the order of the requests.

    Args:
        batch: the batch, one row per request.
        requests: the requests.
        settings: the settings of the model that decodes.
        stopping: tells, before each token, whether the work is to be given up.

    Raises:
        GenerationStoppedError: `stopping` returned True.
    """
    import torch

    logits = batch.begin()
    replies = [settings.begin(request, logits.shape[1]) for request in requests]
    rows = list(range(len(requests)))  # the request of each row of the batch
    parameters = sampling.parameters_of(
        [request.sampling for request in requests], [request.seed for request in requests], logits.device
    )
    has_penalty = any(request.sampling.presence_penalty or request.sampling.frequency_penalty for request in requests)
    counts = torch.zeros_like(logits) if has_penalty else None
    while True:
        if stopping():
            raise GenerationStoppedError
        done = [replies[n].finish != "" for n in rows]
        tokens = _next_tokens(batch, logits, counts, parameters, rows, requests, replies, settings)
        if counts is not None:
            counts[torch.arange(len(rows), device=counts.device), tokens] += 1
        for n, token, is_done in zip(rows, tokens.tolist(), done, strict=True):
            if not is_done:
                _append(replies[n], token, requests[n], settings)
        open_ = [place for place, n in enumerate(rows) if not replies[n].finish]
        if not open_:
            return replies
        if len(open_) <= COMPACT_AT * len(rows):
            kept = torch.tensor(open_, device=logits.device)
            batch.keep(kept)
            rows, tokens, parameters = [rows[place] for place in open_], tokens[kept], parameters.keep(kept)
            counts = counts[kept] if counts is not None else None
        logits = batch.advance(tokens)


def _next_tokens(
    batch: DecodeBatch, logits: Any, counts: Any, parameters: sampling.SamplingParameters, rows: list[int],
    requests: Sequence[DecodeRequest],
    replies: Sequence[DecodingRow], settings: DecodeSettings,
) -> Any:  # fmt: skip
    """Choose one token for each row of the batch; choices within floating-point noise are made from the row alone."""
    import torch

    positions = torch.tensor([len(replies[n].tokens) for n in rows], device=logits.device)
    constraints = [None if replies[n].finish else replies[n].constraint for n in rows]
    allowed = allowed_tokens(constraints, logits.shape[1], logits.device)
    adjusted = _adjusted(logits, counts, parameters, allowed)
    tokens, close = sampling.sample(adjusted, parameters, positions)
    if not settings.recheck:
        return tokens
    for place in close.nonzero()[:, 0].tolist():
        n = rows[place]
        if replies[n].finish:
            continue
        row = torch.tensor([place], device=logits.device)
        own = parameters.keep(row)
        own_counts, own_allowed = (None if whole is None else whole[row] for whole in (counts, allowed))
        logits_alone = batch.alone(requests[n].prompt, replies[n].tokens)
        logits_alone = _adjusted(logits_alone, own_counts, own, own_allowed)
        tokens[place] = sampling.sample(logits_alone, own, positions[row])[0][0]
    return tokens


def _adjusted(logits: Any, counts: Any, parameters: sampling.SamplingParameters, allowed: Any) -> Any:
    """Return the logits with the penalties for repeated tokens, and minus infinity for tokens that are not allowed."""
    if counts is not None:
        logits = sampling.penalized(logits, counts, parameters)
    return logits if allowed is None else logits.masked_fill(~allowed, float("-inf"))


def _append(row: DecodingRow, token: int, request: DecodeRequest, settings: DecodeSettings) -> None:
    """Add one token to a reply, and end the reply if that is its last."""
    row.tokens.append(token)
    if row.constraint is not None and row.constraint.is_stuck:  # as if the reply were cut here
        row.text, row.finish = text_of(request.before, row.tokens[:-1], settings), "length"
        return
    if token in settings.ends:
        row.text, row.finish = text_of(request.before, row.tokens[:-1], settings), "stop"
        return
    if row.constraint is not None:
        row.constraint.append(token)
        if row.constraint.is_complete:
            row.text, row.finish = text_of(request.before, row.tokens, settings), "stop"
            return
    stops = [name for name in request.sampling.stop if name]
    if stops:
        reach = max(len(stop.encode()) for stop in stops) + ANCHOR  # a token is at least one byte
        tail = settings.detokenize(row.tokens[-reach:])
        if any(stop in tail for stop in stops):
            text = text_of(request.before, row.tokens, settings)
            ends = [at for stop in stops if (at := text.find(stop)) >= 0]
            if ends:
                row.text, row.finish = text[: min(ends)], "stop"
                return
    if len(row.tokens) >= request.max_tokens:
        row.text, row.finish = text_of(request.before, row.tokens, settings), "length"


def text_of(before: Sequence[int], tokens: Sequence[int], settings: DecodeSettings) -> str:
    """Return the text that `tokens` add to the tokens `before` them, with spaces between them as in the whole text."""
    known, whole = settings.detokenize(before), settings.detokenize([*before, *tokens])
    return whole[len(known) :] if whole.startswith(known) else settings.detokenize(tokens)
