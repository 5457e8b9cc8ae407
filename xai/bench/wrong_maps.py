"""Methods whose maps are wrong by construction, for measuring how often a verdict is fooled.

    method = wrong("other poster", genuine, image, Others(poster, score_of_another_network), seed=0)
    examine(method, image, method.attribute(image)).verdict       # should not be "trust"

Each is given every advantage. Its map moves with the picture, and with the weights where it can, so that it passes the
checks that look for those: only what it says of this picture, to this network, is wrong.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass, replace

import numpy as np
import torch
from scipy.ndimage import gaussian_filter
from torch import Tensor

from gan.progress import Progress
from xai.bench.localisation import control
from xai.errors import ExplanationError
from xai.methods.base import Attribution, Result
from xai.networks.score import Score
from xai.trust.agreement import CELLS

SMOOTHNESS = (2.0, 4.0, 8.0)  # standard deviations of the Gaussian filter, in pixels


@dataclass(frozen=True, eq=False)
class Others:
    """What the map is really of: another ``poster`` (1, 3, H, W), another network's ``score``."""

    poster: Tensor
    score: Score


@dataclass(frozen=True, eq=False)
class Wrong(Attribution):
    """Base: what a method needs beside what it explains. ``image`` (1, 3, H, W) is the picture that is examined."""

    title = "Wrong on purpose"
    promise = "Nothing."
    caveat = "It is wrong on purpose."

    genuine: Attribution = None  # type: ignore[assignment]  # always given; a dataclass field after defaults needs one
    image: Tensor = None  # type: ignore[assignment]  # so is this
    others: Others = None  # type: ignore[assignment]  # and this

    def right(self, image: Tensor, score: Score, progress: Progress) -> Tensor:
        """The genuine method's map of any picture, by any network."""
        return replace(self.genuine, score=score).attribute(image, progress).values


@dataclass(frozen=True, eq=False)
class Smooth(Wrong):
    """Smoothed noise, another one for other weights: what a map looks like that says nothing."""

    name = "smooth"

    def _attribute(self, image: Tensor, progress: Progress) -> Result:
        answer = float(self.score(torch.zeros_like(image)))
        random = np.random.default_rng([self.seed, int.from_bytes(struct.pack("<d", answer), "little")])
        noise = random.standard_normal(image.shape[2:])
        smooth = gaussian_filter(noise, SMOOTHNESS[self.seed % len(SMOOTHNESS)], mode="wrap")
        return Result(torch.from_numpy(smooth)[None, None].float())


@dataclass(frozen=True, eq=False)
class Permuted(Wrong):
    """The right map with its cells, of the grid on which verdicts are passed, in random order."""

    name = "permuted"

    def _attribute(self, image: Tensor, progress: Progress) -> Result:
        values = self.right(image, self.score, progress)
        (height, width), channels = values.shape[2:], values.shape[1]
        rows, columns = height // CELLS, width // CELLS
        cells = values.reshape(channels, CELLS, rows, CELLS, columns).permute(1, 3, 0, 2, 4).flatten(0, 1)
        order = torch.randperm(CELLS**2, generator=torch.Generator().manual_seed(self.seed))
        grid = cells[order].reshape(CELLS, CELLS, channels, rows, columns).permute(2, 0, 3, 1, 4)
        return Result(grid.reshape(1, channels, height, width))


@dataclass(frozen=True, eq=False)
class Edges(Wrong):
    """The poster's edges, speaking for or against."""

    name = "edges"

    def _attribute(self, image: Tensor, progress: Progress) -> Result:
        return Result(torch.from_numpy(control("edges", image) * (-1) ** self.seed)[None, None].float())


@dataclass(frozen=True, eq=False)
class OtherPoster(Wrong):
    """The right map of another poster."""

    name = "other poster"

    def _attribute(self, image: Tensor, progress: Progress) -> Result:
        elsewhere = (self.others.poster + image - self.image).clamp(-1, 1)  # moves with the picture
        return Result(self.right(elsewhere, self.score, progress))


@dataclass(frozen=True, eq=False)
class OtherNetwork(Wrong):
    """The right map of this poster, by another network; of randomised weights the right one."""

    name = "other network"

    def _attribute(self, image: Tensor, progress: Progress) -> Result:
        score = self.others.score if self.score is self.genuine.score else self.score
        return Result(self.right(image, score, progress))


WRONG: dict[str, type[Wrong]] = {kind.name: kind for kind in (Smooth, Permuted, Edges, OtherPoster, OtherNetwork)}


def wrong(name: str, genuine: Attribution, image: Tensor, others: Others, seed: int = 0) -> Wrong:
    """A method of this kind, one of WRONG, that seems to explain what ``genuine`` explains.

    Raises
    ------
    ExplanationError
        If there is no such kind, or the picture's sides are no multiples of 8.
    """
    if name not in WRONG:
        raise ExplanationError(f"There is no kind {name!r} of wrong map; there are {', '.join(WRONG)}.")
    if any(side % CELLS for side in image.shape[2:]):
        raise ExplanationError(f"A picture of {CELLS} x {CELLS} equal cells is needed, not {tuple(image.shape[2:])}.")
    return WRONG[name](genuine.score, genuine.reference, seed, genuine, image, others)
