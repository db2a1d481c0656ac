"""The next token of every row: penalties, temperature, top_p, and the draw.

Floating point makes the logits of the same row differ in their last bits with the shape of its batch. So logits are
rounded to a grid before a token is drawn, and if the choice depends on less than two steps of that grid, the row is
marked as close: the caller computes its logits alone, in one fixed way, and draws from those. Noise below one step
then never changes a reply.
"""

from dataclasses import dataclass
from typing import Any

from bootstruct.engines.local import randomness
from bootstruct.types import Sampling

STEP = (
    2.0**-13
)  # width of the grid, about ten times the noise of fp32 logits (docs/why/local-models.md has measurements)
SLACK = 2  # steps of the grid within which a choice is close
MASS_SLACK = 2.0**-10  # probability at the edge of the nucleus that noise of one step can move, with a margin
FEW = 256  # most probable tokens that are tried first; a nucleus is rarely larger


@dataclass(frozen=True, slots=True)
class SamplingParameters:
    """How each row of a batch is sampled; tensors of shape (rows)."""

    temperature: Any
    top_p: Any
    presence: Any
    frequency: Any
    seeds: Any

    def keep(self, rows: Any) -> "SamplingParameters":
        """The parameters of these rows."""
        return SamplingParameters(*(getattr(self, name)[rows] for name in SamplingParameters.__dataclass_fields__))


def parameters_of(samplings: list[Sampling], seeds: list[int], device: Any = "cpu") -> SamplingParameters:
    """The parameters of a batch. seeds: any integers, of which the lowest 64 bits count."""
    import torch

    def column(name: str) -> Any:
        return torch.tensor([getattr(sampling, name) for sampling in samplings], dtype=torch.float32, device=device)

    signed = [(seed + 2**63) % 2**64 - 2**63 for seed in seeds]
    penalties = (column("presence_penalty"), column("frequency_penalty"))
    return SamplingParameters(column("temperature"), column("top_p"), *penalties, torch.tensor(signed, device=device))


def penalized(logits: Any, counts: Any, parameters: SamplingParameters) -> Any:
    """Logits with penalties as OpenAI defines them.

    The frequency penalty is subtracted once for each time that a token was generated, the presence penalty once.

    Args:
        logits: (rows, vocabulary).
        counts: how often each token is in the reply so far, (rows, vocabulary).
        parameters: of the rows.
    """
    return logits - counts * parameters.frequency[:, None] - (counts > 0) * parameters.presence[:, None]


def sample(logits: Any, parameters: SamplingParameters, positions: Any) -> tuple[Any, Any]:
    """Draw the next token of each row.

    Temperature 0 takes the most probable token; among equals the lowest id wins.

    Args:
        logits: float32 (rows, vocabulary), penalties applied.
        parameters: of the rows.
        positions: (rows), the number of tokens generated so far.

    Returns:
        The token ids, and whether each choice is close, both of shape (rows).
    """
    import torch

    steps = (logits / STEP).round()
    tokens = torch.zeros(len(logits), dtype=torch.int64, device=logits.device)
    close = torch.zeros(len(logits), dtype=torch.bool, device=logits.device)
    greedy = parameters.temperature <= 0
    whole = ~greedy & (parameters.top_p >= 1)
    for selected, pick in ((greedy, _best), (whole, _from_all), (~greedy & ~whole, _from_nucleus)):
        rows = selected.nonzero()[:, 0]
        if len(rows):
            tokens[rows], close[rows] = pick(steps[rows], parameters.keep(rows), positions[rows])
    return tokens, close


def _best(steps: Any, parameters: SamplingParameters, positions: Any) -> tuple[Any, Any]:
    return _largest(steps, None), _margin(steps) < SLACK


def _from_all(steps: Any, parameters: SamplingParameters, positions: Any) -> tuple[Any, Any]:
    import torch

    ids = torch.arange(steps.shape[1], device=steps.device)
    unit = STEP / parameters.temperature.double()[:, None]
    scores = steps * unit + randomness.gumbel(randomness.keys(parameters.seeds, positions), ids)
    return _largest(scores, None), _margin(scores) < SLACK * unit[:, 0]


def _from_nucleus(steps: Any, parameters: SamplingParameters, positions: Any) -> tuple[Any, Any]:
    """A draw from the nucleus: the fewest tokens whose probability reaches top_p, at least one.

    It is close if another token would win, or might, if the nucleus were a little larger or smaller.
    """
    import torch

    unit = STEP / parameters.temperature.double()[:, None]
    ids, ranked = _ranked(steps, unit, parameters.top_p)
    shares = ((ranked - ranked[:, :1]) * unit).exp()
    total = ((steps - ranked[:, :1]) * unit).exp().sum(1, keepdim=True)
    before = (shares.cumsum(1) - shares) / total
    limit = parameters.top_p.double()[:, None].clamp(min=2 * MASS_SLACK)
    inside = before < limit
    count = inside.sum(1, keepdim=True)
    last = ranked.gather(1, count - 1)
    following = ranked.gather(1, count.clamp(max=ranked.shape[1] - 1))
    is_tied = (last - following <= SLACK) & (
        count < ranked.shape[1]
    )  # the last token inside and the first outside may swap
    wider = (before < limit + MASS_SLACK) | (is_tied & (ranked >= last - SLACK))
    surely = (before < limit - MASS_SLACK) & ~(is_tied & (ranked <= following + SLACK))
    scores = ranked * unit + randomness.gumbel(randomness.keys(parameters.seeds, positions), ids)
    lowest = torch.full_like(scores, -torch.inf)
    chosen = _largest(torch.where(inside, scores, lowest), ids)
    wide = torch.where(wider, scores, lowest)
    at = wide.argmax(1, keepdim=True)
    return chosen, (_margin(wide) < SLACK * unit[:, 0]) | ~surely.gather(1, at)[:, 0]


def _ranked(steps: Any, unit: Any, top_p: Any) -> tuple[Any, Any]:
    """(ids, steps) by falling probability, equals by rising id; only as many as a nucleus may need."""
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
    """The id of the largest score of each row, the lowest id among equals."""
    import torch

    if ids is None:
        ids = torch.arange(scores.shape[1], device=scores.device).expand_as(scores)
    best = scores == scores.max(1, keepdim=True).values
    return torch.where(best, ids, torch.iinfo(torch.int64).max).min(1).values


def _margin(scores: Any) -> Any:
    """The difference between the best and the second-best of each row."""
    two = scores.topk(min(2, scores.shape[1]), dim=1).values
    return two[:, 0] - two[:, -1] if scores.shape[1] > 1 else two[:, 0] * 0 + SLACK
