"""Preference pairs: two answers to one request, the better one first, from replies that a run has already paid for.

Of one run, the samples of its `agreement` checks vote on the answers, as in self-consistency preference optimisation
(arXiv 2411.04109): the answer that agrees most with the samples is chosen, the one that agrees least is rejected. Of the
solvers of its `solver-gap` checks, the best answer of the strong one is chosen, the worst answer of the weak one is rejected.
Of several runs that answer the same requests (one rewritten by another model, or two rewritten by a strong and a weak one), a
rubric that both have decides, else the order in which the runs are named.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from bootstruct.config.recipe import Check
from bootstruct.errors import InputError
from bootstruct.export.rows import TrainingRow
from bootstruct.export.selection import OPEN, REVIEWED_BAD, RunSource, Selection, names_of
from bootstruct.journal.state import State
from bootstruct.novelty.rouge import rouge_l
from bootstruct.run.task_provenance import counted_reply
from bootstruct.stages.answer_matching import answer_form, mean_score, normalize_answer
from bootstruct.stages.check_scores import grade_score, graded_answers, judge_key, solver_scores
from bootstruct.stages.instance_checks import GRADED_LOW, check_keys
from bootstruct.stages.parsing.check_replies import parse_answer
from bootstruct.types import Instance, Instruction, Reply

ORDER: Final = "order"  # the decision on a pair without a grade
ALL_EQUAL: Final = "requests whose answers are all equal"
NO_MAJORITY: Final = "requests without an answer on which enough samples agree"
BELOW_MARGIN: Final = "pairs below the margin"
UNSEEN: Final = "instances that later checks did not see"
REFUSED: Final = "instances that another check rejected"
UNSOLVED: Final = "instances that the strong solver does not solve"
NO_SAMPLES: Final = "instances without samples"
ONLY_ONE: Final = "requests that only one run answers"
EQUAL_GRADES: Final = "pairs of equal grades"


@dataclass(frozen=True, slots=True)
class PreferencePair(TrainingRow):
    """Two answers to one request; the output of `instance` is the chosen one.

    Attributes:
        rejected: the other answer.
        margin: how much better the chosen one is: the difference of their agreement with the samples or of their scores
            (0 to 1), or of their grades in steps of the scale; None if the order of the runs decided.
        decided_by: the name of a check, or `order`.
    """

    rejected: str = ""
    margin: float | None = None
    decided_by: str = ""


@dataclass(frozen=True, slots=True)
class _Answer:
    """One run's answer to a request: its row, its grade by each rubric, and whether it passed all checks."""

    row: TrainingRow
    grades: Mapping[str, float]
    has_passed: bool


def select_pairs(runs: Sequence[RunSource], margin: float = 0.0) -> Selection:
    """Return the preference pairs of runs, all of them under the first run.

    Args:
        runs: the runs; of several, earlier ones are preferred to later ones where no rubric decides.
        margin: the least margin of a pair; pairs whose margin is 0 are always left out.

    Raises:
        InputError: one run has no `agreement` or `solver-gap` check, or of several runs no two answer the same request.
    """
    selection = Selection()
    out = selection.rows_left_out
    for source in runs:
        state = source.state
        selection.tasks_left_out[OPEN] += len(state.accepted) - len(state.completed_tasks)
        selection.tasks_left_out[REVIEWED_BAD] += sum(task.name in source.without for task in state.completed_tasks)
    found = list(_pairs_of_one(runs[0], out) if len(runs) == 1 else _pairs_of_several(runs, out))
    kept = [pair for pair in found if pair.margin is None or pair.margin >= margin]
    out[BELOW_MARGIN] += len(found) - len(kept)
    selection.rows, selection.count = [list[TrainingRow](kept), *([] for _ in runs[1:])], len(kept)
    selection.tasks = len({pair.task for pair in kept})
    selection.tasks_left_out, selection.rows_left_out = +selection.tasks_left_out, +out
    return selection


def _usable_tasks(source: RunSource) -> Iterator[Instruction]:
    return (task for task in source.state.completed_tasks if task.name not in source.without)


