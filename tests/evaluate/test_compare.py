"""Comparisons: same instances only, published rows marked, nothing unescaped."""

import json
from pathlib import Path
from xml.etree import ElementTree

import pytest

from bootstruct.errors import BadInput
from bootstruct.evaluate.bars import Bar, stacked_bars
from bootstruct.evaluate.compare import compare, source_of, to_row
from bootstruct.evaluate.compare_text import bars_of, figure_of, markdown, page
from bootstruct.evaluate.ratings import Rating
from bootstruct.published import FIGURE_6, TABLE_3


def predictions(path: Path, right: int, of: int = 40, start: int = 0) -> str:
    rows = []
    for n in range(start, of):
        text = "yes" if n < right else "no way"
        rows.append({"Task": f"t{n % 8}", "Instance": {"id": f"i{n}", "output": ["yes"]}, "prediction": text})
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return str(path)


def evaluation(folder: Path, kind: str, model: str, right: int) -> str:
    folder.mkdir()
    predictions(folder / "predictions.jsonl", right)
    (folder / "evaluation.json").write_text(json.dumps({"evaluation": kind, "model": model, "instances": 50}))
    return str(folder)


def ratings() -> list[Rating]:
    people = [Rating(m, f"t{n}", "anna", "ABCD"[min(3, n // k)]) for m, k in (("a", 2), ("b", 8)) for n in range(12)]
    return [*people, *(Rating("a", f"t{n}", "judge:j", "A") for n in range(12))]


def test_models_are_compared_where_both_answered(tmp_path: Path) -> None:
    one, other = predictions(tmp_path / "one.jsonl", 10), predictions(tmp_path / "other.jsonl", 30, start=5)
    found = compare([source_of(one), source_of(f"second={other}")])
    pair = found.pairs[0]
    assert (pair.first, pair.second, pair.count) == ("one", "second", 35)
    assert pair.exact_match.value == pytest.approx(100 * 20 / 35)
    assert (pair.exact_mcnemar.only_first, pair.exact_mcnemar.only_second) == (0, 20)
    assert pair.exact_mcnemar.p == pytest.approx(2 / 2**20)
    assert pair.rouge_l.p is not None
    assert pair.rouge_l.p < 0.01
    assert "published" not in markdown(found)


def test_table_3_stands_beside_superni_only_and_is_marked(tmp_path: Path) -> None:
    folder = evaluation(tmp_path / "m", "superni", "openai/x", 20)
    found = compare([source_of(folder)])
    text = markdown(found)
    assert text.count("(published)") == len(TABLE_3) == 9
    assert "40 of 50" in text
    names = [line.split("|")[1].strip() for line in text.split("\n") if line.startswith("|")]
    assert names[-3:] == [
        "GPT3 + SuperNI training, 175B (published)",
        "openai/x",  # 50.0
        "GPT3 Self-Instruct + SuperNI training, 175B (published)",
    ]
    assert len(to_row(found)["published"]["table_3"]) == 9
    users = compare([source_of(evaluation(tmp_path / "u", "user-tasks", "openai/x", 20))])
    assert "T5-LM" not in markdown(users)


def test_rated_answers_and_the_figure(tmp_path: Path) -> None:
    found = compare([source_of(predictions(tmp_path / "a.jsonl", 3))], None, ratings())
    assert found.levels["people"]["a"] == {"A": 2, "B": 2, "C": 2, "D": 6}
    assert found.levels["judge:j"]["a"]["A"] == 12
    pair = found.rated_pairs[0]
    assert (pair.first, pair.second, pair.who, pair.mcnemar.only_second) == ("a", "b", "people", 8)
    figure = figure_of(found)
    assert figure is not None
    root = ElementTree.fromstring(figure)
    bars = bars_of(found)
    assert len(bars) == 3 + len(FIGURE_6)
    assert len(root.findall("{http://www.w3.org/2000/svg}g")) == len(bars)
    assert sum(each.published for each in bars) == 8
    assert all(sum(counts) == 252 for _, counts in FIGURE_6)
    assert "![Stacked bars" in markdown(found, "ratings.svg")
    assert "own 252 tasks" in markdown(found)


def test_bars_are_as_long_as_their_counts() -> None:
    figure = stacked_bars([Bar("m", (1, 1, 2, 0))], "t")
    widths = [
        float(each.get("width", "0")) for each in ElementTree.fromstring(figure).iter() if each.get("height") == "22"
    ]
    assert widths == pytest.approx([widths[0], widths[0], 2 * widths[0]])
    assert sum(widths) == pytest.approx(550)


def test_hostile_names_are_escaped(tmp_path: Path) -> None:
    hostile = "<script>alert(1)</script>&|"
    one = predictions(tmp_path / "p.jsonl", 3)
    rated = [Rating(hostile, f"t{n}", "anna", "A") for n in range(6)]
    found = compare([source_of(f"{hostile}={one}")], None, rated)
    html = page(found)
    assert "<script" not in html
    assert "&lt;script&gt;" in html
    assert "http://" not in html.replace("http://www.w3.org/2000/svg", "")
    ElementTree.fromstring(figure_of(found) or "")
    assert "&\\|" in markdown(found)


def test_what_cannot_be_compared(tmp_path: Path) -> None:
    one = predictions(tmp_path / "p.jsonl", 3)
    with pytest.raises(BadInput, match="two models are called 'p'"):
        compare([source_of(one), source_of(one)])
    mixed = [evaluation(tmp_path / kind, kind, kind, 3) for kind in ("superni", "user-tasks")]
    with pytest.raises(BadInput, match="cannot stand in one table"):
        compare([source_of(each) for each in mixed])
    with pytest.raises(BadInput, match="no such evaluation folder"):
        source_of(str(tmp_path / "gone"))
    (tmp_path / "empty").mkdir()
    with pytest.raises(BadInput, match="no evaluation folder"):
        source_of(str(tmp_path / "empty"))
