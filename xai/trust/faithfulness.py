"""Does a map show what the network does? Metrics of one map of one picture.

    metric = curves(score, image, heat, baseline)    # insertion and deletion of the strongest places first
    metric.gain, metric.random_spread                # in logits; a random order gains 0
    grid_correlation(heat, shapley(table)).low       # with exact Shapley values, and where its interval begins
    known = halves(game)                             # scores of one half of the picture less those of the other
    prediction(heat, known).value                    # 1: the map predicts them all; 0: none
    misplaced(heat, known)                           # how many of its own shifted copies predict as well

``heat`` is a map (H, W), signed, high where it speaks for a high score (``Explanation.heat``). ``baseline`` (K, C, H,
W) may be several pictures, where a map averages over them; all metrics are of their mean then.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from gan.evaluation.estimates import Estimate, correlation
from gan.progress import Progress
from xai.methods.perturbation.coalitions import Blocks, Game, Masks, grown
from xai.methods.perturbation.segments import grid
from xai.networks.score import Score
from xai.trust.agreement import CELLS, Map, coarse

STEPS = 8  # in which a picture is inserted and deleted
RANDOM_ORDERS = 16
MOST_BASELINES = 8  # that a map's own order is masked with
MASKS = 256  # of which one half each is the other's complement

Heat = NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Curves:
    """Scores while a picture's cells are inserted or deleted, strongest first.

    insertion, deletion : (STEPS + 1,) scores, from no cell to all.
    gain : mean of insertion - mean of deletion, in logits. A random order gains 0 on average, since an
        order and its reverse gain opposite amounts; ``random_spread`` is the standard deviation over orders.
    random : (STEPS + 1,) mean score when cells are inserted in random order.
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

    ``image`` is (1, 3, H, W), ``baseline`` (K, 3, H, W): the map's order is masked with up to 8 of them, and each
    random order with one of them in turn. The random orders are scored once for each picture and baseline, whichever
    map is measured.
    """
    labels = grid(image.shape[-2], image.shape[-1], cells)
    game = Game.of(score, image, baseline, labels)
    random = np.random.default_rng(0)
    orders = [random.permutation(game.players) for _ in range(RANDOM_ORDERS)]
    of_one = 2 * (STEPS - 1)
    _, chance = game.shared(
        "random orders",
        lambda: np.concatenate([_both_ways(order) for order in orders]),
        progress,
        lambda masks: np.arange(len(masks)) // of_one % len(baseline),
    )
    ends = [(game.empties[row % len(baseline)], game.whole) for row in range(RANDOM_ORDERS)]
    by_order = [_split(*pair) for pair in zip(chance.reshape(RANDOM_ORDERS, -1), ends, strict=True)]
    gains = [insertion.mean() - deletion.mean() for insertion, deletion in by_order]
    some = game if len(baseline) <= MOST_BASELINES else Game.of(score, image, spaced(baseline, MOST_BASELINES), labels)
    insertion, deletion = _split(some.value(_both_ways(_strongest_first(heat, cells))), (game.empty, game.whole))
    return Curves(
        insertion,
        deletion,
        np.mean([(inserted + deleted[::-1]) / 2 for inserted, deleted in by_order], 0),
        float(insertion.mean() - deletion.mean()),
        float(np.sqrt(np.mean(np.square(gains)))),  # their mean is 0 by construction
    )


def spaced(baseline: Tensor, most: int) -> Tensor:
    """At most ``most`` of the baselines (K, C, H, W), evenly spaced."""
    chosen = np.unique(np.linspace(0, len(baseline) - 1, min(most, len(baseline))).round().astype(np.int64))
    return baseline[chosen.tolist()]


@dataclass(frozen=True, eq=False)
class Halves:
    """Scores of random halves of a picture.

    labels : (H, W), the segments. present : (P, segments), 1 where a segment is in the half, -1 where it is in the
    other.
    difference : (P,), the half's score less the other's. A constant, and whatever two segments do together, cancels.
    """

    labels: NDArray[np.int64]
    present: NDArray[np.float64]
    difference: NDArray[np.float64]

    def predicted(self, heat: Heat) -> NDArray[np.float64]:
        """What the map says of the differences (P,)."""
        return self.present @ np.bincount(self.labels.ravel(), np.asarray(heat, np.float64).ravel())


def halves(game: Game, seed: int = 0, masks: int = MASKS, progress: Progress | None = None) -> Halves:
    """Two balanced blocks of masks, each of a half and its complement; scored once for all maps in this game."""
    blocks = Blocks(game, seed, masks)
    for _ in range(2):
        blocks.take(progress or (lambda part: None))
    present, scores = blocks.all()
    return Halves(game.labels, np.where(present[::2], 1.0, -1.0), scores[::2] - scores[1::2])


def prediction(heat: Heat, known: Halves) -> Estimate:
    """Correlation of the differences between halves that a map predicts with the scores' own, -1 to 1.

    1 - its square is the infidelity.
    Infidelity (Yeh et al. 2019, definition 2.1) with the paper's optimal scaling, over pairs of complementary masks,
    as a proportion of what masking does. NaN where either is always 0.
    """
    return correlation(known.predicted(heat), known.difference, centred=False)


def misplaced(heat: Heat, known: Halves, steps: int = CELLS) -> float:
    """Proportion of the map's shifted and mirrored copies, itself included, that predict halves at least as well.

    A map that says nothing of this picture's places is as good as its copies, which keep all that is in it, its
    smoothness above all, but the places (torus translation, Harms, Condit, Hubbell, Foster 2001): for such maps the
    value is uniform, whatever they look like. NaN where the map predicts no difference or there is none.
    """
    height, width = heat.shape
    shifts = [(row * height // steps, column * width // steps) for row in range(steps) for column in range(steps)]
    mirrored = (heat, heat[::-1], heat[:, ::-1], heat[::-1, ::-1])
    copies = np.stack([np.roll(one, shift, (0, 1)) for one in mirrored for shift in shifts]).astype(np.float64)
    sums = copies.reshape(len(copies), -1) @ np.eye(known.present.shape[1])[known.labels.ravel()]
    predicted = sums @ known.present.T
    size = np.sqrt((predicted**2).sum(1))
    if not size[0] > 0 or not known.difference.any():
        return float("nan")
    reached = predicted @ known.difference / np.maximum(size, 1e-300)
    return float((reached >= reached[0] - 1e-9 * abs(reached[0])).mean())


def grid_correlation(heat: Heat, values: NDArray[np.float64]) -> Estimate:
    """Pearson's correlation between a map's means over the tiles of a square grid and the tiles' Shapley values.

    Values are divided by the tiles' areas as well, for tiles may differ by a row of pixels. NaN where either is the
    same everywhere.
    """
    side = round(len(values) ** 0.5)
    height, width = heat.shape
    areas = np.bincount(grid(height, width, side).ravel())
    return correlation(coarse(heat, side).ravel(), values / areas * areas.mean())


def _strongest_first(heat: Heat, cells: int) -> NDArray[np.int64]:
    return np.argsort(-coarse(heat, cells).ravel(), kind="stable")


def _both_ways(order: NDArray[np.int64]) -> Masks:
    """Masks between no cell and all, for insertion and then for deletion: 2 x (STEPS - 1) rows."""
    inserted = grown(order, [step * len(order) // STEPS for step in range(1, STEPS)])
    return np.concatenate([inserted, ~inserted])


def _split(scores: NDArray[np.float64], ends: tuple[float, float]) -> tuple[Map, Map]:
    """Insertion and deletion (STEPS + 1,), between the scores of no cell and of all."""
    half, (empty, whole) = len(scores) // 2, ends
    return np.array([empty, *scores[:half], whole]), np.array([whole, *scores[half:], empty])
