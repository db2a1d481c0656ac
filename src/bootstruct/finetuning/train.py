"""The training itself: TRL's SFTTrainer or DPOTrainer, set up from our settings, on examples that are tokens already."""

import contextlib
import importlib.util
import os
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from bootstruct.errors import EngineUnavailableError, InputError
from bootstruct.finetuning.checkpoints import (
    CHECKPOINTS,
    last_checkpoint,
    record_checkpoint,
    remove_pickled_settings,
    require_own,
)
from bootstruct.finetuning.seq2seq import make_trainer
from bootstruct.finetuning.settings import FinetuneSettings, check_trainer
from bootstruct.finetuning.tokens import TokenizedExamples

NEEDED = ("torch", "transformers", "trl", "peft", "accelerate", "datasets", "safetensors")
LONGEST = 2048  # the most tokens of an example if the settings say nothing and the context is longer
RATES = ((50e6, 5e-4), (500e6, 1e-4))  # learning rates of full finetuning for models of fewer parameters
LARGE_RATE, LORA_RATE = 2e-5, 2e-4
DPO_RATES = ((50e6, 2e-5), (500e6, 5e-6))  # of DPO, which needs far smaller steps
DPO_RATE, DPO_LORA_RATE = 1e-6, 1e-5
BATCH_SHARE, MOST_IN_BATCH = 0.002, 256  # defaults of the fine-tuning API that the paper used
Tell = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class TrainingResult:
    """The result: optimizer steps in all, epochs, the last losses, and trained tokens per second."""

    steps: int
    epochs: float
    loss: float | None
    held_out_loss: float | None
    tokens_per_second: float
    learnt_tokens: int


def require_extra() -> None:
    """Raises InputError if a package of the extra is missing. Imports nothing."""
    missing = [name for name in NEEDED if importlib.util.find_spec(name) is None]
    if missing:
        raise InputError(f"finetune needs {', '.join(missing)}: pip install 'bootstruct[train]'.")


def is_first() -> bool:
    """Whether this process writes and prints: it is the only one, or rank 0 under torchrun."""
    return os.environ.get("RANK", "0") == "0"


def load_model(place: str, settings: FinetuneSettings) -> tuple[Any, Any]:
    """(model, tokenizer), weights in fp32 (4 bits for qlora). Raises EngineUnavailableError if it cannot be loaded."""
    from bootstruct.engines.local.load import (
        calm_threads,
        loading,
        require_layers,
        require_no_kernels,
    )

    calm_threads()
    import torch
    from transformers import AutoConfig, AutoModelForCausalLM, AutoModelForSeq2SeqLM, AutoTokenizer, PretrainedConfig
    from transformers.utils import logging

    logging.set_verbosity_error()
    logging.disable_progress_bar()
    more: dict[str, Any] = {}
    if settings.method == "qlora":
        if importlib.util.find_spec("bitsandbytes") is None:
            raise InputError("method qlora: needs bitsandbytes: pip install bitsandbytes, or use `method: lora`.")
        from transformers import BitsAndBytesConfig

        compute = torch.bfloat16 if torch.cuda.is_available() else torch.float32
        more["quantization_config"] = BitsAndBytesConfig(
            load_in_4bit=True, bnb_4bit_quant_type="nf4", bnb_4bit_compute_dtype=compute
        )
    with loading(place):
        plain = PretrainedConfig.get_config_dict(place)[0]
        require_no_kernels(plain, place)
        require_layers(plain, place)
        tokenizer = AutoTokenizer.from_pretrained(place, trust_remote_code=False)
        config = AutoConfig.from_pretrained(place, trust_remote_code=False)
        is_encoder = bool(getattr(config, "is_encoder_decoder", False))
        model = (AutoModelForSeq2SeqLM if is_encoder else AutoModelForCausalLM).from_pretrained(
            place, use_safetensors=True, trust_remote_code=False, dtype=torch.float32, **more
        )
    if tokenizer.eos_token_id is None:
        raise InputError(f"{place}: the tokenizer has no end-of-text token, so the model could never learn to stop.")
    return model, tokenizer


def longest_of(model: Any, settings: FinetuneSettings) -> int:
    """The longest example in tokens. Raises InputError if the settings ask for more than the model's context."""
    context = getattr(model.config.get_text_config(), "max_position_embeddings", None)
    if settings.max_length and context and settings.max_length > context:
        raise InputError(f"max_length: {settings.max_length} is more than the model's context of {context}.")
    return settings.max_length or min(LONGEST, context or LONGEST)


def learning_rate(settings: FinetuneSettings, parameters: int) -> float:
    """The given rate, or one that suits method and size: small models need larger steps."""
    if settings.learning_rate:
        return settings.learning_rate
    if settings.has_pairs:
        return DPO_LORA_RATE if settings.has_adapters else next((r for n, r in DPO_RATES if parameters < n), DPO_RATE)
    if settings.has_adapters:
        return LORA_RATE
    return next((rate for size, rate in RATES if parameters < size), LARGE_RATE)


