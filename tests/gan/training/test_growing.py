from __future__ import annotations

import copy
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn
from torch.nn.functional import avg_pool2d, interpolate

from gan import Discriminator, Generator, ModelConfig, TrainingError, latents, load, save
from gan.checkpoints.record import Checkpoint
from gan.errors import CheckpointError
from gan.evaluation.calibration import shift_logits
from gan.training import growing
from gan.training.growing import grown
from gan.training.state import new_state
from tests.gan.short_runs import config_of, equal

SMALL = ModelConfig(8, latent=8, width=24)
ENLARGED = ModelConfig(16, latent=8, width=12)
TALLEST = ModelConfig(32, latent=8, width=6)
GENRES = ("Comedy", "Drama", "Horror")


def checkpoint_of(config: ModelConfig = SMALL) -> Checkpoint:
    """Networks that draw more than grey, and whose BatchNorm has seen pictures."""
    with torch.random.fork_rng(), torch.no_grad():
        torch.manual_seed(0)
        generator, discriminator = Generator(config), Discriminator(config)
        for network in (generator, discriminator):
            for layer in network.layers:
                if isinstance(layer, nn.Conv2d | nn.ConvTranspose2d):
                    layer.weight.mul_(6)
                if layer is not None and getattr(layer, "bias", None) is not None:
                    layer.bias.normal_(0, 0.1)
        for _ in range(30):
            discriminator(generator(latents(range(32), config)))
    return Checkpoint(generator.eval(), discriminator.eval(), config, name="small")


@pytest.fixture
def start() -> Checkpoint:
    return checkpoint_of()


@pytest.fixture
def exact(monkeypatch: pytest.MonkeyPatch) -> None:
    """The new channels, which are faded in by training, say nothing at all."""
    monkeypatch.setattr(growing, "NEW_CHANNEL_GAIN", 0.0)


def z_of(config: ModelConfig) -> Tensor:
    return latents(range(100, 116), config)


def before_tanh(generator: nn.Module, z: Tensor) -> Tensor:
    return generator.layers[:-1](z)


def enlarged(values: Tensor, times: int = 1) -> Tensor:
    for _ in range(times):
        values = interpolate(values, scale_factor=2, mode="bilinear", align_corners=False)
    return values


def inside(values: Tensor, border: int = 1) -> Tensor:
    return values[:, :, border:-border, border:-border]


@torch.no_grad()
@pytest.mark.usefixtures("exact")
def test_a_grown_generator_draws_the_old_picture_bilinearly_enlarged(start: Checkpoint) -> None:
    generator, _ = grown(start, ENLARGED)
    z = z_of(SMALL)
    old = before_tanh(start.generator, z)
    assert old.std() > 0.1
    found = generator.eval()(z)
    assert torch.allclose(inside(found), inside(enlarged(old)).tanh(), atol=1e-5)


@torch.no_grad()
@pytest.mark.usefixtures("exact")
def test_two_octaves_are_two_enlargements(start: Checkpoint) -> None:
    generator, _ = grown(start, TALLEST)
    z = z_of(SMALL)
    found, expected = generator.eval()(z), enlarged(before_tanh(start.generator, z), 2).tanh()
    assert torch.allclose(inside(found, 4), inside(expected, 4), atol=1e-4)


@torch.no_grad()
def test_new_channels_are_quiet_but_not_silent(start: Checkpoint) -> None:
    generator, discriminator = grown(start, ENLARGED)
    z = z_of(SMALL)
    old = inside(enlarged(before_tanh(start.generator, z)))
    noise = inside(before_tanh(generator.eval(), z)) - old
    assert 0 < noise.std() < 0.1 * old.std()
    images = torch.rand(16, 3, 16, 16) * 2 - 1
    shrunk = start.discriminator.logit(avg_pool2d(images, 2))
    noise = discriminator.eval().logit(images) - shrunk
    assert 0 < noise.std() < 0.5 * shrunk.std()


