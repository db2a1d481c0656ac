"""What can be set about a finetuning: one YAML file, flags over it, and every option of the trainer below `trainer:`."""

import dataclasses
import difflib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from bootstruct.errors import BadInput
from bootstruct.files import read_text
from bootstruct.shape import build

RESERVED = {  # options of the trainer that are ours, and how they are set
    "output_dir": "--out",
    "max_length": "max_length",
    "packing": "packing",
    "seed": "seed",
    "num_train_epochs": "epochs",
    "max_steps": "max_steps",
    "learning_rate": "learning_rate",
    "completion_only_loss": "nothing: the loss is always on the completion",
    "resume_from_checkpoint": "--resume",
}


@dataclass(frozen=True, slots=True)
class Lora:
    """rank and alpha of the adapters, their dropout, and the layers they sit on (`all-linear`, or names with commas)."""

    rank: int = 16
    alpha: int = 32
    dropout: float = 0.05
    layers: str = "all-linear"


@dataclass(frozen=True, slots=True)
class Part:
    """One source of a mixture: a run folder, a file, or a folder of Super-NaturalInstructions tasks.

    weight: 0.5 takes half of its examples, 2 takes each twice. most: at most so many examples (0: no cap), weight applied
    first. per_task: at most so many of one task (0: all). seeds: a run's seed tasks as well.
    """

    path: str
    weight: float = 1.0
    most: int = 0
    per_task: int = 0
    seeds: bool = True


@dataclass(frozen=True, slots=True)
class Settings:
    """format: the recipe's `templates` (13 in `paper`, one drawn for each example) or the model's `chat` template.
    method: `full`, `lora` or `qlora` (4 bits, needs bitsandbytes). tasks: only so many of the tasks, 0 for all; a smaller
    number is always a part of a larger one. held_out: share of tasks that are not trained on but measured; patience: stop
    after so many epochs without a lower loss on them (0: never). epochs: 2, as the paper has it (its appendix A.3).
    learning_rate: 0 chooses by method and size of the model. max_length: longest example in tokens, 0 for the model's
    context, at most 2,048. packing: several examples in one row, without their seeing one another.
    """

    format: Literal["templates", "chat"] = "templates"
    method: Literal["full", "lora", "qlora"] = "full"
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
    lora: Lora = Lora()
    mixture: tuple[Part, ...] = ()
    trainer: Mapping[str, Any] = field(default_factory=dict)


SEVERAL = Path(__file__).parent / "several"  # shipped settings for several GPUs, by name


def read_settings(path: Path | None, flags: Mapping[str, Any], options: Sequence[str] = ()) -> Settings:
    """The settings of a file (a shipped one by its name, or the defaults), with flags that are not None over them, and
    `name=value` options of the trainer over its own. Raises BadInput naming the key."""
    values: dict[str, Any] = {}
    trainer: dict[str, Any] = {}
    if path is not None and not path.suffix and (SEVERAL / f"{path}.yaml").is_file():
        path = SEVERAL / f"{path}.yaml"
    where = str(path) if path else "finetune"
    if path is not None:
        values = _yaml(read_text(path), where)
        if not isinstance(values, dict):
            raise BadInput(f"{path}: expected keys with values, as in `epochs: 2`.")
        own = values.pop("trainer", None) or {}
        if not isinstance(own, dict):
            raise BadInput(f"{path}: trainer: expected options of TRL's SFTConfig with values.")
        trainer |= own
    for option in options:
        name, sign, value = option.partition("=")
        if not sign or not name:
            raise BadInput(f"--set {option}: write NAME=VALUE, as in --set warmup_steps=10.")
        trainer[name] = _yaml(value, f"--set {name}")
    values |= {name: value for name, value in flags.items() if value is not None}
    fields = {each.name: each for each in dataclasses.fields(Settings)}
    known = {name: value for name, value in values.items() if name != "mixture" or not _is_parts(value)}
    settings: Any = build(_WithoutTrainer, known, where)
    made = {name: getattr(settings, name) for name in fields if name not in ("trainer",)}
    if _is_parts(values.get("mixture")):
        made["mixture"] = tuple(values["mixture"])
    _check(made, where)
    return Settings(**made, trainer=trainer)


def _is_parts(value: object) -> bool:
    return isinstance(value, tuple) and all(isinstance(each, Part) for each in value)


def _check(made: Mapping[str, Any], where: str) -> None:
    faults = [
        (not 0 <= made["held_out"] < 1, "held_out: must lie in [0, 1)"),
        (made["epochs"] <= 0, "epochs: must be above 0"),
        (min(made["tasks"], made["patience"], made["max_steps"], made["max_length"]) < 0, "numbers cannot be negative"),
        (made["learning_rate"] < 0, "learning_rate: cannot be negative"),
        (made["lora"].rank < 1, "lora.rank: must be at least 1"),
        (any(part.weight <= 0 for part in made["mixture"]), "mixture: weights must be above 0"),
    ]
    for wrong, message in faults:
        if wrong:
            raise BadInput(f"{where}: {message}.")


def check_trainer(options: Mapping[str, Any], known: Sequence[str]) -> None:
    """Raises BadInput for an option that the trainer does not have, or that is set elsewhere. known: its option names."""
    for name in options:
        if name in RESERVED:
            raise BadInput(f"trainer: {name}: is set by {RESERVED[name]}.")
        if name not in known:
            near = difflib.get_close_matches(name, known, 1)
            hint = f"did you mean {near[0]}?" if near else "see the documentation of TRL's SFTConfig."
            raise BadInput(f"trainer: {name}: the trainer has no such option; {hint}")


def _yaml(text: str, where: str) -> Any:
    import yaml

    try:
        return yaml.safe_load(text) if text.strip() else {}
    except (yaml.YAMLError, ValueError) as exc:
        raise BadInput(f"{where}: not YAML: {' '.join(str(exc).split())}.") from None


_WithoutTrainer = dataclasses.make_dataclass(
    "_WithoutTrainer",
    [
        (each.name, each.type, field(default=each.default))
        for each in dataclasses.fields(Settings)
        if each.name != "trainer"
    ],
    frozen=True,
    namespace={"__module__": __name__},
)
