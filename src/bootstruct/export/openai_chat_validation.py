"""What OpenAI's fine-tuning API checks in an uploaded chat file, checked here before anything is sent."""

import json

LEAST_EXAMPLES = 10
ROLES = {"system", "user", "assistant", "tool", "function", "developer"}
MOST_BYTES = 512 * 1024 * 1024
SHOWN = 20


def openai_faults(content: bytes, is_trained_on: bool = True) -> list[str]:
    """Return what the API would refuse, in words; nothing if it takes the file.

    It wants at least ten examples to train on, JSON lines of `messages` alone, known roles, text as content, and a last
    message that is the assistant's. The first 20 faults are listed.

    Args:
        content: the file.
        is_trained_on: whether it is the file to train on; one for validation may be shorter.
    """
    faults: list[str] = []
    if len(content) > MOST_BYTES:
        faults.append(f"the file has {len(content)} bytes, the limit is {MOST_BYTES}")
    rows = [line for line in content.split(b"\n") if line.strip()]
    if is_trained_on and len(rows) < LEAST_EXAMPLES:
        faults.append(f"{len(rows)} examples, at least {LEAST_EXAMPLES} are needed")
    for number, line in enumerate(rows, 1):
        fault = _row_fault(line)
        if fault:
            faults.append(f"line {number}: {fault}")
        if len(faults) >= SHOWN:
            break
    return faults


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
