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
from xai.generator.ablation import Ablation, ablate
from xai.generator.contributions import LATENT, By, Contributions, contributions, correlation, latent_gradients
from xai.generator.folded import FoldedGenerator
from xai.networks.jacobian import jacobian

WHOLE = (0.0, 0.0, 1.0, 1.0)
TOP_LEFT = (0.0, 0.0, 0.375, 0.375)  # 3 x 3 pixels: kernels of the other quarters reach one pixel across the border
BOTTOM_RIGHT = (0.625, 0.625, 1.0, 1.0)


@pytest.fixture(scope="module")
def hand_built() -> FoldedGenerator:
    return FoldedGenerator.of(built.generator())


@pytest.fixture(scope="module", params=["square", "2:3, of a genre"])
def random_generator(request: pytest.FixtureRequest) -> gan.Generator:
    """Two activation layers, of 40 (more than a block) and 20 units."""
    config = gan.ModelConfig(resolution=16, width=20, latent=6)
    if request.param == "square":
        return nets.scramble(lambda: gan.Generator(config)).eval()
    asking = nets.scramble(lambda: gan.Generator(replace(config, aspect="2:3", genres=nets.GENRES))).eval()
    return asking.with_genres(nets.LABELS)


@pytest.fixture(scope="module")
def random_folded(random_generator: gan.Generator) -> FoldedGenerator:
    return FoldedGenerator.of(random_generator)


def seed(number: int) -> Tensor:
    return gan.latents([number], gan.ModelConfig(latent=6))


# ---- where the truth is known ------------------------------------------------------------------------


def test_a_latent_dimension_drives_the_filters_that_it_was_wired_to(hand_built: FoldedGenerator) -> None:
    drives = latent_gradients(hand_built, built.latent(1.0, 1.0, 1.0, 1.0, 1.0)).units[built.LAYER]
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


def test_a_latent_dimension_below_zero_drives_nothing_through_a_relu(hand_built: FoldedGenerator) -> None:
    found = latent_gradients(hand_built, built.latent(-1.0, -1.0, 1.0, -1.0, -1.0))
    assert found.units[built.LAYER].abs().sum(1).nonzero().flatten().tolist() == [built.DRIVES_HATED]
    assert found.pixel_map(built.DRIVES_PATCH).max() == 0 < found.pixel_map(built.DRIVES_HATED).max()


def test_a_latent_dimension_moves_its_region_and_no_other(hand_built: FoldedGenerator) -> None:
    moved = latent_gradients(hand_built, built.latent(1.0, 1.0, 1.0)).pixel_map(built.DRIVES_PATCH) > 0
    assert moved[:4, :4].all()
    assert not moved[5:].any()
    assert not moved[:, 5:].any()


def test_a_latent_dimension_that_is_wired_to_nothing_moves_nothing(hand_built: FoldedGenerator) -> None:
    found = latent_gradients(hand_built, built.latent(1.0, 1.0, 1.0, 1.0, 1.0))
    assert found.pixel_map(built.DRIVES_NOTHING).max() == 0


def _patch_against_constant(by: By) -> float:
    """PATCH's share of the top left 3 x 3 pixels: 1 x 0.2 for each place in reach, against CONSTANT's 2 x -0.05."""
    reach = torch.outer(torch.tensor([1.0, 2.0, 2.0]), torch.tensor([1.0, 2.0, 2.0]))
    if by == "jacobian":
        return 0.2**2 / (0.2**2 + 0.1**2)
    picture = (0.1 * reach).tanh()
    patch, constant = (picture - (-0.1 * reach).tanh()).square().sum(), (picture - (0.2 * reach).tanh()).square().sum()
    return float(patch / (patch + constant))


