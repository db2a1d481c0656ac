"""A recipe's templates and rules end in bounded time and memory, and the shipped ones give what they always gave."""

import gzip
import hashlib
import random
import re
import resource
import time
from pathlib import Path

import pytest
import regex
import yaml
from jinja2 import StrictUndefined, UndefinedError
from jinja2.sandbox import ImmutableSandboxedEnvironment

import bootstruct as bs
from bootstruct.config.recipe import Rule
from bootstruct.errors import InputError
from bootstruct.finetuning.settings import read_settings
from bootstruct.stages import expressions
from bootstruct.stages.expressions import MOST_STEPS, most_ways
from bootstruct.stages.rules import breaks
from bootstruct.stages.templates import fill
from tests.support.commands import bootstruct
from tests.support.paths import ROOT

RECIPES = ROOT / "src" / "bootstruct" / "config" / "recipes"
LARGEST = 400 * 2**20  # bytes that an attack may add to the memory of this process


def memory() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


GROW = "{% set ns = namespace(s='a') %}{% for i in range(60) %}{% set ns.s = "
ATTACKS = {
    "text times a number": "{{ 'a' * 10**10 }}",
    "list times a number": "{{ ([1] * 10**10) | length }}",
    "power": "{{ 10 ** (10 ** 10) }}",
    "power of a power": "{{ ((2 ** 4000) ** 4000) }}",
    "squares": GROW.replace("'a'", "9") + "ns.s * ns.s %}{% endfor %}{{ ns.s }}",
    "doubling by joining": GROW + "ns.s ~ ns.s %}{% endfor %}{{ ns.s }}",
    "doubling by adding": GROW + "ns.s + ns.s %}{% endfor %}{{ ns.s }}",
    "doubling by a format": GROW + "'%s%s' % (ns.s, ns.s) %}{% endfor %}{{ ns.s }}",
    "doubling by a filter": GROW + "[ns.s, ns.s] | join %}{% endfor %}{{ ns.s }}",
    "doubling by a method": GROW + "''.join([ns.s, ns.s]) %}{% endfor %}{{ ns.s }}",
    "doubling by nesting": GROW + "[ns.s, ns.s] %}{% endfor %}{{ ns.s }}",
    "doubling by a dict": GROW + "{'a': ns.s, 'b': ns.s} %}{% endfor %}{{ ns.s }}",
    "doubling by output": GROW.replace("{% set ns.s = ", "") + "{% set x %}{{ ns.s }}{{ ns.s }}{% endset %}"
    "{% set ns.s = x %}{% endfor %}{{ ns.s }}",
    "doubling by replacing": GROW + "ns.s | replace('a', 'aa') %}{% endfor %}{{ ns.s }}",
    "doubling by a macro": "{% macro m(n) %}{% if n %}{{ m(n - 1) }}{{ m(n - 1) }}{% endif %}a{% endmacro %}{{ m(60) }}",
    "endless macro": "{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}",
    "loops in loops": "{% for i in range(9999) %}{% for j in range(9999) %}{% endfor %}{% endfor %}",
    "text in loops in loops": "{% for i in range(99) %}{% for j in range(99) %}"
    + "x" * 4000
    + "{% endfor %}{% endfor %}",
    "range": "{{ range(10**9) | list | length }}",
    "sums of ranges": "{% for i in range(9999) %}{{ range(9999) | sum }}{% endfor %}",
    "lazy filters": "{{ range(9999) | map('string') | map('center', 9999) | join }}",
    "join by a long text": "{{ range(9999) | map('string') | join('x' * 900000) }}",
    "replace by a long text": "{{ ('a' * 900000).replace('a', 'b' * 900000) }}",
    "replace filter": "{{ ('a' * 900000) | replace('a', 'b' * 900000) }}",
    "center": "{{ 'a' | center(10**9) }}",
    "method center": "{{ 'a'.center(10**9) }}",
    "ljust": "{{ 'a'.ljust(10**9) }}",
    "zfill": "{{ 'a'.zfill(10**9) }}",
    "expandtabs": "{{ ('\\t' * 9999).expandtabs(999999) }}",
    "indent": "{{ ('a\\n' * 9999) | indent(999999) }}",
    "tojson": "{{ range(9999) | list | tojson(indent=999999) }}",
    "format with a width": "{{ '%999999999d' % 1 }}",
    "format with a width of a name": "{{ '%(a)999999999d' % {'a': 1} }}",
    "format with a width argument": "{{ '%*d' % (10**9, 1) }}",
    "format filter": "{{ '%999999999d' | format(1) }}",
    "format filter with an argument": "{{ '%*d' | format(10**9, 1) }}",
    "format method": "{{ '{:>999999999}'.format(1) }}",
    "format method with a field": "{{ '{:{w}}'.format(1, w='999999999') }}",
    "format map": "{{ '{a:999999999}'.format_map({'a': 1}) }}",
    "precision": "{{ 1.5 | round(10**9) }}",
    "wordwrap": "{{ ('a ' * 900000) | wordwrap(1, wrapstring='b' * 900000) }}",
    "deep brackets": "{{ " + "(" * 9999 + "1" + ")" * 9999 + " }}",
    "deep blocks": "{% if 1 %}" * 500 + "{% endif %}" * 500,
    "a way to Python": "{{ ''.__class__.__mro__[1].__subclasses__() }}",
    "a way to Python by format": "{{ '{0.__class__.__mro__}'.format('') }}",
    "a way to Python by a filter": "{{ '' | attr('__class__') }}",
    "a way to Python by a loop": "{% for x in [1] %}{{ loop.__init__.__globals__ }}{% endfor %}",
    "a count below nothing": "{% set x = [-10**9] | map(' count') | list %}{% for i in range(9) %}{{ 'a' * 900000 }}{% endfor %}",
    "the bounds themselves": "{{ environment.bounds }}",
    "random text": "{{ lipsum(n=10**6) }}",
}


