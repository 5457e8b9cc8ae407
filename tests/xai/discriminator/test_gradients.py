"""Pictures as a generator draws them, with their gradients, are taken everywhere."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor

import gan
import xai
from tests.xai.discriminator.test_responses import discriminator
from xai.discriminator.counterfactuals.by_filters import turn_by_filters
from xai.discriminator.counterfactuals.removal import removal_curves
from xai.discriminator.counterfactuals.replacement import by_mean, by_reference, filter_maps
from xai.discriminator.decisions import look_at
from xai.discriminator.relevance import conditional_map, filter_contributions
from xai.discriminator.responses import responses

Answer = Callable[[xai.Score, Tensor, Tensor], Any]
ANSWERS: dict[str, Answer] = {
    "responses": responses,
    "responses alone": lambda score, images, reference: responses(score, images),
    "contributions": lambda score, images, reference: filter_contributions(score, images[:1], reference),
    "conditional map": lambda score, images, reference: conditional_map(score, images[:1], reference, "layers.1", 0),
    "mean": lambda score, images, reference: by_mean(score, images).logits(
        filter_maps(score, images[:1]), torch.ones(1, by_mean(score, images).filters, dtype=torch.bool)
    ),
    "turned": lambda score, images, reference: turn_by_filters(by_reference(score, reference), images[:1]),
    "removal": lambda score, images, reference: removal_curves(by_reference(score, reference), images[:1], reference),
    "looked at": lambda score, images, reference: look_at(score, [images]),
}


@pytest.mark.parametrize("name", ANSWERS)
def test_pictures_with_gradients_are_taken(name: str) -> None:
    network = discriminator()
    generator = gan.Generator(network.config).eval()
    images = generator(gan.latents(range(3), network.config))
    assert images.requires_grad
    ANSWERS[name](xai.Score(network), images, images.mean(0, keepdim=True))
