"""Reading files into values: seeds, recipes, texts. Every fault is reported as file:line with what to do about it."""

import dataclasses
from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any

from bootstruct.config.recipe import ASKS, Recipe, to_mapping
from bootstruct.config.recipe_mapping import from_mapping
from bootstruct.config.validation import parse_yaml
from bootstruct.errors import InputError
from bootstruct.io.fields import EXPECTED
from bootstruct.io.row_texts import texts_of
from bootstruct.io.rows import read_rows, read_text
from bootstruct.io.trust import require_inside


def recipe_names() -> list[str]:
    """The names of the recipes that come with the package."""
    folder = resources.files("bootstruct.config") / "recipes"
    return sorted(path.name for path in folder.iterdir() if (path / "recipe.yaml").is_file())


def recipe_lines() -> dict[str, str]:
    """Each shipped recipe with its description, which is the first line of its file."""
    first = {
        name: (recipe_folder(name) / "recipe.yaml").read_text(encoding="utf-8").split("\n")[0]
        for name in recipe_names()
    }
    return {name: line.lstrip("# ") for name, line in first.items()}


def recipe_folder(name: str) -> Traversable:
    """The folder of a shipped recipe. Raises InputError with the known names."""
    if name not in recipe_names():
        raise InputError(f"recipe {name!r}: unknown; use one of {', '.join(recipe_names())}, or a YAML file.")
    return resources.files("bootstruct.config") / "recipes" / name


def read_recipe(path: Path, begun: Recipe | None = None, folder: Path | None = None) -> Recipe:
    """The recipe in a YAML file, with its prompt files read.

    A prompt value that ends in `.jinja` names a file: beside the recipe (or in `prompts/` beside it) if it is there,
    else among the shipped recipes. Anything else is the template itself. `begun` is the recipe of the run to which
    the file belongs: shipped prompts are then those with which it began, whatever this version ships. `folder` is the
    run folder, if the file belongs to one: links are not followed then. Files that a recipe names are in the recipe's
    own folder.
    """
    mapping = parse_yaml(read_text(path, folder), str(path))
    if not isinstance(mapping, dict):
        raise InputError(f"{path}: expected keys with values, as in the shipped recipes.")
    place = RecipePlace(path, folder)
    _fill_in_followups(mapping, begun)
    for steps in ASKS:
        _fill_in_prompts(mapping, steps, place, to_mapping(begun) if begun else None)
    checks = mapping.get("checks")
    for number, check in enumerate(checks if isinstance(checks, list) else ()):
        if isinstance(check, dict):
            _fill_in_check(check, mapping, place, f"checks[{number}]", begun)
    return from_mapping(mapping, str(path))


def _fill_in_followups(mapping: dict[str, Any], begun: Recipe | None) -> None:
    """Give omitted requests of `followups` the values shipped for the recipe's `api` (or those of a begun run)."""
    import yaml

    followups = mapping.get("followups")
    if not isinstance(followups, dict):
        return
    if begun is not None and begun.followups is not None:
        known = to_mapping(begun)["followups"]
    else:
        shipped = yaml.safe_load(shipped_prompt("followups/requests.yaml"))
        known = shipped["chat" if mapping.get("api") == "chat" else "text"]
    for name in ("user", "assistant"):
        ask = followups.setdefault(name, {})
        if isinstance(ask, dict):
            followups[name] = {**known[name], **ask}


@dataclasses.dataclass(frozen=True, slots=True)
class RecipePlace:
    """A recipe file, and the run folder to which it belongs, if any; the files that it names are looked for there."""

    path: Path
    folder: Path | None

    def file(self, name: str, key: str) -> Path | None:
        """The file of this name beside the recipe, None if there is none. Raises InputError for one elsewhere, or a link."""
        parts = Path(name).parts
        if Path(name).is_absolute() or ".." in parts:
            raise InputError(
                f"{self.path}: {key}: the file {name!r:.80} is outside the recipe's folder; put a copy beside the recipe."
            )
        found = self.path.parent / name
        if not _is_file(found) and not (self.folder is not None and found.is_symlink()):
            return None
        if not self.path.is_relative_to(
            str(resources.files("bootstruct.config"))
        ):  # installers may link what is shipped
            require_inside(self.path.parent, found)
        return found

    def text(self, path: Path) -> str:
        """The text of a file beside the recipe."""
        return read_text(path, self.folder)


