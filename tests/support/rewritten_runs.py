"""Runs whose outputs another model rewrites, and the replies of that model."""

import asyncio
import random
from pathlib import Path

from bootstruct.engines.recorded import RecordedEngine
from bootstruct.engines.scripted import ScriptedEngine
from bootstruct.history.verification import Verification
from bootstruct.history.verify import verify
from bootstruct.journal.state import State
from bootstruct.pipeline import generate
from bootstruct.run.folder import open_run
from bootstruct.run.scheduler import ActiveRun
from bootstruct.types import Prompt, Reply, digest_of

TASKS = 40
DIGESTS = {  # from before outputs could be rewritten; that of `chat`, which has changed since, is in test_old_runs
    "original": "9dd4720833d8648175b3565db54ea8bd",
    "paper": "b00da9cc4911c1e1bb235326844bd098",
    "pocket": "895c4559955b544e95fcb71c7f107511",
}


def written(prompt: Prompt) -> Reply:
    """Return a reply of the better model, which rewrites outputs only.

    Some of its replies are cut, some are empty, and some name their field.
    """
    assert prompt.stage == "rewrite", prompt.step
    assert prompt.model == "better"
    rng = random.Random(digest_of(prompt))
    text = (
        rng.choice(["Output: ", "", "", "", "<think>hm</think>\n"]) + f"A better answer, no. {rng.randint(1, 10**6)}."
    )
    kind = rng.random()
    if kind < 0.1:
        return Reply(text, "length", 9, 9, "better-2026")
    return Reply("" if kind < 0.2 else text, "stop", 100, 10, "better-2026")


def go_on(folder: Path, engine: ScriptedEngine, reuse: Path | None = None, retry_failed: bool = False) -> State:
    """Continue the run in a folder, and return its state."""

    async def main() -> State:
        state, journal = open_run(folder)
        try:
            run = ActiveRun(state, journal, engine, RecordedEngine(reuse) if reuse else None, retry_failed)
            await generate(run, len(state.accepted))
        finally:
            journal.close()
        return state

    return asyncio.run(main())


def verified(folder: Path) -> Verification:
    return verify(folder / "journal.jsonl")
