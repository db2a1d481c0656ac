"""A sentence for each unusable part of a preview, for which a run would pay again. Pure."""

from collections import Counter

from bootstruct.history.estimate import Preview, PreviewedRequest
from bootstruct.journal.keys import AGAIN
from bootstruct.render.numbers import number


def preview_warnings(preview: Preview) -> tuple[str, ...]:
    """Return a sentence for each kind of fruitless request, with the reasons.

    Args:
        preview: the first requests of a run.
    """
    failed = [row for row in preview.requests if row.reply is None]
    found = [f"{_share(failed, preview.requests)} requests failed for good."] if failed else []
    proposed = _counting(preview, "propose")
    fruitless = [row for row in proposed if row.reply and not any(verdict.kept for verdict in row.verdicts)]
    if fruitless:
        rules = Counter(verdict.rule or "" for row in fruitless for verdict in row.verdicts)
        why = _reasons(fruitless, rules)
        found.append(f"{_share(fruitless, proposed)} requests for instructions brought none that was accepted{why}.")
    kinds = _counting(preview, "kind")
    unread = [row for row in kinds if row.unread]
    if unread:
        found.append(
            f"{_share(unread, kinds)} replies about task types could not be read{_reasons(unread, Counter())}."
        )
    written = _counting(preview, "instances")
    without = [row for row in written if row.reply and not row.instances]
    rules = Counter(rejected.rule for row in written for rejected in row.rejected)
    if without:
        lost = Counter(rejected.rule for row in without for rejected in row.rejected)
        found.append(f"{_share(without, written)} tasks have no usable instance{_reasons(without, lost)}.")
    if rules.total() > sum(len(row.instances) for row in written) and len(without) < len(written):
        total = rules.total() + sum(len(row.instances) for row in written)
        found.append(f"{rules.total()} of {total} instances were rejected{_reasons([], rules)}.")
    return tuple(found)


def _counting(preview: Preview, step: str) -> list[PreviewedRequest]:
    """The requests of a step; of two with one subject, the second one counts."""
    rows = [row for row in preview.requests if row.step.removesuffix(AGAIN) == step]
    return list({row.subject: row for row in rows}.values())


def _share(part: list[PreviewedRequest], whole: list[PreviewedRequest]) -> str:
    return f"{number(len(part))} of {number(len(whole))}"


def _reasons(rows: list[PreviewedRequest], rules: Counter[str]) -> str:
    """The reasons with their counts, in brackets; empty if none is known."""
    reasons = Counter(row.unread for row in rows if row.unread) + rules
    named = ", ".join(f"{reason} {number(count)}" for reason, count in reasons.most_common(4))
    return f" ({named})" if named else ""
