"""Encoder-decoder models are trained and used like others: a tiny T5 of random weights."""

import json
from pathlib import Path
from typing import Any

import pytest

for package in ("torch", "transformers", "trl", "peft", "datasets"):
    pytest.importorskip(package, reason=f"{package} is not installed: pip install 'bootstruct[train]'")

from bootstruct.errors import InputError  # noqa: E402
from bootstruct.finetuning.data import TrainingExample, read_data  # noqa: E402
from bootstruct.finetuning.run import finetune  # noqa: E402
from bootstruct.finetuning.seq2seq import lost_line_breaks  # noqa: E402
from bootstruct.finetuning.settings import MixturePart, read_settings  # noqa: E402
from bootstruct.finetuning.tokens import encode_all  # noqa: E402
from bootstruct.types import Message, Prompt, Sampling  # noqa: E402
from tests.support.local_models import loaded, seq2seq_folder  # noqa: E402

pytestmark = pytest.mark.real


@pytest.fixture(scope="module")
def capitals(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Few answers to learn by heart."""
    path = tmp_path_factory.mktemp("rows") / "capitals.jsonl"
    rows = [{"prompt": f"{letter}{letter}:", "completion": f" {letter}"} for letter in "abcdefgh"]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def asked(text: str) -> Prompt:
    return Prompt("instances", "t5", Sampling(temperature=0.0, max_tokens=4), 0, text)


def trained(out: Path, source: Path, told: list[str], resume: bool = False, **flags: Any) -> Any:
    flags = {"mixture": (MixturePart(str(source)),), "held_out": 0.0, "learning_rate": 5e-3} | flags
    return finetune(
        str(seq2seq_folder()), out, read_settings(None, flags, flags.pop("options", ())), resume, told.append
    )


def test_the_encoder_reads_what_it_reads_when_it_is_asked(run: Path) -> None:
    model = loaded(seq2seq_folder())
    tokenizer = model.tokenization.tokenizer
    data = read_data([MixturePart(str(run))], 0, 0, 42)
    rows = encode_all(tokenizer, data.train, False, 2048, is_encoder=True)
    assert rows.is_encoder
    assert len(rows.ids) == len(data.train)
    for ids, labels, example in zip(rows.ids, rows.labels, data.train, strict=True):
        assert ids == model.tokenization.tokens(asked(example.prompt))
        assert labels[-1] == tokenizer.eos_token_id
        assert tokenizer.decode(labels, skip_special_tokens=True) == example.completion
    assert rows.learnt == sum(map(len, rows.labels))
    assert rows.size == rows.learnt + sum(map(len, rows.ids))
    longest = max(max(map(len, pair)) for pair in zip(rows.ids, rows.labels, strict=True))
    cut = encode_all(tokenizer, data.train, False, longest - 1, is_encoder=True)
    assert (cut.too_long, cut.longest) == (len(data.train) - len(cut.ids), longest)
    assert cut.too_long > 0


def test_a_t5_learns_its_answers_and_gives_them_as_an_engine(capitals: Path, tmp_path: Path) -> None:
    told: list[str] = []
    done = trained(tmp_path / "t5", capitals, told, max_steps=150, options=["logging_steps=25"])
    assert done.trained.steps == 150
    assert done.trained.loss is not None
    assert done.trained.loss < 0.3
    model = loaded(tmp_path / "t5")
    replies = model.generate([asked(f"{letter}{letter}:") for letter in "abcdefgh"], lambda: False)
    assert [reply.text.strip() for reply in replies] == list("abcdefgh")
    assert not list((tmp_path / "t5").glob("*.bin"))
    assert "Finetuned model" in (tmp_path / "t5" / "README.md").read_text()


def test_adapters_and_the_papers_settings(capitals: Path, tmp_path: Path) -> None:
    told: list[str] = []
    flags = {
        "method": "lora",
        "merge": True,
        "like_paper": True,
        "epochs": 1.0,
        "held_out": None,
        "learning_rate": None,
    }
    done = trained(tmp_path / "t5", capitals, told, **flags)
    assert done.trained.steps == 8  # 0.2% of 8 examples is less than one: batches of 1
    (line,) = [text for text in told if text.startswith("like the paper")]
    assert "batches of 1; set otherwise: method lora, epochs 1.0; the learning rate 0.0002 is ours" in line
    assert (tmp_path / "t5" / "config.json").is_file()
    loaded(tmp_path / "t5")


def test_a_training_is_resumed(capitals: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    from bootstruct.finetuning import train

    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(train, "remove_pickled_settings", stop)
    with pytest.raises(KeyboardInterrupt):
        trained(tmp_path / "t5", capitals, [], max_steps=10)
    monkeypatch.undo()
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    told: list[str] = []
    assert trained(tmp_path / "t5", capitals, told, resume=True, max_steps=10).trained.steps == 10
    assert any("continues from" in text and "checkpoint-10" in text for text in told)


def test_what_cannot_be(capitals: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot be trained on packed rows"):
        trained(tmp_path / "t5", capitals, [], packing=True)
    with pytest.raises(InputError, match="no chat template"):
        trained(tmp_path / "t5", capitals, [], format="chat")
    with pytest.raises(InputError, match="is set by packing"):
        trained(tmp_path / "t5", capitals, [], options=["packing=true"])


def test_lost_line_breaks_are_counted() -> None:
    class WithoutBreaks:
        def __call__(self, text: str) -> dict[str, str]:
            return {"input_ids": " ".join(text.split())}

        def decode(self, ids: str) -> str:
            return ids

    answer = Message("assistant", "x")
    examples = [TrainingExample("t", "p", text, (answer,)) for text in (" one", " one\ntwo", " one\n")]
    assert lost_line_breaks(WithoutBreaks(), examples) == 1
    assert lost_line_breaks(loaded(seq2seq_folder()).tokenization.tokenizer, examples) == 0