@pytest.mark.parametrize("name", ATTACKS)
def test_a_template_stays_in_bounds(name: str) -> None:
    before = memory()
    with pytest.raises(InputError) as caught:
        fill(ATTACKS[name], instruction="An instruction.")
    assert "\n" not in str(caught.value)
    assert memory() - before < LARGEST


def test_the_command_stops_with_one_sentence(tmp_path: Path) -> None:
    bs.init(tmp_path / "run", recipe="paper", model="openai/m", eject=True)
    for path in (tmp_path / "run" / "prompts").glob("*.jinja"):
        path.write_text(ATTACKS["doubling by joining"])
    done = bootstruct("generate", tmp_path / "run", "--base-url", "http://127.0.0.1:9/v1")
    assert done.returncode == 2
    assert done.stderr.startswith("error: ")
    assert "characters of text" in done.stderr
    assert len(done.stderr.splitlines()) == 1


VALUES = {
    "language": "Deutsch", "only_classification": True, "reply": "json", "count": 8, "many": 20, "is_classification": True,
    "hints": {"topic": "rivers", "kind": "short", "length": "long"}, "instruction": "Name a {{ river }}. é %s {0}", "scale": list("ABCD"),
    "input": "a\n\tb", "output": "c ~ d", "examples": ["one %d", "two {x}", "three"], "instructions": ["one", "two", "three"],
    "worked": [{"instruction": "a", "input": "", "output": "b", "json": '{"a": 1}'}], "answer": "x", "rubric": "y",
}  # fmt: skip
SHIPPED = [path for folder in ("config", "evaluation") for path in (RECIPES.parent.parent / folder).rglob("*.jinja")]


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: "/".join(path.parts[-2:]))
@pytest.mark.parametrize("reply", ["json", "text"])
def test_the_shipped_templates_give_what_plain_jinja_gives(path: Path, reply: str) -> None:
    text, values = path.read_text("utf-8"), VALUES | {"reply": reply}
    plain = ImmutableSandboxedEnvironment(undefined=StrictUndefined, keep_trailing_newline=True, autoescape=False)
    missing = r"'(\w+)' is undefined"
    expected, fault = "", ""
    try:
        expected = plain.from_string(text).render(values)
    except UndefinedError as exc:
        fault = str(exc)
    if fault:
        with pytest.raises(InputError, match=missing):
            fill(text, **values)
        return
    assert fill(text, **values) == expected
    for undefined in ("{{ nothing }}", "{{ 'a' ~ nothing }}", "{% for x in nothing %}{% endfor %}"):
        with pytest.raises(InputError, match="'nothing' is undefined"):
            fill(undefined, **values)


