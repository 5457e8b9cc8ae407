"""KernelSHAP: Shapley values of segments, from a weighted linear model of random coalitions.

    KernelShap(Score(discriminator), reference("grey")).attribute(images)

Lundberg and Lee 2017, section 4.1; drawn in pairs (Covert and Lee 2021).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from gan.progress import Progress
from gan.settings import setting
from xai.methods.base import Result, register
from xai.methods.perturbation.coalitions import (
    AGREEMENT,
    SAMPLES,
    SEGMENTS,
    Blocks,
    Game,
    Masks,
    every_mask,
    kernel_pairs,
    kernel_sizes,
    parts_agree,
)
from xai.methods.perturbation.segments import Segmented, spread

BLOCK = 128


@register
@dataclass(frozen=True, eq=False)
class KernelShap(Segmented):
    """Shapley values of about ``segments`` SLIC segments that add up exactly; at most ``samples`` masked posters.

    Two blocks of masks are LIME's, and cost nothing where LIME has scored them; the others are drawn from
    the Shapley kernel. Each mask is weighted by the kernel over the density of the mixture that it was
    drawn from (balance heuristic, Veach and Guibas 1995). It stops as LIME does. Where all coalitions are
    no more than ``samples``, the values are exact. Diagnostics: segment_count, samples, split_half.
    """

    name = "kernelshap"
    title = "KernelSHAP"
    complete = True
    stochastic = True
    needs_reference = True
    budget: ClassVar = {"samples": 256}
    promise = "Each segment's fair share: what it adds to {score}, averaged over all orders of uncovering them."
    caveat = "Estimated from some of the orders: another seed gives slightly other values."

    samples: int = setting(2048, SAMPLES, label="Sample budget", low=8)
    segments: int = setting(50, SEGMENTS, low=1)
    agreement: float = setting(0.95, AGREEMENT, label="Target agreement")

    @property
    def count(self) -> int:
        """About how many segments to cut."""
        return self.segments

    def _attribute(self, image: Tensor, progress: Progress) -> Result:
        labels = self.cut(image)
        game = Game.of(self.score, image, self.reference.single(image), labels)
        whole, empty = game.whole, game.empty
        if game.players == 1:
            values, count, agreement = np.array([whole - empty]), 0, 1.0
        elif 2**game.players <= self.samples:
            masks = every_mask(game.players)[1:-1]
            scores = game.table(progress)[1:-1]
            values, count, agreement = solve(masks, scores, kernel_density(masks), whole, empty), len(masks), 1.0
        else:
            values, count, agreement = self._estimated(game, whole, empty, progress)
        return Result(
            spread(values, labels), empty, torch.from_numpy(labels)[None],
            {
                "segment_count": torch.tensor([game.players]),
                "samples": torch.tensor([count]),
                "split_half": torch.tensor([agreement]),
            },
            score=whole,
        )  # fmt: skip

    def _estimated(
        self, game: Game, whole: float, empty: float, progress: Progress
    ) -> tuple[NDArray[np.float64], int, float]:
        uniform = Blocks(game, self.seed, self.samples // 2)
        for _ in range(2):
            uniform.take(lambda part: progress(part / 2))
        rows = min(BLOCK, (self.samples - uniform.count) // 4 * 2)
        drawn: list[tuple[Masks, NDArray[np.float64]]] = []

        def estimate(*which: int) -> NDArray[np.float64]:
            parts = [
                *(uniform.taken[index] for index in which),
                *(block for index, block in enumerate(drawn) if index % 2 in which),
            ]
            masks = np.concatenate([masks for masks, _ in parts])
            scores = np.concatenate([scores for _, scores in parts])
            uniform_density = np.exp2(-game.players)
            kernel = kernel_density(masks)
            proportion = len(which) * uniform.rows / len(masks)
            return solve(
                masks, scores, kernel / (proportion * uniform_density + (1 - proportion) * kernel), whole, empty
            )

        while True:
            for _ in range(2):
                index = len(drawn)
                random = np.random.default_rng([self.seed, index, 1])
                drawn.append(
                    game.shared(
                        ("kernel", self.seed, index, rows),
                        lambda: kernel_pairs(game.players, rows, random),  # noqa: B023  # called at once
                    )
                )
            count = uniform.count + len(drawn) * rows
            progress(count / self.samples)
            agreement = parts_agree(estimate(0), estimate(1))
            if agreement >= self.agreement or count + 2 * rows > self.samples:
                return estimate(0, 1), count, agreement


def kernel_density(masks: Masks) -> NDArray[np.float64]:
    """Probability (M,) of each mask under the Shapley kernel; 0 for the full and the empty one."""
    players = masks.shape[1]
    of_size = kernel_sizes(players) / np.array([math.comb(players, size) for size in range(1, players)], np.float64)
    density: NDArray[np.float64] = np.concatenate([[0], of_size, [0]])[masks.sum(1)]
    return density


def solve(
    masks: Masks, scores: NDArray[np.float64], weight: NDArray[np.float64], whole: float, empty: float
) -> NDArray[np.float64]:
    """Weighted least squares under the condition that the values add up to ``whole`` - ``empty``."""
    x = masks.astype(np.float64)
    weight = weight / weight.sum()
    inner = (x.T * weight) @ x + 1e-9 * np.eye(x.shape[1])
    outer = (x.T * weight) @ (scores - empty)
    free, ones = np.linalg.solve(inner, np.stack([outer, np.ones(len(outer))], 1)).T
    return np.asarray(free - ones * (free.sum() - (whole - empty)) / ones.sum())
