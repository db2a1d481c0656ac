"""Tasks in other languages: what the prompts say, how words are counted and compared, and a German run from end to end."""

import asyncio
import dataclasses
import json
import random
from pathlib import Path

import pytest

from bootstruct.config.recipe import Recipe
from bootstruct.engines.scripted import ScriptedEngine
from bootstruct.export.files import export
from bootstruct.history.verify import verify
from bootstruct.journal.events import RunStarted
from bootstruct.journal.file import Journal
from bootstruct.journal.keys import SHARED
from bootstruct.journal.state import State, begin
from bootstruct.pipeline import generate
from bootstruct.run.scheduler import ActiveRun
from bootstruct.stages.annotate import annotate
from bootstruct.stages.pool import Pool
from bootstruct.stages.propose import parse_instructions, propose_prompt
from bootstruct.types import Instance, Prompt, Reply, Seed, Verdict, digest_of
from tests.support.scripts import recipe, with_lag

GERMAN = tuple(
    Seed(f"saat_{number}", text, (Instance(given, output),), is_classification)
    for number, (text, given, output, is_classification) in enumerate([
        ("Schreibe eine kurze Absage an den Gemüsehändler, der zweimal zu spät geliefert hat.", "", "Sehr geehrter Herr Öz, ...", False),
        ("Ordne die Meldung einem Ressort zu: Politik, Sport oder Wetter.", "Heute fällt Schnee.", "Wetter", True),
        ("Wie viele Stunden liegen zwischen den beiden Uhrzeiten?", "8 Uhr und 14 Uhr", "6", False),
        ("Nenne drei Gründe, warum Bücher auf Papier schöner sind.", "", "Geruch, Gewicht, Ruhe.", False),
        ("Ist der Satz höflich oder unhöflich?", "Mach Platz!", "unhöflich", True),
    ])
)  # fmt: skip
WORTE = (
    "Brücke Käse Straße Gärtner Wörterbuch Mühle Fähre Löffel Nähmaschine Übung Öfen Bäcker Schlüssel Tür Geländer Höhle "
    "Zeugnis Rübe Hütte Flöße Drähte Knöpfe Säge Blüte Tröpfchen Märchen Küste Grüße Zähler Gewölbe"
).split()
VERBEN = "Erkläre Prüfe Übersetze Ergänze Kürze Überlege Zähle Ändere Begründe Wähle Fälsche Löse".split()


def aufgabe(rng: random.Random) -> str:
    eins, zwei, drei = rng.sample(WORTE, 3)
    return f"{rng.choice(VERBEN)} für {eins} und {zwei} mit {rng.randint(2, 99)} Wörtern ohne {drei}."


def deutsch(prompt: Prompt) -> Reply:
    """Answers in German, as JSON; some near doubles, some cut."""
    rng = random.Random(digest_of(prompt))
    if prompt.step == "propose":
        tasks = [aufgabe(rng) for _ in range(7)]
        tasks.append(GERMAN[rng.randrange(5)].instruction.replace("eine kurze", "eine sehr kurze"))
        return Reply(json.dumps({"tasks": tasks}, ensure_ascii=rng.random() < 0.5))
    if prompt.step == SHARED:
        count = prompt.messages[-1].content.count("\n") - 4
        answers = [{"number": n, "is_classification": rng.random() < 0.4} for n in range(1, count)]
        return Reply(json.dumps({"answers": answers}))
    if prompt.step == "kind":
        return Reply(rng.choice(["Yes", "No", '{"is_classification": true}']))
    if "class_label" in prompt.schema:
        return Reply(json.dumps({"examples": [{"class_label": "höflich", "input": aufgabe(rng)}]}))
    text = json.dumps(
        {"examples": [{"input": aufgabe(rng), "output": "Schöne Grüße!"}, {"input": "", "output": "Weiß nicht."}]}
    )
    return Reply(text) if rng.random() < 0.8 else Reply(text[:-30], "length")


def in_language(name: str, language: str, reply: str | None = None) -> Recipe:
    chosen = dataclasses.replace(recipe(name), language=language)
    if reply is None:
        return chosen
    ask = dataclasses.replace(chosen.propose.ask, reply=reply)
    return dataclasses.replace(chosen, propose=dataclasses.replace(chosen.propose, ask=ask))


def grow(path: Path, chosen: Recipe, concurrency: int) -> State:
    """A run with the German seeds and the German engine, to 60 tasks."""

    async def main() -> State:
        journal = Journal(path)
        started = RunStarted(chosen, GERMAN)
        journal.append(started)
        state, rng = begin(started), random.Random(concurrency)
        engine = ScriptedEngine(deutsch, delay=lambda _: rng.random() * 0.002 if concurrency > 1 else 0.0)
        try:
            await generate(ActiveRun(state, journal, engine), 60, None)
        finally:
            journal.close()
        return state

    return asyncio.run(main())


