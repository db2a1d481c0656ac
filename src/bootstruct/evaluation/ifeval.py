"""IFEval (arXiv 2311.07911): prompts whose constraints code can check, and the share that a model follows.

A prompt counts strictly if its answer follows every constraint, and loosely if it does so when the first line, the last line or
asterisks are overlooked. `stages.constraint_verifier` gives the verdicts.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from importlib import resources
from pathlib import Path
from typing import Any, Final

from bootstruct.errors import InputError
from bootstruct.evaluation.cases import Problem, Problems
from bootstruct.evaluation.intervals import Interval, mean_interval
from bootstruct.evaluation.language_tools import find_language_tools
from bootstruct.evaluation.predict import PREDICTIONS, SCORES, EvaluationManifest, lineage_of, write_header
from bootstruct.evaluation.scorecard import bracket, table_lines
from bootstruct.io.accounts import RowAccount
from bootstruct.io.files import json_bytes, write_whole
from bootstruct.io.rows import read_rows
from bootstruct.journal.events import ReplyReceived
from bootstruct.run.asking import Fact
from bootstruct.stages.constraint_verifier import (
    AT_LEAST,
    LESS_THAN,
    VERIFIERS,
    LanguageTools,
    follows,
    follows_loosely,
)
from bootstruct.stages.parsing.thoughts import without_thought

SHIPPED: Final = "ifeval_prompts.jsonl"
_COUNT, _TEXT, _TEXTS, _RELATION = (
    "a whole number above 0",
    "a text",
    "a list of texts",
    f"{AT_LEAST!r} or {LESS_THAN!r}",
)
VALUES: Final[Mapping[str, Mapping[str, str]]] = {  # what each kind needs; the others need nothing
    "keywords:existence": {"keywords": _TEXTS},
    "keywords:frequency": {"keyword": _TEXT, "frequency": _COUNT, "relation": _RELATION},
    "keywords:forbidden_words": {"forbidden_words": _TEXTS},
    "keywords:letter_frequency": {"letter": _TEXT, "let_frequency": _COUNT, "let_relation": _RELATION},
    "language:response_language": {"language": _TEXT},
    "length_constraints:number_sentences": {"num_sentences": _COUNT, "relation": _RELATION},
    "length_constraints:number_paragraphs": {"num_paragraphs": _COUNT},
    "length_constraints:number_words": {"num_words": _COUNT, "relation": _RELATION},
    "length_constraints:nth_paragraph_first_word": {
        "num_paragraphs": _COUNT,
        "nth_paragraph": _COUNT,
        "first_word": _TEXT,
    },
    "detectable_content:number_placeholders": {"num_placeholders": _COUNT},
    "detectable_content:postscript": {"postscript_marker": _TEXT},
    "detectable_format:number_bullet_lists": {"num_bullets": _COUNT},
    "detectable_format:number_highlighted_sections": {"num_highlights": _COUNT},
    "detectable_format:multiple_sections": {"section_spliter": _TEXT, "num_sections": _COUNT},
    "combination:repeat_prompt": {"prompt_to_repeat": _TEXT},
    "startend:end_checker": {"end_phrase": _TEXT},
    "change_case:capital_word_frequency": {"capital_frequency": _COUNT, "capital_relation": _RELATION},
}


@dataclass(frozen=True, slots=True)
class IfevalPrompt:
    """A prompt with its constraints: names of `VERIFIERS`, each with its values."""

    key: str
    prompt: str
    constraints: tuple[tuple[str, Mapping[str, Any]], ...]

    @property
    def request_key(self) -> str:
        """The key under which its reply is filed."""
        return f"ifeval/{self.key}"


@dataclass(frozen=True, slots=True)
class ConstraintVerdicts:
    """Whether an answer follows each constraint of its prompt, strictly and loosely."""

    prompt: IfevalPrompt
    strict: tuple[bool, ...]
    loose: tuple[bool, ...]


@dataclass(frozen=True, slots=True)
class FollowedShare:
    """A share of what was judged, as a percentage, with a 95% interval over prompts (None for fewer than five)."""

    percent: float
    interval: Interval | None
    count: int


@dataclass(frozen=True, slots=True)
class IfevalScores:
    """The scores of one model.

    Attributes:
        name: the model.
        expected: the number of prompts.
        prompts: shares of prompts of which every constraint is followed, `strict` and `loose`.
        constraints: shares of constraints that are followed, `strict` and `loose`.
        kinds: the same by kind of constraint.
        problems: what was left out.
        differing: kinds that are judged otherwise than in the reference, and why.
        accounts: an account of the file of prompts.
    """

    name: str
    expected: int
    prompts: Mapping[str, FollowedShare]
    constraints: Mapping[str, FollowedShare]
    kinds: Mapping[str, Mapping[str, FollowedShare]]
    problems: tuple[Problem, ...]
    differing: Mapping[str, str]
    accounts: tuple[RowAccount, ...] = ()


def read_ifeval_prompts(path: Path | None = None, accounts: list[RowAccount] | None = None) -> tuple[IfevalPrompt, ...]:
    """Return the prompts of a file in IFEval's shape: `key`, `prompt`, `instruction_id_list` and `kwargs`.

    Args:
        path: the file; None for the 100 prompts that come with the package.
        accounts: takes an account of its rows, unless it is the package's.

    Raises:
        InputError: no row is a prompt, or the file cannot be read.
    """
    file = path or Path(str(resources.files("bootstruct.evaluation") / SHIPPED))
    account, prompts = RowAccount(str(file)), dict[str, IfevalPrompt]()
    for number, row in read_rows(file, account=account, columns=("prompt", "instruction_id_list")):
        try:
            prompt = _read_prompt(row, number)
        except ValueError as exc:
            account.leave_out(number, "that is no prompt with constraints", str(exc))
            continue
        if prompt.key in prompts:
            account.leave_out(number, "whose key occurs twice")
        else:
            account.use()
            prompts[prompt.key] = prompt
    if not prompts:
        what = account.first_fault() or "it is empty"
        raise InputError(f"{file}: contains no prompt in IFEval's shape ({what}).")
    if accounts is not None and path is not None:
        accounts.append(account)
    return tuple(prompts.values())


def _read_prompt(row: Mapping[str, Any], number: int) -> IfevalPrompt:
    text, names, values = row.get("prompt"), row.get("instruction_id_list"), row.get("kwargs")
    if not isinstance(text, str) or not text.strip():
        raise ValueError("`prompt` is not a text")
    if not isinstance(names, list) or not names or not all(isinstance(name, str) for name in names):
        raise ValueError("`instruction_id_list` is not a list of names")
    if not isinstance(values, list) or len(values) != len(names):
        raise ValueError("`kwargs` is not a list with one object for each constraint")
    constraints = tuple(_read_constraint(name, given) for name, given in zip(names, values, strict=True))
    key = row.get("key")
    return IfevalPrompt(str(number if key is None else key), text, constraints)


def _read_constraint(name: str, given: Any) -> tuple[str, Mapping[str, Any]]:
    if name not in VERIFIERS:
        raise ValueError(f"the constraint {name!r} is unknown")
    if given is not None and not isinstance(given, dict):
        raise ValueError(f"the values of {name} are not an object")
    found = {}
    for field, what in VALUES.get(name, {}).items():
        value = (given or {}).get(field)
        if isinstance(value, float) and value.is_integer():  # a column of a table that has gaps
            value = int(value)
        if not _is(value, what):
            raise ValueError(f"`{field}` of {name} is not {what}")
        found[field] = value
    if name == "keywords:letter_frequency" and len(str(found["letter"]).strip()) != 1:
        raise ValueError(f"`letter` of {name} is not one letter")
    return name, found


def _is(value: Any, what: str) -> bool:
    if what == _COUNT:
        return isinstance(value, int) and not isinstance(value, bool) and value > 0
    if what == _TEXTS:
        return isinstance(value, list) and bool(value) and all(isinstance(text, str) and text for text in value)
    return value in (AT_LEAST, LESS_THAN) if what == _RELATION else isinstance(value, str) and bool(value.strip())


def judge_answer(prompt: IfevalPrompt, answer: str, tools: LanguageTools | None = None) -> ConstraintVerdicts:
    """Return whether an answer follows the constraints of its prompt.

    Args:
        prompt: the prompt.
        answer: the answer.
        tools: what answers the questions about language (`find_language_tools`); None for our own functions.
    """
    pairs = prompt.constraints
    strict = tuple(follows(name, values, answer, tools) for name, values in pairs)
    loose = tuple(follows_loosely(name, values, answer, tools) for name, values in pairs)
    return ConstraintVerdicts(prompt, strict, loose)


def write_ifeval(
    folder: Path, note: EvaluationManifest, prompts: Sequence[IfevalPrompt], facts: Mapping[str, Fact]
) -> IfevalScores:
    """Judge the answers, write the exports of an evaluation folder, and return the scores."""
    tools, differing = find_language_tools()
    problems, verdicts, rows = Problems(), list[ConstraintVerdicts](), list[bytes]()
    for prompt in prompts:
        fact = facts.get(prompt.request_key)
        if not isinstance(fact, ReplyReceived):
            why = "not asked yet" if fact is None else fact.reason
            problems.add("prompts without an answer", f"{prompt.key}: {why}", "left out of the shares")
            continue
        text = without_thought(fact.reply).text
        if not text.strip():
            problems.add("empty answers", prompt.key, "they follow no constraint")
        verdicts.append(judge_answer(prompt, text, tools))
        rows.append(json_bytes(_row(note, fact, text, verdicts[-1])) + b"\n")
    scores = _scores(note.model, len(prompts), verdicts, problems.all(), differing)
    write_header(folder, note)
    write_whole(folder / PREDICTIONS, b"".join(rows))
    write_whole(folder / SCORES, json_bytes(to_row(scores), indent=1) + b"\n")
    return scores


def _row(note: EvaluationManifest, fact: ReplyReceived, text: str, verdicts: ConstraintVerdicts) -> dict[str, Any]:
    names = [name for name, _ in verdicts.prompt.constraints]
    asked = {"key": verdicts.prompt.key, "prompt": verdicts.prompt.prompt, "instruction_id_list": names}
    found = {"response": text, "strict": list(verdicts.strict), "loose": list(verdicts.loose)}
    return asked | found | {"lineage": lineage_of(fact, note.model)}


def _scores(
    name: str,
    expected: int,
    verdicts: Sequence[ConstraintVerdicts],
    problems: tuple[Problem, ...],
    differing: Mapping[str, str],
) -> IfevalScores:
    both = {"strict": [found.strict for found in verdicts], "loose": [found.loose for found in verdicts]}
    keys = [found.prompt.key for found in verdicts]
    prompts = {how: _share([all(row) for row in rows], keys) for how, rows in both.items()}
    by_kind: dict[str, dict[str, list[tuple[bool, str]]]] = {}
    for how, rows in both.items():
        for found, row in zip(verdicts, rows, strict=True):
            for (kind, _), is_followed in zip(found.prompt.constraints, row, strict=True):
                by_kind.setdefault(kind, {}).setdefault(how, []).append((is_followed, found.prompt.key))
    kinds = {
        kind: {how: _share(*map(list, zip(*by_kind[kind][how], strict=True))) for how in both}
        for kind in VERIFIERS
        if kind in by_kind
    }
    flat = {how: [pair for kind in by_kind.values() for pair in kind[how]] for how in both}
    constraints = {how: _share([p[0] for p in pairs], [p[1] for p in pairs]) for how, pairs in flat.items()}
    used = {kind: why for kind, why in differing.items() if kind in by_kind}
    return IfevalScores(name, expected, prompts, constraints, kinds, problems, used)


def _share(followed: Sequence[Any], groups: Sequence[Any]) -> FollowedShare:
    count = len(followed)
    percent = round(100 * sum(followed) / count, 4) if count else 0.0
    return FollowedShare(percent, mean_interval([float(f) for f in followed], groups, 100.0) if count else None, count)


def to_row(scores: IfevalScores) -> dict[str, Any]:
    """The scores as plain JSON values."""

    def shares(given: Mapping[str, FollowedShare]) -> dict[str, Any]:
        return {
            how: {"percent": share.percent, "count": share.count}
            | ({"interval": [share.interval.low, share.interval.high]} if share.interval else {})
            for how, share in given.items()
        }

    return {
        "model": scores.name,
        "judged": scores.prompts["strict"].count,
        "expected": scores.expected,
        "problems": [asdict(problem) for problem in scores.problems],
        "judged_otherwise": dict(scores.differing),
        "prompts": shares(scores.prompts),
        "constraints": shares(scores.constraints),
        "kinds": {kind: shares(given) for kind, given in scores.kinds.items()},
    }


def markdown(scores: IfevalScores) -> str:
    """The scores as Markdown."""
    return "\n".join(_lines(scores))


def _lines(scores: IfevalScores) -> Iterator[str]:
    def row(name: str, given: Mapping[str, FollowedShare]) -> list[object]:
        cells = [f"{share.percent:.1f}{bracket(share.interval)}" for share in given.values()]
        return [name, given["strict"].count, *cells]

    yield f"## {scores.name}"
    yield ""
    yield f"{scores.prompts['strict'].count:,} of {scores.expected:,} prompts. In brackets: 95% intervals over prompts."
    for problem in scores.problems:
        yield f"- {problem.in_words()}"
    for why in dict.fromkeys(scores.differing.values()):
        kinds = ", ".join(kind for kind, reason in scores.differing.items() if reason == why)
        yield f"- judged by bootstruct's own functions, which can differ from the reference, because {why}: {kinds}"
    yield ""
    rows = [row("prompts, every constraint followed", scores.prompts), row("constraints", scores.constraints)]
    rows += [row(kind, given) for kind, given in scores.kinds.items()]
    yield from table_lines(["% followed", "count", "strict", "loose"], rows)
