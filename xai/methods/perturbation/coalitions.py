"""A picture as a cooperative game: segments are the players, the score is what they win together.

    game = Game.of(score, image, baseline, labels)     # labels (H, W): which segment a pixel belongs to
    game.value(masks)                                  # scores with only these segments present
    game.shared(("pairs", 0), lambda: masks)           # scored once for all: LIME, KernelSHAP, infidelity

An absent segment shows ``baseline`` instead, the reference's pixels.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from gan.errors import counted
from gan.evaluation.estimates import average_ranks
from gan.progress import Progress
from xai.errors import ExplanationError
from xai.networks.batches import at_once
from xai.networks.score import Score, digest

BATCH = 64  # pictures at once, fewer of large ones
MOST_PLAYERS = 16  # of an exact table: 65,536 pictures

# Help of the settings that LIME and KernelSHAP share
SAMPLES = "masked posters at most; it stops earlier where the estimates from parts of them agree"
SEGMENTS = "SLIC segments, about"
AGREEMENT = "rank correlation to be expected with another seed's map, at which it stops"

Masks = NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Game:
    """``image`` (1, C, H, W), ``baseline`` (K, C, H, W), ``labels`` (H, W) integers from 0 without a hole.

    With several baselines the game is their mean: what a method explains that averages over its references.
    """

    score: Score
    image: Tensor
    baseline: Tensor
    labels: NDArray[np.int64]

    @staticmethod
    def of(score: Score, image: Tensor, baseline: Tensor, labels: NDArray[np.int64]) -> Game:
        """The game, with all scores that the score has cached."""
        game: Game = score.cached(key_of(image, baseline, labels), lambda: Game(score, image, baseline, labels))
        return game

    @cached_property
    def key(self) -> Any:
        """Equal for equal games of one score."""
        return key_of(self.image, self.baseline, self.labels)

    @property
    def players(self) -> int:
        """How many segments there are."""
        return int(self.labels.max()) + 1

    @cached_property
    def whole(self) -> float:
        """Score of the picture."""
        return float(self.score(self.image))

    @cached_property
    def empties(self) -> NDArray[np.float64]:
        """Scores (K,) with every segment masked, by each of the baselines."""
        scores: Tensor = self.score(self.baseline)
        return np.asarray(scores.double().numpy(), np.float64)

    @cached_property
    def empty(self) -> float:
        """Score with every segment masked."""
        return float(self.empties.mean())

    def value(
        self, masks: Masks, progress: Progress | None = None, turns: NDArray[np.int64] | None = None
    ) -> NDArray[np.float64]:
        """Scores (M,) of the picture with only the segments of each row of ``masks`` (M, players) present.

        ``turns`` (M,) names the baseline that each row is masked with; without it a score is the mean over all.
        """
        count = len(self.baseline)
        if turns is None and count > 1:
            every = self.value(np.repeat(masks, count, 0), progress, np.tile(np.arange(count), len(masks)))
            return np.asarray(every.reshape(-1, count).mean(1), np.float64)
        present = torch.from_numpy(masks)
        places = torch.from_numpy(self.labels)
        image, baselines = (x.contiguous(memory_format=torch.channels_last) for x in (self.image, self.baseline))
        scores, most = [], at_once(BATCH, places.shape)
        for start in range(0, len(masks), most):
            rows = slice(start, start + most)
            keep = present[rows].index_select(1, places.flatten()).reshape(-1, 1, *places.shape)
            baseline = baselines if turns is None else baselines[torch.from_numpy(turns[rows])]
            scores.append(self.score(torch.where(keep, image, baseline)))
            if progress:
                progress(min(1.0, (start + most) / len(masks)))
        return torch.cat(scores).double().numpy()

    def shared(
        self,
        key: Any,
        draw: Callable[[], Masks],
        progress: Progress | None = None,
        turns: Callable[[Masks], NDArray[np.int64]] | None = None,
    ) -> tuple[Masks, NDArray[np.float64]]:
        """Masks and scores under this key; drawn and scored only once, as long as the score's cache has room."""

        def scored() -> tuple[Masks, NDArray[np.float64]]:
            masks = draw()
            return masks, self.value(masks, progress, turns(masks) if turns else None)

        answer: tuple[Masks, NDArray[np.float64]] = self.score.cached((self.key, key), scored)
        return answer

    def table(self, progress: Progress | None = None) -> NDArray[np.float64]:
        """Scores of all 2 ** players coalitions; player p is present where bit p of the index is set.

        Raises
        ------
        ExplanationError
            If there are more than 16 players.
        """
        if self.players > MOST_PLAYERS:
            raise ExplanationError(
                f"All coalitions of {counted(self.players, 'segment')} are too many; {MOST_PLAYERS} is the most."
            )
        return self.shared("table", lambda: every_mask(self.players), progress)[1]

    def marginals(self, pairs: int, progress: Progress | None = None) -> NDArray[np.float64]:
        """What each player adds (2 * pairs, players) along random orders, each followed by its reverse.

        The mean over the orders estimates the Shapley values (Castro, Gomez, Tejada 2009; in pairs, Mitchell, Cooper,
        Frank, Holmes 2022). Pair i is masked with baseline i modulo K: of a multiple of K pairs the estimates add up
        to ``whole`` - ``empty`` exactly.
        """
        random = np.random.default_rng(0)
        orders = [order for _ in range(pairs) for order in _both_ends(random.permutation(self.players))]
        inner = self.players - 1
        _, scores = self.shared(
            ("marginals", pairs),
            lambda: np.concatenate([grown(order, range(1, self.players)) for order in orders]),
            progress,
            lambda masks: np.arange(len(masks)) // (2 * inner) % len(self.baseline),
        )
        first = np.repeat(self.empties[np.arange(pairs) % len(self.baseline)], 2)[:, None]
        last = np.full((2 * pairs, 1), self.whole)
        steps = np.diff(np.concatenate([first, scores.reshape(2 * pairs, inner), last], 1))
        found = np.empty_like(steps)
        np.put_along_axis(found, np.stack(orders), steps, 1)
        return found


