"""Contributions of filters and where they came from: sums, captum, and networks on which the answer is known."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor, nn

import gan
import xai
from tests.xai.discriminator import built
from tests.xai.nets import discriminator, given_discriminator, noise, one_sentence, pictures, tall_pictures
from xai.discriminator.relevance import (
    conditional_map,
    conditional_maps,
    filter_contributions,
    strongest_in,
    waterfall,
)
from xai.discriminator.responses import filter_layers, responses
from xai.generator.regions import box_of

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning")


def shipped() -> gan.Discriminator:
    return gan.load("checkpoints/dcgan-64").need_discriminator()


NETWORKS = {
    "real size": (lambda: discriminator(64, 64), lambda: pictures(1, 64), lambda: pictures(1, 64, 7)),
    "shipped": (shipped, lambda: pictures(1, 64), lambda: torch.zeros(1, 3, 64, 64)),
    "2:3, no BatchNorm, genres built in": (
        given_discriminator,
        lambda: tall_pictures(1, 32),
        lambda: torch.zeros(1, 3, 48, 32),
    ),
}


@pytest.fixture(scope="module", params=list(NETWORKS))
def case(request: pytest.FixtureRequest) -> tuple[xai.Score, Tensor, Tensor]:
    network, image, reference = NETWORKS[request.param]
    return xai.Score(network()), image(), reference()


Case = tuple[xai.Score, Tensor, Tensor]


def test_maps_of_all_filters_of_a_layer_add_up_to_deeplifts_map(case: Case) -> None:
    score, image, reference = case
    own = xai.reference("own", images=reference)
    whole = xai.attribution("deeplift", score, reference=own).attribute(image).values[0].numpy()
    for layer in filter_layers(score):
        maps = conditional_maps(score, image, reference, layer.name, range(layer.units))
        total = np.sum([one.values for one in maps], axis=0, dtype=np.float64)
        assert np.abs(total - whole).max() < 1e-4 * np.abs(whole).max()
        for one in maps:
            assert one.values.sum(dtype=np.float64) == pytest.approx(one.contribution - one.gap, abs=1e-9)
            assert abs(one.gap) < 5e-5  # single precision, over up to 16,384 places
    assert np.abs(whole).max() > 1e-3


def test_contributions_of_a_layer_add_up_to_the_difference_of_the_logits(case: Case) -> None:
    score, image, reference = case
    found = filter_contributions(score, image, reference)
    assert found.logit == pytest.approx(float(score(image)), abs=1e-5)
    assert found.base_logit == pytest.approx(float(score(reference)), abs=1e-5)
    for one in found.layers:
        assert abs(one.gap) < 5e-5  # single precision, over up to 16,384 places
        assert found.base_logit + one.values.sum() + one.gap == pytest.approx(found.logit, abs=1e-12)
    assert abs(found.logit - found.base_logit) > 1e-2


def test_contributions_at_every_layer_are_captums(case: Case) -> None:
    from captum.attr import LayerDeepLift

    score, image, reference = case
    for one in filter_contributions(score, image, reference).layers:
        network = score.module()
        theirs = LayerDeepLift(network, network.get_submodule(one.layer.name)).attribute(
            image.clone().requires_grad_(), reference.clone().requires_grad_()
        )
        expected = theirs.detach().sum((2, 3))[0].numpy()
        assert np.abs(one.values - expected).max() < 1e-4 * np.abs(expected).max()


def test_a_conditional_map_is_captums_deeplift_of_that_filter_alone(case: Case) -> None:
    from captum.attr import DeepLift

    score, image, reference = case
    layer, unit = filter_layers(score)[1], 2
    assert score.chain is not None
    trace, base = score.chain.trace(image), score.chain.trace(reference)
    multipliers = score.chain.multipliers(trace, base, [layer.after])[layer.after][0]
    read = nn.Conv2d(layer.units, 1, (layer.height, layer.width), bias=False)
    read.weight = nn.Parameter(torch.zeros_like(read.weight))
    read.weight.data[0, unit] = multipliers[unit]
    layers = score.module().get_submodule("layers")
    up_to = layers[: int(layer.name.split(".")[1]) + 1]
    expected = DeepLift(nn.Sequential(up_to, read, nn.Flatten())).attribute(image, reference)[0].detach().numpy()
    found = conditional_map(score, image, reference, layer.name, unit)
    assert np.abs(found.values - expected).max() < 1e-4 * np.abs(expected).max() + 1e-9
    assert np.abs(found.map - expected.sum(0)).max() < 1e-4 * np.abs(expected).max() + 1e-9


def test_contributions_are_those_of_the_index_but_for_its_halves(case: Case) -> None:
    score, image, reference = case
    found, index = filter_contributions(score, image, reference), responses(score, image, reference)
    assert found.joined() == pytest.approx(index.contribution[0].astype(float), abs=2e-3)


@pytest.mark.parametrize("aspect", ["1:1", "2:3"])
def test_the_map_of_a_filter_that_looks_at_one_corner_lies_in_that_corner(aspect: str) -> None:
    score = xai.Score(built.discriminator(aspect))
    found = conditional_map(score, built.red(aspect), built.grey(aspect), built.LAYER, built.CORNER)
    seen = np.zeros(built.size(aspect), bool)
    seen[:3, :3] = True  # of the 4 x 4 kernel one row and column lie outside
    assert (found.map[seen] > 0).all()
    assert not found.values[:, ~seen].any()
    elsewhere = conditional_map(score, built.red(aspect), built.grey(aspect), built.LAYER, built.ONE)
    assert elsewhere.map[~seen].any()


def test_a_filter_that_fires_most_and_that_the_logit_ignores_has_no_bar_and_an_empty_map() -> None:
    score, image, reference = xai.Score(built.discriminator()), built.red(), built.grey()
    index = responses(score, image, reference)
    assert index.mean[0].argmax() == index.largest[0].argmax() == built.IGNORED
    found = filter_contributions(score, image, reference).of(built.LAYER)
    assert found.values[built.IGNORED] == 0
    assert found.values[[built.ONE, built.OTHER]] == pytest.approx(1.6, abs=1e-5)
    assert not conditional_map(score, image, reference, built.LAYER, built.IGNORED).values.any()


# --- the waterfall


def test_bars_lead_from_the_references_logit_to_the_posters_each_from_the_end_of_the_one_before() -> None:
    score = xai.Score(discriminator(32, 16))
    found = filter_contributions(score, pictures(1, 32), torch.zeros(1, 3, 32, 32))
    for one in found.layers:
        fall = waterfall(found, one.layer.name, 5)
        first, *bars, last = fall.bars
        assert (first.end, last.value) == (found.base_logit, found.logit)
        for before, after in zip((first, *bars), bars, strict=False):
            assert after.start == before.end
            assert after.end == after.start + after.value
        assert bars[-1].end + fall.gap == pytest.approx(found.logit, abs=1e-9)
        assert abs(fall.gap) < 1e-5


def test_the_bars_are_the_filters_that_pushed_most_and_the_rest_is_one_bar() -> None:
    score = xai.Score(discriminator(32, 16))
    found = filter_contributions(score, pictures(1, 32), torch.zeros(1, 3, 32, 32))
    values = found.of("layers.4").values
    bars = waterfall(found, "layers.4", 3).bars[1:-1]
    assert [bar.unit for bar in bars[:3]] == np.argsort(-values)[:3].tolist()
    assert [bar.unit for bar in bars[3:6]] == np.argsort(values)[:3].tolist()
    assert [bar.label for bar in bars[6:]] == [f"{len(values) - 6} other filters"]
    named = [bar.unit for bar in bars[:6]]
    assert bars[6].value == pytest.approx(np.delete(values, named).sum())
    assert "speaks for real" in bars[0].text
    assert "speaks for fake" in bars[3].text


def test_a_waterfall_of_few_filters_shows_each_and_no_push_where_there_is_none() -> None:
    score = xai.Score(built.discriminator())
    found = filter_contributions(score, built.red(), built.grey())
    bars = waterfall(found, built.LAYER).bars
    assert {bar.unit for bar in bars[1:-2]} == {built.CORNER, built.ONE, built.OTHER, built.WEAK}
    assert bars[-2].label == "1 other filter"
    assert bars[-2].text.endswith("says nothing")


def test_bars_of_a_filters_response_do_not_speak_of_real_and_fake() -> None:
    score = xai.Score(discriminator(32, 8), layer="layers.4", unit=3)
    found = filter_contributions(score, pictures(1, 32), torch.zeros(1, 3, 32, 32))
    fall = waterfall(found, "layers.1")
    texts = " ".join([fall.text, *(bar.text for bar in fall.bars)])
    assert "a stronger response" in texts
    assert "real" not in texts
    assert "fake" not in texts


def test_a_poster_compared_with_itself_has_nothing_to_share_out() -> None:
    score, image = xai.Score(discriminator()), pictures(1, 32)
    found = filter_contributions(score, image, image)
    assert not found.joined().any()
    assert not conditional_map(score, image, image, "layers.1", 0).values.any()


# --- what is refused


def test_what_is_not_there_is_refused_in_a_sentence() -> None:
    score, image, reference = xai.Score(discriminator()), pictures(1, 32), torch.zeros(1, 3, 32, 32)
    with pytest.raises(xai.ExplanationError, match="no activation layer") as error:
        conditional_map(score, image, reference, "layers.0", 0)
    one_sentence(error.value)
    with pytest.raises(xai.ExplanationError, match="no activation layer"):
        filter_contributions(score, image, reference).of("layers.2")
    for unit in (-1, 99):
        with pytest.raises(xai.ExplanationError, match="filters 0 to 3"):
            conditional_map(score, image, reference, "layers.1", unit)
    with pytest.raises(xai.ExplanationError, match="one poster, not of 2"):
        filter_contributions(score, pictures(2, 32), reference)
    with pytest.raises(xai.ExplanationError, match="one reference, not of 3"):
        filter_contributions(score, image, noise(3, 3, 32, 32))
    assert conditional_maps(score, image, reference, "layers.1", []) == ()


def test_the_strongest_filters_come_first_whatever_they_say(case: Case) -> None:
    for one in filter_contributions(*case).layers:
        sizes = np.abs(one.values)[one.strongest]
        assert (np.diff(sizes) <= 0).all()
        assert sorted(one.strongest) == list(range(one.layer.units))


def test_below_each_place_the_cells_of_a_conditional_map_keep_its_sum(case: Case) -> None:
    score, image, reference = case
    for layer in filter_layers(score):
        found = conditional_map(score, image, reference, layer.name, 0)
        assert found.block == image.shape[2] // layer.height
        assert found.cells.sum() == pytest.approx(found.map.sum(), abs=1e-5)
        assert len(np.unique(found.cells)) <= layer.height * layer.width


def test_the_strongest_filter_of_a_box_is_the_layers_strongest_where_the_box_is_the_poster(case: Case) -> None:
    score, image, reference = case
    for layer in filter_contributions(score, image, reference).layers:
        found = strongest_in(score, image, reference, layer.layer.name, (0.0, 0.0, 1.0, 1.0))
        assert found == layer.strongest[0]


def test_different_places_have_different_strongest_filters() -> None:
    score, image, reference = xai.Score(discriminator(64, 64)), pictures(1, 64), pictures(1, 64, 7)
    layer = filter_layers(score)[0]
    multiplied = [
        strongest_in(score, image, reference, layer.name, box_of(row, 3, layer.height, layer.width)) for row in range(4)
    ]
    assert all(0 <= unit < layer.units for unit in multiplied)
    assert len(set(multiplied)) > 1  # and not one answer for all places
