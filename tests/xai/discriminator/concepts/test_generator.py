"""Concepts of a generator's filters: ablated together, their concept goes and the others stay."""

import pytest
import torch

import gan
from tests.xai import nets
from tests.xai.built import HATED, LAYER, PATCH, generator
from tests.xai.nets import one_sentence
from xai.discriminator.concepts.generator import ablate_together, random_generator, study_generator_concepts
from xai.errors import ExplanationError


@torch.no_grad()
def coloured() -> gan.Generator:
    """8 x 8: PATCH paints its quarter blue, HATED paints its own red."""
    network = generator()
    last = network.layers[3]
    for unit, colour in ((PATCH, 2), (HATED, 0)):
        last.weight[unit] = -0.05
        last.weight[unit, colour] = 0.4
    return network


def test_a_concept_goes_with_its_filters_and_no_other_does() -> None:
    found = ablate_together(coloured(), LAYER, [PATCH], range(200))
    assert found["blue"].is_caused
    assert found["blue"].drop.low > 0.5 * found["blue"].before > 0
    assert not found["red"].is_caused
    other = ablate_together(coloured(), LAYER, [HATED], range(200))
    assert other["red"].is_caused
    assert not other["blue"].is_caused


def test_ablating_nothing_changes_nothing() -> None:
    found = ablate_together(coloured(), LAYER, [], range(8))
    assert all(gone.drop.value == 0 and not gone.is_caused for gone in found.values())


def test_a_study_of_a_generator_names_few_random_filters() -> None:
    made = nets.generator(8, 32)
    table = study_generator_concepts(made, "f" * 64, count=60)
    assert len(table) == sum(
        module.num_features for module in made.modules() if isinstance(module, torch.nn.BatchNorm2d)
    )
    assert table.permuted.value <= 0.05
    assert table.random.value <= 0.1  # of 32 filters
    assert sum(name != "" for name in table.names()) <= 0.1 * len(table)


def test_a_random_generator_leaves_the_given_one_as_it_is() -> None:
    made = nets.generator()
    before = nets.snapshot(made)
    other = random_generator(made, 0)
    assert nets.snapshot(made) == before
    z = gan.latents([1, 2], made.config)
    assert not torch.equal(other(z), made(z))
    assert torch.equal(other(z), random_generator(made, 0)(z))


def test_what_cannot_be_ablated_is_refused_in_a_sentence() -> None:
    for units, seeds in (([99], range(4)), ([0], range(1))):
        with pytest.raises(ExplanationError) as error:
            ablate_together(coloured(), LAYER, units, seeds)
        one_sentence(error.value)
