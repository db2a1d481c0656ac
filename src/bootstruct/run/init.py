"""The work of `init`: a run folder with recipe, seeds and machine settings, ready to edit."""

import json
import re
import warnings
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from bootstruct.config.addresses import require_no_secrets
from bootstruct.config.loading import check_prompts, document_prompts, prompt_files, recipe_folder
from bootstruct.config.machine import PROVIDERS, read_machine
from bootstruct.config.seeds import MERGED, OURS, read_seeds, seeds_of, shipped_seeds
from bootstruct.errors import InputError
from bootstruct.io.accounts import RowAccount
from bootstruct.io.documents import WORDS, read_documents
from bootstruct.io.files import write_whole
from bootstruct.io.row_texts import instruction_of
from bootstruct.io.rows import read_rows, read_text
from bootstruct.io.tasks import require_used
from bootstruct.io.trust import require_inside
from bootstruct.journal.codec import seed_to_json
from bootstruct.run.documents import PASSAGES, passages_file, passages_in_words, recipe_with_documents
from bootstruct.run.folder import KEEP_AWAY, MACHINE, PYTHON, RECIPE, SEEDS, declaration, is_begun, read_plan
from bootstruct.run.topics import without_topics
from bootstruct.stages.custom import NO_CODE, CustomCode
from bootstruct.types import Passage, Seed

SeedSource = Path | str | Sequence[Mapping[str, Any] | Seed | str]  # a file, the name of a shipped set, or rows


def split_model(model: str) -> tuple[str, str]:
    """(engine, model name) of `openai/gpt-4.1-mini` or `hf/Qwen/Qwen3-0.6B`, with or without `ray/` before it.

    `pocket` is its own name.

    Raises InputError if no engine is named.
    """
    if model in ("pocket", "ray/pocket"):
        return model, "pocket"
    above, name = ("ray/", model.removeprefix("ray/")) if model.startswith("ray/") else ("", model)
    engine, _, name = name.partition("/")
    engine = above + engine
    if engine.partition(":")[0] not in PROVIDERS or not name:
        raise InputError(
            f"model {model!r}: name the engine and the model, as in openai/gpt-4.1-mini for any OpenAI-compatible server."
        )
    return engine, name


def init_run(
    folder: Path,
    recipe: str,
    model: str | None = None,
    base_url: str | None = None,
    seeds: SeedSource | None = None,
    keep_away: tuple[Path, ...] = (),
    eject: bool = False,
    recipe_text: str = "",
    code: CustomCode = NO_CODE,
    fields: Mapping[str, str] | None = None,
    accounts: list[RowAccount] | None = None,
    documents: Sequence[Path] = (),
    passage_words: int = WORDS,
    passages: Sequence[Passage] = (),
) -> dict[str, str]:
    """Make the folder. Nothing is written if anything is wrong.

    Args:
        folder: the run folder to make.
        recipe: the name of a shipped recipe or a YAML file.
        model: the model, as in `openai/gpt-4.1-mini`; None for the recipe's.
        base_url: the server, if not the default one.
        seeds: a file or rows of seed tasks, or the name of a shipped set; None for the recipe's own, else the 175.
        keep_away: files of texts to keep away from.
        eject: copy the prompts as well.
        recipe_text: the YAML text to write instead of that of `recipe`.
        code: rules and checks in Python that the run needs.
        fields: names of fields of the seed file and of `keep_away` by what they hold, as `--fields` gives them.
        accounts: takes an account of the rows of each file given, and of the files of each of `documents`.
        documents: files and folders of documents that the tasks are to be about.
        passage_words: the most words of a passage of these.
        passages: passages that are cut already, instead of `documents`.

    Returns:
        What was written: name of the file -> what it is.

    Raises:
        InputError: the folder already contains a run, or an argument cannot be used.
    """
    if (folder / RECIPE).exists() or is_begun(folder):
        raise InputError(f"{folder}: already holds a run; choose another folder, or edit its {RECIPE}.")
    from_file = recipe if Path(recipe).suffix in (".yaml", ".yml") else None
    accounts = accounts if accounts is not None else []
    passages = passages or (read_documents(documents, passage_words, accounts) if documents else ())
    text, engine = _with_model(recipe_text or _recipe_text(recipe), model, recipe)
    is_general = seeds is None and not passages
    text, topics = (text, 0) if is_general or from_file or recipe_text else without_topics(text)
    left = f"; its {topics} topics fit the 175 shipped seeds and are left out (--topics-from-seeds finds topics that fit yours)"
    left = f"; its {topics} topics are left out, because the documents take their place" if passages else left
    text = recipe_with_documents(text, passages, recipe) if passages else text
    files = {RECIPE: (text, f"recipe {recipe}{left if topics else ''}")}
    if passages:
        files[PASSAGES] = (passages_file(passages), passages_in_words(passages))
    files[SEEDS] = _seed_file(seeds, None if from_file else recipe, fields, accounts)
    files[MACHINE] = (machine_file(engine, (base_url,) if base_url else ()), "how the model is reached")
    if away := [text for path in keep_away for text in texts_to_keep_away(path, fields, accounts)]:
        lines = "".join(json.dumps({"text": text}, ensure_ascii=False) + "\n" for text in away)
        files[KEEP_AWAY] = (lines, f"{len(away)} texts to keep away from")
    prompts = _prompts(Path(from_file) if from_file else recipe, bool(from_file), eject)
    prompts |= document_prompts(text) if eject and passages else {}
    for name, content in prompts.items():
        files[f"prompts/{name}"] = (content, "prompt")
    if code.rules or code.checks:
        files[PYTHON] = (declaration(code), "rules and checks in Python")
    new = [name for name in files if not (folder / name).exists()]
    for name, (content, _) in files.items():
        require_inside(folder, folder / name)
        if (folder / name).is_file() and (folder / name).read_bytes() != content.encode():
            raise InputError(f"{folder / name}: is there already and would be lost; move it, or choose another folder.")
    for name, (content, _) in files.items():
        write_whole(folder / name, content.encode(), is_private=name == MACHINE)
    try:
        read_plan(folder)
    except InputError:
        for name in new:
            (folder / name).unlink(missing_ok=True)
        raise
    trust_machine(folder)
    return {name: what for name, (_, what) in files.items()}