def _pairs_of_one(source: RunSource, out: Counter[str]) -> Iterator[PreferencePair]:
    """The pairs that the samples of a run's agreement checks and the solvers of its solver-gap checks give."""
    checks = [check for check in source.state.recipe.checks if check.kind in ("agreement", "solver-gap")]
    if not checks:
        raise InputError(
            "format preference: the run has no check of the kind `agreement` or `solver-gap`, whose answers are compared; add "
            "one to the recipe (docs/checks.md), or name two runs that answer the same requests, the better one first."
        )
    for task in _usable_tasks(source):
        for check in checks:
            for number in range(len(source.state.completed[task.name].instances)):
                compare = _voted if check.kind == "agreement" else _contrasted
                pair = compare(source, task, check, number, out)
                if pair is not None:
                    yield pair


def _voted(source: RunSource, task: Instruction, check: Check, number: int, out: Counter[str]) -> PreferencePair | None:
    """The pair that the samples of a check give for one instance; where there is none, the reason is counted."""
    state = source.state
    if (reason := _obstacle(state, task.name, check, number)) is not None:
        out[reason] += 1
        return None
    completed = state.completed[task.name]
    instance = completed.instances[number]
    answers = _samples(source, check, task, number)
    if not any(answers):
        out[NO_SAMPLES] += 1
        return None
    scored = _scores(check, (instance.output, *answers), answers, state.recipe.propose.novelty.tokenizer)
    if not scored:
        out[NO_SAMPLES] += 1
        return None
    chosen, rejected = max(scored, key=lambda text: scored[text]), min(scored, key=lambda text: scored[text])
    margin = scored[chosen] - scored[rejected]
    if margin <= 0 or scored[chosen] < check.at_least:
        out[NO_MAJORITY if scored[chosen] < check.at_least else ALL_EQUAL] += 1
        return None
    return _pair(source, task, check, number, chosen, rejected, margin)


def _pair(
    source: RunSource, task: Instruction, check: Check, number: int, chosen: str, rejected: str, margin: float
) -> PreferencePair:
    completed, name = source.state.completed[task.name], f"{task.name}/{check.name}/{number}"
    kept, is_label = Instance(completed.instances[number].input, chosen), completed.is_classification
    return PreferencePair(
        name,
        task.name,
        task.text,
        kept,
        is_label,
        False,
        rejected=rejected,
        margin=round(margin, 6),
        decided_by=check.name,
    )


def _contrasted(
    source: RunSource, task: Instruction, check: Check, number: int, out: Counter[str]
) -> PreferencePair | None:
    """The pair of the best answer of a strong solver and the worst one of a weak solver; the first of several."""
    state, instance = source.state, source.state.completed[task.name].instances[number]
    reason = _obstacle(state, task.name, check, number)
    replies = [_reply(source, key) for key in check_keys(check, task, number)]
    if reason is None and (None in replies or not any(reply and parse_answer(reply.text) for reply in replies)):
        reason = NO_SAMPLES
    if reason is not None:
        out[reason] += 1
        return None
    answered = [reply for reply in replies if reply is not None]
    answers = [parse_answer(reply.text) for reply in answered]
    grades: dict[str, float | None] = {}
    for form, place in graded_answers(instance, answers).items() if check.judge else ():
        graded = _reply(source, judge_key(check, task, number, place))
        grades[form] = None if graded is None else grade_score(check, graded)
    scores = solver_scores(check, instance, answered, grades, state.recipe.propose.novelty.tokenizer)
    strong = {n: s for n in range(check.samples, len(scores)) if (s := scores[n]) is not None and answers[n]}
    weak = {n: s for n in range(check.samples) if (s := scores[n]) is not None and answers[n]}
    if not weak or not strong:
        out[NO_SAMPLES] += 1
        return None
    if (mean_score(scores[check.samples :]) or 0.0) < check.strong_at_least:
        out[UNSOLVED] += 1
        return None
    chosen, rejected = max(strong, key=strong.__getitem__), min(weak, key=weak.__getitem__)
    if (margin := strong[chosen] - weak[rejected]) <= 0:
        out[ALL_EQUAL] += 1
        return None
    return _pair(source, task, check, number, answers[chosen], answers[rejected], margin)


def _obstacle(state: State, task: str, check: Check, number: int) -> str | None:
    """Why an instance cannot be used although its request was answered; None if it can."""
    checked = {decided.check: decided for decided in state.checked.get(task, ())}
    for other in state.recipe.checks:
        verdicts = (
            {verdict.instance: verdict for verdict in checked[other.name].verdicts} if other.name in checked else {}
        )
        if number not in verdicts:
            return UNSEEN
        if other.name != check.name and not verdicts[number].kept:
            return REFUSED
    return None


