"""Workers on a Ray cluster: each is an actor with a model, asked as a model on this machine is.

Ray restarts nothing of its own accord here: the crew knows what a lost worker held, and starts another one where there is
room. An actor returns failures as values, since not all of our exceptions travel. Ray itself is imported when a run begins.
"""

import asyncio
import contextlib
import importlib.util
import os
import secrets
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

from bootstruct import __version__
from bootstruct.domain import Prompt, Reply
from bootstruct.engines.cluster import Lost, Worker
from bootstruct.engines.local import Answer, Model
from bootstruct.errors import BadInput, BootstructError, DoorClosed, Permanent
from bootstruct.settings import Actor

Load = Callable[[str], Model]
Packed = Reply | tuple[int, str]  # of an answer: a reply, or status and reason of Permanent

LOCAL = "local"
KNOCK = 5.0  # seconds until an address that does not answer is given up
WATCH_EVERY = 5.0  # seconds between two looks whether the cluster is there
MISSED = 3  # looks in a row in vain: lost. Ray ends the whole process after 60 s without its head
STARTS = 3  # of a local Ray, which gives itself 30 s: on a busy machine that may be too short
STORE = 80 * 2**20  # bytes of Ray's object store on this machine; nothing here uses it, 75 MB is the least


def require_ray() -> None:
    """Raises BadInput where Ray is missing. Imports nothing."""
    if importlib.util.find_spec("ray") is None:
        raise BadInput("Engines that begin with ray/ need ray, which is not installed: pip install 'bootstruct[ray]'.")


class Host:
    """What runs in an actor. folder: where relative paths begin, if the node has it."""

    def __init__(self, load: Load, folder: str) -> None:
        with contextlib.suppress(OSError):
            os.chdir(folder)
        self._load = load
        self._models: dict[str, Model] = {}

    def here(self) -> tuple[str, str]:
        """The version of this package, and the id of the node."""
        import ray

        return __version__, str(ray.get_runtime_context().get_node_id())

    def load(self, name: str) -> str | None:
        """Why the model of this name cannot be had, None where it is there."""
        try:
            if name not in self._models:
                self._models[name] = self._load(name)
        except BootstructError as exc:
            return str(exc)
        return None

    def generate(self, prompts: list[Prompt]) -> list[Packed] | str:
        """The answers to prompts of one model, or why no worker can give any."""
        name = prompts[0].model
        if refused := self.load(name):
            return refused
        try:
            answers = self._models[name].generate(prompts, lambda: False)
        except BootstructError as exc:
            return str(exc)
        return [each if isinstance(each, Reply) else (each.status, each.reason) for each in answers]


class ActorWorker:
    """A worker on Ray. handle: of the actor. node: where it was placed."""

    node = ""

    def __init__(self, ray: Any, handle: Any) -> None:
        self._ray, self._handle, self._is_stopped = ray, handle, False

    async def place(self) -> None:
        theirs, self.node = await self._told(self._handle.here.remote())
        if theirs != __version__:
            raise DoorClosed(
                f"A node of the cluster has bootstruct {theirs}, this machine {__version__}: install the same one on all."
            )

    async def load(self, model: str) -> None:
        refused = await self._told(self._handle.load.remote(model))
        if refused:
            raise DoorClosed(refused)

    async def generate(self, prompts: list[Prompt]) -> list[Answer]:
        packed = await self._told(self._handle.generate.remote(prompts))
        if isinstance(packed, str):
            raise DoorClosed(packed)
        return [each if isinstance(each, Reply) else Permanent(*each) for each in packed]

    async def _told(self, reference: Any) -> Any:
        try:
            return await asyncio.wrap_future(reference.future())
        except self._ray.exceptions.RayError as exc:
            self.stop()  # also where the process lives on: after an error nobody expected, a new one is sounder
            raise Lost(reason_of(exc)) from None

    def stop(self) -> None:
        if not self._is_stopped:
            self._is_stopped = True
            with contextlib.suppress(Exception):  # what is gone cannot be killed
                self._ray.kill(self._handle)


