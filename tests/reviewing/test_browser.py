"""The page in a real browser, by keyboard alone; any word on its console, and any request that goes elsewhere, fails."""

import html
import http.client
import http.server
import json
import threading
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote

import pytest

from bootstruct.journal.events import CandidatesJudged
from bootstruct.journal.reviews import NAME, PAIR, QUALITY, RATING, read_reviews
from tests.support.review_runs import HOSTILE, Served, append, events, make_run, make_sheet, served, tasks

pytestmark = pytest.mark.real
DONE = "count => document.querySelector('#said b')?.textContent === String(count)"


class Tab:
    """A tab in a browser of its own (its cookies are), watched: what its console says and what it asks for."""

    def __init__(self, browser: Any, server: Served, context: Any = None, **options: Any) -> None:
        self.server, self.context = server, context or browser.new_context(**options)
        self.page = self.context.new_page()
        self.errors: list[str] = []
        self.page.on("console", lambda result: self.errors.append(f"{result.type}: {result.text}"))
        self.page.on("pageerror", lambda error: self.errors.append(str(error)))
        self.page.on(
            "request", lambda asked: None if asked.url.startswith(server.root) else self.errors.append(asked.url)
        )
        self.press = self.page.keyboard.press

    def come_in(self) -> None:
        self.page.goto(self.server.url)
        self.page.wait_for_url(f"{self.server.root}/")

    def open(self, path: str) -> None:
        self.page.goto(self.server.root + path)

    def keys(self, keys: str) -> None:
        for key in keys.split():
            self.press(key)

    def done(self, count: int) -> None:
        self.page.wait_for_function(DONE, arg=count)

    def well(self) -> None:
        assert self.errors == []
        assert self.page.evaluate("window.hacked") is None


@pytest.fixture
def run(tmp_path: Path) -> Path:
    run = make_run(tmp_path / "run", tasks(40))
    make_sheet(run / "rating", 5)
    return run


def test_a_whole_review_by_keyboard_with_a_reload_in_the_middle(browser: Any, run: Path) -> None:
    with served(run, "--tasks", 10) as server:
        tab = Tab(browser, server)
        tab.come_in()
        assert "token" not in tab.page.url
        tab.page.keyboard.type("Anna")  # the field has the focus
        tab.press("Enter")
        tab.page.wait_for_url("**/r/Anna")
        tab.press("q")
        tab.page.wait_for_url("**/r/Anna/quality")
        tab.keys("y y n Enter")
        tab.done(1)
        tab.keys("a 3 n Enter")  # yes to all, then the third again
        tab.done(2)
        tab.keys("n n y ArrowUp ArrowUp y")  # the second question anew
        tab.press("e")
        tab.page.keyboard.type("yes and no, y n a u 1 2")  # keys are letters in a note
        tab.keys("Escape Enter")
        tab.done(3)
        tab.keys("y y")
        tab.press("Enter")  # the third is missing: nothing is sent
        assert tab.page.locator("fieldset.missing").count() == 1
        first = tab.page.locator("input[name=item]").first.input_value()
        tab.page.reload()
        tab.done(3)
        assert tab.page.locator("input[name=item]").first.input_value() == first
        assert tab.page.locator("input:checked").count() == 0
        for count in range(4, 10):
            tab.keys("y n y Enter")
            tab.done(count)
        tab.press("u")
        tab.done(8)
        assert tab.page.locator("input:checked").count() == 3  # what was taken back, to be mended
        tab.keys("2 y Enter")
        tab.done(9)
        tab.press("s")
        tab.page.wait_for_load_state()
        tab.keys("y y y Enter")
        tab.page.wait_for_selector(".finished")
        tab.press("?")
        assert tab.page.locator("dialog[open]").count() == 1
        tab.keys("Escape r")
        tab.page.wait_for_url("**/results")
        assert "10 tasks judged" in tab.page.inner_text("main")
        tab.well()
    verdict = read_reviews(run / NAME).all_standing(QUALITY)
    answers = ["".join("ny"[bool(entry.verdict[name])] for name in ("task", "input", "output")) for entry in verdict]
    assert answers == ["yyn", "yyn", "nyy", *["yny"] * 5, "yyy", "yyy"]
    assert verdict[2].note == "yes and no, y n a u 1 2"
    assert all(0 <= entry.seconds < 60 for entry in verdict)
    assert verdict[2].seconds > 0


