"""Keys and passwords reach no file, no message and no reply, in whatever form a server sends them back."""

import asyncio
import base64
import html
import json
import stat
import warnings
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import pytest
from aiohttp import web

import bootstruct as bs
from bootstruct.config.addresses import is_loopback, secrets_of, shown_address
from bootstruct.config.machine import read_machine
from bootstruct.engines.openai import OpenAIEngine
from bootstruct.engines.redaction import Redactor
from bootstruct.errors import BootstructError, InputError
from bootstruct.types import Prompt, Reply, Sampling
from tests.support.commands import bootstruct, simulator
from tests.support.serving import application, serving

KEY = "sk-proj-Zq9/+tR4_xY7wLm2nB5vC8kJ3hG6fD1sA0pO-iU"
PASSWORD = "correct:horse/battery"
PROMPT = Prompt("kind", "m", Sampling(), 1, text="?")
SEEDS = [{"instruction": "Name a fruit.", "output": "apple"}]


def forms(key: str) -> dict[str, str]:
    """The key as a hostile or careless server may write it into a text."""
    half = len(key) // 2
    return {
        "plain": key,
        "unicode escapes": "".join(f"\\u{ord(char):04x}" for char in key),
        "capital escapes": "".join(f"\\u{ord(char):04X}" for char in key),
        "some escapes": key.replace("/", "\\/").replace("-", "\\u002d"),
        "escapes in escapes": "".join(f"\\\\u{ord(char):04x}" for char in key),
        "hexadecimal escapes": "".join(f"\\x{ord(char):02x}" for char in key),
        "address": quote(key, safe=""),
        "every letter of an address": "".join(f"%{ord(char):02X}" for char in key),
        "address twice": quote(quote(key, safe=""), safe=""),
        "html": html.escape(key),
        "html numbers": "".join(f"&#{ord(char)};" for char in key),
        "html hexadecimal": "".join(f"&#x{ord(char):X};" for char in key),
        "base64": base64.b64encode(key.encode()).decode(),
        "base64 of a header": base64.b64encode(f"Bearer {key}".encode()).decode(),
        "base64 of a user": base64.b64encode(f"me:{key}".encode()).decode(),
        "base64 behind one": base64.b64encode(f"a{key} and more".encode()).decode(),
        "base64 of addresses": base64.urlsafe_b64encode(f"xy{key}".encode()).decode(),
        "hexadecimal": key.encode().hex(),
        "capital hexadecimal": key.encode().hex().upper(),
        "other case": key.upper(),
        "lines": f"{key[:half]}\\n{key[half:]}",
        "blanks": " ".join(key),
        "parts": f"{key[:9]}' + '{key[9:30]}' + '{key[30:]}",
        "quotes": f'{key[:9]}\\", \\"{key[9:]}',
        "zero width": "\u200b".join(key),
        "escaped zero width": "\\u200b".join(key),
        "soft hyphens": "\u00ad".join(key),
        "first half": key[:half],
        "second half": f"...{key[half:]}",
    }