@pytest.mark.parametrize("by", ["jacobian", "ablation"])
def test_a_region_was_made_by_the_filter_that_draws_it(hand_built: FoldedGenerator, by: By) -> None:
    z = built.latent(1.0, 1.0, 1.0, 1.0)
    by_filter = contributions(hand_built, z, built.LAYER, by, ablation=Ablation("zero"))
    share = by_filter.proportions(TOP_LEFT)
    assert float(share.sum()) == pytest.approx(1)
    expected = _patch_against_constant(by)
    assert share[[built.PATCH, built.CONSTANT]].tolist() == pytest.approx([expected, 1 - expected], abs=1e-4)
    assert share.argmax() == built.PATCH
    assert by_filter.proportions(BOTTOM_RIGHT).argmax() == built.HATED
    compared_with_mean = contributions(hand_built, z, built.LAYER, by)
    assert compared_with_mean.pixel_map(built.CONSTANT).max() < 1e-5  # at its mean it is not missed


@pytest.mark.parametrize("by", ["jacobian", "ablation"])
def test_a_region_was_made_by_the_noise_value_behind_its_filter(hand_built: FoldedGenerator, by: By) -> None:
    values = contributions(hand_built, built.latent(1.0, 1.0, 1.0, 1.0, 1.0), LATENT, by)
    assert values.proportions(TOP_LEFT).tolist() == pytest.approx([1, 0, 0, 0, 0], abs=1e-3)
    assert values.proportions(BOTTOM_RIGHT).tolist() == pytest.approx([0, 0, 1, 0, 0], abs=1e-3)


def test_a_latent_dimension_at_its_mean_has_made_nothing_though_it_could_move_something(
    hand_built: FoldedGenerator,
) -> None:
    z = built.latent(1e-9, 1.0)
    assert float(contributions(hand_built, z, LATENT).proportions(TOP_LEFT)[built.DRIVES_PATCH]) == 0
    assert latent_gradients(hand_built, z).pixel_map(built.DRIVES_PATCH).max() > 0.1


def test_a_dead_filter_adds_nothing_and_twins_add_in_proportion_to_their_weights(hand_built: FoldedGenerator) -> None:
    by_filter = contributions(hand_built, built.latent(1.0, 1.0, 1.0), built.LAYER, ablation=Ablation("zero"))
    assert by_filter.values[built.DEAD].abs().max() == 0
    torch.testing.assert_close(by_filter.values[built.OTHER_TWIN], 2 * by_filter.values[built.TWIN])


def test_where_nothing_changes_nobody_has_a_share(hand_built: FoldedGenerator) -> None:
    assert contributions(hand_built, built.latent(), LATENT).proportions(WHOLE).tolist() == [0] * 5


def test_a_filter_owns_the_pixels_that_change_without_it(hand_built: FoldedGenerator) -> None:
    owned = (
        contributions(hand_built, built.latent(1.0), built.LAYER, ablation=Ablation("zero")).pixel_map(built.PATCH) > 0
    )
    assert owned[:4, :4].all()
    assert not owned[5:].any()
    assert not owned[:, 5:].any()


# ---- equal to the slow way ---------------------------------------------------------------------------


def test_gradients_are_those_of_torchs_forward_mode(
    random_generator: gan.Generator, random_folded: FoldedGenerator
) -> None:
    network = xai.private_copy(random_generator)
    for number in range(3):
        found = latent_gradients(random_folded, seed(number))
        columns = torch.func.jacfwd(lambda z: network(z)[0])(seed(number))
        expected = columns[:, :, :, 0, :, 0, 0].permute(3, 0, 1, 2)
        assert torch.equal(found.pixels, jacobian(random_generator, seed(number)))
        torch.testing.assert_close(found.pixels, expected, atol=1e-5, rtol=1e-4)
        assert torch.equal(found.picture, random_folded.chain.trace(seed(number)).output)


