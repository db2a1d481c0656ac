"""`evaluate mc` and `evaluate perplexity`: the files they read, the scores, and likelihoods against a plain computation."""

import json
import math
from pathlib import Path
from typing import Any

import pytest

import bootstruct as bs
from bootstruct.errors import InputError
from bootstruct.evaluation.loss_records import TextLoss
from bootstruct.evaluation.multiple_choice import markdown, read_choice_questions, write_choices
from bootstruct.evaluation.perplexity import read_reference_texts, write_perplexity
from bootstruct.evaluation.predict import GREEDY, EvaluationManifest, Kind
from bootstruct.io.accounts import RowAccount
from tests.support.evaluate_commands import evaluate

ARC = {"id": "q1", "question": "Which?", "choices": {"text": ["red", "blue"], "label": ["1", "2"]}, "answerKey": "2"}


def written(path: Path, *rows: Any) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def note(kind: Kind) -> EvaluationManifest:
    return EvaluationManifest(kind, "hf/m", "text", GREEDY, "", "", 1)


@pytest.mark.parametrize(
    ("row", "labels", "answer"),
    [
        (ARC, ("1", "2"), 1),
        ({"question": "Which?", "choices": ["red", "blue"], "answer": 1}, ("A", "B"), 1),
        ({"question": "Which?", "choices": ["red", "blue"], "answer": "B"}, ("A", "B"), 1),
        ({"question": "Which?", "options": ["red", "blue"], "answer": "red"}, ("A", "B"), 0),
        ({"ctx": "A man", "endings": ["runs", "sits", "eats"], "label": "2"}, ("A", "B", "C"), 2),
        ({"goal": "Dry it", "sol1": "Wring", "sol2": "Soak", "label": 0.0}, ("A", "B"), 0),
        ({"instruction": "Sort.", "input": "x", "labels": ["due", "not due"], "output": "not due"}, ("A", "B"), 1),
        (
            {"question": "?", "choices": [{"label": "a", "text": "x"}, {"label": "b", "text": "y"}], "answerKey": "b"},
            ("a", "b"),
            1,
        ),
    ],
)
def test_questions_in_the_known_shapes(row: Any, labels: tuple[str, ...], answer: int, tmp_path: Path) -> None:
    (found,) = read_choice_questions(written(tmp_path / "q.jsonl", row))
    assert (found.labels, found.answer) == (labels, answer)
    assert found.question == ("Sort.\n\nx" if "instruction" in row else found.question)


def test_rows_that_are_no_question_are_left_out_and_counted(tmp_path: Path) -> None:
    bad = [
        {"choices": ["a", "b"], "answer": 0},
        {"question": "?", "choices": ["a"], "answer": 0},
        {"question": "?", "choices": ["a", "b"], "answer": 2},
        {"question": "?", "choices": ["a", "b"], "answer": True},
        {"question": "?", "choices": ["a", " "], "answer": 0},
        {"question": "?", "choices": "ab", "answer": 0},
        {"question": "?", "choices": ["a", "b"]},
        {"question": "?", "choices": ["a"] * 27, "answer": 0},
        ARC,
        ARC,
    ]
    accounts: list[RowAccount] = []
    assert len(read_choice_questions(written(tmp_path / "q.jsonl", *bad), accounts)) == 1
    assert (accounts[0].read, accounts[0].used, accounts[0].omitted) == (10, 1, 9)
    with pytest.raises(InputError, match="no question with choices"):
        read_choice_questions(written(tmp_path / "none.jsonl", *bad[:8]))


def test_the_likeliest_choice_counts_plain_and_per_character(tmp_path: Path) -> None:
    rows = [{"question": f"{n}?", "choices": ["ab", "a longer one"], "answer": n % 2} for n in range(8)]
    questions = read_choice_questions(written(tmp_path / "q.jsonl", *rows))
    losses = {q.key(0): TextLoss(4.0, 1) for q in questions} | {q.key(1): TextLoss(6.0, 3) for q in questions}
    losses[questions[0].key(0)] = TextLoss(4.0, 1, True)
    scores = write_choices(tmp_path / "out", note("mc"), questions, losses)
    assert (scores.plain.percent, scores.normalised.percent, scores.chance, scores.cut) == (50.0, 50.0, 50.0, 1)
    kept = [json.loads(line) for line in (tmp_path / "out" / "predictions.jsonl").read_text().splitlines()]
    assert {(row["choice"], row["normalised_choice"]) for row in kept} == {("A", "B")}
    interval = scores.plain.interval
    assert interval is not None and (interval.low, interval.high) == (21.52, 78.48)  # Wilson's, of 4 in 8
    assert "50.0 [21.5, 78.5]" in markdown([scores]) and "lost their beginning" in markdown([scores])


def test_perplexity_is_per_token_and_bits_are_per_byte(tmp_path: Path) -> None:
    rows = [{"instruction": f"Say {n}.", "output": "é" * (n + 1)} for n in range(6)]
    rows += [{"instruction": "Nothing."}, {"output": "x"}]  # type: ignore[list-item]
    accounts: list[RowAccount] = []
    texts = read_reference_texts(written(tmp_path / "r.jsonl", *rows), None, accounts)
    assert len(texts) == 6 and accounts[0].omitted == 2
    losses = {text.key: TextLoss(2.0 * len(text.output), len(text.output)) for text in texts}
    scores = write_perplexity(tmp_path / "out", note("perplexity"), texts, losses)
    assert (scores.tokens, scores.loss, scores.perplexity) == (21, 2.0, round(math.exp(2), 4))
    assert scores.bits_per_byte == round(2 / math.log(2) / 2, 4)  # two bytes per sign
    assert scores.perplexity_interval is not None and scores.perplexity_interval.low == scores.perplexity
    with pytest.raises(InputError, match="no output"):
        read_reference_texts(written(tmp_path / "none.jsonl", *rows[6:]))


