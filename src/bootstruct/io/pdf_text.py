"""The text of a PDF file, read by pypdf in a process of its own whose time and memory are limited.

PDF files of strangers can take any amount of both. `python -m bootstruct.io.pdf_text FILE` is that process: it prints one
JSON object, with the pages or with why there are none.
"""

import json
import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final

from bootstruct.errors import InputError
from bootstruct.stages.chunking import PAGE

SECONDS, MEMORY = 120, 2 << 30  # of time and bytes of memory that one file may take
MOST_PAGES: Final = 5_000
MOST_TEXT: Final = 32 << 20  # characters
ENCRYPTED, EMPTY, SCANNED = "encrypted", "without pages", "without text (scanned images; recognise their text first)"
DAMAGED, TOO_MUCH = "damaged", "too much to read"


def require_pypdf(what: str) -> None:
    """Raise InputError if pypdf is not installed; `what` needs it, as the error begins."""
    if find_spec("pypdf") is None:
        raise InputError(f"{what} needs pypdf: pip install 'bootstruct[documents]'.")


def pdf_to_text(path: Path) -> tuple[str, str, str]:
    r"""Return the text of a PDF file, with `\f` at the end of each page, or why it has none and what exactly is wrong.

    Raises:
        InputError: pypdf is not installed.
    """
    require_pypdf(str(path))
    command = [sys.executable, "-P", "-m", "bootstruct.io.pdf_text", os.path.abspath(path)]
    try:
        ended = subprocess.run(command, capture_output=True, timeout=SECONDS, check=False, stdin=subprocess.DEVNULL)
    except subprocess.TimeoutExpired:
        return "", TOO_MUCH, f"it takes more than {SECONDS} seconds"
    try:
        row = json.loads(ended.stdout)
        pages, reason, detail = list(map(str, row["pages"])), str(row["reason"]), str(row["detail"])
    except (ValueError, KeyError, TypeError):
        return "", TOO_MUCH, f"its process ended with code {ended.returncode}, as when its memory is used up"
    return (PAGE.join(page.replace(PAGE, "\n") for page in pages), "", "") if not reason else ("", reason, detail)


def _pages(path: str) -> tuple[list[str], str, str]:
    """The pages of a file as texts, or why there are none."""
    from pypdf import PdfReader

    try:
        reader = PdfReader(path)
        if reader.is_encrypted and not reader.decrypt(""):
            return [], ENCRYPTED, "it needs a password"
        if len(reader.pages) > MOST_PAGES:
            return [], TOO_MUCH, f"it has {len(reader.pages)} pages, at most {MOST_PAGES} are read; split it"
        pages, size = [], 0
        for page in reader.pages:
            pages.append((page.extract_text() or "").encode("utf-8", "replace").decode())
            size += len(pages[-1])
            if size > MOST_TEXT:
                return [], TOO_MUCH, f"it has more than {MOST_TEXT} characters; split it"
    except MemoryError:
        return [], TOO_MUCH, "its memory is used up"
    except Exception as exc:  # pypdf raises errors of any kind for damaged files
        name = type(exc).__name__
        is_locked = name in ("DependencyError", "FileNotDecryptedError")  # a cipher that needs a further package
        return [], ENCRYPTED if is_locked else DAMAGED, f"{name}: {exc}"[:200]
    if not pages:
        return [], EMPTY, ""
    return (pages, "", "") if any(page.strip() for page in pages) else ([], SCANNED, "")


def _limit() -> None:
    try:
        import resource
    except ImportError:  # not on this system: the time limit remains
        return
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    resource.setrlimit(resource.RLIMIT_CPU, (SECONDS, SECONDS))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))


def main(arguments: list[str]) -> None:
    """Print the pages of the file that is named."""
    import logging

    logging.disable(logging.CRITICAL)  # pypdf logs what it mends
    _limit()
    pages, reason, detail = _pages(arguments[0])
    answer: dict[str, Any] = {"pages": pages, "reason": reason, "detail": detail}
    sys.stdout.write(json.dumps(answer))


if __name__ == "__main__":
    main(sys.argv[1:])