def test_two_reviewers_at_once_and_two_tabs_of_one(browser: Any, run: Path) -> None:
    with served(run, "--tasks", 10) as server:
        anna, ben = Tab(browser, server), Tab(browser, server)
        for tab, name in ((anna, "Anna"), (ben, "Ben")):
            tab.come_in()
            tab.open(f"/r/{name}")
            tab.press("q")
            tab.page.wait_for_url("**/quality")
        second = Tab(browser, server, anna.context)
        second.open("/r/Anna/quality")
        for count in range(1, 11):
            anna.keys("y y y Enter")
            ben.keys("y y n Enter" if count % 2 else "y y y Enter")
            anna.done(count)
            ben.done(count)
        second.keys("n n n Enter")  # it still shows the first item
        second.page.wait_for_selector("p.notice")
        assert "judged in another tab" in second.page.inner_text("p.notice")
        assert second.page.locator("input[value=yes]:checked").count() == 3
        anna.press("r")
        anna.page.wait_for_url("**/results")
        words = anna.page.inner_text("main")
        assert "Anna, Ben" in words
        assert anna.page.locator(".disputes > li").count() == 5
        for tab in (anna, ben, second):
            tab.well()
    verdict = read_reviews(run / NAME).all_standing(QUALITY)
    assert len(verdict) == 20
    assert sum(entry.verdict["output"] is False for entry in verdict) == 5
    assert {entry.reviewer for entry in verdict if entry.verdict["output"] is False} == {"Ben"}


def test_blind_rating_and_pairs(browser: Any, run: Path) -> None:
    key = json.loads((run / "rating" / "key.json").read_text())["items"]
    order = [json.loads(line)["item"] for line in (run / "rating" / "sheet.jsonl").read_text().splitlines()]
    with served(run) as server:
        tab = Tab(browser, server)
        tab.come_in()
        tab.open("/r/Anna")
        tab.press("b")
        tab.page.wait_for_url("**/rating")
        seen = []
        for count in range(1, 11):
            seen.append(tab.page.locator("input[name=item]").first.input_value())
            assert "-model" not in tab.page.content()
            assert not tab.page.locator("details .text").is_visible()
            tab.press("f")
            assert tab.page.locator("details .text").is_visible()
            tab.press("a" if key[seen[-1]]["model"] == "base-model" else "c")
            tab.page.wait_for_selector(".finished") if count == 10 else tab.done(count)
        assert seen == order
        tab.open("/r/Anna/pair")
        for count, choice in enumerate("12t12", 1):
            assert "-model" not in tab.page.content()
            tab.press(choice)
            tab.page.wait_for_selector(".finished") if count == 5 else tab.done(count)
        tab.press("r")
        tab.page.wait_for_url("**/results")
        assert "-model" not in tab.page.content()
        tab.press("n")
        tab.page.wait_for_url("**/results?names=shown")
        bars = tab.page.locator("svg.chart g.ours")
        assert [bars.nth(n).locator("text").first.text_content() for n in range(2)] == ["base-model", "tuned-model"]
        assert tab.page.locator("svg.chart g.published").count() == 8
        tab.well()
    reviews = read_reviews(run / NAME)
    digest = next(iter(reviews.stacks))[1]
    assert {
        key[entry.item]["model"] + str(entry.verdict["level"]) for entry in reviews.all_standing(RATING, digest)
    } == {
        "base-modelA",
        "tuned-modelC",
    }
    assert sum(entry.verdict["better"] == "tie" for entry in reviews.all_standing(PAIR, digest)) == 1


def test_watch_moves_by_itself(browser: Any, run: Path) -> None:
    with served(run) as server:
        tab = Tab(browser, server)
        tab.come_in()
        tab.open("/r/Anna/watch")
        result = events(tasks(56))
        append(run, [event for event in result if isinstance(event, CandidatesJudged)][5:])
        tab.page.wait_for_function("() => document.querySelector('.tiles b').textContent === '56'")
        assert "journal written" in tab.page.inner_text("main")
        tab.well()


