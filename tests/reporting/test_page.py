"""The page and the card: whole, alone, and deaf to what a model wrote."""

import base64
import hashlib
import html.parser
import json
import re
from pathlib import Path

import pytest
import yaml

from bootstruct.journal.events import CandidatesJudged, Event, ReplyReceived, RunStarted, TaskCompleted
from bootstruct.render.sanitize import clip, in_script, visible
from bootstruct.reporting import build
from bootstruct.reporting.build import make_report
from bootstruct.reporting.card import language_of
from bootstruct.run.init import init_run
from bootstruct.types import Instance, RejectedInstance, Reply, Verdict
from tests.support.report_runs import events, recipe, seeds, write_journal

HOSTILE = [
    "</script><script>document.title='owned'</script>",
    "<img src=x onerror=\"document.title='owned'\">",
    "<svg/onload=document.title='owned'>",
    '"><style>*{display:none}</style>',
    "' onmouseover='document.title=1' x='",
    "<!--<script>",
    "{{ 7*7 }} {% include '/etc/passwd' %} {#",
    "${7*7} `</title>`",
    "line\u2028and\u2029paragraph",
    "\u202eright to left\u202d and \u2066isolated\u2069",
    "nul\x00 bell\x07 escape\x1b[31m",
    "javascript:alert(1) <a href=javascript:alert(1)>x</a>",
    "]]> <![CDATA[ &lt;b&gt; &amp;",
    "```\n# heading\n---\n|a|b|",
    "half \ud83d a character",
]


class Reading(html.parser.HTMLParser):
    """What a browser would find: elements, their attributes, and the text outside of scripts and styles."""

    def __init__(self) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.inside: list[str] = []
        self.blocks: dict[str, list[str]] = {"script": [], "style": [], "title": []}
        self.text: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag in self.blocks:
            self.inside.append(tag)
            self.blocks[tag].append("")

    def handle_endtag(self, tag: str) -> None:
        if self.inside and self.inside[-1] == tag:
            self.inside.pop()

    def handle_data(self, data: str) -> None:
        if self.inside:
            self.blocks[self.inside[-1]][-1] += data
        else:
            self.text.append(data)


def read(page: Path) -> Reading:
    found = Reading()
    found.feed(page.read_text(encoding="utf-8"))
    return found


def data_of(page: Path) -> list[dict]:  # type: ignore[type-arg]
    return json.loads(read(page).blocks["script"][0])


def hostile_run() -> list[Event]:
    given: list[Event] = [RunStarted(recipe(model="<b>model</b>"), seeds(3))]
    for index, text in enumerate(HOSTILE):
        text = text.replace("\ud83d", "?")  # a journal is UTF-8; files may hold what it cannot
        verdicts = (
            Verdict(f"Name {text}"),
            Verdict(text, f"rule {text}"),
            Verdict(text, "too similar", 0.9, "<i>x</i>"),
        )
        given.append(ReplyReceived(f"propose/{index}", "", Reply(text, f"finish {text}", 1, 1, text)))
        given.append(CandidatesJudged(index, ("seed_task_0", "<u>"), verdicts))
        given.append(ReplyReceived(f"annotate/{index}.0/instances", "", Reply(text, "stop")))
        made = (Instance(text, text),)
        given.append(TaskCompleted(f"{index}.0", True, made, (RejectedInstance(Instance(text, ""), f"no {text}"),)))
    return given


@pytest.fixture(scope="module")
def hostile_page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = write_journal(tmp_path_factory.mktemp("hostile") / "<b>&run", hostile_run())
    return next(iter(make_report([folder]).files))


