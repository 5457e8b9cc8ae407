"""Maps whose quality is known: the exact one of an affine score, and two controls."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

import xai
from gan.progress import Progress
from tests.xai.nets import affine, noise, weights
from xai.methods.base import Attribution, Result

SIDE = 16


@dataclass(frozen=True, eq=False)
class Edges(Attribution):
    """A control: looks at the picture only, never at the network."""

    name, title, promise, caveat = "edges", "Edges", "", ""

    def _attribute(self, image: Tensor, progress: Progress) -> Result:
        return Result(image.diff(dim=-1, prepend=image[..., :1]).abs())


@dataclass(frozen=True, eq=False)
class Chance(Attribution):
    """A control: noise."""

    name, title, promise, caveat, stochastic = "chance", "Chance", "", "", True

    def _attribute(self, image: Tensor, progress: Progress) -> Result:
        return Result(torch.randn(image.shape, generator=torch.Generator().manual_seed(self.seed)))


@dataclass(frozen=True, eq=False)
class Known(Attribution):
    """A map that ``draw`` makes from the picture, the score and the seed, with what else it says of itself."""

    name, title, promise, caveat, stochastic = "known", "Known", "", "", True

    draw: Callable[[Tensor, xai.Score, int], Tensor] = lambda image, score, seed: image
    diagnostics: Mapping[str, float] = field(default_factory=dict)

    def _attribute(self, image: Tensor, progress: Progress) -> Result:
        said = {name: torch.tensor([value]) for name, value in self.diagnostics.items()}
        return Result(self.draw(image, self.score, self.seed), diagnostics=said)


def affine_score(seed: int = 0) -> tuple[nn.Sequential, xai.Score, Tensor]:
    network = affine(SIDE, seed)
    return network, xai.Score(network), noise(1, 3, SIDE, SIDE, seed=seed + 1)


def exact_heat(network: nn.Sequential, image: Tensor) -> NDArray[np.float32]:
    """What each pixel adds to an affine score over the grey picture."""
    return np.asarray((weights(network, SIDE) * image)[0].sum(0))
