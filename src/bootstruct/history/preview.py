"""Preview a run: send its first requests, show prompts and replies, and estimate the whole run.

The replies go to `preview.jsonl` in the run folder and are reused by `generate`, so nothing is paid for twice.
"""

import time
from pathlib import Path

from bootstruct.config.machine import MachineSettings, read_machine
from bootstruct.config.recipe import Recipe
from bootstruct.engines.base import Engine
from bootstruct.engines.build import open_engine
from bootstruct.engines.recorded import RecordedEngine
from bootstruct.engines.traffic.budgeted import BudgetAmount, BudgetLimits
from bootstruct.errors import InputError
from bootstruct.history.estimate import Preview, PreviewedRequest, estimate
from bootstruct.history.preview_warnings import preview_warnings
from bootstruct.journal.events import CandidatesJudged, RunStarted, TaskCompleted
from bootstruct.journal.file import Journal, read_state
from bootstruct.journal.keys import AGAIN, again, key_of
from bootstruct.journal.state import State, apply, begin
from bootstruct.run.folder import PREVIEW, PREVIEWS, is_begun, read_plan
from bootstruct.run.scheduler import ActiveRun
from bootstruct.run.task_provenance import text_of
from bootstruct.stages.annotate import annotate_in, flow_reply
from bootstruct.stages.custom import NO_CODE, CustomCode, PythonCheckCall
from bootstruct.stages.followups import SPEAKERS
from bootstruct.stages.instance_checks import InstanceChecks
from bootstruct.stages.passages import passage_name
from bootstruct.stages.pool import Pool
from bootstruct.stages.propose import propose_prompt, read_candidates
from bootstruct.stages.second_requests import later_reply, second_request
from bootstruct.stages.steering import recorded_hints
from bootstruct.types import Instruction, Prompt, Reply, Seed


async def preview(
    folder: Path,
    requests: int = 2,
    tasks: int = 1000,
    machine: MachineSettings | None = None,
    engine: Engine | None = None,
    code: CustomCode = NO_CODE,
) -> Preview:
    """Send the first requests for instructions, complete the first task of each, and estimate the run.

    Args:
        folder: a run folder that has not begun.
        requests: how many requests for instructions to send, at most the recipe's smallest lag.
        tasks: the number of accepted instructions to estimate for.
        machine: how the model is reached; by default the folder's settings.
        engine: an engine to use instead of the one that `machine` names; it is closed at the end.
        code: rules and checks in Python that the run uses.

    Raises:
        InputError: the folder does not exist, has begun, uses Python that is not given, or its recipe, seeds or settings
            cannot be used.
        EngineUnavailableError: the model cannot be reached.
    """
    if not folder.is_dir():
        raise InputError(f"{folder}: no such run folder; `bootstruct init {folder}` makes one.")
    if is_begun(folder):
        raise InputError(f"{folder}: has begun already; `bootstruct status {folder}` shows what it has used.")
    machine = machine or read_machine(folder)
    recipe, seeds = read_plan(folder)
    code.require(recipe, folder, "preview")
    earlier = sorted(folder.glob(PREVIEWS))
    stack = open_engine(machine, BudgetLimits(), BudgetAmount(), own=engine)
    try:
        state, journal = _open_journal(folder, recipe, seeds)
        try:
            reuse = RecordedEngine(*earlier) if earlier else None
            previewer = _Previewer(ActiveRun(state, journal, stack.engine, reuse, code=code))
            for index in range(min(requests, recipe.propose.lag.least)):
                await previewer.ask_for_instructions(index)
        finally:
            journal.close()
    finally:
        await stack.engine.aclose()
    result = previewer.result
    result.warnings = preview_warnings(result)
    if result.accepted:
        result.estimate = estimate(result, recipe, machine.prices, tasks)
    return result


def _open_journal(folder: Path, recipe: Recipe, seeds: tuple[Seed, ...]) -> tuple[State, Journal]:
    """Open `preview.jsonl` to continue it.

    If recipe or seeds were edited since, its replies are moved to a file of their own: they may still answer the same
    prompts.
    """
    path = folder / PREVIEW
    started = RunStarted(recipe, seeds)
    earlier = read_state(path) if path.is_file() else None
    journal = Journal(path)
    if earlier is not None and (earlier.recipe, earlier.seeds) == (recipe, seeds):
        return earlier, journal
    if earlier is None or not earlier.reply_offsets:
        journal.clear()
    else:
        journal.close()
        path.replace(folder / f"preview-{earlier.recipe.digest()[:8]}.jsonl")
        journal = Journal(path)
    journal.append(started)
    return begin(started), journal


