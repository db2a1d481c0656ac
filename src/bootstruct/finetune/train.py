"""The training itself: TRL's SFTTrainer, set up from our settings, on examples that are tokens already."""

import contextlib
import importlib.util
import json
import os
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bootstruct.errors import BadInput, DoorClosed
from bootstruct.finetune.settings import Settings, check_trainer
from bootstruct.finetune.tokens import Encoded

NEEDED = ("torch", "transformers", "trl", "peft", "accelerate", "datasets", "safetensors")
CHECKPOINTS = "checkpoints"
LONGEST = 2048  # tokens an example may have where the settings say nothing and the context is longer
RATES = ((50e6, 5e-4), (500e6, 1e-4))  # learning rates of full finetuning for models of fewer parameters
LARGE_RATE, LORA_RATE = 2e-5, 2e-4
Tell = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Trained:
    """What came out: optimizer steps in all, epochs, the last losses, and trained tokens a second over the training."""

    steps: int
    epochs: float
    loss: float | None
    held_out_loss: float | None
    tokens_per_second: float
    learnt_tokens: int


def require_extra() -> None:
    """Raises BadInput where a package of the extra is missing. Imports nothing."""
    missing = [name for name in NEEDED if importlib.util.find_spec(name) is None]
    if missing:
        raise BadInput(f"finetune needs {', '.join(missing)}: pip install 'bootstruct[train]'.")


def is_first() -> bool:
    """Whether this process is the one that writes and speaks: the only one, or rank 0 under torchrun."""
    return os.environ.get("RANK", "0") == "0"


def load_model(place: str, settings: Settings) -> tuple[Any, Any]:
    """(model, tokenizer), weights in fp32 (4 bits for qlora). Raises DoorClosed where it cannot be had."""
    from bootstruct.engines.local.load import calm_threads, told_of

    calm_threads()
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer
    from transformers.utils import logging

    logging.set_verbosity_error()
    logging.disable_progress_bar()
    more: dict[str, Any] = {}
    if settings.method == "qlora":
        if importlib.util.find_spec("bitsandbytes") is None:
            raise BadInput("method qlora: needs bitsandbytes: pip install bitsandbytes, or take `method: lora`.")
        from transformers import BitsAndBytesConfig

        compute = torch.bfloat16 if torch.cuda.is_available() else torch.float32
        more["quantization_config"] = BitsAndBytesConfig(
            load_in_4bit=True, bnb_4bit_quant_type="nf4", bnb_4bit_compute_dtype=compute
        )
    try:
        tokenizer = AutoTokenizer.from_pretrained(place, trust_remote_code=False)
        model = AutoModelForCausalLM.from_pretrained(
            place, use_safetensors=True, trust_remote_code=False, dtype=torch.float32, **more
        )
    except Exception as exc:
        raise DoorClosed(told_of(place, exc)) from None
    if tokenizer.eos_token_id is None:
        raise BadInput(f"{place}: the tokenizer names no end of text, so the model could never learn to stop.")
    return model, tokenizer


def longest_of(model: Any, settings: Settings) -> int:
    """The longest example in tokens. Raises BadInput where the settings ask for more than the model's context."""
    context = getattr(model.config.get_text_config(), "max_position_embeddings", None)
    if settings.max_length and context and settings.max_length > context:
        raise BadInput(f"max_length: {settings.max_length} is more than the model's context of {context}.")
    return settings.max_length or min(LONGEST, context or LONGEST)


def learning_rate(settings: Settings, parameters: int) -> float:
    """The rate set, or one that suits method and size: small models need larger steps."""
    if settings.learning_rate:
        return settings.learning_rate
    if settings.method != "full":
        return LORA_RATE
    return next((rate for size, rate in RATES if parameters < size), LARGE_RATE)


