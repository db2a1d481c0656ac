"""Measure how long the review pages of a run of 50,000 tasks take.

python -m tests.support.large_review
"""

import tempfile
import time
from pathlib import Path

from tests.support.asgi import Browser, Site, open_site
from tests.support.review_runs import make_run


def large_site(folder: Path, count: int) -> Site:
    """Make a run of this number of tasks and open its review."""
    given = [
        (f"Task number {n} of many, about {n * 7919 % 1000} things.", n % 4 == 0, [(f"input {n}", f"output {n}")])
        for n in range(count)
    ]
    return open_site(make_run(folder / "large", given))


def main() -> None:
    """Print the milliseconds that each page takes when it is requested for the first time."""
    with tempfile.TemporaryDirectory() as folder:
        begun = time.perf_counter()
        site = large_site(Path(folder), 50_000)
        print(f"written and opened: {time.perf_counter() - begun:.1f} s")
        begun = time.perf_counter()
        site.close()
        site = open_site(Path(folder) / "large")
        print(f"opened: {time.perf_counter() - begun:.1f} s")
        browser = Browser(site.guard)
        steps = [
            f"/?token={site.guard.token}",
            "/",
            "/r/anna",
            "PLAN",
            "/r/anna/quality",
            "/r/anna/watch",
            "/r/anna/watch/part",
            "/r/anna/results",
        ]
        for path in steps:
            begun = time.perf_counter()
            answer = browser.post("/r/anna/plan", {}) if path == "PLAN" else browser.get(path)
            print(f"{answer.status} {path.partition('token')[0]:22} {1000 * (time.perf_counter() - begun):6.1f} ms")
        site.close()


if __name__ == "__main__":
    main()
