"""`bootstruct review`: open a run, bind an address, serve until stopped."""

import contextlib
import socket
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from bootstruct.errors import InputError
from bootstruct.journal.file import NAME as JOURNAL
from bootstruct.journal.reviews import NAME, ReviewPlanned, Reviews, apply_review, read_reviews
from bootstruct.reviewing.ledger import ReviewLedger
from bootstruct.reviewing.names import reviewer_name
from bootstruct.reviewing.session import ReviewOptions, RunReview
from bootstruct.reviewing.sheet import SHEET, find_sheet
from bootstruct.reviewing.watch import JournalFollower
from bootstruct.run.folder import RECIPE

if TYPE_CHECKING:
    import uvicorn

LOOPBACK: Final = "127.0.0.1"
PORT: Final = 8642
STOP_SECONDS: Final = 0.1  # between two checks of whether the page should end


@dataclass(frozen=True, slots=True)
class ListenAddress:
    """The address on which the review page listens.

    Attributes:
        host: the name or number of the host.
        port: the port; None for port 8642, or a free port if that is taken.
        allow_remote: whether other machines may reach the page.
    """

    host: str = LOOPBACK
    port: int | None = None
    allow_remote: bool = False


def open_session(run: Path, sheet: Path | None, wanted: ReviewOptions) -> tuple[RunReview, ReviewLedger]:
    """Read a run folder (its whole journal, once) and lock its reviews for writing.

    Raises InputError if there is nothing to review, or if another review page is open on it.
    """
    if not run.is_dir():
        raise InputError(f"{run}: no such run folder.")
    found = find_sheet(run, sheet, wanted.seed)
    if not (run / JOURNAL).is_file() and not (run / RECIPE).is_file() and found is None:
        raise InputError(
            f"{run}: is not a run folder, and contains no {SHEET} to rate; `bootstruct init {run}` makes a run."
        )
    follower = JournalFollower(run / JOURNAL)
    follower.look(None)
    if follower.fault:
        raise InputError(f"{run}: {follower.fault} `bootstruct status {run}` says more.")
    ledger = ReviewLedger(run / NAME)
    session = RunReview(run, ledger, follower, found, wanted)
    session.population()  # counted now, so that the first page of a large run does not wait for it
    kept = ledger.reviews
    if (session.reviewers, session.overlap) != (kept.reviewers, kept.overlap):
        shares = ReviewPlanned(
            wanted.seed if kept.seed is None else kept.seed, (), kept.of, session.reviewers, session.overlap
        )
        ledger.write(shares)
        apply_review(kept, shares)
    return session, ledger


def serve(
    run: Path,
    sheet: Path | None,
    wanted: ReviewOptions,
    address: ListenAddress,
    tell: Callable[[str], object],
    stop: threading.Event | None = None,
) -> None:
    """Serve the review page of a run until interrupted, or until `stop` is set.

    `tell` gets the lines for the user, the address first.
    """
    try:
        import starlette  # noqa: F401
        import uvicorn

        from bootstruct.reviewing.app import Pages
    except ImportError:
        raise InputError("The review page needs starlette and uvicorn: pip install 'bootstruct[review]'.") from None
    listening = listen(address)
    try:
        session, ledger = open_session(run, sheet, wanted)
        try:
            port = int(listening.getsockname()[1])
            guard = Pages(session).guarded(address.host, port)
            shown = f"[{address.host}]" if ":" in address.host else address.host
            if address.host in ("0.0.0.0", "::"):
                shown = socket.gethostname()
            config = uvicorn.Config(
                guard, log_level="warning", access_log=False, server_header=False, lifespan="off", ws="none",
                proxy_headers=False, limit_concurrency=64, timeout_graceful_shutdown=2,
            )  # fmt: skip
            tell(f"http://{shown}:{port}/?token={guard.token}")
            tell("Open this address in a browser. Ctrl+C stops the server; every judgement is saved as it is sent.")
            server = uvicorn.Server(config)
            with contextlib.suppress(KeyboardInterrupt), _ended_by(stop, server):
                server.run(sockets=[listening])
            count = sum(bool(stack) for stack in session.reviews.stacks.values())
            tell(f"{run / NAME}: {count} judgements")
        finally:
            ledger.close()
    finally:
        listening.close()


@contextlib.contextmanager
def _ended_by(stop: threading.Event | None, server: "uvicorn.Server") -> Iterator[None]:
    """End the server when `stop` is set."""
    if stop is None:
        yield
        return
    is_over = threading.Event()

    def watch() -> None:
        while not is_over.wait(STOP_SECONDS):
            server.should_exit = server.should_exit or stop.is_set()

    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    try:
        yield
    finally:
        is_over.set()
        watcher.join()


def listen(address: ListenAddress) -> socket.socket:
    """Return a socket that listens on the address.

    Raises:
        InputError: the address is taken or does not belong to this machine, or others could reach it without
            `allow_remote`.
    """
    try:
        found = socket.getaddrinfo(address.host, address.port or 0, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except OSError as exc:
        raise InputError(f"--host {address.host}: no such address: {exc.strerror}.") from None
    family, _, _, _, resolved = found[0]
    name = str(resolved[0])
    loopback = name == "::1" or name.startswith("127.")
    if not loopback and not address.allow_remote:
        raise InputError(
            f"--host {address.host}: others could reach this page without encryption. An SSH tunnel is safer; "
            "to allow this, add --allow-remote."
        )
    for port in (PORT, 0) if address.port is None else (address.port,):
        listening = socket.socket(family, socket.SOCK_STREAM)
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listening.bind((name, port, *resolved[2:]))
            listening.listen(128)  # here, so that the printed address can be opened at once
            return listening
        except OSError as exc:
            listening.close()
            fault = exc
    raise InputError(f"--port {address.port}: cannot be used: {fault.strerror}; choose another.")


def reviewers_of(text: str) -> tuple[str, ...]:
    """The names in a list with commas. Raises InputError if one cannot be a name, or occurs twice."""
    try:
        names = tuple(reviewer_name(part) for part in text.split(","))
    except ValueError as exc:
        raise InputError(f"--reviewers {text}: {exc}") from None
    if len(set(names)) < len(names):
        raise InputError(f"--reviewers {text}: a name occurs twice.")
    return names


def write_judgements(run: Path, out: Path) -> int:
    """Write the current judgements as CSV or JSONL, by the ending of the file's name; return their number."""
    from bootstruct.io.files import write_whole
    from bootstruct.reviewing import export

    reviews = _some_reviews(run)
    text = export.as_csv(reviews) if out.suffix.lower() == ".csv" else export.as_jsonl(reviews)
    write_whole(out, text.encode("utf-8", "replace"))
    return len(export.standing(reviews))


def write_ratings(run: Path, sheet: Path | None, out: Path) -> int:
    """Write the ratings of the sheet as `evaluate compare --ratings` reads them; return their number."""
    from bootstruct.io.files import write_whole
    from bootstruct.reviewing import export

    found = find_sheet(run, sheet, 0)
    if found is None:
        raise InputError(f"{run}: has no rating sheet; name its folder with --sheet.")
    text = export.as_ratings(_some_reviews(run), found.digest)
    write_whole(out, text.encode("utf-8", "replace"))
    return text.count("\n")


def _some_reviews(run: Path) -> Reviews:
    if not (run / NAME).is_file():
        raise InputError(f"{run}: has no {NAME}; `bootstruct review {run}` lets people write one.")
    return read_reviews(run / NAME)
