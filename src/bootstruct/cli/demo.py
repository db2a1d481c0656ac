"""bootstruct demo."""

import importlib.util
import time
from pathlib import Path

import click

from bootstruct.errors import BadInput


@click.command("demo", short_help="The whole loop on this machine, with the embedded model.")
@click.option(
    "--out", type=click.Path(path_type=Path), default=Path("demo"), show_default=True, help="A folder for it."
)
@click.option("--tasks", type=click.IntRange(10), default=120, show_default=True, help="Instructions to grow.")
@click.option("--model", default="pocket", show_default=True, help="Another local model, as hf/DIR.")
def demo_command(out: Path, tasks: int, model: str) -> None:
    """Grow instructions with the pocket model, finetune it on them, and measure it before and after. No network, no key.

    Every step is a command that is shown as it runs. Running the demo again goes on where it stopped.

    \b
    Example:
      bootstruct demo --out demo
    """
    from rich.console import Console
    from rich.table import Table

    from bootstruct.cli.tables import duration
    from bootstruct.demo import grow, run_command, tune_and_evaluate, verified
    from bootstruct.runs import read_run

    began = time.monotonic()
    missing = [name for name in ("torch", "trl") if importlib.util.find_spec(name) is None]
    if missing:
        raise BadInput(f"The demo needs {' and '.join(missing)}: pip install 'bootstruct[local,train,report]'.")
    out.mkdir(parents=True, exist_ok=True)
    grow(out, model, tasks, click.echo)
    state, grown = read_run(out / "run"), time.monotonic()
    checked = verified(state)
    lines = tune_and_evaluate(out, state, model, click.echo)
    tuned = time.monotonic()
    run_command(["report", "run", "--out", "report.html"], out, click.echo)
    told = ", ".join(f"{count} {status}" for status, count in checked.most_common())
    share = 100 * checked["right"] / max(1, sum(checked.values()))
    click.echo(f"\nInstances, checked by the micro-world's strict reader: {share:.0f}% right ({told}).")
    table = Table(
        title="ROUGE-L on unseen prompts, by whether their family of tasks is in a seed", title_justify="left"
    )
    for name in ("", "all", "in a seed", "in no seed"):
        table.add_column(name, justify="right" if name else "left", no_wrap=not name)
    for line in lines:
        table.add_row(line.model, f"{line.all:.1f}", f"{line.seeded:.1f}", f"{line.held_out:.1f}")
    Console().print(table)
    click.echo(
        "One grammar wrote the model's corpus, checks the instances and makes the evaluation: this demonstrates the\n"
        "mechanism on a small world. It is no evidence about language at large. One finetuning seed; expect some points of\n"
        f"noise. Growing took {duration(grown - began)}, finetuning and evaluation {duration(tuned - grown)}."
    )
    click.echo(f"Look at {out / 'report.html'}.")