@torch.no_grad()
def test_a_grown_generator_draws_nearly_the_same_in_training(start: Checkpoint) -> None:
    """The new BatchNorm is set by the maps it meets, so that the first step of training is no jolt."""
    generator, _ = grown(start, ENLARGED)
    z = latents(range(256), SMALL)
    trained = copy.deepcopy(start.generator).train()
    expected = inside(enlarged(before_tanh(trained, z)))
    found = inside(before_tanh(generator.train(), z))
    assert (found - expected).std() < 0.2 * expected.std()


@torch.no_grad()
@pytest.mark.usefixtures("exact")
@pytest.mark.parametrize("norm_d", [True, False])
def test_a_grown_discriminator_sees_the_shrunk_picture(start: Checkpoint, norm_d: bool) -> None:
    """From a D with or without BatchNorm, of whatever signs the colours are."""
    small = checkpoint_of(replace(SMALL, norm_d=norm_d))
    assert small.discriminator is not None
    images = torch.rand(16, 3, 16, 16) * 2 - 1
    expected = small.discriminator.logit(avg_pool2d(images, 2))
    assert expected.std() > 0.05
    _, discriminator = grown(small, replace(ENLARGED, norm_d=norm_d))
    assert torch.allclose(discriminator.eval().logit(images), expected, atol=1e-4)


@torch.no_grad()
@pytest.mark.usefixtures("exact")
@pytest.mark.parametrize("model", [SMALL, ENLARGED, replace(SMALL, genres=GENRES), replace(SMALL, aspect="2:3")])
def test_a_zero_that_was_set_for_use_is_not_trained_on(start: Checkpoint, model: ModelConfig) -> None:
    """With BatchNorm, D is another function in training; without, the same one, and its zero is kept."""
    shifted = replace(
        start, discriminator=shift_logits(start.discriminator, 0.7), config=replace(SMALL, calibrated=True)
    )
    images = torch.rand(8, 3, *model.size) * 2 - 1
    for norm_d, by in ((True, 0.0), (False, 0.7)):
        wanted = replace(model, norm_d=norm_d)
        torch.manual_seed(0)
        _, plain = grown(start, wanted)
        torch.manual_seed(0)
        _, found = grown(shifted, wanted)
        assert not found.config.calibrated
        assert found.state_dict().keys() == Discriminator(wanted).state_dict().keys()
        assert torch.allclose(found.eval().logit(images), plain.eval().logit(images) + by, atol=1e-5)
    assert shifted.discriminator.config.calibrated


@torch.no_grad()
def test_folding_batchnorm_keeps_every_verdict(start: Checkpoint) -> None:
    old = checkpoint_of(ModelConfig(32, latent=8, width=4))
    generator, discriminator = grown(old, replace(old.config, norm_d=False))
    images = torch.rand(8, 3, 32, 32) * 2 - 1
    assert not any(isinstance(layer, nn.BatchNorm2d) for layer in discriminator.layers)
    assert torch.allclose(discriminator.logit(images), old.discriminator.logit(images), atol=1e-5)
    assert equal(generator.state_dict(), old.generator.state_dict())


@torch.no_grad()
def test_added_genres_change_nothing_until_labels_are_given(start: Checkpoint) -> None:
    config = replace(SMALL, genres=GENRES, embedding=5)
    generator, discriminator = grown(start, config)
    z, images = z_of(SMALL), torch.rand(16, 3, 8, 8) * 2 - 1
    assert torch.allclose(generator.eval()(z), start.generator(z), atol=1e-6)
    labels = torch.randint(-1, 2, (16, 3)).float()
    labels[0] = 1
    assert torch.equal(discriminator.eval().logit(images, labels), discriminator.logit(images))
    assert torch.allclose(discriminator.logit(images, labels), start.discriminator.logit(images), atol=1e-6)
    shift = (generator(z, labels) - generator(z)).abs().max()
    assert 0 < shift < 0.5  # G hears them already, softly


