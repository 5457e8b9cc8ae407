from __future__ import annotations

import colorsys

import numpy as np
import pytest
import torch
from torch import Tensor

import xai
from tests.xai.nets import discriminator, noise, pictures
from xai.latents.picture_statistics import LOGIT, STATISTICS, measure_statistics, names, title_band


def flat(red: float, green: float, blue: float, side: int = 16) -> Tensor:
    """A picture of one colour, given from 0 to 1."""
    return (torch.tensor([float(red), float(green), float(blue)])[None, :, None, None] * 2 - 1).expand(1, 3, side, side)


def value(name: str, images: Tensor) -> float:
    (found,) = STATISTICS[name](images).tolist()
    return found


@pytest.mark.parametrize(
    ("name", "picture", "expected"),
    [
        ("brightness", flat(0, 0, 0), 0),
        ("brightness", flat(1, 1, 1), 1),
        ("brightness", flat(0, 1, 0), 0.587),
        ("contrast", flat(0.3, 0.3, 0.3), 0),
        ("warmth", flat(1, 0.5, 0), 1),
        ("warmth", flat(0, 0.5, 1), -1),
        ("greenness", flat(0, 1, 0), 1),
        ("greenness", flat(1, 0, 1), -1),
        ("saturation", flat(0.4, 0.4, 0.4), 0),
        ("saturation", flat(0, 0.2, 0.7), 0.7),
        ("colourfulness", flat(0.4, 0.4, 0.4), 0),
        ("symmetry", flat(0.2, 0.9, 0.1), 1),
        ("top_light", flat(0.2, 0.9, 0.1), 0),
        ("title_edges", flat(0.2, 0.9, 0.1), 0),
    ],
)
def test_pictures_of_one_colour_have_the_values_that_they_must(name: str, picture: Tensor, expected: float) -> None:
    assert value(name, picture) == pytest.approx(expected, abs=1e-6)


def halves(first: float, second: float, dim: int) -> Tensor:
    picture = flat(first, first, first).clone()
    picture.narrow(dim, 8, 8)[:] = second * 2 - 1
    return picture


def test_half_black_half_white_has_the_largest_contrast() -> None:
    assert value("contrast", halves(0, 1, 2)) == pytest.approx(0.5)


def test_light_from_above_is_positive() -> None:
    assert value("top_light", halves(0.9, 0.2, 2)) == pytest.approx(0.7)
    assert value("top_light", halves(0.2, 0.9, 2)) == pytest.approx(-0.7)


def test_a_mirrored_half_is_symmetrical_and_a_negative_one_opposite() -> None:
    half = noise(1, 3, 16, 8)
    assert value("symmetry", torch.cat([half, half.flip(3)], 3)) == pytest.approx(1, abs=1e-5)
    assert value("symmetry", halves(0, 1, 3)) == pytest.approx(-1)


def test_saturation_is_the_chroma_of_each_pixel() -> None:
    picture = pictures(1, 32)
    pixels = ((picture[0] + 1) / 2).flatten(1).T.tolist()
    chroma = [hsv[1] * hsv[2] for hsv in (colorsys.rgb_to_hsv(*pixel) for pixel in pixels)]
    assert value("saturation", picture) == pytest.approx(np.mean(chroma), abs=1e-5)


def test_colourfulness_is_hasler_and_suesstrunks() -> None:
    picture = pictures(1, 32)
    red, green, blue = ((picture[0].numpy() + 1) / 2).astype(float)
    first, second = red - green, (red + green) / 2 - blue
    by_hand = np.hypot(first.std(), second.std()) + 0.3 * np.hypot(first.mean(), second.mean())
    assert value("colourfulness", picture) == pytest.approx(by_hand, abs=1e-5)


def test_edges_count_in_the_title_band_only() -> None:
    stripes = flat(0, 0, 0, 64).clone()
    stripes[:, :, :, ::2] = 1.0
    everywhere = value("title_edges", stripes)
    above, band = stripes.clone(), stripes.clone()
    above[:, :, 40:], band[:, :, :40] = -1.0, -1.0
    assert everywhere == pytest.approx(1)
    assert value("title_edges", above) == 0
    assert value("title_edges", band) == pytest.approx(1)


@pytest.mark.parametrize("side", [8, 16, 64, 128])
def test_a_row_does_not_depend_on_the_others_at_any_size(side: int) -> None:
    images = noise(5, 3, side, side).tanh()
    together = measure_statistics(images)
    apart = torch.cat([measure_statistics(one) for one in images.split(1)])
    assert together.shape == (5, len(STATISTICS))
    assert torch.isfinite(together).all()
    assert torch.allclose(together, apart, atol=1e-6)


def test_the_logit_is_the_last_statistic_where_there_is_a_score() -> None:
    images, score = pictures(3, 32), xai.Score(discriminator(32))
    assert names(score)[-1] == LOGIT
    assert names() == tuple(STATISTICS)
    assert torch.equal(measure_statistics(images, score)[:, -1], score(images))


def test_the_title_of_a_whole_poster_is_looked_for_where_that_of_its_middle_square_is() -> None:
    assert title_band(64, 64) == slice(43, 60)
    assert title_band(96, 64) == slice(16 + 43, 16 + 60)
    whole = noise(2, 3, 96, 64).tanh()
    assert torch.equal(STATISTICS["title_edges"](whole), STATISTICS["title_edges"](whole[:, :, 16:80]))
