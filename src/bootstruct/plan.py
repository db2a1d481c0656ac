"""What `init` does: a run folder with recipe, seeds and machine settings, ready to edit."""

import json
import re
from pathlib import Path

from bootstruct.errors import BadInput
from bootstruct.files import (
    check_prompts,
    prompt_files,
    read_rows,
    read_seeds,
    read_text,
    recipe_folder,
    shipped_seeds,
    write_whole,
)
from bootstruct.runs import KEEP_AWAY, MACHINE, RECIPE, SEEDS, is_begun, read_plan
from bootstruct.settings import PROVIDERS

TEXT_FIELDS = ("text", "instruction", "prompt", "question")


def split_model(model: str) -> tuple[str, str]:
    """(engine, model name) of `openai/gpt-4.1-mini` or `hf/Qwen/Qwen3-0.6B`, `ray/` before it or not; `pocket` is its own name.

    Raises BadInput where no engine is named."""
    if model in ("pocket", "ray/pocket"):
        return model, "pocket"
    above, name = ("ray/", model.removeprefix("ray/")) if model.startswith("ray/") else ("", model)
    engine, _, name = name.partition("/")
    engine = above + engine
    if engine.partition(":")[0] not in PROVIDERS or not name:
        raise BadInput(f"model {model!r}: say who answers, as in openai/gpt-4.1-mini for any OpenAI-compatible server.")
    return engine, name


def init_run(
    folder: Path,
    recipe: str,
    model: str | None,
    base_url: str | None,
    seeds: Path | None,
    keep_away: tuple[Path, ...],
    eject: bool,
) -> dict[str, str]:
    """Make the folder; returns what was written: file -> what it is. Nothing is written where anything is wrong.

    recipe: the name of a shipped one or a YAML file.
    """
    if (folder / RECIPE).exists() or is_begun(folder):
        raise BadInput(f"{folder}: already holds a run; choose another folder, or edit its {RECIPE}.")
    given = Path(recipe)
    from_file = given.suffix in (".yaml", ".yml")
    text = read_text(given) if from_file else (recipe_folder(recipe) / "recipe.yaml").read_text(encoding="utf-8")
    engine = "openai"
    if model is None and not from_file and recipe == "pocket":
        model = "pocket"  # the recipe was written for the model that ships with it
    if model is not None:
        engine, name = split_model(model)
        text, found = re.subn(r"^model:.*$", f"model: {json.dumps(name)}", text, count=1, flags=re.MULTILINE)
        text = text if found else f"model: {json.dumps(name)}\n{text}"
    own = Path(str(recipe_folder(recipe) / SEEDS)) if not from_file else shipped_seeds()
    seed_file = seeds or (own if own.is_file() else shipped_seeds())
    rows = len(read_seeds(seed_file))
    away = [text for path in keep_away for text in _texts(path)]
    files = {RECIPE: (text, f"recipe {recipe}"), SEEDS: (read_text(seed_file), f"{rows} seed tasks")}
    files[MACHINE] = (machine_file(engine, (base_url,) if base_url else ()), "how the model is reached")
    if away:
        lines = "".join(json.dumps({"text": each}, ensure_ascii=False) + "\n" for each in away)
        files[KEEP_AWAY] = (lines, f"{len(away)} texts to keep away from")
    prompts = _prompts(given if from_file else recipe, from_file, eject)
    for name, content in prompts.items():
        files[f"prompts/{name}"] = (content, "prompt")
    for name, (content, _) in files.items():
        write_whole(folder / name, content.encode())
    try:
        planned, _ = read_plan(folder)
    except BadInput:
        for name in files:
            (folder / name).unlink(missing_ok=True)
        raise
    if seeds is not None and planned.propose.hints:
        files[RECIPE] = text, f"recipe {recipe}; its propose.hints name subjects of our choice: edit or empty them"
    return {name: what for name, (_, what) in files.items()}


def machine_file(engine: str, urls: tuple[str, ...]) -> str:
    """The text of machine.yaml."""
    url = f"base_url: {json.dumps(urls[0])}\n" if len(urls) == 1 else f"base_urls: {json.dumps(urls)}\n" if urls else ""
    return f"# How the model is reached; no part of the data. Keys come from the environment only.\nengine: {engine}\n{url}"


def _prompts(recipe: str | Path, from_file: bool, eject: bool) -> dict[str, str]:
    """Prompt files to put into the run folder: a recipe file's own, and with `eject` the shipped ones."""
    if not from_file:
        return prompt_files(str(recipe)) | check_prompts(str(recipe)) if eject else {}
    beside = Path(recipe).parent
    found = [*beside.glob("*.jinja"), *(beside / "prompts").glob("*.jinja")]
    return {path.name: read_text(path) for path in found}


def _texts(path: Path) -> list[str]:
    """The texts of a JSONL file, by the first of the usual fields each row has."""
    texts = []
    for line, row in read_rows(path):
        text = next((row[name] for name in TEXT_FIELDS if isinstance(row.get(name), str) and row[name].strip()), None)
        if text is None:
            raise BadInput(f"{path}:{line}: has none of the fields {', '.join(TEXT_FIELDS)}.")
        texts.append(text)
    return texts
