"""How pictures look, as numbers to compare them by: colours, layout, a perceptual hash.

    looks = measured(images)                            # of pictures (N, 3, H, W) in [-1, 1]
    looks["colour"], looks["layout"], looks["hash"]     # float32 (N, D); Euclidean distances of rows
    looks = appearance(index, real_posters(posters), progress)      # of all posters of an index, kept beside it

Colours are the histogram of CIELAB, square roots of its bins (Hellinger). Layout is where it is light and dark, on 8
cells across, less the mean: no colour. The hash has the signs of the 64 lowest frequencies of the luminance (Zauner
2010).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import adaptive_avg_pool2d, interpolate

from gan.progress import Progress
from xai.collection import rows
from xai.collection.index import BLOCK, Index, Population
from xai.latents.picture_statistics import luminance
from xai.networks.batches import at_once

GROUP = "appearance"
CELLS = 8  # across
LIGHTNESS_BINS, COLOUR_BINS = 6, 8  # of L*, and of a* and b*
COLOUR_RANGE = 64.0  # of a* and b* to either side of grey; few colours lie beyond
HASH_SIDE, HASH_LOWEST = 32, 8

Rows = NDArray[np.float32]
Looks = dict[str, Rows]


def measured(images: Tensor) -> Looks:
    """colour (N, 384), layout (N, cells), hash (N, 64) of pictures (N, 3, H, W) in [-1, 1]."""
    return {"colour": colour_histogram(images), "layout": layout(images), "hash": perceptual_hash(images)}


def colour_histogram(images: Tensor) -> Rows:
    """(N, 384): roots of the proportions of pixels in bins of lightness and of the two axes of colour; unit rows."""
    from skimage.color import rgb2lab  # imports for a second

    lab = rgb2lab((images.permute(0, 2, 3, 1).numpy() + 1) / 2).reshape(len(images), -1, 3)
    lightness = _binned(lab[..., 0], 0.0, 100.0, LIGHTNESS_BINS)
    a, b = (_binned(lab[..., axis], -COLOUR_RANGE, COLOUR_RANGE, COLOUR_BINS) for axis in (1, 2))
    bins = (lightness * COLOUR_BINS + a) * COLOUR_BINS + b
    size = LIGHTNESS_BINS * COLOUR_BINS**2
    places = bins + np.arange(len(images))[:, None] * size
    counts = np.bincount(places.ravel(), minlength=len(images) * size).reshape(len(images), size)
    return np.asarray(np.sqrt(counts / bins.shape[1]), np.float32)


def mean_colours(colour: NDArray[np.floating]) -> Rows:
    """Mean CIELAB (N, 3) from histograms (N, 384), each pixel in the middle of its bin: L* 0 to 100, a*, b*."""
    lightness = (np.arange(LIGHTNESS_BINS) + 0.5) * 100 / LIGHTNESS_BINS
    axis = ((np.arange(COLOUR_BINS) + 0.5) / COLOUR_BINS * 2 - 1) * COLOUR_RANGE
    middles = np.stack(np.meshgrid(lightness, axis, axis, indexing="ij"), -1).reshape(-1, 3)
    return np.asarray(np.square(colour, dtype=np.float32) @ middles.astype(np.float32))


def _binned(values: NDArray[np.floating], low: float, high: float, count: int) -> NDArray[np.int64]:
    return np.clip(((values - low) / (high - low) * count).astype(np.int64), 0, count - 1)


def layout(images: Tensor) -> Rows:
    """Luminance (N, cells) on a grid of 8 cells across (2:3 posters have 12 down), 0 to 1, less its mean."""
    height, width = images.shape[2:]
    cells = adaptive_avg_pool2d(luminance(images)[:, None], (max(1, round(CELLS * height / width)), CELLS)).flatten(1)
    return np.asarray((cells - cells.mean(1, keepdim=True)).numpy(), np.float32)


def perceptual_hash(images: Tensor) -> Rows:
    """(N, 64): -1/16 or 1/16 by whether a frequency is above the median of the 64 lowest ones: at most 1 apart."""
    from scipy.fft import dctn

    small = interpolate(luminance(images)[:, None], (HASH_SIDE, HASH_SIDE), mode="area")[:, 0]
    lowest = dctn(small.numpy(), axes=(1, 2))[:, :HASH_LOWEST, :HASH_LOWEST].reshape(len(images), -1)
    bits = lowest > np.median(lowest[:, 1:], 1, keepdims=True)
    return np.where(bits, np.float32(1 / 16), np.float32(-1 / 16))


def appearance(index: Index, population: Population, progress: Progress = lambda done: None) -> Looks:
    """Of all posters of an index, computed where it is not kept beside it; memory-mapped.

    Raises
    ------
    ExplanationError, WriteError
        As :func:`xai.collection.rows.fill`.
    """
    shapes = {name: values.shape[1:] for name, values in measured(population.read(slice(0, 1))).items()}
    columns = {f"{GROUP}_{name}": rows.Column("<f2", shape) for name, shape in shapes.items()}
    plan = rows.Plan(columns, len(index), at_once(BLOCK, population.size))

    def compute(some: slice) -> rows.Arrays:
        return {f"{GROUP}_{name}": values for name, values in measured(population.read(some)).items()}

    rows.fill(rows.Group(index.folder, GROUP, plan), compute, {}, progress)
    found = open_appearance(index)
    assert found is not None  # it was just written
    return found


def open_appearance(index: Index) -> Looks | None:
    """What is kept beside an index; None where it is not."""
    stored = rows.read(index.folder, GROUP)
    if stored is None:
        return None
    return {name.removeprefix(f"{GROUP}_"): array for name, array in stored.arrays.items()}
