"""`select`: every rule against its definition, in Python and by the command; each choice explained, nothing left to chance."""

import importlib.util
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import bootstruct as bs
from bootstruct.errors import InputError
from bootstruct.selection.rules import RuleInputs, SelectableRow, choose, farthest, ranks_of, shares_of
from tests.support.commands import bootstruct
from tests.support.report_runs import events, write_journal


def write(path: Path, rows: list[dict[str, Any]]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def rows(count: int = 12) -> list[dict[str, Any]]:
    return [
        {
            "instruction": f"Say {'red blue green'.split()[n % 3]} {n}.",
            "output": "word " * (1 + 7 * n % 11),
            "topic": "abc"[n % 3] if n < 9 else "a",
            "score": [3, None, 5, "4", 1, 2, 5, 0, 9, True, "none", 4][n % 12],
            "is_classification": n % 4 == 0,
            "note": {"kept": n},
        }
        for n in range(count)
    ]


def inputs(**given: Any) -> RuleInputs:
    def absent(every: object) -> Any:
        raise AssertionError("not needed")

    return RuleInputs(*(given.get(name, absent) for name in ("perplexities", "grades", "vectors")))


def test_chosen_rows_keep_fields_and_order_and_say_why(tmp_path: Path) -> None:
    path = write(tmp_path / "a.jsonl", rows())
    found = bs.select(path, size=4, by="longest", out=tmp_path / "few.jsonl")
    written = [json.loads(line) for line in (tmp_path / "few.jsonl").read_text().splitlines()]
    assert written == found.rows and found.available == 12
    assert [row["note"]["kept"] for row in written] == sorted(row["note"]["kept"] for row in written)
    lengths = [1 + 7 * n % 11 for n in range(12)]
    best = sorted(range(12), key=lambda n: (-lengths[n], n))[:4]
    assert {row["note"]["kept"]: row["selection"]["rank"] for row in written} == {n: r for r, n in enumerate(best, 1)}
    assert written[0]["selection"].keys() == {"rank", "by", "score", "why"}
    assert "words" in written[0]["selection"]["why"]


def test_chance_follows_the_seed(tmp_path: Path) -> None:
    path = write(tmp_path / "a.jsonl", rows())
    first, again, other = (bs.select(path, size=5, seed=seed).rows for seed in (0, 0, 1))
    assert first == again != other


def test_grades_are_numbers_of_a_field(tmp_path: Path) -> None:
    path = write(tmp_path / "a.jsonl", rows())
    found = bs.select(path, size=5, by="grade", grade="score")
    ranked = sorted(found.rows, key=lambda row: row["selection"]["rank"])
    assert [row["note"]["kept"] for row in ranked] == [8, 2, 6, 3, 11]
    assert ranked[0]["selection"]["why"] == "grade 9"
    every = bs.select(path, size=12, by="grade", grade="score").rows
    assert [row["selection"]["score"] for row in every if row["note"]["kept"] in (1, 9, 10)] == [None] * 3


def test_groups_have_equal_shares(tmp_path: Path) -> None:
    path = write(tmp_path / "a.jsonl", rows())
    assert bs.select(path, size=6, per="topic").groups == {"topic a": 2, "topic b": 2, "topic c": 2}
    assert bs.select(path, size=10, per="type", by="longest").groups == {"classification": 3, "other": 7}
    assert shares_of([1, 4, 4], 8) == [1, 4, 3] and shares_of([3], 2) == [2]


def test_k_center_takes_the_farthest() -> None:
    chance = np.random.default_rng(3)
    vectors = chance.normal(size=(40, 5)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    found = farthest(vectors, 12, np.ones(40))
    places = [place for place, _, _ in found]
    assert len(set(places)) == 12
    for step in range(1, 12):
        away = (1 - vectors @ vectors[places[:step]].T).min(axis=1)
        assert away[places[step]] == pytest.approx(away.max(), abs=1e-6)
    with_duplicates = np.repeat(np.eye(3, dtype=np.float32), 4, axis=0)
    assert {place // 4 for place, _, _ in farthest(with_duplicates, 3, np.ones(12))} == {0, 1, 2}
    assert len({place for place, _, _ in farthest(with_duplicates, 12, np.ones(12))}) == 12


def test_a_mixture_weighs_quality_and_distance() -> None:
    available = [SelectableRow(n, f"t{n}", "", "word " * (n + 1)) for n in range(4)]
    vectors = np.array([[1, 0], [1, 0], [0, 1], [0, 1]], dtype=np.float32)
    chosen = choose(available, 2, "mixture", inputs(vectors=lambda every: vectors), "longest")
    assert [choice.place for choice in chosen] == [3, 1]  # the longest, then the longer one of those far from it
    assert chosen[1].why == "1.000 from the nearest chosen before times rank 0.500 by longest"
    assert ranks_of(np.array([5.0, 1.0, 5.0])).tolist() == [1, 1 / 3, 1]


def test_perplexity_and_difficulty() -> None:
    available = [SelectableRow(n, f"t{n}", "", "x y") for n in range(5)]
    after, alone = np.array([2.0, 9.0, 3.0, np.nan, 8.0]), np.array([4.0, 10.0, 30.0, np.nan, 4.0])
    given = inputs(perplexities=lambda every: (after, alone))
    assert [choice.place for choice in choose(available, 5, "perplexity", given)] == [0, 2, 4, 1, 3]
    chosen = choose(available, 5, "ifd", given)
    assert [choice.place for choice in chosen] == [
        1,
        0,
        2,
        4,
        3,
    ]  # what the prompt does not help comes after the others
    assert chosen[0].why == "instruction-following difficulty 0.900"
    assert chosen[4].why == "no ifd is known, so the row comes last"


def test_a_run_is_chosen_from(tmp_path: Path) -> None:
    folder = write_journal(tmp_path / "run", events(20, 1))
    found = bs.select(folder, size=7, by="k-center", embed="hashed", per="type")
    assert len(found.rows) == 7 and sum(found.groups.values()) == 7
    assert {"instruction", "output", "selection"} <= found.rows[0].keys()
    assert found.accounts[0].read == found.available >= 7


def test_the_command(tmp_path: Path) -> None:
    path, out = write(tmp_path / "a.jsonl", rows()), tmp_path / "few.csv"
    done = bootstruct("select", path, "--size", "3", "--by", "k-center", "--embed", "hashed", "--out", out, "--json")
    told = json.loads(done.stdout)
    assert (told["available"], told["chosen"]) == (12, 3), done.stderr
    assert out.read_text().startswith("instruction,output")
    assert "nothing was written" in bootstruct("select", path, "--size", "3").stdout
    assert bootstruct("select", path, "--size", "99").returncode == 2


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"size": 13}, "there are 12 rows"),
        ({"size": 2, "by": "best"}, "unknown; use one of random"),
        ({"size": 2, "by": "ifd"}, "needs a small model"),
        ({"size": 2, "by": "k-center"}, "needs a model of embeddings"),
        ({"size": 2, "by": "mixture", "embed": "hashed"}, "takes --quality"),
        ({"size": 2, "by": "grade"}, "name of the field"),
        ({"size": 0}, "at least one"),
    ],
)
def test_options_that_do_not_fit(tmp_path: Path, options: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        bs.select(write(tmp_path / "a.jsonl", rows()), **options)


@pytest.mark.real
def test_likelihoods_of_the_pocket_model(tmp_path: Path) -> None:
    if importlib.util.find_spec("torch") is None:
        pytest.skip("needs bootstruct[local]")
    import torch

    from bootstruct.engines.local.load import load
    from bootstruct.selection.likelihood import perplexities

    available = [
        SelectableRow(0, "Write the plural of the word.", "cat", "cats"),
        SelectableRow(1, "Write the plural of the word.", "cat", "the sum is seven and the day is long"),
        SelectableRow(2, "Write the plural of the word.", "cat", ""),
    ]
    after, alone = perplexities(available, "pocket")
    assert np.isnan(after[2]) and np.isnan(alone[2])
    model = load("pocket", is_pocket=True)
    ids = [model.tokenization.tokenizer(text, add_special_tokens=False)["input_ids"] for text in
           ("Write the plural of the word.\n\ncat\n\n", available[1].output)]  # fmt: skip
    whole = torch.tensor([ids[0] + ids[1]])
    with torch.inference_mode():
        losses = torch.log_softmax(model.model(whole).logits[0].float(), -1)
    counted = [-float(losses[place - 1, whole[0, place]]) for place in range(len(ids[0]) + 1, whole.shape[1])]
    assert after[1] == pytest.approx(np.exp(np.mean(counted)), rel=1e-3)
    with pytest.raises(InputError, match="use pocket or hf"):
        perplexities(available, "gpt")
