"""Pictures made up for filters: red for one that fires on red, at its place, and the same for the same seed."""

import numpy as np
import pytest
import torch

import xai
from tests.xai.discriminator.judges import GREEN_CORNER, LAYER, PRAISES, RED, judge
from tests.xai.nets import discriminator, given_discriminator, snapshot
from xai.discriminator.filters.synthesis import synthesise
from xai.discriminator.receptive_field import Box


def test_for_a_filter_that_fires_on_red_the_picture_is_red_and_for_green_green() -> None:
    for unit, colour in ((RED, 0), (GREEN_CORNER, 1)):
        made = synthesise(judge(), LAYER, unit)
        mean = made.patch.mean((0, 1))
        assert mean[colour] > 200
        assert np.delete(mean, colour).max() < 60
        assert made.response > 2  # of 3


def test_a_whole_picture_is_of_the_colour_everywhere_and_a_patch_at_its_place_alone() -> None:
    whole = synthesise(judge(), LAYER, RED, whole=True)
    assert whole.patch.shape == whole.picture.shape == (8, 8, 3)
    red, green, blue = whole.picture.mean((0, 1))
    assert red > 150
    assert max(green, blue) < 80
    patch = synthesise(judge(), LAYER, RED, place=(0, 3))
    assert patch.box == Box(0, 5, 3, 8)
    outside = np.ones((8, 8), bool)
    outside[:3, 5:] = False
    assert (patch.picture[outside] == 128).all()
    assert (patch.picture[:3, 5:, 0] > 200).mean() > 0.8


@pytest.mark.parametrize("network", [discriminator(32), given_discriminator(32)], ids=["square", "2:3"])
def test_the_response_is_beyond_that_of_random_pictures(network: torch.nn.Module) -> None:
    made = synthesise(network, "layers.1", 2)
    shown = torch.from_numpy(made.picture).permute(2, 0, 1)[None].float() / 127.5 - 1
    height, width = (side // 4 for side in network.config.size)
    assert made.response == pytest.approx(float(xai.Score(network, "layers.1", 2, (height, width))(shown)), abs=1e-5)
    random = torch.rand(50, 3, *network.config.size, generator=torch.Generator().manual_seed(0)) * 2 - 1
    assert made.response > float(xai.Score(network, "layers.1", 2, (height, width))(random).max())


def test_the_same_seed_gives_the_same_bits_and_touches_nothing_else() -> None:
    network = judge()
    before, state, numbers = snapshot(network), torch.get_rng_state(), np.random.get_state()[1].copy()
    first, again, other = (synthesise(network, LAYER, PRAISES, whole=True, seed=seed).picture for seed in (3, 3, 4))
    assert (first == again).all()
    assert (first != other).any()
    assert torch.equal(torch.get_rng_state(), state)
    assert (np.random.get_state()[1] == numbers).all()
    assert snapshot(network) == before


def test_what_is_not_there_is_refused_in_a_sentence() -> None:
    with pytest.raises(xai.ExplanationError, match="has no layer"):
        synthesise(judge(), "layers.9", 0)
    with pytest.raises(xai.ExplanationError, match="units 0 to 6; 7 is none"):
        synthesise(judge(), LAYER, 7)
    with pytest.raises(xai.ExplanationError, match=r"\(4, 0\) is none"):
        synthesise(judge(), LAYER, 0, place=(4, 0))