def _fill_in_check(
    check: dict[str, Any], mapping: dict[str, Any], place: RecipePlace, key: str, begun: Recipe | None
) -> None:
    """Give omitted fields of a check the values shipped for its kind (or those of a begun run); read prompts and texts."""
    kind = str(check.get("kind"))
    check.setdefault("name", kind)
    usual = _usual_check(mapping, check, kind)
    known = next((entry for entry in begun.checks if entry.name == check["name"]), None) if begun else None
    was = dataclasses.asdict(known) if known else {}
    for name, value in usual.items():
        if not _is_request(value):
            check.setdefault(name, was.get(name, value))
        elif isinstance(check.setdefault(name, {}), dict):
            old = was.get(name) or {}
            shipped = {field: old.get(field, given) if field != "prompt" else given for field, given in value.items()}
            check[name] = shipped | check[name]
            for field in ("prompt", "system"):
                text = check[name].get(field)
                if isinstance(text, str) and text.endswith(".jinja"):
                    where = f"{key}.{name}.{field}"
                    check[name][field] = _template(text, mapping.get("recipe"), place, where, old.get(field))
    texts = check.get("texts")
    if isinstance(texts, list):
        check["texts"] = [text for row in texts for text in _texts_to_avoid(row, place, key)]


def _is_request(value: object) -> bool:
    return isinstance(value, dict) and "prompt" in value


def _usual_check(mapping: dict[str, Any], check: dict[str, Any], kind: str) -> dict[str, Any]:
    """The shipped settings of a kind of check: a recipe's own, else those for the `api` of each of its prompts."""
    found = _shipped_checks(mapping, None).get(kind, {})
    if check.get("measure", found.get("measure")) == "judge":
        found = found | _shipped_checks(mapping, None)["judge"]
    if check.get("rounds"):
        found = found | {"revise": _usual_revision(mapping)}
    for name in [name for name, value in found.items() if _is_request(value) and name != "revise"]:
        given = check.get(name)
        if isinstance(given, dict) and given.get("api"):
            shipped = _shipped_checks(mapping, given["api"])
            found = found | {name: shipped["judge" if name == "judge" else kind][name]}
    return found


def _usual_revision(mapping: dict[str, Any]) -> dict[str, Any]:
    """The shipped request for a revised task, by the model that writes tasks and in the form in which it does."""
    propose = mapping.get("propose")
    ask = propose.get("ask") if isinstance(propose, dict) else None
    writer = {name: ask[name] for name in ("model", "api", "reply") if name in ask} if isinstance(ask, dict) else {}
    shipped: dict[str, Any] = _shipped_checks(mapping, writer.get("api"))["revise"]["revise"]
    return shipped | writer


def _shipped_checks(mapping: dict[str, Any], api: object) -> dict[str, dict[str, Any]]:
    """The file of a recipe's own checks, else of those for an `api`."""
    import yaml

    folder, own = resources.files("bootstruct.config") / "recipes", str(mapping.get("recipe"))
    named = own in recipe_names() and own not in ("paper", "chat") and (folder / own / "checks.yaml").is_file()
    by_api = "chat" if (api or mapping.get("api")) == "chat" else "paper"
    shipped: dict[str, dict[str, Any]] = yaml.safe_load((folder / by_api / "checks.yaml").read_text(encoding="utf-8"))
    if named:  # a recipe's own file need not hold every kind
        shipped |= yaml.safe_load((folder / own / "checks.yaml").read_text(encoding="utf-8"))
    return shipped


