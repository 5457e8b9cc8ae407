from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from skimage.metrics import peak_signal_noise_ratio, structural_similarity

from gan import to_uint8
from gan.data.hold_out import is_held_out
from gan.data.synthetic import draw_poster
from gan.upscaling.quality import enlarge_by, measure, psnr, ssim
from gan.upscaling.resampling import KERNELS, resample
from gan.upscaling.training import UpscalerTraining, degrade, distance, draw_batch, step, train
from tests.gan.upscaling.small_upscaler import SMALL, both, network, noise, synthetic

# ---- what it learns from -------------------------------------------------------------------------------


def test_a_batch_is_pairs_of_a_crop_and_its_original() -> None:
    config = UpscalerTraining(batch=6, crop=16)
    small, large = draw_batch(synthetic(4), 2, config, np.random.default_rng(0))
    assert small.shape == (6, 3, 16, 16)
    assert large.shape == (6, 3, 32, 32)
    assert small.abs().max() <= 1
    assert large.abs().max() <= 1
    near = (resample(large, (16, 16)) - small).abs().mean((1, 2, 3))
    far = (resample(large.roll(1, 0), (16, 16)) - small).abs().mean((1, 2, 3))
    assert (near < far).all()


def test_a_crop_that_fills_the_poster_is_the_poster() -> None:
    posters = synthetic(1, 64)
    _, large = draw_batch(posters, 4, UpscalerTraining(batch=1, crop=16), np.random.default_rng(0))
    assert np.array_equal(to_uint8(large), posters.images)


def test_degrading_is_mild_and_in_a_third_of_all_cases_clean() -> None:
    large = torch.from_numpy(np.asarray(draw_poster(3, 64).image).copy()).permute(2, 0, 1)[None] / 127.5 - 1
    clean = [resample(large, (32, 32), kernel).clamp(-1, 1) for kernel in KERNELS]
    errors = []
    for seed in range(300):
        small = degrade(large, 2, np.random.default_rng(seed))
        assert small.dtype == torch.float32
        errors.append(min(float((small - one).square().mean().sqrt()) for one in clean))
    assert 0.25 < np.mean(np.array(errors) < 1e-6) < 0.45
    assert 0.005 < np.median(errors) < 0.08
    assert max(errors) < 0.25


def test_the_loss_is_charbonniers_and_punishes_blur() -> None:
    truth = noise(2, 3, 16, 16)
    assert distance(truth, truth, 0.0) == pytest.approx(1e-3)
    assert distance(truth + 0.5, truth, 0.0) == pytest.approx((0.25 + 1e-6) ** 0.5)
    impulse = torch.zeros(1, 1, 8, 8)
    impulse[0, 0, 3, 3] = 1.0  # every coefficient is 1/8 of its height
    assert distance(impulse, torch.zeros_like(impulse), 1.0) == pytest.approx(1 / 64 + 63 / 64 * 1e-3 + 1 / 8, rel=1e-3)


def test_held_out_posters_are_never_trained_on(tmp_path: Path) -> None:
    """A run is the same whatever the held-out posters show."""
    posters = synthetic(60, 32)
    changed = posters.images.copy()
    mask = np.array([is_held_out(name) for name in posters.names])
    assert 0 < mask.sum() < 60
    changed[mask] = 255
    config = UpscalerTraining(steps=3, batch=4, crop=4, tick=3)
    results = [
        train(replace(posters, images=images), tmp_path / str(index), SMALL[2], config, progress=False)
        for index, images in enumerate((posters.images, changed))
    ]
    assert all(torch.equal(a, b) for a, b in zip(results[0].parameters(), results[1].parameters(), strict=True))


def test_a_step_again_and_again_learns_what_lanczos_misses() -> None:
    posters, config = synthetic(4, 64), UpscalerTraining(steps=1000, batch=2, crop=16, lr=5e-3)
    upscaler = network(2, wild=False).requires_grad_(True)
    optimiser = torch.optim.Adam(upscaler.parameters())
    losses = [float(step(upscaler, optimiser, posters, config, 99)) for _ in range(30)]
    small, large = draw_batch(posters, 2, config, np.random.default_rng((0, 99)))
    assert losses[-1] < 0.9 * float(distance(resample(small, (32, 32)), large, config.frequencies))


def test_the_rate_rises_for_a_hundred_steps_and_falls_to_nothing() -> None:
    posters, config = synthetic(1, 32), UpscalerTraining(steps=1000, batch=1, crop=4, lr=0.5)
    upscaler = network()
    rates = []
    for number in (0, 49, 500, 999):
        optimiser = torch.optim.SGD(upscaler.requires_grad_(True).parameters())
        step(upscaler, optimiser, posters, config, number)
        rates.append(optimiser.param_groups[0]["lr"])
    assert rates == pytest.approx([0.005, 0.25, 0.25, 0.0], abs=0.002)


# ---- measuring -----------------------------------------------------------------------------------------


def test_psnr_and_ssim_are_those_of_scikit_image() -> None:
    random = np.random.default_rng(0)
    a = np.stack([np.asarray(draw_poster(seed, 48, 64).image) for seed in range(3)])
    b = np.clip(a + random.normal(0, [[[[4]]], [[[20]]], [[[1]]]], a.shape), 0, 255).round().astype(np.uint8)
    grey = np.array([0.299, 0.587, 0.114])
    for index, (x, y) in enumerate(zip(a, b, strict=True)):
        assert psnr(a, b)[index] == pytest.approx(peak_signal_noise_ratio(x, y), abs=1e-4)
        theirs = structural_similarity(
            x @ grey, y @ grey, data_range=255, gaussian_weights=True, use_sample_covariance=False
        )
        assert ssim(a, b)[index] == pytest.approx(theirs, abs=1e-6)
    assert ssim(a, a) == pytest.approx(1)


@both
def test_lanczos_as_a_network_gains_nothing(factor: int, no_judge: None) -> None:
    """An upscaler without a residual, measured: no gain where Lanczos is applied once, as it is."""
    upscaler = network(factor)
    upscaler.tail.weight.zero_()
    rows = measure(upscaler, synthetic(4, 32), progress=False)
    assert [(row["factor"], row["method"]) for row in rows] == [
        (2, "lanczos"), (2, "network"), (4, "lanczos"), (4, "network"),
    ]  # fmt: skip
    once = rows[1] if factor == 2 else rows[3]
    assert once["gain"] == once["gain_error"] == once["worse"] == 0
    assert "features" not in once


def test_two_times_is_one_pass_or_half_of_four() -> None:
    images = noise(1, 3, 8, 8)
    assert torch.equal(enlarge_by(network(2), images, 2), network(2).enlarge(images).clamp(-1, 1))
    four = network(4)
    assert torch.equal(enlarge_by(four, images, 2), resample(four(images), (16, 16)).clamp(-1, 1))
    assert torch.equal(enlarge_by(four, images, 4), four(images))
