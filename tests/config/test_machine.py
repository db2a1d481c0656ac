"""The machine's settings: where a value comes from, keys from the environment alone, prices."""

import dataclasses
from pathlib import Path

import pytest
import yaml

from bootstruct.config.machine import MachineSettings, Prices, read_machine
from bootstruct.errors import InputError

A_KEY = "sk-not-a-real-one-0123456789"


@pytest.fixture(autouse=True)
def clean(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("BOOTSTRUCT_SETTINGS", "BOOTSTRUCT_BASE_URL", "OPENAI_API_KEY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))


def user_file(tmp_path: Path, content: str) -> Path:
    path = tmp_path / "config" / "bootstruct" / "settings.yaml"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content, "utf-8")
    return path


def run_folder(tmp_path: Path, content: str) -> Path:
    folder = tmp_path / "run"
    folder.mkdir(exist_ok=True)
    (folder / "machine.yaml").write_text(content, "utf-8")
    return folder


def fault(folder: Path | None = None, **flags: object) -> str:
    with pytest.raises(InputError) as caught:
        read_machine(folder, **flags)
    message = str(caught.value)
    assert "\n" not in message
    return message


# Where a value comes from


def test_the_defaults() -> None:
    machine = read_machine()
    assert (machine.engine, machine.base_url, machine.key_env) == ("openai", (), "OPENAI_API_KEY")
    assert (machine.concurrency, machine.timeout) == (None, 120.0)
    assert machine.prices.of("davinci-002") == (2.0, 2.0)


def test_the_first_found_wins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    user_file(tmp_path, "base_url: http://user/v1\nconcurrency: 3\ntimeout: 30\nkey_env: MINE")
    assert read_machine().base_url == ("http://user/v1",)
    folder = run_folder(tmp_path, "base_url: http://run/v1\nconcurrency: 4")
    machine = read_machine(folder)
    assert (machine.base_url, machine.concurrency, machine.timeout) == (("http://run/v1",), 4, 30.0)
    monkeypatch.setenv("BOOTSTRUCT_BASE_URL", "http://environment/v1")
    machine = read_machine(folder)
    assert (machine.base_url, machine.concurrency, machine.key_env) == (("http://environment/v1",), 4, "MINE")
    machine = read_machine(folder, base_url=("http://flag/v1",), concurrency=5)
    assert (machine.base_url, machine.concurrency, machine.timeout) == (("http://flag/v1",), 5, 30.0)


def test_flags_that_say_nothing() -> None:
    assert read_machine(None, base_url=(), concurrency=None, engine=None, timeout=None) == read_machine()


def test_the_environment_names_the_settings_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    user_file(tmp_path, "concurrency: 3")
    other = tmp_path / "other.yaml"
    other.write_text("concurrency: 7")
    monkeypatch.setenv("BOOTSTRUCT_SETTINGS", str(other))
    assert read_machine().concurrency == 7
    other.unlink()
    assert fault() == f"{other}: no such settings file; BOOTSTRUCT_SETTINGS names it."


def test_an_empty_variable_is_an_unset_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BOOTSTRUCT_SETTINGS", "")
    assert read_machine() == MachineSettings(prices=read_machine().prices)


def test_without_xdg_it_is_in_the_home_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("XDG_CONFIG_HOME")
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    path = tmp_path / "home" / ".config" / "bootstruct" / "settings.yaml"
    path.parent.mkdir(parents=True)
    path.write_text("timeout: 9")
    assert read_machine().timeout == 9.0


def test_several_servers(tmp_path: Path) -> None:
    urls = ("http://a/v1", "http://b/v1")
    folder = run_folder(tmp_path, "base_urls: [http://a/v1, http://b/v1]")
    assert read_machine(folder).base_url == urls
    assert read_machine(None, base_url=urls).base_url == urls


def test_a_recorded_engine() -> None:
    assert read_machine(None, engine="recorded:some/run").engine == "recorded:some/run"


def test_an_empty_file_says_nothing(tmp_path: Path) -> None:
    user_file(tmp_path, "# nothing\n")
    assert read_machine(run_folder(tmp_path, "")) == MachineSettings(prices=read_machine().prices)


# Faults


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("concurency: 3", "concurency: unknown key; did you mean `concurrency`?"),
        ("timeout: soon", "timeout: expected a number, found 'soon'"),
        ("timeout: .nan", "timeout: expected a number, found nan"),
        ("concurrency: many", "concurrency: expected a whole number, found 'many'"),
        ("concurrency: 2.5", "concurrency: expected a whole number, found 2.5"),
        ("base_url: [a]", "base_url: expected text, found a list"),
        ("base_urls: http://a", "base_urls: expected a list, found 'http://a'"),
        ("prices: 5", "prices: expected `model: [prompt, reply]`"),
        ("prices: {m: 5}", "m has 5."),
        ("prices: {m: [1]}", "m has [1]."),
        ("prices: {m: [1, 2, 3]}", "m has [1, 2, 3]."),
        ("prices: {m: [1, two]}", "m has [1, 'two']."),
        ("prices: {m: [1, -2]}", "m has [1, -2]."),
        ("prices: {m: [1, .nan]}", "m has [1, nan]."),
        ("- a", "expected keys with values"),
        ("text", "expected keys with values"),
        ("a: [", "not YAML"),
        ("a: 2024-13-45", "not YAML"),
    ],
)
def test_a_wrong_settings_file(tmp_path: Path, content: str, expected: str) -> None:
    folder = run_folder(tmp_path, content)
    message = fault(folder)
    assert message.startswith(f"{folder / 'machine.yaml'}: ")
    assert expected in message