def key_of(image: Tensor, baseline: Tensor, labels: NDArray[np.int64]) -> Any:
    """Equal for equal games of one score."""
    return "game", digest(image), digest(baseline), digest(torch.from_numpy(labels))


def grown(order: NDArray[np.int64], counts: Sequence[int]) -> Masks:
    """Masks (len(counts), players) with the first 0, 1, ... players of an order present, as ``counts`` says."""
    rank = np.argsort(order)
    present: Masks = rank[None] < np.asarray(counts)[:, None]
    return present


def _both_ends(order: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    return order, order[::-1]


def every_mask(players: int) -> Masks:
    """All coalitions (2 ** players, players) in the order of their binary numbers."""
    bits: Masks = (np.arange(2**players)[:, None] >> np.arange(players)) & 1 == 1
    return bits


def shapley(table: NDArray[np.float64]) -> NDArray[np.float64]:
    """Exact Shapley values (players,) of a table of 2 ** players scores (Shapley 1953)."""
    players = int(math.log2(len(table)))
    index = np.arange(len(table))
    size = every_mask(players).sum(1)
    weight = 1 / (players * np.array([math.comb(players - 1, s) for s in range(players)]))
    values = []
    for player in range(players):
        without = index[index >> player & 1 == 0]
        values.append((weight[size[without]] * (table[without | 1 << player] - table[without])).sum())
    return np.array(values)


def foldover(players: int, most: int, random: np.random.Generator) -> Masks:
    """A balanced block of masks: rows of a Hadamard matrix and their complements, at most ``most`` rows.

    Each row by itself masks every segment with probability 1/2, independently, as LIME does. Together the
    rows show every segment equally often with and without every other one, and each mask comes with its
    complement, so that neither chance correlations nor pairwise interactions disturb what a linear
    model says of one segment (Plackett and Burman 1946; Box and Wilson 1951, foldover). Columns are
    chosen, and complemented, at random.
    """
    order = 2 ** max(1, math.ceil(math.log2(players)))
    signs = np.array([[1]])
    while len(signs) < order:
        signs = np.block([[signs, signs], [signs, -signs]])
    columns = random.permutation(order)[:players]
    turned = (signs[random.permutation(order)][:, columns] > 0) ^ (random.random(players) < 0.5)
    return np.stack([turned, ~turned], 1).reshape(-1, players)[:most]


def kernel_sizes(players: int) -> NDArray[np.float64]:
    """Probability of each coalition size 1 .. players - 1 under the Shapley kernel (Lundberg and Lee 2017)."""
    size = np.arange(1, players)
    weight = 1 / (size * (players - size))
    return np.asarray(weight / weight.sum())


def kernel_pairs(players: int, rows: int, random: np.random.Generator) -> Masks:
    """Coalitions drawn from the Shapley kernel, each followed by its complement; sizes are stratified."""
    half = rows // 2
    cumulated = np.cumsum(kernel_sizes(players))
    even = (np.arange(half) + random.random()) / half  # systematic: each size comes as often as it should
    size = 1 + np.minimum(np.searchsorted(cumulated, even), players - 2)
    rank = random.random((half, players)).argsort(1).argsort(1)
    chosen = rank < size[:, None]
    return np.stack([chosen, ~chosen], 1).reshape(-1, players)


def parts_agree(*parts: NDArray[np.float64]) -> float:
    """Expected rank correlation of an estimate with another such estimate, from N equal parts of it.

    The parts' mean rank correlation (Spearman 1904), corrected for their length (Spearman-Brown); 1 where
    nothing varies.
    """
    ranks = np.stack([average_ranks(part) for part in parts])
    constant = np.ptp(ranks, 1) == 0
    if constant.any():
        return 1.0 if constant.all() else 0.0
    correlation = float(np.asarray(np.corrcoef(ranks))[np.triu_indices(len(parts), 1)].mean())
    return len(parts) * correlation / (1 + (len(parts) - 1) * correlation) if correlation > 0 else correlation


class Blocks:
    """Balanced blocks of masks with their scores, one at a time, two at least and at most ``most`` masks.

    Block ``index`` of a seed is the same for all methods in this game, and scored only once. A mask and its complement
    are masked with the same one of the game's baselines, which take turns.
    """

    def __init__(self, game: Game, seed: int, most: int) -> None:
        self.game, self.seed, self.most = game, seed, most
        self.rows: int = min(2 * 2 ** max(1, (game.players - 1).bit_length()), most // 4 * 2)
        self.taken: list[tuple[Masks, NDArray[np.float64]]] = []

    @property
    def count(self) -> int:
        """Masks so far."""
        return len(self.taken) * self.rows

    @property
    def exhausted(self) -> bool:
        """Whether one more block would be too many."""
        return self.count + self.rows > self.most

    def take(self, progress: Progress) -> tuple[Masks, NDArray[np.float64]]:
        """One block more."""
        index = len(self.taken)
        random = np.random.default_rng([self.seed, index])
        self.taken.append(
            self.game.shared(
                ("foldover", self.seed, index, self.rows),
                lambda: foldover(self.game.players, self.rows, random),
                lambda part: progress(min(1.0, (index + part) * self.rows / self.most)),
                self._turns(index) if len(self.game.baseline) > 1 else None,
            )
        )
        return self.taken[-1]

    def _turns(self, index: int) -> Callable[[Masks], NDArray[np.int64]]:
        return lambda masks: (index * self.rows + np.arange(len(masks))) // 2 % len(self.game.baseline)

    def all(self) -> tuple[Masks, NDArray[np.float64]]:
        """Masks and scores of all blocks."""
        return np.concatenate([masks for masks, _ in self.taken]), np.concatenate([scores for _, scores in self.taken])
