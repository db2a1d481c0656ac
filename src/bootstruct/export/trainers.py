"""What trainers need beside the rows: TRL, axolotl, LLaMA-Factory, Unsloth, open-instruct and torchtune. Pure.

All of them get the same settings, LoRA on chats with the loss on the answers, in the words of each. `export.for_trainer`
writes the folder.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any, Final

from bootstruct.errors import InputError

Json = dict[str, Any]
BASE_MODEL: Final = "Qwen/Qwen2.5-0.5B-Instruct"
DATA: Final = "data"
EPOCHS, RATE, WARMUP, ROWS, STEPS, TOKENS = 2, 2e-4, 10, 4, 4, 2048
RANK, ALPHA, DROPOUT, SEED = 16, 32, 0.05, 42
_TORCHTUNE_MODELS: Final = {  # torchtune has a function for each size of a model
    "Qwen/Qwen2.5-0.5B-Instruct": ("lora_qwen2_5_0_5b", 1),
    "Qwen/Qwen2.5-1.5B-Instruct": ("lora_qwen2_5_1_5b_instruct", 1),
    "Qwen/Qwen2.5-3B-Instruct": ("lora_qwen2_5_3b", 2),
    "Qwen/Qwen2.5-7B-Instruct": ("lora_qwen2_5_7b_instruct", 4),
}


@dataclass(frozen=True, slots=True)
class TrainerFiles:
    """What a trainer needs beside the rows.

    Attributes:
        description: what it is, in one line.
        format: the format of its rows, a name of `FORMATS`.
        config: the name of its configuration file.
        command: what starts the training, in the folder.
        settings: makes the content of the configuration file from the base model and the evaluation file's name (empty
            without one).
        evaluates: whether it can measure the loss on an evaluation file.
        entry: makes the entry of the data set in `data/dataset_info.json` from the names of the files; None without one.
        before: what must be done once before, in words; may hold `{base}` and `{folder}`.
    """

    description: str
    format: str
    config: str
    command: str
    settings: Callable[[str, str], Json]
    evaluates: bool = True
    entry: Callable[[Sequence[str]], Json] | None = None
    before: str = ""


def find_trainer(name: str) -> TrainerFiles:
    """Return what the trainer of this name needs. Raises InputError with the known names if there is none."""
    if name not in TRAINERS:
        raise InputError(f"--for {name}: unknown; use one of {', '.join(TRAINERS)}.")
    return TRAINERS[name]


def _trl(base: str, test: str) -> Json:
    split = PurePosixPath(test).stem
    evaluation = {"dataset_test_split": split, "eval_strategy": "epoch"} if test else {"eval_strategy": "no"}
    return {
        "model_name_or_path": base,
        "dataset_name": DATA,
        "dataset_train_split": "train",
        **evaluation,
        "output_dir": "output",
        "max_length": TOKENS,
        "num_train_epochs": EPOCHS,
        "learning_rate": RATE,
        "lr_scheduler_type": "cosine",
        "warmup_steps": WARMUP,
        "per_device_train_batch_size": ROWS,
        "gradient_accumulation_steps": STEPS,
        "use_peft": True,
        "lora_r": RANK,
        "lora_alpha": ALPHA,
        "lora_dropout": DROPOUT,
        "lora_target_modules": "all-linear",
        "logging_steps": 10,
        "save_strategy": "epoch",
        "report_to": "none",
        "seed": SEED,
    }


def _axolotl(base: str, test: str) -> Json:
    def source(path: str) -> Json:
        turns = {"field_messages": "messages", "message_property_mappings": {"role": "role", "content": "content"}}
        kind = {"path": path, "ds_type": "json", "split": "train", "type": "chat_template"}
        return {**kind, **turns, "roles_to_train": ["assistant"], "train_on_eos": "turn"}

    return {
        "base_model": base,
        "chat_template": "tokenizer_default",
        "datasets": [source(f"{DATA}/train.jsonl")],
        **({"test_datasets": [source(test)], "evals_per_epoch": 1} if test else {"val_set_size": 0.0}),
        "dataset_prepared_path": "prepared",
        "output_dir": "output",
        "sequence_len": TOKENS,
        "num_epochs": EPOCHS,
        "learning_rate": RATE,
        "lr_scheduler": "cosine",
        "warmup_steps": WARMUP,
        "optimizer": "adamw_torch",
        "micro_batch_size": ROWS,
        "gradient_accumulation_steps": STEPS,
        "adapter": "lora",
        "lora_r": RANK,
        "lora_alpha": ALPHA,
        "lora_dropout": DROPOUT,
        "lora_target_linear": True,
        "bf16": "auto",
        "gradient_checkpointing": True,
        "logging_steps": 10,
        "saves_per_epoch": 1,
        "seed": SEED,
    }


def _llama_factory(base: str, test: str) -> Json:
    evaluation = {"eval_dataset": PurePosixPath(test).stem, "eval_strategy": "epoch"} if test else {}
    return {
        "model_name_or_path": base,
        **({"template": "qwen"} if "qwen2.5" in base.casefold() else {}),  # else it reads the tokenizer's own template
        "stage": "sft",
        "do_train": True,
        "finetuning_type": "lora",
        "lora_target": "all",
        "lora_rank": RANK,
        "lora_alpha": ALPHA,
        "lora_dropout": DROPOUT,
        "dataset": "train",
        "dataset_dir": DATA,
        **evaluation,
        "cutoff_len": TOKENS,
        "output_dir": "output",
        "num_train_epochs": float(EPOCHS),
        "learning_rate": RATE,
        "lr_scheduler_type": "cosine",
        "warmup_steps": WARMUP,
        "per_device_train_batch_size": ROWS,
        "gradient_accumulation_steps": STEPS,
        "logging_steps": 10,
        "save_strategy": "epoch",
        "report_to": "none",
        "seed": SEED,
    }


def _dataset_info(parts: Sequence[str]) -> Json:
    """LLaMA-Factory's table of data sets: the names of columns and of speakers."""
    tags = {"role_tag": "role", "content_tag": "content", "user_tag": "user", "assistant_tag": "assistant"}
    entry = {"formatting": "sharegpt", "columns": {"messages": "messages"}, "tags": tags | {"system_tag": "system"}}
    return {part: {"file_name": f"{part}.jsonl", **entry} for part in parts}


