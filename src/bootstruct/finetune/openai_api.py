"""OpenAI's fine-tuning API, the way the paper's models were finetuned: check the file, upload, start, follow, fetch.

Each step that was done is written down in the folder (`job.json`), so that running the same command again goes on where it
stopped and pays for nothing twice. The key comes from the environment and is written nowhere.
"""

import asyncio
import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bootstruct.engines.openai import KEY_SHAPE
from bootstruct.errors import BadInput, DoorClosed, StoppedShort
from bootstruct.files import write_whole
from bootstruct.finetune.data import Taught
from bootstruct.finetune.train import Tell
from bootstruct.openai_format import openai_faults

if TYPE_CHECKING:
    import aiohttp

JOB, FILE, METRICS = "job.json", "train.jsonl", "metrics.csv"
EPOCHS = 2  # appendix A.3 of the paper
ENDED = {"succeeded", "failed", "cancelled"}
ATTEMPTS = 6  # of a call that fails in passing, with pauses that double from FIRST_PAUSE seconds
FIRST_PAUSE = 1.0
TIMEOUT = 600.0  # seconds a call may take; uploads are large


@dataclass(frozen=True, slots=True)
class Place:
    """Where the API is, and how to get in. pause: seconds between two looks at a job."""

    base_url: str
    key: str | None
    pause: float = 20.0


def training_file(examples: Sequence[Taught]) -> bytes:
    """The examples as chat messages, one a line, checked as the API checks them. Raises BadInput with the first fault."""
    rows = [{"messages": [{"role": m.role, "content": m.content} for m in each.messages]} for each in examples]
    content = b"".join(json.dumps(row, ensure_ascii=False).encode() + b"\n" for row in rows)
    faults = openai_faults(content)
    if faults:
        raise BadInput(f"The fine-tuning API would refuse the training data: {faults[0]}.")
    return content


async def finetune_there(
    place: Place, model: str, examples: Sequence[Taught], out: Path, epochs: int, seed: int, tell: Tell, job: str = ""
) -> dict[str, Any]:
    """Finetune `model` on the examples there and return the finished job; `out` gets the file, the job and its metrics.

    job: follow this one instead of starting any. Raises DoorClosed where the API refuses, StoppedShort where the job failed
    or the API cannot be reached for long.
    """
    known = _read(out / JOB)
    if job:
        known = {"job": job}
    elif not known:
        content = training_file(examples)
        write_whole(out / FILE, content)
        known = {"sha256": hashlib.sha256(content).hexdigest(), "model": model, "epochs": epochs}
    elif known.get("model") != model:
        raise BadInput(f"{out}: holds a job for the model {known.get('model')!r}; choose another folder.")
    async with _session(place) as session:
        api = Api(session, place)
        if "job" not in known:
            if "file" not in known:
                known["file"] = (await api.upload((out / FILE).read_bytes()))["id"]
                _write(out, known)
                tell(f"uploaded {out / FILE} as {known['file']}")
            known["job"] = (await api.start(model, known["file"], epochs, seed))["id"]
            _write(out, known)
            tell(f"started {known['job']}")
        ended = await api.follow(known["job"], tell)
        _write(out, known | {"status": ended["status"], "fine_tuned_model": ended.get("fine_tuned_model")})
        if ended["status"] != "succeeded":
            reason = (ended.get("error") or {}).get("message") or "no reason given"
            raise StoppedShort(f"The job {known['job']} ended as {ended['status']}: {reason}")
        for name in ended.get("result_files") or []:
            write_whole(out / METRICS, await api.content(name))
        return ended


class Api:
    """The five calls that are needed."""

    def __init__(self, session: "aiohttp.ClientSession", place: Place) -> None:
        self.session, self.place = session, place

    async def upload(self, content: bytes) -> dict[str, Any]:
        import aiohttp

        def form() -> aiohttp.FormData:
            made = aiohttp.FormData()
            made.add_field("purpose", "fine-tune")
            made.add_field("file", content, filename=FILE, content_type="application/jsonl")
            return made

        return _object(await self._call("POST", "/files", lambda: {"data": form()}))

    async def start(self, model: str, file: str, epochs: int, seed: int) -> dict[str, Any]:
        method = {"type": "supervised", "supervised": {"hyperparameters": {"n_epochs": epochs}}}
        body = {"model": model, "training_file": file, "seed": seed, "method": method}
        return _object(await self._call("POST", "/fine_tuning/jobs", lambda: {"json": body}))

    async def follow(self, job: str, tell: Tell) -> dict[str, Any]:
        """The job when it has ended; its messages are told as they come."""
        seen: set[str] = set()
        while True:
            state = _object(await self._call("GET", f"/fine_tuning/jobs/{job}"))
            events = _object(await self._call("GET", f"/fine_tuning/jobs/{job}/events?limit=50")).get("data") or []
            for event in reversed(events):
                if event.get("id") not in seen:
                    seen.add(event.get("id"))
                    tell(f"{job}: {event.get('message')}")
            if state.get("status") in ENDED:
                return state
            await asyncio.sleep(self.place.pause)

    async def content(self, file: str) -> bytes:
        return await self._call("GET", f"/files/{file}/content")

    async def _call(self, method: str, path: str, body: Any = dict) -> bytes:
        """The body of a 200. Starting a job is repeated only where it surely did not begin."""
        import aiohttp

        pause, said = FIRST_PAUSE * min(1.0, self.place.pause), ""
        for _ in range(ATTEMPTS):
            try:
                async with self.session.request(method, self.place.base_url.rstrip("/") + path, **body()) as response:
                    content = await response.read()
                    if response.status == 200:
                        return content
                    said = f"answers {response.status}: {_message(content)}"
                    if response.status not in (429, 500, 502, 503, 504):
                        raise DoorClosed(f"{self.place.base_url}{path} {said}; check key, model and file.")
            except (aiohttp.ClientError, OSError, TimeoutError) as exc:
                said = f"cannot be reached ({type(exc).__name__})"
                if method == "POST" and path.endswith("jobs") and not isinstance(exc, aiohttp.ClientConnectorError):
                    raise StoppedShort(
                        f"{self.place.base_url}: the connection broke while the job was started; look there whether it runs, "
                        "then go on with --job ID, or run the same command again to start one."
                    ) from None
            await asyncio.sleep(pause)
            pause *= 2
        raise StoppedShort(
            f"{self.place.base_url}{path} {said}, {ATTEMPTS} times. Run the same command again to go on."
        )


def _session(place: Place) -> "aiohttp.ClientSession":
    import aiohttp

    headers = {"authorization": f"Bearer {place.key}"} if place.key else {}
    return aiohttp.ClientSession(headers=headers, timeout=aiohttp.ClientTimeout(total=TIMEOUT, sock_connect=10))


def _message(content: bytes) -> str:
    try:
        error = json.loads(content)["error"]
        said = str(error["message"] if isinstance(error, dict) else error)
    except (ValueError, KeyError, TypeError):
        said = content.decode("utf-8", "replace")
    return " ".join(KEY_SHAPE.sub("[key]", said).split())[:300].rstrip(".") or "no message"


def _object(content: bytes) -> dict[str, Any]:
    try:
        value = json.loads(content)
    except ValueError:
        value = None
    if not isinstance(value, dict):
        raise DoorClosed("The fine-tuning API answered something that is no JSON object; is the address right?")
    return value


def _read(path: Path) -> dict[str, Any]:
    return _object(path.read_bytes()) if path.is_file() else {}


def _write(out: Path, known: dict[str, Any]) -> None:
    write_whole(out / JOB, json.dumps(known, indent=1).encode())
