"""The log file of a run (`--log`): one JSON object per line for each request and for other events of the run."""

from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from bootstruct.engines.observing.engine import ObservedOutcome
from bootstruct.errors import InputError
from bootstruct.render.sanitize import in_json_line
from bootstruct.types import Prompt

LONGEST_REASON = 500  # characters of a failure's reason


class RunLog:
    """An append-only log file; it contains no prompt, reply or key.

    Each line is a JSON object with `time` (UTC, ISO 8601) and `event`: `request` (with `step`, `model`, `outcome`, `seconds`,
    and tokens or the reason of a failure), and the events of `write`, such as `begin`, `note`, `progress` and `end`.

    If the file cannot be written any more (a full disk), the run continues and the fault is kept in `fault`.

    Args:
        path: the file; it is made if it does not exist.

    Attributes:
        fault: why the log ended early; empty if it did not.

    Raises:
        InputError: the file cannot be opened.

    Example:
        >>> with RunLog(Path("run.log")) as log:
        ...     log.write("note", text="nothing happened")
        >>> import json
        >>> json.loads(Path("run.log").read_text())["text"]
        'nothing happened'
    """

    def __init__(self, path: Path) -> None:
        self.path, self.fault = path, ""
        try:
            self._file = path.open("a", encoding="utf-8", errors="backslashreplace", buffering=1)
        except OSError as exc:
            raise InputError(f"{path}: cannot be written as a log ({exc.strerror}); name another file.") from None

    def write(self, event: str, **fields: Any) -> None:
        """Append one line.

        Args:
            event: what happened, in one word.
            fields: plain JSON values about it.
        """
        if self.fault:
            return
        row = {"time": datetime.now(UTC).isoformat(timespec="milliseconds"), "event": event} | fields
        try:
            self._file.write(in_json_line(row, str) + "\n")
        except OSError as exc:
            self.fault = f"{self.path}: the log ended early ({exc.strerror})"

    def begin(self, prompt: Prompt) -> None:
        """Do nothing, because a request is logged when it has ended."""

    def end(self, begun: object, outcome: ObservedOutcome) -> None:
        """Append the line of a request."""
        prompt, reply = outcome.prompt, outcome.reply
        fields: dict[str, Any] = {"step": prompt.step, "model": prompt.model, "seconds": round(outcome.seconds, 3)}
        if reply is None:
            self.write(
                "request",
                **fields,
                outcome=outcome.error,
                status=outcome.status,
                reason=outcome.reason[:LONGEST_REASON],
            )
            return
        fields |= {"outcome": "reply", "finish": reply.finish, "prompt_tokens": reply.prompt_tokens}
        fields |= {"completion_tokens": reply.completion_tokens, "retries": reply.retries}
        self.write("request", **fields, **({"via": reply.via} if reply.via else {}))

    def __enter__(self) -> Self:
        """The log itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the file."""
        try:
            self._file.close()
        except OSError as exc:
            self.fault = self.fault or f"{self.path}: the log ended early ({exc.strerror})"
