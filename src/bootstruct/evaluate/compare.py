"""Several models side by side: scores, rated answers, and which differences are more than chance.

Models are compared on the same instances only: those for which both have a prediction.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import combinations
from pathlib import Path
from typing import Any, Literal

from bootstruct.errors import BadInput
from bootstruct.evaluate.cases import Case
from bootstruct.evaluate.intervals import Difference, McNemar, mcnemar, paired_difference
from bootstruct.evaluate.predict import HEADER, PREDICTIONS, read_header
from bootstruct.evaluate.predictions import read_predictions
from bootstruct.evaluate.ratings import LEVELS, Rating, counts_of
from bootstruct.evaluate.scorecard import Scored, score
from bootstruct.evaluate.scorecard import to_row as scored_row
from bootstruct.published import FIGURE_6, TABLE_3

Set = Literal["superni", "user-tasks", "other"]
Answer = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Source:
    """One model to compare: its name, where its predictions are, and on which set."""

    name: str
    path: Path
    evaluation: Set
    expected: int | None


@dataclass(frozen=True, slots=True)
class ScorePair:
    """`second` less `first` on the instances both have answered; None where there are none."""

    first: str
    second: str
    count: int
    rouge_l: Difference
    exact_match: Difference
    exact_mcnemar: McNemar


@dataclass(frozen=True, slots=True)
class RatingPair:
    """Share of answers rated A or B, `second` less `first`, on the tasks rated for both."""

    first: str
    second: str
    who: str
    count: int
    acceptable: Difference
    mcnemar: McNemar


@dataclass(frozen=True, slots=True)
class Compared:
    """Everything `compare` shows."""

    evaluation: Set
    scored: tuple[Scored, ...]
    pairs: tuple[ScorePair, ...]
    levels: Mapping[str, Mapping[str, Mapping[str, int]]]  # who rated -> model -> level -> ratings
    rated_pairs: tuple[RatingPair, ...]


def source_of(given: str) -> Source:
    """A model to compare: an evaluation folder, a predictions file, or NAME=PATH. Raises BadInput where it is neither."""
    name, mark, rest = given.partition("=")
    path = Path(rest) if mark and not Path(given).exists() else Path(given)
    named = name if mark and not Path(given).exists() else ""
    if path.is_dir():
        header = read_header(path)
        if header is None:
            raise BadInput(f"{path}: is no evaluation folder (it has no {HEADER}).")
        if not (path / PREDICTIONS).is_file():
            raise BadInput(
                f"{path}: has no {PREDICTIONS}; the command that made the folder writes it anew, for nothing."
            )
        evaluation: Set = "superni" if header.get("evaluation") == "superni" else "user-tasks"
        expected = header.get("instances")
        shown = named or str(header.get("model"))
        return Source(shown, path / PREDICTIONS, evaluation, expected if isinstance(expected, int) else None)
    if not path.is_file():
        raise BadInput(f"{path}: no such evaluation folder or predictions file.")
    return Source(named or path.stem.removesuffix("_predictions"), path, "other", None)


def compare(
    sources: Sequence[Source],
    cases: Sequence[Case] | None = None,
    ratings: Sequence[Rating] = (),
) -> Compared:
    """Score and compare. cases: the instances there should be, where they are at hand.

    Raises BadInput where two models have the same name, or evaluations of different sets are mixed.
    """
    names = [each.name for each in sources]
    if twice := {name for name in names if names.count(name) > 1}:
        raise BadInput(f"two models are called {sorted(twice)[0]!r}; name them, as in before=PATH after=PATH.")
    sets = {each.evaluation for each in sources} - {"other"}
    if len(sets) > 1:
        raise BadInput("evaluations on Super-NaturalInstructions and on user tasks cannot stand in one table.")
    scored = []
    for each in sources:
        loaded = read_predictions(each.path, cases)
        expected = loaded.expected if loaded.expected is not None else each.expected
        scored.append(score(loaded.predictions, expected, loaded.problems, each.name))
    levels = {who: counts_of(group) for who, group in _by_who(ratings).items()}
    found: Set = next(iter(sets)) if sets else "other"
    return Compared(found, tuple(scored), tuple(score_pairs(scored)), levels, tuple(rating_pairs(ratings)))


def score_pairs(scored: Sequence[Scored], cut: str = "raw") -> list[ScorePair]:
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


def rating_pairs(ratings: Sequence[Rating]) -> list[RatingPair]:
    """Every pair of models, by people and by each judge: acceptable (A or B) where more than half of the ratings say so."""
    found = []
    for who, group in _by_who(ratings).items():
        votes: dict[str, dict[str, list[bool]]] = {}
        for each in group:
            votes.setdefault(each.model, {}).setdefault(each.task, []).append(each.acceptable)
        for first, second in combinations(votes, 2):
            tasks = sorted(votes[first].keys() & votes[second].keys())
            if not tasks:
                continue
            one, other = ([2 * sum(votes[m][t]) > len(votes[m][t]) for t in tasks] for m in (first, second))
            difference = paired_difference([float(x) for x in one], [float(x) for x in other], tasks, 100.0)
            found.append(RatingPair(first, second, who, len(tasks), difference, mcnemar(one, other)))
    return found


def _by_who(ratings: Sequence[Rating]) -> dict[str, list[Rating]]:
    """Ratings of all people together, and of each judge."""
    groups: dict[str, list[Rating]] = {}
    for each in ratings:
        groups.setdefault(each.rater if each.by_judge else "people", []).append(each)
    return groups


def to_row(compared: Compared) -> dict[str, Any]:
    """All of it as plain JSON values; what the paper published stands apart."""
    published: dict[str, Any] = {}
    if compared.evaluation == "superni":
        published["table_3"] = [{"model": m, "size": s, "rouge_l": r} for m, s, r in TABLE_3]
    if compared.levels:
        published["figure_6"] = [{"model": m, **dict(zip(LEVELS, counts, strict=True))} for m, counts in FIGURE_6]
    return {
        "evaluation": compared.evaluation,
        "models": [scored_row(each) for each in compared.scored],
        "score_differences": [asdict(each) for each in compared.pairs],
        "levels": compared.levels,
        "rating_differences": [asdict(each) for each in compared.rated_pairs],
        "published": published,
    }
