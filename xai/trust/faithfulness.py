"""Does a map say what the network does? Measures of one map of one picture.

    found = curves(score, image, heat, hidden)       # hide the strongest places first, or show them first
    found.gain, found.random_spread                  # in logits; a random order gains 0
    unexplained(heat, game, masks, scores)           # 0: the map foretells what hiding does; 1: no better than none
    sensitivity(method, image, explanation)          # how much the map moves when the picture hardly does
    cascade(method, image, explanation)              # what is left of it when the network forgets what it learned

``heat`` is a map (H, W), signed, high where it speaks for a high score.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from gan.progress import Progress
from xai.methods.perturbation.coalitions import Game, Masks
from xai.methods.perturbation.segments import grid
from xai.networks.score import Score
from xai.trust.agreement import Map, coarse

CELLS = 8
RANDOM_ORDERS = 4
GRID = 3

Heat = NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Curves:
    """Scores while a picture's cells are shown (``insertion``), or hidden (``deletion``), strongest first.

    insertion, deletion : (cells ** 2 + 1,) scores, from no cell to all.
    gain : mean of insertion - mean of deletion, in logits. A random order gains 0 on average, since an
        order and its reverse gain opposite amounts; ``random_spread`` is the standard deviation over orders.
    random : (cells ** 2 + 1,) mean score when cells are shown in random order.
    """

    insertion: Map
    deletion: Map
    random: Map
    gain: float
    random_spread: float


def curves(
    score: Score, image: Tensor, heat: Heat, hidden: Tensor, cells: int = CELLS, progress: Progress | None = None
) -> Curves:
    """Insertion and deletion (Petsiuk, Das, Saenko 2018) on a grid of cells, behind which is ``hidden``.

    The random orders are asked about once for each picture and ``hidden``, whichever map is measured.
    """
    game = Game.of(score, image, hidden, grid(image.shape[-2], image.shape[-1], cells))
    random = np.random.default_rng(0)
    orders = [random.permutation(game.players) for _ in range(RANDOM_ORDERS)]
    _, chance = game.shared("random orders", lambda: np.concatenate([_both_ways(order) for order in orders]), progress)
    by_order = [_split(scores) for scores in chance.reshape(RANDOM_ORDERS, -1)]
    gains = [insertion.mean() - deletion.mean() for insertion, deletion in by_order]
    insertion, deletion = _split(game.value(_both_ways(np.argsort(-coarse(heat, cells).ravel(), kind="stable"))))
    return Curves(
        insertion,
        deletion,
        np.mean([(shown + gone[::-1]) / 2 for shown, gone in by_order], 0),
        float(insertion.mean() - deletion.mean()),
        float(np.sqrt(np.mean(np.square(gains)))),  # the mean is known to be 0
    )


def share_of_best(table: NDArray[np.float64], heat: Heat) -> float:
    """The gain of a map's order of tiles as a share of the best order's; 0 is chance, 1 the best possible.

    ``table`` holds the scores of all coalitions of a square grid's tiles (``Game.table``), so the best order
    is found exactly. NaN if no order gains anything.
    """
    players = int(np.log2(len(table)))
    gain = table - table[::-1]  # of a coalition in sight over the same coalition hidden
    order = np.argsort(-coarse(heat, round(players**0.5)).ravel(), kind="stable")
    reached = gain[np.cumsum(1 << order)].sum()
    best = np.full(len(table), -np.inf)
    best[0] = 0.0
    for mask in range(1, len(table)):
        members = [player for player in range(players) if mask >> player & 1]
        best[mask] = gain[mask] + max(best[mask ^ 1 << player] for player in members)
    most = best[-1] - gain[-1]  # the last step, everything in sight, is the same for all orders
    return float((reached - gain[-1]) / most) if most > 1e-9 else float("nan")


def unexplained(heat: Heat, game: Game, masks: Masks, scores: NDArray[np.float64]) -> float:
    """Infidelity (Yeh et al. 2019, definition 2.1) over masks of a game, as a share of what hiding does.

    The map foretells that hiding pixels takes away the sum of their shares, up to one factor for the whole
    map (the paper's optimal scaling, not below 0). 0: it foretells everything; 1: no more than an empty map.
    """
    shares = np.bincount(game.labels.ravel(), np.asarray(heat, np.float64).ravel(), game.players)
    foretold = (~masks).astype(np.float64) @ shares
    lost = game.whole - scores
    factor = max(0.0, float(foretold @ lost)) / (float(foretold @ foretold) or 1.0)
    energy = float(lost @ lost)
    return float(((lost - factor * foretold) ** 2).sum() / energy) if energy > 1e-12 else 0.0


def grid_correlation(heat: Heat, shares: NDArray[np.float64]) -> float:
    """Pearson's correlation between a map's sums over the tiles of a square grid and the tiles' exact shares."""
    sums = coarse(heat, round(len(shares) ** 0.5)).ravel()
    if not np.ptp(sums) or not np.ptp(shares):
        return float("nan")
    return float(np.corrcoef(sums, shares)[0, 1])


def _sizes(heat: Heat) -> Map:
    return coarse(np.abs(heat), 16)


def _both_ways(order: NDArray[np.int64]) -> Masks:
    """Masks for insertion, then for deletion, in this order: 2 x (players + 1) rows."""
    rank = np.argsort(order)
    shown = rank[None] < np.arange(len(order) + 1)[:, None]
    return np.concatenate([shown, ~shown])


def _split(scores: NDArray[np.float64]) -> tuple[Map, Map]:
    half = len(scores) // 2
    return scores[:half], scores[half:]
