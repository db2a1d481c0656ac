"""Runs of the command line against the zoo: servers with one quirk of a real server each.

What must come out is declared beside each quirk; `tests/support/zoo/failing.py` lists what does not come out yet.
"""

import asyncio
import contextlib
import io
import json
import re
import selectors
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from bootstruct.cli import main
from bootstruct.journal.events import ReplyReceived, RequestAdapted
from bootstruct.journal.file import read_events
from bootstruct.run.folder import read_run
from tests.support.commands import CLI, bootstruct, environment
from tests.support.zoo import QUIRKS, WAITING, Ends, Quirk, Same
from tests.support.zoo.failing import DOCTOR_FAILING, FAILING, KILL_FAILING, PROGRESS_FAILING
from tests.support.zoo.server import Zoo

TASKS = 10
IN_FLIGHT = 2
SLACK = IN_FLIGHT + 1  # requests sent ahead when the goal is reached, more or fewer of them by chance
PATIENCE = 600.0  # seconds of the run's clock for a request: a busy machine must not look like a dead server
DEADLINE = 20  # real seconds after which a run is ended


class Overdue(BaseException):
    """The run did not end by itself."""


class FastSelector(selectors.DefaultSelector):  # type: ignore[misc, valid-type]
    speed = 1.0

    def select(self, timeout: float | None = None) -> list[Any]:
        ready: list[Any] = super().select(timeout and timeout / self.speed)
        return ready


def fast_loop(speed: float) -> Callable[[], asyncio.AbstractEventLoop]:
    """Event loops whose clock goes faster: pauses and time-outs of minutes pass in seconds."""

    class FastLoop(asyncio.SelectorEventLoop):
        def __init__(self) -> None:
            selector = FastSelector()
            selector.speed = speed
            super().__init__(selector)

        def time(self) -> float:
            return super().time() * speed

    return FastLoop


@dataclass
class Output:
    code: int
    out: str
    err: str

    @property
    def text(self) -> str:
        return f"{self.out}\n{self.err}"


def command(monkeypatch: pytest.MonkeyPatch, *words: object, speed: float = 1.0) -> Output:
    """The command line in this process."""
    out, err, code = io.StringIO(), io.StringIO(), 0

    def overdue(*_: object) -> None:
        raise Overdue

    with monkeypatch.context() as patch:
        patch.setattr(sys, "argv", ["bootstruct", *map(str, words)])
        patch.setattr(asyncio.events, "new_event_loop", fast_loop(speed))
        before = signal.signal(signal.SIGALRM, overdue)
        signal.alarm(DEADLINE)
        try:
            with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
                main()
        except SystemExit as exc:
            code = int(exc.code or 0)
        except Overdue:
            code = -1
            err.write(f"\nstill running after {DEADLINE} real seconds\n")
        finally:
            signal.alarm(0)
            signal.signal(signal.SIGALRM, before)
    return Output(code, out.getvalue(), err.getvalue())


