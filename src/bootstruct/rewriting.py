"""The outputs of a run written anew by another model: a new run with the old one's tasks and inputs.

The paper's ablation of output quality: what two models trained on the two runs differ in comes from the outputs alone. The
old run's replies are taken over, so that the other model is asked for outputs only.
"""

import dataclasses
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import orjson

from bootstruct.domain import Sampling, digest_of_value
from bootstruct.errors import BadInput
from bootstruct.event_json import to_json
from bootstruct.events import SHARED, Event, Failed, Proposed, Recorded, Replied, Started, State, step_of
from bootstruct.files import shipped_prompt, write_whole
from bootstruct.journal import NAME, read_events, read_state
from bootstruct.recipe import Ask, Recipe
from bootstruct.runs import RECIPE, is_begun, journal_path, read_run
from bootstruct.stages.rehearse import rehearse

SAMPLING = {  # the paper's decoding of answers (its evaluation): greedy, 1,024 tokens; a text is ended where a new one begins
    "text": Sampling(max_tokens=1024, stop=("\n\nTask:", "\n\nInput:", "\n\nOutput:")),
    "chat": Sampling(max_tokens=1024),
}
ORIGIN = "rewrite"
Api = Literal["", "text", "chat"]


@dataclass(frozen=True, slots=True)
class Taken:
    """Of the old run: tasks whose outputs are written anew, those left out since they have no instances yet, and the names
    of checks left out since they would ask a model."""

    tasks: int
    left_out: int
    checks: tuple[str, ...] = ()


def rewrite_outputs(folder: Path, old: Path, model: str, api: Api = "") -> Taken:
    """Write the journal of `folder`, which need not exist, from the annotated tasks of `old`.

    api: `text` or `chat`, empty for the old recipe's. Nothing is done where it was made from the same run before. Raises
    BadInput where the folder holds anything else, or the old run has nothing to write anew.
    """
    source = journal_path(old)
    state = read_state(source)
    if state is None:
        raise BadInput(f"{source}: holds no whole event; there is nothing to write anew.")
    requests = bisect_right(state.marks, len(state.annotated))
    tasks = state.marks[requests - 1] if requests else 0
    recipe = better(state.recipe, model, api)
    if is_begun(folder):
        _refuse_others(folder, old, recipe)
        return Taken(len(read_run(folder).machine), 0)
    if (folder / RECIPE).exists():
        raise BadInput(f"{folder}: holds a run of its own; name a new folder for --rewrite-outputs.")
    if not tasks:
        raise BadInput(f"{old}: no task of it has instances yet, so there are no outputs to write anew.")
    inherited = requests if state.origin == "import" else min(state.inherited, requests)
    taken = list(_taken(source, old, state, requests))
    name = f"{old} {digest_of_value([each.digest for each in taken if isinstance(each, Replied)])[:16]}"
    events = [Started(recipe, state.seeds, ORIGIN, name, inherited), *taken]
    write_whole(folder / NAME, b"".join(orjson.dumps(to_json(event)) + b"\n" for event in events))
    without = tuple(check.name for check in state.recipe.checks if check.ask is not None)
    return Taken(tasks, len(state.machine) - tasks, without)


def better(recipe: Recipe, model: str, api: Api = "") -> Recipe:
    """The recipe with outputs written anew by `model`: asked as the recipe has it, else with the shipped prompt.

    Checks that ask a model are left out: nothing but outputs is asked for.
    """
    ask = recipe.instances.rewrite
    if ask is None:
        kind = api or recipe.api
        ask = Ask(shipped_prompt(f"rewrite/{kind}.jinja"), SAMPLING[kind])
    ask = dataclasses.replace(ask, model=model, api="" if api == recipe.api else api or ask.api)
    checks = tuple(check for check in recipe.checks if check.ask is None)
    made = dataclasses.replace(recipe, checks=checks, instances=dataclasses.replace(recipe.instances, rewrite=ask))
    rehearse(made)
    return made


def _taken(source: Path, old: Path, state: State, requests: int) -> Iterator[Event]:
    """What the new journal holds of the old one: all facts and requests of the tasks that are annotated."""
    names = {task.name for task in state.machine[: state.marks[requests - 1]]}
    for _, event in read_events(source):
        match event:
            case Proposed(index) if index < requests:
                yield event
            case Recorded(task) if task in names:
                yield event
            case Replied(key) | Failed(key) if _belongs(key, names, requests):
                asked = "" if state.origin == "import" else event.digest  # an import's questions are not the recipe's
                yield dataclasses.replace(event, digest=asked, source=str(old))


def _belongs(key: str, names: set[str], requests: int) -> bool:
    stream, name, *_ = [*key.split("/"), ""]
    if stream == "propose" or step_of(key) == SHARED:
        return int(name) < requests
    return stream == "annotate" and name in names and step_of(key) != "rewrite"


def _refuse_others(folder: Path, old: Path, recipe: Recipe) -> None:
    started = next(event for _, event in read_events(folder / NAME))
    if not isinstance(started, Started) or started.origin != ORIGIN or not started.source.startswith(f"{old} "):
        raise BadInput(f"{folder}: has begun already, and not from {old}; name a new folder for --rewrite-outputs.")
    if started.recipe.digest() != recipe.digest():
        known = started.recipe.model_at("rewrite")
        raise BadInput(
            f"{folder}: its outputs are written anew by {known} with another question; name a new folder for this one."
        )
