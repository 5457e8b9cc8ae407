from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from gan.evaluation.samples.distances import frechet_distance
from gan.training import moments as module
from gan.training.moments import FeatureMoments, transport

WIDTH = 6


def drawn(count: int, seed: int, spread: float = 1.0, shift: float = 0.0) -> Tensor:
    """Features (count, 6) that are correlated."""
    numbers = torch.Generator().manual_seed(seed)
    mixing = torch.randn(WIDTH, WIDTH, generator=torch.Generator().manual_seed(99))
    return spread * torch.randn(count, WIDTH, generator=numbers) @ mixing + shift


@pytest.fixture
def exact(monkeypatch: pytest.MonkeyPatch) -> None:
    """Plain means over all that was added, and no ridge."""
    monkeypatch.setattr(module, "HALF_LIFE", 1e12)
    monkeypatch.setattr(module, "RIDGE", 0.0)


def counted(real: Tensor, fake: Tensor, parts: int = 8) -> FeatureMoments:
    moments = FeatureMoments(WIDTH)
    for some in zip(real.chunk(parts), fake.chunk(parts), strict=True):
        moments.add(*some)
    moments.refresh()
    return moments


@pytest.mark.usefixtures("exact")
@pytest.mark.parametrize(("spread", "shift"), [(1.0, 0.0), (0.5, 0.0), (1.4, 0.3)])
def test_the_loss_is_the_frechet_distance_of_the_evaluation(spread: float, shift: float) -> None:
    """Counted in small batches, against the singular values of gan.evaluation, in units of real posters' variance."""
    real, fake = drawn(400, 0), drawn(400, 1, spread, shift)
    found = counted(real, fake).loss(fake).item()
    variance = real.numpy().var(0).sum()
    assert found == pytest.approx(frechet_distance(real.numpy(), fake.numpy()) / variance, rel=0.01)


@pytest.mark.usefixtures("exact")
def test_its_gradient_is_that_of_the_distance() -> None:
    """Against finite differences of the distance itself, of all features at once."""
    real, fake = drawn(300, 0), drawn(300, 1, 0.6, 0.2)
    features = fake.clone().requires_grad_(True)
    moments = counted(real, fake)
    (gradient,) = torch.autograd.grad(moments.loss(features), features)
    direction = drawn(300, 2)
    step, variance = 1e-3, real.numpy().var(0).sum()
    up, down = (frechet_distance(real.numpy(), (fake + sign * step * direction).numpy()) for sign in (1, -1))
    assert (gradient * direction).sum().item() == pytest.approx((up - down) / (2 * step) / variance, rel=0.02)


@pytest.mark.usefixtures("exact")
@pytest.mark.parametrize(("spread", "outwards"), [(0.5, True), (2.0, False)])
def test_what_is_too_narrow_is_pulled_apart_and_what_is_too_wide_together(spread: float, outwards: bool) -> None:
    fake = drawn(400, 1, spread)
    features = fake.clone().requires_grad_(True)
    counted(drawn(400, 0), fake).loss(features).backward()
    assert features.grad is not None
    away = fake - fake.mean(0)
    assert bool((-features.grad * away).sum() > 0) is outwards


def test_equal_distributions_have_hardly_a_distance_and_other_ones_have() -> None:
    same, other = (counted(drawn(4000, 0), fake).loss(fake).item() for fake in (drawn(4000, 1), drawn(4000, 1, 0.3)))
    assert same < 0.01 < 0.3 < other


def test_old_posters_are_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "HALF_LIFE", 50)
    moments = FeatureMoments(WIDTH)
    for shift in (5.0, 0.0):
        for seed in range(50):
            moments.add(drawn(20, seed), drawn(20, 100 + seed, shift=shift))
    assert moments.mean[1].abs().max() < 1.0


def test_a_batch_shared_by_processes_counts_as_one() -> None:
    """Each process has half of it, and the mean over them is what one process finds."""

    class Halves:
        size = 2

        def __init__(self, other: FeatureMoments) -> None:
            self.other = other

        def mean(self, values: Tensor) -> Tensor:
            theirs = self.other.mean if values.ndim == 2 else self.other.square
            return (values + theirs) / 2

    real, fake = drawn(40, 0), drawn(40, 1)
    whole, theirs, ours = (FeatureMoments(WIDTH) for _ in range(3))
    whole.add(real, fake)
    theirs.add(real[20:], fake[20:])
    ours.add(real[:20], fake[:20], Halves(theirs))  # type: ignore[arg-type]  # all that it needs
    assert ours.count == whole.count
    torch.testing.assert_close(ours.mean, whole.mean)
    torch.testing.assert_close(ours.square, whole.square)


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 2**31))
def test_the_transport_map_carries_one_covariance_to_the_other(seed: int) -> None:
    roots = np.random.default_rng(seed).standard_normal((2, WIDTH, 2 * WIDTH))
    source, target = torch.from_numpy(roots @ roots.transpose(0, 2, 1))
    found = transport(source, target)
    torch.testing.assert_close(found @ source @ found, target, rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(found, found.mT)
