"""Make runs that begin with another run's replies: rejudged by other rules, or with outputs rewritten by another model."""

from pathlib import Path
from typing import Any

from bootstruct.config.machine import DEFAULT_KEY_ENV, MachineSettings, read_machine
from bootstruct.config.recipe import Recipe, to_mapping
from bootstruct.errors import InputError
from bootstruct.history.rejudge import Rejudgement, rejudge
from bootstruct.history.rewrite import Api, RewriteSummary, rewrite_outputs
from bootstruct.io.files import write_whole
from bootstruct.run.folder import MACHINE, read_run
from bootstruct.run.init import init_run, machine_file, split_model, trust_machine
from bootstruct.stages.custom import NO_CODE, CustomCode, without_python


def init_rejudged(folder: Path, old: Path, recipe: str | None = None, **options: Any) -> Rejudgement:
    """Make `folder` and write its journal from the requests of `old`, rejudged. This is free: no request is sent.

    Args:
        folder: the new run folder.
        old: the run whose replies are judged again.
        recipe: the name of a shipped recipe or a YAML file with the new rules; None for the old run's own.
        options: as in `init_run`; seeds, model and server are those of the old run if they are left out.

    Returns:
        How the decisions differ from those of the old run, and what is completed already.

    Raises:
        InputError: `old` has no committed request, uses Python that is not among `code`, or `folder` already contains a run.
            Nothing is written then.
    """
    state = read_run(old)
    if not state.accepted_after:
        raise InputError(f"{old}: has no committed request yet, so there is nothing to rejudge.")
    if options.get("seeds") is None:
        options["seeds"] = list(state.seeds)
    about = state.recipe.documents
    options["passages"] = about.passages if about else ()
    has_same_model, code = options.get("model") is None, options.get("code") or NO_CODE
    if recipe is None:
        import yaml

        _require_names(old, state.recipe, code)
        mapping = to_mapping(without_python(state.recipe))
        if about:
            mapping["documents"] = {key: value for key, value in mapping["documents"].items() if key != "passages"}
        text = yaml.safe_dump(mapping, sort_keys=False, allow_unicode=True)
        written = init_run(folder, state.recipe.recipe, recipe_text=text, **options)
    else:
        written = init_run(folder, recipe, **options)
    if has_same_model:
        machine = read_machine(old)
        url = options.get("base_url")
        _write_machine(folder, machine, (url,) if url else machine.base_url)
        if not machine.unconfirmed and machine.key_env == DEFAULT_KEY_ENV:  # else `generate` asks about the new folder
            trust_machine(folder)
    try:
        return rejudge(folder, old, code)
    except InputError:
        for name in written:
            (folder / name).unlink(missing_ok=True)
        raise


def _require_names(old: Path, recipe: Recipe, code: CustomCode) -> None:
    """Raise InputError if the old run used a rule or check in Python that is not given; another version is allowed."""
    names = [("rule", rule.name) for rule in recipe.propose.rules if rule.python and rule.name not in code.rules]
    names += [("check", c.name) for c in recipe.checks if c.kind == "python" and c.name not in code.checks]
    if names:
        missing = ", ".join(f"the {kind} {name!r}" for kind, name in names)
        raise InputError(
            f"{old}: used {missing}, written in Python: give it, as in `bootstruct.init(NEW, rejudge=OLD, rules=[...], "
            "checks=[...])`, or name a recipe to judge by without it."
        )


def init_rewritten(
    folder: Path, old: Path, model: str | None, api: Api = "", base_url: tuple[str, ...] = ()
) -> RewriteSummary:
    """Make `folder` from the completed tasks of `old`, so that only their outputs remain to be requested (section 4.5).

    Args:
        folder: the new run folder.
        old: the run whose tasks and inputs are used.
        model: the model that writes the outputs, as in `openai/gpt-4.1`.
        api: `text` or `chat`; empty for that of the old run.
        base_url: the server, if not the default one.

    Returns:
        How many tasks were taken over, and what was left out.

    Raises:
        InputError: no model is named, `old` has no completed task, or `folder` contains another run.
    """
    if model is None:
        raise InputError("--rewrite-outputs: name the model that rewrites them, as in --model openai/gpt-4.1.")
    engine, name = split_model(model)
    source = rewrite_outputs(folder, old, name, api)
    if not (folder / MACHINE).exists():
        write_whole(folder / MACHINE, machine_file(engine, base_url).encode(), is_private=True)
        trust_machine(folder)
    return source


def refuse_mixed(rejudge: Path | None, rewrite: Path | None, api: str) -> None:
    """Raise InputError if two ways of beginning a run are named, or `api` without the one that uses it."""
    if rejudge is not None and rewrite is not None:
        raise InputError("--rejudge and --rewrite-outputs are two ways of beginning a run: use one of them.")
    if api and rewrite is None:
        raise InputError("--api sets the form of the requests of --rewrite-outputs; use the two together.")


def refuse_documents(documents: bool, passage_words: int | None, is_derived: bool) -> None:
    """Raise InputError if documents are named for a run that takes over another one's, or a size of passages without any."""
    if documents and is_derived:
        raise InputError("--documents: is for a new run; one that begins with OLD's replies keeps OLD's passages.")
    if passage_words is not None and not documents:
        raise InputError("--passage-words: is the size of the passages of --documents; use the two together.")


def _write_machine(folder: Path, machine: MachineSettings, base_url: tuple[str, ...]) -> None:
    write_whole(folder / MACHINE, machine_file(machine.engine, base_url).encode(), is_private=True)
