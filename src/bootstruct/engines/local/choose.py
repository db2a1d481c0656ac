"""The next token of every row: penalties, temperature, top_p, and the draw.

Floating point makes the same row's logits differ in their last bits with the shape of its batch. So logits are rounded
to a grid before anything is chosen, and where the choice hangs on less than two steps of that grid the row is marked as
close: the caller computes its logits alone, in one fixed way, and chooses from those. Noise below one step then never
changes a reply.
"""

from dataclasses import dataclass
from typing import Any

from bootstruct.domain import Sampling
from bootstruct.engines.local import chance

STEP = 2.0**-13  # of the grid: some ten times the noise of fp32 logits (docs/why/local-models.md has measurements)
SLACK = 2  # steps within which a choice is close
MASS_SLACK = 2.0**-10  # of probability at the edge of the nucleus: what noise of one step moves, with room
FEW = 256  # the most probable tokens that are looked at first; a nucleus is rarely larger


@dataclass(frozen=True, slots=True)
class Rules:
    """How each row of a batch is drawn; tensors of shape (rows)."""

    temperature: Any
    top_p: Any
    presence: Any
    frequency: Any
    seeds: Any

    def keep(self, rows: Any) -> "Rules":
        return Rules(*(getattr(self, name)[rows] for name in Rules.__dataclass_fields__))


def rules_of(samplings: list[Sampling], seeds: list[int], device: Any = "cpu") -> Rules:
    """seeds: any whole numbers; their lowest 64 bits count."""
    import torch

    def column(name: str) -> Any:
        return torch.tensor([getattr(each, name) for each in samplings], dtype=torch.float32, device=device)

    signed = [(seed + 2**63) % 2**64 - 2**63 for seed in seeds]
    penalties = (column("presence_penalty"), column("frequency_penalty"))
    return Rules(column("temperature"), column("top_p"), *penalties, torch.tensor(signed, device=device))


def penalised(logits: Any, counts: Any, rules: Rules) -> Any:
    """As OpenAI defines it: minus the frequency penalty for each time, and the presence penalty once, a token was written.

    counts: how often each token stands in the reply so far, (rows, vocabulary).
    """
    return logits - counts * rules.frequency[:, None] - (counts > 0) * rules.presence[:, None]


def choose(logits: Any, rules: Rules, positions: Any) -> tuple[Any, Any]:
    """(token ids, is it close), both (rows). logits: float32 (rows, vocabulary), penalties applied. positions: (rows),
    the number of tokens written so far. temperature 0 takes the best; equals are settled by the lower id."""
    import torch

    steps = (logits / STEP).round()
    tokens = torch.zeros(len(logits), dtype=torch.int64, device=logits.device)
    close = torch.zeros(len(logits), dtype=torch.bool, device=logits.device)
    greedy = rules.temperature <= 0
    whole = ~greedy & (rules.top_p >= 1)
    for kind, pick in ((greedy, _best), (whole, _from_all), (~greedy & ~whole, _from_nucleus)):
        rows = kind.nonzero()[:, 0]
        if len(rows):
            tokens[rows], close[rows] = pick(steps[rows], rules.keep(rows), positions[rows])
    return tokens, close


def _best(steps: Any, rules: Rules, positions: Any) -> tuple[Any, Any]:
    return _largest(steps, None), _margin(steps) < SLACK


def _from_all(steps: Any, rules: Rules, positions: Any) -> tuple[Any, Any]:
    import torch

    ids = torch.arange(steps.shape[1], device=steps.device)
    unit = STEP / rules.temperature.double()[:, None]
    scores = steps * unit + chance.gumbel(chance.keys(rules.seeds, positions), ids)
    return _largest(scores, None), _margin(scores) < SLACK * unit[:, 0]


def _from_nucleus(steps: Any, rules: Rules, positions: Any) -> tuple[Any, Any]:
    """The draw among the fewest tokens whose probability reaches top_p; the best one always is among them.

    Close: another token would win, or might, were the nucleus a little larger or smaller.
    """
    import torch

    unit = STEP / rules.temperature.double()[:, None]
    ids, ranked = _ranked(steps, unit, rules.top_p)
    shares = ((ranked - ranked[:, :1]) * unit).exp()
    total = ((steps - ranked[:, :1]) * unit).exp().sum(1, keepdim=True)
    before = (shares.cumsum(1) - shares) / total
    limit = rules.top_p.double()[:, None].clamp(min=2 * MASS_SLACK)
    inside = before < limit
    count = inside.sum(1, keepdim=True)
    last = ranked.gather(1, count - 1)
    following = ranked.gather(1, count.clamp(max=ranked.shape[1] - 1))
    is_tied = (last - following <= SLACK) & (count < ranked.shape[1])  # the last one in and the first one out may swap
    wider = (before < limit + MASS_SLACK) | (is_tied & (ranked >= last - SLACK))
    surely = (before < limit - MASS_SLACK) & ~(is_tied & (ranked <= following + SLACK))
    scores = ranked * unit + chance.gumbel(chance.keys(rules.seeds, positions), ids)
    lowest = torch.full_like(scores, -torch.inf)
    chosen = _largest(torch.where(inside, scores, lowest), ids)
    wide = torch.where(wider, scores, lowest)
    at = wide.argmax(1, keepdim=True)
    return chosen, (_margin(wide) < SLACK * unit[:, 0]) | ~surely.gather(1, at)[:, 0]


def _ranked(steps: Any, unit: Any, top_p: Any) -> tuple[Any, Any]:
    """(ids, steps) from the most probable down, equals by lower id; only as many as a nucleus may need."""
    import torch

    if steps.shape[1] > 4 * FEW:
        ids = steps.topk(FEW, dim=1).indices.sort(dim=1).values
        values, order = steps.gather(1, ids).sort(dim=1, descending=True, stable=True)
        reached = torch.logsumexp(values.double() * unit, 1) - torch.logsumexp(steps.double() * unit, 1)
        if bool((reached.exp() > top_p + 2 * MASS_SLACK).all()):
            return ids.gather(1, order), values
    values, order = steps.sort(dim=1, descending=True, stable=True)
    return order, values


def _largest(scores: Any, ids: Any) -> Any:
    """The id of the largest score of each row, the lower id among equals."""
    import torch

    if ids is None:
        ids = torch.arange(scores.shape[1], device=scores.device).expand_as(scores)
    best = scores == scores.max(1, keepdim=True).values
    return torch.where(best, ids, torch.iinfo(torch.int64).max).min(1).values


def _margin(scores: Any) -> Any:
    """How far the best of each row is ahead of the second."""
    two = scores.topk(min(2, scores.shape[1]), dim=1).values
    return two[:, 0] - two[:, -1] if scores.shape[1] > 1 else two[:, 0] * 0 + SLACK
