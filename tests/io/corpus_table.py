"""What every command makes of the corpus of small files: `python -m tests.io.corpus_table` writes the table of docs/files.md anew."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.io.corpus import CORPUS, lines


def commands(folder: Path) -> dict[str, Callable[[Path], Any]]:
    """What reads a file, by the command: each gives the account of its rows, or raises InputError."""
    from bootstruct.api.data import dedup, import_run
    from bootstruct.api.selecting import select
    from bootstruct.config.seeds import read_seeds
    from bootstruct.evaluation.ifeval import read_ifeval_prompts
    from bootstruct.evaluation.multiple_choice import read_choice_questions
    from bootstruct.evaluation.overlap import training_texts
    from bootstruct.evaluation.perplexity import read_reference_texts
    from bootstruct.evaluation.predictions import read_predictions
    from bootstruct.evaluation.ratings import read_answers, read_ratings
    from bootstruct.evaluation.user_tasks import read_user_tasks
    from bootstruct.finetuning.data import read_part
    from bootstruct.finetuning.settings import MixturePart
    from bootstruct.io.accounts import RowAccount
    from bootstruct.reporting.from_files import file_subject
    from bootstruct.reporting.held_out import read_held_out
    from bootstruct.run.init import texts_to_keep_away

    others = folder / "others.jsonl"
    others.write_bytes(lines({"instruction": "Count the stones beside the river."}))

    def collected(read: Callable[[Path, list[RowAccount]], object]) -> Callable[[Path], RowAccount]:
        def account_of(path: Path) -> RowAccount:
            accounts: list[RowAccount] = []
            read(path, accounts)
            return accounts[0]

        return account_of

    def seeds(path: Path) -> RowAccount:
        account = RowAccount(str(path))
        read_seeds(path, "merge", account=account)
        return account

    def imported(path: Path) -> RowAccount:
        run = folder / f"imported_{path.name}"
        return import_run(run, path).accounts[0]

    return {
        "init --seeds": seeds,
        "--keep-away": collected(lambda path, accounts: texts_to_keep_away(path, None, accounts)),
        "dedup": lambda path: dedup(path).accounts[0],
        "--against": lambda path: dedup(others, against=path).accounts[-1],
        "report": lambda path: file_subject(path, "rows").account,
        "select": lambda path: select(path, size=1).accounts[0],
        "--test-set": lambda path: read_held_out([path])[0].account,
        "finetune": lambda path: read_part(MixturePart(str(path)))[0].account,
        "overlap": collected(lambda path, accounts: training_texts(path, None, accounts)),
        "--tasks": collected(lambda path, accounts: read_user_tasks(path, None, accounts)),
        "ifeval": collected(lambda path, accounts: read_ifeval_prompts(path, accounts)),
        "mc": collected(lambda path, accounts: read_choice_questions(path, accounts)),
        "perplexity": collected(lambda path, accounts: read_reference_texts(path, None, accounts)),
        "score": lambda path: read_predictions(path).account,
        "judge": collected(lambda path, accounts: read_answers(path, "m", accounts)),
        "--ratings": collected(lambda path, accounts: read_ratings([path], None, accounts)),
        "import": imported,
    }


def cell(read: Callable[[Path], Any], path: Path) -> str:
    """What a command makes of a file, as the table says it: rows used, of rows read where some were left out."""
    from bootstruct.errors import InputError

    try:
        account = read(path)
    except InputError:
        return "refused"
    assert account.read == account.used + account.omitted, (path, account)
    return str(account.used) if account.used == account.read else f"{account.used} of {account.read}"


def rows_of_table(folder: Path) -> list[list[str]]:
    """The table: a row for each file, a column for each command."""
    readers = commands(folder)
    found = [["file", *(f"`{name}`" for name in readers)]]
    for small in CORPUS:
        path = small.write(folder)
        found.append([f"`{small.name}`", *(cell(read, path) for read in readers.values())])
    return found


def in_markdown(rows: list[list[str]]) -> str:
    """The table as Markdown."""
    head, *body = ("| " + " | ".join(row) + " |" for row in rows)
    return "\n".join([head, "|---" * len(rows[0]) + "|", *body])


if __name__ == "__main__":
    import re
    import tempfile

    page = Path(__file__).parents[2] / "docs" / "files.md"
    with tempfile.TemporaryDirectory() as place:
        made = in_markdown(rows_of_table(Path(place)))
    text = page.read_text(encoding="utf-8")
    page.write_text(
        re.sub(r"(<!-- corpus -->\n).*?(<!-- /corpus -->)", lambda m: f"{m[1]}{made}\n{m[2]}", text, flags=re.S)
    )
