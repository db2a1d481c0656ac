"""Workers on a Ray cluster: each is an actor with a model, used like a model on this machine.

Ray restarts nothing by itself here: the worker pool knows the requests of a lost worker, and starts another one if
there is capacity. An actor returns failures as values, because not all exceptions can be pickled. Ray is imported
when a run begins.
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
from bootstruct.config.machine import RayActorSettings
from bootstruct.engines.local import GenerationResult, LocalModel
from bootstruct.engines.ray import Worker, WorkerLostError
from bootstruct.errors import BootstructError, EngineUnavailableError, InputError, RequestRejectedError
from bootstruct.types import Prompt, Reply

Load = Callable[[str], LocalModel]
Packed = Reply | tuple[int, str]  # a reply, or the status and reason of a RequestRejectedError

LOCAL = "local"
CONNECT_SECONDS = 5.0  # until an address that does not respond is abandoned
WATCH_EVERY = 5.0  # seconds between two checks that the cluster is there
MISSED = 3  # failed checks in a row: lost. Ray ends the whole process after 60 s without its head
STARTS = 3  # attempts to start a local Ray, which allows itself 30 s: too short on a busy machine
STORE = 80 * 2**20  # bytes of Ray's object store on this machine, which nothing here uses; 75 MB is the minimum


def require_ray() -> None:
    """Check that Ray is installed, without importing it. Raises InputError if not."""
    if importlib.util.find_spec("ray") is None:
        raise InputError(
            "Engines that begin with ray/ need ray, which is not installed: pip install 'bootstruct[ray]'."
        )


class ModelActor:
    """The code that runs in an actor.

    Args:
        load: returns the model of a name.
        folder: the working directory, if the node has it.
    """

    def __init__(self, load: Load, folder: str) -> None:
        with contextlib.suppress(OSError):
            os.chdir(folder)
        self._load = load
        self._models: dict[str, LocalModel] = {}

    def describe(self) -> tuple[str, str]:
        """The version of this package and the id of the node."""
        import ray

        return __version__, str(ray.get_runtime_context().get_node_id())

    def load(self, name: str) -> str | None:
        """Why the model of this name cannot be loaded, None if it is."""
        try:
            if name not in self._models:
                self._models[name] = self._load(name)
        except BootstructError as exc:
            return str(exc)
        return None

    def generate(self, prompts: list[Prompt]) -> list[Packed] | str:
        """The results of prompts for one model, or why no worker can compute any."""
        name = prompts[0].model
        if rejected := self.load(name):
            return rejected
        try:
            results = self._models[name].generate(prompts, lambda: False)
        except BootstructError as exc:
            return str(exc)
        return [result if isinstance(result, Reply) else (result.status, result.reason) for result in results]


class ActorWorker:
    """A worker on Ray.

    Args:
        ray: the module.
        handle: of the actor.

    Attributes:
        node: the id of the node that it runs on, empty until it is placed.
    """

    node = ""

    def __init__(self, ray: Any, handle: Any) -> None:
        self._ray, self._handle, self._is_stopped = ray, handle, False

    async def place(self) -> None:
        """See `Worker`."""
        version, self.node = await self._result(self._handle.describe.remote())
        if version != __version__:
            raise EngineUnavailableError(
                f"A node of the cluster has bootstruct {version}, this machine {__version__}: install the same version on "
                "all of them."
            )

    async def load(self, model: str) -> None:
        """See `Worker`."""
        rejected = await self._result(self._handle.load.remote(model))
        if rejected:
            raise EngineUnavailableError(rejected)

    async def generate(self, prompts: list[Prompt]) -> list[GenerationResult]:
        """See `Worker`."""
        packed = await self._result(self._handle.generate.remote(prompts))
        if isinstance(packed, str):
            raise EngineUnavailableError(packed)
        return [reply if isinstance(reply, Reply) else RequestRejectedError(*reply) for reply in packed]

    async def _result(self, reference: Any) -> Any:
        try:
            return await asyncio.wrap_future(reference.future())
        except self._ray.exceptions.RayError as exc:
            self.stop()  # even if the process is still alive: after an unexpected error, a new one is safer
            raise WorkerLostError(reason_of(exc)) from None

    def stop(self) -> None:
        """See `Worker`."""
        if not self._is_stopped:
            self._is_stopped = True
            with contextlib.suppress(Exception):  # a lost actor cannot be killed
                self._ray.kill(self._handle)


class RayCluster:
    """A Ray cluster.

    Args:
        load: returns the model of a name; it runs in the actors.
        address: HOST:PORT of a running cluster to which this machine belongs, `auto`, or `local` for one that is started
            here and ends with the run.
        actor: the resources of one actor.
    """

    def __init__(self, load: Load, address: str = LOCAL, actor: RayActorSettings | None = None) -> None:
        self.address, self.actor = address, actor or RayActorSettings()
        self._load = load
        self._ray: Any = None
        self._head = ("", 0)
        self._nodes: list[dict[str, Any]] = []  # alive at the last check

    async def open(self) -> None:
        """See `Cluster`."""
        await asyncio.to_thread(self._connect)

    def _connect(self) -> None:
        self._ray = connect(self.address)
        self._head = split_address(self._ray.get_runtime_context().gcs_address)
        self._check()
        self._options = self._options_of(self.actor)

    def _options_of(self, actor: RayActorSettings) -> dict[str, Any]:
        gpus = actor.gpus
        if gpus is None:
            gpus = 1.0 if any(node["Resources"].get("GPU") for node in self._nodes) else 0.0
        return {
            "num_cpus": actor.cpus, "num_gpus": gpus, "resources": dict(actor.resources),
            "max_restarts": 0, "max_task_retries": 0, "scheduling_strategy": "SPREAD",
        }  # fmt: skip

    def capacity(self) -> int:
        """See `Cluster`."""
        needs = self._needs()
        per_node = [
            min((int(node["Resources"].get(name, 0) / need + 1e-9) for name, need in needs.items()), default=1)
            for node in self._nodes
        ]
        return sum(per_node)

    def _needs(self) -> dict[str, float]:
        needs = {"CPU": self._options["num_cpus"], "GPU": self._options["num_gpus"], **self._options["resources"]}
        return {name: need for name, need in needs.items() if need}

    def worker(self) -> Worker:
        """See `Cluster`."""
        actor = self._ray.remote(ModelActor).options(**self._options)
        return ActorWorker(self._ray, actor.remote(self._load, str(Path.cwd())))

    async def watch(self) -> str:
        """See `Cluster`."""
        missed = 0
        while missed < MISSED:
            await asyncio.sleep(WATCH_EVERY)
            try:
                await asyncio.to_thread(check_address, *self._head)
                is_there = await asyncio.wait_for(asyncio.to_thread(self._check), CONNECT_SECONDS)
            except (EngineUnavailableError, TimeoutError):
                is_there = False
            missed = 0 if is_there else missed + 1
        return f"{name_of(self.address)} is lost: its head, or the node on this machine, no longer responds."

    def _check(self) -> bool:
        """Note which nodes are alive, and return whether this machine's is. May block for as long as the head does."""
        self._nodes = [node for node in self._ray.nodes() if node["Alive"]]
        mine = self._ray.get_runtime_context().get_node_id()
        return any(node["NodeID"] == mine for node in self._nodes)

    def no_capacity_reason(self) -> str:
        """See `Cluster`."""
        need = ", ".join(f"{need:g} {name}" for name, need in self._needs().items())
        available = "; ".join(
            ", ".join(f"{node['Resources'].get(name, 0):g} {name}" for name in self._needs()) for node in self._nodes
        )
        return (
            f"{name_of(self.address)} has no capacity for a worker with {need} (its nodes: {available or 'none'}): set "
            "`ray_actor` in the settings, free or add a node, or raise `ray_wait` where nodes start on demand."
        )

    async def close(self) -> None:
        """See `Cluster`."""
        if self._ray is not None:
            await asyncio.to_thread(self._ray.shutdown)
            self._ray = None


