"""Thumbnails of a collection on one sheet."""

from __future__ import annotations

import io

import numpy as np
import pytest
import torch
from PIL import Image

from xai.collection.index import Population
from xai.collection.maps import thumbnails as module
from xai.collection.maps.thumbnails import thumbnails


def plain_posters(levels: list[float], size: tuple[int, int] = (64, 64)) -> Population:
    """Posters of one grey each."""
    pictures = torch.tensor(levels)[:, None, None, None].expand(-1, 3, *size)
    count = len(levels)
    return Population(True, np.arange(count), np.zeros(count, bool), {}, size, lambda some: pictures[some])


def test_every_poster_is_in_its_cell_the_second_kind_after_the_first() -> None:
    done: list[float] = []
    sheet = thumbnails([plain_posters([-1.0, 0.0, 1.0]), plain_posters([1.0, -1.0])], done.append)
    picture = np.asarray(Image.open(io.BytesIO(sheet.jpeg)))
    height, width = sheet.cell
    centres = [
        picture[row // sheet.columns * height + height // 2, row % sheet.columns * width + width // 2].mean()
        for row in range(5)
    ]
    assert np.allclose(centres, [0, 128, 255, 255, 0], atol=4)
    assert done[-1] == 1.0


def test_the_more_posters_the_smaller_they_are(monkeypatch: pytest.MonkeyPatch) -> None:
    assert thumbnails([plain_posters([0.0] * 9)]).cell == (64, 64)
    monkeypatch.setattr(module, "MOST_PIXELS", 9 * 32 * 32)
    assert thumbnails([plain_posters([0.0] * 9)]).cell == (32, 32)
    assert thumbnails([plain_posters([0.0] * 4, (96, 64))]).cell == (48, 32)
