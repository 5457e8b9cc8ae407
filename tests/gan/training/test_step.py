from __future__ import annotations

import copy
from dataclasses import replace
from functools import partial

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from gan import PRESETS, Discriminator, ModelConfig, PosterSet, latents
from gan.training import moments, tutorial
from gan.training import schedule as schedules
from gan.training import state as states
from gan.training import step as steps
from gan.training.batches import drop_labels
from gan.training.losses import LECAM_DECAY
from gan.training.randomness import LATENTS, BatchRandom, seeded
from gan.training.schedule import ema_weight, noise_seed, schedule
from gan.training.state import RECALIBRATION_SEED, State, new_state, recalibrate, update_ema
from gan.training.step import STEP_METRICS, frozen, set_learning_rates, step
from tests.gan.short_runs import Pyramid, config_of, equal, noise_of_step, numbers, weights

GENRES = ("Comedy", "Drama", "Horror")


@pytest.fixture
def real(posters: PosterSet) -> Tensor:
    return posters.tensor(range(8)).to(memory_format=torch.channels_last)


@pytest.fixture
def conditional(tiny: ModelConfig) -> ModelConfig:
    """The smallest networks that know genres."""
    return replace(tiny, genres=GENRES, embedding=3)


def test_the_preset_dcgan_is_the_textbook_dcgan_bit_for_bit(
    tiny: ModelConfig, real: Tensor, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Against the PyTorch tutorial's loop, with the same noise and the same kernel of Adam."""
    config = replace(PRESETS["dcgan"].train, batch=8)
    state = new_state(tiny, config)
    net_g, net_d = copy.deepcopy(state.generator), copy.deepcopy(state.discriminator)
    monkeypatch.setattr(tutorial.torch.optim, "Adam", partial(torch.optim.Adam, fused=True))
    textbook_steps = tutorial.train(net_g, net_d, [real] * 5)

    for number in range(5):
        with torch.random.fork_rng(devices=[]):
            seeded(torch.default_generator, number, LATENTS)  # so the tutorial's torch.randn is the noise of this step
            textbook_losses = next(textbook_steps)[:2]
        metrics = step(state, real, None, config)
        assert [metrics["loss_d"].item(), metrics["loss_g"].item()] == textbook_losses

    for mine, textbook in ((state.generator, net_g), (state.discriminator, net_d)):
        assert equal(mine.state_dict(), textbook.state_dict())
    assert equal(state.ema.state_dict()["layers.0.weight"], state.generator.state_dict()["layers.0.weight"])


def test_a_seed_decides_the_noise_too(tiny: ModelConfig, real: Tensor) -> None:
    """PyTorch's CPU generator drops all but 32 bits, so the seed must be among them."""
    made = [new_state(tiny, config_of(1)) for _ in range(2)]
    for seed, state in enumerate(made):
        step(state, real[:4], None, config_of(1, seed=seed))
    assert not equal(made[0].generator.state_dict(), made[1].generator.state_dict())


def test_a_step_leaves_both_networks_ready_for_the_next(tiny: ModelConfig, real: Tensor) -> None:
    state = new_state(tiny, config_of(1))
    metrics = step(state, real[:4], None, config_of(1))
    assert set(metrics) <= set(STEP_METRICS)
    assert not any(value.requires_grad or value.shape for value in metrics.values())
    assert all(p.requires_grad for net in (state.generator, state.discriminator) for p in net.parameters())
    assert state.steps == 1


@pytest.mark.parametrize(("threshold", "skipped"), [(1.0, False), (0.01, True)])
def test_a_discriminator_that_is_too_good_is_not_updated(
    threshold: float, skipped: bool, tiny: ModelConfig, real: Tensor
) -> None:
    config = config_of(1, skip_d_above=threshold)
    state = new_state(tiny, config)
    before = weights(state)
    metrics = step(state, real[:4], None, config)
    after = weights(state)
    assert metrics["accuracy_d"] > 0.01
    assert bool(metrics["skipped_d"]) is skipped
    moved = [
        not torch.equal(before["discriminator"][key], value)
        for key, value in after["discriminator"].items()
        if key.endswith("weight")
    ]
    assert moved == [not skipped] * len(moved)
    assert not equal(before["generator"], after["generator"])


def test_label_smoothing_reaches_the_loss(tiny: ModelConfig, real: Tensor) -> None:
    losses = []
    for label in (1.0, 0.5):
        config = config_of(1, real_label=label)
        losses.append(step(new_state(tiny, config), real[:4], None, config)["loss_d"].item())
    logit = new_state(tiny, config_of(1)).discriminator.logit(real[:4])
    assert losses[1] - losses[0] == pytest.approx(0.5 * logit.mean().item(), rel=1e-3)


def test_learning_rates_fall_to_a_tenth_from_the_given_fraction_on(tiny: ModelConfig, real: Tensor) -> None:
    config = config_of(10, decay_from=0.5, lr_g=1.0, lr_d=2.0)
    state = new_state(tiny, config)
    rates = []
    for number in range(10):
        state.steps = number
        now = schedule(state, config)
        rates.append(now.lr_g)
        assert now.lr_d == pytest.approx(2 * now.lr_g)
    assert rates == pytest.approx([1, 1, 1, 1, 1, 1, 0.8, 0.6, 0.4, 0.2])
    state.steps = 10
    assert schedule(state, config).lr_g == pytest.approx(0.1)


def test_the_average_follows_its_formula_buffers_included(tiny: ModelConfig) -> None:
    config = config_of(1, batch=16, ema_kimg=0.5)
    state = new_state(tiny, config)
    before = copy.deepcopy(state.ema.state_dict())
    with torch.no_grad():
        for value in state.generator.state_dict().values():
            value.add_(1)
    for number, half_life in ((100, 0.05 * 100 * 16), (10_000, 500)):
        state.ema.load_state_dict(before)
        update_ema(state, ema_weight(number, config))
        keep = 0.5 ** (16 / half_life)
        for key, value in state.ema.state_dict().items():
            if value.is_floating_point():
                expected = keep * before[key] + (1 - keep) * state.generator.state_dict()[key]
                assert torch.allclose(value, expected, atol=1e-6), key
    assert "layers.1.running_var" in before


def test_without_averaging_the_average_is_the_generator(tiny: ModelConfig, real: Tensor) -> None:
    config = config_of(1, ema_kimg=0)
    state = new_state(tiny, config)
    step(state, real[:4], None, config)
    floating = [key for key, value in state.ema.state_dict().items() if value.is_floating_point()]
    assert all(torch.equal(state.ema.state_dict()[k], state.generator.state_dict()[k]) for k in floating)


def test_recalibration_gives_the_statistics_of_the_weights_themselves() -> None:
    """Against means over the same batches, layer by layer, without BatchNorm modules."""
    config = ModelConfig(16, 8, 4)
    generator = new_state(config, config_of(1)).ema
    with torch.no_grad():
        for value in generator.state_dict().values():
            value.add_(1)  # wrong statistics, and weights other than the first
    before = copy.deepcopy(generator.state_dict())
    found = recalibrate(generator, images=128)
    layers = found.layers
    means, variances = ([[] for _ in range(2)] for _ in range(2))
    for start in (0, 64):
        maps = latents(range(RECALIBRATION_SEED + start, RECALIBRATION_SEED + start + 64), config)
        for index in range(2):
            maps = layers[3 * index](maps).double()
            mean, variance = maps.mean((0, 2, 3)), maps.var((0, 2, 3), correction=0)
            count = maps[:, 0].numel()
            means[index].append(mean)
            variances[index].append(variance * count / (count - 1))
            norm = layers[3 * index + 1]
            maps = (maps - mean[:, None, None]) / (variance[:, None, None] + norm.eps).sqrt()
            maps = maps * norm.weight[:, None, None] + norm.bias[:, None, None]
            maps = maps.relu().float()
    for index in range(2):
        norm = layers[3 * index + 1]
        assert torch.allclose(norm.running_mean.double(), sum(means[index]) / 2, atol=1e-5)
        assert torch.allclose(norm.running_var.double(), sum(variances[index]) / 2, rtol=1e-4)
    assert equal(generator.state_dict(), before)
    assert not found.training
    assert layers[1].momentum == generator.layers[1].momentum == 0.1


# ---- Regularisation -----------------------------------------------------------------------------


def test_the_gradient_penalty_is_due_every_few_steps_and_weighted_so(tiny: ModelConfig, real: Tensor) -> None:
    model = replace(tiny, norm_d=False)
    config = config_of(1, penalty=3.0, penalty_every=2)
    for number, expected in ((0, True), (1, False), (2, True)):
        state = new_state(model, config)
        state.steps = number
        fake = torch.rand(4, 3, 8, 8) * 2 - 1
        logits = [state.discriminator.logit(images) for images in (real[:4], fake)]
        seen = steps.Seen(real[:4], fake, None, *logits)
        terms = steps.Terms()
        steps.regularise(terms, state, seen, config, steps.ALONE)
        assert list(terms) == (["r1", "r2"] if expected else [])
        penalty = terms.total if expected else torch.zeros(())
        gradients = 0.0
        for images in (real[:4], fake):
            for picture in images:  # one by one: a D without BatchNorm looks at each alone
                picture = picture[None].clone().requires_grad_(True)
                state.discriminator.logit(picture).sum().backward()
                assert picture.grad is not None
                gradients += picture.grad.square().sum().item() / 4
        assert penalty.item() == pytest.approx(0.5 * 3.0 * 2 * gradients if expected else 0.0, rel=1e-4)


def test_the_penalty_makes_d_flatter_and_leaves_no_gradient_in_g(tiny: ModelConfig, real: Tensor) -> None:
    model = replace(tiny, norm_d=False)
    config = config_of(1, penalty=1e4, penalty_every=1, lr_d=1e-3)
    state = new_state(model, config)
    gradients = []
    for _ in range(20):
        gradients.append(steps.gradient_penalty(state.discriminator, real[:4], None).item())
        step(state, real[:4], None, config)
    assert gradients[-1] < 0.7 * gradients[0]

    without = replace(config, penalty=0.0)
    grown, plain = new_state(model, config), new_state(model, without)
    step(grown, real[:4], None, replace(config, lr_d=1e-30))
    step(plain, real[:4], None, replace(without, lr_d=1e-30))  # D stays, so G must move alike
    assert equal(grown.generator.state_dict(), plain.generator.state_dict())


def test_lecams_averages_follow_the_logits(tiny: ModelConfig, real: Tensor) -> None:
    config = config_of(1, lecam=0.3)
    state = new_state(tiny, config)
    other = copy.deepcopy(state)
    fake = other.generator(noise_of_step(4, tiny, 0))
    means = torch.stack([other.discriminator.logit(images).mean() for images in (real[:4], fake)])
    step(state, real[:4], None, config)
    assert torch.allclose(state.averages, means * (1 - LECAM_DECAY), rtol=1e-4, atol=1e-9)
    plain = new_state(tiny, config_of(1))
    step(plain, real[:4], None, config_of(1))
    assert plain.averages.tolist() == [0, 0]


def test_gs_update_uses_the_very_pictures_that_d_saw(tiny: ModelConfig, real: Tensor) -> None:
    """Its step reuses them, so no second batch is drawn and changed."""
    config = config_of(1, augment="color,translation")
    state = new_state(tiny, config)
    seen: list[Tensor] = []
    state.discriminator.layers[0].register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0].detach().clone()))
    step(state, real[:4], None, config)
    _, fake_of_d, fake_of_g = seen
    assert torch.equal(fake_of_d, fake_of_g)