def config_of(settings: Settings, out: Path, rate: float, max_length: int, is_measured: bool) -> Any:
    """TRL's configuration: our defaults, then the options below `trainer:`."""
    import torch
    from trl import SFTConfig

    cuda = torch.cuda.is_available()
    each = "epoch" if not settings.max_steps else "steps"
    options: dict[str, Any] = {
        "per_device_train_batch_size": 8,
        "lr_scheduler_type": "linear",
        "warmup_steps": 0.03,
        "bf16": cuda and torch.cuda.is_bf16_supported(),
        "fp16": False,
        "use_cpu": not cuda,
        _checkpointing(SFTConfig): cuda,
        "dataloader_pin_memory": cuda,
        "logging_steps": 10,
        "logging_first_step": True,
        "report_to": "none",
        "save_strategy": each,
        "save_total_limit": 2,
        "eval_strategy": each if is_measured else "no",
        "load_best_model_at_end": is_measured,
        "metric_for_best_model": "eval_loss" if is_measured else None,
        "disable_tqdm": True,
    }
    if settings.max_steps:
        options["save_steps"] = options["eval_steps"] = max(1, settings.max_steps // 5)
    check_trainer(settings.trainer, list(SFTConfig.__dataclass_fields__))
    fixed = {
        "output_dir": str(out / CHECKPOINTS), "num_train_epochs": settings.epochs,
        "max_steps": settings.max_steps or -1, "learning_rate": rate, "max_length": max_length,
        "packing": settings.packing, "seed": settings.seed, "completion_only_loss": None,
    }  # fmt: skip
    try:
        return SFTConfig(**(options | dict(settings.trainer) | fixed))
    except (TypeError, ValueError) as exc:
        raise BadInput(f"trainer: {' '.join(str(exc).split())}") from None


def _checkpointing(config: Any) -> str:
    """The option's name: newer versions of transformers call it otherwise."""
    new = "activation_checkpointing"
    return new if new in config.__dataclass_fields__ else "gradient_checkpointing"


def adapters(settings: Settings) -> Any:
    """peft's configuration, None for full finetuning."""
    if settings.method == "full":
        return None
    from peft import LoraConfig

    lora = settings.lora
    layers = lora.layers if "," not in lora.layers else [each.strip() for each in lora.layers.split(",")]
    return LoraConfig(
        r=lora.rank, lora_alpha=lora.alpha, lora_dropout=lora.dropout, target_modules=layers, task_type="CAUSAL_LM"
    )


def last_checkpoint(out: Path) -> Path | None:
    """The newest checkpoint that was written to its end: the trainer's state is the last file of each."""
    found = []
    for folder in (out / CHECKPOINTS).glob("checkpoint-*"):
        with contextlib.suppress(OSError, ValueError):
            json.loads((folder / "trainer_state.json").read_text(encoding="utf-8"))
            found.append((int(folder.name.rpartition("-")[2]), folder))
    return max(found)[1] if found else None


def train(
    model: Any,
    tokenizer: Any,
    rows: Encoded,
    held_out: Encoded,
    settings: Settings,
    out: Path,
    resume: bool,
    tell: Tell,
) -> Trained:
    """Train and write the model to `out`. Raises DoorClosed on a full disk or memory, with what to lower."""
    from datasets import Dataset, disable_progress_bars
    from transformers import PrinterCallback
    from trl import SFTTrainer

    disable_progress_bars()

    max_length = longest_of(model, settings)
    rate = learning_rate(settings, model.num_parameters())
    config = config_of(settings, out, rate, max_length, bool(held_out.ids))

    def dataset(encoded: Encoded) -> Any:
        return Dataset.from_dict({"input_ids": encoded.ids, "labels": encoded.labels})

    with told_errors(out):
        trainer = SFTTrainer(
            model=model, args=config, processing_class=tokenizer, train_dataset=dataset(rows),
            eval_dataset=dataset(held_out) if held_out.ids else None, peft_config=adapters(settings),
            callbacks=_callbacks(settings, bool(held_out.ids), tell),
        )  # fmt: skip
        trainer.remove_callback(PrinterCallback)
        checkpoint = last_checkpoint(out) if resume else None
        if checkpoint:
            tell(f"goes on from {checkpoint}")
        before = checkpoint and int(checkpoint.name.rpartition("-")[2])
        result = trainer.train(resume_from_checkpoint=str(checkpoint) if checkpoint else None)
        if settings.merge and settings.method != "full":
            trainer.accelerator.wait_for_everyone()
            trainer.model = trainer.accelerator.unwrap_model(trainer.model).merge_and_unload()
        trainer.save_model(str(out))
        if is_first():
            shutil.rmtree(out / CHECKPOINTS, ignore_errors=True)
    share = (trainer.state.global_step - (before or 0)) / max(1, trainer.state.global_step)
    seconds = result.metrics.get("train_runtime", 0.0)
    read = sum(map(len, rows.ids)) * (trainer.state.epoch or 0) * share
    return Trained(
        trainer.state.global_step, trainer.state.epoch or 0.0, _last(trainer.state.log_history, "loss"),
        _last(trainer.state.log_history, "eval_loss", best=True), read / seconds if seconds else 0.0, rows.learnt,
    )  # fmt: skip


def _last(history: list[dict[str, Any]], name: str, best: bool = False) -> float | None:
    values = [float(each[name]) for each in history if name in each]
    return None if not values else min(values) if best else values[-1]


def _callbacks(settings: Settings, is_measured: bool, tell: Tell) -> list[Any]:
    from transformers import EarlyStoppingCallback, TrainerCallback

    class Lines(TrainerCallback):  # type: ignore[misc]
        """A plain line for each log of the trainer."""

        def on_log(self, args: Any, state: Any, control: Any, logs: dict[str, Any] | None = None, **more: Any) -> None:
            logs = logs or {}
            if not state.is_world_process_zero or not {"loss", "eval_loss"} & logs.keys():
                return
            named = [("loss", "loss"), ("eval_loss", "held-out loss"), ("learning_rate", "rate")]
            told = ", ".join(f"{text} {float(logs[name]):.4g}" for name, text in named if name in logs)
            tell(f"step {state.global_step}/{state.max_steps}, epoch {state.epoch or 0:.2f}: {told}")

    stopping = [EarlyStoppingCallback(settings.patience)] if settings.patience and is_measured else []
    return [Lines(), *stopping]


@contextlib.contextmanager
def told_errors(out: Path) -> Iterator[None]:
    """Memory and disk as sentences."""
    try:
        yield
    except MemoryError:
        raise DoorClosed(_memory()) from None
    except OSError as exc:
        if exc.errno == 28:
            raise DoorClosed(_disk(out)) from None
        raise
    except Exception as exc:
        said = str(exc).lower()
        if "out of memory" in said or "not enough memory" in said or "can't allocate memory" in said:
            raise DoorClosed(_memory()) from None
        if "no space left" in said:
            raise DoorClosed(_disk(out)) from None
        raise


def _memory() -> str:
    return (
        "Memory is too short for this training: lower per_device_train_batch_size below `trainer:` (and raise "
        "gradient_accumulation_steps as much), lower max_length, or take `method: lora`."
    )


def _disk(out: Path) -> str:
    return f"{out}: the disk is full; free some space, then run the same command with --resume."


def require_disk(out: Path, model: Any, settings: Settings) -> str:
    """What disk the training takes and what is free, in words. Raises BadInput where the disk cannot hold the model and two
    checkpoints: weights, and for those that are trained two numbers more each."""
    weights = sum(each.numel() * each.element_size() for each in model.parameters())
    need = weights * (1 if settings.method != "full" else 1 + 2 * 3)
    free = shutil.disk_usage(next(each for each in (out, *out.absolute().parents) if each.exists())).free
    if free < need:
        raise BadInput(
            f"{out}: this training needs about {_bytes(need)} of disk for the model and two checkpoints, {_bytes(free)} are "
            "free; choose another place, or take `method: lora`."
        )
    return f"about {_bytes(need)} of disk for the model and its checkpoints; {_bytes(free)} are free"


def _bytes(number: float) -> str:
    return f"{number / 1e9:,.1f} GB" if number >= 1e9 else f"{number / 1e6:,.1f} MB"
