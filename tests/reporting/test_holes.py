"""Holes: which topics, task types, lengths and verbs of a taxonomy are thin, in the command, in Python and on the page."""

import json
import random
from pathlib import Path

import pytest
from click.testing import CliRunner

import bootstruct as bs
from bootstruct.cli.diversity import diversity_command
from bootstruct.cli.report import report_command
from bootstruct.errors import InputError
from bootstruct.reporting.build import make_report
from bootstruct.reporting.holes import Place, read_taxonomy
from tests.reporting.test_page import HOSTILE
from tests.support.report_runs import events, write_journal

TOPICS = {"garden": "plants roses soil", "money": "bank savings loan", "music": "song violin choir"}


def write(path: Path, counts: dict[str, int], kind: bool | None = None) -> Path:
    """A file of short tasks, so many of each topic."""
    chance, rows = random.Random(1), []
    for topic, count in counts.items():
        for number in range(count):
            word, other = chance.sample(TOPICS[topic].split(), 2)
            row = {"instruction": f"Explain the {word} and the {other} number {number}.", "output": "Yes."}
            rows.append(row | ({} if kind is None else {"is_classification": kind}))
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def taxonomy(path: Path, text: str) -> Path:
    path.write_text(text)
    return path


NAMED = "topics:\n" + "".join(f"  {name}: [{', '.join(words.split())}]\n" for name, words in TOPICS.items())


def test_a_thin_topic_of_the_users_file_is_a_hole(tmp_path: Path) -> None:
    data = write(tmp_path / "a.jsonl", {"garden": 60, "money": 50, "music": 4})
    file = taxonomy(tmp_path / "t.yaml", NAMED)
    (found,) = bs.diversity(data, taxonomy=file)
    assert found.coverage is not None
    assert [(place.name, place.count, place.of) for place in found.coverage.thin] == [("music", 4, 114)]
    done = CliRunner().invoke(diversity_command, [str(data), "--taxonomy", str(file)], catch_exceptions=False)
    assert "1 of 3 places of t.yaml are thin; topics by the words of the file" in done.stdout
    assert 'topic "music": 4 of 114 (3.5%), expected 33.3%' in done.stdout


def test_the_seeds_are_the_taxonomy_otherwise(tmp_path: Path) -> None:
    seeds = write(tmp_path / "seeds.jsonl", dict.fromkeys(TOPICS, 12), kind=True)
    data = write(tmp_path / "a.jsonl", {"garden": 80, "music": 80}, kind=False)
    done = CliRunner().invoke(diversity_command, [str(data), "--seeds", str(seeds), "--json"], catch_exceptions=False)
    found = json.loads(done.stdout)["sets"][0]["coverage"]
    thin = {(place["kind"], place["name"]): place["count"] for place in found["places"] if place["thin"]}
    assert thin["task type", "classification"] == 0
    topics = [name for kind, name in thin if kind == "topic"]
    assert topics and all(any(word in name for word in TOPICS["money"].split()) for name in topics)
    assert found["vectors"] == "words" and found["taxonomy"] == "the 36 seeds"


def test_chance_is_no_hole() -> None:
    assert not Place("verb", "sort", 0, 20, 0.05).is_thin  # one was expected, and none is no surprise
    assert Place("verb", "sort", 0, 200, 0.05).is_thin
    assert not Place("verb", "sort", 6, 200, 0.05).is_thin  # more than half


def test_lengths_types_and_verbs_of_a_file(tmp_path: Path) -> None:
    pytest.importorskip("lemminflect")
    data = write(tmp_path / "a.jsonl", {"garden": 40}, kind=False)
    file = taxonomy(tmp_path / "t.yaml", "lengths: [4, 20]\ntypes: {classification: 0.5}\nverbs: [explain, sort]\n")
    (found,) = bs.diversity(data, taxonomy=file)
    assert found.coverage is not None
    names = [(place.kind, place.name) for place in found.coverage.thin]
    assert names == [("task type", "classification"), ("length", "21 words or more"), ("length", "up to 4 words"), ("verb", "sort")]  # fmt: skip


def test_without_seeds_and_file_it_says_so(tmp_path: Path) -> None:
    done = CliRunner().invoke(diversity_command, [str(write(tmp_path / "a.jsonl", {"garden": 9}))])
    assert "without holes; --seeds or --taxonomy" in done.stdout


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("a: 1", "expected any of the keys"),
        ("[1]", "expected any of the keys"),
        ("topics: {a: word}", "lists of words"),
        ("topics: {a: [the]}", "has no word by which it can be told"),
        ("lengths: [9, 3]", "rise"),
        ("lengths: [0]", "rise"),
        ("types: {classification: 3}", "expected shares"),
        ("verbs: sort", "a list of words"),
        ("verbs: ['']", "1 to 120 characters"),
        (f"verbs: {json.dumps([f'v{n}' for n in range(501)])}", "more than 500"),
    ],
)
def test_faults_of_a_taxonomy_are_told_in_a_sentence(tmp_path: Path, text: str, sentence: str) -> None:
    with pytest.raises(InputError, match=sentence):
        read_taxonomy(taxonomy(tmp_path / "t.yaml", text))


def test_names_alone_are_topics_too(tmp_path: Path) -> None:
    found = read_taxonomy(taxonomy(tmp_path / "t.yaml", "topics: [old clocks, the sea]"))
    assert found.topics == {"old clocks": ("old", "clock"), "the sea": ("sea",)}


def test_the_page_shows_the_map_and_the_holes(tmp_path: Path) -> None:
    folder, out = write_journal(tmp_path / "run", events(60)), tmp_path / "r.html"
    done = CliRunner().invoke(report_command, [str(folder), "--out", str(out), "--embed", "hashed"])
    assert done.exit_code == 0, done.output
    page = out.read_text()
    assert page.count('class="pt"') == 60 and 'class="topicmap"' in page and "Holes: " in page
    assert "by the embeddings of hashed" in page and (folder / "embeddings").is_dir()
    make_report([folder], out)
    assert "by their words, which is coarse" in out.read_text()


def test_hostile_texts_stay_texts_on_the_map(tmp_path: Path) -> None:
    path = tmp_path / "data.json"
    texts = [f"{text} number {n}" for n in range(4) for text in HOSTILE]
    path.write_text(json.dumps([{"instruction": text, "input": "", "output": text} for text in texts]))
    file = taxonomy(tmp_path / "t.yaml", 'topics: {"<script>alert(1)</script>": [unicorn, number]}')
    make_report([path], tmp_path / "page.html", taxonomy=file)
    page = (tmp_path / "page.html").read_text()
    assert 'class="pt"' in page and "<script>alert" not in page.split("<main")[1].split('id="data"')[0]
