"""Import files of the released code, or of other tools, as a run, which can then be verified, reported, exported, rejudged.

Replies in the files become recorded replies; decisions are derived with the recipe's rules and corrected where the files
differ, so that `verify` shows exactly where they do. Tasks without replies are taken over as they are.
"""

import dataclasses
import itertools
import shutil
import tempfile
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from bootstruct.config.loading import read_recipe, recipe_folder
from bootstruct.config.recipe import Recipe
from bootstruct.config.seeds import read_seeds, shipped_seeds
from bootstruct.errors import InputError
from bootstruct.history.import_completions import completion_events
from bootstruct.history.import_files import (
    INSTRUCTIONS,
    RECIPE,
    REQUESTS,
    SEEDS,
    TASKS,
    TYPES,
    ImportFiles,
    NumberedRow,
    find_files,
    first_step_rows,
)
from bootstruct.history.logged_replies import MISSING, instances_of, logged, prompt_text, reply_of
from bootstruct.io.accounts import RowAccount
from bootstruct.io.files import whole_file
from bootstruct.journal.codec import encode_lines
from bootstruct.journal.events import (
    UNKNOWN_MODEL,
    CandidatesJudged,
    Event,
    ImportRecorded,
    ReplyReceived,
    RunStarted,
)
from bootstruct.journal.file import NAME
from bootstruct.journal.state import State, apply, begin
from bootstruct.render.numbers import number
from bootstruct.stages.pool import Pool
from bootstruct.stages.propose import parse_instructions
from bootstruct.stages.rules import TOO_SIMILAR
from bootstruct.types import Candidate, Instruction, Reply, Seed, Verdict, digest_of_value

PROGRESS_STEPS = 1000  # rows, or events, between two calls of on_progress
NOT_IN_FILES = "not in the imported files"
LARGEST = 2**53  # beyond it, a number of a file is no longer exact


@dataclass(slots=True)
class ImportResult:
    """The result of an import.

    Attributes:
        rows: the number of rows read from all files.
        requests: the number of requests for instructions whose reply is in the files.
        read: the number of texts parsed from these replies, and of instructions without a reply.
        candidates: those of them that break no rule, apart from novelty.
        accepted: the number of accepted instructions.
        tasks: the number of completed tasks.
        instances: the number of their instances.
        open_tasks: the number of accepted instructions that the files do not complete.
        notes: sentences on missing data and on differences from the recipe.
        files: the files that were read, by kind.
        accounts: an account of the rows of each file.
    """

    rows: int = 0
    requests: int = 0
    read: int = 0
    candidates: int = 0
    accepted: int = 0
    tasks: int = 0
    instances: int = 0
    open_tasks: int = 0
    notes: list[str] = field(default_factory=list)
    files: dict[str, str] = field(default_factory=dict)
    accounts: list[RowAccount] = field(default_factory=list)


def import_run(
    folder: Path,
    sources: Sequence[Path],
    recipe: Recipe | None = None,
    seeds: tuple[Seed, ...] | None = None,
    fields: Mapping[str, str] | None = None,
    on_progress: Callable[[ImportResult], object] = lambda result: None,
) -> ImportResult:
    """Write the journal of a new run folder from files of other tools. Nothing is written if any cannot be read.

    Args:
        folder: the run folder to make.
        sources: folders and files (see `import_files.find_files`).
        recipe: how replies are parsed and candidates judged; by default the `recipe.yaml` among the files, else the
            `original` recipe. Its checks of instances are left out: the files do not contain their replies.
        seeds: the seed tasks with which the run was made; by default the `seed_tasks.jsonl` among the files, else the
            shipped ones.
        fields: of files of other tools, the names of fields by their meaning.
        on_progress: called with the counts so far, after every 1,000 rows and events.

    Returns:
        Counts, and notes on missing data.

    Raises:
        InputError: the folder contains a run, a file is missing, or a row cannot be read.
    """
    files, result = find_files(sources), ImportResult()
    if (folder / NAME).exists():
        raise InputError(f"{folder}: already holds a run; import into a new folder.")
    files.on_row = partial(_count_row, result, on_progress)
    recipe, seeds = _recipe(files, recipe, result), _seeds(files, seeds)
    rows = first_step_rows(files, fields)
    if RECIPE not in files.paths:  # the recipe among the files names the model of the run
        recipe = dataclasses.replace(recipe, model=_model(files, rows) or UNKNOWN_MODEL)
    started = RunStarted(recipe, seeds, origin="import")
    state = begin(started)
    requests = _RequestReader(files, rows, state, result)
    events = itertools.chain(requests.events(), completion_events(files, rows, state, result.notes))
    with (
        tempfile.TemporaryFile() as journal
    ):  # complete before it is moved to its place, and never as a whole in memory
        journal.writelines(encode_lines(_counted(itertools.chain([started], events), state, result, on_progress)))
        journal.seek(0)
        with whole_file(folder / NAME) as file:
            shutil.copyfileobj(journal, file)
    result.accepted, result.tasks = len(state.accepted), len(state.completed)
    result.instances = sum(len(completed.instances) for completed in state.completed.values())
    result.open_tasks = result.accepted - result.tasks
    result.accounts = list(files.accounts.values())
    result.notes += [f"{path}: not read, because another file contains the same" for path in files.passed_over]
    result.files = {content: str(path) for content, path in files.paths.items()}
    return result


