"""The report and the comparison page, read by axe-core: nothing serious; and what the browser of the tasks filters by."""

from pathlib import Path
from typing import Any

import pytest

from bootstruct.reporting.build import make_report
from bootstruct.stages.draw import draw_hints
from tests.reporting.test_browse import checked_recipe, run_events
from tests.reporting.test_browser import Watched, made
from tests.support.axe import findings, require_axe
from tests.support.report_runs import events, write_journal

pytestmark = pytest.mark.real
VIEWS = [("light", 1280), ("dark", 390)]
__all__ = ["made"]  # a fixture: the page with every section


@pytest.fixture(scope="module")
def checked(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run with topics, rejected candidates and scores of a check."""
    folder = write_journal(tmp_path_factory.mktemp("checked") / "run", run_events(checked_recipe()))
    return next(iter(make_report([folder]).files))


@pytest.fixture(scope="module")
def compared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The comparison of two runs."""
    folder = tmp_path_factory.mktemp("compared")
    runs = [write_journal(folder / name, events(count)) for name, count in (("one", 40), ("two", 70))]
    return next(iter(make_report(runs, folder / "both.html").files))


def looked_at(browser: Any, path: Path, scheme: str, width: int, script: str) -> list[dict[str, Any]]:
    """What axe-core finds with every part of the page unfolded."""
    watched = Watched(browser, path, color_scheme=scheme, viewport={"width": width, "height": 850})
    watched.page.evaluate("for (const part of document.querySelectorAll('details')) part.open = true")
    found = findings(watched.page, script)
    assert watched.page.evaluate("document.documentElement.scrollWidth") <= width
    watched.close()
    return found


@pytest.mark.parametrize(("scheme", "width"), VIEWS)
def test_axe_finds_nothing_serious_in_the_report(browser: Any, made: Path, scheme: str, width: int) -> None:
    script = require_axe()
    assert looked_at(browser, made, scheme, width, script) == []


def test_axe_finds_nothing_serious_in_the_comparison(browser: Any, compared: Path) -> None:
    assert looked_at(browser, compared, "dark", 390, require_axe()) == []


def test_axe_finds_nothing_serious_where_checks_gave_scores(browser: Any, checked: Path) -> None:
    assert looked_at(browser, checked, "light", 1280, require_axe()) == []


def test_axe_notices_a_fault(browser: Any, checked: Path) -> None:
    script = require_axe()
    watched = Watched(browser, checked)
    watched.page.evaluate(
        "document.querySelector('#find').closest('label').replaceWith(document.querySelector('#find'))"
    )
    assert [found["id"] for found in findings(watched.page, script)] == ["label"]
    watched.close()


def test_the_tasks_are_filtered_by_topic_rule_and_score(browser: Any, checked: Path) -> None:
    watched = Watched(browser, checked)
    page, given = watched.page, checked_recipe()
    name = given.checks[0].name
    dealt = [draw_hints(given.propose, given.seed, number)["topic"] for number in range(6)].count("lamps")
    assert 1 < dealt < 6
    assert page.locator("#count").inner_text() == "6 of 6 tasks here"
    page.select_option("#topic", "lamps")
    assert page.locator("#count").inner_text() == f"{dealt} of 6 tasks here"
    page.locator("#hits button").first.click()
    assert "topic: lamps" in page.locator("#task").inner_text()
    assert f"{name}, instance 1 as written, rejected: too hard" in page.locator("#task").inner_text()
    page.select_option("#rule", "too short")
    assert page.locator("#count").inner_text() == f"0 of 6 tasks here, and {dealt} rejected candidates"
    page.locator("#hits button").first.click()
    assert "rejected: too short" in page.locator("#task").inner_text()
    page.select_option("#topic", "")
    page.select_option("#rule", f"check {name}: too hard")
    assert page.locator("#count").inner_text() == "6 of 6 tasks here"
    page.select_option("#rule", "*")
    assert page.locator("#count").inner_text() == "6 of 6 tasks here, and 6 rejected candidates"
    assert all("rejected: too short" in meta for meta in page.locator("#hits .meta").all_text_contents()[:6])
    page.select_option("#rule", "")
    page.select_option("#score", name)
    page.fill("#least", "0.5")
    assert page.locator("#count").inner_text() == "6 of 6 tasks here"
    page.fill("#most", "0.9")
    assert page.locator("#count").inner_text() == "0 of 6 tasks here"
    page.fill("#least", "0.2")
    assert page.locator("#count").inner_text() == "6 of 6 tasks here"
    watched.close()


def test_filters_that_have_nothing_to_choose_are_hidden(browser: Any, tmp_path: Path) -> None:
    path = tmp_path / "f.jsonl"
    path.write_text('{"instruction": "Sort.", "input": "", "output": "x"}\n')
    watched = Watched(browser, next(iter(make_report([path]).files)))
    assert [watched.page.locator(f"#{name}").is_visible() for name in ("topic", "rule", "score", "least")] == [
        False
    ] * 4
    assert watched.page.locator("#kind").is_visible()
    watched.close()
