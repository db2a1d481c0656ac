"""Training on conversations: each turn of the assistant is learnt, and nothing else; exports that TRL trains on."""

import json
from pathlib import Path

import pytest

import bootstruct as bs
from bootstruct.export.rows import training_rows
from bootstruct.finetuning.data import TrainingExample, read_part
from bootstruct.finetuning.settings import MixturePart
from bootstruct.finetuning.tokens import IGNORED, chat_pieces, encode_all, piece_tokens, plain_pieces
from bootstruct.types import Message
from tests.stages.test_followups import grown, talking

CHAT = (
    Message("system", "Be brief."),
    Message("user", "Name a bird."),
    Message("assistant", "A wren."),
    Message("user", "And a fish?"),
    Message("assistant", "A perch."),
)
TEMPLATE = "{% for m in messages %}<|{{ m.role }}|>{{ m.content }}<|end|>{% endfor %}{% if add_generation_prompt %}<|assistant|>{% endif %}"


class Letters:
    """A tokenizer of single characters, with a chat template."""

    eos_token_id = 0
    special_tokens_map: dict[str, str] = {}

    def __init__(self, template: str = TEMPLATE) -> None:
        self.chat_template = template

    def __call__(self, text: str, add_special_tokens: bool = True) -> dict[str, list[int]]:
        return {"input_ids": [ord(letter) for letter in text]}

    def get_chat_template(self) -> str:
        return self.chat_template


def learnt(labels: list[int]) -> str:
    """The learnt tokens as text, `$` at the end of text and `|` where something between is only read."""
    text = "".join("|" if label == IGNORED else "$" if not label else chr(label) for label in labels)
    return "|".join(part for part in text.split("|") if part)


def example(messages: tuple[Message, ...] = CHAT) -> TrainingExample:
    return TrainingExample(
        "Name a bird.", "Name a bird. Output:", " A wren.", messages, later=(("And a fish?", "A perch."),)
    )


def test_a_run_and_a_file_of_conversations_keep_their_turns(tmp_path: Path) -> None:
    state, _ = grown(tmp_path / "run", talking(tmp_path), 15)
    _, of_run = read_part(MixturePart(str(tmp_path / "run"), seeds=False))
    assert [row.messages for row in of_run] == [row.messages for row in training_rows(state)]
    assert all(len(row.messages) == 2 + 2 * len(row.later) for row in of_run)
    assert max(len(row.later) for row in of_run) == 3
    bs.open(tmp_path / "run").export("messages", tmp_path / "m.jsonl")
    _, of_file = read_part(MixturePart(str(tmp_path / "m.jsonl")))
    assert [row.messages for row in of_file] == [row.messages for row in of_run]
    assert [row.later for row in of_file] == [row.later for row in of_run]


@pytest.mark.parametrize(
    ("roles", "later"),
    [
        (["user", "assistant"], 0),
        (["system", "user", "assistant", "user", "assistant"], 1),
        (["user", "assistant", "user", "user", "assistant"], 0),  # sides that do not take turns: the last answer alone
        (["user", "assistant", "assistant"], 0),
    ],
)
def test_chats_in_which_the_sides_take_turns(tmp_path: Path, roles: list[str], later: int) -> None:
    chat = [{"role": role, "content": f"{role} {n}"} for n, role in enumerate(roles)]
    (tmp_path / "m.jsonl").write_text(json.dumps({"messages": chat}) + "\n")
    _, [row] = read_part(MixturePart(str(tmp_path / "m.jsonl")))
    assert len(row.later) == later
    assert (row.later[-1][1] if later else row.completion.strip()) == chat[-1]["content"]


def test_every_answer_is_learnt_and_closed_and_nothing_else() -> None:
    plain, chat = (encode_all(Letters(), [example()], is_chat, 500) for is_chat in (False, True))
    assert learnt(plain.labels[0]) == " A wren.$| A perch.$"
    assert learnt(chat.labels[0]) == "A wren.<|end|>|A perch.<|end|>$"
    for encoded in (plain, chat):
        (ids,), (labels,) = encoded.ids, encoded.labels
        assert len(ids) == len(labels)
        assert all(label in (IGNORED, token) for token, label in zip(ids, labels, strict=True))
    assert "".join(map(chr, plain.ids[0])).replace("\0", "") == "".join(text for text, _ in plain_pieces(example()))


def test_a_template_that_changes_earlier_turns_teaches_the_last_one_and_says_so() -> None:
    changing = "{% for m in messages %}[{{ m.role }}]{{ m.content if loop.last else m.content[:2] }}{% endfor %}{{ '[assistant]' if add_generation_prompt }}"
    assert chat_pieces(Letters(changing), example()) == []
    encoded = encode_all(Letters(changing), [example()], True, 500)
    assert encoded.last_only == 1
    assert learnt(encoded.labels[0]) == "A perch.$"


def test_a_long_conversation_is_left_out_whole_and_an_encoder_reads_the_turns_before() -> None:
    assert encode_all(Letters(), [example()], False, 20).too_long == 1
    encoded = encode_all(Letters(), [example()], False, 500, is_encoder=True)
    assert "".join(map(chr, encoded.ids[0])).endswith("A wren.\n\nAnd a fish?\n\nOutput:")
    assert "".join(map(chr, encoded.labels[0])).startswith(" A perch.")


def test_pieces_that_merge_are_tokenized_apart() -> None:
    class Merging(Letters):
        def __call__(self, text: str, add_special_tokens: bool = True) -> dict[str, list[int]]:
            return {"input_ids": [ord(letter) for letter in text.replace(":A", "\u2022")]}

    ids, labels = piece_tokens(Merging(), [("x:", False), ("A", True)], True)
    assert (ids, labels) == ([*map(ord, "x:A"), 0], [IGNORED, IGNORED, ord("A"), 0])


@pytest.mark.real
def test_trl_and_finetune_train_a_step_on_conversations(base: Path, tmp_path: Path) -> None:
    trl = pytest.importorskip("trl", reason="trl is not installed: pip install 'bootstruct[train]'")
    datasets = pytest.importorskip("datasets")
    from tests.support.commands import bootstruct_process

    grown(tmp_path / "run", talking(tmp_path), 12)
    bs.open(tmp_path / "run").export("messages", tmp_path / "m.jsonl")
    rows = datasets.load_dataset(
        "json", data_files=str(tmp_path / "m.jsonl"), split="train", cache_dir=str(tmp_path / "c")
    )
    assert max(len(row["messages"]) for row in rows) > 2
    options = {"max_steps": 1, "use_cpu": True, "bf16": False, "report_to": "none", "save_strategy": "no"}
    config = trl.SFTConfig(
        output_dir=str(tmp_path / "out"), per_device_train_batch_size=2, disable_tqdm=True, **options
    )
    trainer = trl.SFTTrainer(model=str(base), train_dataset=rows.select_columns(["messages"]), args=config)
    assert trainer.train().training_loss > 0
    words = ["--max-steps", 1, "--held-out", 0, "--no-seeds", "--format", "chat"]
    env = {"HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1"}
    done = bootstruct_process("finetune", tmp_path / "run", "--model", base, "--out", tmp_path / "model", *words, **env)
    assert done.returncode == 0, done.stderr
