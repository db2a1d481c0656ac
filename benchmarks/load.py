"""Measure how the engines perform under load and with faults, and print a table.

    python benchmarks/load.py [S1 S5 ...] [--rounds 3] [--mock PATH]

All figures are taken at the server, a simulator in a process of its own on the loopback interface. Most are ratios to a bare
client (aiohttp with a semaphore) that sends the same requests in turn with ours within the same minute, because other work on
the machine changes all absolute figures. Shown are medians over the rounds. S1 to S3, S5 to S8 and S11 complete accepted
instructions, with two requests per task, through the stack and journal that `bootstruct generate` uses. With --mock, S1, S2,
S5, S6 and S8 also run against another simulator; S3 does not, because other answers lead to other prompts and so to other
delays.
"""

import argparse
import dataclasses
import heapq
import os
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from load_parts import (
    HERE,
    NAME,
    Seen,
    bare,
    exports,
    median,
    ours,
    payloads,
    recipe_named,
    run_folder,
    serving,
)

from bootstruct.journal.events import RequestFailed
from bootstruct.journal.file import read_events, read_state
from bootstruct.journal.state import State

ROUNDS = 3
TAIL = ("--latency", "0.5", "--dist", "lognormal", "--sigma", "1.2")
MOCK: Path | None = None


def tell(case: str, goal: str, seen: str, good: bool | None) -> None:
    """Print a row of the table; `good` says whether the goal was met, and None that there is none."""
    mark = {True: "yes", False: "NO", None: "-"}[good]
    print(f"| {case} | {goal} | {seen} | {mark} |", flush=True)


def against_bare(
    words: tuple[str, ...], tasks: int, concurrency: int | None, bare_at: int = 50, rounds: int | None = None
) -> tuple[list[Seen], list[Seen]]:
    """Measure the bare client and ours in turn; which of the two goes first alternates with the rounds."""
    plain: list[Seen] = []
    mine: list[Seen] = []
    with serving(*words, foreign=MOCK) as server:
        for number in range(rounds or ROUNDS):
            with run_folder(tasks) as folder:
                state = read_state(folder / NAME)
                assert state is not None
                requests = payloads(state)
                for which in ("bare", "ours") if number % 2 == 0 else ("ours", "bare"):
                    if which == "bare":
                        plain.append(bare(server, requests, bare_at))
                    else:
                        mine.append(ours(server, folder, 0, concurrency))
    return plain, mine


def rates(
    case: str, words: tuple[str, ...], concurrency: int | None, bare_at: int, least: float, tasks: int = 1000
) -> None:
    """Compare the requests per second of our client with those of the bare client, and print a row."""
    plain, mine = against_bare(words, tasks, concurrency, bare_at)
    ratio = median([b.rate / a.rate for a, b in zip(plain, mine, strict=True)])
    seen = f"{ratio:.2f} ({median([b.rate for b in mine]):.0f}/s to {median([a.rate for a in plain]):.0f}/s"
    seen += f"; CPU {median([b.cpu_ms for b in mine]):.2f} to {median([a.cpu_ms for a in plain]):.2f} ms a call)"
    tell(case, f">= {least} of the bare client's calls a second", seen, ratio >= least)


def s1() -> None:
    """S1 compares both clients with 50 requests in flight."""
    rates("S1 0.1 s, 50 in flight", ("--latency", "0.1"), 50, 50, 0.95)


def s2() -> None:
    """S2 compares both clients with 500 requests in flight."""
    rates("S2 0.1 s, 500 in flight", ("--latency", "0.1"), 500, 500, 0.65, 2000)


def s11() -> None:
    """S11 lets our client find its concurrency itself, against the bare client with 50 requests in flight."""
    rates("S11 no settings, against 50 in flight", ("--latency", "0.1"), None, 50, 0.9)


