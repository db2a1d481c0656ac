"""The runs of a demo: `init`, `generate`, `status`, `verify`, as a user types them."""

import re
from pathlib import Path

from bootstruct.errors import RunStoppedError
from bootstruct.io.files import write_whole
from bootstruct.io.rows import read_text
from bootstruct.journal.state import State
from bootstruct.pocket.demo.options import RUN, UNFILTERED, DemoOptions, numbered
from bootstruct.pocket.demo.steps import Echo, run_command
from bootstruct.pocket.demo.training_data import count_tasks
from bootstruct.run.folder import is_begun, read_run

LEAST_TASKS = 10  # with fewer there is nothing to show
NO_FILTER = "1.0"  # the recipe keeps what lies at the threshold, so nothing is rejected


def grow(options: DemoOptions, echo: Echo, generation: int, is_filtered: bool = True) -> State:
    """Grow a run from the pocket seeds and verify it.

    A model that stops short of the goal may still have written enough to continue.

    Args:
        options: the demo's options.
        echo: shows one line.
        generation: the number of the run, which decides its random seed.
        is_filtered: whether too similar instructions are rejected.

    Raises:
        RunStoppedError: it has not.
    """
    folder, name = options.folder, numbered(RUN if is_filtered else UNFILTERED, generation)
    run = folder / name
    if not run.is_dir():
        words = ("init", name, "--recipe", "pocket", "--model", options.model)
        run_command(words, folder, echo, options.to_stderr)
    if not is_begun(run):
        edit_recipe(run, options.generation_seeds[generation - 1], is_filtered, echo)
    try:
        run_command(("generate", name, "--tasks", str(options.goal)), folder, echo, options.to_stderr)
    except RunStoppedError:
        count = count_tasks(read_run(run)) if is_begun(run) else 0
        if count < LEAST_TASKS:
            raise RunStoppedError(
                f"the demo ends here: {options.model} wrote {count} tasks with usable instances, and at least "
                f"{LEAST_TASKS} are needed. `bootstruct status {run}` shows what was rejected."
            ) from None
        echo(f"\nGeneration did not reach {options.goal} good tasks; the demo continues with the {count} that it has.")
    run_command(("status", name), folder, echo, options.to_stderr)
    run_command(("verify", name), folder, echo, options.to_stderr)
    return read_run(run)


def edit_recipe(run: Path, seed: int, is_filtered: bool, echo: Echo) -> None:
    """Set a run's random seed and, if wanted, its novelty threshold, in the recipe that `init` wrote."""
    path = run / "recipe.yaml"
    text = read_text(path)
    edited = re.sub(r"^seed: \d+$", f"seed: {seed}", text, count=1, flags=re.MULTILINE)
    if not is_filtered:
        edited = re.sub(r"threshold: [\d.]+", f"threshold: {NO_FILTER}", edited, count=1)
    if edited != text:
        changes = f"seed: {seed}" + ("" if is_filtered else f", threshold: {NO_FILTER}")
        echo(f"\n(edited in {path.parent.name}/recipe.yaml: {changes})")
        write_whole(path, edited.encode())
