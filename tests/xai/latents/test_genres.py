from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.stats import t
from torch import Tensor

import gan
import xai
from tests.xai.nets import conditional, generator, hooks, oblong, one_sentence, scramble, snapshot
from xai.latents import picture_statistics
from xai.latents.genres import STRENGTHS, genre_effects, genre_sweep

DARK, RED, NOTHING = "Horror", "Romance", "Drama"
BUILT = (DARK, RED, NOTHING)
ALWAYS_ON = 20.0  # keeps every unit above 0, where the ReLU is straight
AMOUNT = 0.02  # of colour for one unit; small, for there the Tanh is straight


@torch.no_grad()
def built() -> gan.Generator:
    """12 x 8 pictures, tanh of: AMOUNT * noise 0 on all colours, - 5 AMOUNT for Horror, + 10 AMOUNT red for Romance."""
    with torch.random.fork_rng():
        config = gan.ModelConfig(8, 2, 4, 4, aspect="2:3", genres=BUILT, embedding=3)
        network = gan.Generator(config).eval()
    network.embed.weight.copy_(torch.diag(torch.tensor([5.0, 10.0, 0.0])))
    first, norm, _, last, _ = network.layers
    first.weight.zero_()
    first.weight[0, 0] = 1.0  # the noise, to unit 0
    first.weight[2, 0] = -1.0  # Horror, to unit 0
    first.weight[3, 1] = 1.0  # Romance, to unit 1
    norm.weight.fill_(1.0)
    norm.bias.fill_(ALWAYS_ON)
    norm.running_var.fill_(1.0 - norm.eps)
    last.weight.zero_()
    last.weight[0, :, 1:3, 1:3] = AMOUNT
    last.weight[1, 0, 1:3, 1:3] = AMOUNT
    last.weight[2, :, 1:3, 1:3] = -AMOUNT  # units 2 and 3 are constant and take the others' constants away again
    last.weight[3, 0, 1:3, 1:3] = -AMOUNT
    return network


def latent(value: float = 0.0) -> Tensor:
    return torch.tensor([value, 0.0]).reshape(1, 2, 1, 1)


# ---- where the truth is known --------------------------------------------------------------------------


def test_a_genre_changes_the_picture_as_it_was_built_to() -> None:
    found = genre_sweep(built(), latent())
    dark = np.tanh(-5 * AMOUNT * np.array(STRENGTHS))
    red = np.tanh(10 * AMOUNT * np.array(STRENGTHS))
    assert found.genres == BUILT
    assert found.strengths == STRENGTHS
    assert found.pixels.shape == (3, 5, 12, 8, 3)
    assert np.allclose(found.change[0], -dark / 2, atol=1e-6)
    assert np.allclose(found.change[1], red / 2 / 3**0.5, atol=1e-6)  # of one colour among three
    assert np.array_equal(found.change[2], np.zeros(5))
    brightness, warmth = (found.names.index(name) for name in ("brightness", "warmth"))
    assert np.allclose(found.statistics[0, :, brightness], dark / 2, atol=1e-6)
    assert np.allclose(found.statistics[1, :, warmth], red / 2, atol=1e-6)
    assert np.allclose(found.statistics[0, :, warmth], 0, atol=1e-6)


def test_the_pictures_are_those_of_a_generator_with_the_genre_built_in() -> None:
    network = conditional()
    z = gan.latents([4], network.config)
    found = genre_sweep(network, z, ["Western", "Comedy"], (-1.0, 0.0, 0.5))
    assert found.genres == ("Western", "Comedy")
    for row, place in enumerate((2, 0)):
        for column, strength in enumerate(found.strengths):
            labels = [strength if index == place else 0.0 for index in range(3)]
            with torch.no_grad():
                expected = gan.to_uint8(network.with_genres(labels)(z))[0]
            assert np.abs(found.pixels[row, column].astype(int) - expected).max() <= 1  # rounding
    assert found.change[:, 1].max() < 1e-6 < 0.01 < found.change[:, [0, 2]].min()


def test_the_sheet_has_a_row_a_genre_and_a_column_a_strength() -> None:
    found = genre_sweep(conditional(), gan.latents([4], conditional().config), strengths=(0.0, 1.0))
    sheet = found.sheet()
    assert (sheet.columns, sheet.count, sheet.cell) == (2, 6, (48, 32))
    assert np.array_equal(sheet.pixels[48:96, 32:], found.pixels[1, 1])


