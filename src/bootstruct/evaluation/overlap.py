"""`evaluate overlap`: reads training files and reports what `stages.contamination` finds in them."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from bootstruct.errors import InputError
from bootstruct.evaluation.cases import Problem, Problems
from bootstruct.evaluation.scorecard import table_lines
from bootstruct.io.accounts import RowAccount
from bootstruct.io.arrow import is_dataset_folder
from bootstruct.io.fields import EXPECTED
from bootstruct.io.row_texts import inputs_of, texts_of
from bootstruct.io.rows import read_rows
from bootstruct.io.superni import SuperNIFile, is_superni_folder, training_tasks
from bootstruct.run.folder import read_run
from bootstruct.stages.contamination import LEAST_INPUT, RUN_LENGTH, OverlapReport, TrainingText, training_texts_of_run


def training_texts(
    path: Path,
    fields: Mapping[str, str] | None = None,
    accounts: list[RowAccount] | None = None,
    test_tasks: bool = False,
    other_languages: bool = False,
) -> tuple[list[TrainingText], tuple[Problem, ...]]:
    """The texts of a run folder, of the rows of a file in any shape, or of a folder of Super-NaturalInstructions tasks.

    Args:
        path: the run folder, file or folder of tasks.
        fields: the names of fields by their meaning, as `--fields` gives them.
        accounts: takes an account of a file's rows.
        test_tasks: whether the test tasks of Super-NaturalInstructions, and those that its split excludes, count.
        other_languages: whether tasks of Super-NaturalInstructions in languages other than English count.

    Returns:
        The texts, and what was left out and why.

    Raises:
        InputError: there is nothing to read.
    """
    if is_superni_folder(path):
        account = RowAccount(str(path))
        tasks = list(training_tasks(path, account, test_tasks, other_languages))
        if accounts is not None:
            accounts.append(account)
        return [training_text_of_task(task) for task in tasks], ()
    if path.is_dir() and not is_dataset_folder(path):
        return list(training_texts_of_run(read_run(path))), ()
    account, found, problems = RowAccount(str(path)), [], Problems()
    columns = (fields or {}).values()
    for number, row in read_rows(path, surrogates="keep", bare_text=True, account=account, columns=columns):
        texts = list(texts_of(row, fields))
        if not texts:
            account.leave_out(number, "without a text")
            continue
        name = row.get("id")
        found.append(
            TrainingText(
                name if isinstance(name, str) else f"{path.name}:{number}",
                texts[0],
                tuple(texts),
                tuple(inputs_of(row, fields)),
            )
        )
        account.use()
    if not found:
        raise InputError(
            f"{path}: contains no training text; expected rows with {EXPECTED}, or name fields with --fields."
        )
    problems.take_rows(account)
    if accounts is not None:
        accounts.append(account)
    return found, problems.all()


def training_text_of_task(task: SuperNIFile) -> TrainingText:
    """A task of Super-NaturalInstructions with all of its instances."""
    pairs = task.pairs()
    texts = (part for pair in pairs for part in pair)
    return TrainingText(task.name, task.definition, (task.definition, *texts), tuple(given for given, _ in pairs))


def to_row(found: OverlapReport, problems: Sequence[Problem] = ()) -> dict[str, Any]:
    """The report as plain JSON values."""
    problem_rows = [asdict(problem) for problem in problems]
    return {"summary": found.summary(), "problems": problem_rows, "tasks": [asdict(task) for task in found.tasks]}


def markdown(found: OverlapReport, rows: int = 20, problems: Sequence[Problem] = ()) -> str:
    """The counts, and the `rows` tasks that are nearest to the training data."""
    summary = found.summary()
    lines = [
        f"Training texts: {summary['training_texts']:,}. Evaluation tasks: {summary['evaluation_tasks']:,}.",
        *(f"- {problem.in_words()}" for problem in problems),
        f"Best ROUGE-L of a task with any training instruction: mean {summary['best_rouge_l']['mean']:.4f}, "
        f"highest {summary['best_rouge_l']['max']:.4f}; "
        + ", ".join(f"{count} at {step} or more" for step, count in summary["at_least"].items())
        + ".",
        f"Same instruction: {summary['same_instruction']} tasks. Same instruction and input: {summary['same_example']} tasks. "
        f"Same input of {LEAST_INPUT} words or more: {summary['same_input']} tasks; of fewer words, which may be chance: "
        f"{summary['same_short_input']} tasks. "
        f"A run of {RUN_LENGTH} words in common: {summary['sharing_13_words']} tasks.",
        "",
    ]
    alarming = [task for task in found.tasks if task.is_alarming]
    shown = list(dict.fromkeys([*alarming, *found.tasks]))[:rows]
    table = []
    for nearness in shown:
        same = "instruction" if nearness.same_instruction else ""
        short = "short input" if nearness.same_short_input else ""
        whole = "instruction and input" if nearness.same_example else same
        same = ", ".join(filter(None, (whole, "input" if nearness.same_input else short)))
        table.append(
            [nearness.task, f"{nearness.score:.4f}", nearness.nearest, f"{nearness.runs} of {nearness.of_runs}", same]
        )
    lines += table_lines(["task", "best ROUGE-L", "nearest", "13-grams shared", "same"], table)
    return "\n".join(lines)
