"""Several models side by side: scores, rated answers, and which differences are larger than chance explains.

Models are compared on the same instances only: those for which both have a prediction.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from itertools import combinations
from os import PathLike
from pathlib import Path
from typing import Any, Literal

from bootstruct.errors import InputError
from bootstruct.evaluation.cases import EvaluationCase
from bootstruct.evaluation.intervals import Difference, McNemar, mcnemar, paired_difference
from bootstruct.evaluation.predict import HEADER, PREDICTIONS, read_header
from bootstruct.evaluation.predictions import read_predictions
from bootstruct.evaluation.ratings import (
    AcceptableShare,
    ModelAnswer,
    Rating,
    acceptable_answers,
    acceptable_share,
    counts_of,
    read_answers,
)
from bootstruct.evaluation.scorecard import Scorecard, score
from bootstruct.evaluation.scorecard import to_row as scored_row
from bootstruct.io.accounts import RowAccount
from bootstruct.paper import FIGURE_6, LEVEL_LETTERS, TABLE_3

Set = Literal["superni", "user-tasks", "other"]
Answer = tuple[str, str]
AnswerFiles = str | PathLike[str] | Sequence[str | PathLike[str]] | Mapping[str, str | PathLike[str]]


@dataclass(frozen=True, slots=True)
class AnswerSource:
    """One model to compare: its name, where its predictions are, and on which set."""

    name: str
    path: Path
    evaluation: Set
    expected: int | None


@dataclass(frozen=True, slots=True)
class ScorePair:
    """`second` minus `first` on the instances that both have answered; None if there are none."""

    first: str
    second: str
    count: int
    rouge_l: Difference
    exact_match: Difference
    exact_mcnemar: McNemar


@dataclass(frozen=True, slots=True)
class RatingDifference:
    """Share of answers rated A or B, `second` minus `first`, on the tasks rated for both."""

    first: str
    second: str
    who: str
    count: int
    acceptable: Difference
    mcnemar: McNemar


@dataclass(frozen=True, slots=True)
class ModelComparison:
    """Everything `compare` shows.

    Attributes:
        levels: who rated -> model -> level -> ratings.
        acceptable: who rated -> model -> the share of answers that are acceptable.
        accounts: an account of the rows of each file of ratings; those of answers are in `scored`.
    """

    evaluation: Set
    scored: tuple[Scorecard, ...]
    pairs: tuple[ScorePair, ...]
    levels: Mapping[str, Mapping[str, Mapping[str, int]]]
    rated_pairs: tuple[RatingDifference, ...]
    acceptable: Mapping[str, Mapping[str, AcceptableShare]] = field(default_factory=dict)
    accounts: tuple[RowAccount, ...] = ()


def source_of(given: str) -> AnswerSource:
    """A model to compare: an evaluation folder, a predictions file, or NAME=PATH. Raises InputError where it is neither."""
    name, mark, rest = given.partition("=")
    path = Path(rest) if mark and not Path(given).exists() else Path(given)
    named = name if mark and not Path(given).exists() else ""
    if path.is_dir():
        header = read_header(path)
        if header is None:
            raise InputError(f"{path}: is not an evaluation folder (it has no {HEADER}).")
        if not (path / PREDICTIONS).is_file():
            raise InputError(
                f"{path}: has no {PREDICTIONS}; run the command that made the folder again; it writes the file "
                f"without any new request."
            )
        evaluation: Set = "superni" if header.get("evaluation") == "superni" else "user-tasks"
        expected = header.get("instances")
        shown = named or str(header.get("model"))
        return AnswerSource(shown, path / PREDICTIONS, evaluation, expected if isinstance(expected, int) else None)
    if not path.is_file():
        raise InputError(f"{path}: no such evaluation folder or predictions file.")
    return AnswerSource(named or path.stem.removesuffix("_predictions"), path, "other", None)


def sources_of(answers: AnswerFiles) -> list[AnswerSource]:
    """Find the answers of one or more models.

    Args:
        answers: an evaluation folder, a predictions file, or `NAME=PATH`; a list of them; or a dict of paths by name.

    Raises:
        InputError: a path is neither, or nothing is named.
    """
    if isinstance(answers, Mapping):
        found = [replace(source_of(str(path)), name=name) for name, path in answers.items()]
    else:
        found = [source_of(str(path)) for path in ([answers] if isinstance(answers, str | PathLike) else answers)]
    if not found:
        raise InputError("answers: name an evaluation folder or a predictions file.")
    return found


def require_distinct_names(sources: Sequence[AnswerSource]) -> None:
    """Raise InputError if two models have the same name."""
    names = [source.name for source in sources]
    if twice := {name for name in names if names.count(name) > 1}:
        raise InputError(f"two models are called {sorted(twice)[0]!r}; name them, as in before=PATH after=PATH.")


def answers_of(sources: Sequence[AnswerSource], accounts: list[RowAccount] | None = None) -> list[ModelAnswer]:
    """Read the answers of all models to user tasks.

    Args:
        sources: where they are.
        accounts: takes an account of the rows of each file.

    Raises:
        InputError: a file holds no such answers, or two models have the same name.
    """
    require_distinct_names(sources)
    return [answer for source in sources for answer in read_answers(source.path, source.name, accounts)]


def compare(
    sources: Sequence[AnswerSource],
    cases: Sequence[EvaluationCase] | None = None,
    ratings: Sequence[Rating] = (),
) -> ModelComparison:
    """Score and compare.

    Raises InputError if two models have the same name, or evaluations of different sets are mixed.

    Args:
        cases: the expected instances, if they are available.
    """
    require_distinct_names(sources)
    sets = {source.evaluation for source in sources} - {"other"}
    if len(sets) > 1:
        raise InputError(
            "evaluations on Super-NaturalInstructions and on user tasks cannot be compared in one table; compare "
            "them separately."
        )
    scored = []
    for source in sources:
        loaded = read_predictions(source.path, cases)
        expected = loaded.expected if loaded.expected is not None else source.expected
        card = score(loaded.predictions, expected, loaded.problems, source.name)
        scored.append(replace(card, accounts=(loaded.account,)))
    groups = _by_who(ratings)
    levels = {who: counts_of(group) for who, group in groups.items()}
    shares = {
        who: {model: acceptable_share(tasks.values()) for model, tasks in acceptable_answers(group).items()}
        for who, group in groups.items()
    }
    found: Set = next(iter(sets)) if sets else "other"
    pairs = tuple(score_pairs(scored))
    return ModelComparison(found, tuple(scored), pairs, levels, tuple(rating_pairs(ratings)), shares)


def score_pairs(scored: Sequence[Scorecard], cut: str = "raw") -> list[ScorePair]:
    """Every pair of models, on the instances both have."""
    found = []
    for first, second in combinations(scored, 2):
        rows = {(p.task, p.instance): n for n, p in enumerate(second.predictions)}
        both = [(n, rows[key]) for n, p in enumerate(first.predictions) if (key := (p.task, p.instance)) in rows]
        tasks = [first.predictions[n].task for n, _ in both]
        one, other = ([side.points[cut][pair[k]] for pair in both] for k, side in enumerate((first, second)))
        rouge = paired_difference([p.rouge_l for p in one], [p.rouge_l for p in other], tasks, 100.0)
        exact = paired_difference([p.exact_match for p in one], [p.exact_match for p in other], tasks, 100.0)
        test = mcnemar([p.exact_match == 1 for p in one], [p.exact_match == 1 for p in other])
        found.append(ScorePair(first.name, second.name, len(both), rouge, exact, test))
    return found


def rating_pairs(ratings: Sequence[Rating]) -> list[RatingDifference]:
    """Every pair of models, by people and by each judge, on the answers that are acceptable (`acceptable_answers`)."""
    found = []
    for who, group in _by_who(ratings).items():
        acceptable = acceptable_answers(group)
        for first, second in combinations(acceptable, 2):
            tasks = sorted(acceptable[first].keys() & acceptable[second].keys())
            if not tasks:
                continue
            one, other = ([acceptable[model][task] for task in tasks] for model in (first, second))
            difference = paired_difference([float(x) for x in one], [float(x) for x in other], tasks, 100.0)
            found.append(RatingDifference(first, second, who, len(tasks), difference, mcnemar(one, other)))
    return found


def published_share(counts: Sequence[int]) -> AcceptableShare:
    """The share of A or B in a row of the paper's Figure 6, which has one rating of each answer."""
    acceptable = counts[0] + counts[1]
    return acceptable_share([True] * acceptable + [False] * (sum(counts) - acceptable))


