"""The installed command as a process: every documented exit code, and faults of the machine, each as one sentence."""

import errno
import resource
import shutil
import signal
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest

from tests.support.commands import Simulator, bootstruct, environment, simulator
from tests.support.journals import sealed
from tests.support.paths import ROOT

COMMAND = Path(sys.executable).parent / "bootstruct"
NOISE = ("Traceback", "never retrieved", "Exception ignored", "Bad file descriptor", "Error in sys.excepthook")


def command(*words: object, limits: Callable[[], None] | None = None, **more: object) -> "subprocess.Popen[str]":
    """The console script that pip installed, begun."""
    program = [str(COMMAND)] if COMMAND.is_file() else [sys.executable, "-m", "bootstruct"]
    options: dict[str, object] = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True} | more
    env = environment(XDG_STATE_HOME="/nonexistent")
    return subprocess.Popen([*program, *map(str, words)], env=env, preexec_fn=limits, **options)  # type: ignore[call-overload, no-any-return]


def ended(process: "subprocess.Popen[str]") -> tuple[int, str]:
    """Its exit code and what it wrote to stderr; without noise, whatever happened."""
    _, err = process.communicate(timeout=120)
    for noise in NOISE:
        assert noise not in err, err
    return process.returncode, err


def run(*words: object, limits: Callable[[], None] | None = None, **more: object) -> tuple[int, str]:
    return ended(command(*words, limits=limits, **more))


def last_line(err: str) -> str:
    return [line for line in err.replace("\r", "\n").splitlines() if line.strip()][-1].strip()


def begin(folder: Path, url: str) -> None:
    done = bootstruct("init", folder, "--recipe", "paper", "--model", "openai/sim", "--base-url", url)
    assert done.returncode == 0, done.stderr


@pytest.fixture(scope="module")
def server() -> Iterator[Simulator]:
    with simulator() as found:
        yield found


