"""The result of verifying a run: what was derived again, where the journal disagrees, what could not be checked."""

from dataclasses import dataclass, field

NO_REPLY = "replies that are not in the imported files"


@dataclass(slots=True)
class Verification:
    """The result of verifying a run.

    Attributes:
        checked: how many prompts, requests, candidates, completed tasks and checks were derived again.
        disagreements: a sentence for each place where the journal differs from what was derived.
        unchecked: how many decisions could not be derived again, by reason.
    """

    checked: dict[str, int] = field(default_factory=dict)
    disagreements: list[str] = field(default_factory=list)
    unchecked: dict[str, int] = field(default_factory=dict)

    @property
    def agrees(self) -> bool:
        """Whether there is no disagreement."""
        return not self.disagreements

    @property
    def conclusion(self) -> str:
        """The conclusion, in one sentence."""
        count = len(self.disagreements)
        found = f"{count:,} disagreement{'s' if count > 1 else ''}" if count else ""
        if NO_REPLY in self.unchecked and not self.checked.keys() & {"requests", "completed tasks"}:
            return (
                f"{found or 'no disagreement'} with the rules of the recipe, which were applied to the texts again; whether "
                "the tasks follow from replies cannot be checked, because the imported files contain none"
            )
        if found:
            return found
        which = "every decision that can be checked" if self.unchecked else "every decision"
        return f"agrees: {which} follows from its replies"

    def count_checked(self, subject: str) -> None:
        """Count one more decision that was derived again."""
        self.checked[subject] = self.checked.get(subject, 0) + 1

    def count_unchecked(self, reason: str) -> None:
        """Count one more decision that could not be derived again."""
        self.unchecked[reason] = self.unchecked.get(reason, 0) + 1
