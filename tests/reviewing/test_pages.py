"""Every page, without a browser: what it shows, what it must never show, and what it does with what it is sent."""

import html
import json
import re
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import quote

import pytest

from bootstruct.journal.events import TaskCompleted
from bootstruct.journal.reviews import NAME, QUALITY, RATING, read_reviews
from bootstruct.render.sanitize import escaped
from tests.support.asgi import Browser, Site, judge_all, open_site
from tests.support.large_review import large_site
from tests.support.review_runs import HOSTILE, append, events, make_run, make_sheet, tasks

ALLOWED = {"html", "head", "meta", "title", "link", "script", "body", "a", "header", "div", "nav", "button", "main", "dialog", "h1", "h2",
           "h3", "dl", "dt", "dd", "kbd", "form", "p", "section", "span", "label", "input", "textarea", "fieldset", "legend", "progress",
           "b", "i", "small", "ul", "ol", "li", "table", "thead", "tbody", "tr", "th", "td", "code", "svg", "rect", "path", "text", "g",
           "circle", "details", "summary", "figure", "figcaption", "q"}  # fmt: skip


class Page(HTMLParser):
    """The elements of a page, with what their attributes say."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.words = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.words += data

    def harmless(self) -> None:
        for tag, attributes in self.elements:
            assert tag in ALLOWED, tag
            assert not [name for name in attributes if name.startswith("on") or name == "style"], (tag, attributes)
            for name in ("href", "src", "action", "hx-post", "hx-get"):
                assert (attributes.get(name) or "/")[0] in "/#", (tag, attributes)
        scripts = [attributes.get("src") for tag, attributes in self.elements if tag == "script"]
        assert set(scripts) <= {"/static/htmx.min.js", "/static/review.js"}


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    run = make_run(tmp_path / "run", tasks(30))
    make_sheet(run / "rating", 4, ("Zebra-9", "Walrus-7"))
    opened = open_site(run, tasks=10)
    yield opened
    opened.close()


@pytest.fixture
def anna(site: Site) -> Browser:
    browser = site.browser()
    assert browser.post("/r/anna/plan", {}).headers["location"] == "/r/anna/quality"
    return browser


PAGES = ("/", "/r/anna", "/r/anna/quality", "/r/anna/rating", "/r/anna/pair", "/r/anna/watch", "/r/anna/watch/part", "/r/anna/results", "/r/anna/results?names=shown")  # fmt: skip


def test_a_name_leads_to_a_page_of_ones_own(site: Site) -> None:
    browser = site.browser()
    assert "Who is reviewing?" in browser.get("/").text
    answer = browser.post("/", {"reviewer": " Zoé  B. "})
    assert (answer.status, answer.headers["location"]) == (303, "/r/Zo%C3%A9%20B.")
    assert "Hello, Zoé B." in browser.get("/r/Zoé B.").text
    assert browser.get("/r/%20").status == 303
    answer = browser.post("/r/anna/plan", {})
    judge_all(browser, "anna", most=1)
    assert 'value="anna"' in browser.get("/").text


def test_where_there_is_a_list_nobody_types_a_name(tmp_path: Path) -> None:
    site = open_site(make_run(tmp_path / "run", tasks(30)), reviewers=("anna", "ben"), overlap=0.0, tasks=10)
    browser = site.browser()
    assert 'value="ben"' in browser.get("/").text
    assert "<input" not in browser.get("/").text
    browser.post("/r/anna/plan", {})
    assert judge_all(browser, "anna") == judge_all(browser, "ben") == 5
    assert "You are not on the list" in browser.get("/r/guest").text
    site.close()


def test_a_whole_review_by_forms_alone(site: Site, anna: Browser) -> None:
    assert judge_all(anna, "anna", "yes no yes") == 10
    page = anna.get("/r/anna/quality").text
    assert "All 10 done." in page
    verdict = read_reviews(site.session.folder / NAME).all_standing(QUALITY)
    assert [entry.verdict for entry in verdict] == [{"task": True, "input": False, "output": True}] * 10
    assert [entry.item for entry in verdict] == site.session.reviews.items
    assert "100%" in anna.get("/r/ben/results").text


def test_each_item_shows_its_own_instance(site: Site, anna: Browser) -> None:
    state = site.session.follower.state
    assert state is not None
    for item in site.session.reviews.items:
        task, _, number = item.rpartition("/")
        page = anna.get(f"/r/anna/quality?item={item}").text
        instance = state.completed[task].instances[int(number)]
        text = next(entry.text for entry in state.accepted if entry.name == task)
        for part in (text, instance.input, instance.output):
            assert escaped(part) in page


def test_undo_and_looking_again_show_what_was_said(site: Site, anna: Browser) -> None:
    page = anna.get("/r/anna/quality")
    first = page.form()["item"]
    answers = {"task": "yes", "input": "no", "output": "no", "note": "</textarea><script>x</script>"}
    page = anna.post("/r/anna/quality", page.form() | answers)
    assert page.form()["item"] != first
    again = anna.get(f"/r/anna/quality?item={first}")
    assert re.findall(r'value="(yes|no)"[^>]* checked', again.text) == ["yes", "no", "no"]
    assert again.form()["seen"] == page.last() != ""
    undone = anna.post("/r/anna/quality/undo", {"id": page.last()})
    assert "Withdrawn" in undone.text
    assert undone.form()["item"] == first
    assert re.findall(r'value="(yes|no)"[^>]* checked', undone.text) == ["yes", "no", "no"]
    assert "&lt;/textarea&gt;&lt;script&gt;x" in undone.text
    assert undone.form()["seen"] == ""
    assert site.session.progress(QUALITY, "anna").done == 0
    assert "There is nothing to undo" in anna.post("/r/anna/quality/undo", {"id": "x"}).text
    Page(undone.text).harmless()


def test_a_second_tab_is_shown_what_the_first_said(site: Site, anna: Browser) -> None:
    one, two = anna.get("/r/anna/quality"), anna.get("/r/anna/quality")
    assert one.form()["item"] == two.form()["item"]
    assert one.form()["id"] != two.form()["id"]
    anna.post("/r/anna/quality", one.form() | {"task": "yes", "input": "yes", "output": "yes"})
    result = anna.post("/r/anna/quality", two.form() | {"task": "no", "input": "no", "output": "no"})
    assert "judged in another tab" in result.text
    assert result.form()["item"] == two.form()["item"]
    assert re.findall(r'value="(yes|no)"[^>]* checked', result.text) == ["yes"] * 3
    anna.post("/r/anna/quality", result.form() | {"task": "no", "input": "yes", "output": "yes"})
    (verdict,) = site.session.reviews.all_standing(QUALITY)
    assert verdict.verdict["task"] is False


def test_htmx_gets_the_item_alone(site: Site, anna: Browser) -> None:
    page = anna.get("/r/anna/quality")
    part = anna.post(
        "/r/anna/quality", page.form() | {"task": "yes", "input": "yes", "output": "yes"}, hx_request="true"
    )
    assert part.text.startswith('<div id="stage"')
    assert "<html" not in part.text
    assert part.headers["hx-replace-url"] == "/r/anna/quality"
    broken = anna.post("/r/anna/quality", part.form() | {"task": "yes"}, hx_request="true")
    assert (broken.status, broken.text) == (400, "Some answers are missing.")
    assert broken.headers["content-type"].startswith("text/plain")
    whole = anna.post("/r/anna/quality", part.form() | {"task": "yes"})
    assert (whole.status, "Some answers are missing." in whole.text) == (400, True)


def test_a_full_disk_is_told_and_loses_nothing(site: Site, anna: Browser, monkeypatch: pytest.MonkeyPatch) -> None:
    page = anna.get("/r/anna/quality")
    given = page.form() | {"task": "yes", "input": "yes", "output": "yes"}

    def full(file: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    answer = anna.post("/r/anna/quality", given, hx_request="true")
    assert answer.status == 507
    assert "reviews.jsonl: cannot be written: No space left on device." in answer.text
    monkeypatch.undo()
    assert read_reviews(site.session.folder / NAME).all_standing(QUALITY) == []
    assert anna.post("/r/anna/quality", given).status == 200
    assert len(read_reviews(site.session.folder / NAME).all_standing(QUALITY)) == 1


def test_raters_see_no_names(site: Site, anna: Browser) -> None:
    seen: list[str] = []
    for mode, field in (("rating", {"level": "B"}), ("pair", {"better": "tie"})):
        page = anna.get(f"/r/anna/{mode}")
        while 'name="item"' in page.text:
            seen.append(page.text)
            page = anna.post(f"/r/anna/{mode}", page.form() | field)
        seen.append(page.text)
    assert len(seen) == 4 * 2 + 4 + 2
    seen += [
        anna.get(path).text
        for path in ("/r/anna", "/r/anna/results", "/export/ratings.jsonl", "/export/judgements.csv")
    ]
    for text in seen:
        assert "Zebra" not in text
        assert "Walrus" not in text
    names = anna.get("/r/anna/results?names=shown").text
    assert "Zebra-9" in names
    assert "Walrus-7" in names
    assert "InstructGPT 003 (paper)" in names
    (site.session.sheet.folder / "key.json").unlink()  # type: ignore[union-attr]
    assert "Zebra" not in anna.get("/r/anna/results?names=shown").text


def test_answers_come_in_an_order_that_tells_nothing(site: Site) -> None:
    site.close()
    make_sheet(site.session.folder / "many", 12, ("Zebra-9", "Walrus-7"))
    site = open_site(site.session.folder, site.session.folder / "many")
    key = json.loads((site.session.folder / "many" / "key.json").read_text())["items"]
    items = site.session.items(RATING, "anna")
    assert items == site.session.items(RATING, "ben")
    assert sorted(items) != items
    assert [item.partition("/")[0] for item in items[::2]] != [item.partition("/")[0] for item in items[1::2]]
    letters = {(key[item]["model"], item.rpartition("/")[2]) for item in items}
    assert len(letters) == 4  # each model hides behind each letter


def test_who_still_rates_is_warned_before_names_are_shown(anna: Browser) -> None:
    page = anna.get("/r/anna/rating")
    anna.post("/r/anna/rating", page.form() | {"level": "A"})
    text = anna.get("/r/anna/results").text
    assert "Still rating: anna (11 left)" in text
    assert "names=shown" in text


def test_the_reference_is_folded_away(anna: Browser, site: Site) -> None:
    page = Page(anna.get("/r/anna/rating").text)
    details = [attributes for tag, attributes in page.elements if tag == "details"]
    assert details == [{"class": "reference"}]
    answer = site.session.sheet.answers[site.session.items(RATING, "anna")[0]]  # type: ignore[union-attr]
    assert answer.reference.split("\n")[0] in page.words


def test_results_list_what_to_talk_about(site: Site, anna: Browser) -> None:
    judge_all(anna, "anna", "yes yes yes")
    judge_all(anna, "ben", "yes yes no", most=3)
    page = anna.get("/r/anna/results").text
    assert page.count("look again") == 3
    assert "output no" in page
    assert "anna, ben" in page
    text = html.unescape(page)
    item = site.session.reviews.items[0]
    assert item in text


def test_watch_reads_on(site: Site, anna: Browser) -> None:
    assert "<b>30</b><span>tasks accepted" in anna.get("/r/anna/watch").text
    result = [event for event in events(tasks(46)) if not isinstance(event, TaskCompleted)]
    append(site.session.folder, result[-4:])
    part = anna.get("/r/anna/watch/part").text
    assert "<b>44</b><span>tasks accepted" in part
    assert "instances to come" in part
    assert "refused: too similar" in part
    assert part.index("5.5 ·") < part.index("4.7 ·")


def test_a_run_not_begun_and_a_sheet_alone_have_pages_too(tmp_path: Path) -> None:
    waiting = tmp_path / "waiting"
    waiting.mkdir()
    (waiting / "recipe.yaml").write_text("")
    site = open_site(waiting)
    browser = site.browser()
    for path in PAGES:
        assert browser.get(path).status in (200, 303), path
    assert "There is no reply yet" in browser.get("/r/anna/watch").text
    append(waiting, events(tasks(5)))
    assert "Draw 5 and begin" in browser.get("/r/anna").text
    site.close()
    site = open_site(make_sheet(tmp_path / "rating", 3))
    browser = site.browser()
    assert "Blind rating" in browser.get("/r/anna").text
    assert browser.get("/r/anna/rating").status == 200
    site.close()


@pytest.mark.parametrize("path", PAGES)
def test_hostile_text_is_only_text(tmp_path: Path, path: str) -> None:
    run = make_run(tmp_path / "<b>&run", [(text, n % 2 == 0, [(text, text)]) for n, text in enumerate(HOSTILE)])
    make_sheet(tmp_path / "ignored", 1)
    rows = [
        {
            "item": f"{text if n != 3 else 'task'}/P",
            "task": text,
            "letter": "P",
            "instruction": text,
            "input": text,
            "reference": text,
            "response": text,
        }
        for n, text in enumerate(HOSTILE)
    ]
    rows += [row | {"item": row["item"][:-1] + "Q", "letter": "Q"} for row in rows]
    (run / "rating").mkdir()
    (run / "rating" / "sheet.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    key = {
        "sheet": "",
        "seed": 1,
        "items": {row["item"]: {"model": f"{HOSTILE[0]}{row['letter']}", "task": row["task"]} for row in rows},
    }
    site = open_site(run)
    key["sheet"] = site.session.sheet.digest  # type: ignore[union-attr]
    (run / "rating" / "key.json").write_text(json.dumps(key))
    browser = site.browser()
    browser.post("/r/anna/plan", {})
    judge_all(browser, "ben", "yes no yes", most=3)
    judge_all(browser, "anna", "no no yes", most=2)
    for reviewer, level in (("anna", "A"), ("ben", "D")):
        for mode, field in (("rating", {"level": level}), ("pair", {"better": "tie"})):
            page = browser.get(f"/r/{reviewer}/{mode}")
            for note in HOSTILE[:4]:
                page = browser.post(f"/r/{reviewer}/{mode}", page.form() | field | {"note": note})
    targets = [path]
    if path in ("/r/anna/quality", "/r/anna/rating", "/r/anna/pair"):
        targets = [
            f"{path}?item={quoted}" for quoted in map(_quoted, site.session.items(path.rpartition("/")[2], "anna"))
        ]
    for target in targets:
        answer = browser.get(target)
        assert answer.status == 200
        Page(answer.text).harmless()
        result = re.sub(
            r"<textarea.*?</textarea>", "", answer.text, flags=re.DOTALL
        )  # one's own note is edited as it is
        for hidden in "\u202e\u2066\u200b\x07\U000e0041":
            assert hidden not in result
        assert "49" not in answer.text.partition("{{ 7 * 7 }}")[2][:20]
    site.close()


def _quoted(item: str) -> str:
    return quote(item, safe="")


@pytest.mark.parametrize("path", PAGES)
def test_pages_of_a_healthy_run_are_harmless_too(anna: Browser, path: str) -> None:
    answer = anna.get(path)
    assert answer.status == 200
    page = Page(answer.text)
    page.harmless()
    ids = [attributes["id"] for _, attributes in page.elements if "id" in attributes]
    assert len(ids) == len(set(ids))


def test_unknown_places_are_told(anna: Browser) -> None:
    for path in ("/nothing", "/r/anna/nothing", "/r/anna/nothing/undo", "/static/nothing", "/export/nothing"):
        assert anna.get(path).status == 404, path
    assert anna.post("/r/anna/nothing", {}).status == 404
    assert anna.post("/r/anna/nothing/undo", {}).status == 404


def test_files_are_attachments(anna: Browser) -> None:
    judge_all(anna, "anna", most=2)
    for name, kind in (
        ("judgements.csv", "text/csv"),
        ("judgements.jsonl", "application/x-ndjson"),
        ("ratings.jsonl", "application/x-ndjson"),
    ):
        answer = anna.get(f"/export/{name}")
        assert answer.headers["content-type"].startswith(kind)
        assert answer.headers["content-disposition"] == f'attachment; filename="{name}"'
    assert anna.get("/export/judgements.csv").text.count("\r\n") == 3


def test_a_large_run_opens(tmp_path: Path) -> None:
    """50,000 tasks: `python -m tests.support.large_review` measures the pages; this test only checks them."""
    site = large_site(tmp_path, 3000)
    browser = site.browser()
    assert "Draw 200 and begin" in browser.get("/r/anna").text
    browser.post("/r/anna/plan", {})
    assert "<b>0</b> of 200" in browser.get("/r/anna/quality").text
    site.close()
