"""User-oriented tasks (section 4.4 of the paper): ours or any file in that format, and the request to a model."""

from collections.abc import Iterator, Mapping
from importlib import resources
from pathlib import Path
from typing import Any

from bootstruct.errors import InputError
from bootstruct.evaluation.cases import EvaluationCase, Problem, Problems
from bootstruct.evaluation.superni import references_of
from bootstruct.io.accounts import RowAccount
from bootstruct.io.rows import read_rows, read_text
from bootstruct.io.shapes import ShapeError, TaskRow, read_task_row
from bootstruct.stages.templates import fill

NO_INSTANCE = "without a new instance that has references"


def shipped_tasks() -> Path:
    """The 252 tasks that come with the package."""
    return Path(str(resources.files("bootstruct.evaluation") / "user_tasks.jsonl"))


def shipped_prompt(name: str) -> str:
    """A prompt template that comes with the package, without its last line break."""
    folder = resources.files("bootstruct") / "evaluation" / "prompts"
    return (folder / f"{name}.jinja").read_text(encoding="utf-8").removesuffix("\n")


def prompt_template(path: Path | None, shipped: str) -> str:
    """Return the prompt template of a file, or the one of this name that comes with the package.

    Raises:
        InputError: the file cannot be read.
    """
    return read_text(path).removesuffix("\n") if path else shipped_prompt(shipped)


def read_user_tasks(
    path: Path | None = None, fields: Mapping[str, str] | None = None, accounts: list[RowAccount] | None = None
) -> tuple[tuple[EvaluationCase, ...], tuple[Problem, ...]]:
    """Every instance of a file of tasks: ours, with `id`, `instruction` and `instances`, or of any other shape.

    Rows of one instruction are instances of one task. If an output is a list of texts, all of them are references.

    Args:
        path: the file; None for the tasks that come with the package.
        fields: the names of fields by their meaning, as `--fields` gives them.
        accounts: takes an account of the file's rows, unless it is the one of the package.

    Returns:
        The cases, and what was left out and why.

    Raises:
        InputError: no row is a task, or the file cannot be read.
    """
    path = path or shipped_tasks()
    problems, account = Problems(), RowAccount(str(path))
    cases: list[EvaluationCase] = []
    seen: set[str] = set()
    names: dict[str, str] = {}  # task by instruction, for rows that hold one instance
    for number, row in read_rows(path, account=account, columns=(fields or {}).values()):
        where = f"{path.name}:{number}"
        try:
            task = read_task_row(row, fields)
        except ShapeError as exc:
            account.leave_out(number, exc.reason, str(exc))
            continue
        if not task.pairs:
            account.leave_out(number, "without instances")
            continue
        before = len(cases)
        for case in _cases(row, task, number, names):
            if case.instance in seen:
                problems.add("instances whose id occurs twice", f"{where} ({case.instance})", "the first counts")
            elif not case.references:
                problems.add("instances without references", f"{where} ({case.instance})", "left out")
            else:
                seen.add(case.instance)
                cases.append(case)
        if len(cases) > before:
            account.use(task.shape_name, task.notes)
        else:
            account.leave_out(number, NO_INSTANCE)
    if not cases:
        first = account.first_fault() or (problems.all()[0].examples[0] if problems.all() else "it is empty")
        raise InputError(f"{path}: contains no task; rows of id, instruction and instances are expected ({first}).")
    problems.take_rows(account, NO_INSTANCE)
    if accounts is not None and path != shipped_tasks():
        accounts.append(account)
    return tuple(cases), problems.all()


def _cases(row: dict[str, Any], task: TaskRow, number: int, names: dict[str, str]) -> Iterator[EvaluationCase]:
    """The instances of one row."""
    name = task.name or f"row_{number}"
    if task.shape != "seeds":
        references = references_of(row.get("output")) if isinstance(row.get("output"), list) else ()
        given, output = task.pairs[0]
        group = names.setdefault(task.instruction, name)
        yield EvaluationCase(group, name, task.instruction, given, references or _reference(output), source=name)
        return
    for position, (given, output) in enumerate(task.pairs):
        identity = name if len(task.pairs) == 1 else f"{name}.{position}"
        yield EvaluationCase(name, identity, task.instruction, given, _reference(output), source=name)


def _reference(output: str | None) -> tuple[str, ...]:
    return (output,) if output and output.strip() else ()


def user_prompt(template: str, case: EvaluationCase) -> str:
    """The request to a model. The template sees `instruction` and `input`."""
    return fill(template, instruction=case.instruction.strip(), input=case.input.strip())
