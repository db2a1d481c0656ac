"""Tables and numbers as the terminal shows them."""

from rich.markup import escape
from rich.table import Table
from rich.text import Text

from bootstruct.render.numbers import counted, duration, money, number, percent
from bootstruct.run.status import CheckStatus, Status, by_reason

REASONS = 5  # reasons of failures that are shown


def _check_facts(check: CheckStatus) -> str:
    """What a check decided and used, in words."""
    parts = [f"of {number(check.asked)}"]
    parts += [f"{number(check.unreadable)} unreadable"] if check.unreadable else []
    parts += [f"{number(check.undecided)} failed for good"] if check.undecided else []
    if check.requests:
        parts.append(
            f"{number(check.requests)} replies, {number(check.prompt_tokens + check.completion_tokens)} tokens"
        )
    if check.reused:
        parts.append(f"{number(check.reused)} reused")
    parts += [money(check.cost)] if check.cost else []
    return ", ".join(parts)


def status_table(status: Status) -> Table:
    """The funnel of a run and what it used."""
    table = Table(show_header=False, box=None, padding=(0, 2, 0, 0))
    table.add_column(justify="right", no_wrap=True)
    table.add_column()
    table.add_column(style="dim", overflow="fold")
    made = "" if status.origin == "generate" else f" ({status.origin})"
    title = f"[bold]{escape(status.recipe)}[/] with {escape(status.model)}{made}"
    table.add_row("", title, f"recipe {status.digest[:8]}")
    _add_tasks(table, status)
    _add_failures(table, status)
    _add_instances(table, status)
    _add_usage(table, status)
    for server, why in status.suspended.items():
        table.add_row("[yellow]![/]", f"[yellow]{escape(server)} is suspended[/]", Text(why))
    _add_time(table, status)
    biggest = max(status.rejected.items(), key=lambda rule: rule[1], default=("", 0))
    if status.candidates and biggest[1] > status.candidates / 2:
        warning = f"[yellow]the rule {escape(repr(biggest[0]))} rejects more than half[/]"
        table.add_row("[yellow]![/]", warning, "is that intended?")
    return table


def _add_tasks(table: Table, status: Status) -> None:
    """From requests to completed tasks."""
    table.add_row(number(status.requests), "requests committed", f"lately {status.yield_rate:.1f} accepted per request")
    if status.evolved:
        rewrote = f"{number(status.evolved['accepted'])} accepted from these"
        table.add_row(number(status.evolved["requests"]), "of them rewrote an accepted task", rewrote)
    if status.revised:
        brought = f"{number(status.revised['accepted'])} accepted from these, {number(status.revised['passed'])} passed checks"
        table.add_row(number(status.revised["requests"]), "of them revised a rejected task", brought)
    table.add_row(number(status.candidates), "candidates read from them", "")
    for rule, count in status.rejected.items():
        table.add_row(f"-{number(count)}", Text(f"  {rule}"), percent(count, status.candidates))
    kept = percent(status.accepted, status.candidates)
    table.add_row(
        f"[bold green]{number(status.accepted)}[/]", "[bold]accepted instructions[/]", f"{kept} of the candidates"
    )
    if about := status.documents:
        covered = f"of {number(about['passages'])} in {counted(about['documents'], 'document')}; {number(about['shown'])} shown"
        table.add_row(number(about["covered"]), "  passages with an accepted task", covered)
    left = status.accepted - status.completed
    table.add_row(number(status.completed), "of them completed", f"{number(left)} to go" if left else "all")
    table.add_row(number(status.classification), "  classification", percent(status.classification, status.completed))
    empty = status.without_instances
    table.add_row(number(empty), "  without a usable instance", percent(empty, status.completed))


def _add_failures(table: Table, status: Status) -> None:
    """Replies from which nothing could be read, and requests that failed for good, by reason."""
    for reason, steps in by_reason(status.unread).items():
        where = ", ".join(f"{step} {number(count)}" for step, count in steps.items())
        table.add_row(number(sum(steps.values())), f"  replies not read: {reason}", where)
    if not status.failed:
        return
    table.add_row(number(status.failed), "  failed for good", "generate --retry-failed repeats those about tasks")
    for failure in status.failed_by_reason[:REASONS]:
        table.add_row("", f"    {number(failure.count)} times", Text(failure.text))
    if others := status.failed_by_reason[REASONS:]:
        count = sum(reason.count for reason in others)
        table.add_row("", f"    {number(count)} times", f"{number(len(others))} other reasons; --json lists them")


def _add_instances(table: Table, status: Status) -> None:
    """Instances that were kept, rejected and checked."""
    table.add_row(f"[bold green]{number(status.instances)}[/]", "[bold]instances[/]", "")
    for rule, count in status.rejected_instances.items():
        table.add_row(f"-{number(count)}", Text(f"  {rule}"), "")
    if grown := status.conversations:
        facts = f"{number(grown['turns'])} further turns of {number(grown['wanted'])} wanted"
        facts += f"; {number(grown['cut'])} with the other side cut off" if grown["cut"] else ""
        table.add_row(number(grown["instances"]), "  of them continue as conversations", facts)
    for check in status.checks:
        rejected = sum(check.rejected.values())
        table.add_row(f"-{number(rejected)}" if rejected else "0", Text(f"  {check.name}"), _check_facts(check))
    if status.checks:
        part = percent(status.passed_checks, status.instances)
        table.add_row(
            f"[bold green]{number(status.passed_checks)}[/]", "[bold]instances that passed checks[/]", f"{part} of them"
        )


def _add_usage(table: Table, status: Status) -> None:
    """Replies, tokens and money."""
    reused = f"and {number(status.reused)} reused free" if status.reused else ""
    table.add_row(number(status.replies), "replies paid for", reused)
    tokens = f"{number(status.prompt_tokens)} prompt, {number(status.completion_tokens)} reply"
    table.add_row(number(status.prompt_tokens + status.completion_tokens), "tokens", tokens)
    table.add_row(
        money(status.cost) if status.cost is not None else "-",
        "at list price" if not status.batched else "at list price, batches for less",
        "" if status.cost is not None else "unknown model: set `prices:` in the settings file",
    )
    if status.batched:
        saved = f"saved {money(status.saved)}" if status.saved is not None else "price not known"
        table.add_row(number(status.batched), "of the replies by batch", saved)


def _add_time(table: Table, status: Status) -> None:
    """Time with requests in flight, and how many were repeated."""
    if status.busy_seconds:
        goes = f" in {status.sessions} sessions" if status.sessions > 1 else ""
        per_reply = f"{status.reply_seconds / status.replies:.1f} s per reply" if status.replies else ""
        at_once = f"{status.reply_seconds / status.busy_seconds:.0f} in flight on average, {per_reply}"
        table.add_row(duration(status.busy_seconds), f"of asking{goes}", at_once)
    if status.retries:
        table.add_row(number(status.retries), "requests repeated after a failure", "")