def s3() -> None:
    """S3 compares both clients with delays that have a long tail."""
    ratios, seconds = [], []
    for seed in range(
        1, ROUNDS + 1
    ):  # the slowest delay in a thousand can take half of the run, so each round has another seed
        plain, mine = against_bare((*TAIL, "--seed", str(seed)), 500, 50, rounds=1)
        ratios += [b.server["span"] / a.server["span"] for a, b in zip(plain, mine, strict=True)]
        seconds += [b.server["span"] for b in mine]
    seen = f"{median(ratios):.3f} (ours {median(seconds):.1f} s)"
    tell("S3 log-normal, 50 in flight", "<= 1.05 of the bare client's time", seen, median(ratios) <= 1.05)


def s4() -> None:
    """S4 grows the pool and completes its tasks, compared with a schedule that costs nothing."""
    ratios, seconds = [], []
    for seed in ("1", "2", "3"):
        with serving(*TAIL, "--seed", seed) as server, run_folder(0) as folder:
            seen = ours(server, folder, 600, 50)
            assert seen.state is not None
            bound = list_schedule(folder, seen.state, int(seed), 50)
            ratios.append(seen.server["span"] / bound)
            seconds.append(f"{seen.server['span']:.1f}/{bound:.1f} s")
    tell("S4 grow and annotate 600, same tail", "<= 1.1 of the list schedule for the lag",
         f"{median(ratios):.3f} ({', '.join(seconds)})", median(ratios) <= 1.1)  # fmt: skip


def list_schedule(folder: Path, state: State, seed: int, slots: int) -> float:
    """Return the seconds that a client without any cost of its own would take.

    It sends the same requests with the same lag and priorities, and the delays of the simulator are known.
    """
    from bootstruct.journal.file import read_reply
    from bootstruct.stages.annotate import annotate
    from bootstruct.stages.propose import propose_prompt
    from tests.support.simulator import Options, Simulator

    simulator = Simulator(Options(latency=0.5, dist="lognormal", sigma=1.2, seed=seed))

    def delay(prompt: object) -> float:
        return simulator.delay_of(f"{prompt.sample}:{prompt.text}")  # type: ignore[attr-defined]

    propose = [delay(propose_prompt(state, index)[0]) for index in range(len(state.accepted_after))]
    calls: list[list[float]] = []
    for task in state.accepted:
        flow = annotate(state.recipe, task)
        kind = next(flow)
        replied = read_reply(folder / NAME, state.reply_offsets[f"annotate/{task.name}/kind"])
        assert replied is not None
        calls.append([delay(kind), delay(flow.send(replied.reply))])
    return _schedule(propose, calls, state, slots)


def _schedule(propose: list[float], calls: list[list[float]], state: State, slots: int) -> float:
    """Return the end of a list schedule in seconds: whenever a slot is free, the first request that is ready takes it."""
    lag = state.recipe.propose.lag
    ready: list[
        tuple[int, int, int]
    ] = []  # (class, number, request): growing the pool comes first, then the tasks in order
    in_flight: list[tuple[float, int, int, int]] = []
    done: set[int] = set()
    committed = launched = 0
    now = 0.0
    while committed < len(propose) or ready or in_flight:
        while launched < len(propose) and launched - lag.of(launched) < committed:
            heapq.heappush(ready, (0, launched, 0))
            launched += 1
        while ready and len(in_flight) < slots:
            kind, number, call = heapq.heappop(ready)
            heapq.heappush(
                in_flight, (now + (propose[number] if kind == 0 else calls[number][call]), kind, number, call)
            )
        now, kind, number, call = heapq.heappop(in_flight)
        if kind == 1 and call == 0:
            heapq.heappush(ready, (1, number, 1))
        if kind == 0:
            done.add(number)
            before = state.accepted_after[committed - 1] if committed else 0
            while committed in done:
                committed += 1
            for task in range(before, state.accepted_after[committed - 1] if committed else 0):
                heapq.heappush(ready, (1, task, 0))
    return now


