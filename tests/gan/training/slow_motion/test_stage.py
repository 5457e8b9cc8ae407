"""A run on a stage is the run itself, bit for bit, and what it shows of a step is true."""

from __future__ import annotations

import copy
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.nn.functional import softplus

from gan import PRESETS, Discriminator, ModelConfig, PosterSet, TrainConfig, TrainingError
from gan.training import moments
from gan.training import state as states
from gan.training.loop import train
from gan.training.losses import bce_discriminator, class_weights
from gan.training.runs.folder import read_stats
from gan.training.runs.plan import Plan
from gan.training.slow_motion.saved import SavedStates, closest
from gan.training.slow_motion.stage import DStep, Stage, Start
from gan.training.state import State, new_state
from gan.training.step import step
from tests.gan.short_runs import Pyramid, config_of, equal

LABELS = {"genres": ("Comedy", "Drama"), "embedding": 3}
RUNS: dict[str, tuple[str, dict[str, Any], dict[str, Any]]] = {
    "dcgan": ("dcgan", {}, {}),
    "skipping": ("dcgan-stable", {}, {"lecam": 0.3, "skip_d_above": 0.6}),
    "relativistic": ("dcgan-128", {"norm_d": False}, {"penalty_every": 3}),
    "projected": ("projected", LABELS, {"label_ramp_kimg": 0.03}),
    "frechet": ("frechet", {}, {"imle": 1.0}),
    "bfloat16": ("frechet", {}, {"precision": "bfloat16"}),
}


@pytest.fixture(autouse=True)
def small_critic(monkeypatch: pytest.MonkeyPatch) -> None:
    """A small critic, whose Frechet term begins within these steps."""
    monkeypatch.setitem(states.BACKBONES, "efficientnet-lite0", Pyramid)
    monkeypatch.setattr(moments, "READY", 0.2)


@pytest.fixture
def training(posters: PosterSet) -> PosterSet:
    return posters.split()[0]


def config_like(preset: str, steps: int, changes: dict[str, Any]) -> TrainConfig:
    """A preset in batches of 4, without guard rails."""
    return replace(
        PRESETS[preset].train, batch=4, kimg=steps * 0.004, tick_kimg=0.004, eval_kimg=0, guard="off", **changes
    )


def everything(state: State) -> dict[str, Any]:
    """All numbers by which a state decides what comes next."""
    parts = {name: copy.deepcopy(part.state_dict()) for name, part in state.parts().items()}
    return parts | {"averages": state.averages.clone(), "steps": state.steps}


def stage_of(model: ModelConfig, config: TrainConfig, posters: PosterSet, **options: Any) -> Stage:
    return Stage(Start(new_state(model, config), config), posters, **options)


def in_slow_motion(stage: Stage, steps: int) -> Stage:
    for _ in range(steps):
        stage.step_d()
        stage.step_g()
    return stage


@pytest.mark.parametrize("name", RUNS)
def test_stepped_equals_the_run_that_was_not_stepped_bit_for_bit(
    name: str, posters: PosterSet, training: PosterSet, tiny: ModelConfig, tmp_path: Path
) -> None:
    """Against gan.training.loop.train itself, over 12 steps, which cross an epoch; the log says the same, too."""
    preset, shape, changes = RUNS[name]
    model, config = replace(tiny, **shape), config_like(preset, 12, changes)
    run = train(posters, Plan(tmp_path / "run", model, config, progress=False))
    stage = stage_of(model, config, training)
    if stage.state.critic is not None and model.genres:  # as a run begins
        labels = torch.from_numpy(training.genre_labels(model.genres))
        stage.state.critic.balance.copy_(class_weights(labels, torch.ones(len(training))))
    in_slow_motion(stage, 12)
    assert equal(everything(stage.state), everything(run))
    logged = read_stats(tmp_path / "run")
    for row, metrics in zip(logged, stage.history.values(), strict=True):
        assert {key: row[key] for key in metrics} == metrics
    assert stage.finished


