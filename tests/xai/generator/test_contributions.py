from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor

import gan
import xai
from tests.xai import built, nets
from tests.xai.nets import in_threads, one_sentence, snapshot
from xai.generator import one_ablation
from xai.generator.contributions import LATENT, By, Parts, agreement, parts, wiring
from xai.generator.folded import Anatomy
from xai.networks.jacobian import jacobian

WHOLE = (0.0, 0.0, 1.0, 1.0)
TOP_LEFT = (0.0, 0.0, 0.375, 0.375)  # 3 x 3 pixels: kernels of the other quarters reach one pixel across the border
BOTTOM_RIGHT = (0.625, 0.625, 1.0, 1.0)


@pytest.fixture(scope="module")
def hand_built() -> Anatomy:
    return Anatomy.of(built.generator())


@pytest.fixture(scope="module", params=["square", "2:3, of a genre"])
def random_generator(request: pytest.FixtureRequest) -> gan.Generator:
    """Two activation layers, of 40 (more than a block) and 20 units."""
    config = gan.ModelConfig(resolution=16, width=20, latent=6)
    if request.param == "square":
        return nets.scramble(lambda: gan.Generator(config)).eval()
    asking = nets.scramble(lambda: gan.Generator(replace(config, aspect="2:3", genres=nets.GENRES))).eval()
    return asking.with_genres(nets.LABELS)


@pytest.fixture(scope="module")
def random_anatomy(random_generator: gan.Generator) -> Anatomy:
    return Anatomy.of(random_generator)


def seed(number: int) -> Tensor:
    return gan.latents([number], gan.ModelConfig(latent=6))


# ---- where the truth is known ------------------------------------------------------------------------


def test_a_noise_value_drives_the_filters_that_it_was_wired_to(hand_built: Anatomy) -> None:
    drives = wiring(hand_built, built.latent(1.0, 1.0, 1.0, 1.0, 1.0)).drives[built.LAYER]
    expected = torch.zeros(5, 7)
    for value, unit in (
        (built.DRIVES_PATCH, built.PATCH),
        (built.DRIVES_TWINS, built.TWIN),
        (built.DRIVES_TWINS, built.OTHER_TWIN),
        (built.DRIVES_HATED, built.HATED),
        (built.DRIVES_WEAK, built.WEAK),
    ):
        expected[value, unit] = 0.25  # by 1 at 4 of 16 places
    torch.testing.assert_close(drives, expected, atol=1e-5, rtol=0)


def test_a_noise_value_below_zero_drives_nothing_through_a_relu(hand_built: Anatomy) -> None:
    found = wiring(hand_built, built.latent(-1.0, -1.0, 1.0, -1.0, -1.0))
    assert found.drives[built.LAYER].abs().sum(1).nonzero().flatten().tolist() == [built.DRIVES_HATED]
    assert found.moves(built.DRIVES_PATCH).max() == 0 < found.moves(built.DRIVES_HATED).max()


def test_a_noise_value_moves_its_region_and_no_other(hand_built: Anatomy) -> None:
    moved = wiring(hand_built, built.latent(1.0, 1.0, 1.0)).moves(built.DRIVES_PATCH) > 0
    assert moved[:4, :4].all() and not moved[5:].any() and not moved[:, 5:].any()


def test_a_noise_value_that_is_wired_to_nothing_moves_nothing(hand_built: Anatomy) -> None:
    found = wiring(hand_built, built.latent(1.0, 1.0, 1.0, 1.0, 1.0))
    assert found.moves(built.DRIVES_NOTHING).max() == 0


def _patch_against_constant(by: By) -> float:
    """PATCH's share of the top left 3 x 3 pixels: 1 x 0.2 for each place in reach, against CONSTANT's 2 x -0.05."""
    reach = torch.outer(torch.tensor([1.0, 2.0, 2.0]), torch.tensor([1.0, 2.0, 2.0]))
    if by == "jacobian":
        return 0.2**2 / (0.2**2 + 0.1**2)
    picture = (0.1 * reach).tanh()
    patch, constant = (picture - (-0.1 * reach).tanh()).square().sum(), (picture - (0.2 * reach).tanh()).square().sum()
    return float(patch / (patch + constant))