def _unsloth(base: str, test: str) -> Json:
    return {
        "model": base,
        "data": {"local_dataset": [f"{DATA}/train.jsonl"], "format_type": "chatml"},
        "training": {
            "training_type": "lora",
            "max_seq_length": TOKENS,
            "load_in_4bit": False,
            "output_dir": "output",
            "num_epochs": EPOCHS,
            "learning_rate": RATE,
            "warmup_steps": WARMUP,
            "batch_size": ROWS,
            "gradient_accumulation_steps": STEPS,
            "random_seed": SEED,
            "train_on_completions": True,
        },
        "lora": {"lora_r": RANK, "lora_alpha": ALPHA, "lora_dropout": DROPOUT},
        "logging": {"enable_wandb": False, "enable_tensorboard": False},
    }


def _open_instruct(base: str, test: str) -> Json:
    return {
        "model_name_or_path": base,
        "tokenizer_name_or_path": base,
        "dataset_mixer_list": [f"{DATA}/train.jsonl", "1.0"],
        "dataset_mixer_list_splits": ["train"],
        "max_seq_length": TOKENS,
        "num_train_epochs": EPOCHS,
        "learning_rate": RATE,
        "lr_scheduler_type": "linear",
        "warmup_ratio": 0.03,
        "per_device_train_batch_size": ROWS,
        "gradient_accumulation_steps": STEPS,
        "use_flash_attn": False,
        "use_lora": True,
        "lora_rank": RANK,
        "lora_alpha": ALPHA,
        "lora_dropout": DROPOUT,
        "output_dir": "output",
        "do_not_randomize_output_dir": True,
        "logging_steps": 10,
        "seed": SEED,
        "with_tracking": False,
        "push_to_hub": False,
        "try_launch_beaker_eval_jobs": False,
        "try_auto_save_to_beaker": False,
    }