def test_a_settings_file_in_another_encoding(tmp_path: Path) -> None:
    path = user_file(tmp_path, "")
    path.write_bytes(b"engine: openai\n# \xff\n")
    assert fault().startswith(f"{path}:2: not UTF-8 but probably WINDOWS-1252; save it as UTF-8, as in `iconv")


@pytest.mark.parametrize("flags", [{"concurrency": 0}, {"concurrency": -3}, {"timeout": 0.0}, {"timeout": -1.0}])
def test_numbers_that_make_no_sense(flags: dict[str, object]) -> None:
    assert next(iter(flags)) in fault(None, **flags)


@pytest.mark.parametrize("content", ["concurrency: -3", "timeout: -1"])
def test_numbers_that_make_no_sense_in_a_file(tmp_path: Path, content: str) -> None:
    assert content.split(":")[0] in fault(run_folder(tmp_path, content))


@pytest.mark.parametrize("content", ["concurrency: 0", "timeout: 0"])
def test_zero_in_a_file_is_a_value(tmp_path: Path, content: str) -> None:
    fault(run_folder(tmp_path, content))


@pytest.mark.parametrize("engine", ["openia", "gpt-4o", "OpenAI", ""])
def test_an_unknown_engine(engine: str) -> None:
    assert "unknown; use openai or " in fault(None, engine=engine)


def test_brackets_without_end(tmp_path: Path) -> None:
    fault(run_folder(tmp_path, "[" * 20_000))


# Keys


def test_a_key_comes_from_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert read_machine().key() is None
    monkeypatch.setenv("OPENAI_API_KEY", f" {A_KEY}\n")
    assert read_machine().key() == A_KEY
    folder = run_folder(tmp_path, "key_env: MY_KEY")
    assert read_machine(folder).key() is None
    monkeypatch.setenv("MY_KEY", "another")
    assert read_machine(folder).key() == "another"
    monkeypatch.setenv("OPENAI_API_KEY", "  ")
    assert read_machine().key() is None


@pytest.mark.parametrize("key", ["api_key", "key", "openai_api_key", "API_KEY", "apikey", "token", "keys"])
def test_a_key_in_a_settings_file_is_refused_and_not_repeated(tmp_path: Path, key: str) -> None:
    message = fault(run_folder(tmp_path, f"{key}: {A_KEY}"))
    assert key in message
    assert "sk-" not in message


@pytest.mark.parametrize("key", ["api_key", "openai_api_key"])
def test_the_refusal_says_where_keys_come_from(tmp_path: Path, key: str) -> None:
    assert "keys come from the environment only" in fault(run_folder(tmp_path, f"{key}: {A_KEY}"))


@pytest.mark.parametrize("spoiled", [f"{A_KEY}\nX: y", f"{A_KEY}é", f"\x1b{A_KEY}", "“key”"])
def test_a_key_that_cannot_be_one(monkeypatch: pytest.MonkeyPatch, spoiled: str) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", spoiled)
    with pytest.raises(
        InputError, match="OPENAI_API_KEY: the key contains characters that cannot occur in a key"
    ) as caught:
        read_machine().key()
    assert "sk-" not in str(caught.value)