def s5() -> None:
    """S5 lets our client find the concurrency of a server that admits 50 requests at once."""
    words = ("--latency", "0.2", "--cap", "50")
    with serving(*words, foreign=MOCK) as server:
        seen = []
        for _ in range(ROUNDS):
            with run_folder(1000) as folder:
                seen.append(ours(server, folder, 0, None))
    ratio = median([entry.server["span"] / 8.0 for entry in seen])
    rejected = [entry.server["by_status"].get("429", 0) for entry in seen]
    tell("S5 50 admitted, left to itself", "<= 1.25 of the ideal 8 s, < 50 refusals",
         f"{ratio:.2f}, refusals {rejected}", ratio <= 1.25 and max(rejected) < 50)  # fmt: skip


def s6() -> None:
    """S6 mixes in errors 429 and 500; no row may be lost."""
    words = ("--p429", "0.1", "--p500", "0.05") if MOCK else ("--fault", "429=0.1", "--fault", "500=0.05")
    for concurrency in (50, None):
        spans, ok = [], True
        with serving("--latency", "0.1", *words, foreign=MOCK) as server:
            for _ in range(ROUNDS):
                with run_folder(500) as folder:
                    seen = ours(server, folder, 0, concurrency)
                    assert seen.state is not None
                    ok = ok and len(seen.state.completed) == 500 and not seen.state.failures
                    spans.append(seen.server["span"])
        tell(f"S6 10% 429, 5% 500, {concurrency or 'auto'}", "<= 8 s, all rows",
             f"{median(spans):.1f} s, {'all rows' if ok else 'ROWS LOST'}", ok and median(spans) <= 8)  # fmt: skip


def s7() -> None:
    """S7 kills the client half-way; only the requests in flight may be sent again, and the exports must be the same."""
    with serving("--latency", "0.1") as server, run_folder(500) as folder, run_folder(500) as whole:
        straight = ours(server, whole, 0, 50)
        server.forget()
        words = [sys.executable, str(HERE / "load_parts.py"), str(folder), server.root, "50"]
        client = subprocess.Popen(words, env=os.environ | {"KEEP_COUNTS": "1"})
        while server.stats()["ok"] < 500 and client.poll() is None:
            time.sleep(0.01)
        in_flight = server.stats()["in_flight"]
        client.send_signal(signal.SIGKILL)
        client.wait()
        subprocess.run(words, env=os.environ | {"KEEP_COUNTS": "1"}, check=True)
        result, state = server.stats(), read_state(folder / NAME)
        assert state is not None
        assert straight.state is not None
        same = exports(state) == exports(straight.state)
        again = result["requests"] - 1000
        tell("S7 kill -9 at half", "only what was in flight asked again, same exports",
             f"{again} asked again ({in_flight} in flight), exports {'same' if same else 'DIFFER'}",
             again <= 50 and same)  # fmt: skip


def s8() -> None:
    """S8 mixes in permanent errors 400; only their tasks may fail, and no request may be repeated."""
    with serving(
        "--latency", "0.1", *(("--p400", "0.02") if MOCK else ("--fault", "400=0.02")), foreign=MOCK
    ) as server:
        with run_folder(500) as folder:
            seen = ours(server, folder, 0, 50)
            failed = [event for _, event in read_events(folder / NAME) if isinstance(event, RequestFailed)]
    assert seen.state is not None
    result = seen.server
    wasted, rejected = result["requests"] - result["unique"], result["by_status"].get("400", 0)
    kept = sum(bool(entry.instances) for entry in seen.state.completed.values())
    good = wasted == 0 and len(failed) == rejected == seen.state.failures and len(seen.state.completed) == 500
    tell("S8 2% permanent 400", "all other rows kept, no wasted call, reasons listed",
         f"{kept} rows, {seen.state.failures} failed, {wasted} wasted calls, reasons {sorted({f.reason for f in failed})}",
         good)  # fmt: skip


def s10() -> None:
    """S10 measures the time of a whole small run, from opening the engine and the journal to closing them."""
    spans = []
    with serving("--latency", "0.1", foreign=MOCK) as server:
        for _ in range(ROUNDS):
            with run_folder(0) as folder:
                seen = ours(server, folder, 200, None)
                assert seen.state is not None
                assert len(seen.state.completed) >= 200
                spans.append(seen.wall)
    tell("S10 200 accepted and annotated, 0.1 s", "< 2 s", f"{median(spans):.2f} s wall, engine and journal opened and closed",
         median(spans) < 2)  # fmt: skip


