"""All noise values swept at once, for one poster.

    found = atlas(generator, z)                    # 100 values x 11 steps from -3 to 3
    found.pixels[17, 0]                            # uint8 (64, 64, 3): value 17 set to -3, everything else kept
    found.sheet().pixels                           # one row a value, one column a step

The pictures are those of :func:`xai.latents.sensitivity.sweep`. They are painted by the generator's chain, in which
BatchNorm is part of the convolution and the channels lie last in memory. That a change of one noise value
changes the first layer's output by a multiple of one fixed map is of no use here: the first layer takes 4 % of the
time, and from the first bend on every picture is its own. Large pictures are painted a few at a time and made small
at once, while the layers before them, which are of small maps, go on taking many together.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import avg_pool2d

from gan.data.images import to_uint8
from gan.networks.dcgan import Generator
from gan.progress import Progress
from xai.errors import ExplanationError
from xai.networks.batches import at_once
from xai.networks.chain import Chain, Convolution
from xai.networks.fast_generator import Paint, check_latents, painter
from xai.render import Sprite, sprite

AT_ONCE = 32  # pictures painted together, in layers of large maps fewer; more is not faster, and keeps below 100 MB
MOST_ACROSS = 64  # pixels of a cell
STEPS = tuple(float(step) for step in np.linspace(-3, 3, 11))


@dataclass(frozen=True, eq=False)
class Atlas:
    """Every noise value at every step, for one poster.

    pixels : uint8 (latent, steps, h, w, 3), the pictures; of large ones means over blocks of pixels, 64 across, for a
        thousand of them are looked at together.
    steps : what the values were set to.
    now : (latent,), the poster's own values.
    change : (latent, steps), root mean square distance from the poster itself, 0 to 1 (black to white).
    seconds : wall time.
    """

    pixels: NDArray[np.uint8]
    steps: tuple[float, ...]
    now: NDArray[np.float32]
    change: NDArray[np.float32]
    seconds: float

    @property
    def reach(self) -> NDArray[np.float32]:
        """(latent,), each dimension's largest ``change``, relative to the largest of all, 0 to 1."""
        largest = self.change.max(1)
        return np.asarray(largest / largest.max())

    def sheet(self) -> Sprite:
        """One picture of all: row k is noise value k, column j is step j."""
        return sprite(self.pixels.reshape(-1, *self.pixels.shape[2:]), columns=len(self.steps))

    def cell(self, index: int, value: float) -> int:
        """Cell of the sheet that shows noise value ``index`` nearest to ``value``.

        Raises
        ------
        ExplanationError
            If there is no such noise value.
        """
        if not 0 <= index < len(self.pixels):
            raise ExplanationError(f"Noise values run from 0 to {len(self.pixels) - 1}; {index} is none of them.")
        return index * len(self.steps) + int(np.abs(np.array(self.steps) - value).argmin())


def atlas(generator: Generator, z: Tensor, steps: tuple[float, ...] = STEPS, progress: Progress | None = None) -> Atlas:
    """Set each noise value of ``z`` (1, latent, 1, 1) to each of ``steps``, one at a time.

    ``progress`` is told the share that is done, 0 to 1; an exception in it ends the work.

    Raises
    ------
    ExplanationError
        If ``z`` is not one latent, there is no step, or the generator waits for genres.
    """
    check_latents(z, 1)
    if not steps:
        raise ExplanationError("An atlas needs at least one step.")
    started = time.perf_counter()
    report = progress or (lambda share: None)
    report(0.0)
    count = z.shape[1]
    stages, picture = _stages(generator, z)
    own = to_uint8(picture).astype(np.float32)
    block = max(1, own.shape[2] // MOST_ACROSS)
    cells, change = [], []
    for pictures in _pictures(stages, _moved(z, steps)):
        drawn = to_uint8(pictures)
        change += [np.sqrt(np.square((drawn - own) / 255).mean((1, 2, 3)))]
        cells += [drawn if block == 1 else to_uint8(avg_pool2d(pictures, block))]
        report(sum(map(len, cells)) / (count * len(steps)))
    pixels = np.concatenate(cells)
    return Atlas(
        pixels.reshape(count, len(steps), *pixels.shape[1:]),
        tuple(steps),
        z.flatten().cpu().numpy().astype(np.float32),
        np.concatenate(change).reshape(count, len(steps)).astype(np.float32),
        time.perf_counter() - started,
    )


def _moved(z: Tensor, steps: tuple[float, ...]) -> Tensor:
    """(latent * steps, latent, 1, 1): ``z`` with each of its values at each of the steps."""
    count = z.shape[1]
    moved = z.repeat(count * len(steps), 1, 1, 1)
    owner = torch.arange(count).repeat_interleave(len(steps))
    moved[torch.arange(len(moved)), owner, 0, 0] = torch.tensor(steps).repeat(count).to(z)
    return moved


def _stages(generator: Generator, z: Tensor) -> tuple[list[tuple[Paint, int]], Tensor]:
    """The generator cut before its convolutions, with how many rows each piece takes at once; and the picture of ``z``.

    Pieces of large maps take few rows, so that what they paint stays near the processor. The early ones take many,
    for their time is that of reading their weights.
    """
    paint = painter(generator)
    pieces = _cut(paint) if isinstance(paint, Chain) else [paint]
    stages = []
    for piece in pieces:
        z = piece(z)
        stages.append((piece, at_once(AT_ONCE, z.shape[2:])))
    return stages, z


def _cut(chain: Chain) -> list[Paint]:
    starts = [place for place, step in enumerate(chain.steps) if place == 0 or isinstance(step, Convolution)]
    return [
        Chain(chain.steps[start:end], chain.names[start:end])
        for start, end in zip(starts, [*starts[1:], None], strict=True)
    ]


def _pictures(stages: Sequence[tuple[Paint, int]], x: Tensor) -> Iterator[Tensor]:
    """Pictures of the rows of ``x``, in order, no more of them at a time than the last stage takes."""
    if not stages:
        yield x
        return
    piece, rows = stages[0]
    for part in torch.split(x, rows):
        yield from _pictures(stages[1:], piece(part))