@pytest.mark.parametrize("layer", ["layers.2", "layers.5"])
def test_gradients_of_units_are_those_of_autograd(
    random_generator: gan.Generator, random_folded: FoldedGenerator, layer: str
) -> None:
    network = xai.private_copy(random_generator.layers)[: int(layer[7:]) + 1]

    def means(flat: Tensor) -> Tensor:
        maps: Tensor = network(flat[None, :, None, None])
        return maps.mean((0, 2, 3))

    expected = torch.autograd.functional.jacobian(means, seed(5).flatten()).T
    torch.testing.assert_close(latent_gradients(random_folded, seed(5)).units[layer], expected, atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("layer", ["layers.2", "layers.5"])
def test_slopes_along_a_units_gain_are_those_of_autograd(
    random_generator: gan.Generator, random_folded: FoldedGenerator, layer: str
) -> None:
    maps = xai.activations(random_generator, seed(5), [layer])[layer]
    rest = xai.private_copy(random_generator.layers)[int(layer[7:]) + 1 :]

    def drawn(gain: Tensor) -> Tensor:
        picture: Tensor = rest(maps * gain[None, :, None, None])
        return picture[0]

    expected = torch.autograd.functional.jacobian(drawn, torch.ones(maps.shape[1])).permute(3, 0, 1, 2)
    found = contributions(random_folded, seed(5), layer, ablation=Ablation("zero"))
    torch.testing.assert_close(found.values, expected, atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("ablation", [Ablation("mean"), Ablation("zero"), Ablation("resample")])
def test_contributions_by_ablation_are_the_differences_of_ablate(
    random_generator: gan.Generator, random_folded: FoldedGenerator, ablation: Ablation
) -> None:
    found = contributions(random_folded, seed(5), "layers.5", "ablation", ablation)
    for unit in (0, 7, 19):
        slow = ablate(random_generator, seed(5), "layers.5", unit, ablation)
        torch.testing.assert_close(found.values[unit], slow.difference[0], atol=1e-5, rtol=0)


@pytest.mark.parametrize("by", ["mean", "resample"])
def test_contributions_of_latent_dimensions_by_ablation_are_differences_of_posters(
    random_generator: gan.Generator, random_folded: FoldedGenerator, by: Any
) -> None:
    found = contributions(random_folded, seed(5), LATENT, "ablation", Ablation(by, donor=9))
    changed = seed(5)
    changed[0, 2] = 0 if by == "mean" else seed(9)[0, 2]
    with torch.no_grad():
        expected = random_generator(seed(5)) - random_generator(changed)
    torch.testing.assert_close(found.values[2], expected[0], atol=1e-5, rtol=0)


def test_latent_dimensions_that_do_not_fit_at_once_are_pushed_through_in_parts(
    random_folded: FoldedGenerator, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = latent_gradients(random_folded, seed(5)), contributions(random_folded, seed(5), LATENT)
    monkeypatch.setattr("xai.networks.jacobian.AT_ONCE", 4)  # of 6
    told: list[float] = []
    found = (
        latent_gradients(random_folded, seed(5)),
        contributions(random_folded, seed(5), LATENT, progress=told.append),
    )
    torch.testing.assert_close(found[0].pixels, whole[0].pixels)
    torch.testing.assert_close(found[0].units["layers.5"], whole[0].units["layers.5"])
    torch.testing.assert_close(found[1].values, whole[1].values)
    assert told == [4 / 6, 1]


def test_a_small_change_is_predicted_to_first_order(random_folded: FoldedGenerator) -> None:
    trace = random_folded.trace(seed(5))
    small = 1e-3 * random_folded.maps(trace, "layers.5")[0]
    gradients = torch.cat([block for _, block in random_folded.derivatives(trace, "layers.5", small)])
    drawn = torch.cat([block for _, block in random_folded.redraw(trace, "layers.5", small)])
    torch.testing.assert_close(drawn - trace.output, gradients, atol=2e-6, rtol=0.05)


# ---- correlation ---------------------------------------------------------------------------------------


def test_gradients_predict_ablations_in_the_last_layer(random_folded: FoldedGenerator) -> None:
    by_gradient, by_ablation = (
        contributions(random_folded, seed(5), "layers.5", by) for by in ("jacobian", "ablation")
    )
    assert correlation(by_gradient, by_ablation) > 0.95
    assert correlation(by_gradient, by_ablation, (0.0, 0.0, 1.0, 0.3)) > 0.9


def test_the_correlation_is_the_correlation_of_sizes() -> None:
    one, other = (Contributions("layers.2", "jacobian", nets.noise(6, 3, 4, 4, seed=number)) for number in (1, 2))
    expected = torch.corrcoef(torch.stack([one.rms, other.rms]))[0, 1]
    assert correlation(one, other) == pytest.approx(float(expected), abs=1e-5)
    assert correlation(one, Contributions("layers.2", "ablation", -2 * one.values)) == pytest.approx(1)


def test_where_nothing_varies_there_is_no_correlation() -> None:
    one = Contributions("layers.2", "jacobian", torch.ones(3, 3, 4, 4))
    assert math.isnan(correlation(one, one))


def test_contributions_of_different_layers_cannot_be_compared(random_folded: FoldedGenerator) -> None:
    one, other = (contributions(random_folded, seed(5), layer) for layer in ("layers.2", "layers.5"))
    with pytest.raises(xai.ExplanationError) as caught:
        correlation(one, other)
    assert "layers.2" in one_sentence(caught.value)


# ---- in threads, with progress, on bad input ---------------------------------------------------------


def test_threads_that_share_a_folded_generator_get_the_answers_that_each_gets_alone(
    random_folded: FoldedGenerator,
) -> None:
    def job(index: int) -> tuple[Tensor, Tensor]:
        return latent_gradients(random_folded, seed(index)).pixels, contributions(
            random_folded, seed(index), "layers.2"
        ).values

    alone = [job(index) for index in range(6)]
    for one, other in zip(alone, in_threads(6, job), strict=True):
        assert torch.equal(one[0], other[0])
        assert torch.equal(one[1], other[1])


def test_the_generator_is_left_alone(random_generator: gan.Generator) -> None:
    network = nets.generator(16).train()
    before = snapshot(network)
    folded = FoldedGenerator.of(network)
    latent_gradients(folded, seed(1))
    contributions(folded, seed(1), "layers.2", "ablation")
    assert snapshot(network) == before


def test_progress_runs_to_the_end_and_can_call_it_off(random_folded: FoldedGenerator) -> None:
    told: list[float] = []
    contributions(random_folded, seed(1), "layers.2", progress=told.append)
    assert told == sorted(told)
    assert len(told) == 2
    assert told[-1] == 1

    def stop(part: float) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        contributions(random_folded, seed(1), "layers.2", progress=stop)


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"layer": "layers.4"}, "layers.2, layers.5"),
        ({"by": "guess"}, "'guess'"),
        ({"z": torch.zeros(2, 6, 1, 1)}, "not 2"),
        ({"z": torch.zeros(1, 7, 1, 1)}, "(1, 6, 1, 1)"),
    ],
)
def test_bad_input_is_answered_with_one_sentence(
    random_folded: FoldedGenerator, given: dict[str, Any], says: str
) -> None:
    with pytest.raises(xai.ExplanationError) as caught:
        contributions(random_folded, **{"z": seed(1), "layer": "layers.5"} | given)
    assert says in one_sentence(caught.value)


@pytest.mark.parametrize(
    "box", [(0.0, 0.0, 1.0), (0.5, 0.0, 0.5, 1.0), (0.0, 0.0, 1.0, 1.5), "box", (0, 0, math.nan, 1)]
)
def test_a_box_that_is_none_is_refused(random_folded: FoldedGenerator, box: Any) -> None:
    found = contributions(random_folded, seed(1), LATENT)
    with pytest.raises(xai.ExplanationError) as caught:
        found.proportions(box)
    assert "A box" in one_sentence(caught.value)


@pytest.mark.parametrize("index", [-1, 6])
def test_a_latent_dimension_or_a_unit_that_does_not_exist_is_refused(
    random_folded: FoldedGenerator, index: int
) -> None:
    for ask in (
        latent_gradients(random_folded, seed(1)).pixel_map,
        contributions(random_folded, seed(1), LATENT).pixel_map,
    ):
        with pytest.raises(xai.ExplanationError) as caught:
            ask(index)
        assert "run from 0 to 5" in one_sentence(caught.value)
