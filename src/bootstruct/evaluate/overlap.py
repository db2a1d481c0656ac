"""`evaluate overlap`: training files read, and what `stages.overlap` finds in them written down."""

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from bootstruct.errors import BadInput
from bootstruct.evaluate.cases import Problem, Problems
from bootstruct.evaluate.scorecard import table_lines
from bootstruct.files import read_rows
from bootstruct.runs import read_run
from bootstruct.stages.overlap import RUN_LENGTH, Overlap, Trained, texts_of_row, trained_in_run


def training_texts(path: Path) -> tuple[list[Trained], tuple[Problem, ...]]:
    """The seeds, instructions and instances of a run folder, or the rows of a JSONL file.

    Rows that hold no text under the usual names (instruction, prompt, messages ...) are counted. Raises BadInput where
    there is nothing to read.
    """
    if path.is_dir():
        return list(trained_in_run(read_run(path))), ()
    problems, found = Problems(), []
    for number, row in read_rows(path):
        texts = list(texts_of_row(row))
        if texts:
            name = row.get("id")
            found.append(Trained(name if isinstance(name, str) else f"{path.name}:{number}", texts[0], tuple(texts)))
        else:
            problems.add("rows without a text", f"{path.name}:{number}", "left out")
    if not found:
        raise BadInput(f"{path}: holds no training text; fields such as instruction, prompt or messages are expected.")
    return found, problems.all()


def to_row(found: Overlap, problems: Sequence[Problem] = ()) -> dict[str, Any]:
    """The report as plain JSON values."""
    told = [asdict(each) for each in problems]
    return {"summary": found.summary(), "problems": told, "tasks": [asdict(each) for each in found.tasks]}


def markdown(found: Overlap, rows: int = 20, problems: Sequence[Problem] = ()) -> str:
    """The counts, and the `rows` tasks that training comes nearest to."""
    summary = found.summary()
    lines = [
        f"Training texts: {summary['training_texts']:,}. Evaluation tasks: {summary['evaluation_tasks']:,}.",
        *(f"- {each.told()}" for each in problems),
        f"Best ROUGE-L of a task with any training instruction: mean {summary['best_rouge_l']['mean']:.4f}, "
        f"highest {summary['best_rouge_l']['max']:.4f}; "
        + ", ".join(f"{count} at {step} or more" for step, count in summary["at_least"].items())
        + ".",
        f"Same instruction: {summary['same_instruction']} tasks. Same input: {summary['same_input']} tasks. "
        f"A run of {RUN_LENGTH} words in common: {summary['sharing_13_words']} tasks.",
        "",
    ]
    alarming = [each for each in found.tasks if each.is_alarming]
    shown = list(dict.fromkeys([*alarming, *found.tasks]))[:rows]
    table = []
    for each in shown:
        same = "instruction" if each.same_instruction else ""
        same = ", ".join(filter(None, (same, "input" if each.same_input else "")))
        table.append([each.task, f"{each.score:.4f}", each.nearest, f"{each.runs} of {each.of_runs}", same])
    lines += table_lines(["task", "best ROUGE-L", "nearest", "13-grams shared", "same"], table)
    return "\n".join(lines)
