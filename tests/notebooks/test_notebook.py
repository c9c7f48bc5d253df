"""The notebook: its two forms agree, and it runs from top to bottom on a finished run."""

import shutil
import warnings
from pathlib import Path

import jupytext
import nbformat

NOTEBOOK = Path(__file__).resolve().parents[2] / "notebooks" / "reading_a_run.ipynb"


def cells(notebook):
    return [(cell.cell_type, cell.source) for cell in notebook.cells]


def test_text_and_notebook_have_the_same_cells():
    text = jupytext.read(NOTEBOOK.with_suffix(".py"))
    stored = nbformat.read(NOTEBOOK, as_version=4)
    assert len(stored.cells) > 8
    assert cells(stored) == cells(text)
    nbformat.validate(stored)


def test_no_output_is_stored():
    stored = nbformat.read(NOTEBOOK, as_version=4)
    code = [cell for cell in stored.cells if cell.cell_type == "code"]
    assert all(cell.outputs == [] and cell.execution_count is None for cell in code)


def test_it_runs_below_the_root_of_a_finished_run(small_run, tmp_path):
    project = tmp_path / "project"
    shutil.copytree(small_run, project)
    (project / "notebooks").mkdir(exist_ok=True)
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    place = {"metadata": {"path": str(project / "notebooks")}}
    # Of the clients alone, not of the run that the notebook reads: a mark would hold for its making too.
    with warnings.catch_warnings(action="ignore"):
        from nbclient import NotebookClient

        NotebookClient(notebook, timeout=120, kernel_name="python3", resources=place).execute()
    outputs = [output for cell in notebook.cells if cell.cell_type == "code" for output in cell.outputs]
    assert not [output for output in outputs if output.output_type == "error"]
    assert sum("image/png" in output.get("data", {}) for output in outputs) == 3
    shown = "".join(output.get("data", {}).get("text/plain", "") for output in outputs)
    assert "best_single_arm" in shown
    assert "holdout" in shown
