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
from bootstruct.reporting.holes import read_taxonomy
from bootstruct.reporting.measure import DatasetMeasures, Tell, measure
from bootstruct.reporting.page import render
from bootstruct.reporting.read_subjects import read_subjects
from bootstruct.reporting.topic_map import mapped_topics
from bootstruct.reporting.vectors import embedding_function, short_name
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
    embed: str | None = None,
    base_url: str | None = None,
    embeddings: Path | None = None,
    taxonomy: Path | None = None,
) -> ReportResult:
    """Write the page, and beside it the card if there is one data set.

    Args:
        rows: the most tasks in the page's browser, None for all.
        bounded: whether to show fewer if they would make the page too large.
        test_sets: files of tasks that the data should not contain.
        fields: the names of fields of files by their meaning, as `--fields` gives them.
        test_tasks, other_languages: what is kept of Super-NaturalInstructions besides its English training tasks.
        embed, base_url, embeddings: the model of embeddings, its server, and the folder that keeps vectors; without a model,
            topics are told by words.
        taxonomy: a file of what the data should cover, instead of what the seeds cover.

    Raises InputError if a source or the place to write cannot be used.
    """
    target = out or default_out(paths[0])
    if target.is_dir():
        raise InputError(f"{target}: is a folder; name a file, as in {target / 'report.html'}.")
    read = [*paths, *test_sets, *([Path(seeds)] if seeds is not None else [])]
    for written in (target, target.with_suffix(CARD)):
        require_other_file(written, source_files(read), "a source of the report")
    vectors = embedding_function(paths, embed, base_url, embeddings, tell)
    known_places = None if taxonomy is None else read_taxonomy(taxonomy)
    tell("reading")
    of_seeds: list[RowAccount] = []
    subjects = read_subjects(paths, seeds, fields, test_tasks, other_languages, of_seeds)
    held_out = read_held_out(test_sets)
    known = reader()
    by = short_name(embed)
    diverse = diversity_where_possible(subjects, known, tell, vectors, known_places, by)
    tell("the map of topics")
    topics = [mapped_topics(subject, vectors, by) for subject in subjects]
    measured = tuple(
        measure(subject, known, tell, held_out, found, mapped)
        for subject, found, mapped in zip(subjects, diverse, topics, strict=True)
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


def card_of(path: Path, tell: Tell = lambda text: None) -> tuple[str, tuple[RowAccount, ...]]:
    """Return the card of one data set, and an account of its rows if it is a file.

    Args:
        path: a run, an export, or any file of instruction data.
        tell: called with a line about the current step.

    Raises:
        InputError: the source cannot be used.
    """
    (subject,) = read_subjects([path])
    accounts = () if subject.account is None else (subject.account,)
    return card(measure(subject, reader(), tell)), accounts


def default_out(path: Path) -> Path:
    """report.html in a run folder; beside a file, named after it."""
    if path.is_dir():
        return path / "report.html"
    if path == STDIN:
        return Path("report.html")
    return path.with_name("report.html") if path.name == "journal.jsonl" else path.with_suffix(".report.html")
