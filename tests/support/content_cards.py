"""Compute the tables of the content's cards from the files. Run as a script, it writes them into docs/.

A table stands between `<!-- NAME -->` and the next comment; everything else on a card is written by hand.
"""

import re
import statistics
from collections import Counter
from collections.abc import Callable, Iterable

from bootstruct.config.seeds import shipped_seeds
from tests.support.content_checks import is_question
from tests.support.content_style import has_markdown, lacks_end_mark, starts_lower
from tests.support.content_texts import Row, Template, instance_of, nearest, read_rows, read_template
from tests.support.paths import PACKAGE, ROOT

MARKER = re.compile(r"<!-- ([a-z-]+:[a-z-]+) -->")


def tables_in(card: str) -> dict[str, str]:
    """Return for each marker the table that follows it, that is, the lines that begin with a bar."""
    _, *parts = MARKER.split(card)
    found = {}
    for name, text in zip(parts[::2], parts[1::2], strict=True):
        between = text.partition("<!--")[0]
        found[name] = "\n".join(line for line in between.split("\n") if line.startswith("|"))
    return found


def write_tables(card: str, tables: dict[str, str]) -> str:
    """Return the card with every table renewed. Raises KeyError if a marker has no table."""
    return re.sub(
        MARKER.pattern + r".*?(?=<!-- )", lambda m: f"<!-- {m[1]} -->\n\n{tables[m[1]]}\n\n", card, flags=re.DOTALL
    )


def table(head: Iterable[str], rows: Iterable[Iterable[object]]) -> str:
    """Return a Markdown table in which all columns but the first are aligned to the right, as numbers are."""
    names = list(head)
    lines = [names, ["---"] + ["---:"] * (len(names) - 1), *[[str(cell) for cell in row] for row in rows]]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def mean_words(texts: Iterable[str]) -> str:
    return f"{statistics.mean(len(text.split()) for text in texts):.1f}"


def share(part: int, whole: int) -> str:
    return f"{part} ({100 * part / whole:.0f}%)"


def text_statistics(rows: list[Row]) -> list[tuple[str, object]]:
    """Return the rows that every card of tasks has: lengths in words, questions, and similarity."""
    texts = [row["instruction"] for row in rows]
    inputs, outputs = zip(*[instance_of(row) for row in rows], strict=True)
    lengths = [len(text.split()) for text in texts]
    return [
        ("without input", share(sum(not given for given in inputs), len(rows))),
        ("put as a question", share(sum(map(is_question, texts)), len(rows))),
        ("words in an instruction, mean", mean_words(texts)),
        ("words in an instruction, shortest and longest", f"{min(lengths)} and {max(lengths)}"),
        ("words in an input (where there is one), mean", mean_words(given for given in inputs if given)),
        ("words in an output, mean", mean_words(outputs)),
        ("outputs of one line", share(sum("\n" not in output for output in outputs), len(rows))),
        ("ROUGE-L of the two most similar instructions", f"{nearest(texts).score:.2f}"),
    ]


def seed_tables() -> dict[str, str]:
    rows = read_rows(PACKAGE / "config" / "seeds.jsonl")
    return {
        "seeds:taxonomy": seed_taxonomy(rows),
        "seeds:statistics": seed_statistics(rows),
        "seeds:lengths": seed_lengths(rows),
        "seeds:style": seed_style(),
        "simple:statistics": simple_statistics(),
    }


def seed_style() -> str:
    """Return the table that says how the instructions and outputs of both sets are typed."""
    names = ("", "simple")
    sets = [read_rows(shipped_seeds(name)) for name in names]
    lines: list[list[object]] = [["tasks", *map(len, sets)]]
    texts = [[row["instruction"] for row in rows] for rows in sets]
    outputs = [[instance["output"] for row in rows for instance in row["instances"]] for rows in sets]
    lines.append(["words in an instruction, mean", *map(mean_words, texts)])
    lines.append(["instructions of over 25 words", *(sum(len(t.split()) > 25 for t in group) for group in texts)])
    for what, holds, groups in (
        ("instructions without end mark", lacks_end_mark, texts),
        ("instructions with a small first letter", starts_lower, texts),
        ("outputs with Markdown", has_markdown, outputs),
    ):
        lines.append([what, *(share(sum(map(holds, group)), len(group)) for group in groups)])
    classification = [share(sum(row["is_classification"] for row in rows), len(rows)) for rows in sets]
    return table(["what", "the 175", "`simple`"], [*lines, ["classification tasks", *classification]])


def simple_statistics() -> str:
    rows = read_rows(shipped_seeds("simple"))
    instances = [instance for row in rows for instance in row["instances"]]
    lengths = [len(row["instruction"].split()) for row in rows]
    lines = [
        ("tasks", len(rows)),
        ("classification tasks", sum(row["is_classification"] for row in rows)),
        ("tasks with input", sum(any(instance["input"] for instance in row["instances"]) for row in rows)),
        ("tasks with several instances", sum(len(row["instances"]) > 1 for row in rows)),
        ("instances", len(instances)),
        ("words in an instruction, mean", mean_words(row["instruction"] for row in rows)),
        ("words in an instruction, shortest and longest", f"{min(lengths)} and {max(lengths)}"),
        ("words in an output, mean", mean_words(instance["output"] for instance in instances)),
    ]
    return table(["statistic", "value"], lines)


