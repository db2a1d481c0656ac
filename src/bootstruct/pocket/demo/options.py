"""The options of a demo, and the names of the files in its folder."""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

from bootstruct.pocket.demo.evaluation_data import FULL_PHRASINGS, PHRASINGS

TASKS, FULL_TASKS = 120, 200  # instructions to grow
FINETUNING_SEED: Final = 42
FULL_FINETUNING_SEEDS: Final = (42, 43, 44)
GENERATION_SEED: Final = 42  # the one in the pocket recipe
FULL_GENERATION_SEEDS: Final = (42, 43)

EVALUATION_ROWS, PROMPTS, DATA = "evaluation.jsonl", "prompts", "data"
STEPS, SUMMARY, PAGE, CURVE, REPORT = "steps.json", "summary.json", "results.md", "curve.svg", "report.html"


def numbered(name: str, generation: int) -> str:
    """Return the name of a generation's folder or file: as it is for the first, with its number for others.

    Example:
        >>> numbered("run", 1), numbered("run", 2)
        ('run', 'run-2')
    """
    return name if generation == 1 else f"{name}-{generation}"


RUN, UNFILTERED = "run", "run-unfiltered"  # the run, and one without the novelty filter


@dataclass(frozen=True, slots=True)
class DemoOptions:
    """The options of a demo.

    Attributes:
        folder: where everything is written.
        model: the model that generates and is finetuned and measured: `pocket`, or `hf/DIR`.
        tasks: accepted instructions to grow; None for the usual number.
        full: all models of the table, two runs with three finetuning seeds each, and the curve over the amount of data.
        to_stderr: whether the output of commands goes to stderr, because stdout is for the summary.
    """

    folder: Path
    model: str = "pocket"
    tasks: int | None = None
    full: bool = False
    to_stderr: bool = False

    @property
    def goal(self) -> int:
        """Accepted instructions to grow in each run."""
        return self.tasks or (FULL_TASKS if self.full else TASKS)

    @property
    def finetuning_seeds(self) -> tuple[int, ...]:
        """The finetuning seeds of each model."""
        return FULL_FINETUNING_SEEDS if self.full else (FINETUNING_SEED,)

    @property
    def generation_seeds(self) -> tuple[int, ...]:
        """The random seeds of the runs that are grown; generation 1 has the first."""
        return FULL_GENERATION_SEEDS if self.full else (GENERATION_SEED,)

    @property
    def generations(self) -> tuple[int, ...]:
        """The numbers of the runs that are grown, from 1."""
        return tuple(range(1, 1 + len(self.generation_seeds)))

    @property
    def phrasings(self) -> int:
        """Evaluation prompts per family."""
        return FULL_PHRASINGS if self.full else PHRASINGS

    @property
    def is_pocket(self) -> bool:
        """Whether the model is the pocket model, whose world the strict reader and the solver know."""
        return self.model == "pocket"
