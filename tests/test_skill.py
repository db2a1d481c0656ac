"""The skill for coding assistants: every command in it runs, and what it names exists."""

import re
import shlex
import textwrap
from pathlib import Path

import pytest

import bootstruct as bs
from tests.support.commands import bootstruct, simulator
from tests.support.paths import ROOT

SKILL = (ROOT / "skills" / "bootstruct" / "SKILL.md").read_text(encoding="utf-8")


def test_its_commands_run_in_order(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    blocks = re.findall(r"^```console\n(.*?)^```", SKILL, re.MULTILINE | re.DOTALL)
    lines = [line[2:] for block in blocks for line in block.splitlines()]
    assert len(lines) >= 10
    with simulator("--latency", "0.005") as server:
        for line in lines:
            program, *words = shlex.split(line)
            assert program == "bootstruct"
            done = bootstruct(*words, BOOTSTRUCT_BASE_URL=server.url, OPENAI_API_KEY="sk-test-key")
            assert done.returncode == 0, f"{line}: {done.stderr}"
    [python] = re.findall(r"^```python\n(.*?)^```", SKILL, re.MULTILINE | re.DOTALL)
    exec(compile(textwrap.dedent(python), "SKILL.md", "exec"), {})  # our own page
    assert len(bs.open("runs/a").tasks) >= 40


def test_it_has_what_assistants_look_for() -> None:
    head = re.match(r"---\nname: (\S+)\ndescription: (.+)\n---\n", SKILL)
    assert head is not None
    assert head[1] == "bootstruct"
    assert len(head[2]) < 1024
    for name in re.findall(r"docs/\w+\.md", SKILL):
        assert (ROOT / name).is_file(), name