class _Previewer:
    """Sends requests like the run, and applies the decisions in memory only."""

    def __init__(self, run: ActiveRun) -> None:
        self.run, self.result = run, Preview()
        self.pool = Pool(run.state.recipe, run.code).catch_up(run.state)

    async def ask_for_instructions(self, index: int) -> None:
        """Send request `index`, and complete the first instruction that is accepted from it."""
        state = self.run.state
        prompt, shown = propose_prompt(state, index)
        row, reply = await self._ask_twice(f"propose/{index}", f"request {index}", prompt)
        candidates, unread = read_candidates(state.recipe, reply, shown, state.asks_again)
        verdicts = row.verdicts = self.pool.judge(index, candidates)
        row.unread = unread
        name, hints = passage_name(state.recipe, index), recorded_hints(state, index)
        apply(state, CandidatesJudged(index, shown, verdicts, unread=unread, passage=name, hints=hints))
        self.pool.catch_up(state)
        accepted = state.accepted[self.result.accepted :]
        self.result.accepted += len(accepted)
        for task in accepted[:1]:
            await self._complete(task)

    async def _complete(self, task: Instruction) -> None:
        """Ask for the task type and the instances of a task, then for one reply of each check."""
        state = self.run.state
        flow = annotate_in(state, task)
        prompt: Prompt | None = next(flow, None)
        row: PreviewedRequest | None = None
        while prompt is not None:
            reply, seconds = await self._ask(key_of(task.name, prompt.step), prompt)
            last = self._add(prompt.step, task.text, prompt, reply, seconds)
            row = last if prompt.stage not in SPEAKERS else row or last  # the one whose reply holds the instances
            received = flow_reply(prompt, reply)
            if received is None:
                return
            try:
                prompt = flow.send(received)
            except StopIteration as stop:
                completed: TaskCompleted = stop.value
                await self._finish(task, row, completed)
                return

    async def _finish(
        self,
        task: Instruction,
        row: PreviewedRequest,
        completed: TaskCompleted,
    ) -> None:
        """Record the instances of a task, and let each check ask about the first of them (those in the recipe once)."""
        instances = row.instances = completed.instances
        row.rejected = completed.rejected
        reasons = {(task.text, step): why for step, why in completed.unread}
        for asked in self.result.requests:
            asked.unread = reasons.get((asked.subject, asked.step.removesuffix(AGAIN)), asked.unread)
        self.result.completed += 1
        self.result.instances += len(instances)
        checks = InstanceChecks(self.run.state.recipe)

        async def ask(key: str, prompt: Prompt) -> Reply | None:
            reply, seconds = await self._ask(key, prompt)
            self._add(prompt.step, task.text, prompt, reply, seconds)
            return reply

        for check in self.run.state.recipe.checks if instances else ():
            if check.kind == "python":
                recipe, is_classification = self.run.state.recipe, completed.is_classification
                await PythonCheckCall(self.run.code, recipe, check, task, is_classification, instances, [0]).run(ask)
            for key, prompt in checks.first_prompts(check, task, 0, instances[0]).items():
                await self._ask_twice(key, task.text, prompt)

    async def _ask_twice(self, key: str, subject: str, prompt: Prompt) -> tuple[PreviewedRequest, Reply | None]:
        """Send a request, and again as the run would; returns the last request and the reply that counts."""
        state = self.run.state
        reply, seconds = await self._ask(key, prompt)
        row = self._add(prompt.step, subject, prompt, reply, seconds)
        if reply and state.asks_again and (second := second_request(state.recipe, prompt, reply)) is not None:
            later, seconds = await self._ask(again(key), second)
            row = self._add(second.step, subject, second, later, seconds)
            reply = later_reply(reply, later)
        return row, reply

    async def _ask(self, key: str, prompt: Prompt) -> tuple[Reply | None, float | None]:
        """Return the reply and the seconds it took; None seconds if it was recorded already."""
        is_recorded, began = key in self.run.state.replies, time.monotonic()
        reply = await self.run.ask(key, prompt)
        return reply, None if is_recorded else time.monotonic() - began

    def _add(
        self, step: str, subject: str, prompt: Prompt, reply: Reply | None, seconds: float | None
    ) -> PreviewedRequest:
        row = PreviewedRequest(step, subject, text_of(prompt), reply, seconds=seconds)
        self.result.requests.append(row)
        return row
