"""The versions in which a picture is written."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import gan
from gan.upscaling.versions import PLAIN, Version, versions


@pytest.mark.parametrize("name", ["network", "lanczos"])
def test_the_gaps_of_an_enlarged_grid_are_counted_as_they_are_written(name: str) -> None:
    enlarged = np.zeros((5, 4 * 12, 4 * 8, 3), np.uint8)
    width, height = gan.image_grid(enlarged, 2).size
    version = Version(name, "", lambda pixels: pixels)
    assert version.area(5, (12, 8), 2, 7) == width * height


def test_without_an_upscaler_a_picture_is_written_as_it_is() -> None:
    assert versions(None) == [PLAIN]
    assert PLAIN.path(Path("out/grid.png")) == Path("out/grid.png")