@pytest.mark.parametrize("by", ["jacobian", "ablation"])
def test_a_region_was_made_by_the_filter_that_draws_it(hand_built: Anatomy, by: By) -> None:
    z = built.latent(1.0, 1.0, 1.0, 1.0)
    by_filter = parts(hand_built, z, built.LAYER, by, removal="zero")
    share = by_filter.shares(TOP_LEFT)
    assert float(share.sum()) == pytest.approx(1)
    expected = _patch_against_constant(by)
    assert share[[built.PATCH, built.CONSTANT]].tolist() == pytest.approx([expected, 1 - expected], abs=1e-4)
    assert share.argmax() == built.PATCH and by_filter.shares(BOTTOM_RIGHT).argmax() == built.HATED
    compared_with_mean = parts(hand_built, z, built.LAYER, by)
    assert compared_with_mean.map(built.CONSTANT).max() < 1e-5  # at its mean it is not missed


@pytest.mark.parametrize("by", ["jacobian", "ablation"])
def test_a_region_was_made_by_the_noise_value_behind_its_filter(hand_built: Anatomy, by: By) -> None:
    values = parts(hand_built, built.latent(1.0, 1.0, 1.0, 1.0, 1.0), LATENT, by)
    assert values.shares(TOP_LEFT).tolist() == pytest.approx([1, 0, 0, 0, 0], abs=1e-3)
    assert values.shares(BOTTOM_RIGHT).tolist() == pytest.approx([0, 0, 1, 0, 0], abs=1e-3)


def test_a_noise_value_at_its_mean_has_made_nothing_though_it_could_move_something(hand_built: Anatomy) -> None:
    z = built.latent(1e-9, 1.0)
    assert float(parts(hand_built, z, LATENT).shares(TOP_LEFT)[built.DRIVES_PATCH]) == 0
    assert wiring(hand_built, z).moves(built.DRIVES_PATCH).max() > 0.1


def test_a_dead_filter_adds_nothing_and_twins_add_in_proportion_to_their_weights(hand_built: Anatomy) -> None:
    by_filter = parts(hand_built, built.latent(1.0, 1.0, 1.0), built.LAYER, removal="zero")
    assert by_filter.values[built.DEAD].abs().max() == 0
    torch.testing.assert_close(by_filter.values[built.OTHER_TWIN], 2 * by_filter.values[built.TWIN])


def test_where_nothing_changes_nobody_has_a_share(hand_built: Anatomy) -> None:
    assert parts(hand_built, built.latent(), LATENT).shares(WHOLE).tolist() == [0] * 5


def test_a_filter_owns_the_pixels_that_change_without_it(hand_built: Anatomy) -> None:
    owned = parts(hand_built, built.latent(1.0), built.LAYER, removal="zero").map(built.PATCH) > 0
    assert owned[:4, :4].all() and not owned[5:].any() and not owned[:, 5:].any()


# ---- equal to the slow way ---------------------------------------------------------------------------


def test_slopes_are_those_of_torchs_forward_mode(random_generator: gan.Generator, random_anatomy: Anatomy) -> None:
    for number in range(3):
        found = wiring(random_anatomy, seed(number))
        expected = jacobian(random_generator, seed(number))
        torch.testing.assert_close(found.slopes, expected, atol=1e-5, rtol=1e-4)
        assert torch.equal(found.picture, random_anatomy.chain.trace(seed(number)).output)


