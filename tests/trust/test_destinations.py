"""A run folder from a stranger does not choose where requests go, nor which key they carry."""

import os
import pty
import shutil
import stat
import subprocess
from pathlib import Path

import pytest

import bootstruct as bs
from bootstruct.config.machine import MachineSettings, read_machine
from bootstruct.engines.build import open_engine
from bootstruct.engines.traffic.budgeted import BudgetAmount, BudgetLimits
from bootstruct.errors import InputError
from bootstruct.io.trust import CONFIRMATIONS, why_not_own
from tests.support.commands import CLI, bootstruct, environment, simulator

EVIL = "https://collector.example/v1"
SECRET = "AKIA-not-a-real-one-0123456789"
SEEDS = [{"instruction": "Name a fruit.", "output": "apple"}]


@pytest.fixture(autouse=True)
def own_machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("BOOTSTRUCT_SETTINGS", "BOOTSTRUCT_BASE_URL", "OPENAI_API_KEY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", SECRET)


def stranger(tmp_path: Path, machine: str) -> Path:
    """A folder as it comes out of an archive: made elsewhere, with machine settings of its maker's choice."""
    folder = tmp_path / "received"
    folder.mkdir(exist_ok=True)
    (folder / "machine.yaml").write_text(machine)
    return folder


def refusal(machine: MachineSettings) -> str:
    with pytest.raises(InputError) as caught:
        open_engine(machine, BudgetLimits(), BudgetAmount())
    return str(caught.value)


@pytest.mark.parametrize(
    ("attack", "shown"),
    [
        (f"base_url: {EVIL}", [EVIL, "OPENAI_API_KEY"]),
        (f"base_url: {EVIL}\nkey_env: AWS_SECRET_ACCESS_KEY", [EVIL, "AWS_SECRET_ACCESS_KEY"]),
        (f"base_urls: [http://127.0.0.1:1/v1, {EVIL}]", [EVIL, "127.0.0.1"]),
        ("key_env: AWS_SECRET_ACCESS_KEY", ["https://api.openai.com/v1", "AWS_SECRET_ACCESS_KEY"]),
        ("base_url: http://127.0.0.1:1/v1\nkey_env: AWS_SECRET_ACCESS_KEY", ["127.0.0.1", "AWS_SECRET_ACCESS_KEY"]),
        ("base_url: http://127.0.0.1.collector.example/v1", ["http://127.0.0.1.collector.example/v1"]),
        ("base_url: http://127.0.0.1@collector.example/v1", ["http://collector.example/v1"]),
        ("key_header: x-debug", ["x-debug", "OPENAI_API_KEY"]),
        ("headers: {Host: collector.example}", ["Host", "https://api.openai.com/v1"]),
        ("base_url: http://127.0.0.1:1/v1\nheaders: {Host: collector.example}", ["Host", "127.0.0.1"]),
        ("engine: recorded:/home/you/runs/private", ["/home/you/runs/private"]),
        ("engine: ray/hf\nray_address: collector.example:6379", ["collector.example:6379"]),
    ],
)
def test_a_strangers_settings_wait_for_the_users_word(tmp_path: Path, attack: str, shown: list[str]) -> None:
    folder = stranger(tmp_path, attack)
    sentence = refusal(read_machine(folder))
    assert all(words in sentence for words in shown), sentence
    assert "--trust" in sentence
    assert "\n" not in sentence
    assert SECRET not in sentence


@pytest.mark.parametrize("blank", [" ", "\\n", "\\t", "\\u202e", "\\u200b", "\\e", "\\u3000"])
def test_an_address_cannot_write_the_question_anew(tmp_path: Path, blank: str) -> None:
    folder = stranger(tmp_path, f'base_url: "{EVIL}{blank}with{blank}the{blank}key"')
    with pytest.raises(InputError, match="without blanks and hidden characters"):
        read_machine(folder)


@pytest.mark.parametrize(
    "harmless",
    [
        "engine: openai",
        "concurrency: 3\ntimeout: 9\nprices: {m: [1, 2]}",
        "base_url: http://127.0.0.1:8000/v1",
        "base_url: 'http://[::1]:8000/v1'",
        "base_url: http://localhost:8000/v1",
        "base_url: http://127.0.0.1:8000/v1\nkey_env: NOT_SET_ANYWHERE",
        "base_url: https://api.openai.com/v1\nkey_env: OPENAI_API_KEY\nkey_header: Authorization",
    ],
)
def test_what_sends_nothing_of_the_users_anywhere_new_needs_no_word(tmp_path: Path, harmless: str) -> None:
    assert read_machine(stranger(tmp_path, harmless)).unconfirmed == ""


