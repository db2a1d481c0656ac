"""Verify a run: derive every decision again from the recorded replies, and list where the journal disagrees."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

from bootstruct.config.recipe import Check
from bootstruct.errors import InputError, JournalError
from bootstruct.history.rederived_prompts import (
    READ_OTHERWISE,
    as_recorded,
    derived_prompt,
    has_thought,
    is_after_reading,
    may_be_read_otherwise,
)
from bootstruct.history.verification import NO_REPLY, Verification
from bootstruct.history.verify_imports import similarities_differ
from bootstruct.history.verify_wording import checks_differ, completions_differ, shown_differs, verdicts_differ
from bootstruct.journal.events import (
    NOT_KEPT,
    CandidatesJudged,
    Event,
    ImportRecorded,
    InstancesChecked,
    ReplyReceived,
    RequestFailed,
    RunStarted,
    TaskCompleted,
)
from bootstruct.journal.file import journal_path, read_events
from bootstruct.journal.forgetting import forget
from bootstruct.journal.keys import again, key_of
from bootstruct.journal.state import State, apply, begin, check_keys, ends_request
from bootstruct.stages.annotate import annotate_in, flow_reply
from bootstruct.stages.custom import (
    NO_CODE,
    CustomCode,
    PythonCheck,
    PythonCheckCall,
    PythonRule,
    UnrecordedRequestError,
)
from bootstruct.stages.instance_checks import InstanceChecks
from bootstruct.stages.passages import passage_name
from bootstruct.stages.pool import Pool
from bootstruct.stages.propose import propose_prompt, read_candidates
from bootstruct.stages.revisions import revised_task
from bootstruct.stages.second_requests import second_request
from bootstruct.stages.steering import recorded_hints
from bootstruct.types import Candidate, Instruction, Prompt, Reply, Verdict, digest_of

PROGRESS_EVENTS = 1000  # events between two calls of on_progress


def verify(
    run: Path, on_progress: Callable[[int, int], object] | None = None, code: CustomCode = NO_CODE
) -> Verification:
    """Derive every decision of a run again from the recorded replies. No request is sent, and nothing is written.

    Args:
        run: the run folder, or its journal.
        on_progress: called after every 1,000 events with the numbers of events read and of disagreements so far.
        code: the run's rules and checks in Python; decisions of missing ones are accepted as recorded, and counted.

    Returns:
        What was checked, every disagreement, and what could not be checked and why.

    Raises:
        InputError: there is no journal.
        JournalError: the journal is empty, or a line of it cannot be read.
    """
    verification = Verification()
    for number in _verify_events(read_events(journal_path(run)), verification, code):
        if on_progress is not None and number % PROGRESS_EVENTS == 0:
            on_progress(number, len(verification.disagreements))
    return verification


def _verify_events(events: Iterable[tuple[int, Event]], verification: Verification, code: CustomCode) -> Iterator[int]:
    """Verify the events in order, yielding the number of events so far after each one."""
    verifier: _Verifier | None = None
    for number, (offset, event) in enumerate(events, 1):
        try:
            if verifier is None:
                verifier = _Verifier(begin(event), verification, code)
            else:
                verifier.event(event)
                apply(verifier.state, event, offset)
                verifier.catch_up()
        except JournalError as exc:
            verification.disagreements.append(f"line {number}: {exc}")
            if verifier is None:
                return
        yield number
    if verifier is None:
        raise JournalError("the journal is empty.")
    verifier.finish()


class _Verifier:
    """Compares each event with the decision from the state before it; the caller then applies the event."""

    def __init__(self, state: State, result: Verification, code: CustomCode) -> None:
        self.state, self.result, self.code = state, result, code
        self.absent = {rule.name: rule.python for rule in state.recipe.propose.rules if rule.python}
        self.absent = {name: v for name, v in self.absent.items() if not _is_here(code.rules.get(name), v)}
        self.pool = Pool(state.recipe, code).catch_up(state)
        self.checks = InstanceChecks(state.recipe, code, state.asks_again)
        self.imported, self.is_old = state.origin == "import", state.version == 1
        self.replies: dict[str, Reply | None] = {}
        self.asked = set[str]()  # keys that a check in Python asked for
        self.positions: dict[str, int] = {}

    def catch_up(self) -> None:
        self.pool.catch_up(self.state)
        for position in range(len(self.positions), len(self.state.accepted)):
            self.positions[self.state.accepted[position].name] = position

    def event(self, event: Event) -> None:
        match event:
            case RunStarted():
                return  # `apply` rejects a second one
            case ReplyReceived(key, digest, reply):
                self._verify_prompt(key, digest, isinstance(event, ReplyReceived) and bool(event.question))
                self.replies[key] = reply
            case RequestFailed(key, digest):
                self._verify_prompt(key, digest, False)
                self.replies[key] = None
            case CandidatesJudged():
                self._verify_verdicts(event)
            case TaskCompleted():
                self._verify_completed(event)
            case InstancesChecked():
                self._verify_checked(event)
            case ImportRecorded():
                self._verify_imported(event)

    def _verify_prompt(self, key: str, digest: str, recorded: bool) -> None:
        """Compare the digest of a request with that of the prompt that the recipe gives for its key."""
        if self.imported:
            self.result.count_unchecked(
                "prompts of an import (drawn by other code)" if recorded else "prompts that were not kept"
            )
            return
        if self._inherited(key) or (not digest and self.state.origin == "rewrite"):
            how = "rejudged" if self.state.origin == "rejudge" else "rewritten"
            self.result.count_unchecked(f"prompts of the run that was {how}")
            return
        if any(c.kind == "python" and key.split("/")[::2][:2] == ["check", c.name] for c in self.state.recipe.checks):
            return  # derived with the check's decision
        try:
            prompt = derived_prompt(self.state, key, self.replies, self.positions, self.checks)
        except (KeyError, ValueError, IndexError, StopIteration):  # a key of no known shape, or too early
            if self.is_old and is_after_reading(key):
                self.result.count_unchecked(READ_OTHERWISE)
                return
            self.result.disagreements.append(f"{key}: no request has this key at this point of the run")
            return
        if (
            self.is_old
            and digest_of(prompt) != digest
            and may_be_read_otherwise(self.state, key, digest, self.positions)
        ):
            self.result.count_unchecked(READ_OTHERWISE)
            return
        self.result.count_checked("prompts")
        if digest_of(prompt) != digest:
            self.result.disagreements.append(
                f"{key}: recorded prompt {digest[:8]}, derived {digest_of(prompt)[:8]} from recipe and seeds"
            )

    def _inherited(self, key: str) -> bool:
        """Return whether a request was drawn and sent by the run that was rejudged."""
        step, _, index = key.partition("/")
        return step == "propose" and index.isdecimal() and int(index) < self.state.inherited

    def _verify_verdicts(self, event: CandidatesJudged) -> None:
        name, key = f"request {event.index}", f"propose/{event.index}"
        has_second = again(key) in self.replies
        reply, second = self.replies.pop(key, None), self.replies.pop(again(key), None)
        if self.imported and reply is not None and reply.finish == NOT_KEPT:
            self._verify_without_reply(event)
            return
        drawn_here = not self.imported and event.index >= self.state.inherited
        if drawn_here and event.index == len(self.state.accepted_after):
            prompt, shown = propose_prompt(self.state, event.index)
            if reply and not has_second and self.state.asks_again and second_request(self.state.recipe, prompt, reply):
                self.result.disagreements.append(f"{name}: recorded without the second request that its reply asks for")
            passage, hints = passage_name(self.state.recipe, event.index), recorded_hints(self.state, event.index)
            self.result.disagreements += shown_differs(event, shown, passage, hints)
        if event.failed != (reply is None):
            self.result.disagreements.append(
                f"{name}: recorded as {'failed' if event.failed else 'answered'}, derived differently from its reply"
            )
        candidates, unread = read_candidates(self.state.recipe, second or reply, event.shown, self.state.asks_again)
        if unread != event.unread:
            self.result.disagreements.append(
                f"{name}: recorded as {event.unread or 'read'}, derived as {unread or 'read'} from its reply"
            )
        self._take_as_recorded(event)
        self.result.count_checked("requests")
        if drawn_here:
            revised = revised_task(self.state, event.index)
            if event.revises != (derived := revised.name if revised else ""):
                self.result.disagreements.append(
                    f"{name}: recorded as a revision of {event.revises or 'nothing'}, derived as one of {derived or 'nothing'}"
                )
        judged = self._judged(event, candidates)
        if judged is None:
            return
        if self.is_old and [v.text for v in judged] != [v.text for v in event.verdicts]:
            self.result.count_unchecked(READ_OTHERWISE)
            judged = self.pool.judge(event.index, as_recorded(event))
        if len(judged) != len(event.verdicts):
            self.result.disagreements.append(
                f"{name}: recorded {len(event.verdicts)} candidates, derived {len(judged)} from its reply"
            )
        self._compare_verdicts(event, judged)

    def _judged(self, event: CandidatesJudged, candidates: list[Candidate]) -> tuple[Verdict, ...] | None:
        """The verdicts that rules and novelty give; None if a rule in Python breaks, which is a disagreement."""
        try:
            ancestors = [*self.state.ancestors(event.revises)]
            return self.pool.judge(event.index, candidates, ancestors)
        except InputError as exc:
            self.result.disagreements.append(f"request {event.index}: {exc}")
            return None

    def _compare_verdicts(self, event: CandidatesJudged, judged: tuple[Verdict, ...]) -> None:
        for number, (old, new) in enumerate(zip(event.verdicts, judged, strict=False)):
            self.result.count_checked("candidates")
            if old != new:
                self.result.disagreements.append(
                    f"candidate {event.index}.{number} {old.text!r}: {verdicts_differ(old, new)}"
                )

    def _verify_without_reply(self, event: CandidatesJudged) -> None:
        """Check rules and novelty of candidates whose reply is not in the files of an import."""
        self.result.count_unchecked(NO_REPLY)
        judged = self._judged(event, as_recorded(event))
        if judged is not None:
            self._compare_verdicts(event, judged)

    def _take_as_recorded(self, event: CandidatesJudged) -> None:
        """Accept the recorded decisions of missing rules in Python."""
        if not self.absent:
            return
        rules = dict(self.code.rules)
        for name, version in self.absent.items():
            reasons = {verdict.text: verdict.note for verdict in event.verdicts if verdict.rule == name}
            rules[name] = PythonRule(name, version, reasons.get)
            reason = f"verdicts of the rule {name!r} (version {version}): its Python was not given"
            for _ in reasons:
                self.result.count_unchecked(reason)
        self.pool.code = CustomCode(rules, self.code.checks)

    def _verify_completed(self, event: TaskCompleted) -> None:
        if event.task not in self.positions:
            raise JournalError(f"task {event.task} is completed but was never accepted.")
        task = self.state.accepted[self.positions[event.task]]
        flow = annotate_in(self.state, task)
        derived = TaskCompleted(event.task, False, (), failed=True)
        try:
            prompt = next(flow)
            while (reply := flow_reply(prompt, self.replies.get(key_of(event.task, prompt.step)))) is not None:
                prompt = flow.send(reply)
        except StopIteration as stop:
            derived = stop.value
        if derived.failed and self.imported:
            self.result.count_unchecked("completed tasks whose replies were not kept")
            return
        self.result.count_checked("completed tasks")
        if not derived.failed:
            forget(self.replies, event, with_request=ends_request(self.state, event))
        if derived != event and self.is_old:
            self.result.count_unchecked(READ_OTHERWISE)
        elif derived != event:
            self.result.disagreements.append(f"task {event.task} {task.text!r}: {completions_differ(event, derived)}")

    def _verify_checked(self, event: InstancesChecked) -> None:
        position = self.positions.get(event.task)
        place = next((n for n, entry in enumerate(self.state.recipe.checks) if entry.name == event.check), None)
        if position is None or place is None or event.task not in self.state.completed:
            return  # `apply` rejects it
        task, check = self.state.accepted[position], self.state.recipe.checks[place]
        instances, before = self.state.completed[task.name].instances, self.state.checked.get(task.name, ())
        if check.kind == "python":
            self._verify_python_check(event, task, check, before[place - 1].kept if place else range(len(instances)))
            return
        self.result.count_checked("checks")
        known = [
            (key, self.state.replies[key]) for key in check_keys(self.state, task.name) if key in self.state.replies
        ]
        replies = {key: value.reply if isinstance(value, ReplyReceived) else None for key, value in known}
        left = before[place - 1].kept if place else range(len(instances))
        name = f"task {task.name} {task.text!r}, check {event.check!r}"
        try:
            derived = self.checks.decide(check, task, instances, left, replies)
        except KeyError as exc:
            self.result.disagreements.append(f"{name}: recorded without a reply to {exc}")
            return
        if derived != event and self.is_old and any(reply and has_thought(reply) for reply in replies.values()):
            self.result.count_unchecked(READ_OTHERWISE)
        elif derived != event:
            self.result.disagreements.append(f"{name}: {checks_differ(event, derived)}")

    def _verify_python_check(
        self, event: InstancesChecked, task: Instruction, check: Check, left: Sequence[int]
    ) -> None:
        if not _is_here(self.code.checks.get(check.name), check.version):
            self.result.count_unchecked(
                f"decisions of the check {check.name!r} (version {check.version}): its Python was not given"
            )
            return
        completed = self.state.completed[task.name]
        call = PythonCheckCall(
            self.code, self.state.recipe, check, task, completed.is_classification, completed.instances, left
        )
        name = f"task {task.name} {task.text!r}, check {check.name!r}"
        self.result.count_checked("checks")
        self.asked = set[str]()
        running = call.run(self._recorded_reply)
        try:
            running.send(None)
        except StopIteration as stop:
            if stop.value != event:
                self.result.disagreements.append(f"{name}: {checks_differ(event, stop.value)} by its Python")
            for key in check_keys(self.state, task.name):
                if key.split("/")[2] == check.name and key not in self.asked:
                    self.result.disagreements.append(
                        f"{name}: a reply is recorded to {key}, which its Python does not send"
                    )
        except UnrecordedRequestError as exc:
            self.result.disagreements.append(f"{name}: no reply is recorded to {exc}, or to another prompt")
        except InputError as exc:
            self.result.disagreements.append(f"{name}: {exc}")
        else:
            running.close()
            self.result.count_unchecked(f"decisions of the check {check.name!r}: it waits for more than its requests")

    async def _recorded_reply(self, key: str, prompt: Prompt) -> Reply | None:
        self.asked.add(key)
        recorded = self.state.replies.get(key)
        if recorded is None or recorded.digest != digest_of(prompt):
            raise UnrecordedRequestError(key)
        return recorded.reply if isinstance(recorded, ReplyReceived) else None

    def _verify_imported(self, event: ImportRecorded) -> None:
        position = self.positions.get(event.task)
        if position is None:
            raise JournalError(f"similarities of task {event.task}, which was never accepted.")
        if event.mean is None:
            self.result.count_unchecked("tasks of an import without similarities")
        else:
            self.result.count_checked("similarities")
            self.result.disagreements += similarities_differ(self.state, self.pool.index, event, position)

    def finish(self) -> None:
        """Count what no event of the run allows us to check."""
        if self.imported:
            self.result.count_unchecked("draws of examples (by other code)")


def _is_here(given: PythonRule | PythonCheck | None, version: str) -> bool:
    return given is not None and given.version == version
