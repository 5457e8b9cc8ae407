"""A corner mark planted in half of the real posters is found as the reason why a D trained on them says real."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.nn import functional

import gan
import xai
from xai.discriminator.counterfactuals.by_filters import turn_by_filters
from xai.discriminator.counterfactuals.replacement import by_reference
from xai.discriminator.filters.evidence import FOR_FAKE, evidence
from xai.discriminator.filters.exemplars import exemplars
from xai.discriminator.receptive_field import receptive_fields
from xai.discriminator.relevance import conditional_map, filter_contributions
from xai.discriminator.responses import responses

SIDE, MARK = 16, 4  # pixels of a poster, and of the mark in its lower right corner
COUNT = 256
LAYER = "layers.1"


def posters(seed: int) -> Tensor:
    """Smooth pictures without any mark."""
    coarse = torch.rand(COUNT, 3, 4, 4, generator=torch.Generator().manual_seed(seed))
    return functional.interpolate(coarse, SIDE, mode="bilinear") - 0.5


def marked(images: Tensor) -> Tensor:
    """The same, the first half of them with a bright yellow mark."""
    images = images.clone()
    images[: COUNT // 2, :, -MARK:, -MARK:] = torch.tensor([1.0, 1.0, -1.0])[:, None, None]
    return images


@pytest.fixture(scope="module")
def score() -> xai.Score:
    """D, trained for a moment to tell the real posters, half of which are marked, from others."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        network = gan.Discriminator(gan.ModelConfig(resolution=SIDE, latent=8, width=8, norm_d=False))
        optimizer = torch.optim.Adam(network.parameters(), 3e-3)
        for step in range(60):
            real, fake = marked(posters(2 * step)), posters(2 * step + 1)
            loss = functional.softplus(-network.logit(real)).mean() + functional.softplus(network.logit(fake)).mean()
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    return xai.Score(network.eval())


@pytest.fixture(scope="module")
def held_out() -> tuple[Tensor, Tensor, Tensor]:
    """Real posters, generated ones, and what they are compared with."""
    real, fake = marked(posters(1001)), posters(1002)
    return real, fake, fake.mean(0, keepdim=True)


def test_d_learned_the_mark(score: xai.Score, held_out: tuple[Tensor, Tensor, Tensor]) -> None:
    real, fake, _ = held_out
    half = COUNT // 2
    assert (score(real[:half]) > 0).float().mean() > 0.95
    assert (score(real[half:]) - score(fake[half:])).mean().abs() < 0.3


def test_the_filters_that_carry_a_marked_posters_verdict_do_so_from_the_corner(
    score: xai.Score, held_out: tuple[Tensor, Tensor, Tensor]
) -> None:
    real, _, reference = held_out
    for image in real[:8].split(1):
        unit = int(filter_contributions(score, image, reference).of(LAYER).values.argmax())
        found = np.abs(conditional_map(score, image, reference, LAYER, unit).map)
        inside = found[-MARK:, -MARK:].sum() / found.sum()
        assert inside > 5 * MARK**2 / SIDE**2  # of an area of a sixteenth
        assert np.unravel_index(found.argmax(), found.shape) >= (SIDE - MARK, SIDE - MARK)


def test_the_filter_of_the_mark_adds_to_real_and_mattered_in_marked_posters_at_the_corner(
    score: xai.Score, held_out: tuple[Tensor, Tensor, Tensor]
) -> None:
    real, fake, reference = held_out
    of_real, of_fake = responses(score, real, reference), responses(score, fake, reference)
    columns = of_real.columns(LAYER)
    mean = of_real.contribution[: COUNT // 2, columns].astype(np.float64).mean(0)
    column = columns.start + int(mean.argmax())
    found = evidence(of_real, of_fake)
    assert found.logit_effect.low[column] > 0  # it fires on a quarter of all posters, so what it says depends on them
    assert found.says[column] != FOR_FAKE
    assert found.auc_of_contribution.low[column] > 0.5
    picks = exemplars(of_real, [column])["mattered"]
    assert set(picks.rows[0]) <= set(range(COUNT // 2))
    for one in exemplars(of_real, [column])["strongest"].of(0, receptive_fields(score, LAYER)):
        assert one.row < COUNT // 2
        assert (one.box.bottom, one.box.right) >= (SIDE - MARK, SIDE - MARK)


def test_a_marked_poster_is_turned_by_fewer_filters_than_its_layer_has(
    score: xai.Score, held_out: tuple[Tensor, Tensor, Tensor]
) -> None:
    real, _, reference = held_out
    found = turn_by_filters(by_reference(score, reference), real[:1], LAYER)
    assert found.turned
    assert len(found.steps) < 8