def test_what_a_model_wrote_adds_no_element_and_no_attribute(hostile_page: Path, tmp_path: Path) -> None:
    """The page of hostile texts has the elements and attributes of a page of harmless ones, and no others."""
    harmless: list[Event] = []
    for event in hostile_run():
        if isinstance(event, CandidatesJudged):
            rejected = (Verdict("no", f"rule {event.index}"), Verdict("near", "too similar", 0.9, "x"))
            event = CandidatesJudged(event.index, event.shown, (Verdict(f"Name the tree {event.index}"), *rejected))
        harmless.append(event)
    plain = next(iter(make_report([write_journal(tmp_path / "plain", harmless)]).files))
    hostile, other = read(hostile_page), read(plain)
    names = {(tag, name) for tag, attributes in hostile.elements for name in attributes}
    assert names <= {(tag, name) for tag, attributes in other.elements for name in attributes}
    assert len(hostile.blocks["script"]) == 2
    assert len(hostile.blocks["style"]) == 1
    assert not any(name.startswith("on") or name == "style" for _, name in names)


def test_hostile_texts_are_there_to_read(hostile_page: Path) -> None:
    rows = data_of(hostile_page)[0]["rows"]
    assert [row["i"][0][1] for row in rows] == [visible(text.replace("\ud83d", "?")) for text in HOSTILE]
    shown = "".join(read(hostile_page).text)
    assert "<img src=x onerror" in shown
    assert "{{ 7*7 }}" in shown
    assert "[U+202E]" in shown
    raw = hostile_page.read_text()
    assert not re.search("[\u202a-\u202e\u2066-\u2069\u2028\u2029\x00-\x08\x1b]", raw)


def test_the_policy_allows_this_style_and_this_script_only(hostile_page: Path) -> None:
    found = read(hostile_page)
    (content,) = (
        a["content"] for tag, a in found.elements if tag == "meta" and a.get("http-equiv") == "Content-Security-Policy"
    )
    assert content is not None
    rules = dict(rule.strip().split(" ", 1) for rule in content.split(";"))
    assert rules["default-src"] == "'none'"

    def digest(text: str) -> str:
        return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"

    assert rules["style-src"] == digest(found.blocks["style"][0])
    assert rules["script-src"] == digest(found.blocks["script"][1])
    assert rules["img-src"] == "data:"
    position = [tag for tag, _ in found.elements].index("style")
    assert any(a.get("http-equiv") for _, a in found.elements[:position]), "the policy comes before what it governs"


def test_the_page_refers_to_nothing_outside(hostile_page: Path) -> None:
    found = read(hostile_page)
    for tag, attributes in found.elements:
        for name in ("src", "href", "action", "data", "srcset", "poster"):
            value = attributes.get(name)
            assert value is None or value.startswith(("#", "data:")), (tag, name, value)
    assert "url(" not in found.blocks["style"][0]
    assert "@import" not in found.blocks["style"][0]
    assert "innerHTML" not in found.blocks["script"][1]


def test_figures_and_controls_have_names(hostile_page: Path) -> None:
    found = read(hostile_page)
    for tag, attributes in found.elements:
        if tag == "svg":
            assert attributes.get("aria-hidden") == "true" or (
                attributes.get("role") == "img" and attributes.get("aria-label")
            )
    assert ("html", {"lang": "en"}) in found.elements
    inputs = [a for tag, a in found.elements if tag in ("input", "select")]
    labels = [tag for tag, _ in found.elements].count("label")
    assert len(inputs) == labels > 4


def test_halves_of_characters_in_a_file_are_shown_as_such(tmp_path: Path) -> None:
    path = tmp_path / "data.json"
    path.write_text(json.dumps([{"instruction": text, "input": "", "output": text} for text in HOSTILE]))
    make_report([path], tmp_path / "page.html")
    assert "half \ufffd a character" in [row["t"] for row in data_of(tmp_path / "page.html")[0]["rows"]]


def test_the_same_run_gives_the_same_bytes(tmp_path: Path) -> None:
    folder = write_journal(tmp_path / "run", events(150))
    make_report([folder], tmp_path / "a.html")
    make_report([folder], tmp_path / "b.html")
    assert (tmp_path / "a.html").read_bytes() == (tmp_path / "b.html").read_bytes()


