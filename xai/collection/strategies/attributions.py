"""Where D's verdict on every poster of a collection comes from: signed DeepLIFT maps on a coarse grid.

    maps = attributions(checkpoint, real_posters(posters), reference, progress)     # float16 (N, 8, 8), memory-mapped
    maps.astype(float).sum((1, 2))              # each poster's logit - the reference's logit
    kept = open_attributions(index)             # at once; None where they are not computed

A map is DeepLIFT's (Shrikumar, Greenside, Kundaje 2017, rescale rule) against the index's reference, summed over the
colours and over the pixels of each cell, so that it adds up to what DeepLIFT's map does. It is kept beside the index.
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import adaptive_avg_pool2d

from gan.checkpoints.record import Checkpoint
from gan.progress import Progress
from xai.collection import rows
from xai.collection.index import BLOCK, Index, Population, index_folder, picture_to_compare_with
from xai.discriminator.responses import HALF, filter_layers
from xai.methods.references import Reference
from xai.networks.batches import at_once
from xai.networks.score import Score

GROUP = "attributions"
CELLS = 8  # across the poster
ROWS = 32  # pictures at once, fewer of large ones


def attributions(
    checkpoint: Checkpoint,
    population: Population,
    reference: Reference,
    progress: Progress = lambda part: None,
    rank: int = 0,
    world: int = 1,
) -> NDArray[np.float16]:
    """The maps (N, h, w) in logits, computed where they are not there; :func:`grid` says how large.

    Stopped, shared between processes, and refused as :func:`xai.collection.index.build_index`, with the same errors.
    """
    folder = index_folder(checkpoint, population, reference)
    score = Score(checkpoint.need_discriminator())
    filter_layers(score)  # refuses what is no chain
    base = picture_to_compare_with(reference, population.size)
    cells = grid(population.size)

    def compute(some: slice) -> rows.Arrays:
        return {GROUP: coarse_maps(score, population.read(some), base, cells)}

    plan = rows.Plan({GROUP: rows.Column("<f2", cells)}, len(population.numbers), at_once(BLOCK, population.size))
    group = rows.Group(folder, GROUP, plan)
    rows.fill(group, compute, {}, progress, rank, world)
    return group.mapped(GROUP)


def open_attributions(index: Index) -> NDArray[np.float16] | None:
    """Those that are kept beside an index; None where they are not."""
    stored = rows.read(index.folder, GROUP)
    return None if stored is None else stored.arrays[GROUP]


def grid(size: tuple[int, int]) -> tuple[int, int]:
    """Cells (down, across) of pictures (height, width): 8 x 8, of 2:3 ones 12 x 8."""
    height, width = size
    return CELLS * height // width, CELLS


@torch.no_grad()
def coarse_maps(score: Score, images: Tensor, base: Tensor, cells: tuple[int, int]) -> NDArray[np.float16]:
    """Maps (N, down, across) of images (N, 3, H, W) compared with one picture (1, 3, H, W).

    The sides are multiples of the cells'. Of a network that is a chain (:func:`filter_layers` tells).
    """
    chain, compared = score.chain, score.trace(base)
    assert chain is not None  # the caller has asked
    area = images.shape[2] * images.shape[3] // (cells[0] * cells[1])
    found = []
    for batch in torch.split(images, at_once(ROWS, images.shape[2:])):
        trace = chain.trace(batch, len(batch) > 1)
        values = chain.multipliers(trace, compared)[0] * (batch - base)
        found.append(adaptive_avg_pool2d(values.sum(1), cells) * area)
    return torch.cat(found).clamp(-HALF, HALF).half().numpy()
