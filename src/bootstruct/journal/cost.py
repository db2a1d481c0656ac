"""The cost of replies: the only sum, which budgets, `status`, `preview`, `evaluate` and the report all use."""

from collections.abc import Iterable, Iterator

from bootstruct.config.machine import Prices
from bootstruct.journal.state import State
from bootstruct.journal.usage import Usage

PricedUsage = tuple[Usage, str, str]  # usage, the model as the server named it, the model as the request named it


def price_of(usage: Usage, model: str, requested: str, prices: Prices) -> float | None:
    """Return what the replies of one model cost in US dollars, with batches at their fraction of the list price.

    Args:
        usage: the totals over the replies.
        model: the name that the server reported.
        requested: the name that the requests were sent with; it counts if the reported one has no price.
        prices: US dollars per million tokens.

    Returns:
        None if the price is not known and something was paid for.

    Example:
        >>> price_of(Usage(1, 1_000_000, 500_000), "m-2024-08-06", "m", Prices({"m": (1.0, 2.0)}))
        2.0
    """
    priced = model if prices.of(model) else requested
    cost = prices.cost(priced, usage.prompt_tokens, usage.completion_tokens)
    if cost is None:
        return None if usage.requests else 0.0  # all of it was reused from other runs
    return cost - (_saved(usage, priced, prices) or 0.0)


def total_price(usages: Iterable[PricedUsage], prices: Prices) -> float | None:
    """Return what the replies of several models cost in US dollars; None if a price is not known."""
    costs = [price_of(usage, model, requested, prices) for usage, model, requested in usages]
    known = [cost for cost in costs if cost is not None]
    return sum(known) if len(known) == len(costs) else None


def usage_cost(state: State, step: str, model: str, prices: Prices) -> float | None:
    """Return what the replies of one step by one model cost in US dollars; None if the price is not known.

    Args:
        state: the run so far; `state.usage` holds the tokens by (step, model).
        step: the step of the pipeline, a key of `state.usage`.
        model: the name that the server reported; if it has no price, the recipe's name for the model counts.
        prices: US dollars per million tokens.
    """
    return price_of(state.usage[step, model], model, state.recipe.model_at(step), prices)


def cost_of(state: State, prices: Prices, step: str | None = None) -> float | None:
    """Return what the replies (of one step) cost in US dollars; None if a price is not known."""
    return total_price(_usages(state, step), prices)


def known_cost(state: State, prices: Prices) -> float:
    """Return what the replies cost in US dollars, with unknown prices as 0; a budget starts from this."""
    return sum(price_of(usage, model, requested, prices) or 0.0 for usage, model, requested in _usages(state))


def saved_by_batch(state: State, prices: Prices) -> float | None:
    """Return what batches have saved against the list price, in US dollars; None if a price is not known."""
    saved = 0.0
    for usage, model, requested in _usages(state):
        part = _saved(usage, model if prices.of(model) else requested, prices)
        if part is None and usage.batched:
            return None
        saved += part or 0.0
    return saved


def _usages(state: State, step: str | None = None) -> Iterator[PricedUsage]:
    for (at, model), usage in state.usage.items():
        if step in (None, at):
            yield usage, model, state.recipe.model_at(at)


def _saved(usage: Usage, priced: str, prices: Prices) -> float | None:
    cost = prices.cost(priced, usage.batched_prompt, usage.batched_completion)
    return None if cost is None else (1 - prices.batch_factor) * cost