def _torchtune(base: str, test: str) -> Json:
    if base not in _TORCHTUNE_MODELS:
        known = ", ".join(_TORCHTUNE_MODELS)
        raise InputError(
            f"--base-model {base}: torchtune has a function for each model; bootstruct knows those of {known}."
        )
    (function, files), folder = _TORCHTUNE_MODELS[base], base.rpartition("/")[2]
    names = ["model.safetensors"] if files == 1 else []
    names += [f"model-{n:05}-of-{files:05}.safetensors" for n in range(1, files + 1) if files > 1]
    model, tokenizer = (
        "torchtune.models.qwen2_5",
        {"path": f"{folder}/vocab.json", "merges_file": f"{folder}/merges.txt"},
    )
    lora = {"lora_rank": RANK, "lora_alpha": ALPHA, "lora_dropout": DROPOUT}
    layers = {"lora_attn_modules": ["q_proj", "k_proj", "v_proj", "output_proj"], "apply_lora_to_mlp": True}
    chats = {"source": "json", "data_files": f"{DATA}/train.jsonl", "split": "train"}
    turns = {"conversation_column": "messages", "conversation_style": "openai", "train_on_input": False}
    schedule = "torchtune.training.lr_schedulers.get_cosine_schedule_with_warmup"
    return {
        "output_dir": "output",
        "model": {"_component_": f"{model}.{function}", **layers, **lora},
        "tokenizer": {"_component_": f"{model}.qwen2_5_tokenizer", **tokenizer, "max_seq_len": TOKENS},
        "checkpointer": {
            "_component_": "torchtune.training.FullModelHFCheckpointer",
            "checkpoint_dir": folder,
            "checkpoint_files": names,
            "recipe_checkpoint": None,
            "output_dir": "${output_dir}",
            "model_type": "QWEN2",
        },
        "resume_from_checkpoint": False,
        "dataset": {"_component_": "torchtune.datasets.chat_dataset", **chats, **turns, "packed": False},
        "seed": SEED,
        "shuffle": True,
        "epochs": EPOCHS,
        "max_steps_per_epoch": None,
        "batch_size": ROWS,
        "gradient_accumulation_steps": STEPS,
        "optimizer": {"_component_": "torch.optim.AdamW", "lr": RATE, "weight_decay": 0.0},
        "lr_scheduler": {"_component_": schedule, "num_warmup_steps": WARMUP},
        "loss": {"_component_": "torchtune.modules.loss.CEWithChunkedOutputLoss"},
        "device": "cuda",
        "dtype": "bf16",
        "clip_grad_norm": None,
        "compile": False,
        "enable_activation_checkpointing": True,
        "enable_activation_offloading": False,
        "metric_logger": {
            "_component_": "torchtune.training.metric_logging.DiskLogger",
            "log_dir": "${output_dir}/logs",
        },
        "log_every_n_steps": 10,
        "log_peak_memory_stats": False,
    }


TRAINERS: Final[Mapping[str, TrainerFiles]] = {
    "trl": TrainerFiles("TRL's own command", "prompt-completion-chat", "sft.yaml", "trl sft --config sft.yaml", _trl),
    "axolotl": TrainerFiles("axolotl", "messages", "axolotl.yaml", "axolotl train axolotl.yaml", _axolotl),
    "llama-factory": TrainerFiles(
        "LLaMA-Factory, with data/dataset_info.json",
        "messages",
        "sft.yaml",
        "llamafactory-cli train sft.yaml",
        _llama_factory,
        entry=_dataset_info,
    ),
    "unsloth": TrainerFiles(
        "Unsloth's own command", "messages", "unsloth.yaml", "unsloth train --config unsloth.yaml", _unsloth, False
    ),
    "open-instruct": TrainerFiles(
        "open-instruct's finetune.py, from a checkout in $OPEN_INSTRUCT",
        "messages",
        "finetune.yaml",
        'PYTHONPATH="$OPEN_INSTRUCT" accelerate launch "$OPEN_INSTRUCT/open_instruct/finetune.py" finetune.yaml',
        _open_instruct,
        False,
    ),
    "torchtune": TrainerFiles(
        "torchtune's recipe for one GPU (Qwen2.5 models)",
        "messages",
        "lora.yaml",
        "tune run lora_finetune_single_device --config lora.yaml",
        _torchtune,
        False,
        before="Once before, in the same folder: tune download {base} --output-dir {folder} --ignore-patterns None",
    ),
}
