"""The worker pool on a real Ray cluster of simulated nodes, one of them killed in the middle; and the command line on a local one."""

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import click
import pytest

from bootstruct.cli.shared_options import ActorRange
from bootstruct.config.machine import MachineSettings, RayActorSettings, read_machine
from bootstruct.engines.build import open_engine
from bootstruct.engines.ray import actors as on_ray
from bootstruct.engines.ray.worker_pool import WorkerPool
from bootstruct.engines.traffic.budgeted import BudgetAmount, BudgetLimits
from bootstruct.errors import InputError
from bootstruct.run.init import split_model
from tests.support.commands import bootstruct_process, environment
from tests.support.paths import ROOT

HAS_RAY = importlib.util.find_spec("ray") is not None
HAS_TORCH = all(importlib.util.find_spec(name) for name in ("torch", "transformers"))
needs_ray = pytest.mark.skipif(not HAS_RAY, reason="ray is not installed: pip install 'bootstruct[ray]'")


def apart(module: str, *words: object) -> list[dict[str, Any]]:
    """Run a module that prints JSON lines; in a network of its own where this user may, as Ray's ports have no lock."""
    command = [sys.executable, "-m", module, *map(str, words)]
    if (
        os.geteuid() == 0
        and subprocess.run(["unshare", "-n", "true"], capture_output=True, check=False).returncode == 0
    ):
        command = ["unshare", "-n", "bash", "-c", 'ip link set lo up; exec "$@"', "bash", *command]
    env = environment(PYTHONPATH=os.pathsep.join((str(ROOT), str(ROOT / "src"))))
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, timeout=600, check=False, env=env)
    result = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
    assert result, done.stderr[-3000:]
    assert result[-1] == {"case": "end"}, done.stderr[-3000:]
    return result


@needs_ray
@pytest.mark.real
def test_nodes_and_workers_that_die_change_no_byte(tmp_path: Path) -> None:
    for name in ("alone", "spread"):
        (tmp_path / name).mkdir()
    result = {entry["case"]: entry for entry in apart("tests.support.on_cluster", tmp_path)}
    node = result["node"]
    assert node["same"], node
    assert node["size"] > 1000
    assert node["lost"] >= 1
    assert node["replies"] == node["once"]  # nothing is written down twice
    killer = result["killer"]
    assert (killer["right"], killer["kind"]) == (19, "RequestRejectedError")
    assert "4 workers died during this request, the last one while it computed nothing else" in killer["written"]
    assert result["room"]["kind"] == "EngineUnavailableError"
    assert "no capacity for a worker with 1 CPU, 3 GPU" in result["room"]["written"]
    assert result["cluster"]["written"][0] == "RunStoppedError"
    assert "is lost" in result["cluster"]["written"][1]
    assert "run the same command again to continue" in result["cluster"]["written"][1]


@needs_ray
@pytest.mark.real
@pytest.mark.skipif(not HAS_TORCH, reason="torch is not installed: pip install 'bootstruct[local]'")
def test_the_pocket_model_on_a_local_cluster_writes_what_it_writes_in_one_process(tmp_path: Path) -> None:
    calm = {"OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1"}
    exports = []
    for name, words in (("one", ()), ("ray", ("--engine", "ray/pocket", "--ray-actors", "1:2"))):
        run = tmp_path / name
        assert bootstruct_process("init", run, "--recipe", "pocket").returncode == 0
        done = bootstruct_process("generate", run, "--tasks", 6, "--quiet", "--ignore-stall", *words, **calm)
        assert done.returncode == 0, done.stderr
        assert (
            bootstruct_process("export", run, "--format", "alpaca", "--out", tmp_path / f"{name}.json").returncode == 0
        )
        exports.append((tmp_path / f"{name}.json").read_bytes())
    assert exports[0] == exports[1]
    # the journal knows nothing of the cluster: either engine goes on with it
    assert bootstruct_process("generate", tmp_path / "ray", "--tasks", 6, "--quiet", **calm).returncode == 0


@needs_ray
@pytest.mark.real
@pytest.mark.skipif(not HAS_TORCH, reason="torch is not installed: pip install 'bootstruct[local]'")
def test_workers_take_no_module_from_the_current_folder(tmp_path: Path) -> None:
    for module in ("orjson", "pyarrow", "jinja2", "yaml", "torch"):
        (tmp_path / f"{module}.py").write_text(f"open({str(tmp_path / 'mark')!r}, 'w')\nraise ImportError")
    env = environment(PYTHONPATH=str(ROOT / "src"), OMP_NUM_THREADS="1", HF_HUB_OFFLINE="1")
    words = ["--recipe", "pocket", "--model", "ray/pocket"]
    for command in (["init", "run", *words], ["generate", "run", "--tasks", "1", "--ray-actors", "1:1", "--quiet"]):
        command = [sys.executable, "-P", "-m", "bootstruct", *command]
        done = subprocess.run(command, cwd=tmp_path, env=env, capture_output=True, text=True, timeout=300, check=False)
        assert done.returncode == 0, done.stderr
    assert not (tmp_path / "mark").exists()


