"""Topics of a recipe's hints: shipped ones fit the shipped seeds; other seeds have their own or none."""

import json
import re
from pathlib import Path
from typing import Final

from bootstruct.config.machine import MachineSettings, read_machine
from bootstruct.engines.base import Engine
from bootstruct.engines.build import open_engine
from bootstruct.engines.traffic.budgeted import BudgetAmount, BudgetLimits
from bootstruct.errors import InputError
from bootstruct.io.files import write_whole
from bootstruct.io.rows import read_text
from bootstruct.io.trust import require_inside
from bootstruct.run.folder import RECIPE, is_begun, read_plan
from bootstruct.stages.topics import read_topics, topics_prompt

TOPICS: Final = "topics.jsonl"  # the request for topics and its reply, as a record
_HINTS: Final = re.compile(r"^  hints:[^\S\n]*(?:#[^\n]*)?\n", re.MULTILINE)
_BLOCK: Final = re.compile(r"^    topic:[^\S\n]*(?:#[^\n]*)?\n(?:      - [^\n]*\n)+", re.MULTILINE)


def without_topics(text: str) -> tuple[str, int]:
    """Return the YAML of a recipe without the topics of its hints, and how many there were."""
    block = _BLOCK.search(text)
    return (text, 0) if block is None else (_BLOCK.sub("", text, count=1), block[0].count("\n      - "))


async def topics_from_seeds(
    folder: Path, machine: MachineSettings | None = None, engine: Engine | None = None
) -> tuple[str, ...]:
    """Ask the model once for topics of the run's own seeds, and write them into its recipe, where they can be edited.

    Request and reply are kept in `topics.jsonl`; they are not part of the run and do not count in its budget.

    Args:
        folder: a run folder that has not begun, whose recipe has hints.
        machine: how the model is reached; by default the folder's settings.
        engine: an engine to use instead of the one that `machine` names; it is closed at the end.

    Returns:
        The topics.

    Raises:
        InputError: the run has begun, its recipe takes no topics, or no topic can be read from the reply.
        EngineUnavailableError: the model cannot be reached.
    """
    if is_begun(folder):
        raise InputError(f"{folder}: has begun already, so its topics are fixed; `init` another folder.")
    recipe, seeds = read_plan(folder)
    path, text = folder / RECIPE, read_text(folder / RECIPE, folder)
    if _HINTS.search(text) is None:
        raise InputError(
            f"{path}: has no `propose.hints` for topics to go to; use a recipe that has them, such as `chat`."
        )
    prompt = topics_prompt(recipe, seeds)
    stack = open_engine(machine or read_machine(folder), BudgetLimits(), BudgetAmount(), own=engine)
    try:
        reply = await stack.engine.complete(prompt)
    finally:
        await stack.engine.aclose()
    row = {
        "model": reply.model or prompt.model,
        "prompt": prompt.messages[-1].content if prompt.messages else prompt.text,
    }
    row |= {"reply": reply.text, "finish": reply.finish}
    require_inside(folder, folder / TOPICS)
    write_whole(folder / TOPICS, (json.dumps(row, ensure_ascii=False) + "\n").encode("utf-8", "surrogatepass"))
    topics = read_topics(recipe, reply)
    if not topics:
        raise InputError(
            f"{folder / TOPICS}: no topics can be read from the model's reply; write them into propose.hints of {path}, or "
            "continue without them."
        )
    lines = "".join(f"      - {json.dumps(topic, ensure_ascii=False)}\n" for topic in topics)
    bare, _ = without_topics(text)
    write_whole(path, _HINTS.sub(lambda match: f"{match[0]}    topic:\n{lines}", bare, count=1).encode())
    read_plan(folder)
    return topics
