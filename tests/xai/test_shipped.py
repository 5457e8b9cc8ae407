"""The shipped checkpoint: what the documentation says of it holds."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

import gan
import xai

SHIPPED = Path(__file__).parents[2] / "checkpoints/dcgan-64"


@pytest.fixture(scope="module")
def shipped() -> gan.Checkpoint:
    return gan.load(SHIPPED)


@pytest.fixture(scope="module")
def images(shipped: gan.Checkpoint) -> torch.Tensor:
    with torch.no_grad():
        return shipped.generator(gan.latents(range(32), shipped.config))


def test_the_shipped_networks_are_the_tutorials_but_for_ds_zero(shipped: gan.Checkpoint) -> None:
    counts = [sum(p.numel() for p in net.parameters()) for net in (shipped.generator, shipped.discriminator)]
    assert counts == [3_576_704, 2_765_568 + 1]
    assert shipped.config.calibrated


def test_the_shipped_generator_has_not_collapsed(images: torch.Tensor) -> None:
    flat = images.flatten(1)
    distances = torch.cdist(flat, flat)[~torch.eye(len(flat), dtype=torch.bool)]
    assert distances.min() > 10  # of at most 222: any two posters differ by much more than noise


def test_the_shipped_discriminator_finds_its_generators_posters_fake_on_average(
    shipped: gan.Checkpoint, images: torch.Tensor
) -> None:
    assert xai.Score(shipped.discriminator)(images).mean() < 0


@pytest.mark.parametrize("name", [name for name, method in xai.METHODS.items() if method.complete])
def test_the_shares_of_the_shipped_discriminator_add_up(
    shipped: gan.Checkpoint, images: torch.Tensor, name: str
) -> None:
    score = xai.Score(shipped.discriminator)
    spread = float(score(images).max() - score(images).min())
    reference = xai.reference("generated", generator=shipped.generator, count=4)
    settings = {"integrated_gradients": {"tolerance": 1e-3, "most_steps": 2049}, "kernelshap": {"samples": 256}}
    shown = images[:1] if name == "integrated_gradients" else images[:2]  # thousands of gradients a picture
    explanation = xai.attribution(name, score, reference=reference, **settings.get(name, {})).attribute(shown)
    assert explanation.gap.abs().max() < 1e-3 * spread
    assert explanation.values.abs().max() > 0


def test_lime_sees_enough_segments_on_every_shipped_poster(images: torch.Tensor) -> None:
    from xai.methods.perturbation.segments import segment

    counts = [int(segment(image.permute(1, 2, 0).double().numpy()).max()) + 1 for image in images]
    assert all(30 <= count <= 60 for count in counts)
