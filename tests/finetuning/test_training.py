"""Training with TRL on a tiny real model: what is learnt, token by token; that it learns; that it survives kill -9."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

for package in ("torch", "transformers", "trl", "peft", "datasets"):
    pytest.importorskip(package, reason=f"{package} is not installed: pip install 'bootstruct[train]'")

from bootstruct.engines.local.load import load  # noqa: E402
from bootstruct.finetuning.data import read_data  # noqa: E402
from bootstruct.finetuning.settings import MixturePart  # noqa: E402
from bootstruct.finetuning.tokens import IGNORED, encode_all, split_tokens  # noqa: E402
from bootstruct.types import Prompt, Sampling  # noqa: E402
from tests.support.commands import CLI, bootstruct_process, environment  # noqa: E402

pytestmark = pytest.mark.real
ENV = {"HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1"}


@pytest.fixture(scope="module")
def tokenizer(base: Path) -> Any:
    from transformers import AutoTokenizer

    return AutoTokenizer.from_pretrained(base)


def losses(written: str) -> list[float]:
    return [float(line.split(": loss ")[1].split(",")[0]) for line in written.splitlines() if ": loss " in line]


def test_the_labels_are_the_completion_token_by_token(run: Path, tokenizer: Any) -> None:
    """Read back: what is learnt is the completion of its template and the end of text, and not a token of the prompt."""
    data = read_data([MixturePart(str(run))], 0, 0, 42)
    encoded = encode_all(tokenizer, data.train, False, 2048)
    assert encoded.too_long == 0
    shapes = set()
    for example, ids, labels in zip(data.train, encoded.ids, encoded.labels, strict=True):
        learnt = [label for label in labels if label != IGNORED]
        read = ids[: len(ids) - len(learnt)]
        assert labels == [IGNORED] * len(read) + ids[len(read) :]
        assert tokenizer.decode(read) == example.prompt
        assert tokenizer.decode(learnt[:-1]) == example.completion
        assert learnt[-1] == tokenizer.eos_token_id
        assert read == tokenizer(example.prompt)["input_ids"]
        shapes.add(example.prompt.replace(example.task, "")[-9:])
    assert len(shapes) > 6


def test_the_trainer_sees_those_labels(run: Path, tokenizer: Any, base: Path, tmp_path: Path) -> None:
    """Through TRL's own preparation and collator, packed and not: the tokens with a loss are those we marked."""
    from datasets import Dataset
    from transformers import AutoModelForCausalLM
    from trl import SFTTrainer

    from bootstruct.finetuning.settings import FinetuneSettings
    from bootstruct.finetuning.train import config_of

    data = read_data([MixturePart(str(run))], 0, 0, 42)
    encoded = encode_all(tokenizer, data.train, False, 2048)
    for packing in (False, True):
        config = config_of(
            FinetuneSettings(packing=packing, trainer={"per_device_train_batch_size": 4}),
            tmp_path,
            1e-3,
            256,
            encoded,
            False,
        )
        dataset = Dataset.from_dict({"input_ids": encoded.ids, "labels": encoded.labels})
        model = AutoModelForCausalLM.from_pretrained(base)
        trainer = SFTTrainer(model=model, args=config, processing_class=tokenizer, train_dataset=dataset)
        seen: list[int] = []
        for batch in trainer.get_train_dataloader():
            for row in batch["labels"].tolist():
                seen += [label for label in row if label != IGNORED]
        assert len(seen) == encoded.learnt
        assert sorted(seen) == sorted(label for row in encoded.labels for label in row if label != IGNORED)


def test_the_chat_template_marks_the_answer_only(run: Path, tokenizer: Any) -> None:
    data = read_data([MixturePart(str(run))], 0, 0, 42)
    encoded = encode_all(tokenizer, data.train, True, 2048)
    for example, ids, labels in zip(data.train, encoded.ids, encoded.labels, strict=True):
        learnt = [label for label in labels if label != IGNORED]
        assert tokenizer.decode(ids[: -len(learnt)]) == f"<|user|>\n{example.messages[0].content}\n<|assistant|>\n"
        assert tokenizer.decode(learnt[:-1]) == f"{example.messages[1].content}\n"
        assert learnt[-1] == tokenizer.eos_token_id


