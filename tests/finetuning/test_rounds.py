"""The loop goes round: a model writes a run, learns it, writes the next run, and learns both. On the pocket model.

POCKET_MODEL names another folder than the shipped one.
"""

import os
import re
import shlex
import subprocess
from pathlib import Path

import pytest

from tests.support.paths import PACKAGE, ROOT

for package in ("torch", "transformers", "trl", "peft", "datasets"):
    pytest.importorskip(package, reason=f"{package} is not installed: pip install 'bootstruct[train]'")

from bootstruct.run.folder import read_run  # noqa: E402
from tests.support.commands import CLI, environment  # noqa: E402

pytestmark = [pytest.mark.real, pytest.mark.slow]
SHIPPED = PACKAGE / "pocket" / "model"
MODEL = os.environ.get("POCKET_MODEL", "pocket")


@pytest.mark.skipif(
    MODEL == "pocket" and not SHIPPED.exists(), reason="the pocket model is not there yet (pocket/build.py)"
)
def test_two_rounds(tmp_path: Path) -> None:
    """The very commands of docs/finetune.md."""
    text = (ROOT / "docs" / "finetune.md").read_text()
    block = text.partition("## Several rounds")[2].partition("\n## ")[0]
    commands = [shlex.split(line) for line in re.findall(r"^    bootstruct (.*)$", block, re.MULTILINE)]
    assert [words[0] for words in commands] == ["init", "generate", "finetune"] * 2
    for words in commands:
        if MODEL != "pocket":
            words = [f"hf/{MODEL}" if words[0] == "init" and word == "pocket" and words[at - 1] == "--model" else
                     MODEL if words[0] == "finetune" and word == "pocket" else word for at, word in enumerate(words)]  # fmt: skip
        done = subprocess.run(
            [*CLI, *words], cwd=tmp_path, env=environment(), capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, f"{words}: {done.stderr}"
    for n in (1, 2):
        verified = subprocess.run([*CLI, "verify", f"runs/{n}"], cwd=tmp_path, env=environment(), check=False)
        assert verified.returncode == 0
        state = read_run(tmp_path / "runs" / str(n))
        assert len(state.accepted) >= 8
        assert sum(len(entry.instances) for entry in state.completed.values()) >= 3
    assert (tmp_path / "models" / "2" / "model.safetensors").is_file()
    written = (tmp_path / "models" / "2" / "README.md").read_text()
    assert "runs/1" in written
    assert "runs/2" in written
