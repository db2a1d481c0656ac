"""The family tree of errors. Each says in one sentence: what, where, what to do.

`exit_code` is what the command line returns: 1 stopped short with everything saved, 2 the user must change something.
"""


class BootstructError(Exception):
    """Anything a user can be told about without a traceback."""

    exit_code = 2


class BadInput(BootstructError):
    """A file, a flag or a recipe that cannot be used as it is."""


class BadJournal(BootstructError):
    """A journal that cannot be read, or that does not belong to what is asked of it."""


class NewerJournal(BadJournal):
    """A journal that a newer version wrote: to be read with that one, not to be mended with this one."""


class ReplayMismatch(BadJournal):
    """The journal answers another question than the one that would be asked now."""


class DoorClosed(BootstructError):
    """The world refuses: no key, no permission, unknown model, unreachable server. Asking again changes nothing."""


class StoppedShort(BootstructError):
    """Budget, stall or silence: the run ends before its goal, and everything is saved."""

    exit_code = 1


class CallFailed(Exception):
    """One call to an engine that brought no reply. Never reaches a user as it is.

    status: HTTP status, or 0 where there was none (timeout, reset, refused connection).
    """

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(f"{status}: {reason}" if status else reason)
        self.status, self.reason = status, reason


class Passing(CallFailed):
    """Worth asking again later: 408, 429, 5xx, timeouts, resets, cut bodies. retry_after: seconds, if the server said."""

    def __init__(self, status: int, reason: str, retry_after: float | None = None, connected: bool = True) -> None:
        super().__init__(status, reason)
        self.retry_after, self.connected = retry_after, connected


class Permanent(CallFailed):
    """This very request will fail again: 400, 413, 422. It costs only itself."""
