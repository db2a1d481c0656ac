"""What people said of a run's tasks: the paper's Table 2 from the judgements beside the journal."""

from dataclasses import dataclass

from bootstruct.judgements import NAME, QUALITY, Share, quality_table, read_reviews
from bootstruct.report.subject import Subject


@dataclass(frozen=True, slots=True)
class Quality:
    """rows: a share with its interval for each question and for all three together. drawn: tasks in the review's sample."""

    rows: tuple[Share, ...]
    tasks: int
    drawn: int
    reviewers: int
    judgements: int


def quality_of(subject: Subject) -> Quality | None:
    """None for a file, and for a run of whose tasks nobody has judged one.

    Raises BadInput, or BadJournal at file:line, where there is a file of reviews that cannot be read.
    """
    if subject.told is None:
        return None
    reviews = read_reviews(subject.told.journal.parent / NAME)
    judged = reviews.all_standing(QUALITY)
    if not judged:
        return None
    reviewers = len({each.reviewer for each in judged})
    rows = tuple(quality_table(judged))
    return Quality(rows, rows[0].total, len(reviews.items), reviewers, len(judged))
