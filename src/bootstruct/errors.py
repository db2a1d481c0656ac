"""The tree of errors. The text of each is one sentence: what went wrong, where, and what to do.

```
BootstructError             everything that a user can be told without a traceback
├── InputError              a file, flag or recipe that cannot be used as it is
├── JournalError            a journal that cannot be read, or that belongs to another run
│   ├── NewerJournalError   a newer version of bootstruct wrote it
│   └── ReplayMismatchError it holds the reply to a different prompt
├── EngineUnavailableError  no request can succeed: no key, no rights, unknown model, unreachable server
├── RunStoppedError         the run ended before its goal; everything is saved            (exit code 1)
│   └── BudgetUsedUpError   a limit leaves no room for another request
└── RequestError            one request brought no reply
    ├── TransientError      may succeed later: 408, 429, 5xx, timeouts                    (exit code 1)
    └── RequestRejectedError  this request would fail again: 400, 413, 422
```

`exit_code` is what the command line returns: 1 if a run stopped short with everything saved, 2 (the default) if the
user must change something.
"""

__all__ = [
    "BootstructError",
    "BudgetUsedUpError",
    "EngineUnavailableError",
    "InputError",
    "JournalError",
    "NewerJournalError",
    "ReplayMismatchError",
    "RequestError",
    "RequestRejectedError",
    "RunStoppedError",
    "TransientError",
]


class BootstructError(Exception):
    """Any error that is shown to a user without a traceback.

    Attributes:
        exit_code: what the command line returns when the error reaches it.
    """

    exit_code = 2

    @property
    def sentence(self) -> str:
        """The error as one sentence for the user."""
        return str(self)


class InputError(BootstructError):
    """A file, a flag or a recipe that cannot be used as it is."""


class JournalError(BootstructError):
    """A journal that cannot be read, or that belongs to another run."""


class NewerJournalError(JournalError):
    """A journal written by a newer version of bootstruct: read it with that version, do not repair it with this one."""


class ReplayMismatchError(JournalError):
    """The journal holds, under a request's key, the reply to a different prompt."""


class EngineUnavailableError(BootstructError):
    """No request can succeed: no key, no permission, unknown model, unreachable server. Retrying does not help."""


class RunStoppedError(BootstructError):
    """The run ends before its goal (budget, stall, silent server) with everything saved."""

    exit_code = 1


class BudgetUsedUpError(RunStoppedError):
    """A limit on requests, tokens or money leaves no room for another request."""


class RequestError(BootstructError):
    """One request to an engine that brought no reply. A run handles these itself; they seldom reach a user.

    Attributes:
        status: the HTTP status, or 0 if there was none (timeout, reset, refused connection).
        reason: what the server said, or what happened to the connection; no final period.
    """

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(f"{status}: {reason}" if status else reason)
        self.status, self.reason = status, reason

    @property
    def sentence(self) -> str:
        """The error as one sentence for the user."""
        status = f" with status {self.status}" if self.status else ""
        return f"A request to the model failed{status}: {self.reason.rstrip('.')}. {self._advice}"

    _advice = "Everything so far is saved; run the same command again to continue."


class TransientError(RequestError):
    """The request may succeed later: status 408, 429, 5xx, timeouts, connection resets, truncated bodies.

    Attributes:
        retry_after: seconds to wait, if the server said so.
        connected: whether the server was reached; False if the connection was refused, or something else replied.
        is_malformed: whether a response came that is neither a reply nor an error.
    """

    exit_code = 1

    def __init__(
        self,
        status: int,
        reason: str,
        retry_after: float | None = None,
        connected: bool = True,
        is_malformed: bool = False,
    ) -> None:
        super().__init__(status, reason)
        self.retry_after, self.connected, self.is_malformed = retry_after, connected, is_malformed


class RequestRejectedError(RequestError):
    """The same request would fail again: status 400, 413, 422. Other requests are not affected."""

    _advice = "Sending it again does not help; change the recipe or the settings that the reason names."