PLAIN = [
    "{% for x in examples -%}\n{{ loop.index }}. {{ x }}{{ ', ' if not loop.last }}\n{% endfor %}", "{{ examples | join('; ') }}",
    "{% macro m(a, b=2) %}{{ a }}-{{ b }}{% endmacro %}{{ m(1) }} {{ m('x', b='y') }}", "{{ 1 + 2 * 3 ** 2 % 5 }} {{ 7 // 2 }} {{ -1 }}",
    "{% set ns = namespace(n=0) %}{% for x in examples %}{% set ns.n = ns.n + x | length %}{% endfor %}{{ ns.n }}",
    "{{ instruction | upper | replace('A', 'b') | truncate(12) }}", "{{ 'a' ~ 1 ~ none ~ [1, 2] ~ 1.5 }}", "{{ '%s and %05d' % ('a', 7) }}",
    "{{ '{} {:>5}'.format('a', 'b') }} {{ '{{}}'.format() }}", "{{ examples[1:] }} {{ examples[-1][::-1] }} {{ hints }}",
    "{{ examples | map('upper') | list }} {{ examples | select('string') | first }}", "{{ range(3) | list }} {{ range(1, 9, 2) | sum }}",
    "{% filter upper %}a{{ input }}{% endfilter %}", "{% set x %}a{{ 1 }}{% endset %}{{ x }}{{ x is string }}", "{{ worked | tojson }}",
    "{% if 'one %d' in examples and not none %}y{% elif 1 %}n{% else %}z{% endif %}", "{{ worked[0].json }} {{ worked[0]['input'] or '-' }}",
    "{% for a, b in hints.items() %}{{ a }}={{ b }} {% else %}none{% endfor %}", "{{ instruction | indent(4) | wordwrap(20) }}",
    "{% for x in [1, [2, [3]]] recursive %}{{ loop(x) if x is not number else x }}{% endfor %}", "{{ (examples | batch(2) | list) }}",
    "{{ instruction.split(' ') | length }} {{ ' '.join(examples) }} {{ input.strip() }}", "{% raw %}{{ x }}{% endraw %}{# c #}\n",
]  # fmt: skip


@pytest.mark.parametrize("text", PLAIN)
def test_ordinary_templates_give_what_plain_jinja_gives(text: str) -> None:
    plain = ImmutableSandboxedEnvironment(undefined=StrictUndefined, keep_trailing_newline=True, autoescape=False)
    assert fill(text, **VALUES) == plain.from_string(text).render(VALUES)


def test_long_values_are_no_attack() -> None:
    document = "A long document 1234567, with 100% of {braces}. " * 20_000
    assert fill("{{ document }}\n{{ document | length }} {{ document.strip()[:9] }}", document=document).startswith(
        document
    )


def shipped_expressions() -> list[str]:
    found: list[str] = []

    def collect(value: object) -> None:
        if isinstance(value, dict):
            found.extend(inner for name, inner in value.items() if name == "matches")
        for inner in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
            collect(inner)

    for path in RECIPES.rglob("*.yaml"):
        collect(yaml.safe_load(path.read_text("utf-8")))
    return sorted(set(found))


