"""The notebooks: stored without results, and run from the first cell to the last with small settings."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbclient import NotebookClient

HOUSE = Path(__file__).parents[1]
EXAMPLES = sorted(HOUSE.glob("examples/*.ipynb"))
SMALL = {  # in place of the cell with the settings
    "explain_a_poster": {"CHECKPOINT": "checkpoints/wider-64", "SEEDS": [0, 1], "REFERENCES": 2},
    "inside_the_generator": {
        "CHECKPOINT": "checkpoints/dcgan-64",
        "SEED": 3,
        "LAYER": "layers.2",
        "STEPS": (-1.0, 1.0),
    },
    "train_a_gan": {"POSTERS": 16, "STEPS": 2, "BATCH": 4, "WIDTH": 8},
}


def settings_of(notebook: Any) -> Any:
    """The cell that is marked as the one with the settings."""
    [cell] = [cell for cell in notebook.cells if "parameters" in cell.metadata.get("tags", ())]
    return cell


def outputs_of(notebook: Any) -> list[Any]:
    return [output for cell in notebook.cells if cell.cell_type == "code" for output in cell.outputs]


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_a_notebook_is_stored_without_results(path: Path) -> None:
    notebook = nbformat.read(path, 4)
    nbformat.validate(notebook)
    assert not outputs_of(notebook)
    assert all(cell.execution_count is None for cell in notebook.cells if cell.cell_type == "code")
    assert json.loads(path.read_text())["metadata"]["kernelspec"]["name"] == "python3"


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_a_notebook_runs(path: Path) -> None:
    notebook = nbformat.read(path, 4)
    cell, settings = settings_of(notebook), SMALL[path.stem]
    names: dict[str, Any] = {}
    exec(cell.source, names)  # our own settings
    assert names.keys() - {"__builtins__"} == settings.keys()
    cell.source = "\n".join(f"{name} = {value!r}" for name, value in settings.items())
    NotebookClient(notebook, timeout=300, kernel_name="python3", resources={"metadata": {"path": str(HOUSE)}}).execute()
    shown = outputs_of(notebook)
    assert [one for one in shown if "data" in one and ({"text/html", "image/png"} & one["data"].keys())]
    assert not [one for one in shown if one.output_type == "stream" and one.name == "stderr"]
    widgets = [one for one in shown if "application/vnd.jupyter.widget-view+json" in one.get("data", {})]
    assert len(widgets) == "".join(one.source for one in notebook.cells).count("xai.scrubber(")
