"""The settings of a finetuning: one YAML file, flags that override it, and every option of the trainer."""

import dataclasses
import difflib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Literal

from bootstruct.config.validation import build, parse_yaml
from bootstruct.errors import InputError
from bootstruct.io.rows import read_text

RESERVED = {  # options of the trainer that are ours, and how they are set
    "output_dir": "set by --out",
    "max_length": "set by max_length",
    "packing": "set by packing",
    "seed": "set by seed",
    "num_train_epochs": "set by epochs",
    "max_steps": "set by max_steps",
    "learning_rate": "set by learning_rate",
    "completion_only_loss": "not an option, because the loss is always on the completion",
    "resume_from_checkpoint": "set by --resume",
    "trust_remote_code": "not an option, because finetune never runs code of a model",
    "model_init_kwargs": "not an option, because the model is loaded before the trainer",
    "chat_template_path": "not an option, because the chat template is the model's own",
    "hub_token": "set by the environment variable HF_TOKEN, the only source of keys",
}
SENDING = (
    "push_to_hub",
    "trackio_space_id",
    "trackio_bucket_id",
    "trackio_static_space_id",
)  # options that send the model to a hub


@dataclass(frozen=True, slots=True)
class LoraSettings:
    """rank and alpha of the adapters, their dropout, and their layers (`all-linear`, or names with commas)."""

    rank: int = 16
    alpha: int = 32
    dropout: float = 0.05
    layers: str = "all-linear"


@dataclass(frozen=True, slots=True)
class SelectSettings:
    """Which examples are trained on (`bootstruct select` has the rules; docs/selection.md).

    Attributes:
        rule: a rule of `select`; empty for all examples.
        size: how many examples; those of a run's seed tasks are trained on besides.
        model: the small model of `perplexity` and `ifd`.
        embed: the model of embeddings of `k-center` and `mixture`.
        quality: of `mixture`: `longest`, `perplexity` or `ifd`.
    """

    rule: str = ""
    size: int = 0
    model: str = ""
    embed: str = ""
    quality: str = ""


@dataclass(frozen=True, slots=True)
class MixturePart:
    """One source of a mixture: a run folder, a file, or a folder of Super-NaturalInstructions tasks.

    Attributes:
        weight: 0.5 takes half of its examples, 2 takes each twice.
        most: the largest number of examples (0: no cap), after the weight is applied.
        per_task: the largest number of examples of one task (0: all).
        seeds: whether a run's seed tasks are used.
        fields: names of fields of a file by what they hold, as in `{instruction: task, output: reply}`.
        test_tasks: whether the test tasks of Super-NaturalInstructions, and those that its split excludes, are used.
        other_languages: whether tasks of Super-NaturalInstructions in languages other than English are used.
    """

    path: str
    weight: float = 1.0
    most: int = 0
    per_task: int = 0
    seeds: bool = True
    fields: Mapping[str, str] = field(default_factory=dict)
    test_tasks: bool = False
    other_languages: bool = False


@dataclass(frozen=True, slots=True)
class FinetuneSettings:
    """The settings of a finetuning.

    Attributes:
        format: the recipe's `templates` (13 in `paper`, one drawn for each example) or the model's `chat` template.
        method: `full`, `lora` or `qlora` (4 bits, needs bitsandbytes); `dpo` and `dpo-lora` train on preference pairs.
        tasks: the number of tasks, 0 for all; a smaller set is always part of a larger one.
        held_out: the share of tasks that are used for measuring instead of training.
        patience: stop after this number of epochs without a lower loss on them (0: never).
        epochs: 2, as in the paper (its appendix A.3).
        learning_rate: 0 chooses by method and size of the model.
        max_length: longest example in tokens, 0 for the model's context, at most 2,048.
        packing: whether several examples, which do not see one another, share a row.
        like_paper: the settings of the paper (`PAPER`), a batch of 0.2% of the examples, and 50,000 instances of
            Super-NaturalInstructions; explicit settings override these.
        select: which of the examples are trained on.
    """

    format: Literal["templates", "chat"] = "templates"
    method: Literal["full", "lora", "qlora", "dpo", "dpo-lora"] = "full"
    tasks: int = 0
    held_out: float = 0.05
    patience: int = 0
    epochs: float = 2.0
    max_steps: int = 0
    learning_rate: float = 0.0
    max_length: int = 0
    packing: bool = False
    merge: bool = False
    seed: int = 42
    lora: LoraSettings = LoraSettings()
    mixture: tuple[MixturePart, ...] = ()
    like_paper: bool = False
    select: SelectSettings = SelectSettings()
    trainer: Mapping[str, Any] = field(default_factory=dict)

    @property
    def has_pairs(self) -> bool:
        """Whether it trains on preference pairs."""
        return self.method.startswith("dpo")

    @property
    def has_adapters(self) -> bool:
        """Whether adapters are trained instead of all weights."""
        return self.method in ("lora", "qlora", "dpo-lora")

    def unlike_paper(self) -> list[str]:
        """The differences from the paper's settings if these are requested, as `name value`."""
        if not self.like_paper:
            return []
        found = [f"{name} {getattr(self, name)}" for name, value in PAPER.items() if getattr(self, name) != value]
        found += ["without a run's seed tasks"] if any(not part.seeds for part in self.mixture) else []
        batch = ("per_device_train_batch_size", "gradient_accumulation_steps")
        return found + [f"{name} {self.trainer[name]}" for name in batch if name in self.trainer]