def test_effects_over_posters_are_the_means_of_those_of_each() -> None:
    z = torch.cat([latent(value) for value in (-1.0, 0.0, 2.0)])
    found = genre_effects(built(), z)
    each = [genre_sweep(built(), one[None], strengths=(1.0,)) for one in z]
    rms = np.array([one.change[:, 0] for one in each])
    moved = np.array([one.statistics[:, 0] for one in each])
    assert np.allclose(found.rms, rms.mean(0), atol=1e-6)
    assert np.allclose(found.rms_error, rms.std(0, ddof=1) / 3**0.5, atol=1e-6)
    assert np.allclose(found.statistics, moved.mean(0), atol=1e-6)
    assert np.allclose(found.statistics_error, moved.std(0, ddof=1) / 3**0.5, atol=1e-6)
    noise = np.tanh(AMOUNT * np.array([-1.0, 0.0, 2.0])) / 2
    assert found.spread[found.names.index("brightness")] == pytest.approx(noise.std(ddof=1), abs=1e-6)
    assert found.rms.argsort().tolist() == [2, 0, 1]


def test_with_a_score_the_logit_is_the_last_statistic() -> None:
    network = conditional()
    judge = scramble(lambda: gan.Discriminator(oblong())).eval().with_genres([0.0] * 3)
    score, z = xai.Score(judge), gan.latents([4], network.config)
    found = genre_sweep(network, z, strengths=(1.0,), score=score)
    assert found.names == picture_statistics.names(score)
    with torch.no_grad():
        expected = score(network.with_genres([0.0, 1.0, 0.0])(z)) - score(network.with_genres([0.0] * 3)(z))
    assert found.statistics[1, 0, -1] == pytest.approx(float(expected), abs=1e-4)


def test_the_generator_is_left_alone_and_progress_ends_at_one() -> None:
    network, told = conditional().train(), []
    before = snapshot(network)
    genre_sweep(network, gan.latents([4], network.config), progress=told.append)
    genre_effects(network, gan.latents(range(2), network.config), progress=told.append)
    assert snapshot(network) == before
    assert hooks(network) == 0
    assert told[-1] == 1
    assert told == sorted(told)


@pytest.mark.parametrize(
    ("settings", "word"),
    [
        ({"genres": ["Western", "Noir"]}, "'Noir'"),
        ({"genres": []}, "empty"),
        ({"strengths": (0.0, 1.5)}, "-1 to 1"),
        ({"strengths": ()}, "at least one strength"),
        ({"z": torch.zeros(2, 6, 1, 1)}, "shape (1, latent, 1, 1)"),
        ({"generator": generator()}, "trained without genres"),
    ],
)
def test_what_cannot_be_swept_is_refused_in_one_sentence(settings: dict, word: str) -> None:
    given = {"generator": conditional(), "z": torch.zeros(1, 6, 1, 1)} | settings
    with pytest.raises(xai.ExplanationError) as caught:
        genre_sweep(**given)
    assert word in one_sentence(caught.value)


def test_effects_need_two_posters() -> None:
    with pytest.raises(xai.ExplanationError, match="two latents"):
        genre_effects(conditional(), torch.zeros(1, 6, 1, 1))


def test_a_change_is_uncertain_where_its_interval_holds_zero() -> None:
    found = genre_effects(built(), gan.latents(range(8), built().config))
    low, high = (found.statistics + sign * t.ppf(0.975, found.posters - 1) * found.statistics_error for sign in (-1, 1))
    assert (found.uncertain == ((low <= 0) & (high >= 0))).all()
    assert found.uncertain.any()
    assert not found.uncertain.all()
    assert found.rms_margin == pytest.approx(t.ppf(0.975, found.posters - 1) * found.rms_error)
    moving = found.spread > 1e-9
    assert found.standardised[:, moving] == pytest.approx(found.statistics[:, moving] / found.spread[moving])


def test_changes_that_stand_out_are_counted_beside_those_of_chance() -> None:
    found = genre_effects(built(), gan.latents(range(8), built().config))
    tests, certain = found.uncertain.size, int((~found.uncertain).sum())
    assert found.multiplicity == (
        f"Of {tests} changes {certain} differ from 0 at 95%; by chance alone {0.05 * tests:.2g} would."
    )
