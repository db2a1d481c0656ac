"""Chat templates of model folders end in bounded time and memory, and give what transformers makes of them."""

import json
import shutil
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

import bootstruct as bs
from bootstruct.engines.local.chat_templates import ChatTemplateError, fill_chat_template
from tests.support.commands import bootstruct
from tests.support.finetune_runs import make_run
from tests.trust.test_bounds import ATTACKS, LARGEST, memory

CHATS: list[list[dict[str, str]]] = [
    [{"role": "user", "content": "Hi <b>&é  \n"}],
    [{"role": "system", "content": "S"}, {"role": "user", "content": "Hi"}, {"role": "assistant", "content": "<think>\na b</think>\n ok \n"}, {"role": "user", "content": "more"}],
    [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "ok"}],
    [{"role": ("user", "assistant")[n % 2], "content": "x" * 3000} for n in range(81)],
]  # fmt: skip
TOKENS = {"bos_token": "<s>", "eos_token": "</s>", "pad_token": "<pad>", "unk_token": "<unk>"}
LOOP = "{% for i in range(9999) %}" * 4 + "x" + "{% endfor %}" * 4  # 10**16 times
MORE = {
    "what it says when it refuses": "{{ raise_exception('x' * 3000000) }}",
    "a form of a date": "{{ strftime_now('%Y' * 900000) }}",
    "JSON with a wide indent": "{{ messages | tojson(indent=900000) }}",
    "JSON of nested lists": "{% set ns = namespace(v=[1]) %}{% for i in range(40) %}{% set ns.v = [ns.v, ns.v] %}{% endfor %}{{ ns.v | tojson }}",
    "a loop that never ends": LOOP,
    "blocks of generation": "{% generation %}" * 99 + LOOP + "{% endgeneration %}" * 99,
    "a long template": "{{ 1 }}" * 50_000,
    "brackets": "{{" * 40_000,
    "branches": "{% if 0 %}" + "{% elif 0 %}" * 8_000 + "{% endif %}",
}  # fmt: skip
HARMLESS = ("a way to Python by a filter",)  # undefined, which these templates put out as nothing


def tokenizer(template: str) -> Any:
    return SimpleNamespace(special_tokens_map=TOKENS, get_chat_template=lambda: template)


@pytest.mark.parametrize("name", [name for name in ATTACKS | MORE if name not in HARMLESS])
def test_a_chat_template_stays_in_bounds(name: str) -> None:
    before = memory()
    with pytest.raises(ChatTemplateError) as caught:
        fill_chat_template(tokenizer((ATTACKS | MORE)[name]), CHATS[1], True)
    assert "\n" not in str(caught.value) and len(str(caught.value)) <= 300
    assert memory() - before < LARGEST


def test_what_chat_templates_use_beyond_recipes() -> None:
    template = (
        "{{ bos_token }}\n{% for m in messages %}\n    {% if m.role == 'system' %}{% continue %}{% endif %}\n"
        "<|{{ m['role'] }}|>{% generation %}{{ m.content | tojson }}{% endgeneration %}{{ nothing }}\n{% endfor %}"
        "{% if add_generation_prompt %}<|assistant|>{% endif %}{% if tools %}tools{% endif %}\n"
    )
    assert (
        fill_chat_template(tokenizer(template), CHATS[1][:2] + CHATS[0], True)
        == '<s>\n<|user|>"Hi"\n<|user|>"Hi <b>&é  \\n"\n<|assistant|>'
    )
    with pytest.raises(ChatTemplateError, match=r"^roles must alternate$"):
        fill_chat_template(tokenizer("{{ raise_exception('roles must alternate.') }}"), CHATS[0])


@pytest.mark.real
def test_templates_of_known_models_give_what_transformers_gives() -> None:
    trl = pytest.importorskip("trl", reason="trl ships templates to compare with: pip install 'bootstruct[train]'")
    from transformers.utils.chat_template_utils import render_jinja_template

    compared = 0
    for path in sorted(Path(trl.__file__).parent.glob("chat_templates/*.jinja")):
        template = path.read_text("utf-8")
        for chat in CHATS:
            for is_asked in (True, False):
                try:
                    given = {"chat_template": template, "add_generation_prompt": is_asked}
                    expected = render_jinja_template([chat], **given, **TOKENS)[0][0]
                except Exception:  # about the order of roles
                    with pytest.raises(ChatTemplateError):
                        fill_chat_template(tokenizer(template), chat, is_asked)
                    continue
                assert fill_chat_template(tokenizer(template), chat, is_asked) == expected, path.name
                compared += 1
    if not compared:
        pytest.skip("this version of trl ships no templates")


@pytest.fixture
def endless(tmp_path: Path) -> Path:
    """A model folder whose chat template never ends."""
    pytest.importorskip("torch", reason="torch is not installed: pip install 'bootstruct[local]'")
    from tests.support.tiny_model import make

    folder = make(tmp_path / "model")
    for path in folder.glob("*.jinja"):
        path.unlink()
    (folder / "chat_template.jinja").write_text(LOOP)
    return folder


@pytest.mark.real
def test_every_command_that_fills_one_ends_with_a_sentence(endless: Path, tmp_path: Path) -> None:
    run = make_run(tmp_path / "trained-on", 5)
    chats = [tmp_path / "generated", tmp_path / "previewed"]
    for chat in chats:
        bs.init(chat, recipe="chat", model=f"hf/{endless}")
    commands = {
        "generate": ["generate", chats[0], "--tasks", 1],
        "preview": ["preview", chats[1], "--requests", 1],
        "finetune": ["finetune", run, "--model", endless, "--out", tmp_path / "out", "--format", "chat"],
        "evaluate": [
            "evaluate",
            "user-tasks",
            "--model",
            f"hf/{endless}",
            "--out",
            tmp_path / "answers",
            "--api",
            "chat",
        ],
    }
    for name, words in commands.items():
        done = bootstruct(*words, HF_HUB_OFFLINE="1")
        assert done.returncode == 2, (name, done.stderr)
        assert "steps" in done.stderr and "Traceback" not in done.stderr, (name, done.stderr)
    done = bootstruct("doctor", "--model", f"hf/{endless}", "--json", HF_HUB_OFFLINE="1")
    assert "steps" in json.dumps(done.stdout)
    shutil.rmtree(endless)