def _recipe_text(recipe: str) -> str:
    """The YAML of a shipped recipe or of a file."""
    if Path(recipe).suffix in (".yaml", ".yml"):
        return read_text(Path(recipe))
    return (recipe_folder(recipe) / RECIPE).read_text(encoding="utf-8")


def _with_model(text: str, model: str | None, recipe: str) -> tuple[str, str]:
    """The recipe's text with this model, and the engine that reaches it."""
    if model is None and recipe == "pocket":
        model = "pocket"  # the recipe was written for the model that ships with it
    if model is None:
        return text, "openai"
    engine, name = split_model(model)
    line = f"model: {json.dumps(name)}"
    text, found = re.subn(r"^model:.*$", lambda _: line, text, count=1, flags=re.MULTILINE)
    return text if found else f"{line}\n{text}", engine


def _seed_file(
    seeds: SeedSource | None,
    recipe: str | None,
    fields: Mapping[str, str] | None,
    accounts: list[RowAccount],
) -> tuple[str, str]:
    """(content of the seed file, what it is)."""
    own = Path(str(recipe_folder(recipe) / SEEDS)) if recipe else shipped_seeds()
    path = own if own.is_file() else shipped_seeds()
    if isinstance(seeds, str):
        path, fields = shipped_seeds(seeds), None  # --fields names those of files
    elif isinstance(seeds, Path):
        path = seeds
    are_rows = isinstance(seeds, Sequence) and not isinstance(seeds, str)
    account = RowAccount("seeds" if are_rows else str(path))
    if isinstance(seeds, Sequence) and not isinstance(seeds, str):
        read = seeds_of(_seed_rows(seeds, account), account, "merge", fields)
    else:
        read = read_seeds(path, "merge", fields=fields, account=account)
    is_ours = account.container == "JSON Lines" and set(account.shapes) == {OURS} and not fields
    is_as_it_was = is_ours and not account.notes[MERGED] and path.is_file() and path.suffix == ".jsonl"
    text = read_text(path) if is_as_it_was else ""
    what = f"{len(read)} seed tasks"
    if isinstance(seeds, str):
        what += f", the set `{seeds}` that comes with bootstruct"
        what += f"; the file of that name is ./{seeds}" if Path(seeds).exists() else ""
    if bare := sum(not seed.instances for seed in read):
        what += f", {bare} without instances"
    if more := account.notes[MERGED]:
        what += (
            f"; {more} {'rows have' if more > 1 else 'row has'} the instruction of another and gave it their instances"
        )
    if isinstance(seeds, Path):
        accounts.append(account)
        if not is_ours:
            what += "; written in our format"
    return text or "".join(json.dumps(seed_to_json(seed), ensure_ascii=False) + "\n" for seed in read), what


def _seed_rows(
    seeds: Sequence[Mapping[str, Any] | Seed | str], account: RowAccount
) -> Iterator[tuple[int, dict[str, Any]]]:
    """Seeds given in Python as rows of a file: objects of `Seed`, dicts in any shape, or texts."""
    for number, row in enumerate(seeds, 1):
        account.read += 1
        if isinstance(row, Seed):
            yield number, seed_to_json(row)
        elif isinstance(row, str):
            yield number, {"text": row}
        elif isinstance(row, Mapping):
            yield number, dict(row)
        else:
            raise InputError(f"seeds: expected a list of dicts with `instruction`, found {type(row).__name__}.")


def trust_machine(folder: Path) -> None:
    """Record that `machine.yaml` of this folder holds what the user gave; if that fails, `generate` asks."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        read_machine(folder, trust=True)


def machine_file(engine: str, urls: tuple[str, ...]) -> str:
    """The text of machine.yaml. Raises InputError if an address holds a secret."""
    for url in urls:
        require_no_secrets(url)
    url = f"base_url: {json.dumps(urls[0])}\n" if len(urls) == 1 else f"base_urls: {json.dumps(urls)}\n" if urls else ""
    return f"# How the model is reached; no part of the data. Keys come from the environment only.\nengine: {engine}\n{url}"


def _prompts(recipe: str | Path, from_file: bool, eject: bool) -> dict[str, str]:
    """Prompt files to put into the run folder: a recipe file's own, and with `eject` the shipped ones."""
    if not from_file:
        return prompt_files(str(recipe)) | check_prompts(str(recipe)) if eject else {}
    beside = Path(recipe).parent
    found = [*beside.glob("*.jinja"), *(beside / "prompts").glob("*.jinja")]
    for path in found:
        require_inside(beside, path)
    return {path.name: read_text(path) for path in found}


def texts_to_keep_away(path: Path, fields: Mapping[str, str] | None, accounts: list[RowAccount]) -> list[str]:
    """The texts of a file of rows, one for each row that has one."""
    texts, account = [], RowAccount(str(path))
    for line, row in read_rows(path, bare_text=True, account=account, columns=(fields or {}).values()):
        text = instruction_of(row, fields)
        if text is None:
            account.leave_out(line, "without a text")
        else:
            account.use()
            texts.append(text)
    require_used(account, bool(fields))
    accounts.append(account)
    return texts
