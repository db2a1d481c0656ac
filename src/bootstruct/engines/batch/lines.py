"""The lines of batch files, in OpenAI's format: one request or one result per line.

A line's `custom_id` is the step and the digest of its prompt, so a result can be matched only with its own request,
whichever file it comes from.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson

from bootstruct.errors import InputError
from bootstruct.types import Prompt, digest_of

MOST_REQUESTS = 50_000  # requests in one file, the API's limit
MOST_BYTES = 199_000_000  # bytes of one file; the API's limit is 200 MB
TRANSIENT_STATUSES = {0, 408, 409, 425, 429}


@dataclass(frozen=True, slots=True)
class BatchResultLine:
    """The result of one request.

    Attributes:
        custom_id: the name of the request.
        status: the HTTP status, 0 if there was none (as in an expired batch).
        body: the parsed body of the response.
        reason: why there is none, in the server's words.
    """

    custom_id: str
    status: int
    body: Any
    reason: str = ""

    @property
    def is_transient(self) -> bool:
        """Whether the request is worth sending again."""
        return self.status in TRANSIENT_STATUSES or self.status >= 500


def custom_id_of(prompt: Prompt) -> str:
    """The name of a request in batch files: at most 64 letters, digits, `-` and `_`."""
    step = "".join(text if text.isascii() and text.isalnum() else "_" for text in prompt.step)
    return f"{step[:31]}-{digest_of(prompt)}"


def line_of(custom_id: str, path: str, payload: dict[str, Any]) -> bytes:
    """One request as a line; `path` is that of the API below `/v1`."""
    return orjson.dumps({"custom_id": custom_id, "method": "POST", "url": f"/v1{path}", "body": payload}) + b"\n"


def split_lines(lines: list[bytes], most: int = MOST_REQUESTS, most_bytes: int = MOST_BYTES) -> list[range]:
    """The ranges of lines that make files within the limits of the API."""
    cuts, size = [0], 0
    for number, line in enumerate(lines):
        if number > cuts[-1] and (number - cuts[-1] >= most or size + len(line) > most_bytes):
            cuts.append(number)
            size = 0
        size += len(line)
    return [range(first, last) for first, last in zip(cuts, [*cuts[1:], len(lines)], strict=True) if last > first]


def read_line(row: object) -> BatchResultLine | None:
    """A result as OpenAI and vLLM write it, None if the row is none."""
    if not isinstance(row, dict) or not isinstance(row.get("custom_id"), str):
        return None
    response, error = row.get("response"), row.get("error")
    body: Any = None
    status = 0
    if isinstance(response, dict):
        status_code = response.get("status_code")
        status = status_code if isinstance(status_code, int) and not isinstance(status_code, bool) else 200
        body = response.get("body", response)
    if isinstance(error, dict):
        code = error.get("code")
        status = code if isinstance(code, int) and not isinstance(code, bool) else status
        status = 0 if status == 200 else status
        return BatchResultLine(row["custom_id"], status, body, str(error.get("message") or code or "no reason given"))
    return BatchResultLine(row["custom_id"], status, body, "" if response else str(error or "no response"))


def read_lines(content: bytes) -> Iterator[BatchResultLine]:
    """All results in a file; other lines are skipped, so that their requests count as without a result."""
    broken = b""  # the last line that was not JSON: the next may be equal to it
    for text in content.split(b"\n"):
        if text == broken:
            continue
        try:
            line = read_line(orjson.loads(text)) if text.strip().startswith(b"{") else None
        except ValueError:
            line, broken = None, text
        if line is not None:
            yield line


def read_results(path: Path) -> dict[str, BatchResultLine]:
    """The results in a file by custom_id; later ones win. Raises InputError if the file holds none."""
    try:
        found = {line.custom_id: line for line in read_lines(path.read_bytes())}
    except OSError as exc:
        raise InputError(f"{path}: cannot be read: {exc.strerror}.") from None
    if not found:
        raise InputError(
            f"{path}: contains no results of a batch; give the output of `vllm run-batch -o` or of a batch API."
        )
    return found