@pytest.mark.parametrize("layer", ["layers.2", "layers.5"])
def test_drives_are_those_of_autograd(random_generator: gan.Generator, random_anatomy: Anatomy, layer: str) -> None:
    network = xai.private_copy(random_generator.layers)[: int(layer[7:]) + 1]

    def means(flat: Tensor) -> Tensor:
        maps: Tensor = network(flat[None, :, None, None])
        return maps.mean((0, 2, 3))

    expected = torch.autograd.functional.jacobian(means, seed(5).flatten()).T
    torch.testing.assert_close(wiring(random_anatomy, seed(5)).drives[layer], expected, atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("layer", ["layers.2", "layers.5"])
def test_slopes_along_a_units_gain_are_those_of_autograd(
    random_generator: gan.Generator, random_anatomy: Anatomy, layer: str
) -> None:
    maps = xai.activations(random_generator, seed(5), [layer])[layer]
    rest = xai.private_copy(random_generator.layers)[int(layer[7:]) + 1 :]

    def drawn(gain: Tensor) -> Tensor:
        picture: Tensor = rest(maps * gain[None, :, None, None])
        return picture[0]

    expected = torch.autograd.functional.jacobian(drawn, torch.ones(maps.shape[1])).permute(3, 0, 1, 2)
    found = parts(random_anatomy, seed(5), layer, removal="zero")
    torch.testing.assert_close(found.values, expected, atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("removal", ["mean", "zero"])
def test_parts_by_ablation_are_the_differences_of_ablate(
    random_generator: gan.Generator, random_anatomy: Anatomy, removal: one_ablation.Removal
) -> None:
    found = parts(random_anatomy, seed(5), "layers.5", "ablation", removal)
    for unit in (0, 7, 19):
        slow = one_ablation.ablate(random_generator, seed(5), "layers.5", unit, removal)
        torch.testing.assert_close(found.values[unit], slow.difference[0], atol=1e-5, rtol=0)


@pytest.mark.parametrize("removal", ["mean", "resample"])
def test_parts_of_noise_values_by_ablation_are_differences_of_posters(
    random_generator: gan.Generator, random_anatomy: Anatomy, removal: Any
) -> None:
    found = parts(random_anatomy, seed(5), LATENT, "ablation", removal, donor=9)
    changed = seed(5)
    changed[0, 2] = 0 if removal == "mean" else seed(9)[0, 2]
    with torch.no_grad():
        expected = random_generator(seed(5)) - random_generator(changed)
    torch.testing.assert_close(found.values[2], expected[0], atol=1e-5, rtol=0)


def test_noise_values_that_do_not_fit_at_once_are_pushed_through_in_parts(
    random_anatomy: Anatomy, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = wiring(random_anatomy, seed(5)), parts(random_anatomy, seed(5), LATENT)
    monkeypatch.setattr("xai.networks.jacobian.AT_ONCE", 4)  # of 6
    told: list[float] = []
    found = wiring(random_anatomy, seed(5)), parts(random_anatomy, seed(5), LATENT, progress=told.append)
    torch.testing.assert_close(found[0].slopes, whole[0].slopes)
    torch.testing.assert_close(found[0].drives["layers.5"], whole[0].drives["layers.5"])
    torch.testing.assert_close(found[1].values, whole[1].values)
    assert told == [4 / 6, 1]


def test_a_small_removal_is_foretold_to_first_order(random_anatomy: Anatomy) -> None:
    trace = random_anatomy.trace(seed(5))
    small = 1e-3 * random_anatomy.maps(trace, "layers.5")[0]
    slopes = torch.cat([block for _, block in random_anatomy.gains(trace, "layers.5", small)])
    drawn = torch.cat([block for _, block in random_anatomy.redraw(trace, "layers.5", small)])
    torch.testing.assert_close(drawn - trace.output, slopes, atol=2e-6, rtol=0.05)


# ---- agreement ---------------------------------------------------------------------------------------


def test_slopes_foretell_removals_in_the_last_layer(random_anatomy: Anatomy) -> None:
    by_slope, by_removal = (parts(random_anatomy, seed(5), "layers.5", by) for by in ("jacobian", "ablation"))
    assert agreement(by_slope, by_removal) > 0.95
    assert agreement(by_slope, by_removal, (0.0, 0.0, 1.0, 0.3)) > 0.9


def test_agreement_is_the_correlation_of_sizes() -> None:
    one, other = (Parts("layers.2", "jacobian", nets.noise(6, 3, 4, 4, seed=number)) for number in (1, 2))
    expected = torch.corrcoef(torch.stack([one.sizes, other.sizes]))[0, 1]
    assert agreement(one, other) == pytest.approx(float(expected), abs=1e-5)
    assert agreement(one, Parts("layers.2", "ablation", -2 * one.values)) == pytest.approx(1)


def test_where_nothing_varies_there_is_no_agreement() -> None:
    one = Parts("layers.2", "jacobian", torch.ones(3, 3, 4, 4))
    assert math.isnan(agreement(one, one))


def test_parts_of_different_layers_cannot_be_compared(random_anatomy: Anatomy) -> None:
    one, other = (parts(random_anatomy, seed(5), layer) for layer in ("layers.2", "layers.5"))
    with pytest.raises(xai.ExplanationError) as caught:
        agreement(one, other)
    assert "layers.2" in one_sentence(caught.value)


# ---- in threads, with progress, on bad input ---------------------------------------------------------


def test_threads_that_share_an_anatomy_get_the_answers_that_each_gets_alone(random_anatomy: Anatomy) -> None:
    def job(index: int) -> tuple[Tensor, Tensor]:
        return wiring(random_anatomy, seed(index)).slopes, parts(random_anatomy, seed(index), "layers.2").values

    alone = [job(index) for index in range(6)]
    for one, other in zip(alone, in_threads(6, job), strict=True):
        assert torch.equal(one[0], other[0]) and torch.equal(one[1], other[1])


def test_the_generator_is_left_alone(random_generator: gan.Generator) -> None:
    network = nets.generator(16).train()
    before = snapshot(network)
    anatomy = Anatomy.of(network)
    wiring(anatomy, seed(1))
    parts(anatomy, seed(1), "layers.2", "ablation")
    assert snapshot(network) == before


def test_progress_runs_to_the_end_and_can_call_it_off(random_anatomy: Anatomy) -> None:
    told: list[float] = []
    parts(random_anatomy, seed(1), "layers.2", progress=told.append)
    assert told == sorted(told) and len(told) == 2 and told[-1] == 1

    def stop(part: float) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        parts(random_anatomy, seed(1), "layers.2", progress=stop)


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"layer": "layers.4"}, "layers.2, layers.5"),
        ({"by": "guess"}, "'guess'"),
        ({"removal": "median"}, "'median'"),
        ({"removal": "median", "layer": LATENT}, "'median'"),
        ({"removal": "resample", "donor": -1}, "seed"),
        ({"removal": "resample", "donor": 2**32, "layer": LATENT}, "seed"),
        ({"z": torch.zeros(2, 6, 1, 1)}, "not 2"),
        ({"z": torch.zeros(1, 7, 1, 1)}, "(1, 6, 1, 1)"),
    ],
)
def test_bad_input_is_answered_with_one_sentence(random_anatomy: Anatomy, given: dict[str, Any], says: str) -> None:
    with pytest.raises(xai.ExplanationError) as caught:
        parts(random_anatomy, **{"z": seed(1), "layer": "layers.5"} | given)
    assert says in one_sentence(caught.value)


@pytest.mark.parametrize(
    "box", [(0.0, 0.0, 1.0), (0.5, 0.0, 0.5, 1.0), (0.0, 0.0, 1.0, 1.5), "box", (0, 0, math.nan, 1)]
)
def test_a_box_that_is_none_is_refused(random_anatomy: Anatomy, box: Any) -> None:
    found = parts(random_anatomy, seed(1), LATENT)
    with pytest.raises(xai.ExplanationError) as caught:
        found.shares(box)
    assert "A box" in one_sentence(caught.value)


@pytest.mark.parametrize("index", [-1, 6])
def test_a_noise_value_or_a_unit_that_does_not_exist_is_refused(random_anatomy: Anatomy, index: int) -> None:
    for ask in (wiring(random_anatomy, seed(1)).moves, parts(random_anatomy, seed(1), LATENT).map):
        with pytest.raises(xai.ExplanationError) as caught:
            ask(index)
        assert "run from 0 to 5" in one_sentence(caught.value)
