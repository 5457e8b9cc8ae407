"""Does a map show what the network does? Metrics of one map of one picture.

    metric = curves(score, image, heat, baseline)    # insertion and deletion of the strongest places first
    metric.gain, metric.random_spread                # in logits; a random order gains 0
    order_gain(table, heat)                          # 1: the best of all orders; 0: no better than random ones
    grid_correlation(heat, shapley(table))           # with exact Shapley values
    normalised_infidelity(heat, game, masks, scores) # 0: the map predicts what masking does; 1: no better than none

``heat`` is a map (H, W), signed, high where it speaks for a high score (``Explanation.heat``).
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

CELLS = 8  # a side of the grid whose cells are inserted and deleted
RANDOM_ORDERS = 4

Heat = NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Curves:
    """Scores while a picture's cells are inserted or deleted, strongest first.

    insertion, deletion : (cells ** 2 + 1,) scores, from no cell to all.
    gain : mean of insertion - mean of deletion, in logits. A random order gains 0 on average, since an
        order and its reverse gain opposite amounts; ``random_spread`` is the standard deviation over orders.
    random : (cells ** 2 + 1,) mean score when cells are inserted in random order.
    """

    insertion: Map
    deletion: Map
    random: Map
    gain: float
    random_spread: float


def curves(
    score: Score, image: Tensor, heat: Heat, baseline: Tensor, cells: int = CELLS, progress: Progress | None = None
) -> Curves:
    """Insertion and deletion (Petsiuk, Das, Saenko 2018) on a grid of cells; a deleted cell shows ``baseline``.

    ``image`` and ``baseline`` are (1, 3, H, W). The random orders are scored once for each picture and baseline,
    whichever map is measured.
    """
    game = Game.of(score, image, baseline, grid(image.shape[-2], image.shape[-1], cells))
    random = np.random.default_rng(0)
    orders = [random.permutation(game.players) for _ in range(RANDOM_ORDERS)]
    _, chance = game.shared("random orders", lambda: np.concatenate([_both_ways(order) for order in orders]), progress)
    by_order = [_split(scores) for scores in chance.reshape(RANDOM_ORDERS, -1)]
    gains = [insertion.mean() - deletion.mean() for insertion, deletion in by_order]
    insertion, deletion = _split(game.value(_both_ways(_strongest_first(heat, cells))))
    return Curves(
        insertion,
        deletion,
        np.mean([(inserted + deleted[::-1]) / 2 for inserted, deleted in by_order], 0),
        float(insertion.mean() - deletion.mean()),
        float(np.sqrt(np.mean(np.square(gains)))),  # their mean is 0 by construction
    )


def order_gain(table: NDArray[np.float64], heat: Heat) -> float:
    """Gain of a map's order of tiles as a proportion of the best order's; 0 for random orders, 1 the best possible.

    ``table`` holds the scores of all coalitions of a square grid's tiles (``Game.table``), so the best order
    is found exactly. NaN if no order gains anything.
    """
    players = int(np.log2(len(table)))
    gain = table - table[::-1]  # of a coalition present over the same coalition masked
    order = _strongest_first(heat, round(players**0.5))
    reached = gain[np.cumsum(1 << order)].sum()
    best = np.full(len(table), -np.inf)
    best[0] = 0.0
    for mask in range(1, len(table)):
        members = [player for player in range(players) if mask >> player & 1]
        best[mask] = gain[mask] + max(best[mask ^ 1 << player] for player in members)
    most = best[-1] - gain[-1]  # the last step, everything present, is the same for all orders
    return float((reached - gain[-1]) / most) if most > 1e-9 else float("nan")


def normalised_infidelity(heat: Heat, game: Game, masks: Masks, scores: NDArray[np.float64]) -> float:
    """Infidelity (Yeh et al. 2019, definition 2.1) over masks of a game, as a proportion of what masking does.

    The map predicts that masking pixels lowers the score by the sum of their attributions, up to one factor for the
    whole map (the paper's optimal scaling, not below 0). 0: it predicts everything; 1: no more than an empty map.
    """
    attributions = np.bincount(game.labels.ravel(), np.asarray(heat, np.float64).ravel(), game.players)
    predicted = (~masks).astype(np.float64) @ attributions
    lost = game.whole - scores
    factor = max(0.0, float(predicted @ lost)) / (float(predicted @ predicted) or 1.0)
    energy = float(lost @ lost)
    return float(((lost - factor * predicted) ** 2).sum() / energy) if energy > 1e-12 else 0.0


def grid_correlation(heat: Heat, values: NDArray[np.float64]) -> float:
    """Pearson's correlation between a map's sums over the tiles of a square grid and the tiles' exact Shapley values.

    NaN where either is the same everywhere.
    """
    sums = coarse(heat, round(len(values) ** 0.5)).ravel()
    if not np.ptp(sums) or not np.ptp(values):
        return float("nan")
    return float(np.corrcoef(sums, values)[0, 1])


def _strongest_first(heat: Heat, cells: int) -> NDArray[np.int64]:
    return np.argsort(-coarse(heat, cells).ravel(), kind="stable")


def _both_ways(order: NDArray[np.int64]) -> Masks:
    """Masks for insertion, then for deletion, in this order: 2 x (players + 1) rows."""
    rank = np.argsort(order)
    inserted = rank[None] < np.arange(len(order) + 1)[:, None]
    return np.concatenate([inserted, ~inserted])


def _split(scores: NDArray[np.float64]) -> tuple[Map, Map]:
    half = len(scores) // 2
    return scores[:half], scores[half:]
