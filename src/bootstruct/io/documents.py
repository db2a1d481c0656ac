"""Documents from files and folders: text, Markdown, HTML and PDF, cut into passages. Every file is accounted for."""

import os
import stat
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path, PurePath
from typing import Any, Final

from bootstruct.errors import InputError
from bootstruct.io.accounts import RowAccount
from bootstruct.io.html_text import html_to_text
from bootstruct.io.pdf_text import pdf_to_text
from bootstruct.io.streams import likely_encoding
from bootstruct.render.numbers import counted, number
from bootstruct.stages.chunking import LEAST_WORDS, PAGE, cut_into_passages
from bootstruct.types import Passage

WORDS: Final = 300  # the most words of a passage, unless the user gives another number
FEWEST_WORDS, MOST_WORDS = 20, 4000
KINDS: Final = {
    **dict.fromkeys((".txt", ".text", ".log"), "text"),
    **dict.fromkeys((".md", ".markdown", ".mdown"), "Markdown"),
    **dict.fromkeys((".html", ".htm", ".xhtml"), "HTML"),
    ".pdf": "PDF",
}
LARGEST: Final = 64 << 20  # bytes of one document
MOST_FILES: Final = 100_000
MOST_PASSAGES, MOST_CHARACTERS = 50_000, 50_000_000  # of a run: its recipe holds them
HIDDEN, LINK, NO_DOCUMENT, NO_FILE = "hidden", "a link", "no text, Markdown, HTML or PDF", "no regular file"
TOO_LARGE, NO_TEXT, SHORT, SAME = "larger than 64 MiB", "empty", f"with under {LEAST_WORDS} words", "like another file"
UNREADABLE, NOT_TEXT = "not readable", "not text in UTF-8 or UTF-16"
_WIDE: Final = {b"\xff\xfe": "utf-16", b"\xfe\xff": "utf-16", b"\xef\xbb\xbf": "utf-8-sig"}


@dataclass(slots=True)
class DocumentAccount(RowAccount):
    """The account of the files under one path: each is used, or left out for a named reason.

    Attributes:
        files: the files in the order in which they were found; `left_out` counts them from 1.
        passages: number of passages in those used.
        words: of these passages.
    """

    unit: str = "file"
    files: list[str] = field(default_factory=list)
    passages: int = 0
    words: int = 0

    def in_words(self, lines: bool = False) -> str:
        """One line: how many files, of which kind, their passages, and what was left out and why.

        Args:
            lines: whether to name every file that was left out; otherwise the first of each reason is named.
        """
        kinds = ", ".join(f"{number(count)} {kind}" for kind, count in self.shapes.most_common())
        used = f", {number(self.used)} used ({kinds})" if self.used else ""
        text = f"{self.path}: {counted(self.read, 'file')}{used}"
        if self.passages:
            text += f": {counted(self.passages, 'passage')}, {number(self.words)} words"
        text += "".join(f"; {number(count)} {note}" for note, count in self.notes.most_common())
        if self.left_out:
            reasons = (self._reason_with_file(reason) for reason in self.left_out)
            text += f"; {number(self.omitted)} left out: " + ", ".join(reasons)
        if lines:
            rows = ((reason, place) for reason, places in self.left_out.items() for place in places)
            text += "".join(f"\n  {reason}: {self.files[place - 1]}" for reason, place in rows)
        return text

    def _reason_with_file(self, reason: str) -> str:
        places, detail = self.left_out[reason], self.details.get(reason, "")
        return f"{number(len(places))} {reason} ({self.files[places[0] - 1]}{f': {detail:.100}' if detail else ''})"

    def to_row(self) -> dict[str, Any]:
        """All of it as plain JSON values; `left_out` holds the names of the files by reason."""
        left_out = {reason: [self.files[place - 1] for place in places] for reason, places in self.left_out.items()}
        counts = {"read": self.read, "used": self.used, "passages": self.passages, "words": self.words}
        return {
            "path": self.path,
            **counts,
            "kinds": dict(self.shapes),
            "left_out": left_out,
            "notes": dict(self.notes),
        }


