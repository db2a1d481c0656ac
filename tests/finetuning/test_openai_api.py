"""The fine-tuning API, against a server written here after OpenAI's documentation (nothing of it was tried on the real one)."""

import asyncio
import json
from asyncio.subprocess import PIPE
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from bootstruct.errors import EngineUnavailableError, InputError, RunStoppedError
from bootstruct.finetuning.data import TrainingExample, read_part
from bootstruct.finetuning.openai_api import FinetuneEndpoint, finetune_there, training_file
from bootstruct.finetuning.settings import MixturePart
from bootstruct.types import Message
from tests.support.commands import CLI, environment
from tests.support.finetune_runs import make_run
from tests.support.serving import application, serving

EXAMPLES = [
    TrainingExample(f"t{n}", f"p{n}", f" c{n}", (Message("user", f"Say {n}"), Message("assistant", f"é{n}")))
    for n in range(12)
]
KEY = "sk-secret-key-1234567890"


class FakeApi:
    """Files and jobs in memory. A job runs for two looks, then ends as `outcome`. faults: path -> statuses to answer first."""

    def __init__(self, outcome: str = "succeeded", faults: dict[str, list[int]] | None = None) -> None:
        self.outcome, self.faults = outcome, faults or {}
        self.files: list[bytes] = []
        self.jobs: list[dict[str, Any]] = []
        self.looks = 0
        self.keys: set[str | None] = set()

    async def answer(self, request: web.Request) -> web.Response:
        self.keys.add(request.headers.get("authorization"))
        for path, statuses in self.faults.items():
            if request.path == path and statuses:
                return web.json_response({"error": {"message": f"fault, key {KEY}"}}, status=statuses.pop(0))
        if request.path == "/v1/files":
            form = await request.post()
            assert form["purpose"] == "fine-tune"
            self.files.append(form["file"].file.read())
            return web.json_response({"id": f"file-{len(self.files)}", "status": "uploaded"})
        if request.path == "/v1/fine_tuning/jobs":
            self.jobs.append(await request.json())
            return web.json_response({"id": f"ftjob-{len(self.jobs)}", "status": "validating_files"})
        if request.path.endswith("/events"):
            return web.json_response({"data": [{"id": "e2", "message": "Step 2"}, {"id": "e1", "message": "Step 1"}]})
        if request.path.endswith("/content"):
            return web.Response(body=b"step,train_loss\n1,0.5\n")
        self.looks += 1
        if self.looks < 3:
            return web.json_response({"id": "ftjob-1", "status": "running"})
        error = None if self.outcome == "succeeded" else {"message": "bad data"}
        done = {"status": self.outcome, "fine_tuned_model": "ft:m:1", "result_files": ["file-result"], "error": error}
        return web.json_response(done)


def against(api: FakeApi, story: Callable[[FinetuneEndpoint], Awaitable[Any]]) -> Any:
    async def main() -> Any:
        async with serving(application(api.answer)) as address:
            return await story(FinetuneEndpoint(f"{address}/v1", KEY, pause=0.01))

    return asyncio.run(main())


def test_file_job_result(tmp_path: Path) -> None:
    api, result = FakeApi(), []
    done = against(api, lambda place: finetune_there(place, "gpt-x", EXAMPLES, tmp_path, 2, 42, result.append))
    assert done["fine_tuned_model"] == "ft:m:1"
    assert api.files == [training_file(EXAMPLES)]
    (job,) = api.jobs
    assert job == {
        "model": "gpt-x", "training_file": "file-1", "seed": 42,
        "method": {"type": "supervised", "supervised": {"hyperparameters": {"n_epochs": 2}}},
    }  # fmt: skip
    assert (tmp_path / "metrics.csv").read_text().startswith("step,")
    assert json.loads((tmp_path / "job.json").read_text())["status"] == "succeeded"
    assert [line for line in result if "Step" in line] == ["ftjob-1: Step 1", "ftjob-1: Step 2"]
    assert api.keys == {f"Bearer {KEY}"}
    assert all(KEY not in path.read_text() for path in tmp_path.iterdir())


