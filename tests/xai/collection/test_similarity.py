from __future__ import annotations

import pytest
import torch
from torch import nn

from xai import ExplanationError
from xai.collection.similarity import copies, layer_features, nearest


def colour_network() -> nn.Sequential:
    """Units are the three colours themselves."""
    network = nn.Sequential(nn.Conv2d(3, 3, 1, bias=False))
    network[0].weight.data = torch.eye(3)[:, :, None, None]
    return network


def test_features_are_the_units_means_over_the_picture() -> None:
    images = torch.rand(70, 3, 4, 4)  # more than one batch
    torch.testing.assert_close(layer_features(colour_network(), images, "0"), images.mean((2, 3)))


def test_a_picture_is_most_like_itself_and_least_like_its_opposite() -> None:
    features = torch.tensor([[1.0, 0, 0], [0, 1, 0], [0, 0, 1], [-1, 0, 0]])
    alike = nearest(features, features[:1], 4)
    assert alike.indices[0] == 0
    assert alike.indices[-1] == 3
    assert alike.similarity[0] == pytest.approx(1.0)
    assert alike.similarity == sorted(alike.similarity, reverse=True)


def test_a_unit_that_is_always_strong_does_not_rule() -> None:
    features = torch.tensor([[1000.0, 1.0, 0.0], [1001.0, 0.0, 1.0], [1000.0, 0.9, 0.1]])
    assert nearest(features, features[:1], 2).indices == [0, 2]


def test_one_candidate_is_too_few() -> None:
    with pytest.raises(ExplanationError, match="two pictures"):
        nearest(torch.ones(1, 3), torch.ones(1, 3), 1)


def test_what_is_to_be_left_out_is_not_found() -> None:
    features = torch.tensor([[1.0, 0, 0], [0.9, 0.1, 0], [0, 0, 1], [-1, 0, 0]])
    assert nearest(features, features[:1], 4).indices[:2] == [0, 1]
    assert nearest(features, features[:1], 4, [0]).indices in ([1, 2, 3], [1, 3, 2])
    with pytest.raises(ExplanationError, match="two pictures"):
        nearest(features[:1], features[:1], 4)


def test_a_picture_knows_its_copies_to_a_grey_level() -> None:
    images = torch.zeros(4, 3, 8, 8)
    images[1] += 0.5 / 127.5  # another batch size rounds otherwise
    images[2] += 3 / 127.5
    images[3, :, 0] = 1
    assert copies(images, images[:1]) == [0, 1]