PAPER: Final[
    Mapping[str, Any]
] = {  # section 4 and appendix A.3: davinci, two epochs, on everything, loss on completions
    "format": "templates",
    "method": "full",
    "tasks": 0,
    "held_out": 0.0,
    "patience": 0,
    "epochs": 2.0,
    "max_steps": 0,
    "packing": False,
}
SEVERAL = Path(__file__).parent / "several"  # shipped settings for several GPUs, by name


def read_settings(
    path: Path | None,
    flags: Mapping[str, Any],
    options: Sequence[str] = (),
    trainer_values: Mapping[str, Any] | None = None,
) -> FinetuneSettings:
    """The settings of a file, overridden by flags.

    The file may be a shipped one by its name; without one, the defaults count. Flags that are not None override them,
    and options of the trainer override the file's: `name=value` texts, whose values are read as YAML, and plain
    values. Raises InputError naming the key.
    """
    values: dict[str, Any] = {}
    trainer: dict[str, Any] = {}
    if path is not None and not path.suffix and (SEVERAL / f"{path}.yaml").is_file():
        path = SEVERAL / f"{path}.yaml"
    where = str(path) if path else "finetune"
    if path is not None:
        values = parse_yaml(read_text(path), where) or {}
        if not isinstance(values, dict):
            raise InputError(f"{path}: expected keys with values, as in `epochs: 2`.")
        own = values.pop("trainer", None) or {}
        if not isinstance(own, dict):
            raise InputError(f"{path}: trainer: expected options of TRL's SFTConfig with values.")
        _require_staying(own, path)
        trainer |= own
    for option in options:
        name, sign, value = option.partition("=")
        if not sign or not name:
            raise InputError(f"--set {option}: write NAME=VALUE, as in --set warmup_steps=10.")
        trainer[name] = parse_yaml(value, f"--set {name}") if value.strip() else {}
    trainer |= trainer_values or {}
    values |= {name: value for name, value in flags.items() if value is not None}
    if values.get("like_paper") is True:
        values = dict(PAPER) | values
    fields = {entry.name: entry for entry in dataclasses.fields(FinetuneSettings)}
    known = {name: value for name, value in values.items() if name != "mixture" or not _is_parts(value)}
    settings: Any = build(_WithoutTrainer, known, where)
    made = {name: getattr(settings, name) for name in fields if name not in ("trainer",)}
    if _is_parts(values.get("mixture")):
        made["mixture"] = tuple(values["mixture"])
    _check(made, where)
    return FinetuneSettings(**made, trainer=trainer)


def _is_parts(value: object) -> bool:
    return isinstance(value, tuple) and all(isinstance(row, MixturePart) for row in value)


def _check(made: Mapping[str, Any], where: str) -> None:
    faults = [
        (not 0 <= made["held_out"] < 1, "held_out: must be in [0, 1)"),
        (made["epochs"] <= 0, "epochs: must be above 0"),
        (min(made["tasks"], made["patience"], made["max_steps"], made["max_length"]) < 0, "numbers cannot be negative"),
        (made["learning_rate"] < 0, "learning_rate: cannot be negative"),
        (made["lora"].rank < 1, "lora.rank: must be at least 1"),
        (any(part.weight <= 0 for part in made["mixture"]), "mixture: weights must be above 0"),
        (
            made["packing"] and made["method"].startswith("dpo"),
            "packing: preference pairs cannot be packed; leave it out",
        ),
    ]
    for wrong, message in faults:
        if wrong:
            raise InputError(f"{where}: {message}.")


def _require_staying(trainer: Mapping[str, Any], path: Path) -> None:
    """Raises InputError if a file, which may come from others, sends the model away."""
    for name in SENDING:
        if trainer.get(name):
            raise InputError(
                f"{path}: trainer: {name}: sends the model away from this machine, which a file cannot choose; if you want "
                f"this, say so in the command: --set {name}={trainer[name]}."
            )


def check_trainer(options: Mapping[str, Any], known: Sequence[str]) -> None:
    """Raises InputError for an option that the trainer does not have, or that is set elsewhere.

    Args:
        known: its option names.
    """
    for name in options:
        if name in RESERVED:
            raise InputError(f"trainer: {name}: is {RESERVED[name]}.")
        if name not in known:
            near = difflib.get_close_matches(name, known, 1)
            hint = f"did you mean {near[0]}?" if near else "see the documentation of TRL's SFTConfig."
            raise InputError(f"trainer: {name}: the trainer has no such option; {hint}")


_WithoutTrainer = dataclasses.make_dataclass(
    "_WithoutTrainer",
    [
        (entry.name, entry.type, field(default=entry.default))
        for entry in dataclasses.fields(FinetuneSettings)
        if entry.name != "trainer"
    ],
    frozen=True,
    namespace={"__module__": __name__},
)
