"""The paper's figures (arXiv 2212.10560), to set a run's beside."""

from typing import Final

from bootstruct.published import TABLE_2, TABLE_2_TASKS
from bootstruct.report.numbers import Table

TABLE: Final = Table(  # Table 1; mean lengths in words
    instructions=52_445,
    classification=11_584,
    other=40_861,
    instances=82_439,
    empty_inputs=35_878,
    words_instruction=15.9,
    words_input=12.7,
    words_output=18.9,
)
PAIRS: Final = 26_559  # instructions with a root verb and a direct noun object (section 3.1)
COVERED: Final = 0.14  # of all instructions, by the 20 commonest verbs with their 4 commonest objects (figure 3)
VERBS, OBJECTS = 20, 4
NEAR: Final = 0.3  # over half of the instructions stay below this ROUGE-L with their nearest seed (figure 4)
SEEDS: Final = 175
QUALITY: Final = TABLE_2
JUDGED: Final = TABLE_2_TASKS
