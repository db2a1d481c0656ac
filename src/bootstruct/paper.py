"""Every figure and scale that the paper published (arXiv 2212.10560), kept only here and shown as the paper's."""

from typing import Final

# Table 1: the generated data; mean lengths in words.
TABLE_1: Final = {
    "instructions": 52_445,
    "classification": 11_584,
    "other": 40_861,
    "instances": 82_439,
    "empty_inputs": 35_878,
    "words_instruction": 15.9,
    "words_input": 12.7,
    "words_output": 18.9,
}
SEEDS: Final = 175
PAIRS: Final = 26_559  # instructions with a root verb and a direct noun object (section 3.1)
COVERED: Final = 0.14  # of all instructions, by the 20 most common verbs with their 4 most common objects (figure 3)
VERBS, OBJECTS = 20, 4
NEAR: Final = 0.3  # over half of the instructions stay below this ROUGE-L with their nearest seed (figure 4)

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

BASELINE_INSTANCES: Final = 50_000  # of T0's and of SuperNI's training sets, sampled (section 4.2)

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

# Section 4.4: the four levels of human evaluation, in our words: (name, what it takes).
LEVELS: Final = {
    "A": ("valid and satisfying", "There is nothing to object to: the response does what was asked."),
    "B": ("acceptable", "It has minor errors or gaps but is usable as it is."),
    "C": ("relevant, significant errors", "It responds to the task, but its errors spoil it."),
    "D": ("irrelevant or invalid", "It misses the task or is not an answer at all."),
}
LEVEL_LETTERS: Final = "".join(LEVELS)
