"""Have another model rewrite the outputs of a run: a new run with the old one's tasks and inputs.

This is the paper's ablation of output quality (section 4.5): models trained on the two runs differ only by the
outputs. The old run's replies are reused free, so that only outputs are requested from the other model.
"""

import dataclasses
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from bootstruct.config.loading import shipped_prompt
from bootstruct.config.recipe import Ask, Recipe
from bootstruct.errors import InputError
from bootstruct.io.files import write_whole
from bootstruct.journal.codec import encode_lines
from bootstruct.journal.events import (
    VERSION,
    CandidatesJudged,
    Event,
    ImportRecorded,
    ReplyReceived,
    RequestFailed,
    RunStarted,
)
from bootstruct.journal.file import NAME, journal_path, read_events, read_state
from bootstruct.journal.keys import SHARED, step_of
from bootstruct.journal.state import State
from bootstruct.run.folder import RECIPE, is_begun, read_run
from bootstruct.stages.dry_run import dry_run
from bootstruct.stages.followups import SPEAKERS
from bootstruct.types import Sampling, digest_of_value

SAMPLING = {  # as the paper decodes in its evaluation: greedy, 1,024 tokens; text prompts stop where a new task begins
    "text": Sampling(max_tokens=1024, stop=("\n\nTask:", "\n\nInput:", "\n\nOutput:")),
    "chat": Sampling(max_tokens=1024),
}
ORIGIN = "rewrite"
Api = Literal["", "text", "chat"]


@dataclass(frozen=True, slots=True)
class RewriteSummary:
    """What was taken over from the old run.

    Attributes:
        tasks: the number of tasks whose outputs are rewritten.
        left_out: the number of accepted tasks left out because they are not completed yet.
        checks: names of the checks left out because they would use a model; `followups` for further turns.
    """

    tasks: int
    left_out: int
    checks: tuple[str, ...] = ()


def rewrite_outputs(folder: Path, old: Path, model: str, api: Api = "") -> RewriteSummary:
    """Write the journal of `folder`, which need not exist, from the completed tasks of `old`.

    If `folder` was made from the same run before, nothing is done.

    Args:
        folder: the run folder to make.
        old: the run whose tasks and inputs are used.
        model: the name of the model that writes the outputs.
        api: `text` or `chat`; empty for that of the old recipe.

    Raises:
        InputError: the folder contains anything else, or the old run has no completed task.
    """
    source = journal_path(old)
    state = read_state(source)
    if state is None:
        raise InputError(f"{source}: contains no complete event, so there is nothing to rewrite.")
    gap = next((n for n, task in enumerate(state.accepted) if task.name not in state.completed), len(state.accepted))
    requests = bisect_right(state.accepted_after, gap)
    tasks = state.accepted_after[requests - 1] if requests else 0
    recipe = rewriting_recipe(state.recipe, model, api)
    if is_begun(folder):
        _refuse_others(folder, old, recipe)
        return RewriteSummary(len(read_run(folder).accepted), 0)
    if (folder / RECIPE).exists():
        raise InputError(f"{folder}: contains another run; name a new folder for --rewrite-outputs.")
    if not tasks:
        raise InputError(f"{old}: has no completed task yet, so there are no outputs to rewrite.")
    is_drawn_elsewhere = state.origin == "import" or state.recipe.revising is not None  # by checks that are left out
    inherited = requests if is_drawn_elsewhere else min(state.inherited, requests)
    inherited_events = list(_inherited_events(source, old, state, requests))
    digests = [event.digest for event in inherited_events if isinstance(event, ReplyReceived)]
    name = f"{old} {digest_of_value(digests)[:16]}"
    version = VERSION if state.asks_again else 1  # whether the old run's requests may have been made once more
    events = [RunStarted(recipe, state.seeds, ORIGIN, name, inherited, version), *inherited_events]
    write_whole(folder / NAME, b"".join(encode_lines(events)))
    without = tuple(check.name for check in state.recipe.checks if check.asks)
    without += ("followups",) if state.recipe.followups is not None else ()
    return RewriteSummary(tasks, len(state.accepted) - tasks, without)


def rewriting_recipe(recipe: Recipe, model: str, api: Api = "") -> Recipe:
    """Return the recipe with outputs rewritten by `model`, with the recipe's own prompt for it or the shipped one.

    Checks that use a model and further turns are left out, because only outputs are requested.

    Args:
        recipe: the old run's recipe.
        model: the name of the model that writes the outputs.
        api: `text` or `chat`; empty for that of the recipe.

    Raises:
        InputError: the recipe cannot work.
    """
    ask = recipe.instances.rewrite
    if ask is None:
        style = api or recipe.api
        shipped = f"rewrite/{style}.jinja" if recipe.documents is None else f"documents/answer_{style}.jinja"
        ask = Ask(shipped_prompt(shipped), SAMPLING[style])
    ask = dataclasses.replace(ask, model=model, api="" if api == recipe.api else api or ask.api)
    checks = tuple(check for check in recipe.checks if not check.asks)
    instances = dataclasses.replace(recipe.instances, rewrite=ask)
    rewriting = dataclasses.replace(recipe, checks=checks, instances=instances, followups=None)
    dry_run(rewriting)
    return rewriting


def _inherited_events(source: Path, old: Path, state: State, requests: int) -> Iterator[Event]:
    """Yield the events that the new journal takes over: replies and requests of the completed tasks."""
    names = {task.name for task in state.accepted[: state.accepted_after[requests - 1]]}
    for _, event in read_events(source):
        match event:
            case CandidatesJudged(index) if index < requests:
                yield event
            case ImportRecorded(task) if task in names:
                yield event
            case ReplyReceived(key) | RequestFailed(key) if _belongs(key, names, requests):
                digest = (
                    "" if state.origin == "import" else event.digest
                )  # the prompts of an import are not the recipe's
                yield dataclasses.replace(event, digest=digest, source=str(old))


def _belongs(key: str, names: set[str], requests: int) -> bool:
    stream, name, *_ = [*key.split("/"), ""]
    if stream == "propose" or step_of(key) == SHARED:
        return int(name) < requests
    return stream == "annotate" and name in names and step_of(key) not in ("rewrite", *SPEAKERS)


def _refuse_others(folder: Path, old: Path, recipe: Recipe) -> None:
    started = next(event for _, event in read_events(folder / NAME))
    if not isinstance(started, RunStarted) or started.origin != ORIGIN or not started.source.startswith(f"{old} "):
        raise InputError(f"{folder}: has begun already, and not from {old}; name a new folder for --rewrite-outputs.")
    if started.recipe.digest() != recipe.digest():
        known = started.recipe.model_at("rewrite")
        raise InputError(
            f"{folder}: its outputs are rewritten by {known} with another prompt; name a new folder for this one."
        )
