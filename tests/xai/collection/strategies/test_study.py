"""Strategies are found where a discriminator was built to have them, and nowhere else."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import Tensor

import gan
import xai
from gan.evaluation.estimates import Estimate
from gan.networks.seeds import reserved
from tests.xai.nets import one_sentence
from xai.collection.index import Index, Population, build_index
from xai.collection.similarity.appearance import appearance
from xai.collection.strategies.attributions import attributions
from xai.collection.strategies.study import Strategies, comparison, strategies

SIDE = 8
MARK, RED, FINE = range(3)  # kinds of posters: a white corner, a red picture, neither
REFERENCE = xai.reference("grey")
SEEDS = reserved("collection")


@torch.no_grad()
def built() -> gan.Checkpoint:
    """D's filter 0 sees white in the bottom left corner, its filter 1 red anywhere; either turns the logit."""
    config = gan.ModelConfig(resolution=SIDE, width=2)
    network = gan.Discriminator(config).eval()
    look, _, judge, _ = network.layers
    look.weight.zero_()
    look.weight[0] = 1 / 16
    look.weight[1, 0], look.weight[1, 1:] = 1 / 8, -1 / 16
    judge.weight.zero_()
    judge.weight[0, 0, -1, 0] = -40.0
    judge.weight[0, 1] = -0.4
    return gan.Checkpoint(gan.Generator(config).eval(), network, config, digest="0" * 64)


def drawn(kinds: np.ndarray, seed: int = 0) -> Tensor:
    images = 0.06 * torch.randn(len(kinds), 3, SIDE, SIDE, generator=torch.Generator().manual_seed(seed)) - 0.02
    images[kinds == MARK, :, -2:, :2] = 1.0
    images[kinds == RED, 0] += 0.6
    images[kinds == RED, 1:] -= 0.3
    images[kinds == FINE] -= 0.3
    images[kinds == FINE, 1:] += 0.3
    return images.clamp(-1, 1)


def index_of(checkpoint: gan.Checkpoint, images: Tensor, real: bool) -> Index:
    count = len(images)
    numbers = np.arange(count) if real else np.array(SEEDS[:count])
    population = Population(
        real,
        numbers,
        np.zeros(count, bool),
        {"of": [real, float(images.sum())]},
        (SIDE, SIDE),
        lambda some: images[some],
    )
    attributions(checkpoint, population, REFERENCE)
    index = build_index(checkpoint, population, REFERENCE)
    appearance(index, population)
    return index


REAL = np.repeat([MARK, RED, FINE], [40, 60, 50])
GENERATED = np.repeat([MARK, RED, FINE], [70, 20, 10])


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> Strategies:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("POSTERLENS_CACHE", str(tmp_path_factory.mktemp("cache")))
        checkpoint = built()
        return strategies((index_of(checkpoint, drawn(REAL), True), index_of(checkpoint, drawn(GENERATED, 1), False)))


def test_a_mark_in_the_corner_is_a_strategy_of_its_own_with_the_corner_as_its_map(found: Strategies) -> None:
    mark, red = found.strategies
    assert mark.map[-2:, :2].sum() < 0.9 * mark.map.clip(max=0).sum()
    assert "What speaks for fake is in the bottom left corner (" in mark.text
    assert red.text.startswith("What speaks for fake is in the whole picture, evenly.")
    assert found.of_real.tolist() == np.array([0, 1, -1])[REAL].tolist()
    assert found.of_generated.tolist() == np.array([0, 1, -1])[GENERATED].tolist()
    assert (mark.size, red.size, found.posters) == (110, 80, 190)


def test_its_exemplars_numbers_and_seeds_are_posters_with_the_mark(found: Strategies) -> None:
    mark, red = found.strategies
    assert len(mark.real) == len(mark.generated) == len(red.real) == 8
    assert (REAL[mark.real] == MARK).all()
    assert (GENERATED[mark.generated - SEEDS.start] == MARK).all()
    assert (REAL[red.real] == RED).all()


def test_the_filter_that_was_built_for_it_is_behind_it(found: Strategies) -> None:
    mark, red = found.strategies
    assert [one.unit for one in mark.filters] == [0, 1]
    assert mark.filters[0].difference.high < 0 < mark.filters[1].difference.low
    assert {one.unit: np.sign(one.difference.value) for one in red.filters} == {0: 1, 1: -1}
    assert max(one.p for one in mark.filters) < 1e-3


def test_where_it_is_met_is_counted_and_said(found: Strategies) -> None:
    mark, red = found.strategies
    assert mark.of_real.value == pytest.approx(40 / 100)
    assert mark.of_generated.value == pytest.approx(70 / 90)
    assert mark.where_from.startswith("More common among generated posters: 78% of the generated posters and 40% of")
    assert red.where_from.startswith("More common among real posters: 22%")
    even = replace(mark, difference=Estimate(0.0, -0.1, 0.1))
    assert even.where_from.startswith("As common among real as among generated posters")