def test_the_runs_take_the_ways_that_they_are_there_for(training: PosterSet, tiny: ModelConfig) -> None:
    """Else the test above would compare less than it says."""
    expected = {"skipping": "lecam", "relativistic": "r1", "projected": "genres_g", "frechet": "frechet"}
    for name, term in expected.items():
        preset, shape, changes = RUNS[name]
        stage = stage_of(replace(tiny, **shape), config_like(preset, 12, changes), training)
        stage.run(12)
        assert any(term in row for row in stage.history.values()), name
        if name == "skipping":
            assert len({row["skipped_d"] for row in stage.history.values()}) == 2


@pytest.mark.parametrize("name", ["dcgan", "frechet"])
def test_what_follows_a_saved_state_is_what_followed_it_before(
    name: str, training: PosterSet, tiny: ModelConfig
) -> None:
    preset, shape, changes = RUNS[name]
    stage = stage_of(replace(tiny, **shape), config_like(preset, 20, changes), training, every=4)
    stage.run(4)
    at_4 = everything(stage.state)
    in_slow_motion(stage, 7)
    at_11, history = everything(stage.state), dict(stage.history)
    stage.step_d()  # and one that is left in the middle

    stage.restore(4)
    assert not stage.between
    assert equal(everything(stage.state), at_4)
    stage.run(3)
    in_slow_motion(stage, 4)
    assert equal(everything(stage.state), at_11)
    assert stage.history == history
    stage.restore(8)  # and forward again
    stage.restore(0)
    assert equal(
        everything(stage.state), everything(stage_of(stage.state.generator.config, stage.config, training).state)
    )


def test_looking_costs_the_run_nothing(training: PosterSet, tiny: ModelConfig) -> None:
    """Drawing the seeds, and what is measured after each half, leave BatchNorm and random numbers alone."""
    config = config_like("dcgan", 4, {})
    stages = [stage_of(tiny, config, training) for _ in range(2)]
    global_state = torch.get_rng_state()
    for _ in range(3):
        stages[0].step_d()
        before = everything(stages[0].state)
        posters = stages[0].draw(range(4))
        assert equal(everything(stages[0].state), before)
        stages[0].step_g()
        assert not torch.equal(stages[0].draw(range(4)), posters)
    stages[1].run(3)
    assert equal(everything(stages[0].state), everything(stages[1].state))
    assert torch.equal(torch.get_rng_state(), global_state)


# ---- What is shown ------------------------------------------------------------------------------------------


def loss_in_double(discriminator: Discriminator, fakes: Tensor, real: Tensor | None) -> Tensor:
    """D's loss for G in double precision, from its formula: non-saturating, or relativistic where ``real`` is given."""
    logits = discriminator.logit(fakes)
    return softplus(-logits if real is None else real - logits).mean()


@pytest.mark.parametrize("name", ["dcgan", "relativistic"])
def test_the_drawn_gradient_is_that_of_finite_differences(name: str, training: PosterSet, tiny: ModelConfig) -> None:
    preset, shape, changes = RUNS[name]
    config = config_like(preset, 4, changes | {"augment": "", "lr_d": 1e-2})
    stage = stage_of(replace(tiny, **shape), config, training)
    d = in_slow_motion(stage, 2).step_d()
    discriminator = copy.deepcopy(stage.state.discriminator).double()
    real = d.before.logit_real.double() if name == "relativistic" else None
    fakes, size = d.fake.double().contiguous(), 1e-5
    with torch.no_grad():
        for place in torch.randint(0, fakes.numel(), (24,), generator=torch.Generator().manual_seed(0)).tolist():
            moved = []
            for sign in (1, -1):
                changed = fakes.clone()
                changed.view(-1)[place] += sign * size
                moved.append(loss_in_double(discriminator, changed, real))
            difference = (moved[0] - moved[1]).item() / (2 * size)
            assert -d.asked.flatten()[place].item() == pytest.approx(difference, rel=1e-3, abs=1e-8)
    assert d.asked.abs().max() > 1e-6