def test_a_loopback_address_waits_where_a_key_would_go_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = stranger(tmp_path, "base_url: http://127.0.0.1:8000/v1")
    monkeypatch.setenv("OPENAI_API_KEY", "sk-not-a-real-one-0123456789")
    assert "127.0.0.1:8000/v1 with the key in the environment variable OPENAI_API_KEY" in refusal(read_machine(folder))


def test_a_word_is_good_for_one_folder_and_these_values(tmp_path: Path) -> None:
    folder = stranger(tmp_path, f"base_url: {EVIL}")
    assert read_machine(folder, trust=True).unconfirmed == ""
    assert read_machine(folder).unconfirmed == ""
    (folder / "machine.yaml").write_text(f"base_url: {EVIL}\nkey_env: AWS_SECRET_ACCESS_KEY")
    assert "AWS_SECRET_ACCESS_KEY" in refusal(read_machine(folder)), "changed values are new values"
    (folder / "machine.yaml").write_text(f"base_url: {EVIL}\ntimeout: 7")
    assert read_machine(folder).unconfirmed == "", "the rest of the file does not matter"
    copy = tmp_path / "copy"
    shutil.copytree(folder, copy)
    assert EVIL in refusal(read_machine(copy)), "a copy is another folder"
    shutil.move(folder, tmp_path / "moved")
    assert EVIL in refusal(read_machine(tmp_path / "moved"))


def test_confirmations_are_private_and_hold_no_values(tmp_path: Path) -> None:
    folder = stranger(tmp_path, f"base_url: {EVIL}\nkey_env: AWS_SECRET_ACCESS_KEY")
    read_machine(folder, trust=True)
    store = tmp_path / "state" / "bootstruct" / CONFIRMATIONS
    assert stat.S_IMODE(store.stat().st_mode) == 0o600
    text = store.read_text()
    assert str(folder) in text
    assert not any(word in text for word in (EVIL, "AWS_SECRET", SECRET))
    assert [path.name for path in folder.iterdir()] == ["machine.yaml"], "the folder cannot confirm itself"


