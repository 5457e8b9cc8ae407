from __future__ import annotations

import copy
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from gan import Discriminator, Generator, ModelConfig, PosterSet, load, save
from gan.evaluation.calibration import calibrated, fit_logit_offset, shift_logits
from tests.gan.short_runs import equal

LOGITS = st.lists(st.floats(-30, 30, width=32), min_size=1, max_size=12).map(
    lambda values: np.array(values, np.float64)
)
GENRES = ("Comedy", "Drama")
KINDS = {
    "with BatchNorm": {},
    "with biases": {"norm_d": False},
    "2:3": {"aspect": "2:3"},
    "with genres": {"genres": GENRES, "embedding": 3},
}


def networks(config: ModelConfig) -> tuple[Generator, Discriminator]:
    """Whose logits are of order 1, and whose BatchNorm has seen pictures."""
    with torch.random.fork_rng(), torch.no_grad():
        torch.manual_seed(0)
        generator, discriminator = Generator(config), Discriminator(config)
        discriminator.layers[-2].weight.mul_(40)
        for _ in range(20):
            discriminator(torch.rand(16, 3, *config.size) * 2 - 1)
    return generator.eval(), discriminator.eval()


@pytest.fixture(params=KINDS.values(), ids=list(KINDS))
def pair(request: pytest.FixtureRequest, tiny: ModelConfig) -> tuple[Generator, Discriminator]:
    return networks(replace(tiny, **request.param))


def posters_for(posters: PosterSet, config: ModelConfig) -> PosterSet:
    """The posters at the networks' size."""
    return replace(posters, images=np.repeat(posters.images, 3, 1)[:, ::2]) if config.aspect == "2:3" else posters


@given(LOGITS, LOGITS)
@settings(deadline=None)
def test_no_other_offset_makes_the_posters_likelier(real: np.ndarray, made: np.ndarray) -> None:
    """The likelihood written out, against a fine grid around the range of logits."""

    def surprise(at: np.ndarray) -> np.ndarray:
        doubt = np.logaddexp(0, at - real[:, None]).mean(0)
        return doubt + np.logaddexp(0, made[:, None] - at).mean(0)

    low, high = min(real.min(), made.min()) - 1, max(real.max(), made.max()) + 1
    assert surprise(np.array([-fit_logit_offset(real, made)])) <= surprise(np.linspace(low, high, 5001)).min() + 1e-9


@given(st.floats(-20, 20), st.integers(1, 8))
@settings(deadline=None)
def test_of_two_kinds_that_mirror_each_other_the_threshold_is_in_the_middle(middle: float, count: int) -> None:
    apart = np.random.default_rng(0).normal(1, 1, count)
    assert fit_logit_offset(middle + apart, middle - apart) == pytest.approx(-middle, abs=1e-9)


def test_real_and_generated_posters_weigh_the_same_however_many_there_are() -> None:
    rng = np.random.default_rng(0)
    real, made = rng.normal(1, 1, 20), rng.normal(-1, 1, 30)
    assert fit_logit_offset(np.tile(real, 50), made) == pytest.approx(fit_logit_offset(real, made), abs=1e-12)


def test_every_logit_is_shifted_by_one_number_and_nothing_else_changes(pair: tuple[Generator, Discriminator]) -> None:
    _, discriminator = pair
    before = copy.deepcopy(discriminator.state_dict())
    shifted = shift_logits(discriminator, 1.25)
    images = torch.rand(6, 3, *discriminator.config.size) * 2 - 1
    assert torch.allclose(shifted.logit(images), discriminator.logit(images) + 1.25, atol=1e-5)
    assert equal(discriminator.state_dict(), before)
    assert not discriminator.config.calibrated
    twice = shift_logits(shifted, -1.25)
    assert torch.allclose(twice.logit(images), discriminator.logit(images), atol=1e-5)
    if discriminator.config.genres:
        labels = torch.tensor([[1.0, -1.0]]).expand(6, 2)
        expected = discriminator.logit(images, labels) + 1.25
        assert torch.allclose(shifted.logit(images, labels), expected, atol=1e-5)
        assert torch.allclose(shifted.with_genres([1.0, -1.0]).logit(images), expected, atol=1e-5)


class Brightness(nn.Module):
    """A D that sees nothing but how bright a picture is."""

    last = Discriminator.last

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.config = config
        last = nn.Conv2d(3, 1, config.size, bias=False)
        nn.init.constant_(last.weight, 10 / last.weight.numel())
        self.layers = nn.Sequential(last, nn.Sigmoid())

    def logit(self, images: Tensor) -> Tensor:
        return self.layers[:1](images).flatten()


def test_white_posters_and_black_pictures_are_separated_at_grey(posters: PosterSet, tiny: ModelConfig) -> None:
    """Real ones are white (logit 10), generated ones black (-10) or nearly (-4): the threshold is halfway."""

    class Dark(Generator):
        def forward(self, z: Tensor, labels: Tensor | None = None) -> Tensor:
            return torch.full((len(z), 3, 8, 8), self.level)

    white = replace(posters, images=np.full_like(posters.images, 255))
    for level, expected in ((-1.0, 0.0), (-0.4, 3.0)):
        dark = Dark(tiny)
        dark.level = level
        found = calibrated(Brightness(tiny), dark, white)
        assert found.logit(torch.full((1, 3, 8, 8), expected / 10)).item() == pytest.approx(0, abs=1e-4)
        assert found.logit(torch.ones(1, 3, 8, 8)).item() == pytest.approx(10 - expected, abs=1e-4)


def test_a_calibrated_d_is_in_eval_mode_and_doubts_as_much_as_it_believes(
    pair: tuple[Generator, Discriminator], posters: PosterSet
) -> None:
    """The statement of the docstring, on the posters that it was set by, asked of the network itself."""
    generator, discriminator = pair
    some = posters_for(posters, generator.config)
    discriminator.train()
    found = calibrated(discriminator, generator, some, 16)
    assert discriminator.training
    assert not found.training
    assert found.config.calibrated
    again = calibrated(found, generator, some, 16)
    images = torch.rand(4, 3, *generator.config.size) * 2 - 1
    with torch.no_grad():
        assert torch.allclose(again.logit(images), found.logit(images), atol=1e-4)
        assert not torch.allclose(discriminator.eval().logit(images), found.logit(images), atol=1e-3)


def test_a_calibrated_d_is_stored_and_read_and_takes_no_other_shape(
    pair: tuple[Generator, Discriminator], tmp_path: Path
) -> None:
    generator, discriminator = pair
    shifted = shift_logits(discriminator, 0.5)
    save(tmp_path / "kept", generator, shifted)
    found = load(tmp_path / "kept")
    assert found.config == replace(generator.config, calibrated=True)
    assert found.discriminator is not None
    assert equal(found.discriminator.state_dict(), shifted.state_dict())
    assert found.generator is not None
    save(tmp_path / "kept", found.generator, discriminator)  # and back
    assert load(tmp_path / "kept").config == generator.config