@pytest.mark.parametrize("expression", shipped_expressions())
def test_the_shipped_rules_match_as_the_standard_library_does(expression: str) -> None:
    words = "I'm I’m sorry cannot as an AI image images GRAPH ſorry K İmage ımage go to the following text. below: attached? draw! as\xa0an".split(
        " "
    )
    rng = random.Random(expression)
    texts = [" ".join(rng.choices(words, k=rng.randint(1, 9))) for _ in range(3000)]
    texts += ["".join(rng.choices("ai mgesſKıİ\n\t\x85\u2028.?!’'x", k=rng.randint(1, 30))) for _ in range(3000)]
    plain = re.compile(expression, re.IGNORECASE)
    rule = Rule("r", matches=expression)
    digest = hashlib.sha256(expression.encode()).hexdigest()[:16]
    assert digest in expressions.SHIPPED, f"add {digest} to stages/expressions.py once its time is known to be linear"
    for attack in (
        "this ",
        "this following ",
        "a",
        "go to the ",
        " ",
        "\n",
        "I'm ",
        "(((",
        "sorry,",
        "https://",
        "Create me a ",
    ):
        breaks(rule, attack + "a" * 300_000)
        breaks(rule, attack * (300_000 // len(attack)))
    assert [text for text in texts if (plain.search(text) is not None) != breaks(rule, text)] == []


SLOW = {
    r"(?:(a+)b?)+(?<!x)c": "a" * 5000,
    r"^(.*?,){11}P": "1,2,3,4,5,6,7,8,9,10,11,12,13" * 200,
    r"^(a|a)+$": "a" * 64 + "b",
}


@pytest.mark.parametrize("expression", SLOW)
def test_a_slow_rule_ends_and_decides_nothing(expression: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(expressions, "MOST_SECONDS", 0.1)
    begun = time.process_time()
    with pytest.raises(InputError, match="rule 'r': its expression takes more than"):
        breaks(Rule("r", matches=expression), SLOW[expression])
    assert time.process_time() - begun < 30, "it ended by itself"


@pytest.mark.parametrize(
    ("expression", "fault"),
    [
        ("a{1000000000}", "repetitions"),
        ("(?:(?:(?:a{1000}){1000}){1000})", "repetitions"),
        ("a{" + "9" * 1500 + "}", "too large"),
        ("a" * 2001, "longer than"),
        ("(" * 900 + ")" * 900, "not a regular expression"),
        ("(a", "not a regular expression"),
        (r"\p{L}", "not a regular expression"),
    ],
)
def test_an_expression_that_is_too_large_is_refused_when_it_is_read(
    tmp_path: Path, expression: str, fault: str
) -> None:
    bs.init(tmp_path / "run", recipe="paper", model="openai/m")
    recipe = yaml.safe_load((tmp_path / "run" / "recipe.yaml").read_text())
    recipe["propose"]["rules"] = [{"name": "r", "matches": expression}]
    (tmp_path / "run" / "recipe.yaml").write_text(yaml.safe_dump(recipe))
    with pytest.raises(InputError, match=fault):
        bs.open(tmp_path / "run")


@pytest.mark.parametrize(
    "expression",
    [r"\b(poems?|songs?|rhymes?)\b", "^write", r"\?$", r"[a-z]+\d", r"foo|bar|ba[rz]", r"(please\s)?write", r"a{2,5}b"],
)
def test_an_ordinary_rule_decides_as_the_standard_library_does(expression: str) -> None:
    assert most_ways(expression, 2_000) * 2_000 <= MOST_STEPS
    for text in ("ıq1", "İ2", "K 3", "ſongs", "Write a poem?", "PLEASE write", "aaab"):
        assert breaks(Rule("r", matches=expression), text) == (re.search(expression, text, re.IGNORECASE) is not None)


@pytest.mark.parametrize(
    "expression", ["(a+)+$", "(a|a)*$", "(a|b|ab)*c", "(a?){50}", r"(.)\1+", "(?:a*b?)*c", "a*a*a*a*a*c", "a?" * 40]
)
def test_what_may_be_slow_is_left_to_the_engine_with_a_limit(expression: str) -> None:
    assert most_ways(expression, 2_000) * 2_000 > MOST_STEPS


@pytest.mark.parametrize("name", ["recipe.yaml", "machine.yaml"])
def test_a_list_of_lists_of_lists(tmp_path: Path, name: str) -> None:
    """Ten lines of YAML that stand for ten thousand million values."""
    bs.init(tmp_path / "run", recipe="paper", model="openai/m")
    lines = ["x0: &x0 [a, a, a, a, a, a, a, a, a, a]"]
    lines += [f"x{n}: &x{n} [{', '.join([f'*x{n - 1}'] * 10)}]" for n in range(1, 10)]
    (tmp_path / "run" / name).write_text("\n".join(lines))
    begun = time.process_time()
    with pytest.raises(InputError, match="more than 1,000,000 values"):
        bs.generate(tmp_path / "run", tasks=1)
    assert time.process_time() - begun < 60, "it ended by itself"


@pytest.mark.parametrize(
    "text",
    [
        "seed: 1" + ":1" * 50_000,
        "seed: 1" + ":1" * 190 + ".5",
        "seed: " + "[" * 2_000,
        "x0: &x0 {"
        + ", ".join(f"a{n}: 1" for n in range(20))
        + "}\n"
        + "\n".join(f"x{n}: &x{n} {{<<: [{', '.join([f'*x{n - 1}'] * 10)}]}}" for n in range(1, 12)),
    ],
    ids=["base 60", "beyond all floats", "brackets", "merges of merges"],
)
def test_yaml_of_any_kind(tmp_path: Path, text: str) -> None:
    for name in ("recipe.yaml", "machine.yaml"):
        bs.init(tmp_path / name, recipe="paper", model="openai/m")
        (tmp_path / name / name).write_text(text)
        with pytest.raises(InputError):
            bs.generate(tmp_path / name, tasks=1)
    path = tmp_path / "settings.yaml"
    path.write_text(text)
    with pytest.raises(InputError):
        read_settings(path, {})


@pytest.mark.parametrize("name", ["recipe.yaml", "machine.yaml"])
def test_a_small_file_that_swells(tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bootstruct.io.streams.MOST_SWOLLEN", 1 << 20)
    bs.init(tmp_path / "run", recipe="paper", model="openai/m")
    (tmp_path / "run" / name).write_bytes(gzip.compress(b"[" + b" " * (1 << 25)))
    with pytest.raises(InputError, match="100 times its size"):
        bs.generate(tmp_path / "run", tasks=1)


def test_the_engine_of_rules_has_a_limit_of_time() -> None:
    with pytest.raises(TimeoutError):
        regex.search(r"^(.*?,){11}P", SLOW[r"^(.*?,){11}P"], timeout=0.05)
