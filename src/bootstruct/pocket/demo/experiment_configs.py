"""The table of the measured models: the training data and the settings of each."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal

from bootstruct.pocket.demo.formats import FEW_SHOT, FORMATS
from bootstruct.pocket.demo.options import DATA, RUN, numbered

SIZES: Final = (20, 40, 80)  # generated tasks, for the curve over the amount of data (section 4.5)
Part = Literal["before", "baseline", "headline", "ablation", "bound", "curve"]


@dataclass(frozen=True, slots=True)
class TuningSetting:
    """Settings of a finetuning.

    Attributes:
        steps: optimizer steps of 8 examples each.
        rate: the learning rate at the beginning; it falls to 0.
    """

    steps: int
    rate: float


# Both chosen by benchmarks/demo_steps.py on prompts that share no phrasing with the evaluation; docs/lab-notes/demo.md.
SETTING: Final = TuningSetting(80, 5e-4)  # of every finetuning, so that all have the same number of steps
BEST_FORMAT: Final = "task"  # of the untuned model, besides the headline format


@dataclass(frozen=True, slots=True)
class ExperimentConfig:
    """One experiment of the demo: what a model is finetuned on, with which settings, and in which format it is asked.

    Attributes:
        name: the name of its folders.
        label: its name in tables.
        part: its part of the table, or its figure.
        source: its training data: the name of a file in `data/`, or `run`; empty for the untuned model.
        tasks: the number of generated tasks among its training data.
        is_subset: whether these are only some of the run's tasks.
        per_run: whether its data differ from run to run.
        setting: the settings of its finetuning; None for the untuned model.
        asked_in: the name of the format of its evaluation.
    """

    name: str
    label: str
    part: Part
    source: str = ""
    tasks: int = 0
    is_subset: bool = False
    per_run: bool = False
    setting: TuningSetting | None = None
    asked_in: str = "headline"

    def source_of(self, generation: int) -> str:
        """Return the path of its training data in the demo's folder."""
        if not self.source:
            return ""
        name = numbered(self.source, generation) if self.per_run else self.source
        return name if self.source == RUN else f"{DATA}/{name}.jsonl"


@dataclass(frozen=True, slots=True)
class SeededModel:
    """The model of one experiment with one finetuning seed on the data of one run.

    Attributes:
        config: the experiment.
        seed: the finetuning seed; None if nothing is finetuned.
        generation: the number of the run, 1 where the data are the same for all.
    """

    config: ExperimentConfig
    seed: int | None
    generation: int = 1

    @property
    def name(self) -> str:
        """The name of its folders."""
        name = numbered(self.config.name, self.generation)
        return name if self.seed is None else f"{name}-{self.seed}"

    @property
    def source(self) -> str:
        """The path of its training data in the demo's folder."""
        return self.config.source_of(self.generation)


# name and source, label, part: the data of each are explained in training_data.py
_TUNED: Final[tuple[tuple[str, str, Part, bool, bool], ...]] = (
    ("seeds-only", "seeds", "baseline", False, False),
    ("seeds-all-templates", "seeds, all templates", "baseline", False, True),
    ("seed-instances", "seeds, model's instances", "baseline", True, True),
    ("self-instruct", "self-instruct", "headline", True, True),
    ("unfiltered", "- no novelty filter", "ablation", True, False),
    ("input-first", "- no classification", "ablation", True, False),
    ("shuffled", "- outputs shuffled", "ablation", True, False),
    ("solved", "upper bound (solver)", "bound", True, False),
)


def model_table(tasks: int, full: bool, is_pocket: bool) -> tuple[ExperimentConfig, ...]:
    """List the models to measure.

    Args:
        tasks: the number of generated tasks with instances in the smallest run.
        full: whether to list all, rather than the few of the usual demo.
        is_pocket: whether the solver of the micro-world knows the right outputs.
    """
    label = "untuned"
    models = [ExperimentConfig("as-it-was", label, "before")]
    others = [name for name in (*FORMATS, FEW_SHOT) if name != "headline"] if full else [BEST_FORMAT]
    models += [ExperimentConfig(f"as-it-was-{name}", label, "before", asked_in=name) for name in others]
    for name, label, part, per_run, is_usual in _TUNED:
        if (full or is_usual) and (is_pocket or name != "solved"):
            source, count = RUN if name == "self-instruct" else name, tasks if name not in _WITHOUT_TASKS else 0
            models.append(ExperimentConfig(name, label, part, source, count, per_run=per_run, setting=SETTING))
    for size in SIZES if full else ():
        if size < tasks:
            label = f"self-instruct, {size} of the {tasks} tasks"
            models.append(
                ExperimentConfig(
                    f"self-instruct-{size}", label, "curve", RUN, size, True, per_run=True, setting=SETTING
                )
            )
    return tuple(models)


_WITHOUT_TASKS: Final = ("seeds-only", "seeds-all-templates", "seed-instances")


def seeded_models(
    table: Sequence[ExperimentConfig], seeds: Sequence[int], generations: Sequence[int] = (1,)
) -> tuple[SeededModel, ...]:
    """List every model with every run and finetuning seed: all models with the first ones before those with others."""
    return tuple(
        SeededModel(model, seed if model.setting else None, generation)
        for number, seed in enumerate(seeds)
        for generation in generations
        for model in table
        if (model.setting or number == 0) and (model.per_run or generation == generations[0])
        if not (model.part == "curve" and generation != generations[0])
    )