def test_the_command_line(tmp_path: Path) -> None:
    """From a run to the finetuned model's name, then again: a job that has ended is only looked at."""
    api, run, out = FakeApi(), make_run(tmp_path / "run", 12), tmp_path / "there"
    api.looks = 2  # the job has ended when it is first looked at
    words = [*CLI, "finetune", run, "--provider", "openai", "--model", "gpt-x", "--out", out, "--epochs", "3"]

    async def story(place: FinetuneEndpoint) -> list[tuple[int | None, str, str]]:
        env, result = environment(OPENAI_API_KEY=KEY), []
        for _ in range(2):
            process = await asyncio.create_subprocess_exec(
                *map(str, words), "--base-url", place.base_url, env=env, stdout=PIPE, stderr=PIPE
            )
            written, complained = await process.communicate()
            result.append((process.returncode, written.decode(), complained.decode()))
        return result

    for code, written, complained in against(api, story):
        assert code == 0, complained
        assert f"{out}: the finetuned model is ft:m:1" in written
        assert "bootstruct init runs/next --model openai/ft:m:1" in written
        assert KEY not in written + complained
    assert (len(api.files), len(api.jobs)) == (1, 1)
    assert api.jobs[0]["method"]["supervised"]["hyperparameters"] == {"n_epochs": 3}
    rows = [json.loads(line) for line in api.files[0].splitlines()]
    assert len(rows) == len(read_part(MixturePart(str(run)))[1])
    assert all([entry["role"] for entry in row["messages"]] == ["user", "assistant"] for row in rows)
    assert all(KEY not in path.read_text() for path in out.iterdir())


def test_running_again_pays_for_nothing_twice(tmp_path: Path) -> None:
    """The job could not be started at first: the file is not uploaded again, and a started job only followed."""
    api = FakeApi(faults={"/v1/fine_tuning/jobs": [401]})
    with pytest.raises(EngineUnavailableError, match="answers 401") as rejected:
        against(api, lambda place: finetune_there(place, "gpt-x", EXAMPLES, tmp_path, 2, 42, lambda line: None))
    assert KEY not in str(rejected.value)
    for _ in range(2):
        against(api, lambda place: finetune_there(place, "gpt-x", EXAMPLES, tmp_path, 2, 42, lambda line: None))
    assert (len(api.files), len(api.jobs)) == (1, 1)


def test_passing_faults_are_asked_again(tmp_path: Path) -> None:
    faults = {"/v1/files": [500, 429], "/v1/fine_tuning/jobs": [503], "/v1/fine_tuning/jobs/ftjob-1": [502]}
    api = FakeApi(faults=faults)
    against(api, lambda place: finetune_there(place, "gpt-x", EXAMPLES, tmp_path, 2, 42, lambda line: None))
    assert (len(api.files), len(api.jobs)) == (1, 1)
    assert not any(faults.values())


def test_a_job_elsewhere_is_followed_by_its_id(tmp_path: Path) -> None:
    api = FakeApi()
    done = against(api, lambda place: finetune_there(place, "m", [], tmp_path, 2, 42, lambda line: None, job="ftjob-9"))
    assert done["status"] == "succeeded"
    assert (api.files, api.jobs) == ([], [])


def test_a_failed_job_says_why(tmp_path: Path) -> None:
    with pytest.raises(RunStoppedError, match="ended as failed: bad data"):
        against(
            FakeApi("failed"), lambda place: finetune_there(place, "m", EXAMPLES, tmp_path, 2, 42, lambda line: None)
        )


def test_what_the_api_would_refuse_is_never_sent(tmp_path: Path) -> None:
    api = FakeApi()
    with pytest.raises(InputError, match="3 examples, but at least 10"):
        against(api, lambda place: finetune_there(place, "m", EXAMPLES[:3], tmp_path, 2, 42, lambda line: None))
    assert not api.files


def test_a_server_that_is_not_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bootstruct.finetuning.openai_api.ATTEMPTS", 2)
    place = FinetuneEndpoint("http://127.0.0.1:9/v1", None, pause=0.01)
    with pytest.raises(RunStoppedError, match="cannot be reached"):
        asyncio.run(finetune_there(place, "m", EXAMPLES, tmp_path, 2, 42, lambda line: None))