def _count_row(result: ImportResult, on_progress: Callable[[ImportResult], object]) -> None:
    result.rows += 1
    if result.rows % PROGRESS_STEPS == 0:
        on_progress(result)


def _counted(
    events: Iterable[Event], state: State, result: ImportResult, on_progress: Callable[[ImportResult], object]
) -> Iterator[Event]:
    """The same events, while the counts are kept up to date."""
    for count, event in enumerate(events, 1):
        yield event
        if count % PROGRESS_STEPS == 0:
            result.accepted, result.tasks = len(state.accepted), len(state.completed)
            on_progress(result)


def _recipe(files: ImportFiles, given: Recipe | None, result: ImportResult) -> Recipe:
    path = files.paths.get(RECIPE)
    if given is not None:
        files.paths.pop(RECIPE, None)
        recipe = given
    elif path is not None:
        recipe = read_recipe(path, folder=path.parent)
    else:
        recipe = read_recipe(Path(str(recipe_folder("original"))) / "recipe.yaml")
    if recipe.checks:
        names = ", ".join(check.name for check in recipe.checks)
        result.notes.append(f"the recipe's checks ({names}) are left out: the files do not contain the replies to them")
    return dataclasses.replace(recipe, checks=())


def _seeds(files: ImportFiles, given: tuple[Seed, ...] | None) -> tuple[Seed, ...]:
    if given is not None:
        files.paths.pop(SEEDS, None)
        return given
    if SEEDS not in files.paths:
        return read_seeds(shipped_seeds(), "keep")
    files.accounts[SEEDS] = RowAccount(str(files.paths[SEEDS]))
    return read_seeds(files.paths[SEEDS], "keep", account=files.accounts[SEEDS])


def _model(files: ImportFiles, rows: Sequence[NumberedRow]) -> str:
    """The model's name if one is recorded, else nothing.

    It is in the responses, in columns of other tools, or in `is_clf_or_not_{engine}_{template}.jsonl`.
    """
    named = Counter[str]()
    for _, row in rows:
        response, column = logged(row).get("response"), row.get("model_name")
        found = response.get("model") if isinstance(response, dict) else column
        named.update([found] if isinstance(found, str) and found else [])
    if named:
        return named.most_common(1)[0][0]
    name = files.paths[TYPES].name if TYPES in files.paths else ""
    return name.removeprefix("is_clf_or_not_").removesuffix(".jsonl").split("_template")[0]


