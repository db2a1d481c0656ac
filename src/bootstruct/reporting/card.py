"""The data set card: Markdown with the metadata header that the Hugging Face Hub reads."""

import json
import re
from typing import Any

from bootstruct import paper
from bootstruct.journal.reviews import published_table
from bootstruct.journal.state import State
from bootstruct.render.numbers import NONE, counted, money, percent
from bootstruct.render.sanitize import clip, visible
from bootstruct.reporting import sections
from bootstruct.reporting.diversity import value_in_words
from bootstruct.reporting.measure import DatasetMeasures
from bootstruct.reporting.statistics import DatasetCounts
from bootstruct.reporting.view import PAPER_COUNTS, like_for_like, table_rows

SIZES = (
    (1_000, "n<1K"),
    (10_000, "1K<n<10K"),
    (100_000, "10K<n<100K"),
    (1_000_000, "100K<n<1M"),
    (10_000_000, "1M<n<10M"),
)
SAMPLES = 3
_ENGLISH = re.compile(r"\b(the|a|of|to|and|in|for|is)\b", re.IGNORECASE)
_SCRIPTS = ((re.compile("[\uac00-\ud7a3]"), "ko"), (re.compile("[\u3041-\u30ff]"), "ja"))


def card(measured: DatasetMeasures) -> str:
    """The card of one data set. Fields that the data do not show (above all the licence) are left to its maker."""
    import yaml

    header = yaml.safe_dump(_metadata(measured), sort_keys=False, allow_unicode=True, width=100)
    parts = [f"---\n{header}---", f"# {_plain(measured.subject.label)}", _summary(measured)]
    parts += ["## Figures", _figures(measured.table), *_diversity(measured), *_quality(measured), *_test_sets(measured)]
    parts += _origin(measured)
    parts += ["## Rows", _samples(measured), "## Before you use it", _cautions(measured)]
    return "\n\n".join(parts) + "\n"


def _metadata(measured: DatasetMeasures) -> dict[str, Any]:
    instances = measured.table.instances
    size = next((name for limit, name in SIZES if instances < limit), "n>1M" if instances < 10**12 else "n>1T")
    found = {"pretty_name": visible(measured.subject.label), "license": "unknown"}
    language = language_of([task.text for task in measured.subject.tasks[:500]])
    return (
        found
        | ({"language": [language]} if language else {})
        | {
            "task_categories": ["text-generation"],
            "size_categories": [size],
            "tags": ["self-instruct", "instruction-tuning", "synthetic"],
        }
    )


def language_of(texts: list[str]) -> str | None:
    """The language code en, ko or ja if it is obvious, otherwise None, which is better than a wrong language."""
    whole = " ".join(texts)
    letters = sum(text.isalpha() for text in whole)
    if not letters:
        return None
    for script, language in _SCRIPTS:
        if len(script.findall(whole)) > letters / 4:
            return language
    latin = sum(text.isascii() and text.isalpha() for text in whole)
    return "en" if latin > 0.95 * letters and len(_ENGLISH.findall(whole)) > len(whole.split()) / 10 else None


def _summary(measured: DatasetMeasures) -> str:
    history = measured.subject.history
    how = "read from a file"
    if history is not None:
        how = f"grown from {len(measured.subject.seeds)} seed tasks by `{_plain(history.state.recipe.model)}`"
        how += _anew(history.state)
    return (
        f"Instruction data, {how}, by the method of Self-Instruct (arXiv:2212.10560): "
        f"{measured.table.instructions:,} instructions with {measured.table.instances:,} instances. "
        f"Instructions, inputs and outputs were written by a language model, {_checked(measured)}."
    )


def _anew(state: State) -> str:
    """The model that rewrote the outputs, if there is one."""
    better = state.recipe.instances.rewrite and state.recipe.model_at("rewrite")
    return f", with outputs rewritten by `{_plain(better)}`" if better else ""


def _checked(measured: DatasetMeasures) -> str:
    if measured.quality is None:
        return "not checked by people"
    return f"and people have judged {counted(measured.quality.tasks, 'task')} of them"


def _quality(measured: DatasetMeasures) -> list[str]:
    """Table 2 in a line, if people have judged some tasks."""
    if measured.quality is None:
        return []
    published = published_table()
    shares = "; ".join(
        f"{sections.LABELS[row.question].rstrip('?').lower()}: {row.share:.0%} ({row.low:.0%} to {row.high:.0%}; paper "
        "{0.share:.0%}, {0.low:.0%} to {0.high:.0%})".format(published[row.question])
        for row in measured.quality.rows
    )
    tasks = counted(measured.quality.tasks, "task")
    people = counted(measured.quality.reviewers, "reviewer")
    return ["## Quality review", f"- {tasks} judged by {people}, share of yes with 95% interval: {shares}."]


