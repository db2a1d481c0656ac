"""OpenAI's fine-tuning API, with which the paper's models were finetuned: check the file, upload, start, follow, fetch.

Each finished step is recorded in the folder (`job.json`), so that running the same command again continues where it
stopped and pays for nothing twice. The key comes from the environment and is written nowhere.
"""

import asyncio
import hashlib
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bootstruct.config.addresses import secrets_of, shown_address
from bootstruct.engines.redaction import Redactor
from bootstruct.engines.response import KEY_SHAPE
from bootstruct.errors import EngineUnavailableError, InputError, RunStoppedError
from bootstruct.export.openai_chat_validation import openai_faults
from bootstruct.finetuning.data import TrainingExample
from bootstruct.finetuning.train import Tell
from bootstruct.io.files import write_whole
from bootstruct.io.rows import read_json
from bootstruct.io.trust import open_inside, require_no_links
from bootstruct.render.sanitize import one_line

if TYPE_CHECKING:
    import aiohttp

JOB, FILE, METRICS = "job.json", "train.jsonl", "metrics.csv"
EPOCHS = 2  # appendix A.3 of the paper
ENDED = {"succeeded", "failed", "cancelled"}
ATTEMPTS = 6  # of a call that fails transiently, with pauses that double from FIRST_PAUSE seconds
FIRST_PAUSE = 1.0
TIMEOUT = 600.0  # seconds per request; uploads are large
MOST_BYTES = 256 * 2**20  # of a response, decompressed
_ID = re.compile(r"[0-9A-Za-z][0-9A-Za-z_.:-]{0,199}")  # a part of addresses


@dataclass(frozen=True, slots=True)
class FinetuneEndpoint:
    """The address of the API and its key.

    Attributes:
        pause: seconds between two checks of a job.
    """

    base_url: str
    key: str | None
    pause: float = 20.0


def training_file(examples: Sequence[TrainingExample]) -> bytes:
    """The examples as chat messages, one per line, checked like the API. Raises InputError with the first fault."""
    rows = [{"messages": [{"role": m.role, "content": m.content} for m in example.messages]} for example in examples]
    content = b"".join(json.dumps(row, ensure_ascii=False).encode() + b"\n" for row in rows)
    faults = openai_faults(content)
    if faults:
        raise InputError(f"The fine-tuning API would reject the training data: {faults[0]}.")
    return content


async def finetune_there(
    place: FinetuneEndpoint,
    model: str,
    examples: Sequence[TrainingExample],
    out: Path,
    epochs: int,
    seed: int,
    tell: Tell,
    job: str = "",
) -> dict[str, Any]:
    """Finetune `model` with the API and return the finished job; `out` gets the file, the job and its metrics.

    Args:
        job: follow this one instead of starting one.

    Raises EngineUnavailableError if the API refuses, RunStoppedError where the job failed or the API cannot be
    reached for long.
    """
    require_no_links(out)
    known = _read(out / JOB)
    if job:
        known = {"job": job}
    elif not known:
        content = training_file(examples)
        write_whole(out / FILE, content)
        known = {"sha256": hashlib.sha256(content).hexdigest(), "model": model, "epochs": epochs}
    elif known.get("model") != model:
        raise InputError(f"{out}: contains a job for the model {known.get('model')!r}; choose another folder.")
    async with _session(place) as session:
        api = FinetuneApi(session, place)
        if "job" not in known:
            if "file" not in known:
                known["file"] = _id((await api.upload(_content(out / FILE))).get("id"))
                _write(out, known)
                tell(f"uploaded {out / FILE} as {known['file']}")
            known["job"] = _id((await api.start(model, _id(known["file"]), epochs, seed)).get("id"))
            _write(out, known)
            tell(f"started {known['job']}")
        ended = await api.follow(_id(known["job"]), tell)
        _write(out, known | {"status": ended["status"], "fine_tuned_model": ended.get("fine_tuned_model")})
        if ended["status"] != "succeeded":
            error = ended.get("error")
            reason = (error.get("message") if isinstance(error, dict) else error) or "no reason given"
            raise RunStoppedError(f"The job {known['job']} ended as {ended['status']}: {one_line(str(reason), 300)}")
        if not isinstance(ended.get("fine_tuned_model"), str):
            raise EngineUnavailableError(
                f"{api.where}: the job {known['job']} succeeded but names no model; look it up there."
            )
        files = ended.get("result_files")
        for name in files if isinstance(files, list) else []:
            write_whole(out / METRICS, await api.content(_id(name)))
        return ended


