"""User-oriented tasks (section 4.4 of the paper): ours or any file in that format, and the question put to a model."""

import json
from importlib import resources
from pathlib import Path
from typing import Any, Final

from bootstruct.errors import BadInput
from bootstruct.evaluate.cases import Case, Problem, Problems
from bootstruct.files import read_text
from bootstruct.stages.templates import fill

LEVELS: Final = "ABCD"


def shipped_tasks() -> Path:
    """The 252 tasks that come with the package."""
    return Path(str(resources.files("bootstruct") / "content" / "user_tasks.jsonl"))


def shipped_prompt(name: str) -> str:
    """A prompt template that comes with the package, without its last line break."""
    folder = resources.files("bootstruct") / "evaluate" / "prompts"
    return (folder / f"{name}.jinja").read_text(encoding="utf-8").removesuffix("\n")


def read_user_tasks(path: Path | None = None) -> tuple[tuple[Case, ...], tuple[Problem, ...]]:
    """Every instance of a task file: rows of {id, instruction, instances: [{input, output}]}.

    Rows that are no task are named and counted. Raises BadInput where no row is one.
    """
    path = path or shipped_tasks()
    problems, cases, seen = Problems(), [], set()
    for number, line in enumerate(read_text(path).split("\n"), 1):
        if not line.strip():
            continue
        where = f"{path.name}:{number}"
        try:
            found = _cases(json.loads(line), number)
        except ValueError as exc:
            problems.add("rows that are no task", f"{where}: {exc}", "left out")
            continue
        for case in found:
            if case.instance in seen:
                problems.add("instances whose id stands twice", f"{where} ({case.instance})", "the first counts")
            elif not case.references:
                problems.add("instances without references", f"{where} ({case.instance})", "left out")
            else:
                seen.add(case.instance)
                cases.append(case)
    if not cases:
        first = problems.all()[0].examples[0] if problems.all() else "it is empty"
        raise BadInput(f"{path}: holds no task; rows of id, instruction and instances are expected ({first}).")
    return tuple(cases), problems.all()


def _cases(row: object, number: int) -> list[Case]:
    """The instances of one row. ValueError where it is no task."""
    if not isinstance(row, dict):
        raise ValueError("not an object")
    instruction, instances = row.get("instruction"), row.get("instances")
    if not isinstance(instruction, str) or not instruction.strip():
        raise ValueError("`instruction` is missing or empty")
    if not isinstance(instances, list) or not instances:
        raise ValueError("`instances` is missing or empty")
    name = str(row.get("id") or f"row_{number}")
    return [_case(name, instruction, each, n, len(instances)) for n, each in enumerate(instances)]


def _case(name: str, instruction: str, row: Any, number: int, of: int) -> Case:
    if not isinstance(row, dict) or not isinstance(row.get("input", ""), str):
        raise ValueError("an instance needs a text `output`, and a text `input` (empty if there is none)")
    output = row.get("output")
    if output is not None and not isinstance(output, str):
        raise ValueError("the `output` of an instance must be text")
    references = (output,) if output and output.strip() else ()
    identity = name if of == 1 else f"{name}.{number}"
    return Case(name, identity, instruction, row.get("input", ""), references, source=name)


def user_prompt(template: str, case: Case) -> str:
    """The question to a model. The template knows `instruction` and `input`."""
    return fill(template, instruction=case.instruction.strip(), input=case.input.strip())
