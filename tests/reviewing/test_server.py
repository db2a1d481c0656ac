"""`bootstruct review` as a user starts it: its address, its refusals, SIGKILL, and two of them at once."""

import http.client
import json
import signal
import subprocess
import sys
import threading
from pathlib import Path
from random import Random
from urllib.parse import urlencode

import pytest
from click.testing import CliRunner

from bootstruct.cli.review import review_command
from bootstruct.errors import BootstructError
from bootstruct.journal.reviews import NAME, QUALITY, read_reviews
from tests.support.asgi import Answer
from tests.support.review_runs import Served, append, command, environment, events, make_run, make_sheet, served, tasks


class Visitor:
    """A client over a real socket, with cookies."""

    def __init__(self, server: Served) -> None:
        self.server, self.cookie = server, ""
        assert self.ask("GET", f"/?token={server.token}").status == 200

    def ask(self, method: str, path: str, form: dict[str, str] | None = None, host: str = "") -> Answer:
        line = http.client.HTTPConnection("127.0.0.1", self.server.port, timeout=10)
        headers = {
            "Cookie": self.cookie,
            "Origin": self.server.root,
            "Content-Type": "application/x-www-form-urlencoded",
        }
        headers |= {"Host": host} if host else {}
        try:
            line.request(method, path, urlencode(form or {}) if form is not None else None, headers)
            answer = line.getresponse()
            result = {name.lower(): value for name, value in answer.getheaders()}
            if "set-cookie" in result:
                self.cookie = result["set-cookie"].partition(";")[0]
            return Answer(answer.status, result, answer.read())
        finally:
            line.close()


def run_to_end(*words: object) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(command(*words), capture_output=True, text=True, env=environment(), timeout=60, check=False)


@pytest.fixture
def run(tmp_path: Path) -> Path:
    return make_run(tmp_path / "run", tasks(60))


def test_it_serves_until_interrupted(run: Path) -> None:
    with served(run, "--tasks", 5) as server:
        visitor = Visitor(server)
        visitor.ask("POST", "/r/anna/plan", {})
        page = visitor.ask("GET", "/r/anna/quality")
        given = page.form() | {"task": "yes", "input": "yes", "output": "no"}
        assert "<b>1</b> of 5" in visitor.ask("POST", "/r/anna/quality", given).text
        assert "server" not in page.headers
        assert visitor.ask("GET", "/", host="evil.example").status == 421
        assert visitor.ask("GET", "/../journal.jsonl").status == 404
        second = run_to_end(run, "--port", "0")
        assert second.returncode == 2
        assert "another review page is open on this run" in second.stderr
        server.process.send_signal(signal.SIGINT)
        assert server.process.wait(10) == 0
        assert server.process.stdout
        assert server.process.stdout.read().endswith("reviews.jsonl: 1 judgements\n")


def test_a_running_generate_is_neither_locked_nor_changed(run: Path) -> None:
    before = (run / "journal.jsonl").read_bytes()
    with served(run) as server:
        visitor = Visitor(server)
        visitor.ask("GET", "/r/anna/watch")
        append(run, events(tasks(60))[1:2])
        for _ in range(3):
            visitor.ask("GET", "/r/anna/watch/part")
    assert (run / "journal.jsonl").read_bytes().startswith(before)
    assert sorted(path.name for path in run.iterdir()) == ["journal.jsonl", NAME]


def test_killed_at_any_moment_it_loses_at_most_what_was_on_its_way(run: Path) -> None:
    draws, result = Random(11), 0
    for attempt in range(3):
        acknowledged: list[str] = []
        with served(run, "--tasks", 60) as server:
            visitor = Visitor(server)
            visitor.ask("POST", "/r/anna/plan", {})
            killer = threading.Timer(draws.uniform(0.05, 0.25), server.process.kill)
            try:
                page = visitor.ask("GET", f"/r/anna{attempt}/quality")
                while 'name="item"' in page.text:
                    given = page.form() | {"task": "yes", "input": "no", "output": "yes"}
                    page = visitor.ask("POST", f"/r/anna{attempt}/quality", given)
                    assert page.status == 200
                    acknowledged.append(given["id"])
                    if len(acknowledged) == 1:
                        killer.start()  # however long a busy machine took to get here
            except (OSError, http.client.HTTPException):
                pass
            killer.join()
            server.process.wait()
        kept = [
            entry.id for entry in read_reviews(run / NAME).all_standing(QUALITY) if entry.reviewer == f"anna{attempt}"
        ]
        assert kept[: len(acknowledged)] == acknowledged
        assert len(kept) - len(acknowledged) <= 1
        result += len(acknowledged)
    assert result > 0