class _RequestReader:
    """Turns the rows of the first step into events, and applies them."""

    def __init__(self, files: ImportFiles, rows: Sequence[NumberedRow], state: State, result: ImportResult) -> None:
        self.rows, self.state, self.result = rows, state, result
        self.path = files.paths.get(INSTRUCTIONS) or next(iter(files.paths.values()))
        self.is_first_step = TASKS not in files.paths
        self.pool, self.other_rules = Pool(state.recipe).catch_up(state), Counter[str]()
        self.unlogged = 0
        self.details = [row for _, row in files.rows(REQUESTS) if isinstance(row.get("request"), int)]
        self.renamed: dict[str, str] = {}  # names of tasks in the files -> their names here

    def events(self) -> Iterator[Event]:
        groups = [list(group) for _, group in itertools.groupby(self.rows, self._same_request)]
        if len(self.details) != len(groups):
            self.details = []
        for index, lines in enumerate(groups):
            yield from self._request(index, lines, self.details[index] if self.details else {})
        self._notes()

    def _same_request(self, numbered: NumberedRow) -> tuple[object, ...]:
        """The common key of the rows of one reply; a row without a reply has its own."""
        line, row = numbered
        prompt, response = prompt_text(logged(row).get("prompt")), logged(row).get("response")
        return (_request_idx(row, self.path, line), prompt, response, line if response is None else 0)

    def _request(self, index: int, lines: list[NumberedRow], details: Mapping[str, object]) -> Iterator[Event]:
        line, row = lines[0]
        prompt = prompt_text(logged(row).get("prompt"))
        reply = reply_of(logged(row).get("response"), f"{self.path}:{line}")
        if isinstance(thought := details.get("thought"), str):
            reply = dataclasses.replace(reply, thought=thought)
        received = ReplyReceived(f"propose/{index}", digest_of_value(prompt), reply, question=prompt)
        apply(self.state, received)
        yield received
        judged = self._judged(index, reply, lines, self._examples(details))
        self._count(reply, judged)
        before = len(self.state.accepted)
        apply(self.state, judged)
        yield judged
        accepted = self.state.accepted[before:]
        tasks = details.get("tasks")
        if isinstance(tasks, list):
            self.renamed.update(zip(map(str, tasks), (task.name for task in accepted), strict=False))
        for (row_line, values), task in zip(lines, accepted, strict=True):
            if self.is_first_step or isinstance(values.get("most_similar"), dict):
                recorded = _similarities(task, values, _request_idx(values, self.path, row_line))
                apply(self.state, recorded)
                yield recorded
        self.pool.catch_up(self.state)

    def _examples(self, details: Mapping[str, object]) -> tuple[str, ...]:
        names = details.get("examples")
        return tuple(self.renamed.get(str(name), str(name)) for name in names) if isinstance(names, list) else ()

    def _count(self, reply: Reply, judged: CandidatesJudged) -> None:
        result = self.result
        self.unlogged += len(judged.verdicts) if reply == MISSING else 0
        result.requests, result.read = result.requests + (reply != MISSING), result.read + len(judged.verdicts)
        result.candidates += sum(v.kept or v.rule in (TOO_SIMILAR, NOT_IN_FILES) for v in judged.verdicts)

    def _judged(self, index: int, reply: Reply, lines: list[NumberedRow], shown: tuple[str, ...]) -> CandidatesJudged:
        """The verdicts on a reply according to the file, in which a row is an accepted candidate."""
        recipe = self.state.recipe
        candidates = [] if reply == MISSING else parse_instructions(recipe, reply, shown)
        rows = [(str(row["instruction"]), row) for _, row in lines]
        if not _in_order([text for text, _ in rows], candidates):  # parsed by other code; `verify` shows where
            candidates = [
                Candidate(text, instances=instances_of(row) if recipe.propose.with_instances else ())
                for text, row in rows
            ]
        verdicts: list[Verdict] = []
        upcoming = iter(text for text, _ in rows)
        expected = next(upcoming, None)
        for candidate, verdict in zip(candidates, self.pool.judge(index, candidates), strict=True):
            if expected is not None and candidate.text == expected:
                verdicts.append(Verdict(candidate.text, instances=candidate.instances))
                self.other_rules.update([] if verdict.rule is None else [verdict.rule])
                expected = next(upcoming, None)
            else:
                verdicts.append(Verdict(candidate.text, NOT_IN_FILES) if verdict.kept else verdict)
        return CandidatesJudged(index, shown, tuple(verdicts))

    def _notes(self) -> None:
        notes, rows = self.result.notes, number(len(self.rows))
        if self.unlogged:
            why = "which their `metadata` lacks; " if self.is_first_step else ""
            notes.append(
                f"{number(self.unlogged)} of {rows} instructions are imported without a reply, {why}`verify` cannot derive "
                "them"
            )
        notes += [
            f"{number(count)} of {rows} kept instructions are rejected by this recipe as {rule!r}: the run was made with "
            "other rules"
            for rule, count in self.other_rules.most_common()
        ]


def _in_order(texts: list[str], candidates: list[Candidate]) -> bool:
    remaining = iter(candidate.text for candidate in candidates)
    return all(text in remaining for text in texts)


def _similarities(task: Instruction, row: Mapping[str, object], request_idx: int) -> ImportRecorded:
    similar, mean = row.get("most_similar"), row.get("avg_similarity_score")
    scores = similar.items() if isinstance(similar, dict) else ()
    pairs = tuple((str(text), float(score)) for text, score in scores if _is_number(score))
    return ImportRecorded(task.name, pairs, float(mean) if _is_number(mean) else None, request_idx)  # type: ignore[arg-type]


def _is_number(value: object) -> bool:
    """Whether a value of a file is a number that a journal can hold."""
    return isinstance(value, int | float) and not isinstance(value, bool) and -LARGEST < value < LARGEST


def _request_idx(row: Mapping[str, object], path: Path, line: int) -> int:
    index = row.get("request_idx")
    if index is None:
        return 0
    if not _is_number(index) or index != int(index):  # type: ignore[call-overload]
        raise InputError(f"{path}:{line}: `request_idx` must be a whole number below 2^53.")
    return int(index)  # type: ignore[call-overload, no-any-return]