def test_settings_hold_no_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", A_KEY)
    machine = read_machine()
    assert machine.key() == A_KEY
    assert A_KEY not in repr(machine)


def test_a_key_in_the_place_of_its_variable(tmp_path: Path) -> None:
    assert "sk-" not in fault(run_folder(tmp_path, f"key_env: {A_KEY}"))


# Prices

TABLE = Prices(
    {
        "gpt-4o": (2.5, 10.0),
        "gpt-4o-2024-05-13": (5.0, 15.0),
        "gpt-4o-mini": (0.15, 0.6),
        "llama": (1.0, 1.0),
        "free": (0.0, 0.0),
    }
)


@pytest.mark.parametrize(
    ("model", "price"),
    [
        ("gpt-4o", (2.5, 10.0)),
        ("gpt-4o-2024-08-06", (2.5, 10.0)),
        ("gpt-4o-2024-05-13", (5.0, 15.0)),
        ("gpt-4o-mini", (0.15, 0.6)),
        ("gpt-4o-mini-2024-07-18", (0.15, 0.6)),
        ("gpt-4o-audio-preview", None),
        ("gpt-4", None),
        ("GPT-4o", None),
        ("ft:gpt-4o", None),
        ("", None),
        ("free", (0.0, 0.0)),
    ],
)
def test_the_price_of_a_model(model: str, price: tuple[float, float] | None) -> None:
    assert TABLE.of(model) == price


def test_a_size_is_no_date() -> None:
    assert TABLE.of("llama-20b") is None


def test_costs() -> None:
    assert TABLE.cost("gpt-4o", 1_000_000, 0) == 2.5
    assert TABLE.cost("gpt-4o", 0, 500_000) == 5.0
    assert TABLE.cost("gpt-4o", 0, 0) == 0.0
    assert TABLE.cost("free", 10, 10) == 0.0
    assert TABLE.cost("unknown", 10, 10) is None


def test_own_prices_come_before_the_shipped_ones(tmp_path: Path) -> None:
    user_file(tmp_path, "prices:\n  davinci-002: [5, 6]\n  mine: [1, 2.5]")
    prices = read_machine(run_folder(tmp_path, "prices: {mine: [3, 4]}")).prices
    assert (prices.of("davinci-002"), prices.of("mine"), prices.of("babbage-002")) == (
        (5.0, 6.0),
        (3.0, 4.0),
        (0.4, 0.4),
    )


def test_the_shipped_prices() -> None:
    table = read_machine().prices.table
    assert {"davinci-002", "gpt-4o", "gpt-4.1-mini"} <= set(table)
    assert all(0 <= prompt <= reply for prompt, reply in table.values())


# Each field is declared once


def test_a_settings_file_may_hold_every_field_but_prices_and_trust(tmp_path: Path) -> None:
    given: dict[str, object] = {
        "engine": "hf", "key_env": "MINE", "concurrency": 3, "timeout": 7.0, "key_header": "api-key", "thinking_tokens": 512,
        "headers": {"x-team": "a"}, "ray_address": "auto", "ray_actors": [2, 5], "ray_wait": 9.0,
        "ray_actor": {"gpus": 0.5, "cpus": 2.0, "resources": {}}, "base_url": "http://one/v1",
    }  # fmt: skip
    fields = {field.name for field in dataclasses.fields(MachineSettings)}
    assert set(given) == fields - {"prices", "trust_remote_code", "unconfirmed", "unconfirmed_prices"}, (
        "a field that this test does not set"
    )
    machine = read_machine(run_folder(tmp_path, yaml.safe_dump(given)))
    defaults = MachineSettings()
    for name in given:
        assert getattr(machine, name) != getattr(defaults, name), name
    assert "trust_remote_code: unknown key" in fault(run_folder(tmp_path, "trust_remote_code: true"))


@pytest.mark.parametrize("name", ["engine", "base_url", "base_urls", "headers", "ray_actor", "ray_actors", "timeout"])
def test_an_empty_setting_is_as_if_left_out(name: str, tmp_path: Path) -> None:
    assert read_machine(run_folder(tmp_path, f"{name}:\nconcurrency: 2")) == read_machine(concurrency=2)
