"""The lines of batch files, in OpenAI's format: one question each on the way out, one answer each on the way back.

A line's `custom_id` is the step and the digest of its question, so an answer can only be taken for the question it was
given to, whatever file it comes from and whenever.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson

from bootstruct.domain import Prompt, digest_of
from bootstruct.errors import BadInput

MOST_REQUESTS = 50_000  # in one file; the API's own limit
MOST_BYTES = 199_000_000  # likewise: 200 MB
PASSING = {0, 408, 409, 425, 429}


@dataclass(frozen=True, slots=True)
class Line:
    """What became of one question: the HTTP status it got (0: none, as in an expired batch) and its body or reason."""

    custom_id: str
    status: int
    body: Any
    reason: str = ""

    @property
    def is_passing(self) -> bool:
        """Worth asking again."""
        return self.status in PASSING or self.status >= 500


def custom_id_of(prompt: Prompt) -> str:
    """The name of a question in batch files: letters, digits, `-` and `_`, at most 64."""
    step = "".join(each if each.isascii() and each.isalnum() else "_" for each in prompt.step)
    return f"{step[:31]}-{digest_of(prompt)}"


def line_of(custom_id: str, path: str, payload: dict[str, Any]) -> bytes:
    """One question as a line; path is that of the API behind `/v1`."""
    return orjson.dumps({"custom_id": custom_id, "method": "POST", "url": f"/v1{path}", "body": payload}) + b"\n"


def split(lines: list[bytes], most: int = MOST_REQUESTS, most_bytes: int = MOST_BYTES) -> list[range]:
    """Where to cut lines into files that the API takes."""
    cuts, size = [0], 0
    for number, line in enumerate(lines):
        if number > cuts[-1] and (number - cuts[-1] >= most or size + len(line) > most_bytes):
            cuts.append(number)
            size = 0
        size += len(line)
    return [range(first, last) for first, last in zip(cuts, [*cuts[1:], len(lines)], strict=True) if last > first]


def read_line(row: object) -> Line | None:
    """An answer as OpenAI and vLLM write it, None where it is none."""
    if not isinstance(row, dict) or not isinstance(row.get("custom_id"), str):
        return None
    response, error = row.get("response"), row.get("error")
    body: Any = None
    status = 0
    if isinstance(response, dict):
        told = response.get("status_code")
        status = told if isinstance(told, int) and not isinstance(told, bool) else 200
        body = response.get("body", response)
    if isinstance(error, dict):
        code = error.get("code")
        status = code if isinstance(code, int) and not isinstance(code, bool) else status
        status = 0 if status == 200 else status
        return Line(row["custom_id"], status, body, str(error.get("message") or code or "no reason given"))
    return Line(row["custom_id"], status, body, "" if response else str(error or "no answer"))


def read_lines(content: bytes) -> Iterator[Line]:
    """All answers in a file; what is no answer is passed over (its question counts as not answered)."""
    for text in content.split(b"\n"):
        try:
            line = read_line(orjson.loads(text)) if text.strip() else None
        except ValueError:
            line = None
        if line is not None:
            yield line


def read_results(path: Path) -> dict[str, Line]:
    """The answers in a result file by custom_id; later ones win. Raises BadInput where it holds none."""
    try:
        found = {line.custom_id: line for line in read_lines(path.read_bytes())}
    except OSError as exc:
        raise BadInput(f"{path}: cannot be read: {exc.strerror}.") from None
    if not found:
        raise BadInput(
            f"{path}: holds no answer of a batch; is it the output of `vllm run-batch -o` or of a batch API?"
        )
    return found