def read_documents(paths: Iterable[Path], words: int, accounts: list[RowAccount]) -> list[Passage]:
    """Return the passages of all documents, in the order of the paths and, in a folder, of the names.

    Args:
        paths: files, and folders that are walked; links and hidden files below them are left out.
        words: the most words of a passage.
        accounts: takes an account of the files of each path.

    Raises:
        InputError: a path does not exist, a PDF cannot be read because pypdf is missing, there are too many passages, or
            no passage is found.
    """
    if not FEWEST_WORDS <= words <= MOST_WORDS:
        raise InputError(f"passages of {words} words: use a number from {FEWEST_WORDS} to {MOST_WORDS}.")
    found, names, texts, characters = list[Passage](), set[str](), set[str](), 0
    for path in paths:
        account = DocumentAccount(str(path))
        accounts.append(account)
        for name, file in _files_of(path):
            account.read += 1
            account.files.append(name)
            passages = _passages_of(_unused(name, names), file, words, account, texts)
            found += passages
            characters += sum(len(passage.text) for passage in passages)
            if len(found) > MOST_PASSAGES or characters > MOST_CHARACTERS:
                raise InputError(
                    f"{path}: more than {number(MOST_PASSAGES)} passages or {number(MOST_CHARACTERS)} characters; use "
                    "fewer documents for one run."
                )
    if not found:
        raise InputError(f"no passage in the documents: {'; '.join(account.in_words() for account in accounts)}.")
    return found


def _files_of(path: Path) -> Iterator[tuple[str, Path]]:
    """(name, file) of a file, or of all files in a folder."""
    if path.is_dir():
        place = Path(os.path.abspath(path))
        for number_, file in enumerate(_walk(place)):
            if number_ >= MOST_FILES:
                raise InputError(f"{path}: contains more than {number(MOST_FILES)} files; name a smaller folder.")
            yield str(PurePath(place.name, file.relative_to(place))), file
    elif path.exists():
        yield path.name, path
    else:
        raise InputError(f"{path}: no such file or folder.")


def _walk(folder: Path) -> Iterator[Path]:
    """The files below a folder by name; a hidden folder and a link count as one file and are not entered."""
    try:
        entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
    except OSError:
        yield folder
        return
    for entry in entries:
        if entry.is_dir(follow_symlinks=False) and not entry.name.startswith("."):
            yield from _walk(Path(entry.path))
        else:
            yield Path(entry.path)


def _unused(name: str, names: set[str]) -> str:
    """A name that no other document has."""
    unused, again = name, 2
    while unused in names:
        unused, again = f"{name} ({again})", again + 1
    names.add(unused)
    return unused


def _passages_of(name: str, path: Path, words: int, account: DocumentAccount, texts: set[str]) -> list[Passage]:
    """The passages of one file; none if it is left out, which is counted."""
    kind = KINDS.get(path.suffix.lower(), "")
    text, reason, detail = _text_of(path, kind, is_below=name != path.name)
    passages, short = ([], 0) if reason else cut_into_passages(name, text, words, kind in ("Markdown", "HTML"))
    if not reason and not passages:
        reason = SHORT if text.strip() else NO_TEXT
    if not reason and text in texts:
        reason = SAME
    if reason:
        account.leave_out(account.read, reason, detail)
        return []
    texts.add(text)
    account.use(kind)
    if short:
        account.notes[f"passages of under {LEAST_WORDS} words left out"] += short
    account.passages += len(passages)
    account.words += sum(len(passage.text.split()) for passage in passages)
    return passages


def _text_of(path: Path, kind: str, is_below: bool) -> tuple[str, str, str]:
    """(text, why there is none, what exactly is wrong) of a file; `is_below`: it was found in a folder."""
    try:
        status = path.lstat() if is_below else path.stat()
        if is_below and path.name.startswith("."):
            return "", HIDDEN, ""
        if stat.S_ISLNK(status.st_mode):
            return "", LINK, ""
        if not stat.S_ISREG(status.st_mode):
            return "", UNREADABLE if stat.S_ISDIR(status.st_mode) else NO_FILE, ""
        if not kind:
            return "", NO_DOCUMENT, ""
        if status.st_size > LARGEST:
            return "", TOO_LARGE, ""
        if kind == "PDF":
            return pdf_to_text(path) if status.st_size else ("", NO_TEXT, "")
        with path.open("rb") as file:
            raw = file.read(LARGEST + 1)
    except OSError as exc:
        return "", UNREADABLE, exc.strerror or str(exc)
    encoding = next((name for mark, name in _WIDE.items() if raw.startswith(mark)), "utf-8")
    try:
        text = raw.decode(encoding)
    except UnicodeDecodeError:
        return "", NOT_TEXT, f"probably {likely_encoding(raw[: 1 << 16])}"
    if "\0" in text:
        return "", NOT_TEXT, "it contains zero bytes"
    text = text.replace("\r\n", "\n").replace("\r", "\n").replace(PAGE, "\n")
    return html_to_text(text) if kind == "HTML" else text, "", ""
