"""Does a filter's map follow a concept? Two proofs, of posters and of drawn pairs, for all filters of a layer at once.

    found = follows(maps, coverage, places)            # maps (N, U, P) over N posters, coverage (N, P, C)
    found.iou[3, 5], found.chance[3, 5], found.z[3, 5]
    told = tells_apart(on, off)                        # responses (N, U) to N drawn pairs
    told.auc[3], told.low[3], told.high[3]

The first proof is network dissection's (Bau et al. 2017): intersection over union (IoU) of the thresholded map and the
concept's mask. Masks are averaged over each of the map's cells, which gives exactly the IoU of the map enlarged by
nearest neighbours. The threshold is chosen on every other poster and judged on the rest. Chance is the same map laid on
the other posters' masks, all of them at once: the mean over all ways to exchange the posters has a closed form. So a
filter that fires at the bottom does not stand for text, which is often there. A place is the same in all posters;
there, chance is the map moved to every other position.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, fields

import torch
from torch import Tensor

from gan.evaluation.estimates import Z95

QUANTILES = (*(step / 20 for step in range(1, 20)), 0.98, 0.99)  # edges of the bins of a filter's values
FIRST = (
    9  # from this quantile on, an edge can be a threshold: 0.5, so that a filter fires at half of the places at most
)
SAME = 1e-4  # cells: posters that differ by less show no spread; rounding is far below, half a cell far above
SAMPLE = 100 * 1000  # values from which quantiles are taken, at most


@dataclass(frozen=True, eq=False)
class Follows:
    """The first proof, float (U, C) each: of U filters and C concepts, on the judged half.

    iou, low, high : intersection over union and its 95 % interval over posters.
    chance : the IoU with the other posters' masks (of a place: with the place moved).
    z : standard errors over posters by which the intersection is above chance's.
    auc : of the map's values, inside of the mask above outside.
    """

    iou: Tensor
    low: Tensor
    high: Tensor
    chance: Tensor
    z: Tensor
    auc: Tensor

    @property
    def excess(self) -> Tensor:
        """The IoU above chance, as a proportion of what there is above chance; at most 1."""
        return (self.iou - self.chance) / (1 - self.chance).clamp_min(1e-6)


@dataclass(frozen=True, eq=False)
class TellsApart:
    """The second proof, float (U,) or (U, C) each: AUC of the responses to pictures with and without, and interval."""

    auc: Tensor
    low: Tensor
    high: Tensor


@torch.no_grad()
def follows(maps: Tensor, coverage: Tensor, places: Tensor) -> Follows:
    """Compare maps (N, U, P), of P cells, with coverage (N, P, C): the proportion of each cell that a mask covers.

    places : bool (C,), which concepts are the same in all posters. N is at least 4.
    """
    choose, judge = _Half.of(coverage[::2], places), _Half.of(coverage[1::2], places)
    rows = [
        _one(maps[::2, unit].float().contiguous(), maps[1::2, unit].float().contiguous(), choose, judge)
        for unit in range(maps.shape[1])
    ]
    return Follows(**{field.name: torch.stack([row[field.name] for row in rows]) for field in fields(Follows)})


@torch.no_grad()
def tells_apart(on: Tensor, off: Tensor, quantile: float = Z95) -> TellsApart:
    """AUC of responses (N, U) with a concept against those without, to N pairs of pictures.

    The interval is DeLong's (DeLong et al. 1988), for pairs (Obuchowski 1997); where all agree, what N leave open.
    quantile : standard errors to either side; Student's where there are few pairs.
    """
    on, off = on.double(), off.double()
    wins = (on[:, None] > off[None]).double() + (on[:, None] == off[None]).double() / 2  # (N, N, U)
    auc, count = wins.mean((0, 1)), len(on)
    by_pair = wins.mean(1) + wins.mean(0) - 2 * auc
    half = quantile * by_pair.std(0) / count**0.5
    half = torch.where(half > 1e-9, half, Z95**2 / (count + Z95**2))
    return TellsApart(auc, (auc - half).clamp_min(0), (auc + half).clamp_max(1))


@dataclass(frozen=True, eq=False)
class _Half:
    """The masks of half of the posters: (n, P, C), flat, their sums by poster (n, C), and what chance gives a cell."""

    coverage: Tensor
    flat: Tensor
    area: Tensor
    chance: Tensor

    @staticmethod
    def of(coverage: Tensor, places: Tensor) -> _Half:
        coverage = coverage.float().contiguous()
        by_cell = coverage.mean(0)
        chance = torch.where(places, by_cell.mean(0).expand_as(by_cell), by_cell)
        return _Half(coverage, coverage.flatten(0, 1), coverage.sum(1), chance)


def _one(chosen: Tensor, judged: Tensor, choose: _Half, judge: _Half) -> dict[str, Tensor]:
    """The proof of one filter, whose values are (n, P) on each half; each result is (C,)."""
    edges = _quantiles(chosen)
    best = _thresholds(torch.bucketize(chosen, edges), choose)
    bins = torch.bucketize(judged, edges)
    results = {field.name: torch.zeros(len(best)) for field in fields(Follows)}
    results["auc"] = _auc(*_histogram(bins, judge))
    for threshold, concepts in _groups(best):
        fires = (bins > threshold).float()
        for name, values in _overlap(fires, judge, concepts).items():
            results[name][concepts] = values
    return results


def _quantiles(values: Tensor) -> Tensor:
    flat = values.flatten()
    return torch.quantile(flat[:: -(-len(flat) // SAMPLE)], torch.tensor(QUANTILES))


def _histogram(bins: Tensor, half: _Half) -> tuple[Tensor, Tensor]:
    """Of each bin, how much of each concept is in it (K, C), and how many cells are (K,)."""
    count, flat = len(QUANTILES) + 1, bins.flatten()
    inside = torch.zeros(count, half.flat.shape[1]).index_add_(0, flat, half.flat)
    return inside.double(), torch.bincount(flat, minlength=count).double()


def _thresholds(bins: Tensor, half: _Half) -> Tensor:
    """The edge (C,) above which firing has the largest IoU with each concept."""
    inside, cells = _histogram(bins, half)
    both = inside.flip(0).cumsum(0).flip(0)[1:]  # above each edge
    fires = cells.flip(0).cumsum(0).flip(0)[1:, None]
    iou = both / (fires + inside.sum(0) - both).clamp_min(1e-9)
    return FIRST + iou[FIRST:].argmax(0)


def _auc(inside: Tensor, cells: Tensor) -> Tensor:
    """Area under the ROC curve, from bins; half where a concept is nowhere or everywhere."""
    outside = cells[:, None] - inside
    total, other = inside.sum(0), outside.sum(0)
    below = outside.cumsum(0) - outside / 2
    auc = (inside * below).sum(0) / (total * other).clamp_min(1e-9)
    return torch.where((total > 1e-9) & (other > 1e-9), auc, 0.5).float()


def _groups(thresholds: Tensor) -> Iterator[tuple[int, Tensor]]:
    for threshold in sorted(set(thresholds.tolist())):
        yield threshold, torch.nonzero(thresholds == threshold)[:, 0]


def _overlap(fires: Tensor, half: _Half, concepts: Tensor) -> dict[str, Tensor]:
    """IoU of the cells that fire (n, P) with some of the concepts, and with what chance gives."""
    both = torch.bmm(fires[:, None], half.coverage[:, :, concepts])[:, 0].double()
    expected = (fires @ half.chance[:, concepts]).double()
    size = fires.sum(1, keepdim=True).double() + half.area[:, concepts]
    union = (size - both).mean(0).clamp_min(1e-9)
    usual = torch.einsum("npc,p->nc", half.coverage[:, :, concepts], fires.mean(0)).double()
    above = both - expected - (usual - usual.mean(0))  # the product of what map and mask have of their own
    iou = both.mean(0) / union
    root = len(fires) ** 0.5
    error = (both - iou * (size - both)).std(0) / union / root
    spread = above.std(0) / root
    return {
        "iou": iou.float(),
        "low": (iou - Z95 * error).clamp_min(0).float(),
        "high": (iou + Z95 * error).clamp_max(1).float(),
        "chance": (expected.mean(0) / (size - expected).mean(0).clamp_min(1e-9)).float(),
        "z": (above.mean(0) / spread.clamp_min(SAME)).float(),
    }
