"""Data that comes from outside, from Python: filter files by novelty (`dedup`), import files of the released code."""

import contextlib
from collections.abc import Callable, Mapping, Sequence
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from bootstruct.errors import InputError
from bootstruct.io.hub import is_on_hub

if TYPE_CHECKING:
    from bootstruct.deduplication.comparison import On
    from bootstruct.deduplication.filter import DedupResult
    from bootstruct.history.importer import ImportResult

StrPath = str | PathLike[str]
StrPaths = StrPath | Sequence[StrPath]

PROGRESS_ROWS = 500  # rows between two calls of on_progress


def dedup(
    files: StrPaths,
    *,
    out: StrPath | BinaryIO | None = None,
    dropped: StrPath | None = None,
    against: StrPaths = (),
    threshold: float = 0.7,
    tokenizer: str = "unicode",
    on: "On" = "group",
    field: str | None = None,
    fields: Mapping[str, str] | None = None,
    container: str | None = None,
    list_dropped: bool = True,
    ray: bool = False,
    ray_address: str | None = None,
    shards: int | None = None,
    semantic: float | None = None,
    embed: str | None = None,
    base_url: str | None = None,
    embeddings: StrPath | None = None,
    on_progress: "Callable[[DedupResult], object] | None" = None,
) -> "DedupResult":
    """Filter files of texts by the exact novelty rule of the paper (section 2.2), row by row, in order.

    A row is dropped if its ROUGE-L with any row kept before it exceeds the threshold. Nothing is approximated.

    Args:
        files: one file or several, in any container and shape that `docs/files.md` lists; `-` is the standard input.
        out: the file for the kept rows, of the kind that its name says (`train.csv.gz`), or JSON Lines if it says nothing;
            or a stream open for bytes.
        dropped: the file for one JSON line per dropped row: its text, its place and the row it is near.
        against: files with rows that no kept row may be near, such as test sets.
        threshold: the ROUGE-L F-measure above which a row is dropped, in (0, 1].
        tokenizer: how a text is split into words: `unicode` (any script), `rouge`, or `rouge-stemmed`.
        on: what counts as equal: `group` compares instructions and keeps the rows of one instruction together, so
            that all of its instances are kept or none, and rows equal in all texts are kept once; `instruction`
            compares instructions alone, as the paper does, and keeps one row of each; `instruction+input`; or `all`
            texts of a row.
        field: the field with the text; by default `instruction`, `text`, `prompt` ... or the first message.
        fields: the names of fields by their meaning, as in `{"instruction": "task", "output": "reply"}`.
        container: the kind of `out`, whatever its name is; `dataset` is a folder of `datasets`.
        list_dropped: whether the result lists every dropped row; without it only the most similar ones, which saves memory.
        ray: hold the kept texts on a Ray cluster, for sets that outgrow one machine.
        ray_address: the cluster; by default one on this machine.
        shards: with `ray`: split the kept texts into this number of shards; by default one for each CPU.
        semantic: also drop rows whose embedding has a higher cosine than this with a row kept before, even if their
            words differ; exact, each row against all kept ones.
        embed: with `semantic`: the model, as in `openai/MODEL`, `hf/FOLDER`, `static/FOLDER` or `hashed`.
        base_url: with `embed="openai/MODEL"`: the server.
        embeddings: a folder that keeps the vectors, so that nothing is embedded twice.
        on_progress: called with the totals so far, every 500 rows and once at the end.

    Returns:
        The totals, and each dropped row with the row it is near.

    Raises:
        InputError: a file cannot be read or written, has no text in any row, or an option is out of range.
        EngineUnavailableError: the Ray cluster cannot be reached or has no room.

    Example:
        >>> import json, pathlib
        >>> import bootstruct as bs
        >>> rows = [{"text": "Sing a song about the sea."}, {"text": "Sing a song about the wide sea."}, {"text": "Add."}]
        >>> _ = pathlib.Path("data.jsonl").write_text("".join(json.dumps(row) + chr(10) for row in rows))
        >>> result = bs.dedup("data.jsonl", out="new.jsonl")
        >>> result.rows, result.kept, result.dropped[0].place.row, result.dropped[0].near.row
        (3, 2, 2, 1)
    """
    from bootstruct.deduplication.comparison import RowComparison
    from bootstruct.deduplication.filter import DedupResult, shard_maker
    from bootstruct.deduplication.filter import dedup as decide
    from bootstruct.embeddings.embedder import NAMES, open_embedder
    from bootstruct.io.rows import STDIN
    from bootstruct.io.writers import form_of, require_other_file, row_writer
    from bootstruct.run.folder import source_files

    paths, away = _paths(files), _paths(against)
    if not paths:
        raise InputError("dedup: name a file of texts.")
    for path in (*paths, *away):
        if path != STDIN and not is_on_hub(path) and not path.exists():
            raise InputError(f"{path}: no such file.")
    if not ray and (ray_address or shards):
        raise InputError("--ray-address and --shards belong to --ray; add it.")
    if field is not None and "instruction" in (fields or {}):
        raise InputError("--field and --fields both name the field with the text; leave one out.")
    if semantic is None and (embed or base_url or embeddings):
        raise InputError("--embed, --base-url and --embeddings belong to --semantic; add it, as in --semantic 0.9.")
    if semantic is not None and (ray or embed is None):
        raise InputError(
            "--semantic runs on one machine; leave --ray out." if ray else f"--semantic needs a model: --embed {NAMES}."
        )
    named = {**(fields or {}), **({"instruction": field} if field is not None else {})}
    compared = RowComparison(on, named or None)
    target = Path(out) if isinstance(out, str | PathLike) else out
    read = source_files((*paths, *away))
    require_other_file(target, read)
    if dropped is not None:
        require_other_file(Path(dropped), read)
        require_other_file(Path(dropped), [target] if isinstance(target, Path) else [], "the file of the kept rows")
    result, report = DedupResult(lists_dropped=list_dropped), on_progress or (lambda totals: None)
    with contextlib.ExitStack() as stack:
        pool = stack.enter_context(shard_maker(ray_address, shards, threshold, tokenizer)) if ray else None
        keep: Callable[[dict[str, Any]], None] = lambda row: None  # noqa: E731
        drop = keep
        if target is not None:
            writer = stack.enter_context(row_writer(target, form_of(target, container=container)))
            keep, result.written = writer.add, writer.written
        if dropped is not None:
            drop = stack.enter_context(row_writer(Path(dropped))).add
        meaning = None
        if semantic is not None and embed is not None:
            from bootstruct.deduplication.meaning import MeaningRule

            folder = None if embeddings is None else Path(embeddings)
            meaning = MeaningRule(open_embedder(embed, base_url), semantic, folder)
        for totals in decide(paths, away, compared, threshold, tokenizer, result, keep, drop, pool, meaning):
            if totals.rows % PROGRESS_ROWS == 0:
                report(totals)
    report(result)
    return result


