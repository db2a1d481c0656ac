"""Measure existing answers: scores, overlap with training data, rating sheets, agreement, comparisons."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from os import PathLike
from pathlib import Path

from bootstruct.errors import InputError
from bootstruct.evaluation.cases import Problem
from bootstruct.evaluation.compare import AnswerFiles, ModelComparison, answers_of, sources_of
from bootstruct.evaluation.compare import compare as compare_sources
from bootstruct.evaluation.compare_report import write_comparison
from bootstruct.evaluation.overlap import training_texts
from bootstruct.evaluation.predictions import read_predictions
from bootstruct.evaluation.rating_agreement import AgreementResult, agreement_of
from bootstruct.evaluation.ratings import Rating, SheetResult, make_sheet, ratings_in
from bootstruct.evaluation.scorecard import Scorecard
from bootstruct.evaluation.scorecard import score as score_predictions
from bootstruct.evaluation.task_sets import TaskSet, read_task_set
from bootstruct.evaluation.user_tasks import shipped_tasks
from bootstruct.io.accounts import RowAccount
from bootstruct.stages.contamination import OverlapReport, measure_overlap

StrPath = str | PathLike[str]
StrPaths = StrPath | Sequence[StrPath]


@dataclass(frozen=True, slots=True)
class OverlapResult:
    """How close training data is to an evaluation set.

    Attributes:
        report: the nearest training text of each task, and what they share.
        problems: what was left out of the files, and why.
        accounts: an account of the rows of each file.
    """

    report: OverlapReport
    problems: tuple[Problem, ...]
    accounts: tuple[RowAccount, ...] = ()


def score(
    answers: AnswerFiles,
    *,
    tasks: StrPath | None = None,
    data: StrPath | None = None,
    split: StrPath | None = None,
    only: Sequence[str] = (),
    instances: int = 100,
    tokenizer: str = "official",
) -> list[Scorecard]:
    """Score predictions by ROUGE-L and exact match, as Super-NaturalInstructions does (section 4.3 of the paper).

    Args:
        answers: predictions files or evaluation folders: one, a list, or a dict of paths by name.
        tasks: a file of user-oriented tasks: its references count, and missing predictions are found.
        data: a checkout of natural-instructions instead.
        split: with `data`: a list of task names.
        only: with `data`: these tasks only.
        instances: with `data`: the first so many of each task.
        tokenizer: `official`, whose ROUGE-L reads only a-z and 0-9, or `unicode`, which adds ROUGE-L over the words
            of every script (`Scorecard.unicode_tables`).

    Returns:
        A scorecard for each file.

    Raises:
        InputError: a file holds no prediction, the references cannot be read, or the tokenizer is unknown.

    Example:
        >>> import json, pathlib
        >>> import bootstruct as bs
        >>> row = {"id": "a", "response": "Paris", "target": "Paris"}
        >>> _ = pathlib.Path("predictions.jsonl").write_text(json.dumps(row))
        >>> [card] = bs.evaluate.score("predictions.jsonl")
        >>> card.tables["raw"].overall.exact_match
        100.0
    """
    if tokenizer not in ("official", "unicode"):
        raise InputError(f"tokenizer {tokenizer!r}: unknown; use official or unicode.")
    task_set, cards = _task_set(tasks, data, split, only, instances), []
    for source in sources_of(answers):
        loaded = read_predictions(source.path, task_set.cases)
        expected = loaded.expected if loaded.expected is not None else source.expected
        problems = (*task_set.problems, *loaded.problems)
        card = score_predictions(loaded.predictions, expected, problems, source.name, tokenizer == "unicode")
        cards.append(replace(card, accounts=(loaded.account, *task_set.accounts)))
    return cards


def overlap(
    training: StrPath,
    *,
    tasks: StrPath | None = None,
    data: StrPath | None = None,
    split: StrPath | None = None,
    only: Sequence[str] = (),
    instances: int = 100,
    fields: Mapping[str, str] | None = None,
    test_tasks: bool = False,
    other_languages: bool = False,
) -> OverlapResult:
    """Measure how close training data is to each task of an evaluation set.

    Args:
        training: a run folder, a file of instruction data, or a folder of Super-NaturalInstructions tasks.
        tasks: a file of user-oriented tasks; by default the 252 that come with the package.
        data: a checkout of natural-instructions instead.
        split: with `data`: a list of task names.
        only: with `data`: these tasks only.
        instances: with `data`: the first so many of each task.
        fields: the names of fields of the training file by their meaning, as in `{"instruction": "task"}`.
        test_tasks: whether the test tasks of a folder of Super-NaturalInstructions, and those that its split excludes, count.
        other_languages: whether the tasks of a folder of Super-NaturalInstructions in languages other than English count.

    Raises:
        InputError: there is nothing to read, or a file cannot be read.

    Example:
        >>> import json, pathlib
        >>> import bootstruct as bs
        >>> _ = pathlib.Path("train.jsonl").write_text(json.dumps({"instruction": "Sing a song.", "output": "La la."}))
        >>> found = bs.evaluate.overlap("train.jsonl")
        >>> found.report.summary()["same_instruction"]
        0
    """
    task_set = _task_set(tasks if tasks or data else shipped_tasks(), data, split, only, instances)
    accounts: list[RowAccount] = []
    texts, problems = training_texts(Path(training), fields, accounts, test_tasks, other_languages)
    accounts += task_set.accounts
    return OverlapResult(measure_overlap(texts, task_set.cases or ()), (*task_set.problems, *problems), tuple(accounts))


def sheet(answers: AnswerFiles, out: StrPath, *, seed: int = 42) -> SheetResult:
    """Write a blind rating sheet of several models' answers, for people to rate (`bootstruct.review`).

    Args:
        answers: evaluation folders of user tasks or predictions files: a list, or a dict of paths by model.
        out: the folder for `sheet.jsonl` and `key.json`.
        seed: the random seed for the letters and the order.

    Raises:
        InputError: answers cannot be read, or the folder contains a sheet of other answers, which may have been rated.

    Example:
        >>> import json, pathlib
        >>> import bootstruct as bs
        >>> row = {"id": "t0", "instruction": "Name the capital.", "input": "France", "response": "Paris"}
        >>> _ = pathlib.Path("answers.jsonl").write_text(json.dumps(row))
        >>> bs.evaluate.sheet({"base": "answers.jsonl", "tuned": "answers.jsonl"}, "rating").answers
        2
    """
    accounts: list[RowAccount] = []
    made = make_sheet(Path(out), answers_of(sources_of(answers), accounts), seed)
    if not made.is_current:
        raise InputError(f"{made.sheet}: is a sheet of other answers and may have been rated; choose another folder.")
    return replace(made, accounts=tuple(accounts))


def agree(ratings: StrPaths, *, key: StrPath | None = None, answers: AnswerFiles = ()) -> AgreementResult:
    """Measure how far raters agree and how far automatic scores agree with their ratings.

    Cohen's kappa, Spearman and Kendall for every two raters, Krippendorff's alpha for all, with 95% intervals by bootstrap
    over tasks.

    Args:
        ratings: files of people's ratings and folders of judges: one or several.
        key: the key to a blind sheet, if the ratings name its items.
        answers: answers to score; their ROUGE-L and exact match are compared with people's ratings.

    Raises:
        InputError: a file cannot be read.

    Example:
        >>> import json, pathlib
        >>> import bootstruct as bs
        >>> rows = [
        ...     {"model": "m", "task": f"t{number}", "rater": rater, "level": "AB"[number % 2]}
        ...     for number in range(6)
        ...     for rater in ("anna", "ben")
        ... ]
        >>> _ = pathlib.Path("ratings.jsonl").write_text("".join(json.dumps(row) + chr(10) for row in rows))
        >>> bs.evaluate.agree("ratings.jsonl").pairs[0].kappa.value
        1.0
    """
    accounts: list[RowAccount] = []
    read = _ratings(ratings, key, accounts)
    return agreement_of(read, sources_of(answers) if answers else (), accounts)


def compare(
    answers: AnswerFiles, *, ratings: StrPaths = (), key: StrPath | None = None, out: StrPath | None = None
) -> ModelComparison:
    """Compare models with one another: scores, ratings, and which differences are larger than chance explains.

    Every two models are compared on the instances that both answered (sign-flip test over tasks, McNemar's exact test).

    Args:
        answers: evaluation folders or predictions files: a list, or a dict of paths by model.
        ratings: files of people's ratings and folders of judges: one or several.
        key: the key to a blind sheet, if the ratings name its items.
        out: a folder for `compare.md`, `compare.html`, `compare.json` and `ratings.svg`.

    Raises:
        InputError: a file cannot be read, two models have the same name, or their evaluation sets differ.

    Example:
        >>> import json, pathlib
        >>> import bootstruct as bs
        >>> for name, response in (("before", "Rome"), ("after", "Paris")):
        ...     row = {"id": "a", "response": response, "target": "Paris"}
        ...     _ = pathlib.Path(f"{name}.jsonl").write_text(json.dumps(row))
        >>> compared = bs.evaluate.compare(["before.jsonl", "after.jsonl"], out="comparison")
        >>> [card.tables["raw"].overall.exact_match for card in compared.scored]
        [0.0, 100.0]
    """
    accounts: list[RowAccount] = []
    compared = compare_sources(sources_of(answers), None, _ratings(ratings, key, accounts))
    compared = replace(compared, accounts=tuple(accounts))
    if out is not None:
        write_comparison(Path(out), compared)
    return compared


def _ratings(ratings: StrPaths, key: StrPath | None, accounts: list[RowAccount]) -> list[Rating]:
    places = [ratings] if isinstance(ratings, str | PathLike) else ratings
    return ratings_in([Path(place) for place in places], Path(key) if key else None, accounts)


def _task_set(
    tasks: StrPath | None, data: StrPath | None, split: StrPath | None, only: Sequence[str], instances: int
) -> TaskSet:
    paths = [Path(place) if place else None for place in (tasks, data, split)]
    return read_task_set(paths[0], paths[1], paths[2], only, instances)
