"""The work of `generate --steer`: a recipe that deals hints evenly is made to deal them towards thin places."""

import re
from pathlib import Path
from typing import Final

from bootstruct.errors import InputError
from bootstruct.io.files import write_whole
from bootstruct.io.rows import read_text
from bootstruct.run.folder import RECIPE, is_begun, read_plan, read_run

_PROPOSE: Final = re.compile(r"^propose:[^\S\n]*(?:#[^\n]*)?\n", re.MULTILINE)


def steer_run(folder: Path) -> bool:
    """Write `steer: {}` into the recipe of a run that has not begun, unless it has such a key.

    Args:
        folder: the run.

    Returns:
        Whether the recipe was changed.

    Raises:
        InputError: the run began without steering, or its recipe has no hints or no place for the key.
    """
    if is_begun(folder) and (state := read_run(folder)).reply_offsets:
        if state.recipe.propose.steer is not None:
            return False
        raise InputError(
            f"{folder}: began without steering, and a run that has begun keeps its recipe. `bootstruct init` a new run and "
            f"`bootstruct generate NEW --steer --reuse {folder}`: equal requests are not paid twice."
        )
    recipe, _ = read_plan(folder)
    if recipe.propose.steer is not None:
        return False
    path, text = folder / RECIPE, read_text(folder / RECIPE, folder)
    if not recipe.propose.hints:
        raise InputError(
            f"{path}: --steer deals hints, and the recipe has none; write topics into propose.hints, or use a recipe that has "
            "them, such as `chat`."
        )
    edited, count = _PROPOSE.subn(lambda match: f"{match[0]}  steer: {{}}\n", text, count=1)
    if not count:
        raise InputError(f"{path}: has no line `propose:` to write below; add `steer: {{}}` to propose yourself.")
    write_whole(path, edited.encode())
    try:
        read_plan(folder)
    except InputError:
        write_whole(path, text.encode())
        raise
    return True
