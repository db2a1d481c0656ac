"""The paper's human judgements, as the review page shows them: its figures, and its four levels in our words."""

from typing import Final

from bootstruct.published import FIGURE_6, KAPPA_ACCEPTABLE, KAPPA_LEVELS, TABLE_2, TABLE_2_TASKS

LEVELS: Final = {  # section 4.4's four levels, in our words: (name, what it takes)
    "A": ("valid and satisfying", "Nothing to object to: the response does what was asked."),
    "B": ("acceptable", "Minor errors or gaps, but of use as it is."),
    "C": ("relevant, significant errors", "It responds to the task, but what is wrong with it spoils it."),
    "D": ("irrelevant or invalid", "It misses the task, or is no answer at all."),
}

__all__ = ["FIGURE_6", "KAPPA_ACCEPTABLE", "KAPPA_LEVELS", "LEVELS", "TABLE_2", "TABLE_2_TASKS"]
