"""Files of the released code as an import receives them, and the run that the import makes."""

import json
from pathlib import Path
from typing import Any

from bootstruct.history.importer import ImportResult, import_run
from bootstruct.journal.state import State
from bootstruct.run.folder import read_run
from tests.support.scripts import SEEDS

Json = dict[str, Any]
TEXTS = [
    "Name one river of your country.",
    "Sort these words by length.",
    "Count the letters in it.",
    "Describe a brass lamp.",
]


def lines(path: Path, *rows: Json) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def step1(number: int, response: object = None, **more: object) -> Json:
    text = TEXTS[number]
    logged = {"prompt": "p", "response": response if response is not None else f" {text}"}
    return {"instruction": text, "most_similar": {}, "request_idx": number, "metadata": logged} | more


def imported(tmp_path: Path, *sources: Path, **options: Any) -> tuple[ImportResult, State]:
    result = import_run(tmp_path / "run", sources, seeds=SEEDS, **options)
    return result, read_run(tmp_path / "run")


def tasks(state: State) -> list[tuple[str, bool, list[tuple[str, str]]]]:
    return [
        (task.text, done.is_classification, [(entry.input, entry.output) for entry in done.instances])
        for task in state.completed_tasks
        if (done := state.completed[task.name])
    ]


def folder(tmp_path: Path, texts: list[str] = TEXTS, answer: object = " No") -> Path:
    """Write a run of the released code whose later files hold these tasks, and return its folder."""
    source = tmp_path / "source"
    lines(source / "machine_generated_instructions.jsonl", *map(step1, range(4)))
    types = ({"instruction": text, "is_classification": answer} for text in texts)
    lines(source / "is_clf_or_not_davinci_template_1.jsonl", *types)
    raw = ({"instruction": text, "raw_instances": "Input: x\nOutput: y"} for text in texts)
    lines(source / "machine_generated_instances.jsonl", *raw)
    return source