def test_a_relativistic_step_is_its_formulas(tiny: ModelConfig, real: Tensor) -> None:
    """D's loss from logits before its step, G's from its new logits of generated posters."""
    model, config = replace(tiny, norm_d=False), config_of(1, loss="relativistic", lr_d=1e-2)
    state = new_state(model, config)
    old = copy.deepcopy(state)
    metrics = numbers(step(state, real[:4], None, config))
    loss_d, loss_g, accuracy = (metrics[name] for name in ("loss_d", "loss_g", "accuracy_d"))
    with torch.no_grad():
        fake = old.generator(noise_of_step(4, model, 0))
        up, down = old.discriminator.logit(real[:4]), old.discriminator.logit(fake)
        after = state.discriminator.logit(fake)
    assert loss_d == pytest.approx((down - up).exp().log1p().mean().item(), rel=1e-4)
    assert loss_g == pytest.approx((up - after).exp().log1p().mean().item(), rel=1e-4)
    assert accuracy == pytest.approx(np.mean([[float(u > d) for u in up] for d in down]))


# ---- Genres ------------------------------------------------------------------------------------------


def rng_of(count: int, seed: int = 0) -> BatchRandom:
    return BatchRandom.of_batch(count, seed)


def test_labels_are_dropped_whole_and_in_part() -> None:
    """A tenth of posters say nothing; of the others each label stays with a chance that is uniform from 0 to 1."""
    labels = torch.tensor([[1, -1, 1]], dtype=torch.int8).repeat(4000, 1)
    kept = drop_labels(labels, 0.1, rng_of(4000))
    assert torch.equal(kept[kept != 0], labels[kept != 0].float())
    how_many = (kept != 0).sum(1)
    shares = [(how_many == number).float().mean().item() for number in range(4)]
    # A share s ~ U(0, 1) keeps k of 3 with chance 1/4 each: the integral of the binomial over s.
    assert shares == pytest.approx([0.1 + 0.9 / 4, 0.9 / 4, 0.9 / 4, 0.9 / 4], abs=0.025)
    assert (kept != 0).float().mean(0).tolist() == pytest.approx([0.45] * 3, abs=0.03)


