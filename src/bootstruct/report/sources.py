"""A run, an export, or any file of instruction data, in the one shape that the report is made from."""

from pathlib import Path

from bootstruct.errors import BadInput
from bootstruct.files import read_seeds
from bootstruct.report.from_files import file_subject, folder_subject, is_original
from bootstruct.report.from_run import is_run, run_subject
from bootstruct.report.subject import Subject


def read_subjects(paths: list[Path], seeds: Path | None = None) -> list[Subject]:
    """One subject for each path, in order. seeds: the seed tasks that files (not runs) are compared with."""
    subjects = [_subject(path, label) for path, label in zip(paths, labels(paths), strict=True)]
    if seeds is not None:
        given = [(seed.id, seed.instruction) for seed in read_seeds(seeds)]
        for subject in subjects:
            subject.seeds = subject.seeds or given
    return subjects


def labels(paths: list[Path]) -> list[str]:
    """Short names that tell the paths apart: the last part, or as many as it takes."""
    whole = [path.resolve() for path in paths]
    whole = [path.parent if path.name == "journal.jsonl" else path for path in whole]
    for parts in range(1, max((len(path.parts) for path in whole), default=1) + 1):
        short = ["/".join(path.parts[-parts:]) for path in whole]
        if len(set(short)) == len(short):
            return short
    return [f"{path.name} ({number})" for number, path in enumerate(whole, 1)]


def _subject(path: Path, label: str) -> Subject:
    if not path.exists():
        raise BadInput(f"{path}: no such file or folder; name a run, or a file of instruction data.")
    if is_run(path):
        return run_subject(path, label)
    if is_original(path):
        return folder_subject(path, label)
    if path.is_dir():
        raise BadInput(f"{path}: is neither a run folder nor a folder of the released code's files.")
    return file_subject(path, label)
