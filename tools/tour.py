"""Install a wheel into a clean environment without extras, and take a tour there: `python tools/tour.py dist/NAME.whl`.

With `--here` in place of a wheel, the tour takes place in the environment of this Python. The tour needs no network beyond the
package index, no key and no GPU: a scripted engine answers the first run, and the replies recorded there answer the second. If
a command ends otherwise than expected, the tour ends with exit code 1.
"""

import os
import subprocess
import sys
import tempfile
import venv
from pathlib import Path

GENERATE = """
import random
import sys

import bootstruct as bs

words = "apple bread chair dance earth flute grape house island juice kite lemon".split()


def answer(prompt):
    one, two, three, four = random.Random(prompt.sample).sample(words, 4)
    if prompt.step == "propose":
        return f" Write about {one}, {two}, {three} and {four}."
    return "No" if prompt.step == "kind" else f"Output: Once there was {one}."


bs.init("runs/python", recipe="paper", model="python/script")
result = bs.generate("runs/python", tasks=20, engine=bs.ScriptedEngine(answer))
assert result.is_complete and len(result.run.tasks) >= 20, result
heavy = {"torch", "transformers", "ray", "pyarrow", "starlette"} & set(sys.modules)
assert not heavy, heavy
print(result.run)
"""
COMMANDS = [
    "--version",
    "--help",
    "doctor",
    "init --recipe",
    "init runs/first --model openai/gpt-4.1-mini",
    "status runs/python",
    "verify runs/python",
    "generate runs/python --tasks 20 --engine recorded:runs/python",
    "export runs/python --format messages --out train.jsonl",
    "export runs/python --format original --out original",
    "import runs/imported --from original",
    "report runs/python --out report.html",
    "dedup train.jsonl --threshold 0.5 --out sparse.jsonl",
]


def main() -> int:
    """Install the wheel, take the tour, and return the exit code."""
    [given] = sys.argv[1:]
    with tempfile.TemporaryDirectory(prefix="bootstruct-tour-") as folder:
        here = given == "--here"
        python = Path(sys.executable) if here else _environment(Path(folder) / "venv", Path(given).resolve())
        place = Path(folder) / "place"
        place.mkdir()
        steps = [
            [str(python), "-c", GENERATE],
            *([str(python), "-m", "bootstruct", *line.split()] for line in COMMANDS),
        ]
        names = ["(Python) init, generate", *(f"bootstruct {line}" for line in COMMANDS)]
        for name, step in zip(names, steps, strict=True):
            done = subprocess.run(step, cwd=place, env=_variables(), capture_output=True, text=True, check=False)
            if done.returncode or not done.stdout.strip() or "Traceback" in done.stderr:
                print(f"tour: {name}: exit code {done.returncode}\n{done.stdout}{done.stderr}", file=sys.stderr)
                return 1
            print(f"ok  {name}")
        script = python.with_name("bootstruct")
        shown = subprocess.run([str(script), "--version"], env=_variables(), capture_output=True, text=True, check=True)
        print(f"ok  {shown.stdout.strip()}, installed from {given}")
    return 0


def _environment(place: Path, wheel: Path) -> Path:
    """Make a clean environment with the wheel and its requirements, and return its Python."""
    try:
        import ensurepip  # noqa: F401

        venv.create(place, with_pip=True)
        pip = [str(place / "bin" / "python"), "-m", "pip"]
    except ImportError:
        venv.create(place, with_pip=False)
        pip = [sys.executable, "-m", "pip", "--python", str(place / "bin" / "python")]
    subprocess.run([*pip, "install", "-q", str(wheel)], check=True)
    subprocess.run([*pip, "check"], check=True)
    return place / "bin" / "python"


def _variables() -> dict[str, str]:
    """Return the environment variables without those that belong to this checkout and those that hold a user's keys."""
    kept = {name: value for name, value in os.environ.items() if name in ("PATH", "LANG", "LC_ALL", "TMPDIR")}
    return kept | {"HOME": os.devnull, "NO_COLOR": "1", "PYTHONUTF8": "1"}


if __name__ == "__main__":
    sys.exit(main())