def test_several_reviewers_at_once_over_real_connections(run: Path) -> None:
    with served(run, "--tasks", 12) as server:
        Visitor(server).ask("POST", "/r/x/plan", {})
        faults: list[str] = []

        def review(name: str) -> None:
            visitor = Visitor(server)
            page = visitor.ask("GET", f"/r/{name}/quality")
            while 'name="item"' in page.text:
                page = visitor.ask(
                    "POST", f"/r/{name}/quality", page.form() | {"task": "yes", "input": "yes", "output": "yes"}
                )
                if page.status != 200:
                    faults.append(page.text)
                    return

        names = [f"r{n}" for n in range(4)]
        threads = [threading.Thread(target=review, args=(name,)) for name in names]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert faults == []
    verdict = read_reviews(run / NAME).all_standing(QUALITY)
    assert sorted({entry.reviewer for entry in verdict}) == names
    assert len(verdict) == 48


def test_judgements_are_written_without_a_server(run: Path, tmp_path: Path) -> None:
    done = run_to_end(run, "--export", tmp_path / "out.csv")
    assert (done.returncode, "has no reviews.jsonl" in done.stderr) == (2, True)
    make_sheet(run / "rating", 3)
    with served(run, "--tasks", 3) as server:
        visitor = Visitor(server)
        visitor.ask("POST", "/r/anna/plan", {})
        for mode, verdict in (("quality", {"task": "yes", "input": "yes", "output": "no"}), ("rating", {"level": "B"})):
            page = visitor.ask("GET", f"/r/anna/{mode}")
            visitor.ask("POST", f"/r/anna/{mode}", page.form() | verdict)
    done = run_to_end(run, "--export", tmp_path / "out.csv", "--ratings", tmp_path / "ratings.jsonl")
    assert done.stdout.splitlines() == [
        f"{tmp_path / 'out.csv'}: 2 judgements",
        f"{tmp_path / 'ratings.jsonl'}: 1 ratings",
    ]
    assert json.loads((tmp_path / "ratings.jsonl").read_text())["level"] == "B"
    run_to_end(run, "--export", tmp_path / "out.jsonl")
    assert len((tmp_path / "out.jsonl").read_text().splitlines()) == 2


@pytest.mark.parametrize(
    ("words", "result"),
    [
        (["{}/nowhere"], "no such run folder"),
        (["{}"], "is not a run folder, and contains no sheet.jsonl to rate"),
        (["{}/run", "--host", "0.0.0.0"], "add --allow-remote"),
        (["{}/run", "--reviewers", "anna,,ben"], "Please give a name"),
        (["{}/run", "--reviewers", "anna,anna"], "a name occurs twice"),
        (["{}/run", "--sheet", "{}"], "has no sheet.jsonl"),
        (["{}/bad"], "journal.jsonl:1: "),
    ],
)
def test_what_cannot_be_served_is_told_in_a_sentence(run: Path, tmp_path: Path, words: list[str], result: str) -> None:
    (tmp_path / "bad").mkdir()
    (tmp_path / "bad" / "journal.jsonl").write_text("nonsense\n")
    done = CliRunner().invoke(review_command, [word.replace("{}", str(tmp_path)) for word in words])
    assert isinstance(done.exception, BootstructError)
    assert done.exception.exit_code == 2
    assert result in str(done.exception)
    assert "\n" not in str(done.exception)


@pytest.mark.parametrize("missing", ["starlette", "uvicorn"])
def test_without_the_extra_one_sentence_says_what_to_install(run: Path, missing: str) -> None:
    code = f"import sys; sys.modules[{missing!r}] = None; sys.argv = ['bootstruct', *sys.argv[1:]]; " + command(run)[2]
    done = subprocess.run([sys.executable, "-c", code, "review", str(run)], capture_output=True, text=True, env=environment(), timeout=60, check=False)  # fmt: skip
    assert done.returncode == 2
    assert done.stderr == "error: The review page needs starlette and uvicorn: pip install 'bootstruct[review]'.\n"


def test_the_usual_port_gives_way(run: Path, tmp_path: Path) -> None:
    other = make_run(tmp_path / "other", tasks(5))
    processes = [
        subprocess.Popen(command(folder), stdout=subprocess.PIPE, text=True, env=environment())
        for folder in (run, other)
    ]
    try:
        ports = {process.stdout.readline().split("/?")[0].rpartition(":")[2] for process in processes if process.stdout}
        assert len(ports) == 2
        assert all(port.isdecimal() for port in ports)
    finally:
        for process in processes:
            process.kill()
            process.wait()
            if process.stdout:
                process.stdout.close()
