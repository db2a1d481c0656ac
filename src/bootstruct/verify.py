"""Re-derive every decision of a run from the recorded replies, and say where the journal disagrees."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from bootstruct.domain import Prompt, Reply, Verdict, digest_of
from bootstruct.errors import BadJournal
from bootstruct.events import (
    SHARED,
    Annotated,
    Checked,
    Event,
    Failed,
    Proposed,
    Recorded,
    Replied,
    Started,
    State,
    apply,
    begin,
    check_keys,
    ends_request,
    forget,
    key_of,
    siblings,
)
from bootstruct.stages.annotate import annotate, heard
from bootstruct.stages.checks import Checks
from bootstruct.stages.pool import Pool
from bootstruct.stages.propose import propose_prompt, read_instructions


@dataclass(slots=True)
class Findings:
    """What was checked (counts by kind of check), where the journal disagrees, and what could not be checked, and why."""

    checked: dict[str, int] = field(default_factory=dict)
    disagreements: list[str] = field(default_factory=list)
    unchecked: dict[str, int] = field(default_factory=dict)

    def count(self, what: str) -> None:
        self.checked[what] = self.checked.get(what, 0) + 1

    def leave(self, what: str) -> None:
        self.unchecked[what] = self.unchecked.get(what, 0) + 1


def verify(events: Iterable[tuple[int, Event]], findings: Findings) -> Iterator[int]:
    """Fill `findings`, yielding the number of events seen after each one (for progress)."""
    check: _Check | None = None
    for number, (offset, event) in enumerate(events, 1):
        try:
            if check is None:
                check = _Check(begin(event), findings)
            else:
                check.event(event)
                apply(check.state, event, offset)
                check.catch_up()
        except BadJournal as exc:
            findings.disagreements.append(f"line {number}: {exc}")
            if check is None:
                return
        yield number
    if check is None:
        raise BadJournal("the journal is empty.")
    check.end()


class _Check:
    def __init__(self, state: State, findings: Findings) -> None:
        self.state, self.findings = state, findings
        self.pool = Pool(state.recipe).catch_up(state)
        self.checks = Checks(state.recipe)
        self.imported = state.origin == "import"
        self.replies: dict[str, Reply | None] = {}
        self.positions: dict[str, int] = {}

    def catch_up(self) -> None:
        self.pool.catch_up(self.state)
        for position in range(len(self.positions), len(self.state.machine)):
            self.positions[self.state.machine[position].name] = position

    def event(self, event: Event) -> None:
        match event:
            case Started():
                return  # apply says what is wrong with a second one
            case Replied(key, digest, reply):
                self._question(key, digest, isinstance(event, Replied) and bool(event.question))
                self.replies[key] = reply
            case Failed(key, digest):
                self._question(key, digest, False)
                self.replies[key] = None
            case Proposed():
                self._proposed(event)
            case Annotated():
                self._annotated(event)
            case Checked():
                self._checked(event)
            case Recorded():
                self._recorded(event)

    def _question(self, key: str, digest: str, recorded: bool) -> None:
        """Was this the question that the recipe asks under this key?"""
        if self.imported:
            self.findings.leave(
                "questions of an import (drawn by other code)" if recorded else "questions that were not kept"
            )
            return
        if self._inherited(key) or (not digest and self.state.origin == "rewrite"):
            whose = "re-judged" if self.state.origin == "rejudge" else "rewritten"
            self.findings.leave(f"questions of the run that was {whose}")
            return
        try:
            prompt = self._prompt(key)
        except (KeyError, ValueError, IndexError, StopIteration):  # a key of no known shape, or too early
            self.findings.disagreements.append(f"{key}: nothing asks this question at this point of the run")
            return
        self.findings.count("questions")
        if digest_of(prompt) != digest:
            self.findings.disagreements.append(
                f"{key}: was asked as {digest[:8]}, the recipe and seeds give {digest_of(prompt)[:8]}"
            )

    def _inherited(self, key: str) -> bool:
        """Was this request drawn and asked by the run that was re-judged?"""
        step, _, index = key.partition("/")
        return step == "propose" and index.isdecimal() and int(index) < self.state.inherited

    def _prompt(self, key: str) -> Prompt:
        parts = key.split("/", 2)
        if parts[0] == "propose":
            return propose_prompt(self.state, int(parts[1]))[0]
        group = siblings(self.state, parts[1]) if parts[-1] == SHARED else ()
        task = group[0] if group else self.state.machine[self.positions[parts[1]]]
        if parts[0] == "check":
            name, number, sample = parts[2].split("/")
            check = next(each for each in self.state.recipe.checks if each.name == name)
            instance = self.state.annotated[task.name].instances[int(number)]
            if int(sample) >= check.asks:
                raise KeyError(key)
            return self.checks.question(check, task, instance, int(sample))
        if parts[0] != "annotate":
            raise KeyError(key)
        flow = annotate(self.state.recipe, task, siblings(self.state, task.name))
        prompt = next(flow)
        while prompt.step != parts[2]:
            reply = heard(prompt, self.replies[key_of(task.name, prompt.step)])
            if reply is None:
                raise KeyError(key)
            prompt = flow.send(reply)
        return prompt

    def _proposed(self, event: Proposed) -> None:
        name, reply = f"request {event.index}", self.replies.pop(f"propose/{event.index}", None)
        drawn_here = not self.imported and event.index >= self.state.inherited
        if drawn_here and event.index == len(self.state.marks):
            shown = propose_prompt(self.state, event.index)[1]
            if shown != event.shown:
                self.findings.disagreements.append(f"{name}: shows {_list(event.shown)}, drawn again {_list(shown)}")
        if event.failed != (reply is None):
            self.findings.disagreements.append(
                f"{name}: is marked {'failed' if event.failed else 'answered'}, its reply says not"
            )
        candidates = read_instructions(self.state.recipe, reply, event.shown) if reply else []
        again = self.pool.judge(event.index, candidates)
        self.findings.count("requests")
        if len(again) != len(event.verdicts):
            self.findings.disagreements.append(
                f"{name}: {len(event.verdicts)} candidates recorded, {len(again)} read from its reply"
            )
        for number, (old, new) in enumerate(zip(event.verdicts, again, strict=False)):
            self.findings.count("candidates")
            if old != new:
                self.findings.disagreements.append(f"candidate {event.index}.{number} {old.text!r}: {_told(old, new)}")

    def _annotated(self, event: Annotated) -> None:
        if event.task not in self.positions:
            raise BadJournal(f"task {event.task} is annotated and was never accepted.")
        task = self.state.machine[self.positions[event.task]]
        self.findings.count("annotations")
        flow = annotate(self.state.recipe, task, siblings(self.state, task.name))
        again = Annotated(event.task, False, (), failed=True)
        try:
            prompt = next(flow)
            while (reply := heard(prompt, self.replies.get(key_of(event.task, prompt.step)))) is not None:
                prompt = flow.send(reply)
        except StopIteration as done:
            again = done.value
        if again.failed and self.imported:
            self.findings.leave("annotations whose replies were not kept")
            return
        if not again.failed:
            forget(self.replies, event.task, with_request=ends_request(self.state, event))
        if again != event:
            self.findings.disagreements.append(
                f"task {event.task} {task.text!r}: recorded {_short(event)}, derived {_short(again)}"
            )

    def _checked(self, event: Checked) -> None:
        position = self.positions.get(event.task)
        place = next((n for n, each in enumerate(self.state.recipe.checks) if each.name == event.check), None)
        if position is None or place is None or event.task not in self.state.annotated:
            return  # apply says what is wrong with it
        task, check = self.state.machine[position], self.state.recipe.checks[place]
        instances, before = self.state.annotated[task.name].instances, self.state.checked.get(task.name, ())
        self.findings.count("checks")
        known = [
            (key, self.state.replies[key]) for key in check_keys(self.state, task.name) if key in self.state.replies
        ]
        answers = {key: each.reply if isinstance(each, Replied) else None for key, each in known}
        left = before[place - 1].kept if place else range(len(instances))
        name = f"task {task.name} {task.text!r}, check {event.check!r}"
        try:
            again = self.checks.decide(check, task, instances, left, answers)
        except KeyError as exc:
            self.findings.disagreements.append(f"{name}: decided without an answer to {exc}")
            return
        if again != event:
            told = [f"{sum(v.kept for v in each.verdicts)} of {len(each.verdicts)} kept" for each in (event, again)]
            self.findings.disagreements.append(f"{name}: recorded {told[0]}, derived {told[1]}, or other scores")

    def _recorded(self, event: Recorded) -> None:
        position = self.positions.get(event.task)
        if position is None:
            raise BadJournal(f"similarities of {event.task}, which was never accepted.")
        self.findings.leave("similarities of an import without any") if event.mean is None else self._similar(
            event, position
        )

    def _similar(self, event: Recorded, position: int) -> None:
        self.findings.count("similarities")
        text = self.state.machine[position].text
        before = len(self.state.seeds) + position
        scores = self.pool.index.scores(text)[:before]
        mean = float(scores.mean()) if before else 0.0
        if mean != event.mean:
            self.findings.disagreements.append(
                f"task {event.task}: mean similarity recorded {event.mean}, computed {mean}"
            )
        texts = [seed.instruction for seed in self.state.seeds] + [t.text for t in self.state.machine[:position]]
        known = dict(zip(texts, scores.tolist(), strict=True))
        for other, score in event.most_similar:
            if known.get(other) != score:
                self.findings.disagreements.append(
                    f"task {event.task}: similarity with {other!r} recorded {score}, computed {known.get(other)}"
                )
        if event.most_similar and len(event.most_similar) == 10:
            least = min(score for _, score in event.most_similar)
            listed = {other for other, _ in event.most_similar}
            if any(score > least for other, score in known.items() if other not in listed):
                self.findings.disagreements.append(
                    f"task {event.task}: a nearer text than the ten recorded is in the pool"
                )

    def end(self) -> None:
        """What the whole run says about itself."""
        if self.imported:
            self.findings.leave("which examples were drawn (another scheme)")


def _told(old: Verdict, new: Verdict) -> str:
    if old.text != new.text:
        return f"read again as {new.text!r}"

    def say(verdict: Verdict) -> str:
        near = f" ({verdict.score} with {verdict.neighbour})" if verdict.score is not None else ""
        return "kept" if verdict.kept else f"refused as {verdict.rule}{near}"

    if old.kept and new.kept:
        return f"recorded with {_instances(old)}, derived with {_instances(new)}"
    return f"recorded {say(old)}, derived {say(new)}"


def _instances(verdict: Verdict) -> str:
    return "; ".join(f"{each.input!r} -> {each.output!r}" for each in verdict.instances) or "no instances"


def _short(event: Annotated) -> str:
    if event.failed:
        return "failed"
    kind = "classification" if event.is_classification else "not classification"
    return f"{kind} with {len(event.instances)} instances, {len(event.refused)} refused"


def _list(names: tuple[str, ...]) -> str:
    return ", ".join(names) or "nothing"
