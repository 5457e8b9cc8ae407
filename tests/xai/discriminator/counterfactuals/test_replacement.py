"""Filters that are replaced, against hooks, and what is left when all of them are."""

from __future__ import annotations

from contextlib import ExitStack

import pytest
import torch
from torch import Tensor

import gan
import xai
from tests.xai.discriminator import built
from tests.xai.nets import discriminator, given_discriminator, noise, one_sentence, pictures, tall_pictures
from xai.discriminator.counterfactuals.replacement import Replacement, by_mean, by_reference, filter_maps


def networks() -> dict[str, tuple[gan.Discriminator, Tensor]]:
    return {
        "BatchNorm": (discriminator(32, 6), pictures(7, 32)),
        "2:3, no BatchNorm, genres built in": (given_discriminator(), tall_pictures(7, 32)),
    }


every = pytest.mark.parametrize("name", list(networks()))


def masks_of(replacement: Replacement, rows: int) -> Tensor:
    return noise(rows, replacement.filters, seed=rows) > 1


@every
def test_a_logit_with_filters_replaced_is_that_of_the_edited_network(name: str) -> None:
    network, images = networks()[name]
    score = xai.Score(network)
    for replacement in (by_reference(score, images[1:2]), by_mean(score, images[2:])):
        masks = masks_of(replacement, 3)
        found = replacement.logits(filter_maps(score, images[:1]), masks)
        for row, mask in enumerate(masks):
            private = xai.private_copy(network)
            edits = zip(replacement.layers, replacement.values, replacement.by_layer(mask[None]), strict=True)
            with ExitStack() as stack:
                for layer, values, part in edits:
                    units = part[0].nonzero()[:, 0].tolist()
                    stack.enter_context(xai.edit(private, layer.name, units, values[:, units]))
                expected = float(private.logit(images[:1]))
            assert float(found[row]) == pytest.approx(expected, abs=1e-5)


@every
def test_maps_with_filters_replaced_lead_to_the_same_logit(name: str) -> None:
    network, images = networks()[name]
    score = xai.Score(network)
    replacement, maps = by_mean(score, images), filter_maps(score, images[:1])
    for mask in masks_of(replacement, 4):
        after = replacement.maps(maps, mask)
        nothing = torch.zeros(1, replacement.filters, dtype=torch.bool)
        expected = replacement.logits(maps, mask[None])
        assert torch.allclose(replacement.logits(after, nothing), expected, atol=1e-5)
        for layer_maps, values, part in zip(after, replacement.values, replacement.by_layer(mask[None]), strict=True):
            expected_maps = values.expand_as(layer_maps)
            assert torch.equal(layer_maps[part], expected_maps[part])


@every
def test_all_filters_of_a_layer_replaced_by_the_references_give_its_logit_and_none_the_posters(name: str) -> None:
    network, images = networks()[name]
    score = xai.Score(network)
    replacement, maps = by_reference(score, images[1:2]), filter_maps(score, images[:1])
    nothing = torch.zeros(1, replacement.filters, dtype=torch.bool)
    assert float(replacement.logits(maps, nothing)) == pytest.approx(float(score(images[:1])), abs=1e-5)
    for part in replacement.by_layer(nothing):
        part[:] = True
        assert float(replacement.logits(maps, nothing)) == pytest.approx(float(score(images[1:2])), abs=1e-5)
        part[:] = False


def test_means_are_over_posters_and_places_however_many_there_are() -> None:
    score, images = xai.Score(discriminator(32, 4)), pictures(70, 32)
    replacement = by_mean(score, images)
    assert "70 posters" in replacement.words
    found = xai.activations(discriminator(32, 4), images, [layer.name for layer in replacement.layers])
    for layer, values in zip(replacement.layers, replacement.values, strict=True):
        assert torch.allclose(values[0, :, 0, 0], found[layer.name].mean((0, 2, 3)), atol=1e-5)


def test_a_filter_that_the_logit_ignores_may_be_replaced_by_anything() -> None:
    score = xai.Score(built.discriminator())
    for replacement in (by_reference(score, built.grey()), by_mean(score, pictures(3, 8))):
        mask = torch.zeros(1, replacement.filters, dtype=torch.bool)
        mask[0, built.IGNORED] = True
        found = replacement.logits(filter_maps(score, built.red()), mask)
        assert float(found) == float(score(built.red()))


def test_the_network_and_the_maps_stay_as_they_are() -> None:
    network, images = discriminator(32, 4), pictures(3, 32)
    score = xai.Score(network)
    replacement, maps = by_mean(score, images), filter_maps(score, images[:1])
    before = [one.clone() for one in maps]
    replacement.logits(maps, masks_of(replacement, 5))
    replacement.maps(maps, masks_of(replacement, 5)[0])
    assert all(torch.equal(one, other) for one, other in zip(maps, before, strict=True))


def test_pictures_that_do_not_fit_are_refused_in_a_sentence() -> None:
    score = xai.Score(discriminator(32, 4))
    with pytest.raises(xai.ExplanationError, match="one poster at a time, not in 2") as error:
        filter_maps(score, pictures(2, 32))
    one_sentence(error.value)
    with pytest.raises(xai.ExplanationError, match="at least one poster"):
        by_mean(score, pictures(0, 8)[:0].new_zeros(0, 3, 32, 32))
    with pytest.raises(xai.ExplanationError, match="shape"):
        by_reference(score, pictures(1, 16))