def test_hostile_strings_stay_strings(browser: Any, tmp_path: Path) -> None:
    run = make_run(tmp_path / "run", [(text, True, [(text, text)]) for text in HOSTILE])
    rows = [
        {
            "item": f"t{n}/{letter}",
            "task": f"t{n}",
            "letter": letter,
            "instruction": text,
            "input": text,
            "reference": text,
            "response": text,
        }
        for n, text in enumerate(HOSTILE)
        for letter in "PQ"
    ]
    (run / "sheet.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    with served(run) as server:
        tab = Tab(browser, server)
        tab.come_in()
        tab.open("/r/Anna")
        tab.press("q")
        tab.page.wait_for_url("**/quality")
        for count in range(1, len(HOSTILE) + 1):
            assert tab.page.locator(".text").count() == 3
            assert tab.page.locator(".text *:not(.mark)").count() == 0
            tab.press("e")
            tab.page.keyboard.type("<img src=x onerror='window.hacked=1'>")
            tab.keys("Escape a Enter")
            tab.page.wait_for_selector(".finished") if count == len(HOSTILE) else tab.done(count)
        for mode, key in (("rating", "d"), ("pair", "t")):
            tab.open(f"/r/Anna/{mode}")
            tab.press(key)
            tab.done(1)
        tab.open("/r/Ben/quality")
        tab.keys("n n n Enter")
        tab.done(1)
        for path in ("results", "watch", ""):
            tab.open(f"/r/Anna/{path}".rstrip("/"))
            assert tab.page.evaluate("getComputedStyle(document.body).display") == "block"
            assert tab.page.locator("img, iframe, base").count() == 0
        assert tab.page.url.startswith(server.root)
        tab.well()


def test_nothing_inline_runs_even_if_it_got_in(browser: Any, run: Path) -> None:
    with served(run) as server:
        tab = Tab(browser, server)
        tab.come_in()
        tab.page.evaluate(
            """() => { document.body.insertAdjacentHTML('beforeend', '<img src=x onerror="window.hacked=1"><p id=p style="color:red">');
            const s = document.createElement('script'); s.textContent = 'window.hacked = 1'; document.body.append(s); }"""
        )
        tab.page.wait_for_timeout(100)
        assert tab.page.evaluate("window.hacked") is None
        assert any("Content Security Policy" in error for error in tab.errors)
        with pytest.raises(Exception, match="fetch"):
            tab.page.evaluate("fetch('http://127.0.0.1:9/')")


def test_the_door(browser: Any, run: Path) -> None:
    with served(run) as server:
        stranger = Tab(browser, server)
        stranger.open("/")
        assert "needs the printed address" in stranger.page.inner_text("main")
        stranger.open("/?token=wrong")
        assert "Wrong token" in stranger.page.inner_text("main")
        assert stranger.context.cookies() == []
        stranger.page.goto(f"http://localhost:{server.port}/?token={server.token}")
        stranger.page.wait_for_url(f"http://localhost:{server.port}/")
        line = http.client.HTTPConnection("127.0.0.1", server.port, timeout=10)
        line.request("GET", f"/?token={server.token}", headers={"Host": f"evil.example:{server.port}"})
        answer = line.getresponse()
        assert (answer.status, answer.getheader("set-cookie")) == (421, None)
        line.close()


class Elsewhere(http.server.BaseHTTPRequestHandler):
    """A page of somebody else that sends a form to the address in its own query, by itself."""

    def do_GET(self) -> None:
        target = html.escape(unquote(self.path.partition("?")[2]))
        form = f"<form method=post action='{target}'><input name=reviewer value=Eve></form><script>document.forms[0].submit()</script>"
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.end_headers()
        self.wfile.write(form.encode())

    def log_message(self, *words: object) -> None:
        pass


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "localhost"]
)  # the first is the same site to a browser: cookies know no ports
def test_a_page_from_elsewhere_can_do_nothing(browser: Any, run: Path, host: str) -> None:
    elsewhere = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Elsewhere)
    threading.Thread(target=elsewhere.serve_forever, daemon=True).start()
    try:
        with served(run) as server:
            tab = Tab(browser, server)
            tab.come_in()
            target = f"{server.root}/r/Anna/plan"
            with tab.page.expect_response(target) as answered:
                tab.page.goto(f"http://{host}:{elsewhere.server_port}/?{quote(target)}")
            sent = answered.value.request.all_headers()
            assert ("bootstruct_review" in sent.get("cookie", "")) == (host == "127.0.0.1")
            assert answered.value.status == 403
    finally:
        elsewhere.shutdown()
        elsewhere.server_close()
    assert read_reviews(run / NAME).items == []


def test_a_server_killed_and_started_again_gets_what_was_not_sent(browser: Any, run: Path) -> None:
    with served(run, "--tasks", 5) as server:
        tab = Tab(browser, server)
        tab.come_in()
        tab.open("/r/Anna")
        tab.press("q")
        tab.page.wait_for_url("**/quality")
        tab.keys("y y y Enter")
        tab.done(1)
        server.process.kill()
        server.process.wait()
        tab.keys("n y n Enter")
        tab.page.wait_for_selector("#trouble:not([hidden])")
        assert "Not saved: the server cannot be reached" in tab.page.inner_text("#trouble")
        assert len(read_reviews(run / NAME).all_standing(QUALITY)) == 1
        with served(run, "--port", server.port) as again:
            tab.press("Enter")
            tab.page.wait_for_function("() => document.querySelector('#trouble').textContent.includes('earlier start')")
            door = Tab(browser, again, tab.context)
            door.come_in()
            tab.press("Enter")
            tab.done(2)
            tab.page.wait_for_selector("#trouble", state="hidden")
    verdict = read_reviews(run / NAME).all_standing(QUALITY)
    assert [entry.verdict["task"] for entry in verdict] == [True, False]


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [360, 1280])
def test_nothing_sticks_out(browser: Any, run: Path, scheme: str, width: int) -> None:
    long = make_run(run.parent / "long", [("x" * 3000, True, [("y" * 3000, "z " * 3000)])] * 8)
    make_sheet(long / "rating", 3)
    with served(long) as server:
        tab = Tab(browser, server, color_scheme=scheme, viewport={"width": width, "height": 800})
        tab.come_in()
        tab.open("/r/Anna")
        tab.press("q")
        tab.page.wait_for_url("**/quality")
        for path in (
            "/",
            "/r/Anna",
            "/r/Anna/quality",
            "/r/Anna/rating",
            "/r/Anna/pair",
            "/r/Anna/watch",
            "/r/Anna/results?names=shown",
        ):
            tab.open(path)
            assert tab.page.evaluate("document.documentElement.scrollWidth") <= width, path
        tab.well()
