"""The model of embeddings of a command about data sets, and the folder that keeps its vectors."""

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from bootstruct.embeddings.embedder import Vectors, embedded, open_embedder
from bootstruct.errors import InputError
from bootstruct.io.trust import require_inside, require_no_links
from bootstruct.reporting.from_run import is_run


def short_name(embed: str | None) -> str:
    """The name of a model without the folders before it; empty without a model.

    Example:
        >>> short_name("hf/models/all-MiniLM-L6-v2"), short_name(None)
        ('all-MiniLM-L6-v2', '')
    """
    return (embed or "").rstrip("/").rpartition("/")[2]


def embedding_function(
    runs: Sequence[Path], embed: str | None, base_url: str | None, embeddings: Path | None, tell: Callable[[str], None]
) -> Callable[[Sequence[str]], Vectors] | None:
    """A function that returns the vectors of texts; None without a model.

    Args:
        runs: the data sets; the first run folder among them keeps the vectors if no other folder is named.
        embed: the model, as `--embed` names it.
        base_url: with `openai/MODEL`: the server.
        embeddings: the folder that keeps the vectors.
        tell: called with a line about the current step.

    Raises:
        InputError: the model is unknown, or an option belongs to a model and none is named.
    """
    if embed is None:
        if base_url or embeddings:
            raise InputError(
                "--base-url and --embeddings belong to --embed; add it, as in --embed hf/./all-MiniLM-L6-v2."
            )
        return None
    embedder = open_embedder(embed, base_url)
    folder = next((run / "embeddings" for run in runs if is_run(run) and run.is_dir()), None)
    cache = folder if embeddings is None else embeddings
    if folder is not None and cache == folder:
        require_inside(folder.parent, folder)
        require_no_links(folder)
    return partial(
        embedded, embedder=embedder, cache=cache, tell=lambda done, of: tell(f"embeddings: {done:,} of {of:,}")
    )
