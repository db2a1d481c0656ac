"""From files of rows to tasks: every row as a `TaskRow`; other rows are left out for a named reason and counted."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path

from bootstruct.errors import InputError
from bootstruct.io.accounts import RowAccount
from bootstruct.io.fields import other_fields
from bootstruct.io.rows import Row, Surrogates, read_rows
from bootstruct.io.shapes import WITHOUT_OUTPUT, ShapeError, TaskRow, read_task_row

Fields = Mapping[str, str]


def read_tasks(
    path: Path,
    account: RowAccount,
    fields: Fields | None = None,
    surrogates: Surrogates = "refuse",
    bare_text: bool = False,
    accept: Callable[[TaskRow], str] = lambda task: "",
) -> Iterator[tuple[int, TaskRow]]:
    """Yield (line or position from 1, task) of every row of a file that holds one; the account counts all of them.

    Args:
        path: the file; see `read_rows`.
        account: counts the rows.
        fields: the names of fields by their meaning, as `--fields` gives them.
        surrogates, bare_text: as for `read_rows`.
        accept: why a task cannot be used, as in `without output`; empty if it can.

    Raises:
        InputError: the file cannot be read, it has no rows, or none of them can be used, with the reason of the first.
    """
    rows = read_rows(path, surrogates, bare_text, account, columns=(fields or {}).values())
    return tasks_of(rows, account, fields, accept)


def tasks_of(
    rows: Iterable[tuple[int, Row]],
    account: RowAccount,
    fields: Fields | None = None,
    accept: Callable[[TaskRow], str] = lambda task: "",
) -> Iterator[tuple[int, TaskRow]]:
    """As `read_tasks`, of rows that are being read with this account."""
    for number, row in rows:
        try:
            task = read_task_row(row, fields)
        except ShapeError as exc:
            account.leave_out(number, exc.reason, str(exc))
            continue
        if WITHOUT_OUTPUT in task.notes and not account.other_fields:
            account.other_fields = other_fields(row, fields)
        if reason := accept(task):
            account.leave_out(number, reason)
        else:
            account.use(task.shape_name, task.notes)
            yield number, task
    require_used(account, bool(fields))


def require_used(account: RowAccount, has_fields: bool = False) -> None:
    """Raise InputError where a file has no rows, or none that could be used."""
    if account.used:
        return
    if not account.read:
        raise InputError(f"{account.path}: contains no rows.")
    advice = (
        "check the names in --fields" if has_fields else "name other fields with --fields instruction=NAME,output=NAME"
    )
    is_shape = any(
        reason in ("of no known shape", "without an instruction", "ambiguous") for reason in account.left_out
    )
    if WITHOUT_OUTPUT in account.left_out and account.other_fields:
        is_shape, advice = True, f"found {', '.join(account.other_fields)}; name the output with --fields output=NAME"
    hint = f"; {advice}" if is_shape and "--fields" not in account.first_fault() else ""
    raise InputError(
        f"{account.first_fault()}; none of the {account.read:,} rows can be used{hint}."
        if account.read > 1
        else f"{account.first_fault()}{hint}."
    )


def group_tasks(rows: Iterable[tuple[int, TaskRow]]) -> dict[str, list[tuple[int, TaskRow]]]:
    """The rows of each task, in the order of their first ones."""
    groups: dict[str, list[tuple[int, TaskRow]]] = {}
    for number, row in rows:
        groups.setdefault(row.task, []).append((number, row))
    return groups
