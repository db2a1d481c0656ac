"""Servers that are started for a command: found, waited for, used, and stopped however the command ends."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

import bootstruct as bs
from bootstruct.engines.model_server import SERVERS, command_of, served
from bootstruct.errors import EngineUnavailableError, InputError
from tests.support.commands import CLI, bootstruct
from tests.support.paths import ROOT, SUPPORT

FAKE = """#!{python}
import sys
sys.path.insert(0, {root!r})
open({seen!r}, "a").write(repr(sys.argv[1:]) + "\\n")
import runpy
sys.argv = ["simulator", "--port", sys.argv[sys.argv.index("--port") + 1]]
runpy.run_path({simulator!r}, run_name="__main__")
"""
ENDS = "#!/bin/sh\necho 'CUDA is not there\x1b[31m'; exit 3\n"
WAITS = "#!/bin/sh\necho waiting; sleep 600\n"


def program(folder: Path, name: str, text: str) -> None:
    path = folder / name
    path.write_text(text)
    path.chmod(0o755)


@pytest.fixture
def fake(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The path has a `vllm` that is the simulator; returns the file with the arguments that it was given."""
    seen = tmp_path / "seen.txt"
    program(
        tmp_path,
        "vllm",
        FAKE.format(python=sys.executable, root=str(ROOT), simulator=str(SUPPORT / "simulator.py"), seen=str(seen)),
    )
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    return seen


def is_alive(words: str) -> bool:
    found = subprocess.run(["pgrep", "-f", words], capture_output=True, text=True, check=False)
    return bool(found.stdout.split())


def test_a_run_is_grown_on_a_server_that_is_started_for_it_and_stopped(
    fake: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    run = tmp_path / "run"
    bs.init(run, recipe="paper", model="openai/some/model")
    words = ["generate", str(run), "--tasks", "3", "--serve", "vllm --max-model-len 'a b'", "--json"]
    done = subprocess.run([*CLI, *words], capture_output=True, text=True, check=False, env=os.environ)
    assert (done.returncode, json.loads(done.stdout)["is_complete"]) == (0, True), done.stderr
    assert "vllm answers at http://127.0.0.1:" in done.stderr
    [given] = fake.read_text().splitlines()
    port = given.split("'--port', '")[1].split("'")[0]
    assert given == repr(
        [
            "serve",
            "some/model",
            "--host",
            "127.0.0.1",
            "--port",
            port,
            "--load-format",
            "safetensors",
            "--max-model-len",
            "a b",
        ]
    )
    assert not is_alive(str(tmp_path / "vllm"))
    assert (run / "server.log").stat().st_mode & 0o777 == 0o600


def test_from_python_the_server_is_stopped_after_an_error(fake: Path, tmp_path: Path) -> None:
    run = bs.init(tmp_path / "run", recipe="paper", model="openai/some/model")

    def use() -> None:
        with bs.serve(run.folder, "vllm") as address:
            assert bs.generate(run.folder, tasks=2, base_url=address).is_complete
            assert is_alive(str(tmp_path / "vllm"))
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        use()
    assert not is_alive(str(tmp_path / "vllm"))


@pytest.mark.skipif(sys.platform != "linux", reason="the kernel of Linux ends the server of a killed process")
def test_the_server_ends_with_a_process_that_is_killed(fake: Path, tmp_path: Path) -> None:
    code = "import time, sys; from pathlib import Path; from bootstruct.engines.model_server import served\n"
    code += f"with served('vllm', 'm', Path({str(tmp_path / 'log')!r})) as url: print(url, flush=True); time.sleep(600)"
    process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline().startswith("http://127.0.0.1:")
    assert is_alive(str(tmp_path / "vllm"))
    process.send_signal(signal.SIGKILL)
    process.wait()
    until = time.monotonic() + 60
    while is_alive(str(tmp_path / "vllm")) and time.monotonic() < until:
        time.sleep(0.05)
    assert not is_alive(str(tmp_path / "vllm"))


def test_a_server_that_ends_or_does_not_answer_is_told_with_its_last_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    program(tmp_path, "vllm", ENDS)
    with pytest.raises(
        EngineUnavailableError, match="exit code 3 before it answered: its last line is 'CUDA is not there"
    ) as ended:
        with served("vllm", "m", tmp_path / "log"):
            pass
    assert "\x1b" not in str(ended.value)
    program(tmp_path, "llama-server", WAITS)
    waited = list[float]()
    with pytest.raises(EngineUnavailableError, match="did not answer within 1 s: its last line is 'waiting'"):
        with served("llama.cpp", "m", tmp_path / "log", 1.0, waited.append):
            pass
    assert waited
    assert not is_alive(str(tmp_path / "llama-server"))


@pytest.mark.parametrize("server", SERVERS)
def test_each_server_is_found_or_said_to_be_missing(
    server: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("vllm", "llama-server", "transformers"):
        program(tmp_path, name, WAITS)
    monkeypatch.setenv("PATH", str(tmp_path))
    if server == "sglang":  # a module
        monkeypatch.setattr("bootstruct.engines.model_server.find_spec", lambda name: name == "sglang")
    assert {"a/model", "127.0.0.1", "1234"} <= set(command_of(server, "a/model", 1234))
    monkeypatch.setenv("PATH", "")
    monkeypatch.setattr("bootstruct.engines.model_server.find_spec", lambda name: None)
    monkeypatch.setattr("bootstruct.engines.model_server.sys.executable", str(tmp_path / "none" / "python"))
    with pytest.raises(EngineUnavailableError, match=f"{server} is not installed here"):
        command_of(server, "a/model", 1234)


@pytest.mark.parametrize(
    ("server", "model", "says"),
    [
        ("nginx", "m", "'nginx' is no server that can be started"),
        ("", "m", "--serve '' names no server"),
        ("vllm 'open", "m", "No closing quotation"),
        ("vllm", "--api-key", "is no name of a model"),
        ("vllm", "a\nb", "is no name of a model"),
    ],
)
def test_what_cannot_be_served_is_refused(server: str, model: str, says: str) -> None:
    with pytest.raises(InputError, match=says):
        command_of(server, model, 1)


def test_a_log_behind_a_link_is_not_followed(fake: Path, tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    (tmp_path / "victim").write_text("kept")
    (tmp_path / "run" / "server.log").symlink_to(tmp_path / "victim")
    with pytest.raises(InputError, match="link"), served("vllm", "m", tmp_path / "run" / "server.log"):
        pass
    assert (tmp_path / "victim").read_text() == "kept"


def test_other_addresses_and_models_beside_it_are_refused(tmp_path: Path) -> None:
    bs.init(tmp_path / "run", recipe="paper", model="openai/m")
    result = bootstruct("generate", str(tmp_path / "run"), "--serve", "vllm", "--base-url", "http://127.0.0.1:1/v1")
    assert (result.returncode, "leave out --base-url" in result.stderr) == (2, True)
    bs.init(tmp_path / "local", recipe="pocket", model="pocket")
    result = bootstruct("preview", str(tmp_path / "local"), "--serve", "vllm")
    assert (result.returncode, "not for a server" in result.stderr) == (2, True)