@torch.no_grad()
def test_a_stretched_network_draws_and_judges_whole_posters(start: Checkpoint) -> None:
    config = replace(SMALL, aspect="2:3")
    generator, discriminator = grown(start, config)
    z = z_of(SMALL)
    tall = generator.eval()(z)
    assert tall.shape == (16, 3, 12, 8)
    squashed = interpolate(tall, (8, 8), mode="bilinear", align_corners=True)
    old = start.generator(z)
    alike = torch.corrcoef(torch.stack([squashed.flatten(), old.flatten()]))[0, 1]
    other = torch.corrcoef(torch.stack([squashed.roll(1, 0).flatten(), old.flatten()]))[0, 1]
    assert alike > 0.5
    assert other < 0.2
    grey = torch.full((1, 3, 12, 8), 0.5)
    assert discriminator.eval().logit(grey).shape == (1,)


@torch.no_grad()
def test_a_stretched_discriminator_sums_to_the_same_size() -> None:
    """A kernel that is the same at every place sees a picture that is the same at every place as before."""
    start = checkpoint_of()
    start.discriminator.layers[-2].weight[:] = start.discriminator.layers[-2].weight.mean((2, 3), keepdim=True)
    _, discriminator = grown(start, replace(SMALL, aspect="2:3"))
    weight = start.discriminator.layers[-2].weight
    assert torch.allclose(discriminator.layers[-2].weight.sum((2, 3)), weight.sum((2, 3)), atol=1e-5)


@torch.no_grad()
def test_everything_at_once_is_a_checkpoint_that_can_be_loaded(start: Checkpoint, tmp_path: Path) -> None:
    model = replace(TALLEST, aspect="2:3", norm_d=False, genres=GENRES, embedding=5)
    generator, discriminator = grown(start, model)
    assert generator.config == discriminator.config == model
    assert {key: value.shape for key, value in generator.state_dict().items()} == {
        key: value.shape for key, value in Generator(model).state_dict().items()
    }
    save(tmp_path / "grown", generator, discriminator)
    found = load(tmp_path / "grown")
    assert found.config == model
    assert equal(found.generator.state_dict(), generator.state_dict())
    assert equal(found.discriminator.state_dict(), discriminator.state_dict())


@torch.no_grad()
def test_a_conditional_network_grows_with_what_it_knows_of_genres() -> None:
    small = replace(SMALL, genres=GENRES, embedding=5)
    start = checkpoint_of(small)
    generator, discriminator = grown(start, replace(ENLARGED, genres=GENRES, embedding=5))
    assert torch.equal(generator.embed.weight, start.generator.embed.weight)
    assert torch.equal(discriminator.embed.weight, start.discriminator.embed.weight)
    labels = torch.tensor([[1.0, -1.0, 0.0]] * 16)
    old = start.generator.with_genres([1, -1, 0])
    found, expected = generator.eval()(z_of(small), labels), enlarged(before_tanh(old, z_of(small))).tanh()
    assert (inside(found) - inside(expected)).std() < 0.1 * expected.std()


def test_the_start_is_left_as_it_was_and_shares_nothing(start: Checkpoint) -> None:
    before = [copy.deepcopy(network.state_dict()) for network in (start.generator, start.discriminator)]
    for model in (SMALL, ENLARGED, replace(SMALL, norm_d=False), replace(SMALL, genres=GENRES)):
        for network in grown(start, model):
            with torch.no_grad():
                for value in network.state_dict().values():
                    value.add_(1)
    assert equal(before, [start.generator.state_dict(), start.discriminator.state_dict()])
    assert start.config == SMALL


def test_the_seed_names_the_new_weights_and_the_global_random_state_is_left_alone(start: Checkpoint) -> None:
    before = torch.get_rng_state()
    first, again, other = (new_state(ENLARGED, config_of(1, seed=seed), start=start) for seed in (1, 1, 2))
    assert torch.equal(torch.get_rng_state(), before)
    assert equal(first.generator.state_dict(), again.generator.state_dict())
    assert not equal(first.generator.state_dict(), other.generator.state_dict())


