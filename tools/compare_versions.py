"""Show that two checkouts of bootstruct produce the same bytes: `python tools/compare_versions.py OLD NEW`.

Each version runs as a subprocess (`python -m bootstruct`, with this interpreter) on the same inputs, in a temporary folder:

- recorded runs of the released code are imported, verified and exported in every format;
- a file of public instructions is de-duplicated, and published predictions are scored;
- new runs are made, with the simulated server of the tests and with the pocket model (needs torch);
- both versions open, verify, export and extend a run folder that OLD made, and replay its replies.

Of the exports, the ids and task names that only one version writes into its rows are not compared, and neither are the recipe
and the seeds beside the files of the released code.

Files are compared byte for byte. Journals are compared line by line without the times and without the number of their format,
which is compared separately. Of the JSON that commands print, the figures are compared and not the wording. A command that
fails never counts as equal, even if it fails in both versions; only a format of `export` that both refuse with exit code 2 is
left out, and named.

The exit code is 0 if all is equal, 1 if anything differs or fails, and 2 if a checkout cannot be used. Checks that cannot be
made here (because the shared data or torch is missing) are listed as skipped. The hash seeds differ from process to process, on
purpose.
"""

import argparse
import contextlib
import dataclasses
import importlib.util
import json
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

from version_outputs import (
    RUN,
    CommandError,
    Outputs,
    Version,
    exported,
    figures,
    files_below,
    journal,
    journal_format,
    status,
    verified,
)

RECORDED = {  # name of a recorded run: its files and its seeds, below the shared data folder
    "davinci_small": ("runs/davinci_small", "official/seed_tasks.jsonl"),
    "davinci_two": ("runs/davinci_two/machine_generated_instructions.jsonl", "official/seed_tasks.jsonl"),
    "davinci_two_gpt": ("runs/davinci_two/machine_generated_instructions_gpt.jsonl", "official/seed_tasks.jsonl"),
    "2024_backend": ("runs/2024_backend", "official/seed_tasks.jsonl"),
    "korean": ("runs/korean", "runs/korean/seed_tasks.jsonl"),
}
RECIPES, QUICK_RECIPES = ("paper", "chat", "alpaca", "original"), ("paper", "chat")
SIMULATED_TASKS, POCKET_TASKS, QUICK_ROWS = 40, 20, 3000
THRESHOLDS = (0.7, 0.5)  # of `dedup`: the paper's, and one that drops many rows
SIMULATORS = ("tests/simulator.py", "tests/support/simulator.py")  # where a checkout may hold it
OUTCOMES = ("equal", "DIFFERS", "FAILED", "skipped")

Made = dict[str, Outputs]  # name of what was made -> its outputs


@dataclasses.dataclass(frozen=True, slots=True)
class Row:
    """One check of the table."""

    what: str
    compared: str  # how much of it was compared
    outcome: str  # one of OUTCOMES
    detail: str = ""  # the first difference, the error, or why it was skipped


Steps = Iterator[tuple[str, Outputs]]  # the name of what was made, and its outputs
Scenario = Callable[[Version, Path], Steps]  # called with a version and the folder for its outputs


def importing(version: Version, cwd: Path, sources: Path, seeds: Path) -> Steps:
    """Import a recorded run of the released code."""
    version.run(cwd, "import", RUN, "--from", sources, "--seeds", seeds)
    yield "import, journal", journal(cwd / RUN)
    yield "status", status(version, cwd)
    yield "verify", verified(version, cwd)
    yield "export", exported(version, cwd, "out")


def deduplicating(version: Version, cwd: Path, texts: Path, rows: int | None) -> Steps:
    """Filter the first rows of a JSONL file, or all rows if `rows` is None."""
    lines = texts.read_bytes().rstrip(b"\n").split(b"\n")[:rows]
    (cwd / "texts.jsonl").write_bytes(b"\n".join(lines) + b"\n")
    for threshold in THRESHOLDS:
        flags = ["--threshold", threshold, "--out", "kept.jsonl", "--dropped", "dropped.jsonl", "--json", "--quiet"]
        done = version.run(cwd, "dedup", "texts.jsonl", *flags)
        kept = files_below(cwd / "kept.jsonl") | files_below(cwd / "dropped.jsonl")
        yield f"threshold {threshold}", {"totals": figures(done.stdout), **kept}


