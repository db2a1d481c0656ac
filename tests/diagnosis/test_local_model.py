"""`doctor --model hf/PATH` loads a model and says what it supports, in the rows of a server's probe."""

import importlib.util
import json
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("torch", reason="torch is not installed: pip install 'bootstruct[local]'")
pytest.importorskip("transformers", reason="transformers is not installed: pip install 'bootstruct[local]'")
pytest.importorskip("llguidance", reason="llguidance is not installed: pip install 'bootstruct[local]'")

from bootstruct.diagnosis.local_model import _probe  # noqa: E402
from tests.support import local_models as tiny  # noqa: E402
from tests.support.commands import bootstruct_process  # noqa: E402

pytestmark = pytest.mark.real


def probed(folder: Path) -> dict[str, tuple[str, str]]:
    return {result.feature: (result.outcome, result.note) for result in _probe("hf", str(folder))}


def test_a_chat_model() -> None:
    done = bootstruct_process("doctor", "--model", f"hf/{tiny.causal_folder()}", "--json")
    assert done.returncode == 0, done.stderr
    rows = {row["feature"]: row for row in json.loads(done.stdout)["server"]}
    assert list(rows) == ["model", "chat", "text completion", "context length", "JSON schema", "tokens/s"]
    assert all(row["outcome"] == "yes" for row in rows.values())
    assert rows["context length"]["note"].startswith("8,192 tokens")
    assert done.stderr == ""


def test_a_model_without_a_chat_template() -> None:
    rows = probed(tiny.seq2seq_folder())
    assert rows["chat"] == ("no", "it has no chat template: use recipe paper")
    assert rows["context length"] == ("yes", "the model names no limit")


def test_schemas_without_the_package(monkeypatch: pytest.MonkeyPatch) -> None:
    real = importlib.util.find_spec

    def without(name: str, package: str | None = None) -> Any:
        return None if name == "llguidance" else real(name, package)

    monkeypatch.setattr(importlib.util, "find_spec", without)
    outcome, note = probed(tiny.causal_folder())["JSON schema"]
    assert outcome == "no"
    assert "pip install 'bootstruct[local]'" in note


def test_a_model_that_is_not_there_is_one_sentence(tmp_path: Path) -> None:
    done = bootstruct_process("doctor", "--model", f"hf/{tmp_path}/none.gguf")
    assert done.returncode == 2
    assert "no such file" in done.stderr
    assert "Traceback" not in done.stderr
