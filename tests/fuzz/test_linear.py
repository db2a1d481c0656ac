"""Every reader takes time in proportion to its input, whatever fragment the input repeats.

No limit in seconds is asserted, since machines differ: the processor time for a text is compared with that for the same text
four times as long. In proportion, it is four times as much; quadratic, sixteen times. Only what takes long enough to be
measured counts, and the least of three measurements is taken.
"""

import os
import time
from collections.abc import Callable

import pytest

from tests.support.linear_readers import FRAGMENTS, READERS, forget, repeated

SHORT, TIMES = 6_000, 4
MOST = 9.0  # times as much for four times the text
SECONDS = 0.02  # less than this for the long text is too little to compare
LONG = int(os.environ.get("BOOTSTRUCT_FUZZ", "2000")) > 2000


def processor_time(read: Callable[[str], object], text: str, attempts: int) -> float:
    times = []
    for _ in range(attempts):
        forget()
        started = time.process_time()
        read(text)
        times.append(time.process_time() - started)
    return min(times)


@pytest.mark.parametrize("name", READERS)
def test_time_is_in_proportion_to_the_text(name: str) -> None:
    if name == "verbs":
        pytest.importorskip("lemminflect", reason="verbs are read with the extra `report` only")
    read = READERS[name]
    for what, text_of in list(repeated())[:: 1 if LONG else 31]:
        long = text_of(SHORT * TIMES)
        if processor_time(read, text_of(SHORT), 1) * TIMES < SECONDS / 4 or processor_time(read, long, 1) < SECONDS:
            continue
        for _ in range(3):  # a busy machine may spoil one comparison
            ratio = processor_time(read, long, 3) / processor_time(read, text_of(SHORT), 3)
            if ratio < MOST:
                break
        assert ratio < MOST, f"{what}: {ratio:.1f} times the time for {TIMES} times the text"


def test_the_comparison_finds_a_quadratic_reader() -> None:
    """The reader that splits a text at every letter and looks at the rest each time must not pass."""

    def quadratic(text: str) -> int:
        return sum(text.count("b", at) for at in range(len(text)))

    short, long = "a" * 3_000, "a" * 12_000
    assert processor_time(quadratic, long, 1) / processor_time(quadratic, short, 3) > MOST


def test_the_fragments_are_many() -> None:
    assert len(FRAGMENTS) > 100
    assert len({what for what, _ in repeated()}) > 1_000
