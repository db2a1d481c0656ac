"""`evaluate ifeval`: the prompts, the verdicts of the reference on texts made here, the shares, and the command."""

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

import bootstruct as bs
from bootstruct.errors import InputError
from bootstruct.evaluation.ifeval import judge_answer, read_ifeval_prompts
from bootstruct.evaluation.language_tools import OF_LANGDETECT, OF_NLTK, find_language_tools
from bootstruct.io.accounts import RowAccount
from bootstruct.stages.constraint_verifier import OWN_TOOLS, VERIFIERS, LanguageTools, follows, follows_loosely
from tests.support.evaluate_commands import answering, evaluate
from tests.support.ifeval_texts import draw

NO_COMMA = ("punctuation:no_comma", {})


def row(key: Any, *pairs: tuple[str, Any], prompt: str = "Say something.") -> dict[str, Any]:
    names, values = [name for name, _ in pairs], [given for _, given in pairs]
    return {"key": key, "prompt": prompt, "instruction_id_list": names, "kwargs": values}


def written(path: Path, *rows: dict[str, Any]) -> Path:
    path.write_text("".join(json.dumps(one) + "\n" for one in rows), encoding="utf-8")
    return path


def verdicts(tools: LanguageTools, kinds: set[str]) -> Counter[str]:
    """How many recorded verdicts of the reference differ from ours, by kind."""
    path = Path(__file__).with_name("ifeval_reference_verdicts.txt")
    digits, differ = path.read_text(encoding="utf-8").replace("\n", ""), Counter[str]()
    assert len(digits) == 200 * len(VERIFIERS) * 2
    for number in range(200):
        text, values_of = draw(f"recorded/{number}")
        for place, name in enumerate(VERIFIERS):
            values, start = values_of(name), 2 * (number * len(VERIFIERS) + place)
            if name in kinds:
                ours = f"{follows(name, values, text, tools):d}{follows_loosely(name, values, text, tools):d}"
                differ[name] += ours != digits[start : start + 2]
    return differ


def test_verdicts_are_the_references() -> None:
    """Those that need no package: `benchmarks/ifeval_reference.py --seed recorded --record FILE` recorded them."""
    differ = verdicts(OWN_TOOLS, set(VERIFIERS) - {*OF_LANGDETECT, *OF_NLTK})
    assert len(differ) == 20 and not +differ


@pytest.mark.real
@pytest.mark.parametrize("kinds", [OF_LANGDETECT, OF_NLTK])
def test_verdicts_on_language_are_the_references_where_its_packages_are_installed(kinds: tuple[str, ...]) -> None:
    tools, differing = find_language_tools()
    if why := differing.get(kinds[0]):
        pytest.skip(why)
    assert not +verdicts(tools, set(kinds))


def test_our_own_functions_on_language_differ_seldom() -> None:
    differ = verdicts(OWN_TOOLS, {*OF_LANGDETECT, *OF_NLTK})
    assert differ["length_constraints:number_sentences"] < 50
    assert differ["change_case:capital_word_frequency"] < 12


def test_loosely_the_first_line_the_last_line_and_asterisks_are_overlooked() -> None:
    quoted = ("startend:quotation", {})
    assert not follows(*quoted, 'Sure:\n"Yes"') and follows_loosely(*quoted, 'Sure:\n"Yes"')
    assert follows_loosely(*quoted, '**"Yes"**') and follows_loosely(*quoted, 'Sure:\n*"Yes"*\nBye')
    assert not follows_loosely(*quoted, "Sure:\nYes") and not follows_loosely("punctuation:no_comma", {}, " ")


def test_the_shipped_prompts_ask_for_every_kind() -> None:
    prompts = read_ifeval_prompts()
    kinds = Counter(name for prompt in prompts for name, _ in prompt.constraints)
    assert len(prompts) == 100 and set(kinds) == set(VERIFIERS) and min(kinds.values()) >= 3
    assert len({prompt.prompt for prompt in prompts}) == 100
    for prompt in prompts:  # the values of a constraint stand in the prompt
        for name, values in prompt.constraints:
            for field, value in values.items():
                texts = value if isinstance(value, list) else [value] if isinstance(value, str) else []
                for text in texts if field not in ("relation", "language", "let_relation", "capital_relation") else []:
                    assert text.lower() in prompt.prompt.lower(), (prompt.key, name, text)


