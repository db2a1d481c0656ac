"""Marks that several tests share."""

from typing import Any

import pytest


def trials(quick: int, count: int) -> list[Any]:
    """Return trial numbers as parameters: the first ones for the quick tests, and the others for the slow ones."""
    return [*range(quick), *(pytest.param(number, marks=pytest.mark.slow) for number in range(quick, count))]