def scoring(version: Version, cwd: Path, predictions: Path) -> Steps:
    """Score published predictions."""
    for path in sorted(predictions.glob("*.jsonl")):
        yield path.stem, {"scores": figures(version.run(cwd, "evaluate", "score", path, "--json").stdout)}


def generating(version: Version, cwd: Path, init: list[str], flags: list[str], tasks: int) -> Steps:
    """Make a new run."""
    version.run(cwd, "init", RUN, *init)
    yield "init", files_below(cwd / RUN / "recipe.yaml") | files_below(cwd / RUN / "seeds.jsonl")
    version.run(cwd, "generate", RUN, "--tasks", tasks, "--quiet", *flags)
    yield "generate, journal", journal(cwd / RUN, is_generated=True)
    yield "export", exported(version, cwd, "out")


def opening(version: Version, cwd: Path, begun: Path, flags: list[str], tasks: int) -> Steps:
    """Open and extend a run folder that OLD made."""
    shutil.copytree(begun, cwd / RUN)
    yield "OLD's folder, status", status(version, cwd)
    yield "OLD's folder, verify", verified(version, cwd)
    yield "OLD's folder, export", exported(version, cwd, "out")
    version.run(cwd, "generate", RUN, "--tasks", tasks, "--quiet", *flags)
    yield "OLD's folder extended, journal", journal(cwd / RUN, is_generated=True)
    yield "OLD's folder extended, verify", verified(version, cwd)
    yield "OLD's folder extended, export", exported(version, cwd, "more")


def replaying(version: Version, cwd: Path, source: Path, tasks: int) -> Steps:
    """Answer a new run that has OLD's recipe and seeds with the replies of OLD's run."""
    shutil.copytree(source, cwd / "source")
    shutil.copytree(source, cwd / RUN, ignore=shutil.ignore_patterns("journal.jsonl"))
    version.run(cwd, "generate", RUN, "--engine", "recorded:source", "--tasks", tasks, "--quiet")
    yield "OLD's replies replayed, journal", journal(cwd / RUN, is_generated=True)
    yield "OLD's replies replayed, export", exported(version, cwd, "out")


def compare(what: str, old: Outputs, new: Outputs) -> Row:
    """Compare two sets of outputs byte for byte."""
    real = [name for name in old if not name.startswith("(")]
    refused = [name.strip("()") for name in old if name not in real]
    lines = sum(old[name].count(b"\n") for name in real if name != "parquet")
    compared = f"{len(real)} file{'s' * (len(real) != 1)}, {lines:,} lines"
    compared += f"; refused: {', '.join(refused) if len(refused) < 3 else f'{len(refused)} formats'}" if refused else ""
    different = [name for name in sorted({*old, *new}) if old.get(name) != new.get(name)]
    if different:
        name = different[0]
        shown = first_difference(old[name], new[name]) if name in old and name in new else "in one version only"
        return Row(what, compared, "DIFFERS", f"{', '.join(different)[:200]}. {name}: {shown}")
    return Row(what, compared, "equal") if real else Row(what, compared, "FAILED", "there was nothing to compare")


def first_difference(old: bytes, new: bytes) -> str:
    """Return where two texts begin to differ, with a few characters of both, escaped."""
    pairs = enumerate(zip(old, new, strict=False))
    place = next((at for at, (one, other) in pairs if one != other), min(len(old), len(new)))
    begin = max(old.rfind(b"\n", 0, place) + 1, place - 30)
    line = old.count(b"\n", 0, place) + 1
    return f"line {line}: OLD {old[begin : place + 50]!r}, NEW {new[begin : place + 50]!r}"