def connect(address: str) -> Any:
    """Connect to a cluster; blocks for some seconds.

    Args:
        address: HOST:PORT, `auto` or `local`.

    Returns:
        The module `ray`, connected.

    Raises:
        InputError: the address is not one.
        EngineUnavailableError: no cluster responds there.
    """
    if address not in (LOCAL, "auto"):
        check_address(*split_address(address))
    os.environ |= {"RAY_USAGE_STATS_ENABLED": "0"}  # no usage statistics are sent
    if address == LOCAL and "RAY_AUTH_MODE" not in os.environ:
        # Ray listens on all interfaces whatever the setting; without the token, nobody can use it
        os.environ |= {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": secrets.token_hex(32)}
    import ray
    from ray.job_config import JobConfig

    class OwnCodeOnly(JobConfig):  # type: ignore[misc]
        """Settings of a job whose workers import no module from the current folder, which may be a stranger's."""

        def _runtime_env_has_working_dir(self) -> bool:
            return True  # else Ray puts the current folder before all others where its workers look for modules

    options: dict[str, Any] = {"log_to_driver": False, "logging_level": "CRITICAL", "job_config": OwnCodeOnly()}
    if address == LOCAL:
        options |= {"_node_ip_address": "127.0.0.1", "include_dashboard": False, "object_store_memory": STORE}
    for tries_left in reversed(range(STARTS if address == LOCAL else 1)):
        try:
            ray.init(address=address, **options)
            break
        except (Exception, SystemExit) as exc:  # Ray raises SystemExit if a head does not respond
            ray.shutdown()
            if not tries_left:
                shown = _one_line(exc) or "it does not respond"
                raise EngineUnavailableError(f"{name_of(address)} cannot be used: {shown}.") from None
    # Ray prints lines of its logs whenever something dies; a run itself says what the user must know.
    ray._private.worker.print_to_stdstream = lambda data, ignore_prefix: None
    return ray


def check_address(host: str, port: int) -> None:
    """Raise EngineUnavailableError where nothing listens; Ray itself would try for two minutes."""
    try:
        socket.create_connection((host, port), CONNECT_SECONDS).close()
    except OSError:
        raise EngineUnavailableError(
            f"No Ray cluster responds at {host}:{port}; `ray status` on one of its nodes shows the address, and this "
            "machine joins it with `ray start --address=HOST:PORT`."
        ) from None


def name_of(address: str) -> str:
    """The cluster at an address, as the subject of a sentence."""
    return "Ray on this machine" if address == LOCAL else f"The Ray cluster at {address}"


def split_address(address: str) -> tuple[str, int]:
    """(host, port) of HOST:PORT. Raises InputError where it is something else."""
    host, _, port = address.rpartition(":")
    if "://" in address:
        raise InputError(
            f"--ray-address {address}: Ray's client protocol is not supported; run bootstruct on a node of the cluster "
            "(`ray start --address=HOST:PORT` makes this machine one) and give HOST:PORT."
        )
    if not host or not port.isdecimal() or not 0 < int(port) < 65536:
        raise InputError(f"--ray-address {address}: give HOST:PORT, as in 10.0.0.1:6379, or `auto`, or `local`.")
    return host.strip("[]"), int(port)


def reason_of(exc: Exception) -> str:
    """One sentence for an error of Ray: its last line if a process died, the cause if an actor raised."""
    cause = getattr(exc, "cause", None)
    if isinstance(cause, BaseException):
        return f"{type(cause).__name__}: {_one_line(cause)}"
    lines = [line.strip() for line in str(exc).splitlines() if line.strip()]
    shown = [line for line in lines if not line.startswith(("class_name:", "actor_id:", "pid:", "namespace:", "ip:"))]
    return (shown[-1] if shown else type(exc).__name__).split(". ")[0][:300].rstrip(".")


def _one_line(exc: BaseException) -> str:
    return "" if isinstance(exc, SystemExit) else " ".join(str(exc).split())[:300].rstrip(".")


def address_of(given: str | None) -> str:
    """The address of the cluster: as given, otherwise RAY_ADDRESS (Ray's own variable), otherwise `local`."""
    return given or os.environ.get("RAY_ADDRESS") or LOCAL