def s12() -> None:
    """S12 changes one later prompt and reuses the replies of the earlier run; only that step may be requested again."""
    recipe = recipe_named()
    first = recipe.instances.input_first
    other = dataclasses.replace(first, prompt="New. " + first.prompt)
    changed = dataclasses.replace(recipe, instances=dataclasses.replace(recipe.instances, input_first=other))
    with serving() as server, run_folder(0) as old, run_folder(0, changed) as new:
        ours(server, old, 200, 50)
        server.forget()
        seen = ours(server, new, 200, 50, reuse=old / NAME)
        result = seen.server["by_step"]
        tell("S12 one later prompt changed, --reuse", "only that step asked again",
             f"asked again: {result}", set(result) == {"instances"})  # fmt: skip


def s13() -> None:
    """S13 measures the import of the package and `--help`."""

    def cpu(*words: str) -> tuple[float, float]:
        before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
        subprocess.run([sys.executable, *words], check=True, stdout=subprocess.DEVNULL)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, time.perf_counter() - began

    imports = median([cpu("-c", "import bootstruct")[1] for _ in range(5)])
    pipeline = median([cpu("-c", "import bootstruct.pipeline")[1] for _ in range(5)])
    shown = median([cpu("-m", "bootstruct", "--help")[0] for _ in range(5)])
    tell("S13 import, --help", "< 0.3 s, < 200 ms CPU", f"{imports:.2f} s ({pipeline:.2f} s with the pipeline), {1000 * shown:.0f} ms CPU",
         imports < 0.3 and shown < 0.2)  # fmt: skip


def cpu() -> None:
    """Measure the CPU time per request with 256 requests in flight."""
    with serving("--latency", "0.1") as server:
        seen = []
        for _ in range(ROUNDS):
            with run_folder(2000) as folder:
                seen.append(ours(server, folder, 0, 256))
    spent = median([entry.cpu_ms for entry in seen])
    what = f"{spent:.2f} ms (journal, prompts, reading and start included)"
    tell("CPU at 256 in flight", "< 0.5 ms a call", what, spent < 0.5)


def simulators(mock: Path) -> None:
    """Send the requests of the bare client to both simulators and print both rates, which should be the same."""
    for words, tasks, concurrency in ((("--latency", "0.1"), 1000, 50), (("--latency", "0.1"), 1000, 500)):
        found: dict[str, list[float]] = {"ours": [], "other": []}
        for _ in range(ROUNDS):
            for name, foreign in (("ours", None), ("other", mock)):
                with serving(*words, foreign=foreign) as server, run_folder(tasks) as folder:
                    state = read_state(folder / NAME)
                    assert state is not None
                    found[name].append(bare(server, payloads(state), concurrency).rate)
        rate = {name: median(values) for name, values in found.items()}
        tell(f"simulators, bare client, {concurrency} in flight", "same figures",
             f"{rate['ours']:.0f}/s ours, {rate['other']:.0f}/s the other", None)  # fmt: skip


CASES: dict[str, Callable[[], None]] = {
    "S1": s1, "S2": s2, "S3": s3, "S4": s4, "S5": s5, "S6": s6, "S7": s7, "S8": s8, "S10": s10, "S11": s11, "S12": s12,
    "S13": s13, "CPU": cpu,
}  # fmt: skip


def main() -> None:
    global ROUNDS, MOCK
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("cases", nargs="*", metavar="CASE", help=", ".join(CASES))
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--mock", type=Path, help="another simulator with the same options")
    words = parser.parse_args()
    ROUNDS = words.rounds
    print("| case | goal | seen | met |\n|---|---|---|---|")
    for name in words.cases or CASES:
        CASES[name]()
    if words.mock:
        simulators(words.mock)
        MOCK = words.mock
        for name in ("S1", "S2", "S5", "S6", "S8"):
            if not words.cases or name in words.cases:
                CASES[name]()


if __name__ == "__main__":
    main()
