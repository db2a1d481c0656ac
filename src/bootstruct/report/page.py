"""The page: one HTML file that needs no network and lets nothing in it act.

Every text is escaped (Jinja2's autoescaping; the browser's rows are JSON in a block that no browser runs, shown with
textContent), and the page's policy allows its own style and script by their digests and nothing else.
"""

import base64
import hashlib
from collections.abc import Sequence
from importlib import resources
from typing import Any

import jinja2
from markupsafe import Markup

from bootstruct import __version__
from bootstruct.events import State
from bootstruct.report import figures, paper, sections, view
from bootstruct.report.browse import BUDGET, Browsed, browsed
from bootstruct.report.funnel import Funnel, Step
from bootstruct.report.measure import Measured
from bootstruct.report.text import clip, in_script, visible
from bootstruct.status import duration, sittings

EXAMPLE_LONGEST = 400


def render(all_measured: Sequence[Measured], rows: int | None, bounded: bool) -> bytes:
    """The page as UTF-8. rows: at most so many in the browser in all, None for all; bounded: keep the page small."""
    share = None if rows is None else max(1, rows // len(all_measured))
    budget = BUDGET // len(all_measured) if bounded else None
    browsers = [browsed(each, share, budget) for each in all_measured]
    style, script = _file("page.css"), _file("page.js")
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("bootstruct.report"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"seen": visible, "percent": lambda share: view.percent(share, 1), "money": view.money}
    page = environment.get_template("page.html.j2").render(
        policy=policy(style, script),
        style=Markup(style),
        script=Markup(script),
        version=__version__,
        title=" and ".join(visible(each.subject.label) for each in all_measured),
        panels=view.panels(all_measured),
        table=view.table_rows([*(each.table for each in all_measured), paper.TABLE]),
        funnels=[_funnel(each.funnel) for each in all_measured],
        paper=paper,
        qualities=[sections.quality_view(each.quality) for each in all_measured],
        nearby=[sections.nearby_views(each.nearby) for each in all_measured],
        facts=[_facts(each) for each in all_measured],
        browsers=browsers,
        data=Markup(in_script([each.data for each in browsers])),
        shown=_shown(browsers),
    )
    return page.encode("utf-8", "replace")


def policy(style: str, script: str) -> str:
    """What the page may do: use this style and this script. No network, no frames, no forms, no other script."""

    def source(text: str) -> str:
        return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"

    allowed = f"style-src {source(style)}; script-src {source(script)}; img-src data:"
    return f"default-src 'none'; {allowed}; base-uri 'none'; form-action 'none'"


def _file(name: str) -> str:
    return (resources.files("bootstruct.report") / "templates" / name).read_text(encoding="utf-8")


def _shown(browsers: Sequence[Browsed]) -> str:
    if all(each.shown == each.of for each in browsers):
        return ""
    parts = [f"{each.shown:,} of {each.of:,}" for each in browsers]
    return f"A random sample: {', '.join(parts)} tasks. --rows all puts in all."


def _funnel(funnel: Funnel | None) -> dict[str, Any] | None:
    if funnel is None:
        return None
    total = max(1, funnel.steps[0].count)
    bars = []
    for step in funnel.steps:
        refusing = step.lost and step.name not in ("with instances",)
        name = f"refused: {visible(step.name)}" if refusing else step.name
        svg = figures.bar(step.count / total, step.lost / total if refusing else 0)
        value = f"− {step.lost:,}" if refusing else f"{step.count:,}"
        bars.append((name, value, Markup(svg), bool(refusing)))
    most = max((step.lost for step in funnel.steps if step.name != "with instances"), default=0)
    rules = [_rule(step, "instruction") for step in funnel.steps if step.lost and step.name != "with instances"]
    return {
        "requests": funnel.requests,
        "bars": bars,
        "rules": rules + [_rule(step, "instance") for step in funnel.instances],
        "most": most,
        "harsh": visible(funnel.harsh),
    }


def _rule(step: Step, what: str) -> dict[str, Any]:
    examples = [
        {
            "text": visible(clip(each.text, EXAMPLE_LONGEST)) or "(empty)",
            "near": f"{each.score:.2f} with {visible(each.neighbour)}" if each.score is not None else "",
        }
        for each in step.examples
    ]
    return {
        "name": visible(step.name),
        "what": what,
        "lost": step.lost,
        "share": view.percent(step.share, 1),
        "examples": examples,
    }


def _time(state: State, measured: Measured) -> list[tuple[str, str]]:
    """How long the asking took, where the journal tells."""
    busy = sum(last - first for first, last in state.busy)
    if not busy:
        return [("Time", "not in this journal")]
    answering, retries = sum(each.seconds for each in measured.spent), sum(each.retries for each in measured.spent)
    goes = sittings(state)
    told = f"{duration(busy)} with a question in flight" + (f", in {goes} sittings" if goes > 1 else "")
    return [
        ("Time", f"{told}; {answering / busy:.1f} in flight on average"),
        ("Calls repeated after a failure", f"{retries:,}"),
    ]


def _facts(measured: Measured) -> list[tuple[str, str]]:
    """Where the data came from and what it took."""
    facts, told = [("Read from", measured.subject.source)], measured.subject.told
    if told is not None:
        recipe, state = told.state.recipe, told.state
        facts += [
            ("Recipe", f"{recipe.recipe}, digest {recipe.digest()}"),
            ("Model", visible(recipe.model)),
            *([("Outputs written anew by", visible(recipe.model_at("rewrite")))] if recipe.instances.rewrite else []),
            ("Seeds", f"{len(state.seeds):,}"),
            ("Origin", visible(state.origin)),
            ("Replies cut at max_tokens", f"{told.cut:,}"),
            ("Questions never answered", f"{state.failures:,}"),
        ]
        paid = measured.spent
        prompt, reply = sum(each.prompt_tokens for each in paid), sum(each.completion_tokens for each in paid)
        calls, reused = sum(each.requests for each in paid), sum(each.reused for each in paid)
        facts.append(("Replies", f"{calls:,} paid for, {reused:,} reused"))
        tokens = f"{prompt:,} in prompts, {reply:,} in replies" if prompt + reply else "not counted by the server"
        facts.append(("Tokens", tokens))
        known = measured.cost is not None and prompt + reply
        price = view.money(measured.cost) if known else "not known (no price, or no tokens)"
        facts.append(("Cost at list price", price))
        facts += _time(state, measured)
    facts.append(("Words compared by", f"ROUGE-L, tokenizer {measured.tokenizer}"))
    return facts + [("Note", visible(note)) for note in measured.subject.notes]
