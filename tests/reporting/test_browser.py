"""The page in a real browser: search, filter, a task, colours; any error on its console fails."""

import json
from pathlib import Path
from typing import Any

import pytest

from bootstruct.journal.events import CandidatesJudged
from bootstruct.reporting.build import make_report
from tests.reporting.test_page import hostile_run
from tests.reporting.test_report_quality import GIVEN, reviewed
from tests.support.report_runs import events, write_journal

pytestmark = pytest.mark.real


class Watched:
    """A page whose console and requests are watched."""

    def __init__(self, browser: Any, path: Path, **context: Any) -> None:
        self.page = browser.new_context(**context).new_page()
        self.errors: list[str] = []
        self.requests: list[str] = []
        self.page.on(
            "console",
            lambda history: self.errors.append(history.text) if history.type in ("error", "warning") else None,
        )
        self.page.on("pageerror", lambda error: self.errors.append(str(error)))
        self.page.on("request", lambda request: self.requests.append(request.url))
        self.page.goto(path.as_uri())
        self.count = self.page.locator("#count")

    def shows(self, count: str) -> None:
        self.page.wait_for_function(
            "text => document.getElementById('count').textContent.startsWith(text)", arg=f"{count} of"
        )

    def close(self) -> None:
        assert self.errors == []
        assert all(url.startswith(("file:", "data:")) for url in self.requests), self.requests
        self.page.context.close()


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A page with every section: a reviewed run beside a test set that some of its tasks are near to."""
    folder = reviewed(tmp_path_factory.mktemp("browser") / "run", GIVEN, tasks=400)
    tasks = [event.verdicts[0].text for event in events(400) if isinstance(event, CandidatesJudged)]
    rows = [
        {"instruction": text, "input": "", "output": "x"} for text in (tasks[3], tasks[9], "Juggle with nine balls.")
    ]
    test_set = folder / "held_out.jsonl"
    test_set.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return next(iter(make_report([folder], test_sets=[test_set]).files))


def test_the_review_and_the_test_set_are_there(browser: Any, made: Path) -> None:
    watched = Watched(browser, made)
    for name in ("quality", "tests"):
        watched.page.click(f"nav a[href='#{name}']")
        section = watched.page.locator(f"section#{name}")
        assert section.locator("h2").is_visible()
        for summary in section.locator("summary").all():
            summary.click()
        assert section.inner_text().count("\n") > 4
    assert "4 tasks of 5 drawn" in watched.page.locator("#quality").inner_text()
    watched.close()


def test_search_filter_and_a_task(browser: Any, made: Path) -> None:
    watched = Watched(browser, made)
    page = watched.page
    watched.shows("400")
    page.fill("#find", "harbour LAMP")
    page.wait_for_function("() => !document.getElementById('count').textContent.startsWith('400 of')")
    for words in page.locator("#hits .what").all_text_contents()[:3]:
        assert words
    page.fill("#find", "no such words anywhere")
    watched.shows("0")
    page.click("text=Clear")
    watched.shows("400")
    page.select_option("#kind", "true")
    page.wait_for_function("() => !document.getElementById('count').textContent.startsWith('400 of')")
    assert all("classification" in meta for meta in page.locator("#hits .meta").all_text_contents())
    page.select_option("#status", "with instances")
    page.select_option("#verb", index=1)
    verb = page.locator("#verb").input_value()
    page.locator("#hits button").first.click()
    task = page.locator("#task")
    assert verb in task.inner_text()
    assert "Instance 1".lower() in task.inner_text().lower()
    assert "Nearest texts".lower() in task.inner_text().lower()
    page.click("text=The raw reply with its instances")
    assert task.locator("details[open] .said").first.is_visible()
    assert "#task/0/" in page.url
    page.click("text=Clear")
    page.fill("#from", "14")
    page.wait_for_function("() => !document.getElementById('count').textContent.startsWith('400 of')")
    watched.close()


def test_the_pages_of_the_list_and_the_keyboard(browser: Any, made: Path) -> None:
    watched = Watched(browser, made)
    page = watched.page
    assert page.locator("#back").is_disabled()
    page.click("#more")
    assert page.locator("#page").inner_text() == "2 of 16"
    page.locator("#hits button").first.focus()
    page.keyboard.press("ArrowDown")
    second = page.locator("#hits .what").nth(1).inner_text()
    page.keyboard.press("Enter")
    assert page.locator("#task .title").inner_text() == second
    assert page.evaluate("document.activeElement.id") == "task"
    watched.close()


def test_a_link_opens_its_task(browser: Any, made: Path) -> None:
    watched = Watched(browser, made)
    watched.page.locator("#hits button").nth(7).click()
    title, url = watched.page.locator("#task .title").inner_text(), watched.page.url
    watched.page.goto("about:blank")
    watched.page.goto(url)
    assert watched.page.locator("#task .title").inner_text() == title
    watched.requests = [request for request in watched.requests if request != "about:blank"]
    watched.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_colours_follow_the_system_and_the_button(browser: Any, made: Path, scheme: str) -> None:
    watched = Watched(browser, made, color_scheme=scheme)
    page = watched.page

    def ground() -> int:
        return int(page.evaluate("getComputedStyle(document.body).backgroundColor.match(/\\d+/)[0]"))

    assert (ground() > 128) == (scheme == "light")
    before = page.locator("#theme").inner_text()
    page.click("#theme")
    assert (ground() > 128) == (scheme == "dark")
    assert page.locator("#theme").inner_text() != before
    watched.close()


CONTRAST = """() => {
  const canvas = document.createElement('canvas').getContext('2d', {willReadFrequently: true});
  const rgb = (colour) => { canvas.clearRect(0, 0, 1, 1); canvas.fillStyle = colour; canvas.fillRect(0, 0, 1, 1); return [...canvas.getImageData(0, 0, 1, 1).data]; };
  const light = ([r, g, b]) => [r, g, b].map(v => v / 255).map(v => v <= .03928 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4).reduce((s, v, i) => s + v * [.2126, .7152, .0722][i], 0);
  const ratio = (a, b) => { const [x, y] = [light(rgb(a)), light(rgb(b))].sort((p, q) => q - p); return (x + .05) / (y + .05); };
  const ground = (node) => { for (; node; node = node.parentElement) { const c = getComputedStyle(node).backgroundColor; if (rgb(c)[3] === 255) return c; } return 'white'; };
  const bad = [];
  for (const node of document.querySelectorAll('p, a, span, b, small, th, td, dt, dd, bdi, summary, h1, h2, h3, h4, label, button, .said, figcaption')) {
    if (!node.offsetParent || !node.textContent.trim() || node.disabled) continue;
    const found = ratio(getComputedStyle(node).color, ground(node));
    if (found < 4.5) bad.push([node.tagName, node.className, node.textContent.slice(0, 30), found]);
  }
  for (const node of document.querySelectorAll('svg text')) {
    if (node.closest('.sunburst') && !/hub/.test(node.getAttribute('class'))) continue;
    const found = ratio(getComputedStyle(node).fill, ground(node));
    if (found < 4.5) bad.push(['svg text', node.textContent, found]);
  }
  for (const path of document.querySelectorAll('.sunburst path')) {
    const found = ratio(getComputedStyle(document.querySelector('.sunburst .s15')).fill, getComputedStyle(path).fill);
    if (found < 4.5) bad.push(['segment', path.textContent, found]);
  }
  return bad;
}"""


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_can_be_read(browser: Any, made: Path, scheme: str) -> None:
    """WCAG AA: at least 4.5 to 1 between text and ground, in both schemes."""
    watched = Watched(browser, made, color_scheme=scheme)
    assert watched.page.evaluate(CONTRAST) == []
    watched.close()


@pytest.mark.parametrize("width", [320, 390, 768, 1280])
def test_nothing_sticks_out_at_any_width(browser: Any, made: Path, width: int) -> None:
    watched = Watched(browser, made, viewport={"width": width, "height": 800})
    assert watched.page.evaluate("document.documentElement.scrollWidth") <= width
    watched.close()


def test_hostile_texts_do_nothing(browser: Any, tmp_path: Path) -> None:
    folder = write_journal(tmp_path / "run", hostile_run())
    watched = Watched(browser, next(iter(make_report([folder]).files)))
    page = watched.page
    title = page.title()
    buttons = page.locator("#hits button")
    for number in range(buttons.count()):
        buttons.nth(number).click()
        for opened in page.locator("#task summary").all():
            opened.click()
        assert page.locator("#task img, #task script, #task style, #task a, #task iframe").count() == 0
    assert page.title() == title
    assert page.locator("img, iframe, form[action]").count() == 0
    watched.close()


def test_two_runs_can_be_browsed(browser: Any, tmp_path: Path) -> None:
    one, two = write_journal(tmp_path / "one", events(40)), write_journal(tmp_path / "two", events(70))
    watched = Watched(browser, next(iter(make_report([one, two], tmp_path / "both.html").files)))
    watched.shows("40")
    watched.page.select_option("#set", "1")
    watched.shows("70")
    watched.close()


def test_it_prints_in_dark_ink_without_the_browser_of_tasks(browser: Any, made: Path) -> None:
    watched = Watched(browser, made, color_scheme="dark")
    watched.page.emulate_media(media="print")
    assert not watched.page.locator("#browse").is_visible()
    assert not watched.page.locator("nav").is_visible()
    assert watched.page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    assert watched.page.pdf()[:4] == b"%PDF"
    watched.close()
