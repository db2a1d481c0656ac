"""bootstruct: a language model teaches itself to follow instructions (Self-Instruct, arXiv 2212.10560).

Make a run folder, grow it, and look at its contents:

    >>> import random
    >>> import bootstruct as bs
    >>> words = "apple bread chair dance earth flute grape house island juice kite lemon".split()
    >>> def answer(prompt):
    ...     one, two, three, four = random.Random(prompt.sample).sample(words, 4)
    ...     if prompt.step == "propose":
    ...         return f" Write about {one}, {two}, {three} and {four}."
    ...     return "No" if prompt.step == "kind" else f"Output: Once there was {one}."
    >>> seeds = [{"instruction": "Name a fruit.", "output": "apple"}]
    >>> run = bs.init("runs/a", recipe="paper", model="python/script", seeds=seeds)
    >>> result = bs.generate("runs/a", tasks=5, engine=bs.ScriptedEngine(answer))
    >>> result.run.tasks[0].instruction
    'Write about kite, grape, chair and dance.'
    >>> result.run.export("messages", "train.jsonl").files
    {'train.jsonl': 5}

With a real model, call `bs.init("runs/a", model="openai/gpt-4.1-mini")` and `bs.generate("runs/a", max_cost=5)`.

Each command of `bootstruct --help` is a few lines that call these functions.
"""

import importlib
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

_HOMES = {  # public name -> the module that defines it (or is it), imported at first use
    "BootstructError": "errors",
    "EngineUnavailableError": "errors",
    "InputError": "errors",
    "JournalError": "errors",
    "RequestRejectedError": "errors",
    "RunStoppedError": "errors",
    "TransientError": "errors",
    "Engine": "engines.base",
    "ScriptedEngine": "engines.scripted",
    "GenerateResult": "api.generation",
    "agenerate": "api.generation",
    "generate": "api.generation",
    "serve": "api.serving",
    "Preview": "history.estimate",
    "apreview": "api.tools",
    "preview": "api.tools",
    "atopics_from_seeds": "api.tools",
    "topics_from_seeds": "api.tools",
    "report": "api.tools",
    "finetune": "api.tools",
    "evaluate": "api.evaluate",
    "select": "api.selecting",
    "SelectionResult": "selection.select",
    "diversity": "api.measuring",
    "SetDiversity": "reporting.diversity",
    "dedup": "api.data",
    "import_run": "api.data",
    "export_for": "api.exporting",
    "push": "api.publishing",
    "PushResult": "api.publishing",
    "export_runs": "api.exporting",
    "ExportResult": "export.files",
    "TrainerExport": "export.for_trainer",
    "DoctorResult": "api.applications",
    "adoctor": "api.applications",
    "doctor": "api.applications",
    "demo": "api.applications",
    "review": "api.applications",
    "export_judgements": "api.applications",
    "export_ratings": "api.applications",
    "DedupResult": "deduplication.filter",
    "RowAccount": "io.accounts",
    "ImportResult": "history.importer",
    "Rejudgement": "history.rejudge",
    "CheckedInstance": "stages.custom",
    "check": "stages.custom",
    "rule": "stages.custom",
    "Rejection": "api.runs",
    "Run": "api.runs",
    "Task": "api.runs",
    "init": "api.runs",
    "open": "api.runs",
    "Progress": "run.progress",
    "Status": "run.status",
    "NoveltyIndex": "novelty.index",
    "Recipe": "config.recipe",
    "Instance": "types",
    "Message": "types",
    "Prompt": "types",
    "Reply": "types",
    "Seed": "types",
}

__all__ = [
    "BootstructError",
    "CheckedInstance",
    "DedupResult",
    "DoctorResult",
    "Engine",
    "EngineUnavailableError",
    "ExportResult",
    "GenerateResult",
    "ImportResult",
    "InputError",
    "Instance",
    "JournalError",
    "Message",
    "NoveltyIndex",
    "Preview",
    "Progress",
    "Prompt",
    "PushResult",
    "Recipe",
    "Rejection",
    "Rejudgement",
    "Reply",
    "RequestRejectedError",
    "RowAccount",
    "Run",
    "RunStoppedError",
    "ScriptedEngine",
    "Seed",
    "SelectionResult",
    "SetDiversity",
    "Status",
    "Task",
    "TrainerExport",
    "TransientError",
    "__version__",
    "adoctor",
    "agenerate",
    "apreview",
    "atopics_from_seeds",
    "check",
    "dedup",
    "demo",
    "diversity",
    "doctor",
    "evaluate",
    "export_for",
    "export_judgements",
    "export_ratings",
    "export_runs",
    "finetune",
    "generate",
    "import_run",
    "init",
    "open",
    "preview",
    "push",
    "report",
    "review",
    "rule",
    "select",
    "serve",
    "topics_from_seeds",
]

if TYPE_CHECKING:
    from bootstruct.api import evaluate
    from bootstruct.api.applications import (
        DoctorResult,
        adoctor,
        demo,
        doctor,
        export_judgements,
        export_ratings,
        review,
    )
    from bootstruct.api.data import dedup, import_run
    from bootstruct.api.exporting import export_for, export_runs
    from bootstruct.api.generation import GenerateResult, agenerate, generate
    from bootstruct.api.measuring import diversity
    from bootstruct.api.publishing import PushResult, push
    from bootstruct.api.runs import Rejection, Run, Task, init, open
    from bootstruct.api.selecting import select
    from bootstruct.api.serving import serve
    from bootstruct.api.tools import apreview, atopics_from_seeds, finetune, preview, report, topics_from_seeds
    from bootstruct.config.recipe import Recipe
    from bootstruct.deduplication.filter import DedupResult
    from bootstruct.engines.base import Engine
    from bootstruct.engines.scripted import ScriptedEngine
    from bootstruct.errors import (
        BootstructError,
        EngineUnavailableError,
        InputError,
        JournalError,
        RequestRejectedError,
        RunStoppedError,
        TransientError,
    )
    from bootstruct.export.files import ExportResult
    from bootstruct.export.for_trainer import TrainerExport
    from bootstruct.history.estimate import Preview
    from bootstruct.history.importer import ImportResult
    from bootstruct.history.rejudge import Rejudgement
    from bootstruct.io.accounts import RowAccount
    from bootstruct.novelty.index import NoveltyIndex
    from bootstruct.reporting.diversity import SetDiversity
    from bootstruct.run.progress import Progress
    from bootstruct.run.status import Status
    from bootstruct.selection.select import SelectionResult
    from bootstruct.stages.custom import CheckedInstance, check, rule
    from bootstruct.types import Instance, Message, Prompt, Reply, Seed


def __getattr__(name: str) -> Any:
    """Import a public name where it is first used."""
    if name not in _HOMES:
        raise AttributeError(f"module 'bootstruct' has no attribute {name!r}")
    value = importlib.import_module(f"bootstruct.{_HOMES[name]}")
    if not _HOMES[name].endswith(f".{name}"):  # else the module itself is the name: `evaluate`
        value = getattr(value, name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    """All public names, whether or not they have been imported."""
    return sorted({*globals(), *__all__})
