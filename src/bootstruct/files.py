"""Reading files into the nouns: seeds, recipes, texts. Every fault is told as file:line and what to do about it."""

import contextlib
import dataclasses
import json
import os
import tempfile
from collections.abc import Iterator
from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any, BinaryIO

from bootstruct.domain import Instance, Seed
from bootstruct.errors import BadInput
from bootstruct.recipe import Recipe, from_mapping, to_mapping

_ASKS = (
    ("propose", "ask"),
    ("classify",),
    ("classify_together",),
    *(("instances", each) for each in ("input_first", "output_first", "rewrite")),
)


def read_text(path: Path) -> str:
    """The file as UTF-8 text. Raises BadInput where it cannot be read or is not UTF-8 (with the line)."""
    try:
        raw = path.read_bytes()
    except FileNotFoundError:
        raise BadInput(f"{path}: no such file.") from None
    except OSError as exc:
        raise BadInput(f"{path}: cannot be read: {exc.strerror}.") from None
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as exc:
        line = raw.count(b"\n", 0, exc.start) + 1
        raise BadInput(f"{path}:{line}: not UTF-8; save the file as UTF-8.") from None


def read_rows(path: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    """(line number, object) of each line of a JSONL file; blank lines are passed over. Raises BadInput at file:line.

    Lines end with a newline only: rows may hold U+2028 and U+0085, which other splitting breaks on.
    """
    for number, line in enumerate(read_text(path).split("\n"), 1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except (ValueError, RecursionError) as exc:
            raise BadInput(f"{path}:{number}: not JSON: {exc}.") from None
        if not isinstance(row, dict):
            raise BadInput(f"{path}:{number}: expected an object, found {type(row).__name__}.")
        if "\\ud" in line.lower() and not _is_unicode(row):
            raise BadInput(f"{path}:{number}: holds half of a character (\\ud800 to \\udfff alone); mend or remove it.")
        yield number, row


def _is_unicode(row: dict[str, Any]) -> bool:
    try:
        json.dumps(row, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        return False
    return True


def read_seeds(path: Path) -> tuple[Seed, ...]:
    """The seed tasks of a JSONL file in the paper's format. Raises BadInput at file:line."""
    seeds: list[Seed] = []
    lines: dict[str, int] = {}
    ids: set[str] = set()
    for number, row in read_rows(path):
        seed = _seed(row, len(seeds), f"{path}:{number}")
        if seed.instruction in lines:
            raise BadInput(
                f"{path}:{number}: the same instruction as line {lines[seed.instruction]}; remove one of the two."
            )
        if seed.id in ids:
            raise BadInput(f"{path}:{number}: the id {seed.id!r} occurs twice; give each seed its own.")
        lines[seed.instruction] = number
        ids.add(seed.id)
        seeds.append(seed)
    if not seeds:
        raise BadInput(f"{path}: holds no seed tasks; one JSON object a line is expected.")
    return tuple(seeds)


def _seed(row: dict[str, Any], position: int, where: str) -> Seed:
    instruction = row.get("instruction")
    if not isinstance(instruction, str) or not instruction.strip():
        raise BadInput(f"{where}: `instruction` is missing or empty.")
    given = row.get("instances", [])
    if not isinstance(given, list):
        raise BadInput(f"{where}: `instances` must be a list of objects with `input` and `output`.")
    instances = []
    for each in given:
        if not isinstance(each, dict) or not isinstance(each.get("output"), str):
            raise BadInput(f"{where}: an instance needs a text `output`, and a text `input` (empty if there is none).")
        if not isinstance(each.get("input", ""), str):
            raise BadInput(f"{where}: the `input` of an instance must be text.")
        instances.append(Instance(each.get("input", ""), each["output"]))
    is_classification = row.get("is_classification", False)
    if not isinstance(is_classification, bool):
        raise BadInput(f"{where}: `is_classification` must be true or false.")
    names = (row.get("id", f"seed_task_{position}"), row.get("name", ""))
    if not all(isinstance(name, str) for name in names) or not names[0]:
        raise BadInput(f"{where}: `id` and `name` must be text.")
    return Seed(names[0], instruction, tuple(instances), is_classification, names[1])


def shipped_seeds() -> Path:
    """The 175 seed tasks that come with the package."""
    return Path(str(resources.files("bootstruct") / "content" / "seeds.jsonl"))


def recipe_names() -> list[str]:
    """The names of the recipes that come with the package."""
    folder = resources.files("bootstruct") / "recipes"
    return sorted(each.name for each in folder.iterdir() if (each / "recipe.yaml").is_file())


def recipe_lines() -> dict[str, str]:
    """Each shipped recipe and the line that says what it is: the first one of its file."""
    first = {
        name: (recipe_folder(name) / "recipe.yaml").read_text(encoding="utf-8").split("\n")[0]
        for name in recipe_names()
    }
    return {name: line.lstrip("# ") for name, line in first.items()}


def recipe_folder(name: str) -> Traversable:
    """The folder of a shipped recipe. Raises BadInput with the known names."""
    if name not in recipe_names():
        raise BadInput(f"recipe {name!r}: unknown; take one of {', '.join(recipe_names())}, or a YAML file.")
    return resources.files("bootstruct") / "recipes" / name


def read_recipe(path: Path, begun: Recipe | None = None) -> Recipe:
    """The recipe in a YAML file, its prompt files read in.

    A prompt value that ends in `.jinja` names a file: beside the recipe (or in `prompts/` beside it) if it is there,
    else among the shipped recipes. Anything else is the template itself. `begun` is the recipe of the run the file belongs
    to: shipped prompts are then those it began with, whatever this version ships.
    """
    import yaml

    text = read_text(path)
    try:
        mapping = yaml.safe_load(text)
    except yaml.YAMLError as exc:
        raise BadInput(f"{path}: not YAML: {' '.join(str(exc).split())}.") from None
    except (ValueError, RecursionError) as exc:  # a date such as 2024-13-45 without quotes; brackets without end
        raise BadInput(f"{path}: not YAML: {exc}.") from None
    if not isinstance(mapping, dict):
        raise BadInput(f"{path}: expected keys with values, as in the shipped recipes.")
    for steps in _ASKS:
        _fill_in_prompts(mapping, steps, path, to_mapping(begun) if begun else None)
    checks = mapping.get("checks")
    for number, check in enumerate(checks if isinstance(checks, list) else ()):
        if isinstance(check, dict):
            _fill_in_check(check, mapping, path, f"checks[{number}]", begun)
    return from_mapping(mapping, str(path))


def _fill_in_check(check: dict[str, Any], mapping: dict[str, Any], path: Path, key: str, begun: Recipe | None) -> None:
    """What a check leaves open is as its kind is shipped (as it was, in a begun run); prompts and texts are read in."""
    ask, kind = check.get("ask", {}), str(check.get("kind"))
    check.setdefault("name", kind)
    usual = _usual_check(mapping, ask.get("api") if isinstance(ask, dict) else None, kind)
    known = next((each for each in begun.checks if each.name == check["name"]), None) if begun else None
    was = dataclasses.asdict(known) if known else {}
    for name, value in usual.items():
        if name != "ask":
            check.setdefault(name, was.get(name, value))
    if isinstance(ask, dict) and "ask" in usual:
        old = was.get("ask") or {}
        check["ask"] = {
            name: old.get(name, value) if name != "prompt" else value for name, value in usual["ask"].items()
        } | ask
        for name in ("prompt", "system"):
            value = check["ask"].get(name)
            if isinstance(value, str) and value.endswith(".jinja"):
                check["ask"][name] = _template(value, mapping.get("recipe"), path, f"{key}.ask.{name}", old.get(name))
    texts = check.get("texts")
    if isinstance(texts, list):
        check["texts"] = [text for each in texts for text in _texts_to_avoid(each, path, key)]


def _usual_check(mapping: dict[str, Any], api: object, kind: str) -> dict[str, Any]:
    """The shipped settings of a kind of check: a recipe's own, else by whether its prompts are continued or answered."""
    import yaml

    folder, own = resources.files("bootstruct") / "recipes", str(mapping.get("recipe"))
    named = own in recipe_names() and own not in ("paper", "chat") and (folder / own / "checks.yaml").is_file()
    by_api = "chat" if (api or mapping.get("api")) == "chat" else "paper"
    usual = yaml.safe_load((folder / (own if named else by_api) / "checks.yaml").read_text(encoding="utf-8"))
    found: dict[str, Any] = usual.get(kind, {})
    return found


def _texts_to_avoid(text: object, path: Path, key: str) -> list[object]:
    """A text as it is; of a file of rows (`*.jsonl` beside the recipe) the instructions and whatever has five words."""
    from bootstruct.stages.overlap import LEAST_INPUT, texts_of_row

    if not isinstance(text, str) or not text.endswith(".jsonl"):
        return [text]
    if not _is_file(path.parent / text):
        raise BadInput(f"{path}: {key}.texts: no file {text!r:.60} beside the recipe.")
    found: dict[object, None] = {}
    for number, row in read_rows(path.parent / text):
        texts = list(texts_of_row(row))
        if not texts:
            raise BadInput(
                f"{path.parent / text}:{number}: holds no text; fields such as instruction or prompt are expected."
            )
        found |= dict.fromkeys([texts[0], *(each for each in texts[1:] if len(each.split()) >= LEAST_INPUT)])
    return list(found)


def _fill_in_prompts(mapping: dict[str, Any], steps: tuple[str, ...], path: Path, begun: dict[str, Any] | None) -> None:
    ask: Any = mapping
    known: Any = begun
    for step in steps:
        ask = ask.get(step) if isinstance(ask, dict) else None
        known = known.get(step) if known else None
    if not isinstance(ask, dict):
        return
    for key in ("prompt", "system"):
        value = ask.get(key)
        if isinstance(value, str) and value.endswith(".jinja"):
            shipped = known[key] if known else None
            ask[key] = _template(value, mapping.get("recipe"), path, ".".join((*steps, key)), shipped)


def _template(name: str, recipe: object, path: Path, key: str, known: str | None) -> str:
    for own in (path.parent / name, path.parent / "prompts" / Path(name).name):
        if _is_file(own):
            return read_text(own).removesuffix("\n")
    if known is not None:
        return known
    folder = resources.files("bootstruct") / "recipes"
    parts = name.split("/") if "/" in name else [str(recipe), name]
    shipped = folder.joinpath(*parts)
    if ".." in parts or not _is_file(shipped):
        raise BadInput(f"{path}: {key}: no prompt file {name!r} beside the recipe nor among the shipped ones.")
    return shipped.read_text(encoding="utf-8").removesuffix("\n")


def _is_file(place: Traversable) -> bool:
    try:
        return place.is_file()
    except OSError:  # a name too long for a file, or a folder that may not be looked into
        return False


def shipped_prompt(name: str) -> str:
    """The text of a shipped prompt file, as in `rewrite/chat.jinja`."""
    shipped = (resources.files("bootstruct") / "recipes").joinpath(*name.split("/"))
    return shipped.read_text(encoding="utf-8").removesuffix("\n")


def prompt_files(name: str) -> dict[str, str]:
    """File name -> text of every prompt of a shipped recipe, those it borrows included; for `init --eject`."""
    import yaml

    folder = recipe_folder(name)
    mapping = yaml.safe_load((folder / "recipe.yaml").read_text(encoding="utf-8"))
    found = {}
    for steps in _ASKS:
        ask = mapping
        for step in steps:
            ask = ask.get(step, {})
        for key in ("prompt", "system"):
            if str(ask.get(key, "")).endswith(".jinja"):
                parts = ask[key].split("/") if "/" in ask[key] else [name, ask[key]]
                shipped = (resources.files("bootstruct") / "recipes").joinpath(*parts)
                found[parts[-1]] = shipped.read_text(encoding="utf-8")
    return found


def check_prompts(name: str) -> dict[str, str]:
    """File name -> text of the prompts that checks of a shipped recipe ask with; for `init --eject`."""
    import yaml

    mapping = yaml.safe_load((recipe_folder(name) / "recipe.yaml").read_text(encoding="utf-8"))
    kinds = [_usual_check(mapping, None, kind) for kind in ("agreement", "rubric", "back-check")]
    files = [kind["ask"]["prompt"] for kind in kinds]
    return {file.rpartition("/")[2]: shipped_prompt(file) + "\n" for file in files}


def write_whole(path: Path, content: bytes) -> None:
    """Write a file so that it is there whole or not at all. Raises BadInput where the place cannot be written."""
    with whole_file(path) as file:
        file.write(content)


@contextlib.contextmanager
def whole_file(path: Path) -> Iterator[BinaryIO]:
    """A file to write piece by piece, there whole once the block ends without an error. Raises as `write_whole`."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        try:
            with os.fdopen(handle, "wb") as file:
                yield file
                file.flush()
                os.fsync(file.fileno())
            os.chmod(name, 0o666 & ~_umask())
            os.replace(name, path)
        except BaseException:
            os.unlink(name)
            raise
    except OSError as exc:
        raise BadInput(f"{path}: cannot be written: {exc.strerror}; choose another place.") from None


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
