"""Packages that only some files need, imported where such a file is read or written; the error names the extra."""

from typing import Any

from bootstruct.errors import InputError


def require_pyarrow(what: str) -> Any:
    """Return the module pyarrow, with its parts for files.

    Args:
        what: what needs it, as the error begins.

    Raises:
        InputError: it is not installed.
    """
    try:
        import pyarrow
        import pyarrow.ipc
        import pyarrow.parquet
    except ImportError:
        raise InputError(f"{what} needs pyarrow: pip install 'bootstruct[parquet]'.") from None
    return pyarrow


def require_zstd(what: str, otherwise: str) -> Any:
    """Return the module zstd: Python's own since 3.14, else `backports.zstd`.

    Args:
        what: what needs it, as the error begins.
        otherwise: what can be done without it, as the error ends.

    Raises:
        InputError: it is not installed.
    """
    try:
        from compression import zstd
    except ImportError:
        try:
            from backports import zstd
        except ImportError:
            raise InputError(f"{what}: pip install 'bootstruct[zstd]', or {otherwise}.") from None
    return zstd