def shows(key: str, content: bytes) -> bool:
    """Whether a half of the key can be read from a content by anybody who tries a little."""
    text = content.decode("utf-8", "replace")
    bare = "".join(char for char in text if char.isalnum()).lower()
    half = "".join(char for char in key[: len(key) // 2] if char.isalnum()).lower()
    return half in bare or key[: len(key) // 2].encode().hex() in bare


@pytest.mark.parametrize("name", forms(KEY))
def test_every_form_of_a_key_is_taken_out(name: str) -> None:
    content = f'{{"choices": [{{"text": "Your key is {forms(KEY)[name]}, is it not?"}}]}}'.encode()
    clean = Redactor([KEY]).clean(content)
    assert b"[key]" in clean
    assert not shows(KEY, clean), clean
    assert b"Your key is " in clean
    assert b", is it not?" in clean


def test_other_text_is_left_as_it_is() -> None:
    texts = [
        "sk-proj",
        "a sk-proj- and a half of Zq9",
        "\u00e9\\u00e9\\n%20&#39; sk-",
        "EMPTY",
        json.dumps({"a": "é\n\t\"'"}),
        "",
    ]
    for text in texts:
        assert Redactor([KEY, "EMPTY", ""]).clean(text.encode()) == text.encode()


def test_a_long_text_that_nearly_holds_a_key_takes_linear_time() -> None:
    clean = Redactor(["a" * 40, KEY]).clean
    for attack in (
        b"a" * 39 + b" b",
        KEY[:-1].encode() + b"!",
        b"\\u0061" * 39 + b"b",
        b"a\\n" * 39 + b"b",
        b"\\" * 39,
        b" " * 39,
    ):
        content = attack * (200_000 // len(attack))
        assert len(clean(content)) <= len(content)


class Echo:
    """A server that says back what it was sent, in a form."""

    def __init__(self, form: str, status: int) -> None:
        self.form, self.status = form, status

    async def __call__(self, request: web.Request) -> web.Response:
        secret = request.headers.get("authorization", "").removeprefix("Bearer ").removeprefix("Basic ")
        key = (
            base64.b64decode(secret).decode().partition(":")[2]
            if "Basic" in request.headers.get("authorization", "")
            else secret
        )
        text = forms(key)[self.form] if key else "no key"
        content = f'{{"choices": [{{"text": "it is {text}"}}], "error": {{"message": "bad key {text}"}}}}'
        if self.status == 200:
            content = f'{{"choices": [{{"text": "it is {text}"}}]}}'
        return web.Response(body=content.encode(), status=self.status, content_type="application/json")


async def ask(echo: Echo, url: str, key: str | None) -> str:
    async with serving(application(echo)) as address:
        client = OpenAIEngine(url.format(port=address.rpartition(":")[2]), key)
        try:
            reply = await client.complete(PROMPT)
            assert isinstance(reply, Reply)
            return reply.text
        except BootstructError as exc:
            return f"{exc} {exc.sentence}"
        finally:
            await client.aclose()


@pytest.mark.parametrize("status", [200, 401, 400, 500])
@pytest.mark.parametrize(
    "form", ["plain", "unicode escapes", "base64 of a header", "lines", "second half", "html numbers"]
)
def test_replies_and_errors_hold_no_key(form: str, status: int) -> None:
    said = asyncio.run(ask(Echo(form, status), "http://127.0.0.1:{port}/v1", KEY))
    assert "[key]" in said
    assert not shows(KEY, said.encode())
    assert KEY[len(KEY) // 2 :] not in said


@pytest.mark.parametrize("status", [200, 401, 400])
def test_a_password_in_an_address_comes_back_in_no_form(status: int) -> None:
    url = "http://me:correcthorsebattery@127.0.0.1:{port}/v1"
    for form in ("plain", "base64 of a user", "unicode escapes"):
        said = asyncio.run(ask(Echo(form, status), url, None))
        assert "[key]" in said, said
        assert "correcthorse" not in said


@pytest.mark.parametrize("status", [200, 401, 400])
@pytest.mark.parametrize(
    "said", ["me:corr@ct/horse-b", "bWU6Y29yckBjdC9ob3JzZS1i", "corr@ct/horse-b", "corr%40ct%2Fhorse-b"]
)
def test_a_password_with_percent_signs_comes_back_in_no_form(status: int, said: str) -> None:
    address = "http://me:corr%40ct%2Fhorse-b@127.0.0.1/v1"
    cleaned = Redactor(secrets_of(address)).clean(f"{status} you sent {said}, bye".encode())
    assert cleaned.endswith(b"[key], bye"), cleaned


@pytest.mark.parametrize(
    ("url", "shown", "secrets"),
    [
        ("https://me:pw@host/v1", "https://host/v1", ["me:pw", "pw"]),
        ("https://me:p/w?x#y@host/v1", "https://host/v1", ["me:p/w?x#y", "p/w?x#y"]),
        ("https://host/v1?key=abc&api-version=1", "https://host/v1", ["abc"]),
        ("https://host/v1?x-token=abc#z", "https://host/v1", ["abc#z"]),
        ("https://token@host/v1", "https://host/v1", ["token"]),
        ("https://me:p%40ss@host/v1", "https://host/v1", ["me:p%40ss", "p%40ss", "me:p@ss", "p@ss"]),
        ("https://host/v1?api-version=2024-10-21", "https://host/v1", []),
        ("http://127.0.0.1:8000/v1", "http://127.0.0.1:8000/v1", []),
    ],
)
def test_what_is_shown_of_an_address(url: str, shown: str, secrets: list[str]) -> None:
    assert shown_address(url) == shown
    assert secrets_of(url) == secrets


@pytest.mark.parametrize(
    ("url", "is_here"),
    [
        ("http://localhost:1/v1", True), ("http://127.8.9.1/v1", True), ("http://[::1]:1/v1", True),
        ("http://localhost.evil.example/v1", False), ("http://127.0.0.1@evil.example/v1", False), ("http://0x7f000001/", False),
        ("http://evil.example/127.0.0.1", False), ("http://[::1", False), ("http://10.0.0.1/", False), ("", False),
    ],
)  # fmt: skip
def test_which_address_is_this_machine(url: str, is_here: bool) -> None:
    assert is_loopback(url) == is_here


@pytest.fixture
def everything(tmp_path: Path) -> Iterator[Path]:
    yield tmp_path
    for path in tmp_path.rglob("*"):
        if path.is_file():
            content = path.read_bytes()
            assert b"horse" not in content, path
            assert KEY.encode() not in content, path


@pytest.mark.parametrize(
    "url",
    [
        f"https://me:{PASSWORD}@host.example/v1",
        "https://host.example/v1?key=horse0123",
        "https://horse@host.example/v1",
    ],
)
def test_init_writes_no_secret_of_an_address(everything: Path, url: str) -> None:
    with pytest.raises(InputError, match="never written to a file") as caught:
        bs.init(everything / "run", model="openai/m", base_url=url, seeds=SEEDS)
    assert "horse" not in str(caught.value)
    assert "BOOTSTRUCT_BASE_URL" in str(caught.value)
    done = bootstruct("init", everything / "run", "--model", "openai/m", "--base-url", url)
    assert done.returncode == 2
    assert "horse" not in done.stderr + done.stdout


def test_a_whole_run_keeps_a_password_to_itself(everything: Path) -> None:
    """Refused fields are recorded, errors are shown, folders are noted: none of it holds the password or the key."""
    with simulator() as server:
        url = server.url.replace("http://", "http://me:correct-horse@")
        bs.init(everything / "run", recipe="paper", model="openai/m", seeds=SEEDS)
        env = {"BOOTSTRUCT_BASE_URL": url, "OPENAI_API_KEY": ""}
        for words in (["preview", "--requests", 1], ["generate", "--tasks", 3], ["status", "--json"], ["report"]):
            done = bootstruct(words[0], everything / "run", *words[1:], **env)
            assert done.returncode == 0, done.stderr
            assert "horse" not in done.stderr + done.stdout
        found = bootstruct("doctor", "--model", "openai/m", **env)
        assert "horse" not in found.stderr + found.stdout
    broken = bootstruct("generate", everything / "run", "--tasks", 9, "--timeout", 1, "--max-requests", 1, **env)
    assert "horse" not in broken.stderr + broken.stdout


def test_a_server_that_refuses_a_field_with_the_key_in_its_reason(everything: Path) -> None:
    async def refuse(request: web.Request) -> web.Response:
        sent = await request.json()
        if "top_p" in sent:
            message = {
                "message": f"top_p is not supported for {KEY}",
                "param": "top_p",
                "code": "unsupported_parameter",
            }
            return web.json_response({"error": message}, status=400)
        return web.json_response({"choices": [{"text": f" Sing a song about {KEY}.", "finish_reason": "stop"}]})

    async def go() -> None:
        async with serving(application(refuse)) as address:
            with warnings.catch_warnings(record=True) as notes:
                warnings.simplefilter("always")
                await bs.agenerate(everything / "run", tasks=1, base_url=f"{address}/v1", max_requests=4)
        assert not any(KEY in str(note.message) for note in notes)

    bs.init(everything / "run", recipe="paper", model="openai/m", seeds=SEEDS)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("OPENAI_API_KEY", KEY)
        asyncio.run(go())
    assert "adapted" in (everything / "run" / "journal.jsonl").read_text()


def test_files_of_settings_are_private(tmp_path: Path) -> None:
    bs.init(tmp_path / "run", recipe="paper", model="openai/m", base_url="http://127.0.0.1:8000/v1", seeds=SEEDS)
    assert stat.S_IMODE((tmp_path / "run" / "machine.yaml").stat().st_mode) == 0o600
    assert stat.S_IMODE((tmp_path / "run" / "recipe.yaml").stat().st_mode) != 0o600
    assert read_machine(tmp_path / "run").base_url == ("http://127.0.0.1:8000/v1",)
