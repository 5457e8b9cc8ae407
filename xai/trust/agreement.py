"""Do two maps agree? Methods differ in resolution, so maps are compared on a common grid.

    compared = compare({"deeplift": heat, "lime": other})
    compared.rank[0, 1]          # Spearman's rank correlation
    compared.consensus           # mean of the maps, each at unit RMS, (8, 8)

Heat maps (H, W) come from ``Explanation.heat``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from gan.display import paragraph, table
from gan.evaluation.estimates import average_ranks
from xai.errors import ExplanationError
from xai.methods.base import Attribution, Explanation

CELLS = 8  # a side of the common grid: 8 pixels of a 64 x 64 poster, about one of LIME's segments
TOP = 0.1  # the strongest tenth of the cells

Map = NDArray[np.float64]


class Judged(Protocol):
    """What has a verdict: xai.Trust."""

    @property
    def verdict(self) -> str: ...


def in_consensus(
    explained: Explanation | Attribution, trust: Judged | None = None, include_distrusted: bool = False
) -> bool:
    """Whether a map belongs into a consensus of maps, and into their disagreement.

    Only maps whose values divide up the score say the same kind of thing. One that is "do not trust" is left out unless
    ``include_distrusted``; one without a verdict (``trust`` None) is taken; an empty one has nothing to say.
    """
    if explained.claims != "score" or (trust is not None and trust.verdict == "nothing to judge"):
        return False
    return include_distrusted or trust is None or trust.verdict != "do not trust"


@dataclass(frozen=True, eq=False)
class Agreement:
    """M maps, compared pairwise on a grid of cells.

    names : M method names.
    rank : (M, M) Spearman's correlation; NaN with a map that is the same everywhere.
    overlap : (M, M), the proportion of the strongest tenth of cells (by magnitude) that two maps have in common.
    ssim : (M, M), structural similarity (Wang et al. 2004) of the maps, each scaled to its largest size.
    consensus, disagreement : (cells, cells), mean and standard deviation of the maps at unit RMS.
    """

    names: tuple[str, ...]
    rank: Map
    overlap: Map
    ssim: Map
    consensus: Map
    disagreement: Map

    def _repr_html_(self) -> str:
        """In a notebook: how far every two maps put the cells in the same order."""
        rows = [(name, *(f"{value:.2f}" for value in row)) for name, row in zip(self.names, self.rank, strict=True)]
        return paragraph("Rank correlation of every two maps") + table(("", *self.names), rows)


def compare(maps: Mapping[str, NDArray[np.float32]], cells: int = CELLS) -> Agreement:
    """Compare maps (H, W) of one picture; ``cells`` is a side of the common grid.

    Raises
    ------
    ExplanationError
        If there is no map, or one that is not (H, W), of another size than the others, or smaller than the grid.
    """
    if not maps:
        raise ExplanationError("There is no map to compare.")
    sizes = {values.shape for values in maps.values()}
    if len(sizes) > 1 or len(size := sizes.pop()) != 2 or min(size) < cells:
        found = ", ".join(f"{name} {values.shape}" for name, values in maps.items())
        raise ExplanationError(
            f"Maps of one picture are compared, each (H, W) of {cells} pixels a side at least: {found}."
        )
    coarse_maps = [coarse(values, cells) for values in maps.values()]
    scaled = np.stack([values / (np.sqrt((values**2).mean()) or 1.0) for values in coarse_maps])
    return Agreement(
        tuple(maps),
        _pairwise(rank_correlation, coarse_maps),
        _pairwise(top_overlap, coarse_maps),
        _pairwise(similarity, coarse_maps),
        scaled.mean(0),
        scaled.std(0),
    )


def coarse(values: NDArray[np.float32], cells: int = CELLS) -> Map:
    """Means of a map (H, W) over cells x cells nearly equal tiles: a map that is the same everywhere stays so."""
    sums, areas = np.asarray(values, np.float64), np.ones(1)
    for axis in (0, 1):
        tile = np.arange(sums.shape[axis]) * cells // sums.shape[axis]
        starts, counts = np.unique(tile, return_index=True, return_counts=True)[1:]
        sums = np.add.reduceat(sums, starts, axis)
        areas = areas * (counts[:, None] if axis == 0 else counts)
    return np.asarray(sums / areas)


def rank_correlation(one: Map, other: Map) -> float:
    """Spearman's rank correlation of two maps, -1 to 1; NaN if one is the same everywhere."""
    if not np.ptp(one) or not np.ptp(other):
        return float("nan")
    return float(np.corrcoef(average_ranks(one.ravel()), average_ranks(other.ravel()))[0, 1])


def top_overlap(one: Map, other: Map, proportion: float = TOP) -> float:
    """Proportion of the strongest cells, by magnitude, that both maps have in common, 0 to 1."""
    count = max(1, round(proportion * one.size))
    strongest = [set(np.argsort(-np.abs(values).ravel(), kind="stable")[:count]) for values in (one, other)]
    return len(strongest[0] & strongest[1]) / count


def similarity(one: Map, other: Map) -> float:
    """Structural similarity of two maps on windows of 3 x 3 cells, each map scaled to its largest size."""
    from skimage.metrics import structural_similarity

    scaled = [values / (np.abs(values).max() or 1.0) for values in (one, other)]
    return float(structural_similarity(*scaled, win_size=3, data_range=2.0))  # type: ignore[no-untyped-call]  # skimage has no types


def _pairwise(measure: Callable[[Map, Map], float], maps: list[Map]) -> Map:
    return np.array([[measure(one, other) for other in maps] for one in maps])