def collect(version: Version, name: str, scenario: Scenario) -> tuple[Made, str]:
    """Return all outputs of a scenario, and the error that ended it early, which is empty if there was none."""
    cwd, made = version.place / name, Made()
    cwd.mkdir(parents=True)
    try:
        for what, outputs in scenario(version, cwd):
            made[what] = outputs
    except (CommandError, OSError, ValueError, KeyError, AttributeError, subprocess.TimeoutExpired) as exc:
        return made, f"{type(exc).__name__}: {exc}"
    return made, ""


class Comparison:
    """The two versions and the rows of the table so far; `show` is called with each new row."""

    def __init__(self, old: Version, new: Version, show: Callable[[Row], None]) -> None:
        self.versions, self.show = (old, new), show
        self.rows: list[Row] = []

    def add(self, row: Row) -> None:
        """Keep a row and show it."""
        self.rows.append(row)
        self.show(row)

    def both(self, name: str, scenario: Scenario) -> tuple[Made, Made]:
        """Run a scenario with both versions at once, compare the outputs, and return them."""
        with ThreadPoolExecutor(2) as pool:
            ended = list(pool.map(lambda version: collect(version, name, scenario), self.versions))
        (old, old_error), (new, new_error) = ended
        for what in dict.fromkeys([*old, *new]):
            if what in old and what in new:
                self.add(compare(f"{name}: {what}", old[what], new[what]))
        if old_error or new_error or old.keys() != new.keys() or not old:
            errors = "; ".join(error for error in (old_error, new_error) if error)
            self.add(Row(f"{name}: commands", "", "FAILED", errors or "no outputs"))
        return old, new

    def grown(self, name: str, init: list[str], flags: list[str], tasks: int) -> None:
        """Compare new runs, and then a run folder of OLD that both open, extend and replay."""
        self.both(name, partial(generating, init=init, flags=flags, tasks=tasks))
        begun = self.versions[0].place / name / RUN
        extended, _ = self.both(f"{name}-opened", partial(opening, begun=begun, flags=flags, tasks=2 * tasks))
        whole = extended.get("OLD's folder extended, export")
        if whole is None:
            return
        source = self.versions[0].place / f"{name}-opened" / RUN
        _, replayed = self.both(f"{name}-replayed", partial(replaying, source=source, tasks=2 * tasks))
        if again := replayed.get("OLD's replies replayed, export"):
            self.add(compare(f"{name}-replayed: NEW's replay, OLD's own run", whole, again))


def shared_data(comparison: Comparison, data: Path, is_quick: bool) -> None:
    """Compare recorded runs, `dedup` and `evaluate score`, as far as their files exist."""
    runs = {name: (data / sources, data / seeds) for name, (sources, seeds) in RECORDED.items()}
    checks: list[tuple[str, Scenario, tuple[Path, ...]]] = [
        (name, partial(importing, sources=paths[0], seeds=paths[1]), paths) for name, paths in runs.items()
    ]
    texts, predictions = data / "scale" / "instructions_20k.jsonl", data / "official" / "predictions"
    checks.append(("dedup", partial(deduplicating, texts=texts, rows=QUICK_ROWS if is_quick else None), (texts,)))
    checks.append(("evaluate score", partial(scoring, predictions=predictions), (predictions,)))
    for name, scenario, needed in checks:
        if missing := ", ".join(str(path) for path in needed if not path.exists()):
            comparison.add(Row(name, "", "skipped", f"missing: {missing}"))
        else:
            comparison.both(name, scenario)


@contextlib.contextmanager
def simulated_server(versions: tuple[Version, Version]) -> Iterator[str]:
    """Start the simulated server of the first checkout that has one; yield its address, or an empty string if none has one."""
    found = [(version, version.checkout / name) for version in versions for name in SIMULATORS]
    version, path = next(((v, p) for v, p in found if p.is_file()), (versions[0], None))
    if path is None:
        yield ""
        return
    command = [sys.executable, str(path), "--port", "0"]
    process = subprocess.Popen(command, cwd=version.place, env=version.env, stdout=subprocess.PIPE)
    try:
        assert process.stdout is not None
        port = process.stdout.readline().strip().decode()
        yield f"http://127.0.0.1:{port}/v1" if port.isdigit() else ""
    finally:
        process.kill()
        process.wait()


