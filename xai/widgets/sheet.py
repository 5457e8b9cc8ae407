"""The sheet of pictures that a scrubber shows, and what it needs beside it.

sheet = Sheet.of(latent_sweeps(generator, z))
sheet.state(uri, influence, chosen=17)          # as scrubber.js takes it
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from xai import render
from xai.latents.sweeps import LatentSweeps

STRONGEST = 0.5  # of the accent, in a square: on more of it the number can no longer be read
MIMETYPE = "image/webp"


@dataclass(frozen=True, eq=False)
class Sheet:
    """Every latent dimension at every step, and at last the poster itself, as one picture.

    Cell number ``dimension * len(steps) + step``, row by row, is that dimension at that step; the poster is the last.

    content : a WebP file. columns : cells in a row. cell : (height, width) of each, in pixels.
    steps : the latent values of each dimension. now : those of this poster.
    reach : 0 to 1, each dimension's largest change.
    """

    content: bytes
    columns: int
    cell: tuple[int, int]
    steps: tuple[float, ...]
    now: tuple[float, ...]
    reach: tuple[float, ...]

    @classmethod
    def of(cls, sweeps: LatentSweeps) -> Sheet:
        """The sheet of these sweeps, whose cells are shrunk where the pictures are large."""
        cells = np.concatenate([sweeps.pixels.reshape(-1, *sweeps.pixels.shape[2:]), sweeps.poster[None]])
        sheet = render.sprite(render.shrink(cells))  # nearly square: browsers do not take pictures of any height
        now, reach = map(tuple, (sweeps.now.tolist(), sweeps.reach.tolist()))
        return cls(render.webp(sheet.pixels), sheet.columns, sheet.cell, sweeps.steps, now, reach)

    def state(self, uri: str, influence: Sequence[float], chosen: int) -> dict[str, Any]:
        """What scrubber.js takes.

        uri : the address of ``content``. influence : 0 to 1, how strongly each square is coloured.
        chosen : the dimension that is looked at first.
        """
        return {
            "uri": uri,
            "columns": self.columns,
            "cell": list(self.cell),
            "steps": [round(float(step), 4) for step in self.steps],
            "now": [round(float(value), 4) for value in self.now],
            "heat": [round(STRONGEST * float(share), 3) for share in influence],
            "chosen": chosen,
        }