@pytest.mark.parametrize(("dropout", "share"), [(1.0, 0.0), (0.0, 0.5)])
def test_all_or_no_posters_can_be_shown_without_labels(dropout: float, share: float) -> None:
    kept = drop_labels(torch.ones(2000, 3), dropout, rng_of(2000))
    assert kept.mean().item() == pytest.approx(share, abs=0.03)


@pytest.mark.parametrize("proportion", [0.3, 1.0])
def test_of_some_posters_one_genre_that_they_have_is_all_that_is_named(proportion: float) -> None:
    labels = torch.tensor([[1, -1, 1, 0, 1]], dtype=torch.int8).repeat(4000, 1)
    plain, kept = (drop_labels(labels, 0.0, rng_of(4000), single) for single in (1e-9, proportion))
    changed = (kept != plain).any(1)
    assert ((kept[changed] > 0).sum(1) == 1).all()
    assert not (kept[changed] < 0).any()
    alike = ((plain > 0).sum(1) == 1) & ~(plain < 0).any(1)  # by chance, as without it
    assert changed[~alike].float().mean().item() == pytest.approx(proportion, abs=0.03)
    shares = (kept[changed] > 0).float().mean(0)
    assert shares.tolist() == pytest.approx([1 / 3, 0, 1 / 3, 0, 1 / 3], abs=0.05)


