from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import Tensor, nn

import gan
from gan.evaluation import conditioning as module
from gan.evaluation.conditioning import GenreEstimates, GenreFeatures, genre_estimates
from gan.evaluation.features import poster_features
from gan.evaluation.samples.distances import mmd_witness
from tests.gan.small_judge import names

GENRES = ("Horror", "Comedy", "Western")
CONFIG = gan.ModelConfig(resolution=8, latent=8, width=4, genres=GENRES)

pytestmark = pytest.mark.usefixtures("small_judge")


class Colours(nn.Module):
    """A conditional generator: red for Horror, green for Comedy; ``deaf``, it ignores its labels."""

    def __init__(self, deaf: bool) -> None:
        super().__init__()
        self.config, self.deaf = CONFIG, deaf
        self.unused = nn.Parameter(torch.zeros(1))

    def forward(self, z: Tensor, labels: Tensor) -> Tensor:
        colour = 0.5 + 0 * labels if self.deaf else labels
        return (colour[:, :, None, None] + 0.3 * z[:, :3]).clamp(-1, 1).expand(-1, -1, 8, 8)


def coloured(seed: int, count: int, western: int = 0) -> gan.PosterSet:
    """Red horror and green comedies by turns, the first few also westerns; one of which not all genres are known."""
    rng = np.random.default_rng(seed)
    means = np.array([[255, 128, 128], [128, 255, 128]])[np.arange(count) % 2]
    pixels = np.clip(means + rng.normal(0, 30, (count, 3)), 0, 255).astype(np.uint8)
    genres = [(GENRES[i % 2], *["Western"] * (i < western)) for i in range(count)]
    complete = tuple(i != 1 for i in range(count))
    return gan.PosterSet(np.tile(pixels[:, None, None], (1, 8, 8, 1)), names(count), tuple(genres), (), complete)


def with_features(posters: gan.PosterSet) -> tuple[gan.PosterSet, np.ndarray]:
    return posters, poster_features(posters)


@pytest.fixture(autouse=True)
def few(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "GENRE_SAMPLES", 60)


def test_posters_generated_for_a_genre_adhere_to_it() -> None:
    training = with_features(coloured(1, 301, western=90))
    horror, comedy = genre_estimates(Colours(deaf=False), *training)  # too few westerns to judge by
    assert (horror.genre, horror.posters, horror.samples) == ("Horror", 151, 60)
    assert (comedy.genre, comedy.posters) == ("Comedy", 149)  # one comedy may have more genres
    for one in (horror, comedy):
        assert one.adherence.low < 1 < one.adherence.high + 0.2
        assert one.adherence.low > 0.6
        assert one.diversity.low > 0


def test_posters_of_a_generator_that_ignores_its_labels_adhere_to_no_genre() -> None:
    """Also where all that it draws looks like one of the genres."""
    figures = genre_estimates(Colours(deaf=True), *with_features(coloured(1, 301)))
    assert [one.genre for one in figures] == ["Horror", "Comedy"]
    for one in figures:
        assert one.adherence.value == 0
        assert -0.1 < one.adherence.low < 0 < one.adherence.high < 0.1


def test_an_unconditional_generator_has_no_genre_estimates() -> None:
    plain = Colours(deaf=True)
    plain.config = replace(CONFIG, genres=())
    assert genre_estimates(plain, *with_features(coloured(1, 301))) == ()


def test_the_adherence_is_known_for_posters_made_by_hand() -> None:
    """The genre lies at (1, 0), the rest at (0, 1); the request moves posters from (0.5, 0.5) to (0.75, 0.25)."""
    noise = np.random.default_rng(0).normal(0, 1e-4, (40, 2)).astype(np.float32)  # so that there is a variety
    there, elsewhere = noise + np.float32([1, 0]), noise + np.float32([0, 1])
    halfway, nearer = 0.5 * (there + elsewhere), 0.75 * there + 0.25 * elsewhere
    kernel = lambda x: (x / 2 + 1) ** 3  # noqa: E731  # the cubic kernel of an inner product in two dimensions
    moved, whole = kernel(0.75) - kernel(0.25), kernel(1.0) - kernel(0.0)  # the witness of halfway is 0
    common = GenreEstimates.of("Horror", GenreFeatures(nearer, halfway, there, elsewhere))
    assert common.adherence.value == pytest.approx(moved / whole, rel=1e-3)
    rare = GenreEstimates.of(
        "Horror", GenreFeatures(nearer, halfway, there[:10], elsewhere[:30])
    )  # farther from most posters
    assert rare.adherence.value == pytest.approx(moved / (1.5 * whole), rel=1e-3)


def test_neither_half_of_the_real_posters_counts_for_more() -> None:
    """Real posters taken in another order, so that the halves change places, give the same adherence."""
    rng = np.random.default_rng(0)
    requested, unrequested, having, lacking = (
        rng.normal(shift, 1, (60, 4)).astype(np.float32) for shift in (1, 0, 2, 0)
    )
    found = [
        GenreEstimates.of(
            "Horror", GenreFeatures(requested, unrequested, np.roll(having, by, 0), np.roll(lacking, by, 0))
        )
        for by in (0, 1)
    ]
    assert found[0].adherence.value == pytest.approx(found[1].adherence.value, rel=1e-6)


def test_kid_is_the_difference_of_two_means_of_the_witness_function() -> None:
    """Up to the bias that KID takes away: of sets without it, by brute force."""
    rng = np.random.default_rng(0)
    a, b = rng.normal(size=(7, 5)).astype(np.float32), rng.normal(size=(9, 5)).astype(np.float32)
    kernel = lambda u, v: (u.astype(float) @ v.astype(float).T / 5 + 1) ** 3  # noqa: E731
    biased = kernel(a, a).mean() + kernel(b, b).mean() - 2 * kernel(a, b).mean()
    assert mmd_witness(a, a, b) - mmd_witness(b, a, b) == pytest.approx(biased)
