"""The wording of differences between the journal and the derived decisions: both sides, field by field."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

from bootstruct.journal.events import CandidatesJudged, InstancesChecked, TaskCompleted
from bootstruct.types import CheckVerdict, Instance, Verdict

LONGEST: Final = 60  # characters of a text that are shown
_NAMES: Final = re.compile(r"^[^:]*?(?: '(?:[^'\\]|\\.)*'| \"(?:[^\"\\]|\\.)*\")?(?:, check '[^']*')?: ")
_VALUES: Final = re.compile(r"'(?:[^'\\]|\\.)*'|\"(?:[^\"\\]|\\.)*\"|\b[0-9a-f]{8}\b|\d[\d.]*")


@dataclass(frozen=True, slots=True)
class DisagreementGroup:
    """Disagreements that differ only in names, texts and numbers.

    Attributes:
        first: the first of them.
        count: how many there are.
    """

    first: str
    count: int


def grouped(disagreements: Iterable[str]) -> list[DisagreementGroup]:
    """Group the disagreements of one kind, the most frequent ones first.

    Example:
        >>> grouped(["task 1.0 'a': failed recorded yes, derived no", "task 2.0 'b': failed recorded yes, derived no"])
        [DisagreementGroup(first="task 1.0 'a': failed recorded yes, derived no", count=2)]
    """
    groups: dict[str, DisagreementGroup] = {}
    for sentence in disagreements:
        kind = _VALUES.sub("_", _NAMES.sub("", sentence))
        before = groups.get(kind)
        groups[kind] = DisagreementGroup(before.first, before.count + 1) if before else DisagreementGroup(sentence, 1)
    return sorted(groups.values(), key=lambda group: -group.count)


def verdicts_differ(old: Verdict, new: Verdict) -> str:
    """Say how two verdicts on a candidate differ: as recorded, and as derived."""
    if old.text != new.text:
        return _sides("", _quoted(old.text), _quoted(new.text))

    def describe(verdict: Verdict) -> str:
        near = f" ({verdict.score} with {verdict.neighbour})" if verdict.score is not None else ""
        note = f" ({verdict.note})" if verdict.note else ""
        return "kept" if verdict.kept else f"rejected as {verdict.rule}{near}{note}"

    if old.kept and new.kept:
        return f"recorded with {_instances(old.instances)}, derived with {_instances(new.instances)}"
    return f"recorded {describe(old)}, derived {describe(new)}"


def completions_differ(old: TaskCompleted, new: TaskCompleted) -> str:
    """Say in which fields two decisions on a task differ."""
    fields = [
        ("", "failed" if old.failed else "completed", "failed" if new.failed else "completed"),
        ("task type", _task_type(old), _task_type(new)),
        *_pairs_differ("instance", old.instances, new.instances),
        *_pairs_differ(
            "rejected instance",
            [f"{_pair(entry.instance)} as {entry.rule}" for entry in old.rejected],
            [f"{_pair(entry.instance)} as {entry.rule}" for entry in new.rejected],
        ),
        ("unread replies", _unread(old), _unread(new)),
    ]
    return "; ".join(_sides(*field) for field in fields if field[1] != field[2]) or "recorded and derived differ"


def checks_differ(old: InstancesChecked, new: InstancesChecked) -> str:
    """Say in which verdicts two decisions of a check differ."""
    before, after = ({verdict.instance: verdict for verdict in event.verdicts} for event in (old, new))
    numbers = sorted(before.keys() | after.keys())
    fields = [(f"instance {number}", _checked(before.get(number)), _checked(after.get(number))) for number in numbers]
    fields.append(("", "failed" if old.failed else "decided", "failed" if new.failed else "decided"))
    return "; ".join(_sides(*field) for field in fields if field[1] != field[2]) or "recorded in another order"


def shown_differs(
    event: CandidatesJudged, shown: tuple[str, ...], passage: str, hints: tuple[tuple[str, str], ...]
) -> list[str]:
    """Say how the recorded examples, passage and hints of a request differ from the derived ones; empty if they do not.

    Args:
        event: the decision about the request.
        shown: the derived names of the examples.
        passage: the derived name of the passage; empty if the run is not about documents.
        hints: the derived hints; none if the recipe does not steer.
    """
    found = []
    if hints != event.hints:
        old, new = (listed(tuple(value for _, value in some)) for some in (event.hints, hints))
        found.append(f"request {event.index}: recorded hints {old}, derived {new}")
    if shown != event.shown:
        found.append(f"request {event.index}: recorded examples {listed(event.shown)}, derived {listed(shown)}")
    if passage != event.passage:
        recorded, derived = event.passage or "none", passage or "none"
        found.append(f"request {event.index}: recorded passage {recorded!r}, derived {derived!r}")
    return found


def listed(names: tuple[str, ...]) -> str:
    """Name some things, or say that there are none."""
    return ", ".join(names) or "nothing"


def _sides(field: str, old: str, new: str) -> str:
    return f"{field + ' ' if field else ''}recorded {old}, derived {new}"


def _pairs_differ(
    name: str, old: Iterable[Instance | str], new: Iterable[Instance | str]
) -> Iterator[tuple[str, str, str]]:
    before, after = ([_pair(entry) for entry in entries] for entries in (old, new))
    for number in range(max(len(before), len(after))):
        sides = [entries[number] if number < len(entries) else "none" for entries in (before, after)]
        yield f"{name} {number}", sides[0], sides[1]


def _pair(entry: Instance | str) -> str:
    return entry if isinstance(entry, str) else f"{_quoted(entry.input)} -> {_quoted(entry.output)}"


def _instances(instances: Iterable[Instance]) -> str:
    return "; ".join(map(_pair, instances)) or "no instances"


def _quoted(text: str) -> str:
    return repr(text if len(text) <= LONGEST else f"{text[:LONGEST]}…")


def _task_type(event: TaskCompleted) -> str:
    return (
        "unreadable" if event.is_type_unread else "classification" if event.is_classification else "no classification"
    )


def _unread(event: TaskCompleted) -> str:
    return ", ".join(f"{step}: {why}" for step, why in event.unread) or "none"


def _checked(verdict: CheckVerdict | None) -> str:
    if verdict is None:
        return "without a verdict"
    about = [f"score {verdict.score}"] if verdict.score is not None else []
    about += [verdict.note] if verdict.note else []
    return ("kept" if verdict.kept else f"rejected as {verdict.rule}") + (f" ({', '.join(about)})" if about else "")