def import_run(
    run: StrPath,
    sources: StrPaths,
    *,
    recipe: StrPath | None = None,
    seeds: StrPath | None = None,
    fields: str | Mapping[str, str] | None = None,
    on_progress: "Callable[[ImportResult], object] | None" = None,
) -> "ImportResult":
    """Make a run from the files of the released code (`machine_generated_instructions.jsonl` ...) or of other tools.

    Decisions are derived from the logged replies and corrected where the files differ. Tasks of other tools (Alpaca's
    `regen.json`, the output of CAMEL, distilabel, DataDesigner, curator and others) come without replies. The run can then
    be opened, verified, exported, reported and reused, but not extended.

    Args:
        run: the run folder to make.
        sources: folders and files: one or several.
        recipe: the recipe whose parsing and rules derive the decisions: the name of a shipped one, or a YAML file; by
            default the `recipe.yaml` among the files, which `export` writes, else `original`.
        seeds: the seed tasks with which the run was made; by default the `seed_tasks.jsonl` among the files, else
            those that come with the package.
        fields: of a file of tasks, its fields by what they hold, as in `instruction=question,output=answer`.
        on_progress: called with the counts so far, after every 1,000 rows and events.

    Returns:
        Counts, and notes on what is missing in the files and where they differ from the recipe.

    Raises:
        InputError: the folder contains a run, a file is missing, or a row cannot be read. Nothing is written then.

    Example:
        >>> import json, pathlib
        >>> import bootstruct as bs
        >>> metadata = {"prompt": "Come up with tasks:", "response": {"choices": [{"text": " Sing a song about rain."}]}}
        >>> row = {"instruction": "Sing a song about rain.", "request_idx": 0, "metadata": metadata}
        >>> _ = pathlib.Path("machine_generated_instructions.jsonl").write_text(json.dumps(row))
        >>> bs.import_run("runs/old", "machine_generated_instructions.jsonl").accepted
        1
        >>> bs.open("runs/old").tasks[0].instruction
        'Sing a song about rain.'
    """
    from bootstruct.config.loading import read_recipe, recipe_folder
    from bootstruct.config.seeds import read_seeds
    from bootstruct.history.importer import import_run as import_files
    from bootstruct.io.accounts import RowAccount
    from bootstruct.io.fields import read_fields

    own_recipe = None
    if recipe is not None:
        given = Path(recipe)
        path = given if given.suffix in (".yaml", ".yml") else Path(str(recipe_folder(str(recipe)))) / "recipe.yaml"
        own_recipe = read_recipe(path)
    of_seeds = [RowAccount(str(seeds))] if seeds is not None else []
    own_seeds = read_seeds(Path(seeds), "keep", account=of_seeds[0]) if seeds is not None else None
    named = read_fields(fields) if isinstance(fields, str) else fields
    report = on_progress or (lambda counts: None)
    result = import_files(Path(run), _paths(sources), own_recipe, own_seeds, named, report)
    result.accounts += of_seeds
    return result


def _paths(files: StrPaths) -> list[Path]:
    return [Path(file) for file in ([files] if isinstance(files, str | PathLike) else files)]
