from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor, nn

import gan
from gan import genre_figures as module
from gan import metrics
from gan.genre_figures import genre_figures
from tests.gan.judging import Judge, names

GENRES = ("Horror", "Comedy", "Western")
CONFIG = gan.ModelConfig(resolution=8, latent=8, width=4, genres=GENRES)


@pytest.fixture(autouse=True)
def judge(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(metrics, "_judge_network", lambda device: Judge())


class Colours(nn.Module):
    """A conditional generator: red where Horror is asked for, green for Comedy; ``deaf``, it does not listen."""

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
    return posters, metrics.poster_features(posters)


def test_posters_of_a_genre_that_was_asked_for_are_closer_to_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "GENRE_SAMPLES", 60)
    training, held_out = with_features(coloured(1, 200)), with_features(coloured(2, 120, western=20))
    horror, comedy = genre_figures(Colours(deaf=False), training, held_out)  # too few westerns to judge by
    assert (horror.genre, horror.posters, horror.samples) == ("Horror", 60, 60)
    assert (comedy.genre, comedy.posters) == ("Comedy", 59)  # one comedy may have more genres
    for one in (horror, comedy):
        assert one.closer.value == pytest.approx(one.kid_without.value - one.kid_with.value)
        assert one.closer.low > 0
        assert one.closer_real.low > 0
        assert one.diversity.low > 0


def test_posters_that_do_not_follow_the_genre_are_not_closer_to_each(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "GENRE_SAMPLES", 60)
    training, held_out = with_features(coloured(1, 200)), with_features(coloured(2, 120))
    figures = genre_figures(Colours(deaf=True), training, held_out)
    assert min(one.closer.value for one in figures) < 0.1 * min(one.closer_real.value for one in figures)
