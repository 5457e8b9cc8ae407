from __future__ import annotations

import numpy as np
import pytest
import torch

from gan.evaluation.diversity import diversity, thumbnails
from tests.gan.small_judge import normal


def test_a_generator_of_one_poster_is_caught() -> None:
    real = normal(1, 40)
    one = np.repeat(normal(2, 1), 60, 0)
    found = diversity(real, one, real, one)
    assert found["diversity_features"].value == found["diversity_pixels"].value == 0
    assert found["near_identical"].value == 1


def test_posters_as_different_as_real_ones_are_no_collapse() -> None:
    found = diversity(normal(1, 150), normal(2, 150), normal(3, 150), 2 * normal(4, 150))
    assert found["diversity_features"].low < 1 < found["diversity_features"].high
    assert found["diversity_pixels"].value == pytest.approx(2, rel=0.1)
    assert found["near_identical"].value < 0.01


def test_ten_posters_again_and_again_are_caught_by_their_pairs() -> None:
    few = np.repeat(normal(2, 10), 15, 0) + 1e-4 * normal(5, 150)
    found = diversity(normal(1, 150), few, normal(1, 150), few)
    assert found["near_identical"].value == pytest.approx(10 * 15 * 14 / (150 * 149), abs=0.02)
    assert found["diversity_features"].value > 0.7  # the mean alone would not have told


def test_thumbnails_are_means_over_blocks_and_never_larger_than_the_picture() -> None:
    images = torch.rand(2, 3, 96, 64)
    [first, _] = thumbnails([images]).reshape(2, 3, 32, 32)
    assert first[1, 4, 7] == pytest.approx(float(images[0, 1, 12:15, 14:16].mean()), abs=1e-6)
    assert thumbnails([torch.rand(5, 3, 12, 8)]).shape == (5, 3 * 12 * 8)
