"""What the paper published, to stand beside a run's figures and marked as such (PAPER.md section 5)."""

from typing import Final

TABLE_2: Final = {"task": 92, "input": 79, "output": 58, "all": 54}  # percent of TABLE_2_TASKS, one expert
TABLE_2_TASKS: Final = 200

# Figure 6: how many of a model's answers to the paper's own 252 tasks were rated A, B, C, D.
FIGURE_6: Final[tuple[tuple[str, tuple[int, int, int, int]], ...]] = (
    ("GPT3", (1, 0, 64, 187)),
    ("GPT3 + T0", (44, 31, 59, 118)),
    ("GPT3 + SuperNI", (74, 30, 80, 68)),
    ("Self-Instruct + SuperNI", (83, 54, 84, 31)),
    ("Self-Instruct", (112, 49, 66, 25)),
    ("InstructGPT 001", (128, 45, 61, 18)),
    ("InstructGPT 002", (168, 40, 34, 10)),
    ("InstructGPT 003", (192, 30, 28, 2)),
)
KAPPA_LEVELS, KAPPA_ACCEPTABLE = 0.58, 0.75  # two raters: on A to D, and on A or B against C or D

LEVELS: Final = {  # section 4.4's four levels, in our words: (name, what it takes)
    "A": ("valid and satisfying", "Nothing to object to: the response does what was asked."),
    "B": ("acceptable", "Minor errors or gaps, but of use as it is."),
    "C": ("relevant, significant errors", "It responds to the task, but what is wrong with it spoils it."),
    "D": ("irrelevant or invalid", "It misses the task, or is no answer at all."),
}
