"""Fuzz a reader by hand, guided by coverage; this needs `atheris` (see the comment at the end of this file).

    python -m tests.support.fuzz_guided robust_instances CORPUS -runs=100000 -max_len=600

The first argument is the name of the target; libFuzzer gets all others. A crash is written beside the corpus. Keep its content
as a regression test in tests/fuzz/test_regressions.py.
"""

import sys

import atheris

with atheris.instrument_imports(include=["bootstruct", "yaml", "json"]):
    from tests.support.fuzz_readers import FOLDER, PIECES, TARGETS


def main() -> None:
    name = sys.argv.pop(1)
    dictionary = FOLDER / "pieces.dict"
    words = ("".join(f"\\x{byte:02x}" for byte in piece.encode()) for piece in PIECES)
    dictionary.write_text("".join(f'"{word}"\n' for word in words), "ascii")
    atheris.Setup([*sys.argv, f"-dict={dictionary}"], TARGETS[name])
    atheris.Fuzz()


if __name__ == "__main__":
    main()

# atheris is not a dependency of the project: `pip install atheris` into a separate environment that has bootstruct.
