"""Maps that are wrong on purpose are wrong in just the way that their names say."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

import xai
from tests.xai.nets import discriminator, one_sentence, pictures
from xai.bench.wrong_maps import WRONG, Others, Wrong, wrong
from xai.trust.agreement import CELLS, coarse
from xai.trust.randomisation import randomise

SIDE = 32


@pytest.fixture(scope="module")
def image() -> torch.Tensor:
    return pictures(1, SIDE)


@pytest.fixture(scope="module")
def others() -> Others:
    return Others(pictures(1, SIDE, first=9), xai.Score(discriminator(SIDE, seed=5)))


@pytest.fixture(scope="module")
def genuine() -> xai.Attribution:
    return xai.attribution("deeplift", xai.Score(discriminator(SIDE)), reference=xai.reference("grey"))


def made(name: str, genuine: xai.Attribution, image: torch.Tensor, others: Others, seed: int = 0) -> Wrong:
    return wrong(name, genuine, image, others, seed)


@pytest.mark.parametrize("name", WRONG)
def test_every_wrong_map_is_finite_repeatable_and_not_the_right_one(
    name: str, genuine: xai.Attribution, image: torch.Tensor, others: Others
) -> None:
    method = made(name, genuine, image, others)
    heat = method.attribute(image).heat()
    assert np.array_equal(heat, method.attribute(image).heat())
    assert np.isfinite(heat).all()
    assert np.ptp(heat) > 0
    right = genuine.attribute(image).heat()
    assert not np.allclose(coarse(heat), coarse(right))


@pytest.mark.parametrize("name", ["smooth", "permuted", "other poster", "other network"])
def test_wrong_maps_change_with_the_weights_so_that_this_check_does_not_find_them(
    name: str, genuine: xai.Attribution, image: torch.Tensor, others: Others
) -> None:
    method = made(name, genuine, image, others)
    shuffled = replace(method, score=randomise(genuine.score, 99))
    assert not np.allclose(method.attribute(image).heat(), shuffled.attribute(image).heat())


def test_edges_see_no_weights(genuine: xai.Attribution, image: torch.Tensor, others: Others) -> None:
    method = made("edges", genuine, image, others)
    shuffled = replace(method, score=randomise(genuine.score, 99))
    assert np.array_equal(method.attribute(image).heat(), shuffled.attribute(image).heat())


def test_permuted_cells_are_the_right_ones_elsewhere(
    genuine: xai.Attribution, image: torch.Tensor, others: Others
) -> None:
    heat, right = (m.attribute(image).heat() for m in (made("permuted", genuine, image, others), genuine))
    assert np.sort(coarse(heat, CELLS).ravel()) == pytest.approx(np.sort(coarse(right, CELLS).ravel()))
    side = SIDE // CELLS
    cells = {right[r : r + side, c : c + side].tobytes() for r in range(0, SIDE, side) for c in range(0, SIDE, side)}
    assert heat[:side, :side].tobytes() in cells


def test_the_map_of_another_poster_or_network_is_exactly_that(
    genuine: xai.Attribution, image: torch.Tensor, others: Others
) -> None:
    poster = made("other poster", genuine, image, others).attribute(image).values
    assert torch.allclose(poster, genuine.attribute(others.poster).values, atol=1e-6)
    network = made("other network", genuine, image, others).attribute(image).values
    assert torch.equal(network, replace(genuine, score=others.score).attribute(image).values)


def test_an_unknown_kind_and_a_picture_without_equal_cells_get_one_sentence(
    genuine: xai.Attribution, image: torch.Tensor, others: Others
) -> None:
    with pytest.raises(xai.ExplanationError, match="upside down") as unknown:
        made("upside down", genuine, image, others)
    with pytest.raises(xai.ExplanationError, match="8 x 8") as uneven:
        made("edges", genuine, image[..., :30], others)
    for error in (unknown, uneven):
        one_sentence(error.value)