def config_of(
    settings: FinetuneSettings, out: Path, rate: float, max_length: int, rows: TokenizedExamples, is_measured: bool
) -> Any:
    """TRL's configuration (transformers' for encoder-decoder models): our defaults, then those under `trainer:`."""
    import torch

    if rows.is_encoder:
        from transformers import Seq2SeqTrainingArguments as Config
    elif settings.has_pairs:
        from trl import DPOConfig as Config
    else:
        from trl import SFTConfig as Config
    cuda = torch.cuda.is_available()
    interval = "epoch" if not settings.max_steps else "steps"
    options: dict[str, Any] = {
        **batch_options(settings, len(rows.ids)),
        "lr_scheduler_type": "linear",
        "warmup_steps": 0.03,
        "bf16": cuda and torch.cuda.is_bf16_supported(),
        "fp16": False,
        "use_cpu": not cuda,
        _checkpointing(Config): cuda,
        "dataloader_pin_memory": cuda,
        "logging_steps": 10,
        "logging_first_step": True,
        "report_to": "none",
        "save_strategy": interval,
        "save_total_limit": 2,
        "eval_strategy": interval if is_measured else "no",
        "load_best_model_at_end": is_measured,
        "metric_for_best_model": "eval_loss" if is_measured else None,
        "disable_tqdm": True,
    }
    if settings.max_steps:
        options["save_steps"] = options["eval_steps"] = max(1, settings.max_steps // 5)
    check_trainer(settings.trainer, list(Config.__dataclass_fields__))
    fixed = {
        "output_dir": str(out / CHECKPOINTS), "num_train_epochs": settings.epochs,
        "max_steps": settings.max_steps or -1, "learning_rate": rate, "max_length": max_length,
        "packing": settings.packing, "seed": settings.seed, "completion_only_loss": None,
    }  # fmt: skip
    fixed = {name: value for name, value in fixed.items() if name in Config.__dataclass_fields__}
    try:
        return Config(**(options | dict(settings.trainer) | fixed))
    except (TypeError, ValueError) as exc:
        raise InputError(f"trainer: {' '.join(str(exc).split())}") from None


def batch_options(settings: FinetuneSettings, examples: int) -> dict[str, int]:
    """The batch: 8, or with `like_paper` the API's default at that time: 0.2% of the examples, at least 1, at most 256.

    Example:
        >>> batch_options(FinetuneSettings(like_paper=True), 82_439)
        {'per_device_train_batch_size': 8, 'gradient_accumulation_steps': 21}
    """
    if not settings.like_paper:
        return {"per_device_train_batch_size": 8}
    processes = int(os.environ.get("WORLD_SIZE", "1"))
    share = max(1, round(min(MOST_IN_BATCH, max(1, round(BATCH_SHARE * examples))) / processes))
    steps = -(-share // 8)
    return {"per_device_train_batch_size": round(share / steps), "gradient_accumulation_steps": steps}


def _checkpointing(config: Any) -> str:
    """The option's name: newer versions of transformers use another one."""
    new = "activation_checkpointing"
    return new if new in config.__dataclass_fields__ else "gradient_checkpointing"


def adapters(settings: FinetuneSettings) -> Any:
    """The configuration of peft, None for full finetuning."""
    if not settings.has_adapters:
        return None
    from peft import LoraConfig

    lora = settings.lora
    layers = lora.layers if "," not in lora.layers else [part.strip() for part in lora.layers.split(",")]
    return LoraConfig(
        r=lora.rank, lora_alpha=lora.alpha, lora_dropout=lora.dropout, target_modules=layers, task_type="CAUSAL_LM"
    )


def train(
    model: Any,
    tokenizer: Any,
    rows: TokenizedExamples,
    held_out: TokenizedExamples,
    settings: FinetuneSettings,
    out: Path,
    resume: bool,
    tell: Tell,
) -> TrainingResult:
    """Train and write the model to `out`. Raises EngineUnavailableError on a full disk or memory, with what to lower."""
    from datasets import Dataset, disable_progress_bars
    from transformers import PrinterCallback
    from trl import SFTTrainer

    from bootstruct.finetuning.dpo import make_dpo_trainer

    disable_progress_bars()

    max_length = longest_of(model, settings)
    rate = learning_rate(settings, model.num_parameters())
    config = config_of(settings, out, rate, max_length, rows, bool(held_out.ids))

    def dataset(encoded: TokenizedExamples) -> Any:
        columns = encoded.pairs() if settings.has_pairs else {"input_ids": encoded.ids, "labels": encoded.labels}
        return Dataset.from_dict(columns)

    with told_errors(out):
        given: dict[str, Any] = {
            "args": config, "train_dataset": dataset(rows), "eval_dataset": dataset(held_out) if held_out.ids else None,
            "callbacks": _callbacks(settings, bool(held_out.ids), tell),
        }  # fmt: skip
        wrapped, peft_config = partial(_recording, tell=tell), adapters(settings)
        if rows.is_encoder:
            trainer = make_trainer(wrapped, model, tokenizer, settings, peft_config, **given)
        elif settings.has_pairs:
            trainer = make_dpo_trainer(wrapped, model, tokenizer, peft_config, **given)
        else:
            trainer = wrapped(SFTTrainer)(model=model, processing_class=tokenizer, peft_config=peft_config, **given)
        trainer.remove_callback(PrinterCallback)
        checkpoint = last_checkpoint(out) if resume else None
        if checkpoint:
            require_own(checkpoint)
            tell(f"continues from {checkpoint}")
        before = checkpoint and int(checkpoint.name.rpartition("-")[2])
        result = trainer.train(resume_from_checkpoint=str(checkpoint) if checkpoint else None)
        if settings.merge and settings.has_adapters:
            trainer.accelerator.wait_for_everyone()
            trainer.model = trainer.accelerator.unwrap_model(trainer.model).merge_and_unload()
        trainer.save_model(str(out))
        if is_first():
            remove_pickled_settings(out)
            shutil.rmtree(out / CHECKPOINTS, ignore_errors=True)
    share = (trainer.state.global_step - (before or 0)) / max(1, trainer.state.global_step)
    seconds = result.metrics.get("train_runtime", 0.0)
    read = rows.size * (trainer.state.epoch or 0) * share
    return TrainingResult(
        trainer.state.global_step, trainer.state.epoch or 0.0, _last(trainer.state.log_history, "loss"),
        _last(trainer.state.log_history, "eval_loss", best=True), read / seconds if seconds else 0.0, rows.learnt,
    )  # fmt: skip


def _recording(trainer: Any, tell: Tell) -> Any:
    """The trainer, which also records what each checkpoint holds, so that only its own files are read when it is resumed."""

    class RecordingTrainer(trainer):  # type: ignore[misc]
        def _save_rng_state(self, output_dir: str) -> None:
            """The last of the pickles, before the file that marks a checkpoint as complete."""
            super()._save_rng_state(output_dir)
            try:
                record_checkpoint(Path(output_dir), self.args.process_index)
            except InputError as exc:
                tell(f"training cannot resume from this checkpoint: {exc}")

    return RecordingTrainer


def _last(history: list[dict[str, Any]], name: str, best: bool = False) -> float | None:
    values = [float(row[name]) for row in history if name in row]
    return None if not values else min(values) if best else values[-1]


def _callbacks(settings: FinetuneSettings, is_measured: bool, tell: Tell) -> list[Any]:
    from transformers import EarlyStoppingCallback, TrainerCallback

    class Lines(TrainerCallback):  # type: ignore[misc]
        """A plain line for each log of the trainer."""

        def on_log(self, args: Any, state: Any, control: Any, logs: dict[str, Any] | None = None, **more: Any) -> None:
            logs = logs or {}
            if not state.is_world_process_zero or not {"loss", "eval_loss"} & logs.keys():
                return
            named = [("loss", "loss"), ("eval_loss", "held-out loss"), ("learning_rate", "rate")]
            named += [("rewards/accuracies", "pairs in order"), ("eval_rewards/accuracies", "held-out pairs in order")]
            figures = ", ".join(f"{text} {float(logs[name]):.4g}" for name, text in named if name in logs)
            tell(f"step {state.global_step}/{state.max_steps}, epoch {state.epoch or 0:.2f}: {figures}")

    stopping = [EarlyStoppingCallback(settings.patience)] if settings.patience and is_measured else []
    return [Lines(), *stopping]


@contextlib.contextmanager
def told_errors(out: Path) -> Iterator[None]:
    """Memory and disk as sentences."""
    try:
        yield
    except MemoryError:
        raise EngineUnavailableError(_memory()) from None
    except OSError as exc:
        if exc.errno == 28:
            raise EngineUnavailableError(_disk(out)) from None
        raise
    except Exception as exc:
        message = str(exc).lower()
        if "out of memory" in message or "not enough memory" in message or "can't allocate memory" in message:
            raise EngineUnavailableError(_memory()) from None
        if "no space left" in message:
            raise EngineUnavailableError(_disk(out)) from None
        raise


def _memory() -> str:
    return (
        "There is not enough memory for this training: lower per_device_train_batch_size under `trainer:` (and raise "
        "gradient_accumulation_steps as much), lower max_length, or use `method: lora`."
    )


def _disk(out: Path) -> str:
    return f"{out}: the disk is full; free some space, then run the same command with --resume."


def require_disk(out: Path, model: Any, settings: FinetuneSettings) -> str:
    """The disk space that the training needs and the free space, in words.

    Raises InputError if the disk cannot hold the model and two checkpoints: weights, and two more numbers for each
    trained one.
    """
    weights = sum(parameter.numel() * parameter.element_size() for parameter in model.parameters())
    need = weights * (1 if settings.has_adapters else 1 + 2 * 3)
    free = shutil.disk_usage(next(parent for parent in (out, *out.absolute().parents) if parent.exists())).free
    if free < need:
        raise InputError(
            f"{out}: this training needs about {_bytes(need)} of disk for the model and two checkpoints, but {_bytes(free)} "
            "are free; choose another place, or use `method: lora`."
        )
    return f"about {_bytes(need)} of disk for the model and its checkpoints; {_bytes(free)} are free"


def _bytes(number: float) -> str:
    return f"{number / 1e9:,.1f} GB" if number >= 1e9 else f"{number / 1e6:,.1f} MB"
