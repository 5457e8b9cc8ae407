"""Responses of filters: what a layer's contributions add up to, and where a filter is the strongest."""

import numpy as np
import pytest
import torch

import gan
import xai
from xai.discriminator.responses import filter_layers, responses


def discriminator(size: tuple[int, int] = (16, 16), norm: bool = True) -> gan.Discriminator:
    torch.manual_seed(3)
    aspect = "2:3" if size[0] != size[1] else "1:1"
    config = gan.ModelConfig(resolution=min(size), latent=8, width=4, norm_d=norm, aspect=aspect)
    network = gan.Discriminator(config)
    with torch.no_grad():
        for module in network.modules():
            if isinstance(module, torch.nn.BatchNorm2d):
                module.running_mean.normal_()
                module.running_var.uniform_(0.5, 2)
    return network.eval()


@pytest.mark.parametrize(("size", "norm"), [((16, 16), True), ((16, 16), False), ((24, 16), True)])
def test_contributions_of_every_layer_add_up_to_the_difference_of_the_logits(size: tuple[int, int], norm: bool) -> None:
    score = xai.Score(discriminator(size, norm))
    images, reference = torch.rand(5, 3, *size) * 2 - 1, torch.zeros(1, 3, *size)
    found = responses(score, images, reference)
    for layer in found.layers:
        total = found.contribution[:, found.columns(layer.name)].astype(np.float64).sum(1)
        assert total == pytest.approx(found.logit - found.base_logit, abs=0.02)
    assert found.logit == pytest.approx(score(images).numpy(), abs=1e-5)


def test_the_strongest_place_and_the_mean_are_those_of_the_captured_maps() -> None:
    network = discriminator()
    images = torch.rand(3, 3, 16, 16) * 2 - 1
    found = responses(xai.Score(network), images, torch.zeros(1, 3, 16, 16))
    for layer in found.layers:
        with xai.capture(network, [layer.name]) as maps, torch.no_grad():
            network(images)
        flat = maps[layer.name].flatten(2)
        columns = found.columns(layer.name)
        assert found.largest[:, columns] == pytest.approx(flat.amax(2).numpy(), rel=2e-3, abs=1e-4)
        assert found.mean[:, columns] == pytest.approx(flat.mean(2).numpy(), rel=2e-3, abs=1e-4)
        at_place = flat.gather(2, torch.from_numpy(found.place[:, columns].astype(np.int64))[..., None])
        assert at_place[..., 0].numpy() == pytest.approx(flat.amax(2).numpy(), abs=1e-6)


def test_a_filter_that_the_logit_ignores_contributes_nothing_however_strong_it_is() -> None:
    network = discriminator(norm=False)
    last = [module for module in network.modules() if isinstance(module, torch.nn.Conv2d)][-1]
    with torch.no_grad():
        last.weight[:, 2] = 0
    found = responses(xai.Score(network), torch.rand(4, 3, 16, 16), -torch.ones(1, 3, 16, 16))
    column = found.column(found.layers[-1].name, 2)
    assert not found.contribution[:, column].any()
    assert found.largest[:, column].any()


def test_responses_beyond_half_precision_are_its_largest_number() -> None:
    network = discriminator(norm=False)
    with torch.no_grad():
        network.layers[0].weight.mul_(1e6)
    found = responses(xai.Score(network), torch.ones(1, 3, 16, 16), -torch.ones(1, 3, 16, 16))
    assert np.isfinite(found.largest).all()
    assert np.isfinite(found.contribution).all()


def test_rows_are_those_pictures() -> None:
    score, images = xai.Score(discriminator()), torch.rand(4, 3, 16, 16)
    found = responses(score, images, torch.zeros(1, 3, 16, 16))
    assert len(found.rows([3, 1])) == 2
    assert (found.rows([3, 1]).largest == found.largest[[3, 1]]).all()


def test_a_layer_or_filter_that_is_not_there_is_refused_in_a_sentence() -> None:
    found = responses(xai.Score(discriminator()), torch.rand(1, 3, 16, 16), torch.zeros(1, 3, 16, 16))
    with pytest.raises(xai.ExplanationError, match="no activation layer; there are layers"):
        found.columns("layers.0")
    with pytest.raises(xai.ExplanationError, match="has filters 0 to"):
        found.column(found.layers[0].name, 99)


def test_a_network_without_filters_is_refused_in_a_sentence() -> None:
    with pytest.raises(xai.ExplanationError, match="made of convolutions"):
        filter_layers(xai.Score(torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(12, 1))))


def test_without_a_reference_there_are_no_contributions_and_all_else_is_the_same() -> None:
    score, images = xai.Score(discriminator()), torch.rand(3, 3, 16, 16)
    found, without = responses(score, images, torch.zeros(1, 3, 16, 16)), responses(score, images)
    for name in ("largest", "place", "mean", "logit"):
        assert (getattr(found, name) == getattr(without, name)).all()
    assert np.isnan(without.contribution).all()
    assert np.isnan(without.base_logit)


def test_of_places_that_are_equally_strong_the_first_is_meant() -> None:
    score = xai.Score(discriminator(norm=False))
    images = torch.randint(0, 2, (3, 3, 4, 4)).float().repeat(1, 1, 4, 4)  # one tile again and again
    found = responses(score, images)
    layer = found.layers[0]
    assert score.chain is not None
    flat = score.chain.trace(images, True).before[layer.after].flatten(2).numpy()
    assert (found.place[:, found.columns(layer.name)] == flat.argmax(2)).all()  # numpy's is the first
    assert ((flat == flat.max(2, keepdims=True)).sum(2) > 1).any()