def test_of_a_poster_without_any_genre_nothing_is_named() -> None:
    labels = torch.tensor([[-1, 0, -1]], dtype=torch.int8).repeat(100, 1)
    assert not drop_labels(labels, 0.0, rng_of(100), 1.0).any()


def test_labels_grow_to_their_full_size(conditional: ModelConfig, real: Tensor) -> None:
    config = config_of(1, label_ramp_kimg=0.04, label_dropout=0)
    state = new_state(conditional, config)
    received: list[float] = []
    state.generator.embed.register_forward_pre_hook(lambda _, inputs: received.append(inputs[0].max().item()))
    for state.steps in (0, 5, 10, 20):
        step(state, real[:4], torch.ones(4, 3), config)
    assert received == pytest.approx([0, 0.5, 1, 1])


def test_unknown_genres_stay_unknown() -> None:
    labels = torch.randint(-1, 2, (500, 3), generator=torch.Generator().manual_seed(0)).to(torch.int8)
    assert not drop_labels(labels, 0.1, rng_of(500))[labels == 0].any()


def test_a_partial_poster_teaches_nothing_about_genres_that_are_not_known(
    conditional: ModelConfig, real: Tensor
) -> None:
    """Only Comedy is known of the posters: neither network's weights of Drama and Horror move."""
    config = config_of(1, label_ramp_kimg=0, label_dropout=0)
    state = new_state(conditional, config)
    before = [network.embed.weight.detach().clone() for network in (state.generator, state.discriminator)]
    labels = torch.tensor([[1, 0, 0]] * 4, dtype=torch.int8)
    for _ in range(3):
        step(state, real[:4], labels, config)
    for network, old in zip((state.generator, state.discriminator), before, strict=True):
        moved = (network.embed.weight - old).abs().amax(0)
        assert moved[0] > 0
        assert moved[1:].tolist() == [0, 0]
    step(state, real[:4], torch.tensor([[0, -1, 0]] * 4), config)
    assert not torch.equal(state.generator.embed.weight[:, 1], before[0][:, 1])