def share_row(share: AcceptableShare) -> dict[str, Any]:
    """A share as plain JSON values."""
    return asdict(share) | {"percent": round(share.percent, 4)}


def _by_who(ratings: Sequence[Rating]) -> dict[str, list[Rating]]:
    """Ratings of all people together, and of each judge."""
    groups: dict[str, list[Rating]] = {}
    for rating in ratings:
        groups.setdefault(rating.rater if rating.by_judge else "people", []).append(rating)
    return groups


def to_row(compared: ModelComparison) -> dict[str, Any]:
    """All of it as plain JSON values, with the paper's published figures apart."""
    published: dict[str, Any] = {}
    if compared.evaluation == "superni":
        published["table_3"] = [{"model": m, "size": s, "rouge_l": r} for m, s, r in TABLE_3]
    if compared.levels:
        published["figure_6"] = [
            {
                "model": model,
                **dict(zip(LEVEL_LETTERS, counts, strict=True)),
                "acceptable": share_row(published_share(counts)),
            }
            for model, counts in FIGURE_6
        ]
    return {
        "evaluation": compared.evaluation,
        "models": [scored_row(scored) for scored in compared.scored],
        "score_differences": [asdict(pair) for pair in compared.pairs],
        "levels": compared.levels,
        "acceptable": {
            who: {model: share_row(share) for model, share in shares.items()}
            for who, shares in compared.acceptable.items()
        },
        "rating_differences": [asdict(rated_pair) for rated_pair in compared.rated_pairs],
        "published": published,
    }
