"""Does a map point at what is known to have moved the score? Measures against a known truth.

    measure(relevance(explanation, case.delta), case.mask).rank     # 1: the strongest pixels are those of the mask
    standings(measures, CONTROLS)                    # methods and controls by rank, with bootstrap intervals

Cases come from :mod:`xai.bench.planted`. Rank and mass: Arras, Osman, Samek 2022 (CLEVR-XAI); pointing game: Zhang,
Bargal, Lin, Brandt, Shen, Sclaroff 2018.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import astuple, dataclass, fields

import numpy as np
from torch import Tensor

from gan.evaluation.estimates import Estimate, bootstrap
from xai.bench.planted import Mask
from xai.errors import ExplanationError
from xai.methods.base import Explanation
from xai.trust.agreement import Map

CONTROLS = ("random", "edges", "centre")

BLOCK = 4  # pixels a side that are pooled
# which of the Measures holds the rank at a detail, in pixels
RANK_AT = {1: "rank", 2: "rank_2", 4: "block_rank", 8: "rank_8", 16: "rank_16", 32: "rank_32"}


# ---- measures ------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Measures:
    """One map against one mask. Higher is better; what chance reaches stands in brackets.

    rank : of the K strongest pixels, K the mask's size, the proportion inside (the mask's proportion of the picture).
    block_rank : the same once every pixel has the mean of its 4 x 4 block: what is left where neighbours cancel.
    mass : positive relevance inside, as a proportion of all positive relevance (the mask's of the picture).
    excess : ``mass`` minus the mask's proportion of the picture (0).
    pointing : 1 where the strongest pixel of the strongest 4 x 4 block is inside (the mask's proportion).
    auc : probability that a pixel inside outranks one outside (0.5).
    place : probability that the mask holds more net relevance than a mask of its shape elsewhere (0.5): what a map
        says of the whole thing, where it gives its pixels both signs.
    rank_2, rank_8, rank_16, rank_32 : ``block_rank`` with blocks of 2, 8, 16 and 32 pixels a side: see RANK_AT.
    """

    rank: float
    block_rank: float
    mass: float
    excess: float
    pointing: float
    auc: float
    place: float
    rank_2: float
    rank_8: float
    rank_16: float
    rank_32: float


MEASURES = tuple(field.name for field in fields(Measures))


def measure(heat: Map, mask: Mask) -> Measures:
    """Measure a relevance map (H, W), high where the truth is claimed to be, against the truth (H, W).

    Ties are broken by expectation, so a map that is the same everywhere gets exactly what chance would.

    Raises
    ------
    ExplanationError
        If the shapes differ, the map is not finite, or the mask holds no pixel or all.
    """
    values = np.asarray(heat, np.float64)
    if values.shape != mask.shape or not np.isfinite(values).all():
        raise ExplanationError("A map is measured where it is finite and of the mask's size.")
    if mask.all() or not mask.any():
        raise ExplanationError("A mask with every pixel, or with none, is no place to point at.")
    mass = relevance_mass(values, mask)
    return Measures(
        rank_accuracy(values, mask),
        rank_accuracy(pooled(values), mask),
        mass,
        mass - float(mask.mean()),
        pointing_game(values, mask),
        roc_auc(values, mask),
        place_rank(values, mask),
        *(rank_accuracy(pooled(values, block), mask) for block in (2, 8, 16, 32)),
    )


def relevance(explanation: Explanation, delta: float) -> Map:
    """The map (H, W) of the explanation's first picture, channels added up, turned so that high means "it was here".

    Where the thing lowered the score, ``delta`` < 0, a right map is negative there.
    """
    return np.asarray(explanation.heat(), np.float64) * float(np.sign(delta))


def relevance_mass(values: Map, mask: Mask) -> float:
    """Positive relevance inside over all positive relevance (Arras et al. 2022), 0 to 1."""
    positive = np.maximum(values, 0)
    inside, outside = positive[mask].sum(), positive[~mask].sum()
    return float(inside / (inside + outside)) if inside + outside > 0 else float(mask.mean())


def rank_accuracy(values: Map, mask: Mask) -> float:
    """Proportion of the K strongest pixels that are inside, K the mask's size (Arras et al. 2022), 0 to 1."""
    count = int(mask.sum())
    weakest = np.partition(values.ravel(), -count)[-count]
    above, tied = values > weakest, values == weakest
    return float((mask[above].sum() + (count - above.sum()) * mask[tied].mean()) / count)


def pointing_game(values: Map, mask: Mask) -> float:
    """Whether the strongest pixel of the strongest block is inside (after Zhang et al. 2018), 0 to 1.

    Means over 4 x 4 blocks come first, so that a single pixel of a noisy map does not decide; between
    equally strong pixels it is the proportion that is inside.
    """
    means = pooled(values)
    strongest = means == means.max()
    strongest &= values == values[strongest].max()
    return float(mask[strongest].mean())


def pooled(values: Map, block: int = BLOCK) -> Map:
    """The map (H, W) with every pixel replaced by the mean of its block of ``block`` x ``block``."""
    rows, columns = (np.arange(side) // block for side in values.shape)
    blocks = rows[:, None] * (columns[-1] + 1) + columns
    means = np.bincount(blocks.ravel(), values.ravel()) / np.bincount(blocks.ravel())
    return np.asarray(means[blocks])


def roc_auc(values: Map, mask: Mask) -> float:
    """Area under the ROC curve, by ranks (Mann and Whitney 1947); equal pixels count half. 0 to 1."""
    from scipy.stats import rankdata

    ranks = rankdata(values.ravel()).reshape(values.shape)
    inside = int(mask.sum())
    return float((ranks[mask].sum() - inside * (inside + 1) / 2) / (inside * (mask.size - inside)))


def place_rank(values: Map, mask: Mask) -> float:
    """Proportion of the mask's other places in which there is less net relevance, equal ones counting half; 0 to 1.

    The other places are all shifts of the mask that change it, what leaves the picture on one side coming in on
    the other.
    """

    def over_all_places(seen: Map) -> Map:
        spectrum = np.fft.rfft2(seen) * np.conj(np.fft.rfft2(mask.astype(np.float64)))
        return np.asarray(np.fft.irfft2(spectrum, mask.shape))

    others = over_all_places(mask.astype(np.float64)) < mask.sum() - 0.5  # a strip's shifts along itself are none
    net, noise = over_all_places(values), 1e-12 * float(np.abs(values).sum())
    higher, lower = net > net[0, 0] + noise, net < net[0, 0] - noise
    return float((1 + lower[others].mean() - higher[others].mean()) / 2)


def control(name: str, image: Tensor, seed: int = 0) -> Map:
    """A map (H, W) for the picture (1, 3, H, W) that does not depend on the network; one of CONTROLS.

    "random": normal noise. "edges": the size of the Sobel gradient of the grey picture. "centre": a Gaussian
    in the middle whose standard deviation is a quarter of the side.

    Raises
    ------
    ExplanationError
        If there is no such control.
    """
    height, width = image.shape[-2:]
    if name == "random":
        return np.random.default_rng(seed).standard_normal((height, width))
    if name == "edges":
        from scipy.ndimage import sobel

        grey = image[0].double().mean(0).numpy()
        return np.asarray(np.hypot(sobel(grey, 0), sobel(grey, 1)))
    if name == "centre":
        down, across = ((np.arange(side) - (side - 1) / 2) / (side / 4) for side in (height, width))
        return np.exp(-(down[:, None] ** 2 + across**2) / 2)
    raise ExplanationError(f"There is no control {name!r}; there are {', '.join(CONTROLS)}.")


# ---- many cases ----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Standing:
    """How one method, or control, did.

    measured : by measure, the mean over cases.
    beyond : by measure, the mean paired difference to the control that did best in it.
    """

    name: str
    measured: Mapping[str, Estimate]
    beyond: Mapping[str, Estimate]


def standings(measures: Mapping[str, Sequence[Measures]], controls: Collection[str], seed: int = 0) -> list[Standing]:
    """Best mean rank accuracy first; ``measures`` by name, for the same cases in the same order.

    All names are resampled with the same cases, so a name that equals the best control differs from it by exactly 0.
    """
    tables = {name: np.array([astuple(one) for one in found]) for name, found in measures.items()}
    best = [
        max((tables[name][:, column] for name in controls), key=lambda values: float(values.mean()))
        for column in range(len(MEASURES))
    ]
    found = [
        Standing(
            name,
            {key: bootstrap(table[:, column], seed) for column, key in enumerate(MEASURES)},
            {key: bootstrap(table[:, column] - best[column], seed) for column, key in enumerate(MEASURES)},
        )
        for name, table in tables.items()
    ]
    return sorted(found, key=lambda one: -one.measured["rank"].value)