def test_g_and_d_get_the_same_labels(conditional: ModelConfig, real: Tensor) -> None:
    config = config_of(1, label_ramp_kimg=0)
    state = new_state(conditional, config)
    received: list[Tensor] = []
    for network in (state.generator, state.discriminator):
        network.embed.register_forward_pre_hook(lambda _, inputs: received.append(inputs[0].clone()))
    labels = torch.tensor([[1, -1, 1], [-1, 1, 1], [1, 1, 1], [-1, -1, -1]], dtype=torch.int8)
    step(state, real[:4], labels, config)
    assert len(received) == 4  # G once, D on real, on generated, and again for G's step
    assert all(torch.equal(received[0], other) for other in received)
    assert received[0].abs().sum() > 0


# ---- The projected critic ----------------------------------------------------------------------------


@pytest.fixture
def small_critic(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(states.BACKBONES, "efficientnet-lite0", Pyramid)


@pytest.mark.usefixtures("small_critic")
def test_the_critic_learns_and_g_learns_from_it(tiny: ModelConfig, real: Tensor) -> None:
    config = config_of(1, critic=1.0)
    state, without = new_state(tiny, config), new_state(tiny, config_of(1))
    assert state.critic is not None
    heads, features = copy.deepcopy(state.critic.state_dict()), copy.deepcopy(list(state.critic.frozen.buffers()))
    step(state, real[:4], None, config)
    step(without, real[:4], None, config_of(1))
    trained = [name for name in heads if name.endswith("original")]
    assert trained
    assert all(not torch.equal(heads[name], state.critic.state_dict()[name]) for name in trained)
    assert features
    assert equal(features, list(state.critic.frozen.buffers()))
    assert equal(state.discriminator.state_dict(), without.discriminator.state_dict())  # D is as it was
    assert not equal(state.generator.state_dict(), without.generator.state_dict())
    assert all(weight.requires_grad for weight in state.critic.parameters())


@pytest.mark.usefixtures("small_critic")
def test_the_critic_learns_all_known_genres_and_g_learns_those_that_it_was_asked_for(
    tiny: ModelConfig, real: Tensor
) -> None:
    conditional = replace(tiny, genres=("Horror", "Comedy", "Drama"))
    labels = torch.tensor([[1, -1, 0], [-1, 1, 0], [1, 1, 0], [-1, -1, 0]], dtype=torch.int8)

    def after(classifier: float, dropout: float) -> State:
        config = config_of(4, critic=1.0, classifier=classifier, label_dropout=dropout, label_ramp_kimg=0.0)
        state = new_state(conditional, config)
        for _ in range(2):  # a new critic has no opinion to learn from
            step(state, real[:4], labels, config)
        return state

    received, without_classifier, unlabelled = after(1.0, 0.0), after(0.0, 0.0), after(1.0, 1.0)
    for state in (received, unlabelled):
        assert state.critic is not None
        assert state.critic.classifier is not None
        weight = state.critic.classifier.weight.detach()
        assert weight[:2].abs().sum(1).min() > 0
        assert not weight[2].any()  # nothing is known of Drama
    assert not equal(received.generator.state_dict(), without_classifier.generator.state_dict())
    assert equal(unlabelled.generator.state_dict(), after(0.0, 1.0).generator.state_dict())


WAYS: dict[str, dict[str, float | str]] = {
    "a weaker say of D": {"adversarial": 0.1},
    "relativistic": {"critic_loss": "relativistic"},
    "penalty": {"critic_penalty": 10.0},
    "imle": {"imle": 1.0},
    "frechet": {"frechet": 10.0},
}
OF_CRITIC = ("relativistic", "penalty")


@pytest.mark.usefixtures("small_critic")
def test_the_means_of_genres_reach_g_where_genres_are_requested(
    tiny: ModelConfig, real: Tensor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(moments, "FEWEST", 1)
    labels = torch.tensor([[1, -1], [-1, 1], [1, -1], [-1, 1]], dtype=torch.int8)

    def after(weight: float, dropout: float = 0.0) -> tuple[State, dict[str, Tensor]]:
        config = config_of(3, critic=1.0, genre_means=weight, label_dropout=dropout, label_ramp_kimg=0.0)
        state = new_state(replace(tiny, genres=("Comedy", "Drama"), embedding=3), config)
        for _ in range(3):
            metrics = step(state, real[:4], labels, config)
        return state, metrics

    (plain, without), (pulled, found) = after(0.0), after(5.0)
    assert "genre_means" not in without
    assert found["genre_means"] > 0
    assert set(found) <= set(STEP_METRICS)
    assert not equal(pulled.generator.state_dict(), plain.generator.state_dict())
    unlabelled, _ = after(5.0, 1.0)
    assert equal(unlabelled.generator.state_dict(), after(0.0, 1.0)[0].generator.state_dict())


@pytest.mark.usefixtures("small_critic")
@pytest.mark.parametrize("way", WAYS)
def test_each_way_to_train_with_a_critic_reaches_g_and_leaves_d_alone(
    way: str, tiny: ModelConfig, real: Tensor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(moments, "READY", 0.05)  # so that two steps are enough for covariances
    monkeypatch.setattr(schedules, "REFRESH_KIMG", 0.004)

    def after(**changes: float | str) -> tuple[State, set[str]]:
        config = config_of(4, critic=1.0, **changes)
        state, names = new_state(tiny, config), set[str]()
        for _ in range(4):
            names |= set(step(state, real[:4], None, config))
        return state, names

    (plain, _), (changed, names) = after(), after(**WAYS[way])
    assert names <= set(STEP_METRICS)
    assert not equal(changed.generator.state_dict(), plain.generator.state_dict())
    if way in OF_CRITIC:
        assert changed.critic is not None
        assert plain.critic is not None
        assert not equal(list(changed.critic.parameters()), list(plain.critic.parameters()))


@pytest.mark.usefixtures("small_critic")
def test_the_frechet_term_begins_when_enough_posters_were_counted(
    tiny: ModelConfig, real: Tensor, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Before that it is not logged as 0, which would be a perfect generator."""
    monkeypatch.setattr(moments, "READY", 0.1)  # 96 features: 9.6 posters, three batches
    config = config_of(5, critic=1.0, frechet=1.0)
    state = new_state(tiny, config)
    found = [step(state, real[:4], None, config).get("frechet") for _ in range(5)]
    assert found[:3] == [None] * 3
    assert all(value is not None and value > 0 for value in found[3:])


@pytest.mark.usefixtures("small_critic")
def test_with_no_say_d_does_not_reach_g(tiny: ModelConfig, real: Tensor) -> None:
    config = config_of(1, critic=1.0, adversarial=0.0)
    one, other = new_state(tiny, config), new_state(tiny, config)
    for weight in other.discriminator.parameters():
        weight.data.mul_(3)
    for state in (one, other):
        step(state, real[:4], None, config)
    assert equal(one.generator.state_dict(), other.generator.state_dict())


@pytest.mark.parametrize(("precision", "casts"), [("auto", False), ("float32", False), ("bfloat16", True)])
def test_a_cpu_computes_in_bfloat16_where_it_is_asked_to(
    precision: str, casts: bool, tiny: ModelConfig, real: Tensor
) -> None:
    config, seen = config_of(1, precision=precision), set[torch.dtype]()
    state = new_state(tiny, config)
    state.discriminator.layers[0].register_forward_hook(lambda _, __, maps: seen.add(maps.dtype))
    metrics = step(state, real[:4], None, config)
    assert seen == {torch.bfloat16 if casts else torch.float32}
    assert all(weight.dtype == torch.float32 for weight in state.generator.parameters())
    exact = step(new_state(tiny, config_of(1)), real[:4], None, config_of(1))
    assert metrics["loss_d"].item() == pytest.approx(exact["loss_d"].item(), rel=0.05)


# ---- Small parts -------------------------------------------------------------------------------------


def test_frozen_weights_get_no_gradient_and_thaw_even_after_an_error() -> None:
    network = nn.Linear(2, 1)
    network.bias.requires_grad_(False)
    x = torch.ones(1, 2, requires_grad=True)
    with pytest.raises(RuntimeError, match="stop"), frozen(network):
        network(x).sum().backward()
        raise RuntimeError("stop")
    assert x.grad is not None
    assert network.weight.grad is None
    assert network.weight.requires_grad
    assert not network.bias.requires_grad
    with frozen(None):
        pass


def test_the_guard_rails_scale_the_learning_rates(tiny: ModelConfig) -> None:
    config = config_of(1, lr_g=1.0, lr_d=2.0)
    state = new_state(tiny, config)
    state.lr_scale, state.lr_scale_d = 0.5, 0.7
    set_learning_rates(state, schedule(state, config))
    assert state.optimizer_g.param_groups[0]["lr"] == pytest.approx(0.5)
    assert state.optimizer_d.param_groups[0]["lr"] == pytest.approx(0.7)


def test_steps_seeds_and_restores_all_name_other_noise(tiny: ModelConfig) -> None:
    state = new_state(tiny, config_of(1))
    numbers = set()
    for seed in range(4):
        for state.restores in range(4):
            for state.steps in range(100):
                numbers.add(noise_seed(config_of(1, seed=seed), state))
    assert len(numbers) == 1600


def test_figures_have_names(tiny: ModelConfig, real: Tensor) -> None:
    state = new_state(tiny, config_of(1))
    metrics = numbers(step(state, real[:4], None, config_of(1)))
    fake = new_state(tiny, config_of(1)).generator(noise_of_step(4, tiny, 0))
    d = Discriminator(tiny)
    d.load_state_dict(new_state(tiny, config_of(1)).discriminator.state_dict())
    gap = d.logit(real[:4]).mean() - d.logit(fake).mean()
    assert metrics["logit_gap"] == pytest.approx(gap.item(), rel=1e-4)
    assert 0 <= metrics["accuracy_d"] <= 1
