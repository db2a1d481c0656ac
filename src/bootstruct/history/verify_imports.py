"""The part of `verify` that concerns what the files of an import record: similarities of each task to the pool."""

from collections.abc import Iterator

from bootstruct.journal.events import ImportRecorded
from bootstruct.journal.state import State
from bootstruct.novelty.index import NoveltyIndex

MOST_SIMILAR = 10  # texts that the released code records


def similarities_differ(state: State, index: NoveltyIndex, event: ImportRecorded, position: int) -> Iterator[str]:
    """Yield a sentence for each recorded similarity of a task that is not the one computed.

    Args:
        state: the state, in which the task is accepted.
        index: the novelty index of its pool.
        event: what the files record.
        position: the task's place among the accepted ones; it was compared with the seeds and those before it.
    """
    text = state.accepted[position].text
    before = len(state.seeds) + position
    scores = index.scores(text)[:before]
    mean = float(scores.mean()) if before else 0.0
    if mean != event.mean:
        yield f"task {event.task}: mean similarity recorded {event.mean}, computed {mean}"
    texts = [seed.instruction for seed in state.seeds] + [task.text for task in state.accepted[:position]]
    known = dict(zip(texts, scores.tolist(), strict=True))
    for other, score in event.most_similar:
        if known.get(other) != score:
            yield f"task {event.task}: similarity with {other!r} recorded {score}, computed {known.get(other)}"
    if len(event.most_similar) == MOST_SIMILAR:
        least = min(score for _, score in event.most_similar)
        listed = {other for other, _ in event.most_similar}
        if any(score > least for other, score in known.items() if other not in listed):
            yield f"task {event.task}: recorded ten similar texts, derived a more similar one"
