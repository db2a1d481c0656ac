"""Build the pocket model with one command: recipe files, corpus and tokenizer, training, gates, export.

    python pocket/build.py [--run FOLDER] [--minutes 80] [--threads 2] [--bf16] [--install]

The same command resumes an interrupted build. The model is exported only if corpus, training and model pass the gates of
`gates.py`. With `--install`, it is then copied into the package, and the log and the checksums are copied into this folder. The
build needs torch, numpy, tokenizers, safetensors and transformers.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

from gates import training_faults

_HERE = Path(__file__).parent
_SOURCE = _HERE.parent / "src"
_MODEL = _SOURCE / "bootstruct" / "pocket" / "model"
_FILES = ("config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json")


def _script(name: str, *words: str) -> None:
    """Run another script of this folder and raise an error if it fails."""
    paths = [str(_SOURCE), str(_HERE), os.environ.get("PYTHONPATH", "")]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in paths if path)}
    subprocess.run([sys.executable, str(_HERE / name), *words], check=True, env=environment)


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
    _script("gates.py", "corpus")
    if not (arguments.run / "valid.bin").exists():
        _script("prepare.py", str(arguments.run), "--tokens", str(arguments.tokens + 1e6))
    budget = ["--tokens", str(arguments.tokens), "--minutes", str(arguments.minutes), "--batch", "3072"]
    fast = ["--bf16", "--compile"] if arguments.bf16 else []
    _script("train.py", str(arguments.run), *budget, "--threads", str(arguments.threads), *fast)
    log = arguments.run / "train.log"
    if faults := training_faults(log.read_text(encoding="utf-8")):
        sys.exit("\n".join(["nothing is exported:", *faults]))
    export = arguments.run / "export"
    _script("export.py", str(arguments.run), str(export))
    _script("gates.py", "model", str(export))
    if arguments.install:
        shutil.copytree(export, _MODEL, dirs_exist_ok=True)
        shutil.copy(log, _HERE / "training.log")
        lines = [f"{hashlib.sha256((_MODEL / name).read_bytes()).hexdigest()}  {name}\n" for name in _FILES]
        (_HERE / "SHA256SUMS").write_text("".join(lines), encoding="utf-8")


if __name__ == "__main__":
    main()
