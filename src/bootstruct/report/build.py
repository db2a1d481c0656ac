"""`bootstruct report`: from paths to a page and a card."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from bootstruct.errors import BadInput
from bootstruct.files import write_whole
from bootstruct.report.browse import ROWS
from bootstruct.report.card import card
from bootstruct.report.held_out import read_held_out
from bootstruct.report.measure import Measured, Tell, measure
from bootstruct.report.page import render
from bootstruct.report.sources import read_subjects
from bootstruct.report.verbs import Reader, reader


@dataclass(frozen=True, slots=True)
class Made:
    """What was written (path -> bytes), and what was measured."""

    files: dict[Path, int]
    measured: tuple[Measured, ...]
    reader: Reader | None


def make_report(
    paths: list[Path],
    out: Path | None = None,
    rows: int | None = ROWS,
    seeds: Path | None = None,
    tell: Tell = lambda text: None,
    bounded: bool = True,
    test_sets: Sequence[Path] = (),
) -> Made:
    """Write the page, and beside it the card where there is one data set.

    rows: at most so many tasks in the page's browser, None for all. bounded: fewer where they would make the page too
    big. test_sets: files of tasks that the data should not hold. Raises BadInput where a source or the place to write
    cannot be used.
    """
    target = out or default_out(paths[0])
    if target.is_dir():
        raise BadInput(f"{target}: is a folder; name a file, as in {target / 'report.html'}.")
    if any(target.resolve() == path.resolve() for path in (*paths, *test_sets)):
        raise BadInput(f"{target}: is what the report is made from; name another file with --out.")
    tell("reading")
    subjects = read_subjects(paths, seeds)
    held_out = read_held_out(test_sets)
    known = reader()
    measured = tuple(measure(subject, known, tell, held_out) for subject in subjects)
    tell("writing the page")
    contents = {target: render(measured, rows, bounded)}
    if len(measured) == 1:
        contents[target.with_suffix(".card.md")] = card(measured[0]).encode("utf-8", "replace")
    for path, content in contents.items():
        write_whole(path, content)
    return Made({path: len(content) for path, content in contents.items()}, measured, known)


def default_out(path: Path) -> Path:
    """report.html in a run folder; beside a file, named after it."""
    if path.is_dir():
        return path / "report.html"
    return path.with_name("report.html") if path.name == "journal.jsonl" else path.with_suffix(".report.html")
