"""Install a wheel with each extra into a clean environment, and try what the extra is for.

    python tools/extras.py WHEEL [EXTRA ...]

The script prints a Markdown table with the number of packages, their size above that of the base install, the time that `pip`
took (with its cache as it is), and the command that was tried. The exit code is 1 if an install or a command fails. The
versions in `constraints.txt` are used where a package leaves the choice open (torch without CUDA).
"""

import os
import subprocess
import sys
import tempfile
import time
import venv
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
SEED = """
import json, pathlib
rows = [{"instruction": f"Name a word that begins with {letter!r}.", "output": f"{letter}-word"} for letter in "abcdefgh"]
pathlib.Path("rows.jsonl").write_text("\\n".join(map(json.dumps, rows)))
"""
RUN = "bootstruct init run --recipe pocket --model pocket && bootstruct generate run --tasks 2 --quiet"
TRIED = {  # what shows that an extra works, in a folder with `rows.jsonl`
    "": "bootstruct dedup rows.jsonl --out kept.jsonl",
    "parquet": "bootstruct dedup rows.jsonl --out kept.parquet",
    "zstd": "bootstruct dedup rows.jsonl --out kept.jsonl.zst",
    "report": "bootstruct report rows.jsonl --out report.html",
    "review": "bootstruct review --help",
    "local": RUN,
    "train": "bootstruct finetune rows.jsonl --model pocket --out model --max-steps 1 --held-out 0 --quiet",
    "trace": "bootstruct generate --help",
    "ray": "bootstruct doctor",
}


def main() -> int:
    """Measure each extra, print the table, and return the exit code."""
    wheel, *chosen = sys.argv[1:]
    base, failed = 0.0, []
    print("| extra | packages | size | `pip install` | tried |\n|---|---:|---:|---:|---|")
    for extra in ["", *(chosen or [name for name in TRIED if name])]:
        with tempfile.TemporaryDirectory(prefix="bootstruct-extra-") as folder:
            try:
                size, seconds, packages = _install(Path(folder) / "venv", Path(wheel).resolve(), extra)
                _try(Path(folder), TRIED[extra])
            except subprocess.CalledProcessError as exc:
                failed.append(extra or "base")
                print(f"{extra or 'base'}: {exc}\n{exc.stdout}{exc.stderr}", file=sys.stderr)
                continue
        base = base or size
        shown = f"{size:.0f} MB" if not extra else f"+{size - base:.0f} MB"
        name = f"`{extra}`" if extra else "none"
        print(f"| {name} | {packages} | {shown} | {seconds:.0f} s | `{TRIED[extra]}` |", flush=True)
    return 1 if failed else 0


def _install(place: Path, wheel: Path, extra: str) -> tuple[float, float, int]:
    """Install into a new environment; return its megabytes, the seconds that pip took, and the number of packages."""
    venv.create(place, with_pip=True)
    python, began = str(place / "bin" / "python"), time.monotonic()
    what = f"{wheel}[{extra}]" if extra else str(wheel)
    pip = [python, "-m", "pip", "install", "-q", "--disable-pip-version-check"]
    subprocess.run([*pip, "-c", str(ROOT / "constraints.txt"), what], check=True, capture_output=True, text=True)
    seconds = time.monotonic() - began
    [packages] = place.glob("lib/python*/site-packages")
    size = sum(file.stat().st_size for file in packages.rglob("*") if file.is_file() and "pip" not in file.parts) / 1e6
    return size, seconds, len(list(packages.glob("*.dist-info"))) - 1  # without pip itself


def _try(folder: Path, command: str) -> None:
    """Run a command in the environment, in a folder with `rows.jsonl`; raise CalledProcessError if it fails."""
    place, variables = folder / "place", dict(os.environ)
    place.mkdir()
    variables |= {"PATH": f"{folder / 'venv' / 'bin'}:{variables['PATH']}", "HOME": str(place)}
    variables.pop("PYTHONPATH", None)
    for step in (["python", "-c", SEED], ["bash", "-ec", command]):
        subprocess.run(step, cwd=place, env=variables, check=True, capture_output=True, text=True)


if __name__ == "__main__":
    sys.exit(main())
