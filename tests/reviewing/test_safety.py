"""The door: who comes in, from where, and what an answer allows a browser to do."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from bootstruct.errors import InputError
from bootstruct.render.sanitize import escaped
from bootstruct.reviewing.names import reviewer_name
from bootstruct.reviewing.safety import MOST_BODY, Guard
from bootstruct.reviewing.serve import ListenAddress, listen
from tests.support.asgi import HOST, PORT, Browser, Site, open_site
from tests.support.review_runs import make_run, tasks

OWN = f"{HOST}:{PORT}"


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    opened = open_site(make_run(tmp_path / "run", tasks(10)))
    yield opened
    opened.close()


PATHS = (
    "/", "/r/anna", "/r/anna/quality", "/r/anna/rating", "/r/anna/pair", "/r/anna/watch", "/r/anna/watch/part", "/r/anna/results",
    "/export/judgements.csv", "/export/judgements.jsonl", "/export/ratings.jsonl", "/nothing",
)  # fmt: skip


@pytest.mark.parametrize("path", PATHS)
def test_nobody_comes_in_without_the_token(site: Site, path: str) -> None:
    stranger = Browser(site.guard)
    answer = stranger.get(path)
    assert answer.status == 403
    assert "set-cookie" not in answer.headers
    assert site.guard.token not in answer.text
    for cookie in ("", "x", site.guard.token, site.guard.token[:-1]):
        stranger.cookies = {site.guard.cookie: cookie}
        assert stranger.get(path).status == 403
    assert stranger.post(path, {"reviewer": "eve"}).status == 403


@pytest.mark.parametrize("token", ["", "x", "%00", "%ff", "é", "A" * 5000])
def test_a_wrong_token_does_not_open(site: Site, token: str) -> None:
    stranger = Browser(site.guard)
    assert stranger.get(f"/?token={token}").status == 403
    assert stranger.get(f"/?token={site.guard.token}&token={token}").status == 403
    assert stranger.get(f"/?nottoken={site.guard.token}").status == 403
    assert stranger.get("/?" + "token=x&" * 500).status == 403
    assert stranger.cookies == {}


def test_the_token_opens_and_is_handed_on_to_nobody(site: Site) -> None:
    browser = Browser(site.guard)
    answer = browser.get(f"/?token={site.guard.token}")
    cookie = answer.headers["set-cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=Strict" in cookie
    assert site.guard.token not in cookie
    assert answer.headers["referrer-policy"] == "no-referrer"
    assert site.guard.token not in answer.text
    assert browser.get("/").status == 200
    browser.cookies = {"other": 'malformed"; "é', **browser.cookies}
    assert browser.get("/").status == 200


def test_every_start_has_a_token_of_its_own(tmp_path: Path) -> None:
    one, two = open_site(make_run(tmp_path / "a", tasks(3))), open_site(make_run(tmp_path / "b", tasks(3)))
    assert one.guard.token != two.guard.token
    assert len(one.guard.token) >= 43
    stranger = Browser(two.guard, dict(one.browser().cookies))
    assert stranger.get("/").status == 403
    one.close(), two.close()


@pytest.mark.parametrize(
    "host",
    ["evil.example", f"evil.example:{PORT}", "127.0.0.1", "127.0.0.1:80", f"127.0.0.1.evil.example:{PORT}", f"0.0.0.0:{PORT}",
     f"localhost.evil.example:{PORT}", "", f"127.0.0.1:{PORT}@evil.example", f"[::1]:{PORT}", f"127.0.0.2:{PORT}"],
)  # fmt: skip
def test_a_foreign_host_is_turned_away(site: Site, host: str) -> None:
    browser = site.browser()
    for path in ("/", "/r/anna", "/static/style.css", f"/?token={site.guard.token}"):
        answer = browser.get(path, host=host)
        assert answer.status == 421
        assert "set-cookie" not in answer.headers


def test_the_machine_itself_may_say_localhost(site: Site) -> None:
    browser = site.browser()
    assert browser.get("/", host=f"localhost:{PORT}").status == 200
    assert browser.get("/", host=f"LOCALHOST:{PORT}").status == 200


def test_bound_to_all_addresses_any_address_goes_but_no_foreign_name() -> None:
    guard = Guard(None, "0.0.0.0", 80, lambda a, b: "", "")  # type: ignore[arg-type]
    assert guard.is_own_host("192.168.3.4:80")
    assert guard.is_own_host("localhost:80")
    assert not guard.is_own_host("evil.example:80")
    assert not guard.is_own_host("192.168.3.4:81")
    six = Guard(None, "::1", 80, lambda a, b: "", "")  # type: ignore[arg-type]
    assert six.is_own_host("[::1]:80")
    assert not six.is_own_host("[::2]:80")


@pytest.mark.parametrize(
    ("headers", "comes_in"),
    [
        ({"origin": f"http://{OWN}"}, True),
        ({"origin": f"http://{OWN}", "sec_fetch_site": "same-origin"}, True),
        ({"origin": "null", "sec_fetch_site": "same-origin"}, True),
        ({"origin": "", "sec_fetch_site": "same-origin"}, True),
        ({"origin": ""}, False),
        ({"origin": "null"}, False),
        ({"origin": "http://evil.example"}, False),
        ({"origin": f"https://{OWN}"}, False),
        ({"origin": "http://127.0.0.1:9999"}, False),
        ({"origin": f"http://{OWN}", "sec_fetch_site": "cross-site"}, False),
        ({"origin": f"http://{OWN}", "sec_fetch_site": "same-site"}, False),
        ({"origin": "null", "sec_fetch_site": "cross-site"}, False),
    ],
)
def test_what_changes_something_must_come_from_here(site: Site, headers: dict[str, str], comes_in: bool) -> None:
    answer = site.browser().post("/r/anna/plan", {}, **headers)
    assert answer.status == (303 if comes_in else 403)
    assert bool(site.session.reviews.items) == comes_in


@pytest.mark.parametrize("path", [*PATHS, "/static/style.css", "/static/none", "/?token=wrong"])
def test_every_answer_is_as_strict_as_can_be(site: Site, path: str) -> None:
    for browser in (site.browser(), Browser(site.guard)):
        answer = browser.get(path)
        policy = answer.headers["content-security-policy"]
        assert policy.startswith("default-src 'none'; script-src 'self'; style-src 'self';")
        assert "unsafe" not in policy
        assert "http" not in policy
        assert answer.headers["x-frame-options"] == "DENY"
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["referrer-policy"] == "same-origin"
        assert answer.headers["cache-control"] == "no-store"
        if "text/html" in answer.headers.get("content-type", ""):
            assert " style=" not in answer.text
            assert "<style" not in answer.text
            assert "http://" not in answer.text.replace("http://www.w3.org/2000/svg", "")
            assert "https://" not in answer.text


@pytest.mark.parametrize(
    "name",
    ["../reviews.jsonl", "..%2fjournal.jsonl", "%2e%2e/journal.jsonl", "../../etc/passwd", "/etc/passwd", "htmx.min.js/../x",
     "style.css%00", "....//journal.jsonl", "..\\journal.jsonl", "key.json", "judgements.csv/../../journal.jsonl"],
)  # fmt: skip
def test_no_file_can_be_asked_for_by_its_path(site: Site, name: str) -> None:
    browser = site.browser()
    for base in ("/static/", "/export/", "/", "/r/", "/r/anna/"):
        answer = browser.get(base + name)
        assert answer.status in (200, 303, 404)
        assert b'"event"' not in answer.body
        assert b"root:" not in answer.body
        if answer.status == 200:
            assert "text/html" in answer.headers["content-type"]
            assert base == "/r/"


def test_a_form_has_a_greatest_length(site: Site) -> None:
    browser = site.browser()
    assert browser.post("/", {"reviewer": "x" * MOST_BODY}).status == 413
    assert browser.post("/", {"reviewer": "x" * (MOST_BODY - 100)}).status == 400
    assert browser.post("/", {f"f{n}": "" for n in range(200)}).status == 400


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH", "OPTIONS", "TRACE"])
def test_other_methods_do_nothing(site: Site, method: str) -> None:
    before = site.session.reviews.by_id.copy()
    assert site.browser().call(method, "/r/anna/quality", origin=f"http://{OWN}").status in (404, 405)
    assert site.session.reviews.by_id == before


def test_other_addresses_need_to_be_allowed() -> None:
    with pytest.raises(
        InputError, match=r"--host 0\.0\.0\.0: others could reach this page without encryption.*--allow-remote"
    ):
        listen(ListenAddress("0.0.0.0", 0))
    listen(ListenAddress("0.0.0.0", 0, allow_remote=True)).close()
    listen(ListenAddress("localhost", 0)).close()
    with pytest.raises(InputError, match=r"--host nowhere\.invalid: no such address"):
        listen(ListenAddress("nowhere.invalid", 0))
    taken = listen(ListenAddress(port=0))
    with pytest.raises(InputError, match=r"--port \d+: cannot be used"):
        listen(ListenAddress(port=taken.getsockname()[1]))
    taken.close()


@pytest.mark.parametrize(
    "name", ["", "  ", "a" * 41, "a/b", "..", "<b>", "a?b", "a#b", "a\u202eb", "a\u200bb", "judge:x", "\x00", 'a"b']
)
def test_some_names_are_none(site: Site, name: str) -> None:
    with pytest.raises(ValueError, match="Please give a name"):
        reviewer_name(name)
    assert site.browser().post("/", {"reviewer": name}).status == 400


def test_names_are_written_one_way() -> None:
    assert reviewer_name("  Zoe\u0308   B. ") == "Zo\u00eb B."
    assert reviewer_name("محمد") == "محمد"


def test_what_hides_is_shown() -> None:
    assert escaped("a\u202eb") == 'a<span class="mark" title="right-to-left override">U+202E</span>b'
    assert escaped("tab\tand\nline") == "tab\tand\nline"
    assert escaped("\r") == '<span class="mark" title="control character">U+000D</span>'
    assert escaped("one\r\ntwo") == "one\ntwo"
    assert "U+E0041" in escaped("\U000e0041")
    assert escaped("👩‍🚀 می‌خواهم") == "👩‍🚀 می‌خواهم"
    assert escaped("<b>&'\"") == "&lt;b&gt;&amp;&#39;&#34;"
