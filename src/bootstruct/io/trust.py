"""The rule for run folders: a folder is data, and nothing in it is trusted.

Run folders are shared, so a folder may come from a stranger. Two rules follow, and this module implements both:

- What a folder's `machine.yaml` says about where requests go and which key they carry is used only after the user has
  confirmed it, once for each folder and its values (`confirm`, `is_confirmed`). Confirmations are kept outside every run
  folder. They belong to the folder's place and to the values: a folder that was moved or copied, and a file that was
  changed, need a new one.
- A file of a folder is a regular file inside it (`open_inside`, `require_inside`): no absolute name, no `..`, and no
  link in place of the file or of a folder on the way to it.

The user's confirmations and settings are read only from files of the user that nobody else can write (`why_not_own`).
"""

import errno
import hashlib
import json
import os
import stat
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from bootstruct.errors import InputError

CONFIRMATIONS = "confirmed-folders.jsonl"
_LINK = "is a link or lies behind one; a folder holds its files itself: put a copy there."


def open_inside(folder: Path, path: Path, flags: int = os.O_RDONLY, mode: int = 0o666) -> int:
    """Open a file of a run folder and return its descriptor, following no link below the folder.

    Args:
        folder: the run folder; its own path may contain links, since the user named it.
        path: the file, a path that begins with `folder`.
        flags: as for `os.open`.
        mode: permissions of a file that is created.

    Raises:
        InputError: the path leaves the folder, a link is in the way, or it is no regular file.
        OSError: as `os.open`.
    """
    *folders, name = _parts(folder, path)
    directory = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        for part in folders:
            below = _open(part, os.O_RDONLY | os.O_DIRECTORY, mode, directory, path)
            os.close(directory)
            directory = below
        file = _open(name, flags | os.O_NONBLOCK, mode, directory, path)  # a pipe in place of the file must not block
    finally:
        os.close(directory)
    kind = os.fstat(file).st_mode
    if not stat.S_ISREG(kind):
        os.close(file)
        if stat.S_ISDIR(kind):
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
        raise InputError(f"{path}: is no regular file; remove it.")
    os.set_blocking(file, True)
    return file


def require_inside(folder: Path, path: Path) -> None:
    """Check a path of a run folder before something is written, replaced or deleted there.

    Raises:
        InputError: the path leaves the folder, or a link is in its place or on the way to it.
    """
    place = folder
    for part in _parts(folder, path):
        place = place / part
        if place.is_symlink():
            raise InputError(f"{path}: {_LINK}")


def require_no_links(folder: Path) -> None:
    """Check a folder in which libraries read and write files by themselves: nothing below it may be a link.

    Raises:
        InputError: a link is there.
    """
    for place, folders, files in os.walk(folder):
        for name in (*folders, *files):
            path = Path(place) / name
            if path.is_symlink():
                raise InputError(f"{path}: {_LINK}")


def is_confirmed(folder: Path, values: Mapping[str, Any]) -> bool:
    """Whether the user has confirmed these values of `machine.yaml` for this folder on this machine."""
    wanted = _confirmation(folder, values)
    try:
        with open(_store(), encoding="utf-8", opener=_open_store) as file:
            return not why_not_own(os.fstat(file.fileno())) and wanted in file.read().splitlines()
    except (OSError, ValueError):
        return False


def confirm(folder: Path, values: Mapping[str, Any]) -> None:
    """Record that the user trusts these values of `machine.yaml` in this folder.

    Raises:
        InputError: the place of the confirmations cannot be written.
    """
    if is_confirmed(folder, values):
        return
    store = _store()
    try:
        store.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        file = _open_store(str(store), os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        try:
            if fault := why_not_own(os.fstat(file)):
                raise InputError(f"{store}: {fault}, so what it says is not trusted; remove it.")
            os.write(file, f"{_confirmation(folder, values)}\n".encode())
        finally:
            os.close(file)
    except OSError as exc:
        raise InputError(
            f"{store}: the confirmation cannot be recorded: {exc.strerror}; name a folder that can be written in "
            "XDG_STATE_HOME."
        ) from None


def why_not_own(about: os.stat_result) -> str:
    """Why a file may hold what somebody else wrote, in words; empty if it is the user's own.

    It is if nobody but its owner and its group may write to it, and the owner is the user, the administrator, or the owner of
    the user's home folder: in a container that runs as root with a mounted home, files keep the owner that they have outside.

    Example:
        >>> why_not_own(os.stat("/"))
        ''
    """
    if about.st_mode & stat.S_IWOTH:
        return "can be written by everybody"
    if about.st_uid in (0, os.geteuid()) or about.st_uid == _owner_of_home():
        return ""
    return f"belongs to another user (number {about.st_uid}; yours is {os.geteuid()})"


def _owner_of_home() -> int | None:
    """The number of the user to whom the home folder belongs; None if others can write to it."""
    try:
        about = os.stat(os.path.expanduser("~"))
    except OSError:
        return None
    return None if about.st_mode & stat.S_IWOTH else about.st_uid


def config_folder(variable: str, usual: str) -> Path:
    """The folder that a variable such as XDG_STATE_HOME names, or the usual one; one that is not absolute is none.

    Args:
        variable: its name.
        usual: the folder below the user's home.
    """
    named = os.environ.get(variable, "")
    return Path(named) if os.path.isabs(named) else Path(os.path.expanduser("~")) / usual


def _open_store(name: str, flags: int) -> int:
    return os.open(name, flags | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, 0o600)


def _confirmation(folder: Path, values: Mapping[str, Any]) -> str:
    """One line of the store. It holds a digest, since the values may contain what is not for a file."""
    digest = hashlib.sha256(json.dumps(values, sort_keys=True).encode()).hexdigest()
    return json.dumps({"folder": os.path.realpath(folder), "digest": digest})


def _store() -> Path:
    return config_folder("XDG_STATE_HOME", ".local/state") / "bootstruct" / CONFIRMATIONS


def _parts(folder: Path, path: Path) -> tuple[str, ...]:
    try:
        parts = path.relative_to(folder).parts
    except ValueError:
        parts = ()
    if not parts or ".." in parts or any("\0" in part for part in parts):
        raise InputError(f"{path}: leaves the run folder {folder}; put the file into the folder and name it there.")
    return parts


def _open(name: str, flags: int, mode: int, directory: int, path: Path) -> int:
    try:
        return os.open(name, flags | os.O_NOFOLLOW | os.O_CLOEXEC, mode, dir_fd=directory)
    except OSError as exc:
        is_link = exc.errno in (errno.ELOOP, errno.ENOTDIR) and _is_link(name, directory)
        if is_link:
            raise InputError(f"{path}: {_LINK}") from None
        raise


def _is_link(name: str, directory: int) -> bool:
    return stat.S_ISLNK(os.stat(name, dir_fd=directory, follow_symlinks=False).st_mode)
