"""DPO on preference pairs: what a source of pairs gives, which rows are left out and why, and one step with TRL's trainer."""

import json
from pathlib import Path
from typing import Any

import pytest

from bootstruct.errors import InputError
from bootstruct.export.files import export_runs
from bootstruct.export.selection import RunSource
from bootstruct.finetuning.data import read_data
from bootstruct.finetuning.preferences import PreferenceExample, read_pairs
from bootstruct.finetuning.settings import MixturePart, read_settings
from bootstruct.journal.file import read_state
from tests.support.checked_runs import AGREEMENT, checked_recipe, checking, fill_outputs
from tests.support.commands import bootstruct_process
from tests.support.scripts import run_to

Json = dict[str, Any]
USER, GOOD, BAD = ({"role": role, "content": text} for role, text in zip(("user", "assistant", "assistant"), "abc"))
ENV = {"HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1"}


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    from bootstruct.engines.scripted import ScriptedEngine

    folder = tmp_path_factory.mktemp("pairs")
    fill_outputs(folder)
    (folder / "run").mkdir()
    run_to(folder / "run" / "journal.jsonl", ScriptedEngine(checking), 30, checked_recipe(AGREEMENT))
    return folder / "run"


def exported(run: Path, out: Path, format: str) -> Path:
    state = read_state(run / "journal.jsonl")
    assert state is not None
    export_runs([RunSource(state, run / "journal.jsonl")], format, out)
    return out


def written(path: Path, *rows: Json) -> MixturePart:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return MixturePart(str(path))


def pairs_of(part: MixturePart) -> list[PreferenceExample]:
    return [example for example in read_pairs(part)[1] if isinstance(example, PreferenceExample)]


def test_a_run_and_its_exports_give_the_same_pairs(run: Path, tmp_path: Path) -> None:
    own = pairs_of(MixturePart(str(run)))
    chats = pairs_of(MixturePart(str(exported(run, tmp_path / "chats.jsonl", "preference"))))
    texts = pairs_of(MixturePart(str(exported(run, tmp_path / "texts.jsonl", "preference-text"))))
    assert len(own) == len(chats) == len(texts) > 5
    assert [(e.messages, e.rejected_answer) for e in own] == [(e.messages, e.rejected_answer) for e in chats]
    assert [(e.prompt, e.completion, e.rejected) for e in own] == [(e.prompt, e.completion, e.rejected) for e in texts]
    assert all(example.other.messages[:-1] == example.messages[:-1] for example in own)
    assert all(example.completion != example.rejected for example in own)


def test_chats_without_a_prompt_are_read(tmp_path: Path) -> None:
    row = {"chosen": [USER, GOOD], "rejected": [USER, BAD]}
    (pair, _) = pairs_of(written(tmp_path / "a.jsonl", row, row))
    assert (pair.messages[-1].content, pair.rejected_answer, pair.task) == ("b", "c", "a")
    assert (pair.prompt, pair.completion, pair.rejected) == ("a\n\nOutput:", " b", " c")


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ({"prompt": "a", "chosen": "b"}, "without a chosen and a rejected answer"),
        ({"prompt": "a", "chosen": "b", "rejected": " "}, "without a chosen and a rejected answer"),
        ({"prompt": "a", "chosen": 1, "rejected": None}, "without a chosen and a rejected answer"),
        ({"prompt": "a", "chosen": "b", "rejected": "b "}, "whose answers are equal"),
        ({"prompt": [USER], "chosen": [GOOD], "rejected": [GOOD]}, "whose answers are equal"),
        (
            {"prompt": [USER], "chosen": [USER], "rejected": [BAD]},
            "of a chat whose last message is not the assistant's",
        ),
        ({"chosen": [USER, GOOD], "rejected": [BAD, BAD]}, "whose chats differ in more than the last message"),
        ({"chosen": [GOOD], "rejected": [BAD]}, "whose chats differ in more than the last message"),
        ({"chosen": [{"role": 1}], "rejected": [BAD]}, "with a chat that cannot be read"),
        (
            {"prompt": [USER | {"role": "narrator"}], "chosen": [GOOD], "rejected": [BAD]},
            "of a chat with the unknown role 'narrator'",
        ),
    ],
)
def test_every_row_is_accounted_for(tmp_path: Path, row: Json, reason: str) -> None:
    good = {"prompt": "a", "chosen": "b", "rejected": "c"}
    source, examples = read_pairs(written(tmp_path / "a.jsonl", good, row))
    assert source.account is not None
    assert (source.account.read, source.account.used, source.account.left_out) == (2, 1, {reason: [2]})
    assert len(examples) == 1
    with pytest.raises(InputError, match=r"a\.jsonl:1"):
        read_pairs(written(tmp_path / "a.jsonl", row))


