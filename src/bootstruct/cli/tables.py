"""Tables and numbers as the terminal shows them."""

from rich.table import Table

from bootstruct.status import CheckStatus, Status, duration


def number(value: float) -> str:
    return f"{value:,.0f}"


def share(part: float, whole: float) -> str:
    return f"{100 * part / whole:.0f}%" if whole else "-"


def money(value: float | None) -> str:
    return "price not known" if value is None else f"${value:,.4f}" if value < 1 else f"${value:,.2f}"


def _check_told(check: CheckStatus) -> str:
    """What a check did and took, in words."""
    told = [f"of {number(check.asked)}"]
    told += [f"{number(check.unreadable)} unreadable"] if check.unreadable else []
    told += [f"{number(check.undecided)} failed for good"] if check.undecided else []
    if check.requests:
        told.append(f"{number(check.requests)} replies, {number(check.prompt_tokens + check.completion_tokens)} tokens")
    if check.reused:
        told.append(f"{number(check.reused)} reused")
    told += [money(check.cost)] if check.cost else []
    return ", ".join(told)


def status_table(status: Status) -> Table:
    """The funnel of a run and what it took."""
    table = Table(show_header=False, box=None, padding=(0, 2, 0, 0))
    table.add_column(justify="right", no_wrap=True)
    table.add_column()
    table.add_column(style="dim", overflow="fold")
    made = "" if status.origin == "generate" else f" ({status.origin})"
    table.add_row("", f"[bold]{status.recipe}[/] with {status.model}{made}", f"recipe {status.digest[:8]}")
    table.add_row(number(status.requests), "requests committed", f"lately {status.yield_rate:.1f} accepted a request")
    table.add_row(number(status.candidates), "candidates read from them", "")
    for rule, count in status.refused.items():
        table.add_row(f"-{number(count)}", f"  {rule}", share(count, status.candidates))
    kept = share(status.accepted, status.candidates)
    table.add_row(
        f"[bold green]{number(status.accepted)}[/]", "[bold]accepted instructions[/]", f"{kept} of the candidates"
    )
    left = status.accepted - status.annotated
    table.add_row(number(status.annotated), "of them annotated", f"{number(left)} to go" if left else "all")
    table.add_row(number(status.classification), "  classification", share(status.classification, status.annotated))
    table.add_row(
        number(status.without_instances),
        "  without a usable instance",
        share(status.without_instances, status.annotated),
    )
    if status.failed:
        table.add_row(number(status.failed), "  failed for good", "--retry-failed asks those of tasks again")
    table.add_row(f"[bold green]{number(status.instances)}[/]", "[bold]instances[/]", "")
    for rule, count in status.refused_instances.items():
        table.add_row(f"-{number(count)}", f"  {rule}", "")
    for check in status.checks:
        refused = sum(check.refused.values())
        table.add_row(f"-{number(refused)}" if refused else "0", f"  {check.name}", _check_told(check))
    if status.checks:
        part = share(status.standing, status.instances)
        table.add_row(f"[bold green]{number(status.standing)}[/]", "[bold]instances that stand[/]", f"{part} of them")
    reused = f"and {number(status.reused)} reused for nothing" if status.reused else ""
    table.add_row(number(status.calls), "replies paid for", reused)
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
    for server, why in status.aside.items():
        table.add_row("[yellow]![/]", f"[yellow]{server} is set aside[/]", why)
    if status.busy_seconds:
        goes = f" in {status.sittings} sittings" if status.sittings > 1 else ""
        each = f"{status.answer_seconds / status.calls:.1f} s a reply" if status.calls else ""
        at_once = f"{status.answer_seconds / status.busy_seconds:.0f} in flight on average, {each}"
        table.add_row(duration(status.busy_seconds), f"of asking{goes}", at_once)
    if status.retries:
        table.add_row(number(status.retries), "calls repeated after a failure", "")
    biggest = max(status.refused.items(), key=lambda rule: rule[1], default=("", 0))
    if status.candidates and biggest[1] > status.candidates / 2:
        table.add_row("[yellow]![/]", f"[yellow]the rule {biggest[0]!r} refuses more than half[/]", "is it meant to?")
    return table
