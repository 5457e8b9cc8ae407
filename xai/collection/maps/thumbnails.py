"""Thumbnails of a whole collection on one sheet.

sheet = thumbnails([real_posters(posters), generated_posters(generator)], progress)
sheet.jpeg, sheet.columns, sheet.cell           # under 10 MB for 22,000 posters
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from gan.data.images import to_uint8
from gan.progress import Progress
from xai.collection.index import Population
from xai.render import jpeg, shrink, sprite

WIDTHS = (64, 48, 32, 16)  # of a thumbnail; multiples of 16, so that JPEG mixes no two of them
MOST_PIXELS = 24_000_000  # of a sheet: a browser holds four bytes for each
AT_ONCE = 512


@dataclass(frozen=True, eq=False)
class Thumbnails:
    """Pictures row by row in one JPEG; cell : (height, width) of each in pixels."""

    jpeg: bytes
    columns: int
    cell: tuple[int, int]


def thumbnails(populations: Sequence[Population], progress: Progress = lambda done: None) -> Thumbnails:
    """All pictures of one or more populations of the same size, in their order."""
    count = sum(len(one.numbers) for one in populations)
    height, width = populations[0].size
    usable = [side for side in WIDTHS if count * side * side * height / width <= MOST_PIXELS]
    side, cells = (usable or [WIDTHS[-1]])[0], []
    for population in populations:
        for start in range(0, len(population.numbers), AT_ONCE):
            stop = min(start + AT_ONCE, len(population.numbers))
            cells.append(shrink(to_uint8(population.read(slice(start, stop))), side))
            progress(sum(map(len, cells)) / count)
    sheet = sprite(np.concatenate(cells), math.ceil(math.sqrt(count * height / width)))
    return Thumbnails(jpeg(sheet.pixels), sheet.columns, sheet.cell)