@pytest.mark.parametrize(
    ("model", "sentence"),
    [
        (replace(ENLARGED, width=16), "--width 12 --max-width 24 does"),
        (ModelConfig(8, 8, 12), "does not hold them"),
        (replace(ENLARGED, latent=9), "small has 8 latent dimensions, not 9"),
        (ModelConfig(64, 8, 3), "A new layer needs at least 6 channels"),
    ],
)
def test_what_cannot_be_grown_is_refused_in_one_sentence(start: Checkpoint, model: ModelConfig, sentence: str) -> None:
    with pytest.raises(TrainingError, match=sentence) as caught:
        grown(start, model)
    assert "\n" not in str(caught.value)
    assert str(caught.value).endswith(".")


def test_a_smaller_network_is_refused(start: Checkpoint) -> None:
    with pytest.raises(TrainingError, match="does not hold them"):
        grown(checkpoint_of(ENLARGED), SMALL)


def test_half_a_checkpoint_is_no_start(start: Checkpoint) -> None:
    for missing in ("generator", "discriminator"):
        with pytest.raises(CheckpointError, match=rf"^small has no {missing}, only a"):
            grown(replace(start, **{missing: None}), SMALL)


def test_conditioned_networks_are_no_start(start: Checkpoint) -> None:
    with pytest.raises(TrainingError, match="small has genres built in; start from the whole networks"):
        grown(replace(start, config=replace(SMALL, conditioned=True)), SMALL)


@pytest.mark.parametrize("model", [SMALL, ENLARGED, replace(ENLARGED, norm_d=False), replace(SMALL, aspect="2:3")])
def test_a_generator_of_other_channels_than_d_keeps_them(exact: None, model: ModelConfig) -> None:
    unequal = checkpoint_of(replace(SMALL, generator_channels=(7,)))
    generator, discriminator = grown(unequal, model)
    z = z_of(SMALL)
    if model.size == SMALL.size:
        assert torch.equal(generator.eval()(z), unequal.generator(z))
        assert torch.equal(discriminator.eval()(generator(z)), unequal.discriminator(unequal.generator(z)))
    elif model.aspect == SMALL.aspect:
        drawn, enlarged = (
            before_tanh(generator.eval(), z),
            interpolate(before_tanh(unequal.generator, z), scale_factor=2, mode="bilinear"),
        )
        inside = (..., slice(1, -1), slice(1, -1))  # enlarging is not exact at the border
        torch.testing.assert_close(drawn[inside], enlarged[inside], atol=1e-4, rtol=1e-4)
    assert generator.config.generator_channels[-1] == 7
    assert Discriminator(generator.config).state_dict().keys() == discriminator.state_dict().keys()


def test_biases_of_another_program_are_kept_at_the_same_size_only() -> None:
    biased = checkpoint_of(replace(SMALL, biased=True))
    generator, discriminator = grown(biased, SMALL)
    assert torch.equal(generator.eval()(z_of(SMALL)), biased.generator(z_of(SMALL)))
    assert torch.equal(discriminator.eval()(generator(z_of(SMALL))), biased.discriminator(generator(z_of(SMALL))))
    with pytest.raises(TrainingError, match="small has biases, which a larger network cannot take over"):
        grown(biased, ENLARGED)


def test_other_genres_and_a_batchnorm_that_is_gone_are_refused(start: Checkpoint) -> None:
    conditional = replace(start, config=replace(SMALL, genres=GENRES))
    for genres in ((), GENRES[:2], GENRES[::-1]):
        with pytest.raises(TrainingError, match="small has the genres Comedy, Drama, Horror; a network with others"):
            grown(conditional, replace(SMALL, genres=genres))
    with pytest.raises(TrainingError, match="has a D without BatchNorm, and cannot get one"):
        grown(replace(start, config=replace(SMALL, norm_d=False)), SMALL)
