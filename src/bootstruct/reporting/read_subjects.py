"""A run, an export, or any file of instruction data, in the one shape that the report uses."""

from collections.abc import Mapping
from pathlib import Path

from bootstruct.config.seeds import read_seeds
from bootstruct.errors import InputError
from bootstruct.io.accounts import RowAccount
from bootstruct.io.arrow import is_dataset_folder
from bootstruct.io.rows import STDIN
from bootstruct.io.superni import is_superni_folder
from bootstruct.reporting.from_files import file_subject, folder_subject, is_original, superni_subject
from bootstruct.reporting.from_run import is_run, run_subject
from bootstruct.reporting.subject import Dataset


def read_subjects(
    paths: list[Path],
    seeds: Path | None = None,
    fields: Mapping[str, str] | None = None,
    test_tasks: bool = False,
    other_languages: bool = False,
    accounts: list[RowAccount] | None = None,
) -> list[Dataset]:
    """One subject for each path, in order.

    Args:
        seeds: the seed tasks that files (not runs) are compared with.
        fields: the names of fields of files by their meaning, as `--fields` gives them.
        test_tasks: whether the test tasks of Super-NaturalInstructions, and those that its split excludes, count.
        other_languages: whether tasks of Super-NaturalInstructions in languages other than English count.
        accounts: takes an account of the rows of the seeds; each subject has its own.
    """
    subjects = [
        superni_subject(path, label, test_tasks, other_languages)
        if _is_superni(path)
        else _subject(path, label, fields)
        for path, label in zip(paths, labels(paths), strict=True)
    ]
    if seeds is not None:
        account = RowAccount(str(seeds))
        read = read_seeds(seeds, "merge", account=account)
        given = [(seed.id, seed.instruction) for seed in read]
        if accounts is not None:
            accounts.append(account)
        for subject in subjects:
            if not subject.seeds:
                subject.seeds, subject.seed_types = given, [seed.is_classification for seed in read]
    return subjects


def labels(paths: list[Path]) -> list[str]:
    """Short names that distinguish the paths: the last part, or as many as needed."""
    whole = [path.resolve() for path in paths]
    whole = [path.parent if path.name == "journal.jsonl" else path for path in whole]
    for parts in range(1, max((len(path.parts) for path in whole), default=1) + 1):
        short = ["/".join(path.parts[-parts:]) for path in whole]
        if len(set(short)) == len(short):
            return short
    return [f"{path.name} ({number})" for number, path in enumerate(whole, 1)]


def _is_superni(path: Path) -> bool:
    return is_superni_folder(path) and not is_run(path) and not is_original(path)


def _subject(path: Path, label: str, fields: Mapping[str, str] | None) -> Dataset:
    if path != STDIN and not path.exists():
        raise InputError(f"{path}: no such file or folder; name a run, or a file of instruction data.")
    if is_run(path):
        return run_subject(path, label)
    if is_original(path):
        return folder_subject(path, label)
    if path.is_dir() and not is_dataset_folder(path):
        raise InputError(
            f"{path}: is neither a run folder, nor a folder of the released code's files or of Super-NaturalInstructions tasks."
        )
    return file_subject(path, label, fields)
