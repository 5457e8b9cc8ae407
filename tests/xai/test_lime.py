from __future__ import annotations

import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from torch import Tensor, nn

import gan
import xai
from tests.xai.nets import affine, discriminator, noise, pictures, weights
from xai.segments import segment

EVERY = {"agreement": 2.0}  # which no two halves reach: every sample is taken
REAL = Path(__file__).parents[3] / "shared" / "posters" / "posters-128.zip"


def lime(network: nn.Module, images: Tensor, **settings: object) -> xai.Explanation:
    return xai.attribution("lime", xai.Score(network), **settings).attribute(images)


def segmented(image: Tensor, count: int = 50) -> NDArray[np.int64]:
    """Segments of a picture (3, H, W)."""
    return segment(image.permute(1, 2, 0).double().numpy(), count)


def sums(values: Tensor, segments: Tensor) -> Tensor:
    """Sum of a map (H, W) over each of its segments."""
    return torch.zeros(int(segments.max()) + 1).index_add_(0, segments.flatten(), values.flatten())


def is_grid(labels: NDArray[np.int64]) -> bool:
    """Whether all segments are upright rectangles."""
    for label in np.unique(labels):
        rows, columns = np.nonzero(labels == label)
        if len(rows) != (np.ptp(rows) + 1) * (np.ptp(columns) + 1):
            return False
    return True


def test_coefficients_of_an_affine_score_are_the_sums_over_the_segments() -> None:
    network, image, reference = affine(32), pictures(1, 32), pictures(1, 32, first=9)
    found = lime(network, image, **EVERY, samples=2000, reference=xai.reference("posters", images=reference))
    exact = sums((weights(network, 32) * (image - reference)).sum(1)[0], found.segments[0])
    coefficients = sums(found.values[0, 0], found.segments[0])
    assert (coefficients - exact).abs().max() < 0.03 * exact.abs().max()
    assert found.diagnostics["r2"].item() > 0.99


def test_the_map_is_flat_within_a_segment() -> None:
    found = lime(discriminator(), pictures(1, 32), samples=60)
    for label in found.segments.unique():
        assert found.values[0, 0][found.segments[0] == label].unique().numel() == 1


def test_the_last_segment_is_hidden_too() -> None:
    image = pictures(1, 32)
    labels = torch.from_numpy(segmented(image[0]))
    last, network = labels == labels.max(), affine(32)
    with torch.no_grad():
        network[1].weight.copy_(last.float().repeat(3, 1, 1).reshape(1, -1))
    found = lime(network, image, samples=500)
    coefficients = sums(found.values[0, 0], found.segments[0])
    assert coefficients[-1] == pytest.approx(float(image[:, :, last].sum()), rel=0.03)
    assert coefficients[:-1].abs().max() < 0.01 * coefficients[-1].abs()


def test_a_segment_is_hidden_behind_the_reference() -> None:
    network, image = affine(32), pictures(1, 32)
    nn.init.ones_(network[1].weight)
    labels = torch.from_numpy(segmented(image[0]))
    reference = image.clone()
    reference[:, :, labels == 4] += 0.5
    found = lime(network, image, samples=1000, reference=xai.reference("posters", images=reference))
    coefficients = sums(found.values[0, 0], found.segments[0])
    difference = (weights(network, 32) * (image - reference)).sum()
    assert coefficients[4] == pytest.approx(float(difference), rel=0.05)
    others = torch.arange(len(coefficients)) != 4
    assert coefficients[others].abs().max() < 0.02 * coefficients[4].abs()


def test_more_samples_come_nearer_to_the_truth() -> None:
    network, image = affine(32), pictures(1, 32)
    errors = []
    for samples in (100, 2000):
        found = lime(network, image, **EVERY, samples=samples)
        exact = sums((weights(network, 32) * image).sum(1)[0], found.segments[0])
        errors.append(float((sums(found.values[0, 0], found.segments[0]) - exact).abs().max()))
    assert errors[1] < errors[0] / 3


