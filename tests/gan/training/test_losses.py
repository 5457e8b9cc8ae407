from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from gan.training.losses import (
    CRITIC_LOSSES,
    LOSSES,
    MAX_CLASS_WEIGHT,
    accuracy,
    bce_discriminator,
    bce_generator,
    class_weights,
    genre_loss,
    gradient_penalty,
    head_penalty,
    hinge_critic,
    imle_loss,
    lecam,
    pairwise_accuracy,
    relativistic_discriminator,
    relativistic_generator,
)

LOGITS = st.lists(st.floats(-50, 50, width=32), min_size=3, max_size=3).map(torch.tensor)


@pytest.mark.parametrize("name", LOSSES)
def test_every_loss_pulls_d_and_g_apart_and_says_what_it_is(name: str) -> None:
    """What an entry of the registry has to do: D separates real from generated posters, G works against it."""
    loss = LOSSES[name]
    real, fake = (torch.linspace(-0.5, 0.5, 4, requires_grad=True) for _ in range(2))
    loss_d, loss_g = loss.discriminator(real, fake, 1.0), loss.generator(real.detach(), fake)
    assert loss_d.shape == loss_g.shape == loss.accuracy(real, fake).shape == ()
    real_d, fake_d = torch.autograd.grad(loss_d, (real, fake))
    (fake_g,) = torch.autograd.grad(loss_g, fake)
    assert (real_d < 0).all()
    assert (fake_d > 0).all()
    assert (fake_g < 0).all()
    assert loss.accuracy(real + 2, fake - 2) == 1
    assert loss.accuracy(real - 2, fake + 2) == 0
    assert loss.about
    assert loss.source


def test_losses_are_the_logarithms_of_the_paper() -> None:
    real, fake = torch.tensor([1.5, -0.5]), torch.tensor([0.3, -2.0])
    p_real, p_fake = torch.sigmoid(real), torch.sigmoid(fake)
    expected = -p_real.log().mean() - (1 - p_fake).log().mean()
    assert bce_discriminator(real, fake).item() == pytest.approx(expected.item(), rel=1e-6)
    assert bce_generator(real, fake).item() == pytest.approx(-p_fake.log().mean().item(), rel=1e-6)


def test_an_undecided_discriminator_loses_two_logarithms_of_two() -> None:
    nothing = torch.zeros(4)
    assert bce_discriminator(nothing, nothing).item() == pytest.approx(2 * math.log(2))
    assert bce_generator(nothing, nothing).item() == pytest.approx(math.log(2))


def test_only_real_labels_are_smoothed() -> None:
    """With target 0.9 the best logit of a real poster is log(0.9 / 0.1); a generated one's has no bound."""
    best = math.log(9)
    real = torch.tensor([best], requires_grad=True)
    fake = torch.tensor([0.7], requires_grad=True)
    bce_discriminator(real, fake, real_label=0.9).backward()
    assert real.grad is not None
    assert fake.grad is not None
    assert real.grad.item() == pytest.approx(0, abs=1e-6)
    assert fake.grad.item() == pytest.approx(torch.sigmoid(torch.tensor(0.7)).item())


def test_losses_stay_finite_and_keep_a_gradient_where_probabilities_saturate() -> None:
    fake = torch.tensor([-200.0], requires_grad=True)
    loss = bce_generator(torch.zeros(1), fake)
    loss.backward()
    assert loss.item() == pytest.approx(200)
    assert fake.grad is not None
    assert fake.grad.item() == pytest.approx(-1)


def test_accuracy_is_the_share_of_right_judgements() -> None:
    assert accuracy(torch.tensor([1.0, 2.0]), torch.tensor([-1.0, -3.0])).item() == 1
    assert accuracy(torch.tensor([1.0, -2.0]), torch.tensor([-1.0, -3.0])).item() == 0.75
    assert accuracy(torch.tensor([-1.0]), torch.tensor([1.0])).item() == 0


@settings(max_examples=50, deadline=None)
@given(LOGITS, LOGITS)
def test_relativistic_losses_are_the_logarithms_of_the_paper(real: Tensor, fake: Tensor) -> None:
    """-log sigmoid of how far the real poster is above the generated one beside it (2018, eq. 5), and the reverse."""
    apart = (real - fake).double()
    expected = -torch.nn.functional.logsigmoid(apart).mean().item()
    assert relativistic_discriminator(real, fake).item() == pytest.approx(expected, rel=1e-4, abs=1e-6)
    expected = -torch.nn.functional.logsigmoid(-apart).mean().item()
    assert relativistic_generator(real, fake).item() == pytest.approx(expected, rel=1e-4, abs=1e-6)


