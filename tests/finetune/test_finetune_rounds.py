"""The loop goes round: a model writes a run, learns it, writes the next run, and learns both. On the pocket model.

POCKET_MODEL names another folder than the shipped one.
"""

import os
from pathlib import Path

import pytest

for package in ("torch", "transformers", "trl", "peft", "datasets"):
    pytest.importorskip(package, reason=f"{package} is not installed: pip install 'bootstruct[train]'")

from bootstruct.runs import read_run  # noqa: E402
from tests.servers import bootstruct  # noqa: E402

pytestmark = [pytest.mark.real, pytest.mark.slow]
SHIPPED = Path(__file__).parents[2] / "src" / "bootstruct" / "pocket" / "model"
MODEL = os.environ.get("POCKET_MODEL", "pocket")


@pytest.mark.skipif(
    MODEL == "pocket" and not SHIPPED.exists(), reason="the pocket model is not there yet (pocket/build.py)"
)
def test_two_rounds(tmp_path: Path) -> None:
    model, sources = MODEL, []
    for n in (1, 2):
        run, out = tmp_path / f"run{n}", tmp_path / f"model{n}"
        engine = model if model == "pocket" else f"hf/{model}"
        for words in (
            ["init", run, "--recipe", "pocket", "--model", engine],
            ["generate", run, "--tasks", 8, "--quiet"],
            ["verify", run],
            ["finetune", run, *sources, "--model", MODEL, "--out", out, "--epochs", 2, "--held-out", 0],
        ):
            done = bootstruct(*words)
            assert done.returncode == 0, f"{words}: {done.stderr}"
        state = read_run(run)
        assert len(state.machine) >= 8
        assert sum(len(each.instances) for each in state.annotated.values()) >= 3
        sources += ["--mix", run, 1]
        model = str(out)