def _test_sets(measured: DatasetMeasures) -> list[str]:
    lines = []
    for near in measured.nearby:
        counts = ", ".join(f"{name} {count:,}" for name, count in sections.shared_counts(near))
        lines.append(f"- {_plain(near.label)}, of {counted(len(near.found.tasks), 'task')}: {counts}.")
    return ["## Distance from test sets", "\n".join(lines)] if lines else []


def _figures(table: DatasetCounts) -> str:
    lines = ["| | here | paper |", "|---|---:|---:|"]
    lines += [f"| {name} | {here} | {theirs} |" for name, (here, theirs) in table_rows([table, PAPER_COUNTS])]
    return "\n".join(lines)


def _diversity(measured: DatasetMeasures) -> list[str]:
    lines = []
    verbs, near = measured.verbs, measured.near
    if verbs is not None and verbs.found:
        top = ", ".join(f"{_plain(verb)} ({n:,})" for verb, n, _ in verbs.top(8, 1))
        share = percent(verbs.found, verbs.read)
        found = f"- Root verb and direct object found in {share} of {verbs.read:,} instructions"
        lines.append(f"{found} ({verbs.reader}): {top}. {like_for_like(verbs)}")
    if near is not None:
        lines.append(
            f"- Best ROUGE-L with a seed below {paper.NEAR}: {near.below(paper.NEAR):.0%}; mean {near.scores.mean():.2f}."
        )
    if measured.neighbours is not None:
        pool = measured.neighbours.nearness
        sample = f" (a random sample of {len(pool.scores):,})" if pool.sampled else ""
        lines.append(f"- Mean ROUGE-L with the nearest other text{sample}: {pool.scores.mean():.2f}.")
    if measured.diversity is not None:
        known = [value for value in measured.diversity.values if value_in_words(value) != NONE]
        values = "; ".join(f"{value.measure.label} {value_in_words(value)}" for value in known)
        sample = f"{measured.diversity.sample:,} of {measured.diversity.texts:,} instructions"
        lines.append(f"- Measures of words with 95% intervals, over {sample}: {values}.")
    if measured.labels is not None:
        counts = measured.labels.counts
        lines.append(
            f"- Labels of classification tasks: {len(counts):,} different ones in {sum(counts.values()):,} instances."
        )
    return ["## Diversity", "\n".join(lines)] if lines else []


def _origin(measured: DatasetMeasures) -> list[str]:
    history = measured.subject.history
    if history is None:
        return []
    state = history.state
    lines = [
        f"- Recipe `{_plain(state.recipe.recipe)}`, digest `{state.recipe.digest()}`; model "
        f"`{_plain(state.recipe.model)}`{_anew(state)}.",
        f"- {len(state.accepted_after):,} requests, {state.candidates:,} candidates, {len(state.accepted):,} accepted.",
    ]
    if measured.cost is not None and any(spent.prompt_tokens for spent in measured.spent):
        lines.append(f"- Cost at list price: {money(measured.cost)}.")
    rejected = ", ".join(
        f"{_plain(rule)} {n:,}" for rule, n in sorted(state.rejections.items(), key=lambda rejection: -rejection[1])
    )
    return ["## Origin", "\n".join(lines + ([f"- Rejected: {rejected}."] if rejected else []))]


def _samples(measured: DatasetMeasures) -> str:
    """A few rows in a fence that nothing in them can close."""
    rows: list[dict[str, str]] = []
    for position in measured.order:
        task = measured.subject.tasks[position]
        if task.instances and len(rows) < SAMPLES:
            first = task.instances[0]
            fields = {"instruction": task.text, "input": first.input, "output": first.output}
            rows.append({name: clip(visible(text), 500) for name, text in fields.items()})
    if not rows:
        return "None yet."
    text = json.dumps(rows, ensure_ascii=False, indent=1)
    fence = "`" * max(3, 1 + max((len(run) for run in re.findall("`+", text)), default=0))
    return f"Drawn at random:\n\n{fence}json\n{text}\n{fence}"


def _cautions(measured: DatasetMeasures) -> str:
    return (
        "- Fill in the licence: it depends on the terms of the model that wrote the data and on the seeds.\n"
        "- In the paper, 54% of 200 instances examined by an expert were right in every field (92% of the tasks valid); "
        "look at a sample of these before you trust them.\n"
        "- The model's errors and biases are in the data; nothing here has filtered them out."
    )


def _plain(text: str) -> str:
    """Text as part of a line of Markdown: no line breaks, no marks that Markdown or HTML would interpret."""
    return re.sub(r"[`*_\[\]<>|#\\]", " ", " ".join(visible(text).split())).strip() or "unnamed"