def _texts_to_avoid(text: object, place: RecipePlace, key: str) -> list[object]:
    """A text as it is; of a file of rows (`*.jsonl` beside the recipe), instructions and texts of five words or more."""
    from bootstruct.stages.contamination import LEAST_INPUT

    if not isinstance(text, str) or not text.endswith(".jsonl"):
        return [text]
    path = place.file(text, f"{key}.texts")
    if path is None:
        raise InputError(f"{place.path}: {key}.texts: no file {text!r:.60} beside the recipe.")
    found: dict[object, None] = {}
    for number, row in read_rows(path, folder=place.folder):
        texts = list(texts_of(row))
        if not texts:
            raise InputError(f"{path}:{number}: contains no text; expected {EXPECTED}.")
        found |= dict.fromkeys([texts[0], *(name for name in texts[1:] if len(name.split()) >= LEAST_INPUT)])
    return list(found)


def _fill_in_prompts(
    mapping: dict[str, Any], steps: tuple[str, ...], place: RecipePlace, begun: dict[str, Any] | None
) -> None:
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
            ask[key] = _template(value, mapping.get("recipe"), place, ".".join((*steps, key)), shipped)


def _template(name: str, recipe: object, place: RecipePlace, key: str, known: str | None) -> str:
    for own in (name, f"prompts/{Path(name).name}"):
        if (path := place.file(own, key)) is not None:
            return place.text(path).removesuffix("\n")
    if known is not None:
        return known
    folder = resources.files("bootstruct.config") / "recipes"
    parts = name.split("/") if "/" in name else [str(recipe), name]
    shipped = folder.joinpath(*parts)
    if ".." in parts or not _is_file(shipped):
        raise InputError(f"{place.path}: {key}: no prompt file {name!r} beside the recipe nor among the shipped ones.")
    return shipped.read_text(encoding="utf-8").removesuffix("\n")


def _is_file(place: Traversable) -> bool:
    try:
        return place.is_file()
    except OSError:  # a name too long for a file, or a folder that may not be read
        return False


def shipped_prompt(name: str) -> str:
    """The text of a shipped prompt file, as in `rewrite/chat.jinja`."""
    shipped = (resources.files("bootstruct.config") / "recipes").joinpath(*name.split("/"))
    return shipped.read_text(encoding="utf-8").removesuffix("\n")


def prompt_files(name: str) -> dict[str, str]:
    """File name -> text of every prompt of a shipped recipe, including those that it borrows; for `init --eject`."""
    import yaml

    folder = recipe_folder(name)
    mapping = yaml.safe_load((folder / "recipe.yaml").read_text(encoding="utf-8"))
    found = {}
    for steps in ASKS:
        ask = mapping
        for step in steps:
            ask = ask.get(step, {})
        for key in ("prompt", "system"):
            if str(ask.get(key, "")).endswith(".jinja"):
                parts = ask[key].split("/") if "/" in ask[key] else [name, ask[key]]
                shipped = (resources.files("bootstruct.config") / "recipes").joinpath(*parts)
                found[parts[-1]] = shipped.read_text(encoding="utf-8")
    return found


def check_prompts(name: str) -> dict[str, str]:
    """File name -> text of the prompts that checks of a shipped recipe use; for `init --eject`."""
    import yaml

    mapping = yaml.safe_load((recipe_folder(name) / "recipe.yaml").read_text(encoding="utf-8"))
    usual = _shipped_checks(mapping, None).values()
    files = [value["prompt"] for kind in usual for value in (kind or {}).values() if _is_request(value)]
    return {file.rpartition("/")[2]: shipped_prompt(file) + "\n" for file in files}


def document_prompts(recipe: str) -> dict[str, str]:
    """File name -> text of the shipped prompts about documents that a recipe's YAML names; for `init --eject`."""
    names = [f"{step}_{api}.jinja" for step in ("propose", "answer") for api in ("chat", "text")]
    return {name: shipped_prompt(f"documents/{name}") + "\n" for name in names if f"documents/{name}" in recipe}
