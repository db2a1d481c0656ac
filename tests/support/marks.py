"""Marks that several tests share."""

from typing import Any

import pytest


def trials(quick: int, count: int) -> list[Any]:
    """Numbers of trials to parametrize with: the first ones for the quick tests, the others for the slow ones."""
    return [*range(quick), *(pytest.param(number, marks=pytest.mark.slow) for number in range(quick, count))]