def test_what_is_no_prompt_is_left_out_and_counted(tmp_path: Path) -> None:
    words = "length_constraints:number_words"
    bad = [
        {"prompt": "x"},
        row(1, NO_COMMA, prompt=" "),
        row(2, ("no:such", {})),
        row(3, (words, {"num_words": 0, "relation": "at least"})),
        row(4, (words, {"num_words": True, "relation": "at least"})),
        row(5, (words, {"num_words": 4, "relation": "around"})),
        row(6, (words, None)),
        row(7, ("keywords:existence", {"keywords": []})),
        row(8, ("keywords:letter_frequency", {"letter": "ab", "let_frequency": 1, "let_relation": "at least"})),
        row(9, ("punctuation:no_comma", [])),
        {"key": 10, "prompt": "x", "instruction_id_list": ["punctuation:no_comma"], "kwargs": []},
        {"key": 11, "prompt": "x", "instruction_id_list": [], "kwargs": []},
        {"key": 12, "prompt": "x", "instruction_id_list": ["punctuation:no_comma"], "kwargs": "{}"},
    ]
    nulls = {"num_words": 3.0, "relation": "less than", "keyword": None}  # as a table with gaps gives them
    good = [row("a", (words, nulls)), row("b", ("punctuation:no_comma", None))]
    accounts: list[RowAccount] = []
    found = read_ifeval_prompts(written(tmp_path / "p.jsonl", *bad, *good, good[0]), accounts)
    assert [prompt.key for prompt in found] == ["a", "b"]
    assert found[0].constraints == ((words, {"num_words": 3, "relation": "less than"}),)
    assert (accounts[0].used, accounts[0].omitted) == (2, len(bad) + 1)
    with pytest.raises(InputError, match="no prompt in IFEval's shape"):
        read_ifeval_prompts(written(tmp_path / "none.jsonl", *bad))


def test_an_answer_is_judged_by_every_constraint() -> None:
    (prompt,) = [p for p in read_ifeval_prompts() if p.key == "29"]
    found = judge_answer(prompt, "Sure, here:\nOne. Two. Three. Four. Five.")
    assert (found.strict, found.loose) == ((True, False), (True, True))


def test_the_command_asks_judges_and_resumes_for_nothing(tmp_path: Path) -> None:
    rows = [row(n, NO_COMMA, ("change_case:english_lowercase", {}), prompt=f"Prompt {n}") for n in range(10)]
    words = ["ifeval", "--model", "openai/m", "--out", tmp_path / "out", "--quiet"]
    words += ["--prompts", written(tmp_path / "p.jsonl", *rows)]

    def answer(question: str) -> str:
        number = int(question.split()[-1])
        return f"Well:\nit is {number}" if number % 2 else f"<think>a, b</think>it is {number}" + ", so" * (number < 5)

    with answering(answer) as (url, asked):
        first = evaluate(*words, "--base-url", url)
        assert first.returncode == 0, first.stderr
        assert "10 of 10 prompts" in first.stdout and "prompts, every constraint followed" in first.stdout
        assert {entry["messages"][0]["content"] for entry in asked} == {f"Prompt {n}" for n in range(10)}
        again = evaluate(*words, "--base-url", url, "--json")
        assert len(asked) == 10
    scores = json.loads(again.stdout)[0]
    assert (scores["judged"], scores["expected"], scores["problems"]) == (10, 10, [])
    assert scores["prompts"]["strict"]["percent"] == 20.0  # 6 and 8
    assert scores["prompts"]["loose"]["percent"] == 70.0
    assert scores["kinds"]["punctuation:no_comma"]["strict"] | {"interval": 0} == {
        "percent": 70.0,
        "count": 10,
        "interval": 0,
    }
    kept = [json.loads(line) for line in (tmp_path / "out" / "openai_m" / "predictions.jsonl").read_text().splitlines()]
    assert kept[1]["strict"] == [True, False] and kept[1]["loose"] == [True, True]
    assert kept[6]["response"] == "it is 6" and kept[6]["lineage"]["key"] == "ifeval/6"
    differing = set(find_language_tools()[1]) & {"change_case:english_lowercase"}
    assert set(scores["judged_otherwise"]) == differing
    assert ("judged by bootstruct's own functions" in first.stdout) == bool(differing)


def test_a_budget_stops_with_the_shares_so_far(tmp_path: Path) -> None:
    engine = bs.ScriptedEngine(lambda prompt: "no commas here")
    result = bs.evaluate.ifeval("python/me", engine=engine, out=tmp_path, max_requests=7)
    assert not result.is_complete and result.scores[0].prompts["strict"].count <= 7
    assert result.scores[0].problems[0].kind == "prompts without an answer"
    result = bs.evaluate.ifeval("python/me", engine=engine, out=tmp_path)
    assert result.is_complete and result.scores[0].prompts["loose"].count == 100
    with pytest.raises(InputError, match="name one"):
        bs.evaluate.ifeval([], engine=engine)
