"""All noise values swept at once, for one poster.

    found = atlas(generator, z)                    # 100 values x 11 steps from -3 to 3
    found.pixels[17, 0]                            # uint8 (64, 64, 3): value 17 set to -3, everything else kept
    found.sheet().pixels                           # one row a value, one column a step

The pictures are those of :func:`xai.latent.sweep`. They are painted by the generator's chain, in which
BatchNorm is part of the convolution and the channels lie last in memory. That a change of one noise value
changes the first layer's output by a multiple of one fixed map is of no use here: the first layer takes 4 %
of the time, and from the first bend on every picture is its own.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.functional import avg_pool2d

from gan.console import Progress
from gan.images import to_uint8
from gan.models import Generator
from xai.chain import Chain
from xai.errors import ExplanationError
from xai.hooks import private_copy
from xai.memory import at_once
from xai.render import Sprite, sprite

Paint = Callable[[Tensor], Tensor]

AT_ONCE = 32  # pictures painted together, fewer of large ones; more is not faster, and 32 of 64 x 64 keep below 100 MB
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
    paint, report = painter(generator), progress or (lambda share: None)
    count = z.shape[1]
    owner, value = torch.arange(count).repeat_interleave(len(steps)), torch.tensor(steps).repeat(count).to(z)
    own = to_uint8(paint(z)).astype(np.float32)
    cells, change = [], []
    block = max(1, own.shape[2] // MOST_ACROSS)
    report(0.0)
    for rows in torch.split(torch.arange(len(owner)), at_once(AT_ONCE, own.shape[1:3])):
        moved = z.repeat(len(rows), 1, 1, 1)
        moved[torch.arange(len(rows)), owner[rows], 0, 0] = value[rows]
        pictures = paint(moved)
        change.append(np.sqrt(np.square((to_uint8(pictures) - own) / 255).mean((1, 2, 3))))
        cells.append(to_uint8(avg_pool2d(pictures, block) if block > 1 else pictures))
        report(float(rows[-1] + 1) / len(owner))
    pixels = np.concatenate(cells)
    return Atlas(
        pixels.reshape(count, len(steps), *pixels.shape[1:]),
        tuple(steps),
        z.flatten().cpu().numpy().astype(np.float32),
        np.concatenate(change).reshape(count, len(steps)).astype(np.float32),
        time.perf_counter() - started,
    )


def painter(generator: nn.Module, gradients: bool = False) -> Paint:
    """The fastest way from latents to pictures, in eval mode, on weights of its own or shared, never hooked.

    The answer is the generator's up to rounding. With ``gradients`` they reach the latents.
    """
    private = private_copy(generator)
    chain = Chain.of(private.layers if isinstance(private, Generator) else private)
    if chain is None:
        return private if gradients else torch.no_grad()(private)
    steps = chain.steps

    def paint(z: Tensor) -> Tensor:
        for step in steps:
            z = step.forward(z, many=True)
        return z

    return paint if gradients else chain


def size_of(generator: nn.Module, z: Tensor) -> tuple[int, int]:
    """Height and width of the pictures that it draws of latents like ``z``; a stranger is asked for one."""
    if isinstance(generator, Generator):
        return generator.config.size
    height, width = painter(generator)(z[:1]).shape[2:]
    return height, width


def check_latents(z: Tensor, count: int | None = None) -> None:
    """Raise ExplanationError unless ``z`` is (N, latent, 1, 1) with finite values, and N = ``count`` if given."""
    if z.ndim != 4 or z.shape[2:] != (1, 1) or not z.numel() or (count is not None and len(z) != count):
        rows = "N" if count is None else count
        raise ExplanationError(f"Noise has the shape ({rows}, latent, 1, 1), not {tuple(z.shape)}.")
    if not bool(torch.isfinite(z).all()):
        raise ExplanationError("Noise has finite values only.")
