"""A small checkout in the form of Super-NaturalInstructions, written for the tests."""

import json
from pathlib import Path

TASKS = {  # name -> category, languages of input and output, the list that has it
    "task001_count_words": ("Misc.", "English", "train"),
    "task002_title_of_notes": ("Title Generation", "English", "test"),
    "task003_notes_to_list": ("Misc.", "English", "excluded"),
    "task004_greet_in_german": ("Translation", "German", "excluded"),
    "task005_follows_or_not": ("Textual Entailment", "English", "test"),
}


def superni_checkout(folder: Path, lists: bool = True) -> Path:
    """Write five tasks with two instances each, and the lists of the split if `lists` is True; return the folder."""
    (folder / "tasks").mkdir(parents=True)
    for number, (name, (category, language, _)) in enumerate(TASKS.items()):
        row = {
            "Definition": [f"Do what task {number} asks for."],
            "Categories": [category],
            "Input_language": ["English"],
            "Output_language": [language],
            "Positive Examples": [],
            "Instances": [{"id": f"{name}-{n}", "input": f"case {n}", "output": [f"{number}{n}"]} for n in range(2)],
        }
        (folder / "tasks" / f"{name}.json").write_text(json.dumps(row))
    if lists:
        place = folder / "splits" / "default"
        place.mkdir(parents=True)
        for kind in ("train", "test", "excluded"):
            names = [name for name, (*_, listed) in TASKS.items() if listed == kind]
            (place / f"{kind}_tasks.txt").write_text("".join(f"{name}\n" for name in names))
    return folder
