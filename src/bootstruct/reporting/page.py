"""The page: one HTML file that needs no network and in which no foreign text can act.

Every text is escaped (Jinja2's autoescaping; the browser's rows are JSON in a block that no browser runs, shown with
textContent), and the page's policy allows its own style and script by their digests and nothing else.
"""

import base64
import hashlib
import shlex
from collections.abc import Sequence
from importlib import resources
from typing import Any

from markupsafe import Markup

from bootstruct import __version__, paper
from bootstruct.journal.state import State
from bootstruct.render.bars import share_bar
from bootstruct.render.numbers import counted, duration, money, percent
from bootstruct.render.sanitize import clip, in_script, visible
from bootstruct.render.templates import environment, theme
from bootstruct.reporting import hint_places, sections, topic_figure, view
from bootstruct.reporting.browse import BUDGET, TaskBrowser, browsed
from bootstruct.reporting.diversity import comparison_rows
from bootstruct.reporting.funnel import Funnel, FunnelStep
from bootstruct.reporting.measure import DatasetMeasures
from bootstruct.run.documents import coverage, coverage_totals
from bootstruct.run.status import sessions

EXAMPLE_LONGEST = 400
DOCUMENTS = 20  # documents whose coverage is shown


def render(all_measured: Sequence[DatasetMeasures], rows: int | None, bounded: bool) -> bytes:
    """The page as UTF-8.

    Args:
        rows: the most rows in the browser in all, None for all.
        bounded: whether to keep the page small.
    """
    share = None if rows is None else max(1, rows // len(all_measured))
    budget = BUDGET // len(all_measured) if bounded else None
    browsers = [browsed(measured, share, budget) for measured in all_measured]
    style, script = theme() + _file("page.css"), _file("page.js")
    templates = environment("bootstruct.reporting", seen=visible, percent=lambda share: percent(share, 1), money=money)
    page = templates.get_template("page.html.j2").render(
        policy=policy(style, script),
        style=Markup(style),
        script=Markup(script),
        version=__version__,
        title=" and ".join(visible(measured.subject.label) for measured in all_measured),
        panels=view.panels(all_measured),
        table=view.table_rows([*(measured.table for measured in all_measured), view.PAPER_COUNTS]),
        funnels=[_funnel(measured.funnel) for measured in all_measured],
        paper=paper,
        diversity=comparison_rows([measured.diversity for measured in all_measured]),
        samples=[sections.sample_note(measured) for measured in all_measured],
        topics=[
            topic_figure.topics_view(one.topics, one.diversity.coverage if one.diversity else None)
            for one in all_measured
        ],
        hints=[
            hint_places.hints_view(one.subject.history.state if one.subject.history else None) for one in all_measured
        ],
        qualities=[sections.quality_view(measured.quality) for measured in all_measured],
        nearby=[sections.nearby_views(measured.nearby) for measured in all_measured],
        facts=[_facts(measured) for measured in all_measured],
        browsers=browsers,
        data=Markup(in_script([browser.data for browser in browsers])),
        shown=_shown(browsers),
        reviews=[_review(measured) for measured in all_measured],
    )
    return page.encode("utf-8", "replace")


def policy(style: str, script: str) -> str:
    """The page's policy: it may use this style and this script. No network, no frames, no forms, no other script."""

    def source(text: str) -> str:
        return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"

    allowed = f"style-src {source(style)}; script-src {source(script)}; img-src data:"
    return f"default-src 'none'; {allowed}; base-uri 'none'; form-action 'none'"


def _file(name: str) -> str:
    return (resources.files("bootstruct.reporting") / "templates" / name).read_text(encoding="utf-8")


def _shown(browsers: Sequence[TaskBrowser]) -> str:
    if all(browser.shown == browser.of for browser in browsers):
        return ""
    parts = [f"{browser.shown:,} of {browser.of:,}" for browser in browsers]
    return f"A random sample: {', '.join(parts)} tasks. --rows all includes all."


def _review(measured: DatasetMeasures) -> tuple[str, str] | None:
    """The command that starts the review page of a run, and where to give it; None for files.

    A path from the root is cut to the folder's name, because pages are passed on.
    """
    history = measured.subject.history
    if history is None:
        return None
    folder = history.journal.parent
    where = f"in the folder that contains {visible(folder.name)}" if folder.is_absolute() else ""
    name = folder.name if folder.is_absolute() else str(folder)
    return f"bootstruct review {shlex.quote(visible(name))}", where


def _funnel(funnel: Funnel | None) -> dict[str, Any] | None:
    if funnel is None:
        return None
    total = max(1, funnel.steps[0].count)
    bars = []
    for step in funnel.steps:
        is_rejection = step.lost and step.name not in ("with instances",)
        name = f"rejected: {visible(step.name)}" if is_rejection else step.name
        svg = share_bar(step.count / total, step.lost / total if is_rejection else 0)
        value = f"− {step.lost:,}" if is_rejection else f"{step.count:,}"
        bars.append((name, value, svg, bool(is_rejection)))
    most = max((step.lost for step in funnel.steps if step.name != "with instances"), default=0)
    rules = [_rule(step, "instruction") for step in funnel.steps if step.lost and step.name != "with instances"]
    return {
        "requests": funnel.requests,
        "bars": bars,
        "rules": rules + [_rule(step, "instance") for step in funnel.instances],
        "most": most,
        "harsh": visible(funnel.harsh),
        "lost": [(visible(what), visible(reason), f"{count:,}") for what, reason, count in funnel.lost],
    }


def _rule(step: FunnelStep, what: str) -> dict[str, Any]:
    examples = [
        {
            "text": visible(clip(example.text, EXAMPLE_LONGEST)) or "(empty)",
            "near": f"{example.score:.2f} with {visible(example.neighbour)}" if example.score is not None else "",
        }
        for example in step.examples
    ]
    return {
        "name": visible(step.name),
        "what": what,
        "lost": step.lost,
        "share": percent(step.share, 1),
        "examples": examples,
    }


def _time(state: State, measured: DatasetMeasures) -> list[tuple[str, str]]:
    """How long the requests took, if the journal records it."""
    busy = sum(last - first for first, last in state.busy_spans)
    if not busy:
        return [("Time", "not recorded in this journal")]
    answering, retries = sum(spent.seconds for spent in measured.spent), sum(value.retries for value in measured.spent)
    goes = sessions(state)
    history = f"{duration(busy)} with a request in flight" + (f", in {goes} sessions" if goes > 1 else "")
    return [
        ("Time", f"{history}; {answering / busy:.1f} in flight on average"),
        ("Requests repeated after a failure", f"{retries:,}"),
    ]


def _documents(state: State) -> list[tuple[str, str]]:
    """Coverage of the documents of a run: in all, and of those with the most passages."""
    rows, total = coverage(state), coverage_totals(state)
    if not rows:
        return []
    count = (
        f"{total['covered']:,} of {total['passages']:,} passages have an accepted task; {total['shown']:,} were shown"
    )
    facts = [(f"Documents: {total['documents']:,}", count)]
    for row in sorted(rows, key=lambda row: -row.passages)[:DOCUMENTS]:
        covered = f"{row.covered:,} of {counted(row.passages, 'passage')}; {counted(row.accepted, 'accepted task')}"
        facts.append((visible(clip(row.document, 80)), covered))
    if len(rows) > DOCUMENTS:
        facts.append((f"{len(rows) - DOCUMENTS:,} more documents", "have fewer passages"))
    return facts


def _facts(measured: DatasetMeasures) -> list[tuple[str, str]]:
    """The origin of the data and the use."""
    facts, history = [("Read from", measured.subject.source)], measured.subject.history
    if history is not None:
        recipe, state = history.state.recipe, history.state
        facts += [
            ("Recipe", f"{recipe.recipe}, digest {recipe.digest()}"),
            ("Model", visible(recipe.model)),
            *([("Outputs rewritten by", visible(recipe.model_at("rewrite")))] if recipe.instances.rewrite else []),
            ("Seeds", f"{len(state.seeds):,}"),
            *_documents(state),
            ("Origin", visible(state.origin)),
            ("Replies cut at max_tokens", f"{history.cut:,}"),
            ("Requests that failed for good", f"{state.failures:,}"),
        ]
        paid = measured.spent
        prompt, reply = sum(spent.prompt_tokens for spent in paid), sum(value.completion_tokens for value in paid)
        calls, reused = sum(spent.requests for spent in paid), sum(value.reused for value in paid)
        facts.append(("Replies", f"{calls:,} paid for, {reused:,} reused"))
        tokens = f"{prompt:,} in prompts, {reply:,} in replies" if prompt + reply else "not counted by the server"
        facts.append(("Tokens", tokens))
        known = measured.cost is not None and prompt + reply
        price = money(measured.cost) if known else "not known (no price, or no tokens)"
        facts.append(("Cost at list price", price))
        facts += _time(state, measured)
    facts.append(("Words compared by", f"ROUGE-L, tokenizer {measured.tokenizer}"))
    return facts + [("Note", visible(note)) for note in measured.subject.notes]
