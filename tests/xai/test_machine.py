"""The machine of one poster: which filter stands for a layer, on networks built by hand, and what is not there."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

import gan
import xai
from tests.xai import built, nets
from tests.xai.discriminator import built as judges
from xai.discriminator.relevance import filter_contributions
from xai.generator.blame import blame
from xai.machine import Machine, machine


def judged(image: torch.Tensor, known: bool = True) -> Machine:
    """The hand-built discriminator on a poster, compared with grey."""
    network = judges.discriminator()
    checkpoint = gan.Checkpoint(None, network, network.config, name="judge", digest="0" * 64)
    added = filter_contributions(xai.Score(network), image, judges.grey()) if known else None
    return machine(checkpoint, image, added=added)


def test_of_the_discriminator_the_filter_that_decides_stands_for_its_layer_not_the_loudest() -> None:
    (part,) = judged(judges.red()).discriminator
    assert part.layer.name == judges.LAYER
    assert part.unit == judges.ONE  # as strong as OTHER, and the first of the two
    assert part.contribution is not None
    assert part.contribution > 0
    assert "speaks for real" in part.text


def test_where_no_contribution_is_known_the_filter_that_responds_most_stands_for_its_layer() -> None:
    for found in (judged(judges.red(), known=False), judged(judges.grey())):  # grey is its own reference
        (part,) = found.discriminator
        assert part.unit == judges.IGNORED
        assert part.contribution is None
        assert "responds most strongly" in part.text


def test_of_the_generator_the_filter_that_moves_the_verdict_stands_for_its_layer() -> None:
    checkpoint = built.checkpoint()
    generator, discriminator = checkpoint.need_both()
    z = built.latent(3.0, 0.0, 1.0)  # PATCH is three times as strong, but D looks only at where HATED is
    blamed = blame(generator, discriminator, z, built.latent())
    with torch.no_grad():
        found = machine(checkpoint, generator(z), z, blamed=blamed)
    (part,) = found.generator
    assert (part.layer.name, part.unit) == (built.LAYER, built.HATED)
    assert part.contribution == pytest.approx(float(blamed.units[built.LAYER][built.HATED]))
    assert "speaks for fake" in part.text
    assert part.map[:2].max() < part.map[2:, 2:].max()  # it lights up bottom right


def test_maps_are_those_of_the_networks_after_their_nonlinearity_from_noise_to_verdict() -> None:
    config = gan.ModelConfig(resolution=16, width=4, latent=6)
    generator, discriminator = nets.generator(16), nets.discriminator(16)
    checkpoint = gan.Checkpoint(generator, discriminator, config, name="both", digest="0" * 64)
    z = gan.latents([3], config)
    with torch.no_grad():
        image = generator(z)
        found = machine(checkpoint, image, z)
        assert found.logit == pytest.approx(float(discriminator.logit(image)), abs=1e-5)
    assert found.latent is not None
    assert np.array_equal(found.latent, z.flatten().numpy())
    assert [part.size for part in found.generator] == ["4 × 4", "8 × 8"]
    assert [part.size for part in found.discriminator] == ["8 × 8", "4 × 4"]
    for part, network, inputs in [
        *((part, generator, z) for part in found.generator),
        *((part, discriminator, image) for part in found.discriminator),
    ]:
        expected = xai.activations(network, inputs, [part.layer.name])[part.layer.name][0, part.unit]
        assert np.array_equal(part.map, expected.numpy())
        assert part.layer.kind in ("ReLU", "LeakyReLU")
        assert part.text.startswith(f"Layer {part.place} of 2 of the {part.network}:")


def test_a_poster_that_was_not_generated_has_no_noise_and_no_part_of_the_generator() -> None:
    found = machine(built.checkpoint(), torch.zeros(1, 3, 8, 8))
    assert found.latent is None
    assert found.generator == ()
    assert len(found.discriminator) == 1


def test_without_a_discriminator_there_is_no_verdict() -> None:
    checkpoint = replace(built.checkpoint(), discriminator=None)
    z = built.latent(1.0)
    found = machine(checkpoint, torch.zeros(1, 3, 8, 8), z)
    assert (found.discriminator, found.logit) == ((), None)
    assert found.generator[0].unit == built.CONSTANT  # 2 everywhere


def test_oblong_posters_of_a_requested_genre_have_oblong_maps() -> None:
    checkpoint = built.checkpoint("2:3")
    found = machine(checkpoint, torch.zeros(1, 3, 12, 8), built.latent(1.0))
    assert found.generator[0].size == "4 × 6"
    assert found.generator[0].map.shape == (6, 4)
