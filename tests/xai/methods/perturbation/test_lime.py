from __future__ import annotations

import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.stats import spearmanr
from torch import Tensor, nn

import gan
import xai
from tests.xai.nets import affine, discriminator, noise, pictures, weights
from xai.methods.perturbation.coalitions import Blocks, Game, foldover
from xai.methods.perturbation.lime import KERNEL_WIDTH, fit
from xai.methods.perturbation.segments import segment

EVERY = {"agreement": 2.0}  # which no two halves reach: every sample is taken
REAL = Path(__file__).parents[4] / "shared" / "posters" / "posters-128.zip"


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


def test_the_last_segment_is_masked_too() -> None:
    image = pictures(1, 32)
    labels = torch.from_numpy(segmented(image[0]))
    last, network = labels == labels.max(), affine(32)
    with torch.no_grad():
        network[1].weight.copy_(last.float().repeat(3, 1, 1).reshape(1, -1))
    found = lime(network, image, samples=500)
    coefficients = sums(found.values[0, 0], found.segments[0])
    assert coefficients[-1] == pytest.approx(float(image[:, :, last].sum()), rel=0.03)
    assert coefficients[:-1].abs().max() < 0.01 * coefficients[-1].abs()


def test_a_segment_is_masked_with_the_reference() -> None:
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
    assert min(counts) >= 30
    assert max(counts) <= 60


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
    assert len(areas) == tiles
    assert is_grid(labels)
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


# --- the library's linear model, and when there are masks enough


@given(st.integers(2, 30), st.integers(4, 80), st.integers(0, 99))
@settings(deadline=None, max_examples=25, derandomize=True)
def test_the_linear_model_is_limes_own(players: int, rows: int, seed: int) -> None:
    from lime.lime_base import LimeBase
    from sklearn.metrics import pairwise_distances

    random = np.random.default_rng(seed)
    masks, scores, whole = random.random((rows, players)) < random.random(), random.normal(size=rows), random.normal()
    data, labels = np.concatenate([np.ones((1, players)), masks]), np.concatenate([[whole], scores])[:, None]
    distances = pairwise_distances(data, data[:1], metric="cosine").ravel()
    theirs = LimeBase(lambda d: np.sqrt(np.exp(-(d**2) / KERNEL_WIDTH**2)), random_state=np.random.RandomState(0))
    _, terms, r2, _ = theirs.explain_instance_with_data(data, labels, distances, 0, players, feature_selection="none")
    gradients, ours = fit(masks, scores, whole)
    assert np.allclose(gradients, [slope for _, slope in sorted(terms)], atol=1e-6)
    assert ours == pytest.approx(r2, abs=1e-6)


def test_masks_of_our_own_lead_where_limes_masks_lead() -> None:
    score, image = xai.Score(discriminator(32, 8)), pictures(1, 32)
    ours, theirs = (
        xai.attribution("lime", score, **EVERY, samples=1500, engine=engine).attribute(image)
        for engine in ("direct", "lime")
    )
    shares = [sums(found.values[0, 0], found.segments[0]) for found in (ours, theirs)]
    assert spearmanr(*shares).statistic > 0.97
    assert (shares[0] - shares[1]).abs().max() < 0.1 * shares[1].abs().max()
    assert ours.diagnostics["r2"].item() == pytest.approx(theirs.diagnostics["r2"].item(), abs=0.03)
    assert ours.config["engine"] == "direct"
    assert theirs.config["engine"] == "lime"


@pytest.mark.parametrize("name", ["lime", "kernelshap"])
def test_it_stops_as_soon_as_the_halves_agree_and_not_before(name: str) -> None:
    score, image = xai.Score(discriminator(32, 8)), pictures(1, 32)

    def explained(**settings: float) -> xai.Explanation:
        return xai.attribution(name, score, **settings).attribute(image)

    everything = explained(**EVERY, samples=1024)
    wanted = everything.diagnostics["split_half"].item() - 0.001
    found = explained(agreement=wanted, samples=1024)
    taken = int(found.diagnostics["samples"])
    assert taken <= everything.diagnostics["samples"].item() <= 1024
    assert found.diagnostics["split_half"].item() >= wanted
    easy = explained(agreement=0.5)
    assert easy.diagnostics["samples"].item() < taken
    assert easy.diagnostics["split_half"].item() < wanted
    if name == "lime":  # whose blocks are of one kind: stopped there for want of masks, it says the same
        assert torch.equal(explained(**EVERY, samples=taken).values, found.values)


@pytest.mark.parametrize("name", ["lime", "kernelshap"])
@pytest.mark.parametrize("side", [32, 64])
def test_another_seed_says_what_the_halves_let_expect(name: str, side: int) -> None:
    score, image = xai.Score(discriminator(side, 8)), pictures(1, side)
    found = [xai.attribution(name, score, seed=seed).attribute(image) for seed in range(6)]
    shares = [sums(one.values[0, 0], one.segments[0]).numpy() for one in found]
    correlations = [spearmanr(shares[i], shares[j]).statistic for i in range(6) for j in range(i)]
    expected = np.mean([one.diagnostics["split_half"].item() for one in found])
    assert expected >= 0.95
    assert np.mean(correlations) >= 0.93
    assert np.mean(correlations) == pytest.approx(expected, abs=0.03)
    assert all(one.diagnostics["samples"].item() < 2048 for one in found)


@pytest.mark.parametrize("players", [1, 2, 3, 31, 32, 33, 60])
@pytest.mark.parametrize("most", [4, 5, 7, 50, 2048])
def test_blocks_of_masks_never_are_more_than_allowed(players: int, most: int) -> None:
    labels = np.arange(players)[None].repeat(4, 0)
    network = nn.Sequential(nn.Flatten(), nn.Linear(12 * players, 1))
    game = Game.of(xai.Score(network), noise(1, 3, 4, players), torch.zeros(1, 3, 4, players), labels)
    blocks = Blocks(game, 0, most)
    for _ in range(2):
        blocks.take(lambda part: None)
    while not blocks.exhausted and blocks.count < 1000:
        blocks.take(lambda part: None)
    assert blocks.count <= most
    masks, scores = blocks.all()
    assert len(masks) == len(scores) == blocks.count
    assert np.array_equal(masks[: blocks.rows], foldover(players, blocks.rows, np.random.default_rng([0, 0])))


@pytest.mark.parametrize("name", ["lime", "kernelshap"])
@pytest.mark.parametrize("segments", [1, 2, 3, 8])
def test_few_segments_are_enough(name: str, segments: int) -> None:
    network, image = affine(32), pictures(1, 32)
    found = xai.attribution(name, xai.Score(network), segments=segments, samples=700, **EVERY).attribute(image)
    exact = sums((weights(network, 32) * image).sum(1)[0], found.segments[0])
    shares = sums(found.values[0, 0], found.segments[0])
    if name == "lime" and len(shares) < 3:  # its kernel looks away from pictures of which hardly anything is left
        assert (shares * exact > 0).all()
        assert (shares.abs() <= exact.abs()).all()
    else:
        assert torch.allclose(shares, exact, rtol=0.02, atol=0.02)
