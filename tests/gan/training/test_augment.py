from __future__ import annotations

import pytest
import torch
from torch import Tensor

from gan.training.augment import POLICIES, augment
from gan.training.randomness import BatchRandom


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def rng(seed: int = 0, count: int = 6) -> BatchRandom:
    return BatchRandom.of_batch(count, seed)


@pytest.fixture
def images() -> Tensor:
    return torch.rand(6, 3, 16, 24, generator=generator(1)) * 2 - 1


def test_no_policy_is_the_identity(images: Tensor) -> None:
    random = rng()
    before = random.generator.get_state()
    assert augment(images, "", random) is images
    assert torch.equal(random.generator.get_state(), before)


@pytest.mark.parametrize("policy", [*POLICIES, "color,translation,cutout"])
def test_every_policy_keeps_the_shape_and_follows_its_generator_alone(policy: str, images: Tensor) -> None:
    before, given = torch.get_rng_state(), images.clone()
    first, again, other = (augment(images, policy, rng(seed)) for seed in (0, 0, 1))
    assert first.shape == images.shape
    assert torch.equal(first, again)
    assert not torch.equal(first, other)
    assert torch.equal(torch.get_rng_state(), before)
    assert torch.equal(images, given)


@pytest.mark.parametrize("policy", [*POLICIES, "color,translation,cutout"])
def test_the_gradient_flows_through_every_policy(policy: str, images: Tensor) -> None:
    images.requires_grad_()
    weights = torch.rand(images.shape, generator=generator(2))
    (augment(images, policy, rng()) * weights).sum().backward()
    assert images.grad is not None
    assert images.grad.isfinite().all()
    assert (images.grad != 0).flatten(1).any(1).all()


def test_translation_shifts_by_up_to_an_eighth_and_fills_with_grey(images: Tensor) -> None:
    """Against a slow loop with the same random numbers."""
    random = generator()
    down = torch.randint(-2, 3, (6, 1), generator=random).flatten().tolist()
    right = torch.randint(-3, 4, (6, 1), generator=random).flatten().tolist()
    assert len(set(down)) > 1
    assert len(set(right)) > 1
    expected = torch.zeros_like(images)
    for n in range(6):
        for y in range(16):
            for x in range(24):
                if 0 <= y + down[n] < 16 and 0 <= x + right[n] < 24:
                    expected[n, :, y, x] = images[n, :, y + down[n], x + right[n]]
    assert torch.equal(augment(images, "translation", rng()), expected)


def test_cutout_blanks_one_rectangle_of_at_most_half_each_side(images: Tensor) -> None:
    images = images.abs() + 0.1  # so that 0 means blank
    changed = augment(images.repeat(20, 1, 1, 1), "cutout", rng(count=120))
    for picture, before in zip(changed, images.repeat(20, 1, 1, 1), strict=True):
        blank = (picture == 0).all(0)
        rows, columns = blank.any(1), blank.any(0)
        assert 4 <= rows.sum() <= 8
        assert 6 <= columns.sum() <= 12
        assert torch.equal(blank, rows[:, None] & columns[None, :])
        assert torch.equal(picture[:, ~blank], before[:, ~blank])


def test_color_of_a_grey_picture_moves_its_brightness_only() -> None:
    images = torch.full((50, 3, 4, 4), 0.25)
    moved = augment(images, "color", rng(count=50)) - images
    assert torch.allclose(moved, moved[:, :1, :1, :1].expand_as(moved), atol=1e-6)
    assert moved.min() >= -0.5
    assert moved.max() <= 0.5
    assert moved.std() > 0.2


def test_each_picture_is_changed_in_its_own_way() -> None:
    same = torch.rand(1, 3, 16, 16, generator=generator(1)).repeat(8, 1, 1, 1)
    for policy in POLICIES:
        changed = augment(same, policy, rng(count=8))
        assert any(not torch.equal(changed[0], other) for other in changed[1:])


def test_policies_are_applied_in_the_order_given(images: Tensor) -> None:
    random = rng()
    expected = augment(augment(images, "cutout", random), "color", random)
    assert torch.equal(augment(images, "cutout,color", rng()), expected)


def test_an_unknown_policy_is_refused_with_the_known_ones(images: Tensor) -> None:
    with pytest.raises(ValueError, match="policy must be color, translation or cutout, not blur"):
        augment(images, "color,blur", rng())


@pytest.mark.parametrize("policy", [*POLICIES, "color,translation,cutout"])
def test_two_processes_change_their_halves_as_one_changes_the_whole(policy: str, images: Tensor) -> None:
    whole = augment(images, policy, rng())
    halves = [
        augment(images[rows], policy, BatchRandom.of_batch(6, 0, rows=rows)) for rows in (slice(0, 3), slice(3, 6))
    ]
    assert torch.equal(torch.cat(halves), whole)