def test_tokens_that_would_merge_across_the_seam_do_not() -> None:
    """A tokenizer for which "ab" is one piece: the prompt stays as it is when the model is asked."""

    class Merging:
        eos_token_id = 0

        def __call__(self, text: str, add_special_tokens: bool = True) -> dict[str, list[int]]:
            return {
                "input_ids": [
                    9 if part == "ab" else ord(part) for part in text.replace("ab", "|ab|").split("|") if part
                ]
            }

    assert split_tokens(Merging(), "a", "b", False) == ([97], [98, 0])
    assert split_tokens(Merging(), "c", "ab", False)[1] == [9, 0]


def test_too_long_is_counted_and_left_out(run: Path, tokenizer: Any) -> None:
    data = read_data([MixturePart(str(run))], 0, 0, 42)
    whole = encode_all(tokenizer, data.train, False, 2048)
    limit = sorted(map(len, whole.ids))[len(whole.ids) // 2]
    cut = encode_all(tokenizer, data.train, False, limit)
    assert cut.too_long == sum(len(ids) > limit for ids in whole.ids) > 0
    assert cut.longest == whole.longest
    assert all(len(ids) <= limit for ids in cut.ids)


def test_loss_falls_and_the_model_is_an_engine(run: Path, base: Path, tmp_path: Path) -> None:
    """Trained until it knows its examples by heart, it answers them word for word, through the engine."""
    out = tmp_path / "model"
    options = ["--epochs", 40, "--held-out", 0, "--learning-rate", 0.005, "--tasks", 6, "--no-seeds"]
    done = bootstruct_process("finetune", run, "--model", base, "--out", out, *options, **ENV)
    assert done.returncode == 0, done.stderr
    seen = losses(done.stderr)
    assert seen[-1] < 0.3 * seen[0]
    card = (out / "README.md").read_text()
    assert "base_model:" in card
    assert "6 tasks" in card
    assert not (out / "checkpoints").exists()
    model: Any = load(str(out))
    data = read_data([MixturePart(str(run), seeds=False)], 6, 0, 42)
    sampling = Sampling(max_tokens=40)
    prompts = [Prompt("x", "m", sampling, 0, text=entry.prompt) for entry in data.train]
    replies = model.generate(prompts, lambda: False)
    right = sum(reply.text == entry.completion for reply, entry in zip(replies, data.train, strict=True))
    assert right >= 0.8 * len(prompts)
    assert all(reply.finish == "stop" for reply in replies if reply.text)
    again = bootstruct_process("finetune", run, "--model", base, "--out", out, **ENV)
    assert again.returncode == 2
    assert "contains a finished model" in again.stderr


@pytest.mark.parametrize("merge", [False, True])
def test_adapters_come_alone_or_merged(run: Path, base: Path, tmp_path: Path, merge: bool) -> None:
    out = tmp_path / "model"
    options = ["--method", "lora", "--max-steps", 4, "--set", "logging_steps=1", *(["--merge"] if merge else [])]
    done = bootstruct_process("finetune", run, "--model", base, "--out", out, *options, **ENV)
    assert done.returncode == 0, done.stderr
    assert (out / "adapter_config.json").exists() != merge
    assert (out / "config.json").exists() == merge
    model: Any = load(str(out))
    (reply,) = model.generate([Prompt("x", "m", Sampling(max_tokens=4), 0, text="Task:")], lambda: False)
    assert reply.completion_tokens >= 1


def test_resume_after_kill_reaches_the_same_steps(run: Path, base: Path, tmp_path: Path) -> None:
    out = tmp_path / "model"
    words = [
        "finetune",
        run,
        "--model",
        base,
        "--out",
        out,
        "--max-steps",
        60,
        "--held-out",
        0,
        "--set",
        "save_steps=10",
    ]
    words += ["--set", "logging_steps=5"]
    process = subprocess.Popen([*CLI, *map(str, words)], env=environment(**ENV), stderr=subprocess.DEVNULL)
    until = time.monotonic() + 120
    while (
        time.monotonic() < until
        and process.poll() is None
        and not list(out.glob("checkpoints/checkpoint-*/trainer_state.json"))
    ):
        time.sleep(0.02)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    assert not (out / "config.json").exists(), "the training was over before it could be killed"
    rejected = bootstruct_process(*words, **ENV)
    assert rejected.returncode == 2
    assert "continue it with --resume" in rejected.stderr
    done = bootstruct_process(*words, "--resume", **ENV)
    assert done.returncode == 0, done.stderr
    assert "continues from" in done.stderr
    assert "step 5/60" not in done.stderr
    assert ": 60 steps" in done.stdout
    whole = bootstruct_process(*(tmp_path / "other" if word is out else word for word in words), **ENV)
    assert losses(whole.stderr)[-1] == pytest.approx(losses(done.stderr)[-1], rel=1e-3)


def test_a_changed_setting_is_no_resume(run: Path, base: Path, tmp_path: Path) -> None:
    out = tmp_path / "model"
    out.mkdir()
    (out / "finetune.json").write_text(json.dumps({"model": str(base), "data": "x", "settings": "y"}))
    done = bootstruct_process("finetune", run, "--model", base, "--out", out, "--resume", **ENV)
    assert done.returncode == 2
    assert "the data changed" in done.stderr


@pytest.mark.slow
def test_two_processes_have_the_loss_of_one(run: Path, base: Path, tmp_path: Path) -> None:
    """torchrun with two CPU processes of batch 4 against one of batch 8."""
    common = [
        "--model",
        base,
        "--max-steps",
        8,
        "--held-out",
        0,
        "--set",
        "logging_steps=1",
        "--set",
        "optim=adamw_torch",
    ]
    one = bootstruct_process(
        "finetune", run, *common, "--out", tmp_path / "one", "--set", "per_device_train_batch_size=8", **ENV
    )
    assert one.returncode == 0, one.stderr
    torchrun = [
        sys.executable,
        "-m",
        "torch.distributed.run",
        "--nproc_per_node",
        "2",
        "--master_port",
        "29617",
        "-m",
        "bootstruct",
    ]
    words = ["finetune", run, *common, "--out", tmp_path / "two", "--set", "per_device_train_batch_size=4"]
    two = subprocess.run(
        [*torchrun, *map(str, words)], env=environment(**ENV), capture_output=True, text=True, timeout=300, check=False
    )
    assert two.returncode == 0, two.stderr
    alone, together = losses(one.stderr), losses(two.stderr)
    assert len(alone) == len(together) == 8
    assert together == pytest.approx(alone, rel=2e-3)


@pytest.mark.parametrize(
    ("words", "written"),
    [
        (["--tasks", "5000"], "there are only"),
        (["--set", "max_length=3"], "is set by max_length"),
        (["--set", "warmup_stops=3"], "did you mean warmup_steps"),
        (["--set", "lr_scheduler_type=upwards"], "upwards"),
        (["--model", "no-such-org/no-such-model"], "not on this machine"),
    ],
)
def test_what_cannot_be_is_one_sentence(run: Path, base: Path, tmp_path: Path, words: list[str], written: str) -> None:
    done = bootstruct_process(
        "finetune", run, "--model", base, "--out", tmp_path / "m", *words, **ENV, HF_HOME=str(tmp_path / "hf")
    )
    assert done.returncode == 2, done.stderr
    assert written in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("name", ["fsdp2", "deepspeed"])
def test_shipped_settings_hold_options_that_exist(name: str) -> None:
    from trl import SFTConfig

    from bootstruct.finetuning.settings import check_trainer, read_settings

    settings = read_settings(Path(name), {})
    assert settings.trainer
    check_trainer(settings.trainer, list(SFTConfig.__dataclass_fields__))


def test_memory_and_disk_are_told_with_what_to_lower(tmp_path: Path) -> None:
    from bootstruct.errors import EngineUnavailableError
    from bootstruct.finetuning.train import told_errors

    cases = [
        (MemoryError(), "lower per_device_train_batch_size"),
        (RuntimeError("CUDA out of memory. Tried to allocate"), "lower per_device_train_batch_size"),
        (OSError(28, "No space left on device"), "the disk is full"),
        (RuntimeError("Error while serializing: No space left on device"), "the disk is full"),
    ]
    for error, written in cases:
        with pytest.raises(EngineUnavailableError, match=written), told_errors(tmp_path):
            raise error
    with pytest.raises(KeyError), told_errors(tmp_path):
        raise KeyError("a fault of ours stays one")