@needs_ray
@pytest.mark.parametrize(
    ("address", "written"),
    [
        ("127.0.0.1:9", "No Ray cluster responds at 127.0.0.1:9"),
        ("ray://127.0.0.1:10001", "client protocol is not supported"),
        ("nowhere", "give HOST:PORT"),
    ],
)
def test_a_cluster_that_is_not_there_is_one_sentence(tmp_path: Path, address: str, written: str) -> None:
    assert bootstruct_process("init", tmp_path / "run", "--recipe", "pocket", "--model", "ray/pocket").returncode == 0
    assert "engine: ray/pocket" in (tmp_path / "run" / "machine.yaml").read_text()
    done = bootstruct_process("generate", tmp_path / "run", "--tasks", 2, "--quiet", "--ray-address", address)
    assert done.returncode == 2
    assert written in done.stderr
    assert done.stderr.count("\n") == 1


def test_without_ray_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    find = importlib.util.find_spec
    monkeypatch.setattr(on_ray.importlib.util, "find_spec", lambda name: None if name == "ray" else find(name))
    with pytest.raises(InputError, match=r"pip install 'bootstruct\[ray\]'"):
        open_engine(MachineSettings(engine="ray/hf"), BudgetLimits(), BudgetAmount())


def test_the_settings_reach_the_worker_pool(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(on_ray.importlib.util, "find_spec", lambda name: object())
    stack = open_engine(
        MachineSettings(engine="ray/hf", ray_actors=(2, 5), ray_address="10.0.0.1:6379"), BudgetLimits(), BudgetAmount()
    )
    pool = stack.retrying.engine.engines[0].engine  # type: ignore[attr-defined]
    assert isinstance(pool, WorkerPool)
    assert (pool.least, pool.most, pool.cluster.address) == (2, 5, "10.0.0.1:6379")  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("given", "variable", "found"), [(None, None, "local"), (None, "a:1", "a:1"), ("b:2", "a:1", "b:2")]
)
def test_where_the_cluster_is(monkeypatch: pytest.MonkeyPatch, given: str, variable: str, found: str) -> None:
    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    if variable:
        monkeypatch.setenv("RAY_ADDRESS", variable)
    assert on_ray.address_of(given) == found


@pytest.mark.parametrize(
    ("written", "reason"),
    [
        ("The actor died unexpectedly.\n\tpid: 3\n\tip: 1.2.3.4\nThe actor is dead because of this. More. And more.",
         "The actor is dead because of this"),
        ("", "ValueError"),
    ],
)  # fmt: skip
def test_reasons_are_one_sentence(written: str, reason: str) -> None:
    assert on_ray.reason_of(ValueError(written)) == reason


def test_settings_of_a_cluster_are_read_and_checked(tmp_path: Path) -> None:
    text = "engine: ray/hf\nray_address: 10.0.0.1:6379\nray_actors: [2, 8]\nray_wait: 600\n"
    (tmp_path / "machine.yaml").write_text(text + "ray_actor: {gpus: 0.5, cpus: 4, resources: {a100: 1}}\n")
    machine = read_machine(tmp_path)
    assert machine.ray_actor == RayActorSettings(0.5, 4.0, {"a100": 1.0})
    assert (machine.ray_address, machine.ray_actors, machine.ray_wait) == ("10.0.0.1:6379", (2, 8), 600.0)
    assert read_machine(tmp_path, ray_actors=(1,)).ray_actors == (1,)
    for wrong in ("ray_actors: [3, 2]", "ray_actors: [0]", "ray_wait: 0", "ray_actor: {cpus: -1}", "ray_actors: 1:8"):
        (tmp_path / "machine.yaml").write_text(wrong)
        with pytest.raises(InputError, match="ray_"):
            read_machine(tmp_path)


@pytest.mark.parametrize(("written", "meant"), [("4", (4, 4)), ("1:8", (1, 8)), ("2:", (2,))])
def test_numbers_of_actors(written: str, meant: tuple[int, ...]) -> None:
    assert ActorRange().convert(written, None, None) == meant


@pytest.mark.parametrize("written", ["", "x", ":", ":8", "1:x", "-1"])
def test_what_is_no_number_of_actors(written: str) -> None:
    with pytest.raises(click.BadParameter):
        ActorRange().convert(written, None, None)


def test_a_model_on_ray_is_named_with_ray_before_it() -> None:
    assert split_model("ray/hf/Qwen/Qwen3-0.6B") == ("ray/hf", "Qwen/Qwen3-0.6B")
    assert split_model("ray/pocket") == ("ray/pocket", "pocket")
    with pytest.raises(InputError):
        split_model("ray/openai/gpt-4.1-mini")