def seed_taxonomy(rows: list[Row]) -> str:
    """Return domains and kinds in order of appearance, with totals, classification tasks and tasks without an input."""
    kinds = list(dict.fromkeys(row["kind"] for row in rows))
    lines = []
    for domain in [*dict.fromkeys(row["domain"] for row in rows), "total"]:
        there = [row for row in rows if domain in (row["domain"], "total")]
        by_kind = Counter(row["kind"] for row in there)
        classification, without = sum(r["is_classification"] for r in there), sum(not instance_of(r)[0] for r in there)
        lines.append([domain, *[by_kind[kind] for kind in kinds], len(there), classification, without])
    return table(["domain", *kinds, "total", "classification", "without input"], lines)


def seed_statistics(rows: list[Row]) -> str:
    texts = [row["instruction"] for row in rows]
    without = sum(not instance_of(row)[0] for row in rows)
    lines = [
        ("tasks", len(rows)),
        ("domains", len({row["domain"] for row in rows})),
        ("kinds", len({row["kind"] for row in rows})),
        ("classification tasks", sum(row["is_classification"] for row in rows)),
        ("tasks without input", without),
        ("tasks with input", len(rows) - without),
        ("instructions ending with a question mark", sum(text.endswith("?") for text in texts)),
        ("instructions containing a question mark", sum("?" in text for text in texts)),
        ("instructions of at most 8 words", sum(len(text.split()) <= 8 for text in texts)),
        ("instructions of at least 28 words", sum(len(text.split()) >= 28 for text in texts)),
    ]
    return table(["statistic", "value"], lines)


def seed_lengths(rows: list[Row]) -> str:
    inputs, outputs = zip(*[instance_of(row) for row in rows], strict=True)
    texts = {"instruction": [r["instruction"] for r in rows], "non-empty input": list(filter(None, inputs))}
    lines = []
    for name, group in {**texts, "output": list(outputs)}.items():
        lengths = [len(text.split()) for text in group]
        lines.append([name, len(group), mean_words(group), min(lengths), max(lengths)])
    return table(["text", "texts", "mean words", "min words", "max words"], lines)


def user_task_tables() -> dict[str, str]:
    rows = read_rows(PACKAGE / "evaluation" / "user_tasks.jsonl")
    by_name = Counter(row["motivation_app"] for row in rows)
    without = Counter(row["motivation_app"] for row in rows if not instance_of(row)[0])
    ranked = sorted(by_name.items(), key=lambda item: (-item[1], item[0].casefold()))
    return {
        "user-tasks:statistics": table(
            ["what", "value"], [("tasks", len(rows)), ("applications", len(by_name)), *text_statistics(rows)]
        ),
        "user-tasks:applications": table(
            ["application", "tasks", "without input"], [(name, count, without[name]) for name, count in ranked]
        ),
    }


def demonstration_tables() -> dict[str, str]:
    templates = {name: read_template(name) for name in ("classify", "input_first", "output_first")}
    shown = [instruction for template in templates.values() for instruction in template.instructions]
    made_of = {"classify": _classify_parts, "input_first": _input_first_parts, "output_first": _output_first_parts}
    rows = [
        (f"`{name}.jinja`", len(template.blocks), made_of[name](template), mean_words(template.instructions))
        for name, template in templates.items()
    ]
    return {
        "demonstrations:counts": table(["template", "demonstrations", "of which", "mean words of instructions"], rows),
        "demonstrations:statistics": table(
            ["what", "value"],
            [
                ("instructions in all", len(shown)),
                ("put as a question", share(sum(map(is_question, shown)), len(shown))),
                ("ROUGE-L of the two most similar instructions", f"{nearest(shown).score:.2f}"),
                *[
                    (f"words of `{name}.jinja`", sum(len(b.split()) for b in (t.header, *t.blocks)))
                    for name, t in templates.items()
                ],
            ],
        ),
    }


def _classify_parts(template: Template) -> str:
    yes = sum(block.endswith("Yes") for block in template.blocks)
    return f"{yes} yes, {len(template.blocks) - yes} no"


def _input_first_parts(template: Template) -> str:
    without = sum("\nExample 1\n" not in block for block in template.blocks)
    two = sum("\nExample 2\n" in block for block in template.blocks)
    return f"{without} without input, {len(template.blocks) - without} with input ({two} of them with two examples)"


def _output_first_parts(template: Template) -> str:
    labels = Counter(block.count("Class label: ") for block in template.blocks)
    parts = [f"{count} with {number}" for number, count in sorted(labels.items())]
    return f"{sum(n * c for n, c in labels.items())} class labels ({', '.join(parts)})"


CARDS: dict[str, Callable[[], dict[str, str]]] = {
    "demonstrations-card.md": demonstration_tables,
    "seeds-card.md": seed_tables,
    "user-tasks-card.md": user_task_tables,
}


def main() -> None:
    for name, compute in CARDS.items():
        path = ROOT / "docs" / name
        text = path.read_text("utf-8")
        path.write_text(write_tables(text, compute()), "utf-8")
        print(f"{path.relative_to(ROOT)}: {', '.join(compute())}")


if __name__ == "__main__":
    main()