def generated_runs(comparison: Comparison, is_quick: bool) -> None:
    """Compare new runs: one per recipe on the simulated server, and one on the pocket model."""
    one = ["--concurrency", "1"]  # with more, which requests are sent ahead depends on a version's speed
    with simulated_server(comparison.versions) as url:
        if not url:
            comparison.add(Row("simulated", "", "skipped", "no checkout has a simulated server that starts"))
        for recipe in (QUICK_RECIPES if is_quick else RECIPES) if url else ():
            init = ["--recipe", recipe, "--model", "openai/sim", "--base-url", url]
            comparison.grown(f"simulated-{recipe}", init, one, SIMULATED_TASKS)
    if importlib.util.find_spec("torch") is not None:
        comparison.grown("pocket", ["--recipe", "pocket"], one, POCKET_TASKS)
    else:
        comparison.add(Row("pocket", "", "skipped", "this interpreter has no torch"))


def show_row(row: Row) -> None:
    """Print a row of the table."""
    print(f"{row.outcome:8} {row.what:58} {row.compared}".rstrip(), flush=True)
    if row.detail:
        print(f"{'':8}   {row.detail}", flush=True)


def parsed() -> argparse.Namespace:
    """Return the arguments of the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("old", type=Path, metavar="OLD", help="a checkout")
    parser.add_argument("new", type=Path, metavar="NEW", help="the checkout to compare it with")
    parser.add_argument("--shared", type=Path, metavar="DIR", help="public data [default: ../shared/data beside NEW]")
    parser.add_argument("--quick", action="store_true", help=f"{QUICK_ROWS:,} rows of `dedup`, two recipes of four")
    parser.add_argument("--json", action="store_true", dest="as_json", help="print one JSON object instead of a table")
    return parser.parse_args()


def main() -> int:
    """Compare the versions, print the table, and return the exit code."""
    words = parsed()
    shared = (words.shared or words.new.resolve().parent / "shared" / "data").resolve()
    data = shared if (shared / "runs").is_dir() or not (shared / "data").is_dir() else shared / "data"
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name).resolve()
        old, new = Version("OLD", words.old, folder / "old"), Version("NEW", words.new, folder / "new")
        if fault := old.fault() or new.fault():
            print(fault, file=sys.stderr)
            return 2
        comparison = Comparison(old, new, (lambda row: None) if words.as_json else show_row)
        comparison.show(Row("what", "compared", "outcome"))
        if data.is_dir():
            shared_data(comparison, data, words.quick)
        else:
            comparison.add(Row("shared data", "", "skipped", f"{data}: no such folder; --shared DIR names it"))
        generated_runs(comparison, words.quick)
        formats = [journal_format(version.place) for version in (old, new)]
        outcome = "equal" if formats[0] == formats[1] else "DIFFERS"
        comparison.add(Row("number of the journal's format", "", outcome, f"OLD {formats[0]}, NEW {formats[1]}"))
        if (
            fault := old.fault() or new.fault()
        ):  # a checkout that has been deleted would leave the installed package to run
            comparison.add(Row("checkouts", "", "FAILED", fault))
    outcomes = [row.outcome for row in comparison.rows]
    counts = {outcome: outcomes.count(outcome) for outcome in OUTCOMES}
    if words.as_json:
        checks = [dataclasses.asdict(row) for row in comparison.rows]
        print(json.dumps({"old": str(old.checkout), "new": str(new.checkout), **counts, "checks": checks}, indent=1))
    else:
        print(", ".join(f"{count} {outcome}" for outcome, count in counts.items()))
    return 1 if counts["DIFFERS"] or counts["FAILED"] or not counts["equal"] else 0


if __name__ == "__main__":
    sys.exit(main())
