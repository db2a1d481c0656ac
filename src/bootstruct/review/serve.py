"""`bootstruct review`: open a run, bind an address, serve until told to stop."""

import contextlib
import socket
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from bootstruct.errors import BadInput
from bootstruct.journal import NAME as JOURNAL
from bootstruct.judgements import NAME, Planned, Reviews, apply_review, read_reviews
from bootstruct.review.desk import Desk, Wanted
from bootstruct.review.ledger import Ledger
from bootstruct.review.sheet import SHEET, find_sheet
from bootstruct.review.text import reviewer_name
from bootstruct.review.watch import Follower
from bootstruct.runs import RECIPE

LOOPBACK: Final = "127.0.0.1"
PORT: Final = 8642


@dataclass(frozen=True, slots=True)
class Bind:
    """Where to listen. port: None for the usual one, or a free one where that is taken."""

    host: str = LOOPBACK
    port: int | None = None
    allow_remote: bool = False


def open_desk(run: Path, sheet: Path | None, wanted: Wanted) -> tuple[Desk, Ledger]:
    """Read a run folder (its journal whole, once) and take hold of its reviews. Raises BadInput where there is nothing to
    review, or where another review page is open on it."""
    if not run.is_dir():
        raise BadInput(f"{run}: no such run folder.")
    found = find_sheet(run, sheet, wanted.seed)
    if not (run / JOURNAL).is_file() and not (run / RECIPE).is_file() and found is None:
        raise BadInput(
            f"{run}: is not a run folder, and holds no {SHEET} to rate; `bootstruct init {run}` makes a run."
        )
    follower = Follower(run / JOURNAL)
    follower.look(None)
    if follower.fault:
        raise BadInput(f"{run}: {follower.fault} `bootstruct status {run}` says more.")
    ledger = Ledger(run / NAME)
    desk = Desk(run, ledger, follower, found, wanted)
    desk.population()  # counted now, so that the first page of a large run does not wait for it
    kept = ledger.reviews
    if (desk.reviewers, desk.overlap) != (kept.reviewers, kept.overlap):
        shares = Planned(wanted.seed if kept.seed is None else kept.seed, (), kept.of, desk.reviewers, desk.overlap)
        ledger.write(shares)
        apply_review(kept, shares)
    return desk, ledger


def serve(run: Path, sheet: Path | None, wanted: Wanted, bind: Bind, tell: Callable[[str], None]) -> None:
    """Serve the review page of a run until interrupted. `tell` gets the lines for the user, the address among them."""
    try:
        import starlette  # noqa: F401
        import uvicorn

        from bootstruct.review.app import Pages
    except ImportError:
        raise BadInput("The review page needs starlette and uvicorn: pip install 'bootstruct[review]'.") from None
    listening = listen(bind)
    try:
        desk, ledger = open_desk(run, sheet, wanted)
        try:
            port = int(listening.getsockname()[1])
            guard = Pages(desk).guarded(bind.host, port)
            shown = f"[{bind.host}]" if ":" in bind.host else bind.host
            if bind.host in ("0.0.0.0", "::"):
                shown = socket.gethostname()
            config = uvicorn.Config(
                guard, log_level="warning", access_log=False, server_header=False, lifespan="off", ws="none",
                proxy_headers=False, limit_concurrency=64, timeout_graceful_shutdown=2,
            )  # fmt: skip
            tell(f"http://{shown}:{port}/?token={guard.token}")
            tell("Open this address in a browser. Ctrl+C ends it; every judgement is saved as it is sent.")
            with contextlib.suppress(KeyboardInterrupt):
                uvicorn.Server(config).run(sockets=[listening])
            count = sum(bool(stack) for stack in desk.reviews.stacks.values())
            tell(f"{run / NAME}: {count} judgements")
        finally:
            ledger.close()
    finally:
        listening.close()


def listen(bind: Bind) -> socket.socket:
    """A socket on the address asked for. Raises BadInput where it is not this machine's, taken, or open to others
    without their being allowed."""
    try:
        found = socket.getaddrinfo(bind.host, bind.port or 0, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except OSError as exc:
        raise BadInput(f"--host {bind.host}: no such address: {exc.strerror}.") from None
    family, _, _, _, address = found[0]
    name = str(address[0])
    loopback = name == "::1" or name.startswith("127.")
    if not loopback and not bind.allow_remote:
        raise BadInput(
            f"--host {bind.host}: others could reach this page, unencrypted. An SSH tunnel is safer; "
            "if you want it all the same, add --allow-remote."
        )
    for port in (PORT, 0) if bind.port is None else (bind.port,):
        listening = socket.socket(family, socket.SOCK_STREAM)
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listening.bind((name, port, *address[2:]))
            listening.listen(128)  # here, so that the address printed can be opened at once
            return listening
        except OSError as exc:
            listening.close()
            fault = exc
    raise BadInput(f"--port {bind.port}: cannot be used: {fault.strerror}; choose another.")


def reviewers_of(text: str) -> tuple[str, ...]:
    """The names in a list with commas. Raises BadInput where one cannot be a name, or stands twice."""
    try:
        names = tuple(reviewer_name(each) for each in text.split(","))
    except ValueError as exc:
        raise BadInput(f"--reviewers {text}: {exc}") from None
    if len(set(names)) < len(names):
        raise BadInput(f"--reviewers {text}: a name stands twice.")
    return names


def write_judgements(run: Path, out: Path) -> int:
    """Write the judgements that stand as CSV or JSONL, by the ending of the file's name; how many there are."""
    from bootstruct.files import write_whole
    from bootstruct.review import writing

    reviews = _some_reviews(run)
    text = writing.as_csv(reviews) if out.suffix.lower() == ".csv" else writing.as_jsonl(reviews)
    write_whole(out, text.encode("utf-8", "replace"))
    return len(writing.standing(reviews))


def write_ratings(run: Path, sheet: Path | None, out: Path) -> int:
    """Write the ratings of the sheet as `evaluate compare --ratings` reads them; how many there are."""
    from bootstruct.files import write_whole
    from bootstruct.review import writing

    found = find_sheet(run, sheet, 0)
    if found is None:
        raise BadInput(f"{run}: has no rating sheet; name its folder with --sheet.")
    text = writing.as_ratings(_some_reviews(run), found.digest)
    write_whole(out, text.encode("utf-8", "replace"))
    return text.count("\n")


def _some_reviews(run: Path) -> Reviews:
    if not (run / NAME).is_file():
        raise BadInput(f"{run}: has no {NAME}; `bootstruct review {run}` lets people write one.")
    return read_reviews(run / NAME)
