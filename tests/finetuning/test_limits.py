"""What ends a training early or before it began: held-out loss, 4 bits, a full disk, short memory, missing packages."""

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

for package in ("torch", "transformers", "trl", "peft", "datasets"):
    pytest.importorskip(package, reason=f"{package} is not installed: pip install 'bootstruct[train]'")

from bootstruct.engines.local.load import load  # noqa: E402
from bootstruct.types import Prompt, Sampling  # noqa: E402
from tests.support.commands import bootstruct_process, environment  # noqa: E402

pytestmark = pytest.mark.real
ENV = {"HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1"}


def test_it_stops_early_and_keeps_the_best(run: Path, base: Path, tmp_path: Path) -> None:
    """Random answers cannot be foreseen: once those trained on are known by heart, the others only get worse."""
    out = tmp_path / "model"
    options = ["--epochs", 40, "--held-out", 0.3, "--patience", 2, "--learning-rate", 0.005]
    done = bootstruct_process("finetune", run, "--model", base, "--out", out, *options, **ENV)
    assert done.returncode == 0, done.stderr
    away = [float(entry) for entry in re.findall(r"held-out loss ([\d.]+)", done.stderr)]
    assert 3 <= len(away) < 40
    best = min(away)
    assert away.index(best) == len(away) - 3  # two measurements without a lower one, then it stopped
    assert f"({best:.3f} on held-out tasks)" in done.stdout
    assert away[-1] > best
    assert held_out_loss(out, run) == pytest.approx(best, rel=2e-3)  # what was written is the best, not the last


def held_out_loss(model: Path, run: Path) -> float:
    """Measured without the trainer: the mean over the tokens that are learnt, in batches of the trainer's size."""
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    from bootstruct.finetuning.data import read_data
    from bootstruct.finetuning.settings import MixturePart
    from bootstruct.finetuning.tokens import IGNORED, encode_all

    data = read_data([MixturePart(str(run))], 0, 0.3, 42)
    encoded = encode_all(AutoTokenizer.from_pretrained(model), data.held_out, False, 2048)
    loaded = AutoModelForCausalLM.from_pretrained(model, dtype=torch.float32).eval()
    means = []
    for start in range(0, len(encoded.ids), 8):  # the trainer averages over batches of 8
        total, count = 0.0, 0
        for ids, labels in zip(encoded.ids[start : start + 8], encoded.labels[start : start + 8], strict=True):
            with torch.no_grad():
                logits = loaded(torch.tensor([ids])).logits[0, :-1]
            wanted = torch.tensor(labels[1:])
            total += float(torch.nn.functional.cross_entropy(logits, wanted, ignore_index=IGNORED, reduction="sum"))
            count += int((wanted != IGNORED).sum())
        means.append((total / count, len(encoded.ids[start : start + 8])))
    return sum(mean * rows for mean, rows in means) / sum(rows for _, rows in means)


def test_four_bits(run: Path, base: Path, tmp_path: Path) -> None:
    pytest.importorskip("bitsandbytes", reason="bitsandbytes is not installed: pip install bitsandbytes")
    out = tmp_path / "model"
    options = ["--method", "qlora", "--epochs", 8, "--held-out", 0, "--learning-rate", 0.01]
    done = bootstruct_process(
        "finetune", run, "--model", base, "--out", out, *options, "--set", "logging_steps=2", **ENV
    )
    assert done.returncode == 0, done.stderr
    seen = [float(entry) for entry in re.findall(r": loss ([\d.]+)", done.stderr)]
    assert seen[-1] < 0.96 * seen[0]
    assert "4-bit" in (out / "README.md").read_text()
    adapters = json.loads((out / "adapter_config.json").read_text())
    assert adapters["base_model_name_or_path"] == str(base)
    model: Any = load(str(out))
    (reply,) = model.generate([Prompt("x", "m", Sampling(max_tokens=4), 0, text="Task:")], lambda: False)
    assert reply.completion_tokens >= 1


