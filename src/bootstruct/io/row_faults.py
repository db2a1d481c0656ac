"""Why one row of a file cannot be read. Pure."""

NOT_JSON = "not JSON"


def fault_in_words(reason: str, detail: str) -> str:
    """The fault of one row: the detail, which is complete, or the reason if there is no detail."""
    return f"{reason}: {detail}" if reason == NOT_JSON and detail else detail or reason


class RowFault(str):
    """Why one row cannot be read: `reason`, and in the text what exactly is wrong."""

    reason: str

    def __new__(cls, reason: str, detail: str = "") -> "RowFault":
        """A fault with its reason, one of few, and what exactly is wrong."""
        fault = super().__new__(cls, detail)
        fault.reason = reason
        return fault

    @property
    def sentence(self) -> str:
        """What is wrong, in full."""
        return fault_in_words(self.reason, str(self))
