"""Runs whose outputs another model writes anew, and what it writes."""

import asyncio
import random
from pathlib import Path

from bootstruct.domain import Prompt, Reply, digest_of
from bootstruct.drive import Run
from bootstruct.engines.recorded import Recorded
from bootstruct.engines.scripted import Scripted
from bootstruct.events import State
from bootstruct.journal import read_events
from bootstruct.pipeline import generate
from bootstruct.runs import open_run
from bootstruct.verify import Findings, verify

TASKS = 40
DIGESTS = {  # before outputs could be written anew (test_old_runs has those of `chat`, which was changed since)
    "original": "9dd4720833d8648175b3565db54ea8bd",
    "paper": "b00da9cc4911c1e1bb235326844bd098",
    "pocket": "7922c890e2adf4a0e7465530668e42f0",
}


def written(prompt: Prompt) -> Reply:
    """The better model: asked for outputs only. Some of its replies are cut, some empty, some name their field."""
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


def go_on(folder: Path, engine: Scripted, reuse: Path | None = None, retry_failed: bool = False) -> State:
    async def main() -> State:
        state, journal = open_run(folder)
        try:
            run = Run(state, journal, engine, Recorded(reuse) if reuse else None, retry_failed)
            await generate(run, len(state.machine))
        finally:
            journal.close()
        return state

    return asyncio.run(main())


def verified(folder: Path) -> Findings:
    findings = Findings()
    for _ in verify(read_events(folder / "journal.jsonl"), findings):
        pass
    return findings
