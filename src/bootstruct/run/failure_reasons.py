"""Requests that failed for good, grouped by reason: reasons that differ only in numbers and ids are one. Pure."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from bootstruct.journal.events import RequestFailed
from bootstruct.journal.state import State
from bootstruct.render.sanitize import one_line, visible

LONGEST: Final = 200  # characters of a reason
COMPARED: Final = 140  # characters of a reason that are compared
VARIES: Final = "…"  # replaces the parts in which the reasons of a group differ
_VARIABLE: Final = re.compile(r"((?:[\w-]+[.:/])*[\w-]*\d[\w-]*(?:[.:/][\w-]+)*)")  # numbers, ids, names with digits


@dataclass(frozen=True, slots=True)
class FailureReason:
    """Failures with one reason.

    Attributes:
        status: HTTP status, 0 if there was none.
        reason: what the server or the engine said, `…` in place of numbers and ids that differ.
        count: how many requests failed with it.
    """

    status: int
    reason: str
    count: int

    @property
    def text(self) -> str:
        """Status and reason on one line, safe to show."""
        reason = visible(one_line(self.reason, LONGEST))
        return f"{self.status}: {reason}" if self.status else reason


def failure_reasons(state: State) -> list[FailureReason]:
    """The reasons of a run's requests that failed for good and were not answered since, most frequent first."""
    return group_failures(state.failed_requests.values())


def group_failures(failures: Iterable[RequestFailed]) -> list[FailureReason]:
    """Group failures by status and reason, most frequent first.

    Numbers, and words with digits in them, do not distinguish two reasons; those that are the same in all reasons of
    a group are shown.

    Example:
        >>> said = "the limit is 2048 tokens, you asked for 2600", "the limit is 2048 tokens, you asked for 3100"
        >>> group_failures(RequestFailed(f"annotate/{n}.0/instances", "", 400, text) for n, text in enumerate(said))
        [FailureReason(status=400, reason='the limit is 2048 tokens, you asked for …', count=2)]
    """
    groups: dict[tuple[int, str], tuple[list[str], int]] = {}
    for failure in failures:
        parts = _VARIABLE.split(one_line(failure.reason, LONGEST))
        name = failure.status, VARIES.join(parts[::2])[:COMPARED]
        common, count = groups.get(name, (parts, 0))
        groups[name] = [one if one == other else VARIES for one, other in zip(common, parts, strict=False)], count + 1
    found = [FailureReason(status, "".join(parts), count) for (status, _), (parts, count) in groups.items()]
    return sorted(found, key=lambda reason: (-reason.count, reason.status, reason.reason))
