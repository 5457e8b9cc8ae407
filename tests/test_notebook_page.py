"""What docs/notebook.md tells people to type in a notebook runs, and answers what it says."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

HOUSE = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def notebook(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """The names that all Python of the page defines, run from top to bottom beside the shipped checkpoints."""
    folder, names = tmp_path_factory.mktemp("notebook"), {}
    (folder / "checkpoints").symlink_to(HOUSE / "checkpoints")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        for block in re.findall(r"```python\n(.*?)```", (HOUSE / "docs/notebook.md").read_text(), re.DOTALL):
            exec(block, names)
    names["folder"] = folder
    return names


def test_the_shapes_and_files_are_those_that_it_says(notebook: dict[str, Any]) -> None:
    assert tuple(notebook["explanation"].values.shape) == (3, 3, 64, 64)
    assert abs(notebook["explanation"].gap).max() < 1e-3
    written = {path.name for path in (notebook["folder"] / "explained-three").iterdir()}
    assert written == {"values.npz", "explanation.json"}


def test_the_scrubber_is_a_widget_whose_dimension_is_a_row_of_its_sweeps(notebook: dict[str, Any]) -> None:
    shown = notebook["shown"]
    assert shown.sweeps.pixels[shown.dimension, 0].shape == (64, 64, 3)
    assert shown.sweeps.steps[0] == -3


def test_the_verdict_is_the_one_that_it_shows(notebook: dict[str, Any]) -> None:
    trust = notebook["trust"]
    assert f'trust.badge, trust.reason  # "{trust.badge}", "{trust.reason}"' in (HOUSE / "docs/notebook.md").read_text()
