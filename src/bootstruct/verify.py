"""Re-derive every decision of a run from the recorded replies, and say where the journal disagrees."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from bootstruct.domain import Prompt, Reply, Verdict, digest_of
from bootstruct.errors import BadJournal
from bootstruct.events import Annotated, Event, Failed, Proposed, Recorded, Replied, Started, State, apply, begin
from bootstruct.stages.annotate import annotate
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
            case Recorded():
                self._recorded(event)

    def _question(self, key: str, digest: str, recorded: bool) -> None:
        """Was this the question that the recipe asks under this key?"""
        if self.imported:
            self.findings.leave(
                "questions of an import (drawn by other code)" if recorded else "questions that were not kept"
            )
            return
        if self._inherited(key):
            self.findings.leave("questions of the run that was re-judged")
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
        parts = key.split("/")
        if parts[0] == "propose":
            return propose_prompt(self.state, int(parts[1]))[0]
        if parts[0] != "annotate":
            raise KeyError(key)
        task = self.state.machine[self.positions[parts[1]]]
        flow = annotate(self.state.recipe, task)
        prompt = next(flow)
        while prompt.step != parts[2]:
            reply = self.replies[f"annotate/{parts[1]}/{prompt.step}"]
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
        flow = annotate(self.state.recipe, task)
        again = Annotated(event.task, False, (), failed=True)
        prompt = next(flow)
        try:
            while (reply := self.replies.get(f"annotate/{event.task}/{prompt.step}")) is not None:
                prompt = flow.send(reply)
        except StopIteration as done:
            again = done.value
        if again.failed and self.imported:
            self.findings.leave("annotations whose replies were not kept")
            return
        if not again.failed:
            for step in ("kind", "instances"):
                self.replies.pop(f"annotate/{event.task}/{step}", None)
        if again != event:
            self.findings.disagreements.append(
                f"task {event.task} {task.text!r}: recorded {_short(event)}, derived {_short(again)}"
            )

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

    return f"recorded {say(old)}, derived {say(new)}"


def _short(event: Annotated) -> str:
    if event.failed:
        return "failed"
    kind = "classification" if event.is_classification else "not classification"
    return f"{kind} with {len(event.instances)} instances, {len(event.refused)} refused"


def _list(names: tuple[str, ...]) -> str:
    return ", ".join(names) or "nothing"