class FinetuneApi:
    """The five calls that are needed."""

    def __init__(self, session: "aiohttp.ClientSession", place: FinetuneEndpoint) -> None:
        self.session, self.place, self.where = session, place, shown_address(place.base_url)
        self._redactor = Redactor([place.key or "", *secrets_of(place.base_url)])

    async def upload(self, content: bytes) -> dict[str, Any]:
        """Send the training file; returns the API's description of it."""
        import aiohttp

        def form() -> aiohttp.FormData:
            made = aiohttp.FormData()
            made.add_field("purpose", "fine-tune")
            made.add_field("file", content, filename=FILE, content_type="application/jsonl")
            return made

        return _object(await self._call("POST", "/files", lambda: {"data": form()}))

    async def start(self, model: str, file: str, epochs: int, seed: int) -> dict[str, Any]:
        """Begin the job; returns the API's description of it."""
        method = {"type": "supervised", "supervised": {"hyperparameters": {"n_epochs": epochs}}}
        body = {"model": model, "training_file": file, "seed": seed, "method": method}
        return _object(await self._call("POST", "/fine_tuning/jobs", lambda: {"json": body}))

    async def follow(self, job: str, tell: Tell) -> dict[str, Any]:
        """Wait for the job to end and return it; its messages are reported as they come."""
        seen: set[str] = set()
        while True:
            state = _object(await self._call("GET", f"/fine_tuning/jobs/{job}"))
            events = _object(await self._call("GET", f"/fine_tuning/jobs/{job}/events?limit=50")).get("data")
            for event in reversed(events if isinstance(events, list) else []):
                if isinstance(event, dict) and (name := str(event.get("id"))) not in seen:
                    seen.add(name)
                    tell(f"{job}: {one_line(str(event.get('message')), 300)}")
            if str(state.get("status")) in ENDED:
                return state
            await asyncio.sleep(self.place.pause)

    async def content(self, file: str) -> bytes:
        """The bytes of a file at the API."""
        return await self._call("GET", f"/files/{file}/content")

    async def _call(self, method: str, path: str, body: Any = dict) -> bytes:
        """The body of a 200. Starting a job is repeated only if it certainly did not begin."""
        import aiohttp

        pause, reason = FIRST_PAUSE * min(1.0, self.place.pause), ""
        for _ in range(ATTEMPTS):
            try:
                address = self.place.base_url.rstrip("/") + path
                async with self.session.request(method, address, allow_redirects=False, **body()) as response:
                    content = self._redactor.clean(await _body(response, self.where))
                    if response.status == 200:
                        return content
                    reason = f"answers {response.status}: {_message(content)}"
                    if response.status not in (429, 500, 502, 503, 504):
                        raise EngineUnavailableError(f"{self.where}{path} {reason}; check key, model and file.")
            except (aiohttp.ClientError, OSError, TimeoutError) as exc:
                reason = f"cannot be reached ({type(exc).__name__})"
                if method == "POST" and path.endswith("jobs") and not isinstance(exc, aiohttp.ClientConnectorError):
                    raise RunStoppedError(
                        f"{self.where}: the connection broke while the job was started; check there whether it runs, "
                        "then continue with --job ID, or run the same command again to start one."
                    ) from None
            await asyncio.sleep(pause)
            pause *= 2
        raise RunStoppedError(f"{self.where}{path} {reason}, {ATTEMPTS} times. Run the same command again to continue.")


def _session(place: FinetuneEndpoint) -> "aiohttp.ClientSession":
    import aiohttp

    headers = {"authorization": f"Bearer {place.key}"} if place.key else {}
    return aiohttp.ClientSession(headers=headers, timeout=aiohttp.ClientTimeout(total=TIMEOUT, sock_connect=10))


async def _body(response: "aiohttp.ClientResponse", where: str) -> bytes:
    """A whole response, unless it is too large."""
    pieces, size = [], 0
    async for piece in response.content.iter_chunked(2**16):
        pieces.append(piece)
        size += len(piece)
        if size > MOST_BYTES:
            raise EngineUnavailableError(
                f"{where} answers with more than {MOST_BYTES // 2**20} MiB; is the address right?"
            )
    return b"".join(pieces)


def _id(value: object) -> str:
    """A value as the id of a file or a job, which becomes a part of addresses. Raises EngineUnavailableError for others."""
    if not isinstance(value, str) or ".." in value or not _ID.fullmatch(value):
        raise EngineUnavailableError(f"{value!r:.60} cannot be the id of a file or a job of the fine-tuning API.")
    return value


def _message(content: bytes) -> str:
    try:
        error = json.loads(content)["error"]
        reason = str(error["message"] if isinstance(error, dict) else error)
    except (ValueError, KeyError, TypeError, RecursionError):
        reason = content.decode("utf-8", "replace")
    return " ".join(KEY_SHAPE.sub("[key]", reason).split())[:300].rstrip(".") or "no message"


def _object(content: bytes) -> dict[str, Any]:
    try:
        value = json.loads(content)
    except (ValueError, RecursionError):
        value = None
    if not isinstance(value, dict):
        raise EngineUnavailableError(
            "The fine-tuning API answered with something other than a JSON object; is the address right?"
        )
    return value


def _read(path: Path) -> dict[str, Any]:
    if not path.is_file() and not path.is_symlink():
        return {}
    value = read_json(path, path.parent)
    if not isinstance(value, dict):
        raise InputError(f"{path}: does not describe a job; choose another folder, or delete it.")
    return value


def _content(path: Path) -> bytes:
    """The training file that was written before. Raises InputError where it is a link or cannot be read."""
    try:
        with open(open_inside(path.parent, path), "rb") as file:
            return file.read()
    except OSError as exc:
        raise InputError(
            f"{path}: cannot be read: {exc.strerror}; choose another folder, or delete {JOB} there."
        ) from None


def _write(out: Path, known: dict[str, Any]) -> None:
    write_whole(out / JOB, json.dumps(known, indent=1).encode())