def test_a_run_without_pairs_says_what_to_do(tmp_path: Path) -> None:
    from bootstruct.engines.scripted import ScriptedEngine
    from tests.support.scripts import answer

    (tmp_path / "run").mkdir()
    run_to(tmp_path / "run" / "journal.jsonl", ScriptedEngine(answer), 5)
    with pytest.raises(InputError, match="no check of the kind `agreement`"):
        read_pairs(MixturePart(str(tmp_path / "run")))


def test_pairs_cannot_be_packed() -> None:
    with pytest.raises(InputError, match="preference pairs cannot be packed"):
        read_settings(None, {"method": "dpo", "packing": True})


def test_the_second_answers_are_part_of_the_digest(tmp_path: Path) -> None:
    first, second = (
        read_data(
            [written(tmp_path / "a.jsonl", {"prompt": "a", "chosen": "b", "rejected": text})], 0, 0, 1, read_pairs
        )
        for text in "cd"
    )
    assert first.digest() != second.digest()


@pytest.mark.real
@pytest.mark.parametrize("method", ["dpo", "dpo-lora"])
def test_one_step_of_dpo_on_the_pocket_model(run: Path, tmp_path: Path, method: str) -> None:
    for package in ("torch", "transformers", "trl", "peft", "datasets"):
        pytest.importorskip(package, reason=f"{package} is not installed: pip install 'bootstruct[train]'")
    pairs, out = exported(run, tmp_path / "pairs.jsonl", "preference-text"), tmp_path / "model"
    options = ["--method", method, "--max-steps", 1, "--held-out", 0, "--json", "--set", "beta=0.2"]
    done = bootstruct_process("finetune", pairs, "--model", "pocket", "--out", out, *options, **ENV)
    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout)
    assert result["steps"] == 1
    assert result["loss"] == pytest.approx(0.6931, abs=1e-3)  # both models are the same at the first step
    assert result["examples"] == len(pairs_of(MixturePart(str(pairs))))
    assert "DPO on preference pairs" in (out / "README.md").read_text()
    kept = "adapter_model.safetensors" if method == "dpo-lora" else "model.safetensors"
    assert (out / kept).is_file()


@pytest.mark.real
def test_the_answers_that_trl_sees_are_those_of_the_pairs(run: Path, base: Path) -> None:
    for package in ("torch", "transformers", "trl"):
        pytest.importorskip(package, reason=f"{package} is not installed: pip install 'bootstruct[train]'")
    from transformers import AutoTokenizer

    from bootstruct.finetuning.tokens import encode_pairs

    tokenizer: Any = AutoTokenizer.from_pretrained(base)
    pairs = pairs_of(MixturePart(str(run)))
    rows = encode_pairs(tokenizer, pairs, False, 2048).pairs()
    end = tokenizer.eos_token_id
    for pair, prompt, chosen, rejected in zip(pairs, *rows.values(), strict=True):
        assert prompt == tokenizer(pair.prompt)["input_ids"]
        assert (chosen[-1], rejected[-1]) == (end, end)
        assert (tokenizer.decode(chosen[:-1]), tokenizer.decode(rejected[:-1])) == (pair.completion, pair.rejected)
    short = encode_pairs(tokenizer, pairs, False, len(rows["prompt_ids"][0]))
    assert short.too_long > 0
    assert len(short.ids) + short.too_long == len(pairs)
