"""A small run and a tiny model to train on it."""

from pathlib import Path

import pytest

from tests.support.finetune_runs import make_run


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_run(tmp_path_factory.mktemp("finetune") / "run", 30)


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    from tests.support.tiny_model import make  # needs torch

    return make(tmp_path_factory.mktemp("base"))
