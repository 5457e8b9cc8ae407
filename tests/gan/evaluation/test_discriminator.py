from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from gan.evaluation.discriminator import Logits, best_threshold, logits_of
from gan.evaluation.estimates import proportion, roc_auc
from gan.evaluation.metrics import compute

INTEGERS = st.lists(st.integers(-5, 5), min_size=1, max_size=8)


@given(INTEGERS, INTEGERS)
@settings(deadline=None)
def test_the_roc_auc_is_the_proportion_of_pairs(higher: list[int], lower: list[int]) -> None:
    pairs = [(a > b) + 0.5 * (a == b) for a in higher for b in lower]
    assert roc_auc(np.array(higher, float), np.array(lower, float)) == pytest.approx(np.mean(pairs))


@given(INTEGERS, INTEGERS)
@settings(deadline=None)
def test_no_threshold_is_better_than_the_best(real: list[int], fake: list[int]) -> None:
    def rightly(cut: float) -> float:
        return float(np.mean(np.array(real) > cut) + np.mean(np.array(fake) <= cut))

    cut = best_threshold(np.array(real, float), np.array(fake, float))
    assert rightly(cut) == pytest.approx(max(rightly(other) for other in np.arange(-6, 6, 0.5)))


def test_a_proportion_has_wilsons_interval() -> None:
    """Wilson 1927, for 8 of 10 and 0 of 10, from the closed form worked out by hand."""
    some = proportion(np.arange(10) < 8)
    assert (some.value, some.low, some.high) == pytest.approx((0.8, 0.49016, 0.94332), abs=1e-4)
    none = proportion(np.zeros(10, bool))
    assert (none.value, none.low, none.high) == pytest.approx((0, 0, 0.27753), abs=1e-4)


def test_intervals_of_proportions_hold_the_truth() -> None:
    rng = np.random.default_rng(0)
    held = [found.low <= 0.9 <= found.high for found in (proportion(rng.random(50) < 0.9) for _ in range(400))]
    assert np.mean(held) > 0.92


def test_a_shifted_threshold_does_not_hide_what_d_tells_apart() -> None:
    """All logits 10 too low: the accuracies on real posters are 0, the other metrics nearly 1."""
    rng = np.random.default_rng(0)
    training, held_out, made, other = (rng.normal(mean, 1, 2000) for mean in (-8, -8, -12, -12))
    logits = Logits(training, held_out, made, other)
    found, threshold = compute("discriminator", logits), logits.threshold
    assert found["accuracy_training"].value == found["accuracy_held_out"].value == 0
    assert found["accuracy_generated"].value == 1
    assert threshold == pytest.approx(-10, abs=0.5)
    assert found["balanced_accuracy_held_out"].value == pytest.approx(0.977, abs=0.01)  # two standard deviations
    assert found["roc_auc_held_out"].value == pytest.approx(0.9977, abs=0.002)  # 4 / sqrt(2) standard deviations
    assert found["balanced_accuracy_held_out"].low < 0.977 < found["balanced_accuracy_held_out"].high


def test_a_d_that_knows_its_training_posters_by_heart_is_told_from_one_that_knows_posters() -> None:
    rng = np.random.default_rng(0)
    training, held_out, made, other = (rng.normal(mean, 1, 500) for mean in (4, 0, 0, 0))
    found = compute("discriminator", Logits(training, held_out, made, other))
    assert found["roc_auc_training"].low > 0.99
    assert found["roc_auc_held_out"].high < 0.55
    assert found["balanced_accuracy_training"].low > 0.9
    assert found["balanced_accuracy_held_out"].value < 0.6


class Labelled(nn.Module):
    """A conditional D: the mean of the picture plus 10 times the first label."""

    def __init__(self) -> None:
        super().__init__()
        self.unused = nn.Parameter(torch.zeros(1))

    def logit(self, images: Tensor, labels: Tensor | None = None) -> Tensor:
        return images.mean((1, 2, 3)) + (0 if labels is None else 10 * labels[:, 0])


def test_each_picture_is_judged_by_its_own_labels() -> None:
    images, labels = torch.rand(7, 3, 4, 4), torch.arange(7.0)[:, None]
    expected = images.mean((1, 2, 3))
    assert np.allclose(logits_of(Labelled(), torch.split(images, 3)), expected, atol=1e-6)
    assert np.allclose(logits_of(Labelled(), torch.split(images, 3), labels), expected + 10 * labels[:, 0], atol=1e-5)