def test_a_german_run_from_seeds_to_training_data(tmp_path: Path) -> None:
    chosen = with_lag(in_language("chat", "German"), least=3)
    made = []
    for concurrency in (1, 64):
        path = tmp_path / f"{concurrency}.jsonl"
        state = grow(path, chosen, concurrency)
        findings = verify(path)
        assert findings.disagreements == []
        out = tmp_path / f"{concurrency}.out"
        export(state, path, "messages", out)
        made.append(out.read_bytes())
    assert made[0] == made[1]
    assert len(state.accepted) >= 60
    assert state.rejections["too similar"] > 0
    assert any("ß" in task.text or "ü" in task.text for task in state.accepted)
    assert {a.is_classification for a in state.completed.values()} == {True, False}
    text = made[0].decode()
    assert "Schöne Grüße!" in text
    assert "\\u00" not in text
    asked = propose_prompt(state, len(state.accepted_after))[0].messages[-1].content
    assert "Write 8 new tasks in German" in asked
    assert any(seed.instruction in asked for seed in GERMAN)


@pytest.mark.parametrize("name", ["chat", "alpaca"])
@pytest.mark.parametrize("reply", ["text", "json"])
def test_prompts_name_the_language_only_where_it_is_another(name: str, reply: str) -> None:
    plain, other = (begin(RunStarted(in_language(name, entry, reply), GERMAN)) for entry in ("English", "Arabic"))
    assert "Arabic" in propose_prompt(other, 0)[0].messages[-1].content
    assert "Arabic" not in propose_prompt(plain, 0)[0].messages[-1].content


@pytest.mark.parametrize("word", ["Yes", "No"])
def test_the_questions_about_a_task_name_the_language(word: str) -> None:
    from bootstruct.types import Instruction

    flow = annotate(in_language("chat", "Arabic"), Instruction("0.0", "اكتب رسالة."))
    next(flow)
    assert "in Arabic unless the task asks for another language" in flow.send(Reply(word)).messages[-1].content


CHINESE = (
    "请把下面的句子改写得更有礼貌。", "列出三种适合初学者种植的蔬菜。", "根据天气预报决定明天是否需要带伞。", "给孩子讲一个关于月亮的短故事。",
)  # fmt: skip
ARABIC = (
    "اكتب رسالة اعتذار قصيرة إلى جارك بسبب الضجيج.", "رتب المدن التالية حسب عدد سكانها.", "هل الجملة التالية مهذبة أم لا؟",
    "اشرح لطفل كيف تطفو السفن فوق الماء.",
)  # fmt: skip
UMLAUTE = (
    "Übersetze den Satz über Ölöfen höflich ins Dänische.", "Erkläre, wieso Nägel rosten.", "Überprüfe, ob die Gleichung für x = 5 aufgeht.",
    "Fülle die Lücken mit passenden Präpositionen.",
)  # fmt: skip


def judged(texts: tuple[str, ...], name: str = "chat") -> tuple[Verdict, ...]:
    chosen = recipe(name)
    body = json.dumps({"tasks": texts}) if name == "chat" else "\n".join(
        f"### {n}\nInstruction: {text}\nInput: <noinput>\nOutput: {text[::-1]}" for n, text in enumerate(texts, 4)
    )  # fmt: skip
    return Pool(chosen).judge(0, parse_instructions(chosen, Reply(body), ()))


@pytest.mark.parametrize("name", ["chat", "alpaca"])
@pytest.mark.parametrize("texts", [CHINESE, ARABIC, UMLAUTE])
def test_other_scripts_are_kept_and_compared(texts: tuple[str, ...], name: str) -> None:
    assert [(v.text, v.rule) for v in judged(texts, name)] == [(text, None) for text in texts]
    nearly = tuple(text[:-1] + "!" for text in texts)
    assert [v.rule for v in judged(texts + nearly, name)] == [None] * 4 + ["too similar"] * 4


def test_characters_count_as_words_where_no_blanks_are_written() -> None:
    assert [v.rule for v in judged(("写诗。", "翻译这个句子。", "字" * 151, "نعم", "اكتب"))] == [
        "too short", None, "too long", "too short", "too short",
    ]  # fmt: skip


@pytest.mark.parametrize(
    "text",
    ["1. 请把下面的句子改写得更有礼貌。\n2、列出三种适合初学者种植的蔬菜。", "1. اكتب رسالة قصيرة إلى جارك.\n2. رتب المدن حسب عدد سكانها."],
)  # fmt: skip
def test_lists_in_words_are_read_where_json_was_asked_for(text: str) -> None:
    read = parse_instructions(recipe("chat"), Reply(text), ())
    assert len(read) == 2
    assert all(entry.flaw is None and entry.text.endswith(("。", ".")) for entry in read)
