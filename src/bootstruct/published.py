"""What the paper published (arXiv 2212.10560), to stand beside our figures and marked as such. Kept once, here."""

from typing import Final

# Table 2: percent of the judged tasks, one instance each, one expert.
TABLE_2: Final = {"task": 92, "input": 79, "output": 58, "all": 54}
TABLE_2_TASKS: Final = 200

# Table 3: model, size, ROUGE-L on the 119 test tasks of Super-NaturalInstructions, zero-shot.
TABLE_3: Final[tuple[tuple[str, str, float], ...]] = (
    ("T5-LM", "11B", 25.7),
    ("GPT3", "175B", 6.8),
    ("T0", "11B", 33.1),
    ("GPT3 + T0 training", "175B", 37.9),
    ("GPT3 Self-Instruct", "175B", 39.9),
    ("InstructGPT 001", "175B", 40.8),
    ("Tk-Instruct", "11B", 46.0),
    ("GPT3 + SuperNI training", "175B", 49.5),
    ("GPT3 Self-Instruct + SuperNI training", "175B", 51.6),
)

# Figure 6: model and how many of its answers to the paper's own 252 tasks were rated A, B, C, D.
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