def test_the_gradient_goes_back_through_the_augmentation(training: PosterSet, tiny: ModelConfig) -> None:
    """Pixels that were cut out are asked nothing: D did not see them."""
    plain, moved = (
        stage_of(tiny, config_like("dcgan", 2, {"augment": policy}), training).step_d() for policy in ("", "cutout")
    )
    assert torch.equal(plain.fake, moved.fake)
    assert (plain.asked == 0).float().mean() < 0.05
    assert 0.1 < (moved.asked == 0).float().mean() < 0.5  # up to half the height times half the width


def test_a_poster_that_does_as_it_is_asked_gets_a_larger_logit(training: PosterSet, tiny: ModelConfig) -> None:
    """A D without BatchNorm, which looks at each poster alone."""
    config = config_like("dcgan", 2, {"lr_d": 1e-2})
    stage = stage_of(replace(tiny, norm_d=False), config, training)
    d = in_slow_motion(stage, 1).step_d()
    step_size = 1e-2 / d.asked.abs().max()
    logits = [stage.state.discriminator.logit(d.fake + sign * step_size * d.asked) for sign in (-1, 0, 1)]
    assert (logits[0] < logits[1]).all()
    assert (logits[1] < logits[2]).all()


def test_ds_update_lowers_its_loss_on_the_posters_that_it_was_made_from(training: PosterSet, tiny: ModelConfig) -> None:
    d = stage_of(tiny, config_like("dcgan", 2, {"lr_d": 1e-3}), training).step_d()
    losses = [bce_discriminator(one.logit_real, one.logit_fake).item() for one in (d.before, d.after)]
    assert losses[0] == pytest.approx(d.loss)
    assert losses[1] < losses[0]


def test_after_gs_update_the_same_noise_gets_larger_logits(training: PosterSet, tiny: ModelConfig) -> None:
    """And G has moved the way that it was asked to: a small step along its own gradient."""
    stage = stage_of(tiny, config_like("dcgan", 2, {"lr_g": 1e-4}), training)
    d, g = stage.step_d(), stage.step_g()
    assert g.verdicts.logit_fake.mean() > d.after.logit_fake.mean()
    assert torch.equal(g.changed, g.posters - d.fake)
    assert g.alignment.mean() > 0
    with torch.no_grad():
        again = copy.deepcopy(stage.state.generator)(d.z)
    assert torch.equal(again, g.posters)


def test_with_augmentation_d_sees_the_new_posters_as_it_saw_the_old_ones(
    training: PosterSet, tiny: ModelConfig
) -> None:
    """A G that does not move keeps its logits, to the bit, although each poster is shifted and recoloured at random."""
    stage = stage_of(tiny, config_like("dcgan-stable", 2, {"lr_g": 1e-30}), training)
    d, g = stage.step_d(), stage.step_g()
    assert torch.equal(g.posters, d.fake)
    assert torch.equal(g.verdicts.logit_fake, d.after.logit_fake)


def shown_with(stage: Stage, real: list[float], fake: list[float]) -> tuple[list[bool], list[bool]]:
    verdicts = stage._verdicts(torch.tensor(real), torch.tensor(fake))
    return verdicts.wrong_real.tolist(), verdicts.wrong_fake.tolist()


def test_who_fooled_whom(training: PosterSet, tiny: ModelConfig) -> None:
    """By hand: above 0 is "real"; a relativistic D has only the order of each pair."""
    real, fake = [2.0, -1.0, 0.0, 0.5], [-3.0, 1.0, 0.0, -0.5]
    stage = stage_of(tiny, config_like("dcgan", 1, {}), training)
    assert shown_with(stage, real, fake) == ([False, True, True, False], [False, True, False, False])
    verdicts = stage._verdicts(torch.tensor(real), torch.tensor(fake))
    assert (verdicts.fooled, verdicts.wrong, verdicts.mean_fake) == (1, 3, -0.625)
    stage = stage_of(replace(tiny, norm_d=False), config_like("dcgan-128", 1, {}), training)
    assert shown_with(stage, real, fake) == ([False, True, True, False],) * 2