def with_little(what: str, *words: object) -> "subprocess.CompletedProcess[str]":
    """The command line in a process in which something is short; `what` is Python that makes it so."""
    code = (
        f"import sys\n{what}\nsys.argv = {['bootstruct', *map(str, words)]!r}\nfrom bootstruct.cli import main\nmain()"
    )
    return subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env=environment(**ENV), timeout=300, check=False
    )


def test_a_small_disk_is_told_before_anything_is_trained(run: Path, base: Path, tmp_path: Path) -> None:
    """The tiny model takes 1.1 MB in fp32, so 7.5 MB with two checkpoints; a disk with 2 MB cannot hold that."""
    little = (
        "import shutil, collections\nshutil.disk_usage = lambda place: collections.namedtuple('U', 'free')(2_000_000)"
    )
    out = tmp_path / "model"
    done = with_little(little, "finetune", run, "--model", base, "--out", out)
    assert done.returncode == 2, done.stderr
    need = float(re.search(r"needs about ([\d.]+) MB of disk .*, but 2\.0 MB are free", done.stderr)[1])  # type: ignore[index]
    weights = (base / "model.safetensors").stat().st_size / 1e6
    assert need == pytest.approx(7 * weights, rel=0.1)
    assert "`method: lora`" in done.stderr
    assert not out.exists()
    lora = with_little(little, "finetune", run, "--model", base, "--out", out, "--method", "lora", "--max-steps", 2)
    assert lora.returncode == 0, lora.stderr  # the way out that the sentence names
    assert re.search(r"about [\d.]+ MB of disk for the model and its checkpoints; 2\.0 MB are free", lora.stderr)


def test_a_disk_that_fills_up_while_it_trains(run: Path, base: Path, tmp_path: Path) -> None:
    full = (
        "import safetensors.torch, transformers.modeling_utils as m\n"
        "def full(*a, **k): raise OSError(28, 'No space left on device')\n"
        "safetensors.torch.save_file = m.safe_save_file = full"
    )
    done = with_little(
        full, "finetune", run, "--model", base, "--out", tmp_path / "m", "--max-steps", 2, "--held-out", 0
    )
    assert done.returncode == 2, done.stderr
    assert "the disk is full; free some space, then run the same command with --resume" in done.stderr
    assert "Traceback" not in done.stderr


def test_short_memory_says_what_to_lower(run: Path, base: Path, tmp_path: Path) -> None:
    """Really short: the logits of one batch of 60 rows and of 50 copies of each example do not fit beside the model."""
    little = (
        "import resource, torch, transformers, trl, peft, datasets\n"
        "used = int(open('/proc/self/statm').read().split()[0]) * resource.getpagesize()\n"
        "resource.setrlimit(resource.RLIMIT_AS, (used + 400_000_000,) * 2)"
    )
    words = ["finetune", "--mix", run, 50, "--model", base, "--out", tmp_path / "m", "--max-steps", 2, "--held-out", 0]
    done = with_little(little, *words, "--set", "per_device_train_batch_size=3000")
    assert done.returncode == 2, done.stderr[-2000:]
    assert "There is not enough memory for this training: lower per_device_train_batch_size" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("package", ["trl", "peft"])
def test_a_missing_package_is_one_sentence(run: Path, base: Path, tmp_path: Path, package: str) -> None:
    words = ["finetune", run, "--model", base, "--out", tmp_path / "m"]
    done = with_little(f"sys.modules[{package!r}] = None", *words)
    assert done.returncode == 2
    assert done.stderr.strip() == f"error: finetune needs {package}: pip install 'bootstruct[train]'."


def test_a_missing_bitsandbytes_is_one_sentence(run: Path, base: Path, tmp_path: Path) -> None:
    words = ["finetune", run, "--model", base, "--out", tmp_path / "m", "--method", "qlora"]
    done = with_little("sys.modules['bitsandbytes'] = None", *words)
    assert done.returncode == 2
    assert "method qlora: needs bitsandbytes: pip install bitsandbytes" in done.stderr
