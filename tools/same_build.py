"""Build wheel and sdist twice, in two folders with two dates, and compare their bytes: `python tools/same_build.py [DIST]`.

The sources are copied as git lists them, once under a short and once under a long path, with different dates of the files, so
that the result can contain neither paths nor dates. If a folder DIST is given, its wheel and sdist must equal those of the
copies. If any file differs, the script names it and the exit code is 1.
"""

import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PLACES = (("a", 1_000_000_000), ("a/long/path/of folders", 1_700_000_000))  # folder, and the date of all files


def main() -> int:
    """Build, compare, and return the exit code."""
    with tempfile.TemporaryDirectory(prefix="bootstruct-build-") as folder:
        built = [
            _digests(_build(Path(folder) / str(number) / place, date)) for number, (place, date) in enumerate(PLACES)
        ]
    built += [_digests(Path(given)) for given in sys.argv[1:]]
    names = sorted({name for digests in built for name in digests})
    different = [name for name in names if len({digests.get(name) for digests in built}) > 1]
    for name in names:
        print(f"{'DIFFERENT' if name in different else 'same'}  {built[0].get(name, 'absent')}  {name}")
    return 1 if different or len(names) != 2 else 0


def _build(place: Path, date: int) -> Path:
    """Copy the sources to a folder and build them there; return the folder of the wheel and the sdist."""
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, check=True, capture_output=True).stdout
    for name in filter(None, listed.decode().split("\0")):
        if (ROOT / name).is_file():
            (place / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, place / name)
            os.utime(place / name, (date, date))
    variables = {name: value for name, value in os.environ.items() if name != "SOURCE_DATE_EPOCH"}
    command = [sys.executable, "-m", "build", "--outdir", "built", "."]
    subprocess.run(command, cwd=place, env=variables, check=True, stdout=subprocess.DEVNULL)
    return place / "built"


def _digests(folder: Path) -> dict[str, str]:
    """Return the SHA-256 of each file in a folder, by name."""
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in folder.iterdir()}


if __name__ == "__main__":
    sys.exit(main())