def test_what_the_user_gives_is_the_users(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = stranger(tmp_path, f"base_url: {EVIL}")
    assert read_machine(folder, base_url=("https://mine.example/v1",)).unconfirmed == ""
    assert read_machine(folder, engine="pocket").unconfirmed == ""
    monkeypatch.setenv("BOOTSTRUCT_BASE_URL", "https://mine.example/v1")
    assert read_machine(folder).unconfirmed == ""
    (folder / "machine.yaml").write_text("key_env: AWS_SECRET_ACCESS_KEY")
    assert "https://mine.example/v1 with the key in the environment variable AWS" in refusal(read_machine(folder))


def own_settings(tmp_path: Path, text: str) -> None:
    path = tmp_path / "config" / "bootstruct" / "settings.yaml"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def test_servers_that_the_users_own_file_names_need_no_word(tmp_path: Path) -> None:
    own_settings(
        tmp_path, "servers:\n  lab: {base_url: https://lab.example/v1, key_env: LAB_KEY, key_header: api-key}\n"
    )
    machine = read_machine(base_url=("lab",))
    assert (machine.base_url, machine.key_env, machine.key_header) == (
        ("https://lab.example/v1",), "LAB_KEY", "api-key",
    )  # fmt: skip
    folder = stranger(tmp_path, "base_url: https://lab.example/v1\nkey_env: LAB_KEY\nkey_header: api-key")
    assert read_machine(folder).unconfirmed == ""
    assert read_machine(stranger(tmp_path, "base_url: lab")).key_env == "LAB_KEY"
    for other in ("key_env: AWS_SECRET_ACCESS_KEY\nkey_header: api-key", "key_env: LAB_KEY"):
        assert "lab.example" in refusal(read_machine(stranger(tmp_path, f"base_url: https://lab.example/v1\n{other}")))
    assert EVIL in refusal(read_machine(stranger(tmp_path, f"base_url: {EVIL}\nkey_env: LAB_KEY\nkey_header: api-key")))
    mixed = read_machine(stranger(tmp_path, f"base_urls: [lab, {EVIL}]"))
    assert mixed.base_url == ("https://lab.example/v1",)


@pytest.mark.parametrize(
    "wrong", ["servers: [a]", "servers: {a: {key_env: A}}", "servers: {a: {base_url: http://a, engine: hf}}"]
)
def test_a_wrong_list_of_servers(tmp_path: Path, wrong: str) -> None:
    own_settings(tmp_path, wrong)
    with pytest.raises(InputError, match="servers"):
        read_machine()


def test_a_run_folder_lists_no_servers(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="servers: unknown key"):
        read_machine(stranger(tmp_path, f"servers: {{lab: {{base_url: '{EVIL}'}}}}"))


def test_ones_own_init_needs_no_word(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-not-a-real-one-0123456789")
    folder = tmp_path / "run"
    bs.init(folder, model="openai/m", base_url="https://mine.example/v1", seeds=SEEDS)
    assert read_machine(folder).unconfirmed == ""
    assert stat.S_IMODE((folder / "machine.yaml").stat().st_mode) == 0o600


def test_a_run_made_from_a_strangers_does_not_inherit_the_users_word(tmp_path: Path) -> None:
    old = tmp_path / "old"
    bs.init(old, recipe="paper", model="openai/m", seeds=SEEDS)
    replies = {"propose": " Sing a song about the sea.", "kind": "No", "instances": "Output: La la la."}
    bs.generate(old, tasks=1, engine=bs.ScriptedEngine(lambda prompt: replies[prompt.step]))
    (old / "machine.yaml").write_text(f"engine: openai\nbase_url: {EVIL}\n")
    bs.init(tmp_path / "new", rejudge=old)
    assert EVIL in refusal(read_machine(tmp_path / "new"))
    (old / "machine.yaml").write_text(f"engine: openai\nbase_url: {EVIL}\nkey_env: AWS_SECRET_ACCESS_KEY\n")
    read_machine(old, trust=True)
    bs.init(tmp_path / "newer", rejudge=old)
    assert "OPENAI_API_KEY" in refusal(read_machine(tmp_path / "newer")), "another key than the one confirmed"


def test_the_commands_stop_before_anything_is_sent_or_written(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    bs.init(folder, recipe="paper", model="openai/m", seeds=SEEDS)
    env = {"XDG_STATE_HOME": str(tmp_path / "state"), "OPENAI_API_KEY": "sk-not-a-real-one-0123456789"}
    with simulator() as server:
        (folder / "machine.yaml").write_text(f"base_url: {server.url}\nkey_env: AWS_SECRET_ACCESS_KEY\n")
        for command in ("preview", "generate"):
            stopped = bootstruct(command, folder, **env)
            assert stopped.returncode == 2
            assert server.url in stopped.stderr
            assert "AWS_SECRET_ACCESS_KEY" in stopped.stderr
            assert SECRET not in stopped.stderr + stopped.stdout
        assert server.stats()["requests"] == 0
        assert not (folder / "journal.jsonl").exists()
        assert bootstruct("status", folder, **env).returncode == 2, "a run that has not begun"
        assert bootstruct("generate", folder, "--tasks", 2, "--trust", **env).returncode == 0
        assert bootstruct("generate", folder, "--tasks", 3, **env).returncode == 0, "asked once"
        assert SECRET not in (folder / "journal.jsonl").read_text()


def test_python_confirms_by_an_argument(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    bs.init(folder, recipe="paper", model="openai/m", seeds=SEEDS)
    with simulator() as server:
        (folder / "machine.yaml").write_text(f"base_url: {server.url}\nkey_env: AWS_SECRET_ACCESS_KEY\n")
        for call in (bs.generate, bs.preview):
            with pytest.raises(InputError, match="AWS_SECRET_ACCESS_KEY"):
                call(folder)
        assert bs.preview(folder, requests=1, trust=True).requests
        assert bs.generate(folder, tasks=2).is_complete


@pytest.mark.parametrize(("answer", "status"), [("y\n", 0), ("n\n", 2)])
def test_a_terminal_asks(tmp_path: Path, answer: str, status: int) -> None:
    folder = tmp_path / "run"
    bs.init(folder, recipe="paper", model="openai/m", seeds=SEEDS)
    with simulator() as server:
        (folder / "machine.yaml").write_text(f"base_url: {server.url}\nkey_env: AWS_SECRET_ACCESS_KEY\n")
        ours, theirs = pty.openpty()
        command = [*CLI, "generate", str(folder), "--tasks", "1"]
        env = environment(XDG_STATE_HOME=str(tmp_path / "state"))
        process = subprocess.Popen(command, stdin=theirs, stderr=theirs, stdout=subprocess.DEVNULL, env=env)
        os.close(theirs)
        os.write(ours, answer.encode())
        shown = b""
        while True:
            try:
                piece = os.read(ours, 65536)
            except OSError:
                break
            if not piece:
                break
            shown += piece
        assert process.wait() == status, shown.decode()
        text = " ".join(shown.decode().split())
        assert f"sends requests to {server.url} with the key in the environment variable AWS_SECRET_ACCESS_KEY" in text
        assert "Is that what you want?" in text
        os.close(ours)


@pytest.mark.parametrize(
    ("attack", "is_refused"),
    [
        ("prices: {gpt-4.1-mini: [0, 0]}", True),
        ("prices: {gpt-4.1-mini: [1000, 0]}", True),
        ("prices: {gpt-4.1-mini-2025-04-14: [0, 0]}", True),
        ("prices: {unknown: [0, 0]}", True),
        ("batch_factor: 0", True),
        ("prices: {gpt-4.1-mini: [1000, 1000]}\nbatch_factor: 1", False),
    ],
)
def test_a_folders_prices_cap_no_money_before_they_are_confirmed(tmp_path: Path, attack: str, is_refused: bool) -> None:
    folder, capped = stranger(tmp_path, attack), BudgetLimits(cost=5.0)
    open_engine(read_machine(folder), BudgetLimits(tokens=5), BudgetAmount())
    if not is_refused:
        open_engine(read_machine(folder), capped, BudgetAmount())
        return
    with pytest.raises(InputError, match=r"has prices of its own .*--trust"):
        open_engine(read_machine(folder), capped, BudgetAmount())
    open_engine(read_machine(folder, trust=True), capped, BudgetAmount())
    open_engine(read_machine(folder), capped, BudgetAmount())
    (folder / "machine.yaml").write_text("prices: {gpt-4.1-mini: [0, 0.1]}")
    with pytest.raises(InputError, match="has prices of its own"):
        open_engine(read_machine(folder), capped, BudgetAmount())


def test_ones_own_prices_need_no_word(tmp_path: Path) -> None:
    own_settings(tmp_path, "prices: {m: [0, 0]}\nbatch_factor: 0.1")
    machine = read_machine(stranger(tmp_path, "prices: {m: [0, 0]}"))
    open_engine(machine, BudgetLimits(cost=5.0), BudgetAmount())
    assert (machine.prices.of("m"), machine.prices.batch_factor) == ((0.0, 0.0), 0.1)


def test_a_path_of_the_folders_choice_on_this_machine(tmp_path: Path) -> None:
    """A fragment would cut off what is appended to an address, and any local service could be reached."""
    with pytest.raises(InputError, match="`#`"):
        read_machine(stranger(tmp_path, "base_url: 'http://127.0.0.1:8265/api/jobs/#'"))


@pytest.mark.parametrize("way", ["world-writable", "link", "pipe", "folder"])
def test_confirmations_that_others_may_have_written(tmp_path: Path, way: str) -> None:
    folder = stranger(tmp_path, f"base_url: {EVIL}")
    read_machine(folder, trust=True)
    store = tmp_path / "state" / "bootstruct" / CONFIRMATIONS
    if way == "world-writable":
        store.chmod(0o666)
    elif way == "link":
        store.rename(tmp_path / "elsewhere")
        store.symlink_to(tmp_path / "elsewhere")
    else:
        store.unlink()
        os.mkfifo(store) if way == "pipe" else store.mkdir()
    assert EVIL in refusal(read_machine(folder))
    with pytest.warns(UserWarning, match="for this command only"):
        read_machine(folder, trust=True)


@pytest.mark.parametrize(
    ("owner", "mode", "home", "fault"),
    [
        (12345, 0o100600, (0, 0o40755), "belongs to another user (number 12345; yours is 500)"),
        (500, 0o100600, (0, 0o40755), ""),  # the user's own
        (0, 0o100644, (500, 0o40755), ""),  # the administrator's
        (12345, 0o100600, (12345, 0o40755), ""),  # a mounted home
        (12345, 0o100600, (12345, 0o40777), "belongs to another user (number 12345; yours is 500)"),
        (12345, 0o100600, None, "belongs to another user (number 12345; yours is 500)"),  # no home
        (500, 0o100602, (500, 0o40755), "can be written by everybody"),
        (0, 0o100666, (500, 0o40755), "can be written by everybody"),
        (12345, 0o100666, (12345, 0o40755), "can be written by everybody"),
    ],
)
def test_which_files_are_the_users_own(
    monkeypatch: pytest.MonkeyPatch, owner: int, mode: int, home: tuple[int, int] | None, fault: str
) -> None:
    def about(uid: int, bits: int) -> os.stat_result:
        return os.stat_result((bits, 0, 0, 1, uid, 0, 0, 0, 0, 0))

    def stat(path: object) -> os.stat_result:
        assert path == "/home/me"
        if home is None:
            raise FileNotFoundError
        return about(*home)

    file = about(owner, mode)
    monkeypatch.setenv("HOME", "/home/me")
    monkeypatch.setattr(os, "geteuid", lambda: 500)
    monkeypatch.setattr(os, "stat", stat)
    found = why_not_own(file)
    monkeypatch.undo()
    assert found == fault


def test_files_of_another_user(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = stranger(tmp_path, f"base_url: {EVIL}")
    read_machine(folder, trust=True)
    own_settings(tmp_path, "timeout: 9")
    own = tmp_path / "config" / "bootstruct" / "settings.yaml"
    store = tmp_path / "state" / "bootstruct" / CONFIRMATIONS
    (tmp_path / "mounted").mkdir()
    if os.getuid():  # files of another user cannot be made; so this user becomes another one
        monkeypatch.setattr(os, "geteuid", lambda: 12345)
        monkeypatch.setenv("HOME", "/")
    else:
        for path in (own, store, tmp_path / "mounted"):
            os.chown(path, 12345, 12345)
        monkeypatch.setenv("HOME", "/root")
    with pytest.raises(InputError, match=r"belongs to another user.*chown.*BOOTSTRUCT_SETTINGS"):
        read_machine(folder)
    if not os.getuid():  # a container that runs as root with the user's home in place of its own
        monkeypatch.setenv("HOME", str(tmp_path / "mounted"))
        assert read_machine(folder).timeout == 9
        assert not read_machine(folder).unconfirmed
        monkeypatch.setenv("HOME", "/root")
    own.unlink()
    assert EVIL in refusal(read_machine(folder))


def test_settings_that_everybody_can_write(tmp_path: Path) -> None:
    own_settings(tmp_path, f"base_url: {EVIL}")
    (tmp_path / "config" / "bootstruct" / "settings.yaml").chmod(0o666)
    with pytest.raises(InputError, match="can be written by everybody"):
        read_machine()


def test_settings_are_not_taken_from_the_current_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    own_settings(tmp_path, f"base_url: {EVIL}")
    read_machine(stranger(tmp_path, f"base_url: {EVIL}"), trust=True)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("XDG_CONFIG_HOME", "config")
    monkeypatch.setenv("XDG_STATE_HOME", "state")
    assert read_machine().base_url == ()
    assert EVIL in refusal(read_machine(tmp_path / "received"))


@pytest.mark.parametrize(
    "url",
    [
        "http://collector.example/x@api.openai.com/v1",
        "http://collector.example:9/v1?@api.openai.com/v1",
        "http://collector.example\\\\@api.openai.com/v1",
        "http://[::1/v1",
    ],
)
def test_an_address_of_which_another_host_would_be_shown(tmp_path: Path, url: str) -> None:
    folder = stranger(tmp_path, f'base_url: "{url}"')
    with pytest.raises(InputError, match="the host cannot be told from the rest"):
        read_machine(folder)
    with pytest.raises(InputError, match="the host cannot be told from the rest"):
        read_machine(folder, trust=True, base_url=(url.replace("\\\\", "\\"),))


def test_a_host_that_looks_like_another(tmp_path: Path) -> None:
    folder = stranger(tmp_path, 'base_url: "https://\u0430pi.openai.com/v1"')  # a Cyrillic a
    with pytest.raises(InputError, match="xn--"):
        read_machine(folder)
    folder = stranger(tmp_path, "base_url: https://xn--pi-6kc.openai.com/v1")
    assert "https://xn--pi-6kc.openai.com/v1" in refusal(read_machine(folder))


@pytest.mark.parametrize("rest", ["2375/containers/create?x=", "1/v1?", "1/v1"])
def test_a_folder_composes_no_requests_to_programs_of_this_machine(tmp_path: Path, rest: str) -> None:
    machine = read_machine(stranger(tmp_path, f"base_url: http://127.0.0.1:{rest}"))
    assert bool(machine.unconfirmed) == ("?" in rest)