def test_lineage_tells_where_a_task_came_from(tmp_path: Path) -> None:
    folder = write_journal(tmp_path / "run", events(150))
    make_report([folder])
    (data,) = data_of(folder / "report.html")
    late = next(row for row in data["rows"] if int(row["r"]) > 10 and row["s"] == "with instances")
    asked = data["asked"][late["r"]]
    assert len(asked["shown"]) == 8
    assert all(name in data["texts"] for name in asked["shown"])
    assert late["t"] in asked["text"]
    assert [reply["step"] for reply in late["replies"]] == ["kind", "instances"]
    score, name = late["near"][0]
    assert 0 < score <= 1
    assert data["texts"][name] != late["t"]


def test_an_import_shows_its_recorded_prompt(tmp_path: Path) -> None:
    given = [
        RunStarted(recipe("original"), seeds(3), "import"),
        ReplyReceived("propose/0", "", Reply("reply"), "the prompt as it was"),
    ]
    folder = write_journal(tmp_path / "run", [*given, CandidatesJudged(0, (), (Verdict("Name a tree."),))])
    make_report([folder])
    assert data_of(folder / "report.html")[0]["asked"]["0"]["question"] == "the prompt as it was"


class TestLittle:
    def test_a_run_that_has_not_begun(self, tmp_path: Path) -> None:
        init_run(tmp_path / "run", "paper", "openai/davinci-002", None, None, (), False)
        make_report([tmp_path / "run"])
        text = (tmp_path / "run" / "report.html").read_text()
        assert "no accepted instruction" in text
        assert "has not begun" in text

    def test_a_run_with_nothing_accepted(self, tmp_path: Path) -> None:
        given = [RunStarted(recipe(), seeds(3)), ReplyReceived("propose/0", "", Reply("")), CandidatesJudged(0, (), ())]
        make_report([write_journal(tmp_path / "run", given)])
        assert "no candidate was read" in (tmp_path / "run" / "report.html").read_text()

    def test_a_run_without_instances(self, tmp_path: Path) -> None:
        make_report([write_journal(tmp_path / "run", events(40, completed=0))])
        assert "None in this data set." in (tmp_path / "run" / "report.html").read_text()
        assert {row["s"] for row in data_of(tmp_path / "run" / "report.html")[0]["rows"]} == {"waiting"}

    @pytest.mark.parametrize("first", [0, 3])
    def test_one_task(self, tmp_path: Path, first: int) -> None:
        given = [RunStarted(recipe(), seeds(max(1, first))), ReplyReceived("propose/0", "", Reply("9. Name a tree."))]
        folder = write_journal(tmp_path / "run", [*given, CandidatesJudged(0, (), (Verdict("Name a tree in town."),))])
        made = make_report([folder])
        assert made.measured[0].table.instructions == 1

    def test_one_row_of_a_file_without_seeds(self, tmp_path: Path) -> None:
        path = tmp_path / "data.jsonl"
        path.write_text('{"instruction": "Sing.", "output": "la"}\n')
        make_report([path])
        assert "--seeds FILE" in (tmp_path / "data.report.html").read_text()

    def test_an_empty_file(self, tmp_path: Path) -> None:
        path = tmp_path / "data.jsonl"
        path.write_text("\n")
        make_report([path])
        assert "contains no rows" in (tmp_path / "data.report.html").read_text()