@pytest.fixture(scope="module")
def finished(server: Simulator, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("runs") / "run"
    begin(folder, server.url)
    assert bootstruct("generate", folder, "--tasks", 12).returncode == 0
    return folder


@pytest.fixture
def folder(finished: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(finished, tmp_path / "run"))


# Exit codes, as docs/commands.md lists them


def test_the_documented_exit_codes() -> None:
    page = (ROOT / "docs" / "commands.md").read_text("utf-8")
    table = page[page.index("| exit code |") : page.index("| command |")]
    codes = [line.split("|")[1].strip() for line in table.splitlines()[2:] if line.startswith("|")]
    assert codes == ["0", "1", "2", "130", "143"]  # each has its test below


def test_0_where_the_command_did_what_was_asked(folder: Path) -> None:
    for words in (
        ["--help"],
        ["--version"],
        ["status", folder],
        ["verify", folder],
        ["generate", folder, "--tasks", 12],
    ):
        assert run(*words)[0] == 0, words


def test_1_where_the_run_stopped_short(folder: Path) -> None:
    code, err = run("generate", folder, "--tasks", 500, "--max-requests", 30)
    assert code == 1
    assert last_line(err).startswith("stopped: ")


@pytest.mark.parametrize(
    "words",
    [["--nonsense"], ["generate"], ["stauts", "x"], ["status", "no such folder"], ["verify", "."], ["export", "."]],
)
def test_2_where_the_user_must_change_something(words: list[str], tmp_path: Path) -> None:
    code, err = run(*words, cwd=tmp_path)
    assert code == 2
    assert err.strip()


def test_2_where_verify_finds_disagreements(folder: Path) -> None:
    journal = folder / "journal.jsonl"
    changed = journal.read_bytes().replace(
        b'"is_classification":false,"instances"', b'"is_classification":true,"instances"', 1
    )
    journal.write_bytes(sealed(changed))
    process = command("verify", folder)
    out, _ = process.communicate(timeout=120)
    assert process.returncode == 2
    assert "1 disagreement" in out


def test_2_where_a_journal_is_damaged(folder: Path) -> None:
    journal = folder / "journal.jsonl"
    content = bytearray(journal.read_bytes())
    content[len(content) // 2] ^= 1
    journal.write_bytes(content)
    for words in (["status", folder], ["verify", folder], ["generate", folder], ["report", folder]):
        code, err = run(*words)
        assert code == 2
        assert "journal.jsonl:" in last_line(err)


def of_sigint(handler: Any) -> Callable[[], None]:
    def set_handler() -> None:
        signal.signal(signal.SIGINT, handler)

    return set_handler


@pytest.mark.parametrize(("sent", "wanted"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_130_or_143_where_it_was_interrupted_or_terminated(tmp_path: Path, sent: signal.Signals, wanted: int) -> None:
    with simulator("--latency", "0.3") as slow:
        folder = tmp_path / "run"
        begin(folder, slow.url)
        process = command("generate", folder, "--tasks", 5000, limits=of_sigint(signal.default_int_handler))
        wait_for_growth(folder / "journal.jsonl")
        process.send_signal(sent)
        code, err = ended(process)
        answered = slow.stats()["requests"]
    assert code == wanted
    assert "interrupted" in err
    assert (folder / "journal.jsonl").read_text().count('"event":"replied"') == answered, "no reply is lost"
    assert bootstruct("verify", folder).returncode == 0


def test_terminated_at_once_where_interrupts_are_ignored(tmp_path: Path) -> None:
    """As in the background of a script: SIGTERM does what it usually does, and the run is whole."""
    with simulator("--latency", "0.3") as slow:
        folder = tmp_path / "run"
        begin(folder, slow.url)
        process = command("generate", folder, "--tasks", 5000, limits=of_sigint(signal.SIG_IGN))
        wait_for_growth(folder / "journal.jsonl")
        process.send_signal(signal.SIGTERM)
        code, _ = ended(process)
    assert code == -signal.SIGTERM
    assert bootstruct("verify", folder).returncode == 0


def wait_for_growth(path: Path, lines: int = 5) -> None:
    limit = time.monotonic() + 60
    while not path.is_file() or path.read_bytes().count(b"\n") < lines:
        assert time.monotonic() < limit, "the run does not begin"
        time.sleep(0.05)


# Faults of the machine


def file_size(most: int) -> Callable[[], None]:
    return lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (most, most))


def open_files(most: int) -> Callable[[], None]:
    return lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


@pytest.mark.parametrize("room", [0, 1, 500, 20_000])
def test_a_full_disk_during_generate(folder: Path, room: int) -> None:
    size = (folder / "journal.jsonl").stat().st_size
    code, err = run("generate", folder, "--tasks", 200, limits=file_size(size + room))
    assert code == 1
    assert last_line(err).startswith("stopped: ")
    assert "cannot be written: File too large. Everything before is saved" in last_line(err)
    assert bootstruct("verify", folder).returncode == 0
    assert bootstruct("generate", folder, "--tasks", 20).returncode == 0  # and with room it goes on


@pytest.mark.parametrize(
    "words",
    [
        ["export", "run", "--format", "alpaca", "--out", "x.json"],
        ["report", "run", "--out", "x.html"],
        ["init", "new", "--recipe", "paper"],
        ["dedup", "run/seeds.jsonl", "--out", "x.jsonl"],
    ],
    ids=lambda words: words[0],
)
def test_a_full_disk_in_other_commands(folder: Path, words: list[str]) -> None:
    code, err = run(*words, cwd=folder.parent, limits=file_size(100))
    assert code == 2
    assert len(err.strip().splitlines()) == 1
    assert "File too large" in err
    assert not list(folder.parent.glob("x.*"))


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full here")
@pytest.mark.parametrize(
    "words", [["--help"], ["status", "run"], ["verify", "run"], ["doctor"]], ids=lambda words: words[0]
)
def test_an_output_that_takes_nothing(folder: Path, words: list[str]) -> None:
    with open("/dev/full", "w") as full:
        code, err = run(*words, cwd=folder.parent, stdout=full)
    assert code == 2
    assert err == "error: the output: No space left on device; free some space, then run the command again.\n"


@pytest.mark.parametrize("most", [7, 10, 24, *(pytest.param(n, marks=pytest.mark.slow) for n in (8, 9, 12, 16))])
def test_few_file_handles(folder: Path, most: int) -> None:
    code, err = run("generate", folder, "--tasks", 20, "--concurrency", 64, limits=open_files(most))
    if code:
        assert code in (1, 2)
        assert "Too many open files" in last_line(err)
    assert bootstruct("verify", folder).returncode == 0


def test_a_journal_that_is_deleted_during_a_run(tmp_path: Path) -> None:
    with simulator("--latency", "0.1") as slow:
        folder = tmp_path / "run"
        begin(folder, slow.url)
        process = command("generate", folder, "--tasks", 5000)
        wait_for_growth(folder / "journal.jsonl")
        (folder / "journal.jsonl").unlink()
        code, err = ended(process)
    assert code == 1
    assert "journal.jsonl: was deleted or replaced while this command was writing to it" in last_line(err)


LOCKLESS = """
import errno, fcntl, os, sys
def flock(*_):
    raise OSError({code}, os.strerror({code}))
fcntl.flock = flock
from bootstruct.cli import main
sys.argv = ["bootstruct", "generate", sys.argv[1]]
main()
"""


@pytest.mark.parametrize("code", [errno.ENOLCK, errno.EOPNOTSUPP, errno.ENOSYS])
def test_a_file_system_without_locks(folder: Path, code: int) -> None:
    words = [sys.executable, "-c", LOCKLESS.format(code=code), str(folder)]
    result = subprocess.run(words, capture_output=True, text=True, env=environment(), timeout=120, check=False)
    assert result.returncode == 2
    assert "cannot be locked against other writers: " in last_line(result.stderr)
    assert "another bootstruct" not in result.stderr
    assert "Traceback" not in result.stderr


CERTIFICATE = Path(__file__).parent.parent / "support" / "localhost.pem"


@pytest.fixture
def tls_server() -> Iterator[str]:
    """A server whose certificate nobody vouches for."""

    class Silent(BaseHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            pass

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(CERTIFICATE)
    with HTTPServer(("127.0.0.1", 0), Silent) as https:
        https.socket = context.wrap_socket(https.socket, server_side=True)
        https.handle_error = lambda *_: None  # type: ignore[method-assign, assignment]
        thread = threading.Thread(target=https.serve_forever, daemon=True)
        thread.start()
        yield f"https://127.0.0.1:{https.server_port}/v1"
        https.shutdown()


def test_a_certificate_that_is_refused(tls_server: str, tmp_path: Path) -> None:
    begin(tmp_path / "run", tls_server)
    for words in (
        ["preview", "run"],
        ["generate", "run"],
        ["doctor", "--model", "openai/sim", "--base-url", tls_server],
    ):
        code, err = run(*words, cwd=tmp_path)
        assert code == 2
        sentence = last_line(err)
        assert sentence.startswith(
            f"error: The certificate of {tls_server} was refused (self-signed certificate): check"
        )
    assert not (tmp_path / "run" / "journal.jsonl").exists() or not (
        tmp_path / "run" / "journal.jsonl"
    ).read_bytes().count(b"replied")