def test_only_differences_count_in_relativistic_losses() -> None:
    real, fake = torch.tensor([1.5, -0.5]), torch.tensor([0.3, -2.0])
    for loss in (relativistic_discriminator, relativistic_generator):
        assert loss(real + 7, fake + 7).item() == pytest.approx(loss(real, fake).item(), rel=1e-5)
    smoothed, plain = (LOSSES["relativistic"].discriminator(real, fake, label) for label in (0.5, 1.0))
    assert smoothed == plain


@settings(max_examples=50, deadline=None)
@given(LOGITS, LOGITS)
def test_ranked_rightly_is_the_share_of_all_pairs(real: Tensor, fake: Tensor) -> None:
    expected = sum(float(up > down) for up in real for down in fake) / 9
    assert pairwise_accuracy(real, fake).item() == pytest.approx(expected)


class Known(nn.Module):
    """Logits whose gradients are known: a picture's weighted sum, plus labels times the sum of squares."""

    def __init__(self, weights: Tensor) -> None:
        super().__init__()
        self.weights = nn.Parameter(weights)

    def logit(self, images: Tensor, labels: Tensor | None = None) -> Tensor:
        linear = (images * self.weights).sum((1, 2, 3))
        return linear if labels is None else linear + labels[:, 0] * images.square().sum((1, 2, 3))


def test_the_penalty_of_a_linear_d_is_the_square_of_its_weights_at_any_picture() -> None:
    weights = torch.randn(3, 4, 4)
    images = torch.randn(5, 3, 4, 4)
    found = gradient_penalty(Known(weights), images, None)  # type: ignore[arg-type]  # all that it needs
    assert found.item() == pytest.approx(weights.square().sum().item(), rel=1e-5)


def test_the_penalty_is_the_mean_squared_gradient_with_labels_and_has_a_gradient_itself() -> None:
    weights, images = torch.randn(3, 4, 4), torch.randn(5, 3, 4, 4)
    labels = torch.tensor([[0.0], [1.0], [-1.0], [0.5], [0.0]])
    known = Known(weights)
    found = gradient_penalty(known, images, labels)  # type: ignore[arg-type]  # as above
    gradients = weights + 2 * labels[:, :, None, None] * images
    assert found.item() == pytest.approx(gradients.square().sum((1, 2, 3)).mean().item(), rel=1e-5)
    found.backward()
    assert known.weights.grad is not None
    assert torch.allclose(known.weights.grad, 2 * gradients.mean(0), atol=1e-4)
    assert not images.requires_grad


def test_lecam_is_its_formula_and_holds_back_growing_certainty_only() -> None:
    real, fake = torch.tensor([2.0, -1.0]), torch.tensor([-3.0, 1.5])
    averages = torch.tensor([0.5, -0.25])  # of real, of generated
    up = (2.0 + 0.25) ** 2 / 2  # the second real poster lies below the average of the generated
    down = (0.5 + 3.0) ** 2 / 2  # the second generated poster lies above the average of the real
    assert lecam(real, fake, averages).item() == pytest.approx(up + down)
    assert lecam(torch.tensor([-1.0]), torch.tensor([1.0]), torch.tensor([0.0, 0.0])).item() == 0


@pytest.mark.parametrize("name", CRITIC_LOSSES)
def test_every_loss_of_the_critic_pulls_it_and_g_apart_and_says_what_it_is(name: str) -> None:
    loss = CRITIC_LOSSES[name]
    real, fake = (torch.linspace(-0.5, 0.5, 8, requires_grad=True).reshape(2, 4) for _ in range(2))
    real_d, fake_d = torch.autograd.grad(loss.critic(real, fake), (real, fake))
    (fake_g,) = torch.autograd.grad(loss.generator(real.detach(), fake), fake)
    assert (real_d < 0).all()
    assert (fake_d > 0).all()
    assert (fake_g < 0).all()
    assert loss.about
    assert loss.source


