"""One table of the models that are measured: what each is trained on, and with which settings."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal

RUN, SEEDS_ROWS, SOLVED_ROWS = "run", "seeds-only.jsonl", "solved.jsonl"
TASKS, FULL_TASKS = 120, 300
SIZES: Final = (20, 40, 80, 160)  # generated tasks, for the curve over the amount of data (the paper, section 4.5)
SEED: Final = 42
FULL_SEEDS: Final = (42, 43, 44)
Part = Literal["before", "headline", "bound", "curve"]


@dataclass(frozen=True, slots=True)
class Setting:
    """Optimizer steps of 8 examples, and the learning rate at their beginning (it falls to 0)."""

    steps: int
    rate: float


# Chosen by benchmarks/demo_steps.py on prompts that share no phrasing with the evaluation; docs/lab-notes/demo.md.
SEEDS_ONLY: Final = Setting(80, 5e-4)
SELF_INSTRUCT: Final = Setting(80, 5e-4)


@dataclass(frozen=True, slots=True)
class Kind:
    """One model of the table. name: of its folders. told: in tables. source: what it is trained on, a path in the demo's
    folder. tasks: the generated tasks among it; `cut` where these are only so many of the run's. setting: None for the
    model as it was, which is not trained."""

    name: str
    told: str
    part: Part
    source: str = ""
    tasks: int = 0
    cut: bool = False
    setting: Setting | None = None


@dataclass(frozen=True, slots=True)
class Trained:
    """A kind of model with one finetuning seed; `seed` is None where nothing is trained."""

    kind: Kind
    seed: int | None

    @property
    def name(self) -> str:
        return self.kind.name if self.seed is None else f"{self.kind.name}-{self.seed}"


def kinds(tasks: int, full: bool, is_pocket: bool) -> tuple[Kind, ...]:
    """The table. tasks: how many generated tasks with instances there are. is_pocket: whether the world's solver can be
    asked about them."""
    found = [
        Kind("as-it-was", "as it was", "before"),
        Kind("seeds-only", "tuned on the seeds only", "headline", SEEDS_ROWS, setting=SEEDS_ONLY),
        Kind("self-instruct", "tuned on self-instruct data", "headline", RUN, tasks, setting=SELF_INSTRUCT),
    ]
    if full and is_pocket:
        told = "upper bound: outputs by a solver"
        found.append(Kind("solved", told, "bound", SOLVED_ROWS, tasks, setting=SELF_INSTRUCT))
    for size in SIZES if full else ():
        if size < tasks:
            name, told = f"self-instruct-{size}", f"tuned on {size} of the {tasks} tasks"
            found.append(Kind(name, told, "curve", RUN, size, cut=True, setting=SELF_INSTRUCT))
    return tuple(found)


def trainings(table: Sequence[Kind], seeds: Sequence[int]) -> tuple[Trained, ...]:
    """Every model to be measured, the headline's first seeds before the others."""
    return tuple(
        Trained(kind, seed if kind.setting else None)
        for number, seed in enumerate(seeds)
        for kind in table
        if kind.setting or number == 0
    )


def finetune_words(model: Trained, base: str) -> tuple[str, ...]:
    """The command that trains it, in the demo's folder."""
    setting = model.kind.setting
    assert setting is not None
    some = ("--tasks", str(model.kind.tasks)) if model.kind.cut else ()
    return (
        "finetune", model.kind.source, *some, "--model", base, "--out", place_of(model), "--max-steps", str(setting.steps),
        "--learning-rate", f"{setting.rate:g}", "--seed", str(model.seed), "--held-out", "0", "--quiet",
    )  # fmt: skip


def place_of(model: Trained) -> str:
    """Its folder in the demo's folder."""
    return f"models/{model.name}"
