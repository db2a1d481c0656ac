"""Make a small finished run for finetuning, with a scripted engine."""

from pathlib import Path

from bootstruct.engines.scripted import ScriptedEngine
from tests.support.scripts import answer, run_to


def make_run(folder: Path, tasks: int = 24) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    run_to(folder / "journal.jsonl", ScriptedEngine(answer), tasks)
    return folder
