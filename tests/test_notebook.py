"""The example notebook runs from its first cell to its last, and what it shows names no machine."""

import json
import os
from pathlib import Path

import pytest

from tests.support.paths import ROOT

NOTEBOOK = ROOT / "examples" / "self_instruct.ipynb"


def test_the_stored_outputs_show_no_error_and_no_place() -> None:
    cells = json.loads(NOTEBOOK.read_text(encoding="utf-8"))["cells"]
    outputs = [output for cell in cells if cell["cell_type"] == "code" for output in cell["outputs"]]
    assert len(outputs) >= 8
    assert all(output["output_type"] != "error" and output.get("name") != "stderr" for output in outputs)
    assert not [word for word in ("/tmp", "/home", "/root", "/Users") if word in json.dumps(outputs)]


@pytest.mark.real
def test_it_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    nbformat = pytest.importorskip("nbformat", reason="needs nbformat, nbclient and ipykernel")
    nbclient = pytest.importorskip("nbclient", reason="needs nbformat, nbclient and ipykernel")
    pytest.importorskip("torch", reason="needs torch")
    pytest.importorskip("pandas", reason="needs pandas")
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(ROOT / "src"), os.environ.get("PYTHONPATH", "")]))
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    stored = [cell["outputs"] for cell in notebook.cells if cell.cell_type == "code"]
    place = {"metadata": {"path": str(tmp_path)}}
    nbclient.NotebookClient(notebook, timeout=300, kernel_name="python3", resources=place).execute()
    made = [cell["outputs"] for cell in notebook.cells if cell.cell_type == "code"]
    assert len(made) == len(stored)
    for before, after in zip(stored, made, strict=True):
        shown = [
            [output.get("data", {}).get("text/plain") for output in cell if "data" in output]
            for cell in (before, after)
        ]
        assert shown[0] == shown[1]