class Heads(nn.Module):
    """A critic of one logit a scale, a weighted sum of its maps, whose gradient is known."""

    def __init__(self, *weights: Tensor) -> None:
        super().__init__()
        self.weights = nn.ParameterList(weights)

    def logits(self, maps: list[Tensor]) -> Tensor:
        return torch.stack([(one * w).sum((1, 2, 3)) for one, w in zip(maps, self.weights, strict=True)], 1)


def test_the_penalty_of_linear_heads_is_the_square_of_their_weights_and_trains_them() -> None:
    heads = Heads(torch.randn(2, 4, 4), torch.randn(3, 2, 2))
    maps = [torch.randn(5, 2, 4, 4), torch.randn(5, 3, 2, 2)]
    found = head_penalty(heads, maps)  # type: ignore[arg-type]  # all that it needs
    squares = sum(weight.detach().square().sum().item() for weight in heads.weights)
    assert found.item() == pytest.approx(squares / 4, rel=1e-5)  # of the mean of two logits
    found.backward()
    for weight in heads.weights:
        assert weight.grad is not None
        assert torch.allclose(weight.grad, weight.detach() / 2)
    assert not any(values.requires_grad for values in maps)


def test_imle_is_0_where_every_real_poster_is_drawn_and_pulls_the_closest_to_one_that_is_not() -> None:
    real = torch.tensor([[0.0, 0.0], [0.0, 2.0], [6.0, 0.0]])
    assert imle_loss(real, torch.cat([real, torch.ones(4, 2)])).item() == 0
    fake = torch.tensor([[0.0, 0.0], [0.0, 2.0], [3.0, 0.0]], requires_grad=True)  # nothing at the third
    typical = (2.0 + 6.0 + 40**0.5) / 3
    loss = imle_loss(real, fake)
    assert loss.item() == pytest.approx(1.0 / typical)
    (pull,) = torch.autograd.grad(loss, fake)
    assert pull[2, 0] < 0  # towards it
    assert not pull[:2].any()


def test_the_hinge_stops_where_a_logit_is_right_by_one() -> None:
    assert hinge_critic(torch.full((2, 3), 1.5), torch.full((2, 3), -1.0)).item() == 0
    assert hinge_critic(torch.tensor([[0.0, 2.0]]), torch.tensor([[0.5, -2.0]])).item() == pytest.approx(0.5 + 0.75)


def test_what_is_known_of_a_posters_genres_is_summed_and_what_is_not_known_counts_nothing() -> None:
    logits = torch.tensor([[0.0, 3.0, -2.0], [1.0, 0.0, 0.0]])
    labels = torch.tensor([[1.0, -1.0, 0.0], [0.5, 0.0, 0.0]])
    of_first = math.log(2) + math.log1p(math.exp(3.0))
    even = torch.ones(2, 3)
    assert genre_loss(logits, labels, even).item() == pytest.approx((of_first + 0.5 * math.log1p(math.exp(-1.0))) / 2)
    assert genre_loss(logits, 0 * labels, even).item() == 0
    rare = torch.tensor([[5.0, 1.0, 1.0], [0.5, 1.0, 1.0]])
    assert genre_loss(logits[:1], labels[:1], rare).item() == pytest.approx(of_first + 4 * math.log(2))


def test_a_poster_that_is_shown_twice_counts_twice_for_the_weights() -> None:
    labels = torch.tensor([[1, -1], [-1, 1], [-1, 0]])
    shown = torch.tensor([2.0, 0.5, 0.5])
    repeated = torch.cat([labels[:1]] * 4 + [labels[1:]])
    torch.testing.assert_close(class_weights(labels, shown), class_weights(repeated, torch.ones(6)))


@settings(deadline=None)
@given(st.lists(st.sampled_from([1, -1, 0]), min_size=1, max_size=60))
def test_having_a_genre_and_not_having_it_weigh_the_same_over_all_posters(known: list[int]) -> None:
    labels = torch.tensor(known)[:, None]
    balance = class_weights(labels, torch.ones(len(known)))
    weights = torch.where(labels > 0, *balance) * labels.abs()
    has, lacks = weights[labels > 0].sum(), weights[labels < 0].sum()
    if (labels > 0).any() and (labels < 0).any() and balance.max() < MAX_CLASS_WEIGHT:
        torch.testing.assert_close(has, lacks)
        torch.testing.assert_close(has + lacks, labels.abs().sum().float())
    assert balance.max() <= MAX_CLASS_WEIGHT