def _samples(source: RunSource, check: Check, task: Instruction, number: int) -> list[str]:
    """The answers that a check was given about an instance, those made once more in place of those cut off."""
    replies = [_reply(source, key) for key in check_keys(check, task, number)]
    return [text for reply in replies if reply is not None and (text := parse_answer(reply.text))]


def _reply(source: RunSource, key: str) -> Reply | None:
    """The reply that counts for a key; None if its request failed for good."""
    event = counted_reply(source.state, source.journal, key)
    return None if event is None else event.reply


def _scores(check: Check, candidates: Sequence[str], answers: Sequence[str], tokenizer: str) -> dict[str, float]:
    """How far each answer agrees with all samples, 0 to 1; answers that are equal by the check's measure count as one."""
    scores: dict[str, float] = {}
    seen = set()
    for text in candidates:
        normal = answer_form(check.measure, text)
        if not normal or normal in seen:
            continue
        seen.add(normal)
        if check.measure != "rouge":
            scores[text] = sum(answer_form(check.measure, answer) == normal for answer in answers) / len(answers)
        else:
            scores[text] = sum(rouge_l(text, answer, tokenizer) for answer in answers) / len(answers)
    return scores


def _pairs_of_several(runs: Sequence[RunSource], out: Counter[str]) -> Iterator[PreferencePair]:
    """The pairs of answers that different runs give to the same instruction and input."""
    names = names_of(runs)
    tables = [_answers(source, name) for source, name in zip(runs, names, strict=True)]
    asked: dict[tuple[str, str], None] = dict.fromkeys(request for table in tables for request in table)
    common = 0
    for request in asked:
        answers = [table[request] for table in tables if request in table]
        common += len(answers) > 1
        out[ONLY_ONE] += len(answers) == 1
        for number, first in enumerate(answers):
            for second in answers[number + 1 :]:
                pair = _compared(first, second, out)
                if pair is not None:
                    yield pair
    if not common:
        raise InputError(
            "format preference: no two of these runs answer the same request (equal instruction and input); make the second "
            "one with `bootstruct init NEW --rewrite-outputs OLD --model OTHER`."
        )


def _answers(source: RunSource, run: str) -> dict[tuple[str, str], _Answer]:
    """The first answer of a run to each request that passed all checks, or was rejected only by a rubric's grade."""
    state, found = source.state, dict[tuple[str, str], _Answer]()
    rubrics = [check.name for check in state.recipe.checks if check.kind == "rubric"]
    for task in _usable_tasks(source):
        completed = state.completed[task.name]
        passed = set(map(id, state.passed_instances(task.name)))
        verdicts = [
            (decided.check, verdict) for decided in state.checked.get(task.name, ()) for verdict in decided.verdicts
        ]
        for number, instance in enumerate(completed.instances):
            own = [(check, verdict) for check, verdict in verdicts if verdict.instance == number]
            has_passed = id(instance) in passed
            if not has_passed and not (own and own[-1][1].rule == GRADED_LOW):
                continue
            grades = {check: verdict.score for check, verdict in own if check in rubrics and verdict.score is not None}
            name, is_label = f"{task.name}/{number}", completed.is_classification
            row = TrainingRow(name, task.name, task.text, instance, is_label, False, run)
            found.setdefault((task.text, instance.input), _Answer(row, grades, has_passed))
    return found


def _compared(first: _Answer, second: _Answer, out: Counter[str]) -> PreferencePair | None:
    """The pair of two runs' answers to a request; where there is none, the reason is counted."""
    if normalize_answer(first.row.instance.output) == normalize_answer(second.row.instance.output):
        out[ALL_EQUAL] += 1
        return None
    rubric = next((name for name in first.grades if name in second.grades), None)
    margin: float | None = None
    if rubric is not None:
        margin = first.grades[rubric] - second.grades[rubric]
        if margin == 0:
            out[EQUAL_GRADES] += 1
            return None
        first, second = (first, second) if margin > 0 else (second, first)
    if not first.has_passed:
        out[REFUSED] += 1
        return None
    row = first.row
    return PreferencePair(
        row.name,
        row.task_name,
        row.instruction,
        row.instance,
        row.is_classification,
        False,
        row.run,
        rejected=second.row.instance.output,
        margin=None if margin is None else abs(margin),
        decided_by=rubric or ORDER,
    )
