"""Addresses of servers: which may be shown, which may be written to a file, and which name this machine itself."""

import ipaddress
import re
from urllib.parse import parse_qsl, unquote, urlsplit

from bootstruct.errors import InputError

_SECRET_NAME = re.compile(r"key|token|secret|passw|pwd|auth|sig|cred|code", re.IGNORECASE)


def shown_address(url: str) -> str:
    """The address as it may be shown and recorded: no user, no password, no query, no fragment.

    Example:
        >>> shown_address("https://me:secret@host/v1?key=secret")
        'https://host/v1'
    """
    return re.split(r"[?#]", re.sub(r"//.*@", "//", url, flags=re.DOTALL), maxsplit=1)[0]


def require_plain(url: str) -> None:
    """Refuse an address of which another host may be shown than the one to which requests go.

    Raises:
        InputError: it is no address, or an `@` stands behind its host, as in `http://one.example/x@other.example`.
    """
    try:
        behind = urlsplit(url)
        is_plain = "@" not in behind.path + behind.query + behind.fragment and "\\" not in url
    except ValueError:
        is_plain = False
    if not is_plain:
        raise InputError(
            "base_url: is not an address, or has an `@` or a backslash in a place where the host cannot be told from the rest; "
            "write `@` behind the host as %40, and `/`, `?` and `#` in a password as %2F, %3F and %23."
        )


def secrets_of(url: str) -> list[str]:
    """The secret parts of an address: user and password together, the password, secret values of its query.

    Those that are written with percent signs are listed as they are written and as a server receives them.
    """
    found = [value for name, value in _query(url) if _SECRET_NAME.search(name)]
    inside = re.search(r"//(.*)@", url, re.DOTALL)
    if inside:
        found += [inside[1], inside[1].partition(":")[2]]
    found += [unquote(value) for value in found]
    return list(dict.fromkeys(filter(None, found)))


def require_no_secrets(url: str) -> None:
    """Refuse an address that holds a secret, which would be written to a file.

    Raises:
        InputError: it has a user, a password, or a query value whose name says that it is secret.
    """
    if not secrets_of(url):
        return
    raise InputError(
        f"{shown_address(url)}: the address contains a user, a password or a key, which is never written to a file; leave "
        "it out of the run folder and give the whole address in the environment variable BOOTSTRUCT_BASE_URL."
    )


def is_loopback(url: str) -> bool:
    """Whether an address names this machine itself, by its literal host."""
    try:
        host = urlsplit(url).hostname or ""
    except ValueError:
        return False
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _query(url: str) -> list[tuple[str, str]]:
    return parse_qsl(re.split(r"[?]", url, maxsplit=1)[1], keep_blank_values=True) if "?" in url else []
