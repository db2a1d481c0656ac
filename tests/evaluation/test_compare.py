"""Comparisons: same instances only, published rows marked, nothing unescaped."""

import json
from pathlib import Path
from xml.etree import ElementTree

import pytest

from bootstruct.errors import InputError
from bootstruct.evaluation.compare import compare, rating_pairs, source_of, to_row
from bootstruct.evaluation.compare_report import bars_of, figure_of, markdown, page
from bootstruct.evaluation.intervals import mean_interval, proportion_interval
from bootstruct.evaluation.ratings import Rating, acceptable_answers, acceptable_share
from bootstruct.paper import FIGURE_6, TABLE_3
from bootstruct.render.bars import RatingBar, stacked_ratings


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
    assert sum(bar.published for bar in bars) == 8
    assert all(sum(counts) == 252 for _, counts in FIGURE_6)
    assert "![Stacked bars" in markdown(found, "ratings.svg")
    assert "own 252 tasks" in markdown(found)


def test_a_or_b_means_the_same_in_the_table_and_in_the_difference() -> None:
    """Anna rates all answers of `a` A; Ben rates half of them C, so that these are not acceptable; Cem sides with Anna once."""
    rated = [Rating("a", f"t{n}", "anna", "A") for n in range(10)]
    rated += [Rating("a", f"t{n}", "ben", "B" if n < 5 else "C") for n in range(10)]
    rated += [Rating("a", "t9", "cem", "B")]
    rated += [Rating("b", f"t{n}", who, "D") for n in range(10) for who in ("anna", "ben")]
    acceptable = acceptable_answers(rated)
    shares = {model: acceptable_share(tasks.values()) for model, tasks in acceptable.items()}
    assert (shares["a"].acceptable, shares["a"].answers, shares["b"].percent) == (6, 10, 0.0)
    (difference,) = rating_pairs(rated)
    assert difference.acceptable.value == pytest.approx(shares["b"].percent - shares["a"].percent)
    assert difference.mcnemar.only_first == 6
    assert shares["a"].interval == mean_interval([1.0] * 6 + [0.0] * 4, range(10), 100.0)


def test_the_papers_rows_carry_intervals(tmp_path: Path) -> None:
    found = compare([source_of(predictions(tmp_path / "a.jsonl", 3))], None, ratings())
    text = markdown(found)
    assert "63.9 [57.8, 69.6]" in text  # 161 of 252, Self-Instruct
    assert "more than half of its ratings" in text
    row = to_row(found)
    published = {entry["model"]: entry["acceptable"] for entry in row["published"]["figure_6"]}
    assert published["GPT3"]["percent"] == pytest.approx(100 / 252, abs=1e-4)
    assert published["GPT3"]["interval"] == {"low": 0.0696, "high": 2.2279}
    assert row["acceptable"]["people"]["a"]["answers"] == 12
    assert 0 < row["acceptable"]["judge:j"]["a"]["interval"]["low"] < 100
    alone = proportion_interval(161, 252)  # Wilson's with 1.96 instead of Student's t: the same to a tenth
    assert alone is not None
    assert published["Self-Instruct"]["interval"]["low"] == pytest.approx(100 * alone.low, abs=0.1)


def test_bars_are_as_long_as_their_counts() -> None:
    figure = str(stacked_ratings([RatingBar("m", (1, 1, 2, 0))], "t", standalone=True))
    widths = [
        float(entry.get("width", "0")) for entry in ElementTree.fromstring(figure).iter() if entry.get("height") == "24"
    ]
    gap = 1  # between two parts
    assert [width + gap for width in widths] == pytest.approx([550 / 4, 550 / 4, 550 / 2])


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
    with pytest.raises(InputError, match="two models are called 'p'"):
        compare([source_of(one), source_of(one)])
    mixed = [evaluation(tmp_path / kind, kind, kind, 3) for kind in ("superni", "user-tasks")]
    with pytest.raises(InputError, match="cannot be compared in one table"):
        compare([source_of(entry) for entry in mixed])
    with pytest.raises(InputError, match="no such evaluation folder"):
        source_of(str(tmp_path / "gone"))
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match="is not an evaluation folder"):
        source_of(str(tmp_path / "empty"))
