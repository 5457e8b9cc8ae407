from __future__ import annotations

import copy
from dataclasses import replace

import numpy as np
import pytest
import torch

from gan import Generator, ModelConfig, PosterSet, latents
from gan.training.runs.guard_rails import (
    COLLAPSED,
    DIVERSE,
    LR_FACTOR,
    MIN_LR_SCALE,
    PATIENCE,
    Finding,
    TickMetrics,
    check,
    diversity,
    labels_of_each_genre,
    mean_distance,
    real_distance,
)
from gan.training.state import State, new_state
from tests.gan.short_runs import config_of, equal

FINE = {"loss": 1.0, "accuracy": 0.9, "diversity": 0.8}


@pytest.fixture
def state(tiny: ModelConfig) -> State:
    return new_state(tiny, config_of(1))


def seen(state: State, guard: str = "answer", whole: bool = True, **changes: float) -> Finding:
    return check(state, TickMetrics(**(FINE | changes), complete=whole), config_of(1, guard=guard))


def test_distances_are_of_posters_spread_over_the_set_not_of_the_first_ones(posters: PosterSet) -> None:
    """Placeholders come first by name; a varied folder may, too."""
    varied = posters.tensor(range(len(posters)))
    order = [0] * 70 + list(range(len(posters))) * 4
    placeholders_first, placeholders_last = posters.select(order), posters.select(order[::-1])
    assert mean_distance(varied) > 0
    for some in (placeholders_first, placeholders_last):
        assert real_distance(some) == pytest.approx(0.9 * mean_distance(varied), rel=0.2)
    assert real_distance(placeholders_first) == pytest.approx(real_distance(placeholders_last), rel=0.1)


@pytest.mark.parametrize("genres", [1, 2, 3, 19, 64, 70])
def test_every_genre_is_asked_for_as_often(genres: int) -> None:
    labels = labels_of_each_genre(genres, 64)
    assert labels is not None
    assert labels.shape == (64, genres)
    assert (labels.sum(1) == 1).all()
    counts = labels.sum(0)
    assert counts.max() - counts.min() <= 1
    assert labels_of_each_genre(0, 64) is None


def test_a_healthy_tick_says_nothing_and_changes_nothing_but_that_g_is_diverse(state: State) -> None:
    before = copy.deepcopy(state)
    assert [seen(state) for _ in range(20)] == [Finding()] * 20
    assert (state.lr_scale, state.lr_scale_d, state.restores, state.overpowered) == (1, 1, 0, 0)
    assert state.diverse
    assert equal(state.generator.state_dict(), before.generator.state_dict())


@pytest.mark.parametrize("guard", ["answer", "name", "off"])
@pytest.mark.parametrize("whole", [True, False])
@pytest.mark.parametrize("what", ["loss", "generator", "discriminator"])
@pytest.mark.parametrize("value", [torch.nan, torch.inf, -torch.inf])
def test_a_loss_or_weight_that_is_not_finite_is_reported_whatever_the_guard(
    value: float, what: str, whole: bool, guard: str, state: State
) -> None:
    if what == "loss":
        found = seen(state, guard, whole, loss=value)
    else:
        with torch.no_grad():
            getattr(state, what).layers[0].weight[0, 0, 0, 0] = value
        found = seen(state, guard, whole)
    assert found.restore
    assert found.text == "A loss or a weight is not a finite number at 0.00 kimg."


def test_weights_that_cancel_out_are_no_error(state: State) -> None:
    with torch.no_grad():
        state.generator.layers[0].weight[0, 0, 0, :2] = torch.tensor([1e30, -1e30])
    assert seen(state) == Finding()


def test_an_untrained_generator_is_not_called_collapsed(posters: PosterSet, state: State) -> None:
    """It draws nothing but grey."""
    share = diversity(state.generator, real_distance(posters))
    assert share < COLLAPSED
    assert [seen(state, diversity=share) for _ in range(20)] == [Finding()] * 20


def test_a_collapse_is_called_after_g_was_diverse(state: State) -> None:
    state.steps = 3000
    for share in (0.1, DIVERSE - 0.01, 0.1):
        assert seen(state, diversity=share) == Finding()
    assert seen(state, diversity=DIVERSE + 0.01) == Finding()
    assert seen(state, diversity=COLLAPSED + 0.01) == Finding()
    found = seen(state, diversity=0.2)
    assert found == Finding("G collapsed at 12.00 kimg: generated posters differ 20% as much as real ones.", True)


