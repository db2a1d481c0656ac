"""Rebuilds the pocket model: recipe files, corpus and tokenizer, training, gate, export. One command:

    python pocket/build.py [--run FOLDER] [--minutes 80] [--threads 2] [--bf16] [--install]

An interrupted build goes on where it was. The export happens only where two-shot accuracy reaches the gate; `--install`
then copies it into the package. Needs torch, numpy, tokenizers and safetensors.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
from pathlib import Path

_HERE = Path(__file__).parent
_SOURCE = _HERE.parent / "src"
_MODEL = _SOURCE / "bootstruct" / "pocket" / "model"
GATE = 0.90


def _script(name: str, *words: str) -> None:
    paths = [str(_SOURCE), str(_HERE), os.environ.get("PYTHONPATH", "")]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in paths if path)}
    subprocess.run([sys.executable, str(_HERE / name), *words], check=True, env=environment)


def _two_shot(run: Path) -> float:
    """The last two-shot accuracy in the training log."""
    lines = [line for line in (run / "train.log").read_text(encoding="utf-8").splitlines() if "two-shot" in line]
    return float(lines[-1].split("two-shot ")[1].split()[0])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--run", type=Path, default=Path("pocket_run"), help="folder of corpus, log and checkpoints")
    parser.add_argument("--tokens", type=float, default=12e6)
    parser.add_argument("--minutes", type=float, default=80)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--bf16", action="store_true", help="see train.py; compiles as well (needs a C++ compiler)")
    parser.add_argument("--install", action="store_true", help="copy the model into the package")
    arguments = parser.parse_args()
    _script("recipe.py")
    if not (arguments.run / "valid.bin").exists():
        _script("prepare.py", str(arguments.run), "--tokens", str(arguments.tokens + 1e6))
    budget = ["--tokens", str(arguments.tokens), "--minutes", str(arguments.minutes), "--batch", "3072"]
    fast = ["--bf16", "--compile"] if arguments.bf16 else []
    _script("train.py", str(arguments.run), *budget, "--threads", str(arguments.threads), *fast)
    reached = _two_shot(arguments.run)
    if reached < GATE:
        sys.exit(f"two-shot accuracy {reached:.3f} is below the gate of {GATE}: nothing is exported; train longer.")
    _script("export.py", str(arguments.run), str(arguments.run / "export"))
    if arguments.install:
        shutil.copytree(arguments.run / "export", _MODEL, dirs_exist_ok=True)


if __name__ == "__main__":
    main()
