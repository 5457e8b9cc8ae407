"""The proofs of a concept: the IoU is that of enlarged maps, chance is that of other posters, pairs are pairs."""

import numpy as np
import pytest
import torch

from gan.evaluation.estimates import roc_auc
from xai.discriminator.concepts.proofs import QUANTILES, follows, tells_apart

ANYWHERE, FIXED = torch.tensor([False]), torch.tensor([True])


def random(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def coverage_of(masks: torch.Tensor, grid: tuple[int, int]) -> torch.Tensor:
    pooled = torch.nn.functional.adaptive_avg_pool2d(masks[:, None].float(), grid)
    return pooled.flatten(2).transpose(1, 2)


def test_the_iou_is_that_of_the_map_enlarged_by_nearest_neighbours() -> None:
    masks = random(40, 16, 16) > 0.5
    maps = random(40, 1, 4, 4, seed=1) + coverage_of(masks, (4, 4)).transpose(1, 2).reshape(40, 1, 4, 4)
    found = follows(maps.flatten(2), coverage_of(masks, (4, 4)), ANYWHERE)
    edges = torch.quantile(maps[::2].flatten(), torch.tensor(QUANTILES))
    large = maps[:, 0].repeat_interleave(4, 1).repeat_interleave(4, 2)

    def iou(rows: slice, edge: torch.Tensor) -> float:
        fires = large[rows] > edge
        return float((fires & masks[rows]).sum() / (fires | masks[rows]).sum())

    usable = edges[torch.tensor(QUANTILES) >= 0.5]
    best = max(usable, key=lambda edge: iou(slice(None, None, 2), edge))
    assert float(found.iou) == pytest.approx(iou(slice(1, None, 2), best), abs=1e-6)
    assert found.low < found.iou < found.high


def test_the_area_under_the_curve_is_that_of_all_cells_but_for_the_bins() -> None:
    masks = (random(200, 8, 8) > 0.3)[:, None].flatten(2).transpose(1, 2).float()
    maps = (random(200, 64, seed=1) + 1.2 * masks[..., 0])[:, None]
    found = follows(maps, masks, ANYWHERE)
    judged, inside = maps[1::2, 0].numpy().astype(np.float64), masks[1::2, :, 0].bool().numpy()
    assert float(found.auc) == pytest.approx(roc_auc(judged[inside], judged[~inside]), abs=0.005)


def test_a_filter_that_always_fires_where_the_concept_often_is_does_not_follow_it() -> None:
    present = torch.rand(400, generator=torch.Generator().manual_seed(0)) < 0.5
    masks = torch.zeros(400, 8, 8, dtype=torch.bool)
    masks[present, 6:] = True
    at_the_bottom = 0.1 * random(400, 1, 8, 8)
    at_the_bottom[:, :, 6:] += 3
    fixed = follows(at_the_bottom.flatten(2), coverage_of(masks, (8, 8)), ANYWHERE)
    assert float(fixed.iou) > 0.4
    assert abs(float(fixed.z)) < 4
    assert float(fixed.excess) < 0.05
    there = at_the_bottom.clone()
    there[~present] -= 3
    real = follows(there.flatten(2), coverage_of(masks, (8, 8)), ANYWHERE)
    assert float(real.z) > 10
    assert float(real.excess) > 0.5


def test_a_place_is_compared_with_other_places() -> None:
    masks = torch.zeros(60, 6, 6, dtype=torch.bool)
    masks[:, :2] = True
    at_the_top, anywhere = random(60, 1, 6, 6), random(60, 1, 6, 6, seed=1)
    at_the_top[:, :, :2] += 2
    maps = torch.cat([at_the_top, anywhere], 1).flatten(2)
    found = follows(maps, coverage_of(masks, (6, 6)), FIXED)
    assert float(found.z[0]) > 10
    assert abs(float(found.z[1])) < 4
    assert float(found.chance[0]) == pytest.approx(float(found.chance[1]), abs=0.05)


def test_a_filter_that_fires_everywhere_or_never_follows_nothing() -> None:
    masks = coverage_of(random(40, 8, 8) > 0, (8, 8))
    found = follows(torch.tensor([3.0, 0.0])[None, :, None].expand(40, 2, 64), masks, ANYWHERE)
    assert not found.iou.any()
    assert not found.z.any()
    assert found.auc[:, 0].tolist() == pytest.approx([0.5, 0.5])


def test_z_is_standard_normal_where_there_is_nothing() -> None:
    maps, masks = random(300, 200, 16), (random(300, 16, 5, seed=1) > 0.8).float()
    z = follows(maps, masks, torch.zeros(5, dtype=torch.bool)).z
    assert abs(float(z.mean())) < 0.15
    assert float(z.std()) == pytest.approx(1, abs=0.1)


def test_the_area_of_pairs_is_that_of_all_pairs_of_pictures() -> None:
    on, off = random(50, 3) + torch.tensor([0.0, 0.5, 9.0]), random(50, 3, seed=1)
    found = tells_apart(on, off)
    for unit in range(3):
        expected = roc_auc(on[:, unit].double().numpy(), off[:, unit].double().numpy())
        assert float(found.auc[unit]) == pytest.approx(expected)
    assert found.auc[2] == 1
    assert 0.9 < found.low[2] < 1


def test_the_interval_of_pairs_holds_the_area_19_times_of_20() -> None:
    shared, own = random(40, 2000), random(40, 2000, seed=1)
    on, off = shared + 0.5 * own + 0.5, shared + 0.5 * random(40, 2000, seed=2)  # pairs that have much in common
    truth = float(torch.special.ndtr(torch.tensor(0.5 / (2 * 1.25) ** 0.5)))
    found = tells_apart(on, off)
    held = ((found.low <= truth) & (truth <= found.high)).double().mean()
    assert 0.92 < held < 0.98
