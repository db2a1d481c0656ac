"""A small language model improves itself on a CPU: one command runs the whole study.

    python studies/smollm2/run.py --out out/smollm2 --data FOLDER     begins, or resumes where it was stopped
    python studies/smollm2/run.py --out out/smoke --smoke             runs all arms at toy size
    python studies/smollm2/run.py --out out/smollm2 --summary         only writes the summary of the results so far

README.md in this folder describes the design.
"""

import argparse
import os
import sys
from pathlib import Path

from options import FULL, HUMAN, MORE, SHORT, SMOKE, TITLES, TRAINED, Options

ALL = (*TRAINED, *MORE)


def parsed(words: list[str] | None = None) -> argparse.Namespace:
    """Return the arguments of the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True, help="the folder for everything that is written")
    parser.add_argument(
        "--data", type=Path, help="the folder of the public evaluation sets; without it, user tasks only"
    )
    parser.add_argument("--model", type=Path, help="a GGUF file or a model folder, in place of the package's file")
    parser.add_argument("--human", type=Path, help="a JSONL file of human-written instructions, for the arm `human`")
    parser.add_argument("--recipe", default="paper", help="the shipped recipe that generation follows (paper)")
    parser.add_argument("--seeds", default="simple", help="the set of seeds, or a file (simple)")
    parser.add_argument(
        "--arms", nargs="+", choices=ALL, help="the trained arms: " + ", ".join(map(str, TITLES.values()))
    )
    parser.add_argument("--full", action="store_true", help="the full run, which takes about a day on two cores")
    parser.add_argument("--smoke", action="store_true", help="run all arms at toy size")
    parser.add_argument("--summary", action="store_true", help="only write the summary of the results so far")
    parser.add_argument("--threads", type=int, default=1, help="threads of torch (1)")
    return parser.parse_args(words)


def options_of(given: argparse.Namespace) -> Options:
    """Return the study's options."""
    sizes = SMOKE if given.smoke else FULL if given.full else SHORT
    usual = TRAINED if not (given.full or given.smoke) else tuple(arm for arm in ALL if arm != HUMAN or given.human)
    arms = tuple(given.arms or usual)
    return Options(given.out, given.data, given.model, sizes, arms, given.human, given.recipe, given.seeds)


def main(words: list[str] | None = None) -> int:
    """Run the study and return the exit code."""
    given = parsed(words)
    for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ[name] = str(given.threads)  # read when torch is imported
    os.nice(max(0, 10 - os.nice(0)))

    from bootstruct.engines.local.load import calm_threads, quiet_libraries
    from bootstruct.errors import BootstructError

    calm_threads()
    quiet_libraries()
    from study import Study

    try:
        study = Study(options_of(given), given.threads)
        if not given.summary:
            study.run()
        path = study.write_summary()
    except BootstructError as exc:
        print(f"error: {exc}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("stopped; run the same command again to continue", file=sys.stderr)
        return 130
    print(path)
    return 0


if __name__ == "__main__":
    sys.exit(main())
