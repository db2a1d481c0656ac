"""People's judgements of a run's tasks: the paper's Table 2 from the judgements beside the journal."""

from dataclasses import dataclass

from bootstruct.journal.reviews import NAME, QUALITY, Share, quality_table, read_reviews
from bootstruct.reporting.subject import Dataset


@dataclass(frozen=True, slots=True)
class Quality:
    """The results of people's judgements of a run.

    Attributes:
        rows: a share with its interval for each question and for all three together.
        drawn: tasks in the review's sample.
    """

    rows: tuple[Share, ...]
    tasks: int
    drawn: int
    reviewers: int
    judgements: int


def quality_of(subject: Dataset) -> Quality | None:
    """None for a file, and for a run without a judged task.

    Raises InputError, or JournalError at file:line, where there is a file of reviews that cannot be read.
    """
    if subject.history is None:
        return None
    reviews = read_reviews(subject.history.journal.parent / NAME)
    judged = reviews.all_standing(QUALITY)
    if not judged:
        return None
    reviewers = len({review.reviewer for review in judged})
    rows = tuple(quality_table(judged))
    return Quality(rows, rows[0].total, len(reviews.items), reviewers, len(judged))
