"""The review page, read by axe-core: nothing serious on any of its pages."""

from pathlib import Path
from typing import Any

import pytest

from tests.reviewing.test_browser import Tab
from tests.support.axe import findings, require_axe
from tests.support.review_runs import make_run, make_sheet, served, tasks

pytestmark = pytest.mark.real
PAGES = ("", "/quality", "/rating", "/pair", "/watch", "/results?names=shown")


@pytest.mark.parametrize(("scheme", "width"), [("light", 1280), ("dark", 390)])
def test_axe_finds_nothing_serious(browser: Any, tmp_path: Path, scheme: str, width: int) -> None:
    script = require_axe()
    run = make_run(tmp_path / "run", tasks(12))
    make_sheet(run / "rating", 3)
    with served(run, "--tasks", 4) as server:
        tab = Tab(browser, server, color_scheme=scheme, viewport={"width": width, "height": 850})
        found = {}

        def look(name: str) -> None:
            tab.page.evaluate("for (const part of document.querySelectorAll('details')) part.open = true")
            found[name] = findings(tab.page, script)
            assert tab.page.evaluate("document.documentElement.scrollWidth") <= width, name

        tab.open("/")
        look("the door")
        tab.come_in()
        look("the front")
        tab.open("/r/Anna")
        tab.press("q")
        tab.page.wait_for_url("**/quality")
        tab.keys("y y n Enter")
        tab.done(1)
        for path in ("rating", "pair"):
            tab.open(f"/r/Anna/{path}")
            tab.press("d" if path == "rating" else "1")
            tab.done(1)
        for path in PAGES:
            tab.open(f"/r/Anna{path}")
            look(path)
        tab.press("?")
        look("the list of keys")
        assert not {name: faults for name, faults in found.items() if faults}