def test_the_colours_that_set_its_posters_apart_are_named(found: Strategies) -> None:
    mark, red = found.strategies
    assert "cooler than the others (by " in mark.colours
    assert "warmer than the others (by " in red.colours
    assert red.warmth.low > 0.5
    same = Estimate(0.1, 0.05, 0.15)
    assert replace(red, lightness=same, warmth=same).colours == "Colours do not set it apart."
    dark = Estimate(-1.25, -1.3, -1.2)
    assert replace(red, lightness=dark, warmth=same).colours == (
        "Its posters are darker than the others (by 1.2 standard deviations)."
    )
    both = replace(red, lightness=dark, warmth=Estimate(0.75, 0.7, 0.8)).colours
    assert both == "Its posters are darker and warmer than the others (by 1.2 and 0.8 standard deviations)."
    unknown = Estimate(np.nan, np.nan, np.nan)
    assert replace(red, lightness=unknown, warmth=unknown).colours == ""


def test_without_what_posters_look_like_nothing_is_said_of_colours() -> None:
    index = index_of(built(), drawn(REAL), True)
    (index.folder / "appearance.json").unlink()
    assert strategies((index,)).strategies[0].colours == ""


def test_the_map_adds_up_to_the_mean_logit_less_the_references(found: Strategies) -> None:
    for one in found.strategies:
        assert one.map.sum() == pytest.approx(one.logit.value - found.base_logit, abs=1e-2)


def test_how_well_they_come_back_stands_beside_the_control(found: Strategies) -> None:
    assert found.chosen.clusters == 2
    assert found.chosen.agreement.low > 0.8
    assert "2 ways of calling a poster fake, found in 190 posters" in found.text
    assert f"shuffled maps {found.chosen.control.value:.2f}" in found.text
    assert "There are gaps between them." in found.text


def test_noise_has_no_strategies_and_the_answer_says_so() -> None:
    checkpoint = built()
    assert checkpoint.discriminator is not None
    with torch.no_grad():
        look, _, judge, _ = checkpoint.discriminator.layers
        look.weight[1], judge.weight[0, 0] = look.weight[0], -0.4
        images = torch.randn(400, 3, SIDE, SIDE, generator=torch.Generator().manual_seed(0)) * 0.2 + 0.05
    found = strategies((index_of(checkpoint, images, False),))
    assert found.strategies == ()
    assert set(found.of_generated.tolist()) == {-1}
    assert found.text.startswith("No stable strategies among")
    assert "too little to be shown" in found.text


def test_real_or_generated_posters_alone_have_strategies_too() -> None:
    checkpoint = built()
    for real in (True, False):
        found = strategies((index_of(checkpoint, drawn(REAL), real),))
        assert [one.size for one in found.strategies] == [60, 40]
        assert all(one.where_from == "" for one in found.strategies)
        empty, full = (found.of_generated, found.of_real) if real else (found.of_real, found.of_generated)
        assert (len(empty), len(full)) == (0, 150)


def test_the_other_verdict_is_asked_for_in_the_same_way() -> None:
    index = index_of(built(), drawn(np.repeat([MARK, RED, FINE], [30, 30, 60])), True)
    found = strategies((index,), "real")
    assert found.posters == 60
    assert found.verdict == "real"
    assert "calls real" in found.text or "calling a poster real" in found.text


def test_ways_of_two_verdicts_that_differ_alike_are_kinds_of_posters(found: Strategies) -> None:
    mirrored = replace(found, verdict="real", strategies=found.strategies[::-1])
    assert "these are kinds of posters that D reads differently" in comparison(found, mirrored)
    turned = [replace(one, against=one.against[::-1]) for one in found.strategies]
    said = comparison(found, replace(mirrored, strategies=tuple(turned)))
    assert "Not every way of saying fake has its like among the ways of saying real" in said
    assert comparison(found, replace(mirrored, strategies=())) == ""


def test_a_cluster_that_does_not_come_back_is_not_shown(found: Strategies) -> None:
    hidden = replace(found, found=3)
    assert "2 ways (1 more cluster left out, which does not come back) of calling" in hidden.text


def test_too_few_posters_and_missing_maps_are_refused_in_a_sentence() -> None:
    checkpoint = built()
    few = index_of(checkpoint, drawn(np.repeat([MARK, FINE], [12, 30])), True)
    with pytest.raises(xai.ExplanationError, match="calls 12 posters fake; strategies need at least 20") as caught:
        strategies((few,))
    one_sentence(caught.value)
    (few.folder / "attributions.json").unlink()
    with pytest.raises(xai.ExplanationError, match="maps of the 42 posters") as caught:
        strategies((few,))
    one_sentence(caught.value)
