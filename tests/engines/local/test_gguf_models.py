"""Models in GGUF files: the same replies as from safetensors, and nothing of the libraries' talk reaches the user."""

import random
from pathlib import Path

import pytest

pytest.importorskip("torch", reason="torch is not installed: pip install 'bootstruct[local]'")
pytest.importorskip("transformers", reason="transformers is not installed: pip install 'bootstruct[local]'")
pytest.importorskip("gguf", reason="gguf is not installed: pip install 'bootstruct[local]'")

from bootstruct.errors import EngineUnavailableError  # noqa: E402
from bootstruct.types import Message, Prompt, Sampling  # noqa: E402
from tests.support import local_models as tiny  # noqa: E402
from tests.support import tiny_gguf  # noqa: E402
from tests.support.commands import bootstruct_process  # noqa: E402

pytestmark = pytest.mark.real
OFFLINE = {"HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1", "PYTHONWARNINGS": "default"}


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_gguf.convert(tiny.causal_folder(), tmp_path_factory.mktemp("gguf") / "tiny.gguf")


def test_replies_are_those_of_the_same_weights_in_safetensors(file: Path) -> None:
    original, converted = tiny.loaded(tiny.causal_folder()), tiny.loaded(file)
    chat = Prompt("kind", "tiny", Sampling(max_tokens=9), 3, messages=(Message("user", "Task: name a colour"),))
    prompts = [*tiny.prompts(12), chat]
    assert converted.generate(prompts, tiny.never) == original.generate(prompts, tiny.never)
    assert converted.tokenization.context == original.tokenization.context
    assert converted.tokenization.ends == original.tokenization.ends


def test_a_folder_with_one_file_is_loaded(file: Path) -> None:
    (reply,) = tiny.loaded(file.parent).generate(tiny.prompts(1), tiny.never)
    assert reply.completion_tokens > 0


@pytest.mark.parametrize("recipe", ["paper", "chat"])
def test_a_run_shows_nothing_of_the_libraries(file: Path, tmp_path: Path, recipe: str) -> None:
    run = tmp_path / "run"
    assert bootstruct_process("init", run, "--recipe", recipe, "--model", f"hf/{file}").returncode == 0
    recipe_file = run / "recipe.yaml"
    recipe_file.write_text(recipe_file.read_text().replace("max_tokens: 1024", "max_tokens: 40"))
    done = bootstruct_process("generate", run, "--tasks", 2, "--max-requests", 6, "--ignore-stall", **OFFLINE)
    assert done.returncode in (0, 1), done.stderr
    assert (run / "journal.jsonl").stat().st_size > 0
    for sign in ("Warning", "warning", "note:", "%|", "it/s", "Traceback"):
        assert sign not in done.stderr


def test_damaged_files_end_in_one_sentence_and_exit_code_2(file: Path, tmp_path: Path) -> None:
    run, bad = tmp_path / "run", tmp_path / "bad.gguf"
    bad.write_bytes(file.read_bytes()[: file.stat().st_size // 2])
    assert bootstruct_process("init", run, "--recipe", "paper", "--model", f"hf/{bad}").returncode == 0
    done = bootstruct_process("generate", run, "--tasks", 2, **OFFLINE)
    assert done.returncode == 2
    assert "Traceback" not in done.stderr
    assert "Warning" not in done.stderr
    assert [line for line in done.stderr.splitlines() if "cannot be loaded" in line and line.startswith("error:")]


def test_files_with_damage_anywhere_raise_one_kind_of_error(file: Path, tmp_path: Path) -> None:
    """Bytes of the header replaced at random: the model loads, or it cannot be loaded for a reason in one line."""
    content, chance, bad = file.read_bytes(), random.Random(7), tmp_path / "bad.gguf"
    reasons = []
    for _ in range(12):
        damaged = bytearray(content)
        for _ in range(3):
            damaged[chance.randrange(24, 600)] = chance.randrange(256)
        bad.write_bytes(damaged)
        try:
            tiny.loaded(bad)
        except EngineUnavailableError as exc:
            reasons.append(str(exc))
    assert reasons
    assert all("\n" not in reason for reason in reasons)
