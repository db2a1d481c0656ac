"""What OpenAI's fine-tuning API checks in an uploaded chat file, checked here before anything is sent."""

import json

LEAST_EXAMPLES = 10
ROLES = {"system", "user", "assistant", "tool", "function", "developer"}
MOST_BYTES = 512 * 1024 * 1024
SHOWN = 20


def openai_faults(content: bytes, is_trained_on: bool = True) -> list[str]:
    """Return what the API would refuse, in words; nothing if it accepts the file.

    It requires at least ten training examples, JSON lines of `messages` alone, known roles, text as content, and a last
    message that is the assistant's. The first 20 faults are listed.

    Args:
        content: the file.
        is_trained_on: whether it is the file to train on; one for validation may be shorter.
    """
    file = OpenAiFile(is_trained_on)
    for line in content.split(b"\n"):
        file.add(line + b"\n")
    return file.faults


class OpenAiFile:
    """A file while it is written, line by line, and what the API would refuse in it.

    Args:
        is_trained_on: whether it is the file to train on; one for validation may be shorter.
    """

    def __init__(self, is_trained_on: bool = True) -> None:
        self._least = LEAST_EXAMPLES if is_trained_on else 0
        self._bytes = self._rows = 0
        self._in_lines: list[str] = []

    def add(self, line: bytes) -> None:
        """Check a line, which ends with its end of line. Blank lines do not count."""
        self._bytes += len(line)
        if not line.strip():
            return
        self._rows += 1
        if len(self._in_lines) < SHOWN and (fault := _row_fault(line)):
            self._in_lines.append(f"line {self._rows}: {fault}")

    @property
    def faults(self) -> list[str]:
        """What the API would refuse of the lines so far; the first 20."""
        whole = [f"the file has {self._bytes} bytes; the limit is {MOST_BYTES}"] if self._bytes > MOST_BYTES else []
        if self._rows < self._least:
            whole.append(f"{self._rows} examples, but at least {self._least} are needed")
        return (whole + self._in_lines)[:SHOWN]


def _row_fault(line: bytes) -> str | None:
    try:
        row = json.loads(line)
    except ValueError:
        return "not JSON"
    if not isinstance(row, dict):
        return "not an object"
    extra = set(row) - {"messages", "tools", "parallel_tool_calls", "functions"}
    if extra:
        return f"unknown key {sorted(extra)[0]!r}"
    messages = row.get("messages")
    if not isinstance(messages, list) or not messages:
        return "`messages` is missing or empty"
    for message in messages:
        fault = _message_fault(message)
        if fault:
            return fault
    return None if messages[-1]["role"] == "assistant" else "the last message is not the assistant's"


def _message_fault(message: object) -> str | None:
    if not isinstance(message, dict):
        return "a message is not an object"
    if message.get("role") not in ROLES:
        return f"unknown role {message.get('role')!r}"
    extra = set(message) - {"role", "content", "name", "weight", "tool_calls", "tool_call_id", "function_call"}
    if extra:
        return f"a message has the unknown key {sorted(extra)[0]!r}"
    if not isinstance(message.get("content"), str) or not message["content"].strip():
        return f"the {message['role']}'s content is empty or no text"
    return None