class OnRay:
    """A Ray cluster. address: HOST:PORT of one that runs (this machine is one of its nodes), `auto`, or `local` for one that
    is started here and ends with the run. load: gives the model of a name; runs in the actors. actor: what one takes."""

    def __init__(self, load: Load, address: str = LOCAL, actor: Actor | None = None) -> None:
        self.address, self.actor = address, actor or Actor()
        self._load = load
        self._ray: Any = None
        self._head = ("", 0)
        self._nodes: list[dict[str, Any]] = []  # alive, as of the last look

    async def open(self) -> None:
        await asyncio.to_thread(self._connect)

    def _connect(self) -> None:
        self._ray = connect(self.address)
        self._head = split_address(self._ray.get_runtime_context().gcs_address)
        self._look()
        self._options = self._options_of(self.actor)

    def _options_of(self, actor: Actor) -> dict[str, Any]:
        gpus = actor.gpus
        if gpus is None:
            gpus = 1.0 if any(node["Resources"].get("GPU") for node in self._nodes) else 0.0
        return {
            "num_cpus": actor.cpus, "num_gpus": gpus, "resources": dict(actor.resources),
            "max_restarts": 0, "max_task_retries": 0, "scheduling_strategy": "SPREAD",
        }  # fmt: skip

    def room(self) -> int:
        needs = self._needs()
        rooms = [
            min((int(node["Resources"].get(name, 0) / need + 1e-9) for name, need in needs.items()), default=1)
            for node in self._nodes
        ]
        return sum(rooms)

    def _needs(self) -> dict[str, float]:
        needs = {"CPU": self._options["num_cpus"], "GPU": self._options["num_gpus"], **self._options["resources"]}
        return {name: need for name, need in needs.items() if need}

    def worker(self) -> Worker:
        actor = self._ray.remote(Host).options(**self._options)
        return ActorWorker(self._ray, actor.remote(self._load, str(Path.cwd())))

    async def watch(self) -> str:
        missed = 0
        while missed < MISSED:
            await asyncio.sleep(WATCH_EVERY)
            try:
                await asyncio.to_thread(knock, *self._head)
                is_there = await asyncio.wait_for(asyncio.to_thread(self._look), KNOCK)
            except (DoorClosed, TimeoutError):
                is_there = False
            missed = 0 if is_there else missed + 1
        return f"{name_of(self.address)} is lost: its head, or the node on this machine, does not answer any more."

    def _look(self) -> bool:
        """Take down which nodes are alive; whether the one of this machine is. May block for as long as the head does."""
        self._nodes = [node for node in self._ray.nodes() if node["Alive"]]
        mine = self._ray.get_runtime_context().get_node_id()
        return any(node["NodeID"] == mine for node in self._nodes)

    def full(self) -> str:
        need = ", ".join(f"{need:g} {name}" for name, need in self._needs().items())
        there = "; ".join(
            ", ".join(f"{node['Resources'].get(name, 0):g} {name}" for name in self._needs()) for node in self._nodes
        )
        return (
            f"{name_of(self.address)} has no room for a worker of {need} (its nodes: {there or 'none'}): set `ray_actor` in "
            "the settings, free or add a node, or raise `ray_wait` where nodes come by themselves."
        )

    async def close(self) -> None:
        if self._ray is not None:
            await asyncio.to_thread(self._ray.shutdown)
            self._ray = None


def connect(address: str) -> Any:
    """The module `ray`, connected. Blocks for some seconds. Raises BadInput, and DoorClosed where nobody is there."""
    if address not in (LOCAL, "auto"):
        knock(*split_address(address))
    os.environ |= {"RAY_USAGE_STATS_ENABLED": "0"}  # nothing is reported to anybody
    if address == LOCAL and "RAY_AUTH_MODE" not in os.environ:
        # Ray listens to the whole network, also where it is told not to: whoever has no token gets nothing done
        os.environ |= {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": secrets.token_hex(32)}
    import ray

    words: dict[str, Any] = {"log_to_driver": False, "logging_level": "CRITICAL"}
    if address == LOCAL:
        words |= {"_node_ip_address": "127.0.0.1", "include_dashboard": False, "object_store_memory": STORE}
    for tries_left in reversed(range(STARTS if address == LOCAL else 1)):
        try:
            ray.init(address=address, **words)
            break
        except (Exception, SystemExit) as exc:  # Ray leaves by SystemExit where a head does not answer
            ray.shutdown()
            if not tries_left:
                told = _one_line(exc) or "it does not answer"
                raise DoorClosed(f"{name_of(address)} cannot be used: {told}.") from None
    # Ray repeats on the terminal whatever dies, with lines of its logs; a run tells what the user must know.
    ray._private.worker.print_to_stdstream = lambda data, ignore_prefix: None
    return ray


def knock(host: str, port: int) -> None:
    """Raises DoorClosed where nobody listens. Ray itself would try for two minutes."""
    try:
        socket.create_connection((host, port), KNOCK).close()
    except OSError:
        raise DoorClosed(
            f"No Ray cluster answers at {host}:{port}; `ray status` on one of its nodes tells the address, and this "
            "machine joins it with `ray start --address=HOST:PORT`."
        ) from None


def name_of(address: str) -> str:
    return "Ray on this machine" if address == LOCAL else f"The Ray cluster at {address}"


def split_address(address: str) -> tuple[str, int]:
    """(host, port). Raises BadInput."""
    host, _, port = address.rpartition(":")
    if "://" in address:
        raise BadInput(
            f"--ray-address {address}: Ray's client protocol is not used; run bootstruct on a node of the cluster "
            "(`ray start --address=HOST:PORT` makes this machine one) and give HOST:PORT."
        )
    if not host or not port.isdecimal() or not 0 < int(port) < 65536:
        raise BadInput(f"--ray-address {address}: give HOST:PORT, as in 10.0.0.1:6379, or `auto`, or `local`.")
    return host.strip("[]"), int(port)


def reason_of(exc: Exception) -> str:
    """One sentence of what Ray says in many: its last line where it tells of a death, the cause where an actor raised."""
    cause = getattr(exc, "cause", None)
    if isinstance(cause, BaseException):
        return f"{type(cause).__name__}: {_one_line(cause)}"
    lines = [line.strip() for line in str(exc).splitlines() if line.strip()]
    told = [line for line in lines if not line.startswith(("class_name:", "actor_id:", "pid:", "namespace:", "ip:"))]
    return (told[-1] if told else type(exc).__name__).split(". ")[0][:300].rstrip(".")


def _one_line(exc: BaseException) -> str:
    return "" if isinstance(exc, SystemExit) else " ".join(str(exc).split())[:300].rstrip(".")


def address_of(given: str | None) -> str:
    """Where the cluster is: as given, else RAY_ADDRESS, Ray's own variable, else one of this machine alone."""
    return given or os.environ.get("RAY_ADDRESS") or LOCAL