def test_the_marks_add_up_to_ds_accuracy(training: PosterSet, tiny: ModelConfig) -> None:
    stage = stage_of(tiny, config_like("dcgan", 3, {}), training)
    for number in range(1, 4):
        d = stage.step_d()
        stage.step_g()
        wrong = 0.5 * (d.before.wrong_real.float().mean() + d.before.wrong_fake.float().mean())
        assert stage.history[number]["accuracy_d"] == pytest.approx(1 - wrong.item())


# ---- Order, ends ---------------------------------------------------------------------------------------------


def test_d_and_g_take_turns_until_the_run_ends(training: PosterSet, tiny: ModelConfig) -> None:
    stage = stage_of(tiny, config_of(2), training)
    with pytest.raises(TrainingError, match="A step begins with D"):
        stage.step_g()
    stage.step_d()
    assert stage.between
    for too_early in (stage.step_d, lambda: stage.run(1)):
        with pytest.raises(TrainingError, match="G comes next"):
            too_early()
    stage.step_g()
    stage.run(100)
    assert stage.state.steps == 2
    with pytest.raises(TrainingError, match=r"The run ends after 2 steps\."):
        stage.step_d()


def test_posters_that_do_not_fit_are_refused(posters: PosterSet, training: PosterSet, tiny: ModelConfig) -> None:
    with pytest.raises(TrainingError, match="more than 3 posters"):
        stage_of(tiny, config_of(1), posters.select(range(3)))
    with pytest.raises(TrainingError, match="16 x 16 pixels, and these have 8 x 8"):
        stage_of(replace(tiny, resolution=16), config_of(1), training)


def test_of_too_many_saved_states_those_stay_that_lie_far_apart(training: PosterSet, tiny: ModelConfig) -> None:
    assert closest([0, 10, 11, 20, 30]) == 11
    assert closest([0, 1, 30]) == 1  # never the first or the last
    stage = stage_of(tiny, config_of(40), training, every=2, most=4)
    stage.run(40)
    steps = stage.saved.steps
    assert len(steps) == 4
    assert (steps[0], steps[-1]) == (0, 40)
    for number in steps:
        stage.restore(number)
        assert stage.state.steps == number
    with pytest.raises(TrainingError, match="Step 3 is not saved; saved are 0, "):
        stage.restore(3)


def test_saved_states_leave_nothing_behind(tiny: ModelConfig) -> None:
    saved, state = SavedStates(), new_state(tiny, config_of(1))
    saved.save(state)
    folder = saved._folder
    assert (folder / "0/state.pt").is_file()
    del saved
    assert not folder.exists()


def test_a_step_that_cannot_be_saved_is_one_sentence(tiny: ModelConfig) -> None:
    saved, state = SavedStates(), new_state(tiny, config_of(1))
    saved._folder.rmdir()
    with pytest.raises(TrainingError, match="cannot be written"):
        saved.save(state)


def test_shown_posters_are_the_batch_of_the_run(training: PosterSet, tiny: ModelConfig) -> None:
    """The first batch of an epoch's order, and the fakes that the step's own random numbers draw."""
    config = config_of(3)
    stage, state = stage_of(tiny, config, training), new_state(tiny, config)
    d: DStep = stage.step_d()
    rows = states_rows(training, config)
    assert torch.equal(d.real, training.tensor(rows))
    seen: list[Tensor] = []
    state.discriminator.layers[0].register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0].detach().clone()))
    step(state, d.real, None, config)
    assert torch.equal(seen[1], d.fake)
    assert d.number == 1


def states_rows(training: PosterSet, config: TrainConfig) -> list[int]:
    return np.random.default_rng((config.seed, 0)).permutation(len(training))[: config.batch].tolist()