@pytest.fixture(autouse=True)
def alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """An environment without anything that points at a real server."""
    for name in ("OPENAI_API_KEY", "OPENAI_BASE_URL", "BOOTSTRUCT_BASE_URL", "HTTP_PROXY", "http_proxy"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("XDG_CONFIG_HOME", "/nonexistent")


@dataclass
class Outcome:
    """What a run came to: its tasks with their instances, and how many requests and replies that took."""

    tasks: list[tuple[Any, ...]]
    requests: int
    replies: int


def tasks_of(run: Path) -> list[tuple[Any, ...]]:
    state = read_run(run)
    done = [(task, state.completed.get(task.name)) for task in state.accepted]
    return [(t.text, c and c.is_classification, c and [(i.input, i.output) for i in c.instances]) for t, c in done]


def replies_of(run: Path) -> list[ReplyReceived]:
    return [event for _, event in read_events(run / "journal.jsonl") if isinstance(event, ReplyReceived)]


def generate(
    patch: pytest.MonkeyPatch, run: Path, *urls: str, speed: float = 20.0, timeout: float = PATIENCE
) -> Output:
    servers = [word for url in urls for word in ("--base-url", url)]
    return command(
        patch,
        "generate",
        run,
        "--tasks",
        TASKS,
        "--concurrency",
        IN_FLIGHT * len(urls),
        *servers,
        "--timeout",
        timeout,
        speed=speed,
    )


@pytest.fixture(scope="module")
def begun(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A run folder of each recipe, fresh from `init`."""
    folders = {}
    with pytest.MonkeyPatch.context() as patch:
        for recipe in ("chat", "paper"):
            folders[recipe] = tmp_path_factory.mktemp("begun") / recipe
            done = command(patch, "init", folders[recipe], "--recipe", recipe, "--model", "openai/zoo")
            assert done.code == 0, done.text
    return folders


@pytest.fixture(scope="module")
def clean(begun: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> dict[str, Outcome]:
    """What the clean server brings, for each recipe."""
    outcomes = {}
    with pytest.MonkeyPatch.context() as patch:
        for recipe, folder in begun.items():
            run = tmp_path_factory.mktemp("clean") / recipe
            shutil.copytree(folder, run)
            with Zoo() as zoo:
                done = generate(patch, run, zoo.url)
            assert done.code == 0 and not zoo.faults, done.text
            outcomes[recipe] = Outcome(tasks_of(run), len(zoo.requests), len(replies_of(run)))
            assert len(outcomes[recipe].tasks) >= TASKS
            assert sum(bool(task[2]) for task in outcomes[recipe].tasks) > TASKS // 2
    return outcomes


def printed(request: pytest.FixtureRequest) -> Iterator[dict[str, str]]:
    """A table that tests fill and that is printed at the end: quirk and what came out."""
    rows: dict[str, str] = {}
    yield rows
    reporter = request.config.pluginmanager.getplugin("terminalreporter")
    capture = request.config.pluginmanager.getplugin("capturemanager")
    if reporter and capture:
        with capture.global_and_fixture_disabled():
            reporter.write_line("\n" + "\n".join(f"{name:<70} {what}" for name, what in rows.items()))


table = pytest.fixture(scope="module")(printed)
doctor_table = pytest.fixture(scope="module", name="doctor_table")(printed)


def cases(failing: dict[str, str], names: Iterable[str] = tuple(QUIRKS)) -> list[Any]:
    marks = {name: [pytest.mark.xfail(strict=True, reason=why)] for name, why in failing.items()}
    slow = {name: [pytest.mark.slow] for name in WAITING}
    return [pytest.param(QUIRKS[name], id=name, marks=marks.get(name, []) + slow.get(name, [])) for name in names]


@pytest.mark.parametrize("quirk", cases(FAILING))
def test_quirk(
    quirk: Quirk,
    tmp_path_factory: pytest.TempPathFactory,
    begun: dict[str, Path],
    clean: dict[str, Outcome],
    table: dict[str, str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name, value in quirk.env:
        monkeypatch.setenv(name, value)
    run, best = tmp_path_factory.mktemp("zoo") / "run", clean[quirk.recipe]  # a path that contains no word of the quirk
    shutil.copytree(begun[quirk.recipe], run)
    with Zoo(quirk.behave) as zoo, Zoo() as sound:
        urls = [zoo.url, sound.url] if quirk.beside_clean else [zoo.url]
        done = generate(monkeypatch, run, *urls, speed=quirk.speed, timeout=quirk.timeout or PATIENCE)
        faults = [*wrong(quirk, run, done, zoo, sound, best), *wrong_records(quirk, run, monkeypatch)]
        if isinstance(quirk.expected, Ends) and quirk.expected.heals and done.code > 0:
            zoo.behave = None
            again = generate(monkeypatch, run, *urls)
            if again.code or tasks_of(run) != best.tasks:
                faults.append(
                    f"the same command, once the server is well: exit {again.code}, {again.err.strip()[-200:]!r}"
                )
        assert not zoo.faults, zoo.faults
    table[quirk.name] = "; ".join(faults) or "as declared"
    assert not faults, "\n".join([*faults, done.text])


def wrong(quirk: Quirk, run: Path, done: Output, zoo: Zoo, sound: Zoo, best: Outcome) -> Iterator[str]:
    """What came out of `generate` otherwise than declared."""
    expected, asked = quirk.expected, len(zoo.requests) + len(sound.requests)
    paid = len(replies_of(run))
    if isinstance(expected, Same):
        if done.code:
            yield f"exit {done.code}: {last_line(done)}"
        elif (found := tasks_of(run)) != best.tasks:
            same = sum(task in best.tasks for task in found)
            yield f"{len(found)} tasks, {same} of them as on the clean server ({len(best.tasks)})"
        if asked > best.requests + expected.wasted + SLACK:
            yield f"{asked} requests, clean {best.requests}, may waste {expected.wasted}"
        if paid > best.replies + expected.paid + SLACK:
            yield f"{paid} replies paid, clean {best.replies}"
    else:
        if done.code not in expected.codes:
            yield f"exit {done.code} for {expected.codes}: {last_line(done)}"
        if not re.search(expected.message, done.text, re.DOTALL):
            yield f"does not say {expected.message!r}: {last_line(done)}"
        if expected.never and re.search(expected.never, done.text):
            yield f"says {expected.never!r}: {last_line(done)}"
        if asked > expected.requests:
            yield f"{asked} requests, at most {expected.requests}"
        if expected.paid is not None and paid > expected.paid:
            yield f"{paid} replies paid, at most {expected.paid}"
    if quirk.says and not re.search(quirk.says, done.text):
        yield f"does not say {quirk.says!r}"
    if "Traceback" in done.text:
        yield "a traceback"
    missing = [name for name in quirk.keeps if zoo.requests and name not in zoo.requests[-1].asked]
    if missing:
        yield f"leaves out {', '.join(missing)}, too"


def wrong_records(quirk: Quirk, run: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """What journal and status hold otherwise than declared."""
    journal = (run / "journal.jsonl").read_text(errors="replace")
    replies = [event.reply for event in replies_of(run)]
    if any(reply.finish == "unreadable" for reply in replies):
        yield f"{sum(reply.finish == 'unreadable' for reply in replies)} unreadable replies journalled as paid"
    adapted = [event.field for _, event in read_events(run / "journal.jsonl") if isinstance(event, RequestAdapted)]
    if quirk.thinks:
        adapted = [name for name in adapted if name != "thinking_tokens"]
    if quirk.adapts and not any(re.fullmatch(quirk.adapts, name) for name in adapted):
        yield f"the journal notes no change of {quirk.adapts}"
    if not quirk.adapts and isinstance(quirk.expected, Same) and not quirk.says and adapted:
        yield f"the journal notes a change of {', '.join(adapted)}"
    if quirk.journal and not re.search(quirk.journal, journal):
        yield f"the journal does not hold {quirk.journal!r}"
    status = command(monkeypatch, "status", run, "--json")
    if status.code:
        yield f"status: exit {status.code}: {last_line(status)}"
    elif isinstance(quirk.expected, Same) and json.loads(status.out)["failed"]:
        yield f"{json.loads(status.out)['failed']} requests failed for good"
    if quirk.status and not re.search(quirk.status, status.out):
        yield f"status does not say {quirk.status!r}"
    verified = command(monkeypatch, "verify", run)
    if verified.code:
        yield f"verify: exit {verified.code}: {last_line(verified)}"


def last_line(done: Output) -> str:
    return (done.err.strip() or done.out.strip()).rpartition("\n")[2][:240]


DOCTOR = [  # what the doctor must know: whatever is told about the server, not what passes by itself
    name
    for name, quirk in QUIRKS.items()
    if quirk.doctor or (isinstance(quirk.expected, Same) and quirk.expected.wasted == 0 and not quirk.beside_clean)
]


@pytest.mark.parametrize("quirk", cases(DOCTOR_FAILING, DOCTOR))
def test_doctor(quirk: Quirk, doctor_table: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    """`doctor --model` works on the server, finds what the recipe needs, and names what is special."""
    with Zoo(quirk.behave) as zoo:
        done = command(monkeypatch, "doctor", "--model", "openai/zoo", "--base-url", zoo.url, speed=quirk.speed)
        rows = command(
            monkeypatch, "doctor", "--model", "openai/zoo", "--base-url", zoo.url, "--json", speed=quirk.speed
        )
        assert not zoo.faults, zoo.faults
    needs = "chat" if quirk.recipe == "chat" else "text completion"
    faults = []
    if done.code and isinstance(quirk.expected, Same):
        faults.append(f"exit {done.code}: {last_line(done)}")
    elif isinstance(quirk.expected, Same):
        found = {row["feature"]: row["outcome"] for row in json.loads(rows.out)["server"]}
        if found[needs] != "yes":
            faults.append(f"{needs}: {found[needs]}")
    if quirk.doctor and not re.search(quirk.doctor, done.text):
        faults.append(f"does not say {quirk.doctor!r}")
    if "Traceback" in done.text:
        faults.append("a traceback")
    doctor_table[f"doctor: {quirk.name}"] = "; ".join(faults) or "as declared"
    assert not faults, "\n".join([*faults, done.text])


KILLED = (
    "wants max_completion_tokens", "reset in the middle of the body", "429 without Retry-After", "gzip", "ignores response_format",
    "refuses temperature", "a stream though none was asked for", "200, HTML for a while", "cut while thinking, thought apart",
    "breaks on response_format with 500",
)  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("quirk", cases(KILL_FAILING, KILLED))
def test_kill(
    quirk: Quirk, tmp_path_factory: pytest.TempPathFactory, begun: dict[str, Path], clean: dict[str, Outcome]
) -> None:
    """SIGKILL the command twice: the same tasks, nothing paid twice, and nothing learnt about the server is lost."""
    run, best = tmp_path_factory.mktemp("zoo") / "run", clean[quirk.recipe]
    shutil.copytree(begun[quirk.recipe], run)
    with Zoo(quirk.behave, pace=0.03) as zoo:
        words = ["generate", run, "--tasks", TASKS, "--concurrency", IN_FLIGHT, "--base-url", zoo.url]
        for replies in (2, 8):
            process = subprocess.Popen([*CLI, *map(str, words)], env=environment(), stderr=subprocess.PIPE)
            until = time.monotonic() + DEADLINE
            while journalled(run) < replies and process.poll() is None and time.monotonic() < until:
                time.sleep(0.002)
            assert process.poll() is None, process.communicate()[1].decode()[-500:]
            process.kill()
            process.communicate()
            assert journalled(run) >= replies, "no replies in time"
        done = bootstruct(*words)
        assert done.returncode == 0, done.stderr
        assert not zoo.faults, zoo.faults
    assert isinstance(quirk.expected, Same)
    assert tasks_of(run) == best.tasks
    keys = [event.key for event in replies_of(run)]
    assert len(set(keys)) == len(keys)
    assert len(keys) <= best.replies + quirk.expected.paid + SLACK
    assert len(zoo.requests) <= best.requests + quirk.expected.wasted + SLACK + 2 * IN_FLIGHT
    assert bootstruct("verify", run).returncode == 0


def journalled(run: Path) -> int:
    path = run / "journal.jsonl"
    return path.read_bytes().count(b'\n{"event":"replied"') if path.exists() else 0


PROGRESS = {  # what a server that answers nothing else must be reported as
    "503 for ever": "Loading model",
    "hangs for ever": "no response|--timeout",
    "200, HTML for ever": "Gateway login",
    "200, error is a text for ever": "model is loading",
}


@pytest.mark.slow
@pytest.mark.parametrize("quirk", cases(PROGRESS_FAILING, PROGRESS))
def test_trouble_is_shown_while_it_lasts(quirk: Quirk, tmp_path: Path, begun: dict[str, Path]) -> None:
    """In real time: what the server answers is on the progress line within twenty seconds."""
    run = tmp_path / "run"
    shutil.copytree(begun[quirk.recipe], run)
    with Zoo(quirk.behave) as zoo:
        words = ["generate", run, "--tasks", TASKS, "--base-url", zoo.url, *(["--timeout", 5] if quirk.timeout else [])]
        with (tmp_path / "err").open("wb") as err:
            process = subprocess.Popen([*CLI, *map(str, words)], env=environment(), stderr=err)
            until = time.monotonic() + 20
            try:
                while time.monotonic() < until and process.poll() is None:
                    if re.search(PROGRESS[quirk.name], (tmp_path / "err").read_text()):
                        return
                    time.sleep(0.1)
            finally:
                process.kill()
                process.wait()
    said = (tmp_path / "err").read_text()  # it may have ended between two looks
    assert re.search(PROGRESS[quirk.name], said), said
