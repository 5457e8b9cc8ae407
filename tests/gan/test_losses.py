from __future__ import annotations

import math

import pytest
import torch

from gan.losses import accuracy, discriminator_loss, generator_loss


def test_losses_are_the_logarithms_of_the_paper() -> None:
    real, fake = torch.tensor([1.5, -0.5]), torch.tensor([0.3, -2.0])
    p_real, p_fake = torch.sigmoid(real), torch.sigmoid(fake)
    expected = -p_real.log().mean() - (1 - p_fake).log().mean()
    assert discriminator_loss(real, fake).item() == pytest.approx(expected.item(), rel=1e-6)
    assert generator_loss(fake).item() == pytest.approx(-p_fake.log().mean().item(), rel=1e-6)


def test_an_undecided_discriminator_loses_two_logarithms_of_two() -> None:
    nothing = torch.zeros(4)
    assert discriminator_loss(nothing, nothing).item() == pytest.approx(2 * math.log(2))
    assert generator_loss(nothing).item() == pytest.approx(math.log(2))


def test_only_real_labels_are_smoothed() -> None:
    """With target 0.9 the best logit of a real poster is log(0.9 / 0.1); a generated one's has no bound."""
    best = math.log(9)
    real = torch.tensor([best], requires_grad=True)
    fake = torch.tensor([0.7], requires_grad=True)
    discriminator_loss(real, fake, real_label=0.9).backward()
    assert real.grad is not None and fake.grad is not None
    assert real.grad.item() == pytest.approx(0, abs=1e-6)
    assert fake.grad.item() == pytest.approx(torch.sigmoid(torch.tensor(0.7)).item())


def test_losses_stay_finite_and_keep_a_slope_where_probabilities_saturate() -> None:
    fake = torch.tensor([-200.0], requires_grad=True)
    loss = generator_loss(fake)
    loss.backward()
    assert loss.item() == pytest.approx(200)
    assert fake.grad is not None
    assert fake.grad.item() == pytest.approx(-1)


def test_accuracy_is_the_share_of_right_judgements() -> None:
    assert accuracy(torch.tensor([1.0, 2.0]), torch.tensor([-1.0, -3.0])).item() == 1
    assert accuracy(torch.tensor([1.0, -2.0]), torch.tensor([-1.0, -3.0])).item() == 0.75
    assert accuracy(torch.tensor([-1.0]), torch.tensor([1.0])).item() == 0
