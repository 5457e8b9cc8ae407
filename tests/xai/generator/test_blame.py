"""The way of a logit back to the noise and to the filters of G: sums, DeepSHAP, parts that nothing reads."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor

import gan
import xai
from tests.xai.nets import discriminator, generator


def networks(side: int = 16) -> tuple[gan.Generator, gan.Discriminator]:
    return generator(side=side), discriminator(side=side)


def drawn(network: gan.Generator, *seeds: int) -> Tensor:
    return gan.latents(seeds, network.config)


def test_every_layer_shares_out_the_same_difference() -> None:
    painter, judge = networks()
    found = xai.blame(painter, judge, drawn(painter, 1), drawn(painter, 2, 3, 4))
    logits = judge.logit(painter(drawn(painter, 1, 2, 3, 4))).tolist()
    assert found.score == pytest.approx(logits[0], abs=1e-4)
    assert found.base_score == pytest.approx(np.mean(logits[1:]), abs=1e-4)
    difference = found.score - found.base_score
    assert abs(difference) > 1e-2
    for shares in (found.latents, *found.units.values()):
        assert float(shares.sum()) == pytest.approx(difference, abs=1e-4)
    assert max(abs(gap) for gap in found.gaps.values()) < 1e-4


def test_the_noise_gets_what_deepshap_gives_it() -> None:
    painter, judge = networks()
    others = drawn(painter, 2, 3)
    method = xai.attribution(
        "deepshap", xai.Score.of_latents(painter, judge), reference=xai.reference("own", images=others)
    )
    found = xai.blame(painter, judge, drawn(painter, 1), others)
    assert torch.allclose(found.latents, method.attribute(drawn(painter, 1)).values[0, :, 0, 0], atol=1e-5)


def test_a_filter_that_nothing_looks_at_gets_no_blame() -> None:
    painter, judge = networks()
    with torch.no_grad():
        painter.layers[3].weight[2] = 0  # the next layer does not read filter 2 of layers.2
    found = xai.blame(painter, judge, drawn(painter, 1), drawn(painter, 2, 3))
    assert found.units["layers.2"][2] == 0
    assert (found.units["layers.2"] != 0).sum() > 1


def test_a_noise_value_that_nothing_reads_gets_no_blame() -> None:
    painter, judge = networks()
    with torch.no_grad():
        painter.layers[0].weight[4] = 0
    found = xai.blame(painter, judge, drawn(painter, 1), drawn(painter, 2))
    assert found.latents[4] == 0
    assert (found.latents != 0).sum() == painter.config.latent - 1


def test_a_poster_compared_with_itself_has_nothing_to_share_out() -> None:
    painter, judge = networks()
    found = xai.blame(painter, judge, drawn(painter, 1), drawn(painter, 1))
    assert (found.latents == 0).all()
    assert all((shares == 0).all() for shares in found.units.values())


def test_networks_that_do_not_fit_are_refused() -> None:
    painter, judge = generator(side=16), discriminator(side=32)
    with pytest.raises(xai.ExplanationError, match="16 pixels"):
        xai.blame(painter, judge, drawn(painter, 1), drawn(painter, 2))