def test_a_collapse_is_only_named_or_ignored_with_the_other_guards(state: State) -> None:
    assert seen(state, "off") == Finding() == seen(state, "off", diversity=0.1)
    seen(state, "name")
    found = seen(state, "name", diversity=0.1)
    assert found.text.startswith("G collapsed")
    assert not found.restore
    assert seen(state, "name", diversity=0.1) == Finding()  # it was said
    seen(state, "name")
    assert seen(state, "name", diversity=0.1).text.startswith("G collapsed")


def test_a_tick_that_was_cut_short_is_not_counted(state: State) -> None:
    seen(state)
    before = copy.copy(vars(state))
    for _ in range(10):
        assert seen(state, whole=False, accuracy=1.0, diversity=0.0) == Finding()
    assert all(vars(state)[name] is value for name, value in before.items())


def test_an_overpowering_d_is_slowed_after_some_ticks_and_let_go_again(state: State) -> None:
    state.steps = 250
    for _ in range(PATIENCE - 1):
        assert seen(state, accuracy=0.99) == Finding()
    found = seen(state, accuracy=0.99)
    assert found.text == (
        "D overpowers G (accuracy 0.99) at 1.00 kimg; D's learning rate is now 0.70 of the configured one."
    )
    assert not found.restore
    assert state.lr_scale_d == pytest.approx(LR_FACTOR)
    for _ in range(PATIENCE - 1):
        assert seen(state, accuracy=0.8) == Finding()
    assert seen(state, accuracy=0.8).text.startswith(
        "G has recovered (accuracy 0.80) at 1.00 kimg; D's learning rate is now 1.00"
    )
    assert state.lr_scale_d == 1
    assert [seen(state, accuracy=0.5) for _ in range(20)] == [Finding()] * 20
    assert state.lr_scale_d == 1


@pytest.mark.parametrize("between", [0.9, 0.8])
def test_the_ticks_must_be_consecutive(between: float, state: State) -> None:
    state.lr_scale_d = 0.5
    for _ in range(5):
        for _ in range(PATIENCE - 1):
            assert seen(state, accuracy=0.99) == Finding()
        assert seen(state, accuracy=between) == Finding()
    assert state.lr_scale_d == 0.5


def test_ds_learning_rate_never_falls_to_0(state: State) -> None:
    for _ in range(20 * PATIENCE):
        seen(state, accuracy=1.0)
    assert state.lr_scale_d == MIN_LR_SCALE


def test_an_overpowering_d_is_only_named_or_ignored_with_the_other_guards(state: State) -> None:
    texts = [seen(state, "name", accuracy=1.0).text for _ in range(PATIENCE)]
    assert texts[-1].startswith("D overpowers G")
    assert state.lr_scale_d == 1
    assert not any(seen(state, "off", accuracy=1.0).text for _ in range(2 * PATIENCE))


def test_the_distance_is_the_mean_over_pairs_of_pictures() -> None:
    images = torch.zeros(3, 3, 32, 32)
    images[1] += 1
    images[2] += 2
    side = (3 * 16 * 16) ** 0.5
    assert mean_distance(images) == pytest.approx((1 + 2 + 1) / 3 * side, rel=1e-5)


def test_diversity_is_relative_to_that_of_real_posters_and_leaves_g_alone(tiny: ModelConfig, state: State) -> None:
    generator = state.generator.train()
    before = copy.deepcopy(generator.state_dict())
    with torch.no_grad():
        pictures = copy.deepcopy(generator).eval()(latents(range(64), tiny))
    assert diversity(generator, mean_distance(pictures)) == pytest.approx(1)
    assert diversity(generator, 4 * mean_distance(pictures)) == pytest.approx(0.25)
    assert generator.training
    assert equal(generator.state_dict(), before)


def test_a_conditional_generators_diversity_is_that_of_the_labels(tiny: ModelConfig) -> None:
    generator = Generator(replace(tiny, genres=("Comedy",), embedding=2))
    with torch.no_grad():
        generator.layers[0].weight.mul_(10)
        generator.embed.weight.mul_(100)
    labels = torch.linspace(-1, 1, 64)[:, None]
    assert diversity(generator, 1.0, labels) != pytest.approx(diversity(generator, 1.0), rel=1e-3)


def test_posters_that_are_all_the_same_are_no_error(posters: PosterSet, state: State) -> None:
    same = replace(posters, images=np.repeat(posters.images[:1], len(posters), 0))
    assert np.isfinite(diversity(state.generator, real_distance(same)))