@pytest.mark.parametrize("side", [64, 128])
def test_a_poster_has_30_to_60_segments(side: int) -> None:
    counts = [len(np.unique(segmented(image))) for image in pictures(20, side)]
    assert min(counts) >= 30 and max(counts) <= 60


@pytest.mark.skipif(not REAL.exists(), reason="the real posters are not here")
def test_real_posters_have_30_to_60_segments_and_hardly_one_needs_the_grid() -> None:
    with zipfile.ZipFile(REAL) as archive:
        names = sorted(name for name in archive.namelist() if name.endswith(".webp"))[::500]
        posters = [gan.read_poster(archive.read(name))[0] for name in names]
    labels = [segmented(poster) for poster in posters]
    assert all(30 <= len(np.unique(one)) <= 60 for one in labels)
    assert sum(is_grid(one) for one in labels) <= 0.1 * len(labels)


def test_segments_follow_the_picture() -> None:
    image = torch.full((3, 64, 64), -0.8)
    yy, xx = torch.meshgrid(torch.arange(64), torch.arange(64), indexing="ij")
    disc = (yy - 32) ** 2 + (xx - 32) ** 2 < 20**2
    image[:, disc] = 0.8
    labels = segmented(image + 0.05 * noise(3, 64, 64))
    inside = [float(disc[labels == label].float().mean()) for label in range(labels.max() + 1)]
    assert sum(0.2 < share < 0.8 for share in inside) <= 2


@given(st.integers(4, 40), st.integers(4, 40), st.integers(1, 200), st.integers(0, 3))
@settings(deadline=None, max_examples=40)
def test_segments_are_numbered_from_0_without_a_hole(height: int, width: int, count: int, detail: int) -> None:
    picture = np.random.default_rng(detail).uniform(-1, 1, (height, width, 3)) * detail / 3
    labels = segment(picture, count)
    assert labels.shape == (height, width)
    assert np.unique(labels).tolist() == list(range(labels.max() + 1))


@pytest.mark.parametrize(("count", "tiles"), [(25, 25), (50, 49), (100, 100)])
@pytest.mark.parametrize("level", [-1.0, 0.3])
def test_a_plain_picture_is_cut_into_a_grid(count: int, tiles: int, level: float) -> None:
    labels = segmented(torch.full((3, 64, 64), level), count)
    areas = np.bincount(labels.ravel())
    assert len(areas) == tiles and is_grid(labels)
    assert areas.max() <= 2 * areas.min()


def test_segments_are_the_same_each_time() -> None:
    image = pictures(1, 64)[0]
    assert np.array_equal(segmented(image), segmented(image))


def test_the_count_of_segments_is_reported() -> None:
    found = lime(discriminator(), pictures(3, 32), samples=40)
    for row in range(3):
        assert found.diagnostics["segment_count"][row] == len(found.segments[row].unique())


def test_the_fit_is_between_useless_and_perfect() -> None:
    network = discriminator(64)
    plain = torch.zeros(1, 3, 64, 64)  # equals its reference: nothing is there to be fitted
    r2 = lime(network, torch.cat([pictures(3, 64), plain]), samples=100).diagnostics["r2"]
    assert ((r2 >= 0) & (r2 <= 1)).all()


class CountingScore(xai.Score):
    """A score that knows how many pictures it was asked about."""

    asked = 0

    def __call__(self, images: Tensor) -> Tensor:
        self.asked += len(images)
        return super().__call__(images)


def test_no_more_pictures_are_asked_about_than_samples() -> None:
    for engine, samples in (("direct", 150), ("direct", 600), ("lime", 150)):
        score = CountingScore(affine(32))
        found = xai.attribution("lime", score, **EVERY, samples=samples, engine=engine).attribute(pictures(1, 32))
        taken = found.diagnostics["samples"].item()
        assert 0.8 * samples < taken <= samples
        assert taken <= score.asked <= taken + 2  # the picture and its reference besides
