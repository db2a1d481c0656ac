"""Stateless random numbers for sampling: one for each (request's seed, token position, token id).

Counters are hashed with splitmix64, so that the noise of a token depends on no other token, batch or order, and is the
same on every device. Torch tensors in, torch tensors out.
"""

from typing import Any

_GOLDEN = 0x9E3779B97F4A7C15 - 2**64  # as signed 64-bit numbers, which is what torch multiplies (and wraps)
_FIRST = 0xBF58476D1CE4E5B9 - 2**64
_SECOND = 0x94D049BB133111EB - 2**64


def _mix(z: Any) -> Any:
    z = (z ^ ((z >> 30) & (2**34 - 1))) * _FIRST
    z = (z ^ ((z >> 27) & (2**37 - 1))) * _SECOND
    return z ^ ((z >> 31) & (2**33 - 1))


def keys(seeds: Any, positions: Any) -> Any:
    """One key per row. seeds, positions: int64 of shape (rows)."""
    return _mix(_mix(seeds * _GOLDEN + _GOLDEN) + positions * _GOLDEN)


def uniform(keys: Any, tokens: Any) -> Any:
    """float64 in (0, 1), 53 bits each. keys: (rows); tokens: int64 ids of shape (rows, n) or (n)."""
    hashed = _mix(keys[:, None] + (tokens + 1) * _GOLDEN)
    return (((hashed >> 11) & (2**53 - 1)).double() + 0.5) * 2.0**-53


def gumbel(keys: Any, tokens: Any) -> Any:
    """Standard Gumbel noise, float64: the token with the largest log-probability plus noise is a fair draw."""
    return -(-uniform(keys, tokens).log()).log()
