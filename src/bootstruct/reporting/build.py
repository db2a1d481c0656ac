"""`bootstruct report`: from paths to a page and a card."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from bootstruct.errors import InputError
from bootstruct.io.accounts import RowAccount
from bootstruct.io.files import write_whole
from bootstruct.io.rows import STDIN
from bootstruct.io.writers import require_other_file
from bootstruct.reporting.browse import ROWS
from bootstruct.reporting.card import card
from bootstruct.reporting.diversity import diversity_where_possible
from bootstruct.reporting.held_out import read_held_out
from bootstruct.reporting.measure import DatasetMeasures, Tell, measure
from bootstruct.reporting.page import render
from bootstruct.reporting.read_subjects import read_subjects
from bootstruct.reporting.verbs import VerbReader, reader
from bootstruct.run.folder import source_files

CARD = ".card.md"  # the ending of the card's name, instead of the page's


@dataclass(frozen=True, slots=True)
class ReportResult:
    """What was written (path -> bytes), what was measured, and an account of the rows of each file that was read."""

    files: dict[Path, int]
    measured: tuple[DatasetMeasures, ...]
    reader: VerbReader | None
    accounts: tuple[RowAccount, ...] = ()


def make_report(
    paths: list[Path],
    out: Path | None = None,
    rows: int | None = ROWS,
    seeds: Path | None = None,
    tell: Tell = lambda text: None,
    bounded: bool = True,
    test_sets: Sequence[Path] = (),
    fields: Mapping[str, str] | None = None,
    test_tasks: bool = False,
    other_languages: bool = False,
) -> ReportResult:
    """Write the page, and beside it the card if there is one data set.

    Args:
        rows: the most tasks in the page's browser, None for all.
        bounded: whether to show fewer if they would make the page too large.
        test_sets: files of tasks that the data should not contain.
        fields: the names of fields of files by their meaning, as `--fields` gives them.
        test_tasks, other_languages: what is kept of Super-NaturalInstructions besides its English training tasks.

    Raises InputError if a source or the place to write cannot be used.
    """
    target = out or default_out(paths[0])
    if target.is_dir():
        raise InputError(f"{target}: is a folder; name a file, as in {target / 'report.html'}.")
    read = [*paths, *test_sets, *([Path(seeds)] if seeds is not None else [])]
    for written in (target, target.with_suffix(CARD)):
        require_other_file(written, source_files(read), "a source of the report")
    tell("reading")
    of_seeds: list[RowAccount] = []
    subjects = read_subjects(paths, seeds, fields, test_tasks, other_languages, of_seeds)
    held_out = read_held_out(test_sets)
    known = reader()
    diverse = diversity_where_possible(subjects, known, tell)
    measured = tuple(
        measure(subject, known, tell, held_out, found) for subject, found in zip(subjects, diverse, strict=True)
    )
    tell("writing the page")
    contents = {target: render(measured, rows, bounded)}
    if len(measured) == 1:
        contents[target.with_suffix(CARD)] = card(measured[0]).encode("utf-8", "replace")
    for path, content in contents.items():
        write_whole(path, content)
    accounts = [subject.account for subject in subjects if subject.account is not None]
    accounts += [*of_seeds, *(held.account for held in held_out)]
    return ReportResult({path: len(content) for path, content in contents.items()}, measured, known, tuple(accounts))


def default_out(path: Path) -> Path:
    """report.html in a run folder; beside a file, named after it."""
    if path.is_dir():
        return path / "report.html"
    if path == STDIN:
        return Path("report.html")
    return path.with_name("report.html") if path.name == "journal.jsonl" else path.with_suffix(".report.html")