@pytest.mark.parametrize("command", ["mc", "perplexity"])
def test_a_model_on_a_server_is_refused_in_one_sentence(command: str, tmp_path: Path) -> None:
    row = ARC if command == "mc" else {"instruction": "Say it.", "output": "It."}
    done = evaluate(command, written(tmp_path / "f.jsonl", row), "--model", "openai/m", "--out", tmp_path / "out")
    assert done.returncode == 2 and "needs a model on this machine" in done.stderr
    assert not (tmp_path / "out").exists()


def tiny() -> str:
    pytest.importorskip("torch", reason="torch is not installed")
    pytest.importorskip("transformers", reason="transformers is not installed")
    from tests.support.local_models import causal_folder

    return f"hf/{causal_folder()}"


def plainly(model: str, prompt: str, text: str) -> float:
    """The negative log-likelihood of a text after a prompt, one row at a time, with the whole output of the model."""
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    folder = model.removeprefix("hf/")
    tokenizer, loaded = AutoTokenizer.from_pretrained(folder), AutoModelForCausalLM.from_pretrained(folder)
    start, whole = tokenizer(prompt)["input_ids"], tokenizer(prompt + text)["input_ids"]
    with torch.inference_mode():
        scores = loaded.float()(torch.tensor([whole])).logits[0].log_softmax(-1)
    return -sum(float(scores[n - 1, whole[n]]) for n in range(len(start), len(whole)))


@pytest.mark.real
def test_likelihoods_are_those_of_a_plain_computation_and_are_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = tiny()
    rows = [
        {"question": f"What is {n}?", "choices": ["yes", "no, by no means", str(n)], "answer": 0} for n in range(12)
    ]
    path = written(tmp_path / "q.jsonl", *rows)
    (first,) = bs.evaluate.mc(model, path, out=tmp_path / "out")
    (folder,) = (tmp_path / "out").iterdir()
    kept = [json.loads(line) for line in (folder / "predictions.jsonl").read_text().splitlines()]
    for row in (kept[0], kept[11]):
        for place, choice in enumerate(row["choices"]):
            wanted = plainly(model, f"Question: {row['question']}\nAnswer:", f" {choice}")
            assert -row["log_likelihoods"][place] == pytest.approx(wanted, rel=1e-4)
    with (folder / "likelihoods.jsonl").open("rb+") as file:  # as a kill leaves it
        file.truncate((folder / "likelihoods.jsonl").stat().st_size - 20)
    done: list[int] = []
    assert bs.evaluate.mc(model, path, out=tmp_path / "out", on_progress=lambda name, now, of: done.append(now)) == (
        first,
    )
    assert done == [36] and len((folder / "likelihoods.jsonl").read_text().splitlines()) >= 36
    monkeypatch.setattr("bootstruct.evaluation.loss_records.LikelihoodModel", None)  # nothing is left to compute
    assert bs.evaluate.mc(model, path, out=tmp_path / "out") == (first,)


@pytest.mark.real
def test_a_chat_model_is_asked_by_its_template(tmp_path: Path) -> None:
    model = tiny()
    path = written(tmp_path / "r.jsonl", *({"instruction": f"Say {n}.", "output": f"It is {n}."} for n in range(6)))
    (chat,) = bs.evaluate.perplexity(model, path, out=tmp_path / "chat", api="chat")
    (text,) = bs.evaluate.perplexity(model, path, out=tmp_path / "text")
    assert chat.perplexity != text.perplexity and chat.texts == text.texts == 6
    wanted = plainly(model, "<|user|>\nSay 0.\nOutput:\n<|assistant|>\n", "It is 0.")
    kept = json.loads((tmp_path / "chat").glob("*/predictions.jsonl").__next__().read_text().splitlines()[0])
    assert kept["nats"] == pytest.approx(wanted, rel=1e-4)
    done = evaluate("perplexity", path, "--model", model, "--out", tmp_path / "text", "--json")
    assert json.loads(done.stdout)[0]["perplexity"] == text.perplexity, done.stderr


@pytest.mark.real
def test_the_harness_finds_the_same_likelihoods(tmp_path: Path) -> None:
    pytest.importorskip("lm_eval", reason="lm-eval is not installed")
    from lm_eval.api.instance import Instance
    from lm_eval.models.huggingface import HFLM

    model = tiny()
    rows = [{"question": f"What is {n}?", "choices": ["yes", "no, by no means"], "answer": 0} for n in range(10)]
    bs.evaluate.mc(model, written(tmp_path / "q.jsonl", *rows), out=tmp_path / "out")
    kept = [json.loads(x) for x in next((tmp_path / "out").glob("*/predictions.jsonl")).read_text().splitlines()]
    harness = HFLM(pretrained=model.removeprefix("hf/"), device="cpu", dtype="float32", batch_size=1)
    asked = [(f"Question: {row['question']}\nAnswer:", f" {choice}") for row in kept for choice in row["choices"]]
    found = harness.loglikelihood([Instance("loglikelihood", {}, pair, 0) for pair in asked])
    ours = [value for row in kept for value in row["log_likelihoods"]]
    assert ours == pytest.approx([loss for loss, _ in found], rel=1e-4)
