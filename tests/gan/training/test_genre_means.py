from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor

from gan.training import moments as module
from gan.training.moments import FEWEST, GenreMeans

GENRES, WIDTH = 3, 5
EVEN = torch.ones(2, GENRES)


def drawn(count: int, seed: int) -> Tensor:
    return torch.randn(count, WIDTH, generator=torch.Generator().manual_seed(seed))


def labels_of(count: int, seed: int = 5) -> Tensor:
    """Labels (count, 3) of -1, 0 and 1."""
    return torch.randint(-1, 2, (count, GENRES), generator=torch.Generator().manual_seed(seed)).float()


@pytest.fixture
def exact(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is forgotten."""
    monkeypatch.setattr(module, "HALF_LIFE", 1e12)


def counted(real: Tensor, fake: Tensor, labels: Tensor, parts: int = 8) -> GenreMeans:
    means = GenreMeans(GENRES, WIDTH)
    for some in zip(real.chunk(parts), fake.chunk(parts), labels.chunk(parts), strict=True):
        means.add(*some)
    return means


def by_hand(real: Tensor, fake: Tensor, labels: Tensor, weights: Tensor = EVEN) -> Tensor:
    """The distance as it is defined, one genre after another, with a graph."""
    total = torch.zeros(())
    variance = (real - real.mean(0)).square().sum(1).mean()
    for genre in range(GENRES):
        for row, has in enumerate((labels[:, genre] > 0, labels[:, genre] < 0)):
            apart = fake[has].mean(0) - real[has].mean(0)
            total = total + weights[row, genre] * has.float().mean() * apart.square().sum() / variance
    return total


@pytest.mark.usefixtures("exact")
def test_the_loss_and_its_gradient_are_those_of_the_distance_of_the_means() -> None:
    real, fake, labels = drawn(400, 0), 0.5 + drawn(400, 1), labels_of(400)
    weights = torch.tensor([[1.0, 4.0, 0.5], [1.0, 0.5, 2.0]])
    features = [fake.clone().requires_grad_(True) for _ in range(2)]
    expected = by_hand(real, features[0], labels, weights)
    found = counted(real, fake, labels).loss(features[1], labels, weights)
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-6)
    gradients = [torch.autograd.grad(value, of)[0] for value, of in zip((expected, found), features, strict=True)]
    torch.testing.assert_close(gradients[1], gradients[0], rtol=1e-3, atol=1e-7)


@pytest.mark.usefixtures("exact")
def test_following_the_gradient_brings_a_genre_to_where_it_is_real() -> None:
    """Of one genre real posters lie elsewhere; generated ones, which ignored it, come to differ as much."""
    labels = labels_of(600)
    real = drawn(600, 0) + torch.where(labels[:, :1] > 0, 2.0, 0.0)
    fake = drawn(600, 1).requires_grad_(True)
    for _ in range(60):
        means = counted(real, fake.detach(), labels, 1)
        (gradient,) = torch.autograd.grad(means.loss(fake, labels, EVEN), fake)
        fake = (fake.detach() - 300 * gradient).requires_grad_(True)
    moved = fake[labels[:, 0] > 0].mean(0) - fake[labels[:, 0] < 0].mean(0)
    assert moved.mean().item() == pytest.approx(2.0, abs=0.2)


def test_a_genre_of_which_few_posters_were_counted_has_no_effect() -> None:
    for count, known in ((FEWEST - 1, False), (FEWEST, True)):
        labels = torch.zeros(200, GENRES)
        labels[:count, 1] = 1
        means = counted(drawn(200, 0), 3 + drawn(200, 1), labels, 1)
        loss = means.loss(drawn(200, 1), labels, EVEN).item()
        assert (loss > 0.1) is known


def test_unlabelled_posters_have_no_loss_and_no_gradient() -> None:
    means = counted(drawn(400, 0), 3 + drawn(400, 1), labels_of(400))
    fake = drawn(8, 2).requires_grad_(True)
    loss = means.loss(fake, torch.zeros(8, GENRES), EVEN)
    (gradient,) = torch.autograd.grad(loss, fake)
    assert loss.item() == 0
    assert not gradient.any()


def test_generated_posters_are_forgotten_and_real_ones_are_not(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "HALF_LIFE", 50)
    means, labels = GenreMeans(GENRES, WIDTH), labels_of(400)
    for shift in (9.0, 0.0):
        for part in range(20):
            rows = slice(20 * part, 20 * part + 20)
            means.add(drawn(20, part) + shift, drawn(20, 50 + part) + shift, labels[rows])
    real, fake = means.sums / means.counts[:, :, None]
    assert real.mean().item() == pytest.approx(4.5, abs=0.3)
    assert fake.mean().item() == pytest.approx(0.0, abs=0.5)
    assert means.counts[0, 0] == 800
    assert means.counts[1, 0] < 100


def test_a_batch_shared_by_processes_counts_as_one() -> None:
    real, fake, labels = drawn(40, 0), drawn(40, 1), labels_of(40)
    whole, theirs, ours = (GenreMeans(GENRES, WIDTH) for _ in range(3))
    asked: list[Tensor] = []

    class Both:
        """Of two processes with half of the batch each: the means of what both say, in the same order."""

        size = 2

        def __init__(self, other: list[Tensor] | None = None) -> None:
            self.other = other

        def mean(self, values: Tensor) -> Tensor:
            if self.other is None:
                asked.append(values.clone())
                return values
            return (values + self.other.pop(0)) / 2

    def add(means: GenreMeans, half: slice, world: Any) -> None:
        means.add(real[half], fake[half], labels[half], world)

    whole.add(real, fake, labels)
    add(theirs, slice(20, 40), Both())
    add(ours, slice(20), Both(asked))
    for name, expected in whole.named_buffers():
        torch.testing.assert_close(getattr(ours, name), expected)