class TestMuch:
    def test_a_sample_is_a_sample_and_says_so(self, tmp_path: Path) -> None:
        folder = write_journal(tmp_path / "run", events(300))
        make_report([folder], rows=50)
        (data,) = data_of(folder / "report.html")
        assert len(data["rows"]) == 50
        names = [tuple(map(int, row["n"].split("."))) for row in data["rows"]]
        assert names == sorted(names)
        assert "50 of 300 tasks" in (folder / "report.html").read_text()

    def test_all_means_all(self, tmp_path: Path) -> None:
        folder = write_journal(tmp_path / "run", events(1200))
        make_report([folder], rows=None, bounded=False)
        assert len(data_of(folder / "report.html")[0]["rows"]) == 1200
        assert "A random sample: " not in "".join(read(folder / "report.html").text)

    def test_long_texts_do_not_make_the_page_big(self, tmp_path: Path) -> None:
        path = tmp_path / "data.jsonl"
        rows = [{"instruction": f"Sing {n}", "output": "<" * 50_000} for n in range(400)]
        path.write_text("".join(json.dumps(row) + "\n" for row in rows))
        make_report([path])
        page = tmp_path / "data.report.html"
        assert page.stat().st_size < 6_000_000
        (data,) = data_of(page)
        assert 50 < len(data["rows"]) < 400
        assert f"{len(data['rows'])} of 400 tasks" in page.read_text()


def test_without_a_reader_of_verbs_the_page_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(build, "reader", lambda: None)
    folder = write_journal(tmp_path / "run", events(40))
    make_report([folder])
    text = (folder / "report.html").read_text()
    assert 'pip install "bootstruct[report]"' in "".join(read(folder / "report.html").text)
    assert 'class="sunburst"' not in text


def test_runs_side_by_side(tmp_path: Path) -> None:
    one, two = write_journal(tmp_path / "one", events(60)), write_journal(tmp_path / "two", events(90))
    made = make_report([one, two], tmp_path / "both.html")
    assert list(made.files) == [tmp_path / "both.html"]
    data = data_of(tmp_path / "both.html")
    assert [(entry["label"], len(entry["rows"])) for entry in data] == [("one", 60), ("two", 90)]
    text = "".join(read(tmp_path / "both.html").text)
    assert text.count("Best ROUGE-L with the seeds") >= 2


class TestCard:
    def card(self, folder: Path) -> tuple[dict, str]:  # type: ignore[type-arg]
        make_report([folder])
        text = (folder / "report.card.md").read_text()
        _, header, body = text.split("---\n", 2)
        return yaml.safe_load(header), body

    def test_the_header_is_the_hubs(self, tmp_path: Path) -> None:
        header, body = self.card(write_journal(tmp_path / "run", events(60)))
        assert header["size_categories"] == ["n<1K"]
        assert header["license"] == "unknown"
        assert header["language"] == ["en"]
        assert "| Instructions | 60 | 52,445 |" in body
        assert recipe().digest() in body

    def test_hostile_rows_stay_in_their_fence(self, tmp_path: Path) -> None:
        header, body = self.card(write_journal(tmp_path / "x: [y]\n---", hostile_run()))
        assert header["pretty_name"] == "x: [y]\n---"
        fence = next(line for line in body.splitlines() if line.startswith("```"))
        marks = len(fence) - len(fence.lstrip("`"))
        start = body.index(fence)
        end = body.index("\n" + "`" * marks, start + 5)
        rows = json.loads(body[start + len(fence) : end])
        assert {row["output"] for row in rows} <= {visible(text.replace("\ud83d", "?")) for text in HOSTILE}
        assert "<" not in body[:start] + body[end:]

    @pytest.mark.parametrize(
        ("text", "language"),
        [("Write a poem about the sea for a child.", "en"), ("바다에 대한 시를 쓰세요.", "ko"), ("海についての詩を書いてください。", "ja"),
         ("Schreibe ein Gedicht über das Meer.", None), ("1 2 3", None), ("", None)],
    )  # fmt: skip
    def test_a_language_is_named_only_where_it_is_plain(self, text: str, language: str | None) -> None:
        assert language_of([text]) == language


def test_shown_text_keeps_what_is_harmless() -> None:
    kept = "tab\tnew\nline é 中 👩‍👩‍👧 שלום"
    assert visible(kept) == kept
    assert visible("a\r\nb") == "a\nb"
    assert clip("abcdef", 4).startswith("abcd […, 2 more")
    assert json.loads(in_script(HOSTILE[:9])) == HOSTILE[:9]
    assert not re.search("[<>&\u2028\u2029]", in_script(HOSTILE[:9]))
