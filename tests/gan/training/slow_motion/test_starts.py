"""Where a stage may begin, and what of it is there."""

from __future__ import annotations

from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pytest

import gan
from gan import ModelConfig, PosterSet, TrainingError
from gan.data.synthetic import draw_poster
from gan.training import state as states
from gan.training.loop import train
from gan.training.runs.plan import Plan
from gan.training.slow_motion.stage import Stage
from gan.training.slow_motion.starts import drawn_posters, from_checkpoint, from_nothing, from_run
from tests.gan.short_runs import Pyramid, config_of, equal
from tests.gan.training.slow_motion.test_stage import everything, in_slow_motion


def test_from_nothing_the_seed_decides() -> None:
    weights = [from_nothing(seed=seed).state.generator.state_dict() for seed in (0, 0, 1)]
    assert equal(weights[0], weights[1])
    assert not equal(weights[0], weights[2])


def test_from_nothing_a_step_is_made_on_drawn_posters() -> None:
    stage = in_slow_motion(Stage(from_nothing(batch=4), drawn_posters((32, 32), 8)), 1)
    assert stage.d_step is not None
    assert stage.d_step.real.shape == stage.d_step.asked.shape == (4, 3, 32, 32)
    assert not stage.notes


def test_drawn_posters_have_the_genres_that_they_were_drawn_for() -> None:
    posters = drawn_posters((32, 48), 3)
    for index in range(3):
        drawn = draw_poster(index, 48, 32)
        assert np.array_equal(posters.images[[index]][0], np.asarray(drawn.image))
        assert posters.genres[index] == drawn.genres


def test_a_checkpoints_weights_are_there_and_its_moments_are_not(
    checkpoints: Path, posters: PosterSet, tiny: ModelConfig
) -> None:
    checkpoint = gan.load(checkpoints / "tiny")
    start = from_checkpoint(checkpoint, batch=4)
    assert equal(start.state.generator.state_dict(), checkpoint.need_generator().state_dict())
    assert equal(start.state.discriminator.state_dict(), checkpoint.need_discriminator().state_dict())
    assert not start.state.optimizer_g.state_dict()["state"]
    assert start.notes == ("A checkpoint holds weights alone, so Adam's moments begin anew.",)
    in_slow_motion(Stage(start, posters), 2)


def test_a_checkpoint_is_trained_as_it_was_but_for_the_critic(checkpoints: Path) -> None:
    """No checkpoint holds one; and a Frechet term or no weight of D without it would be no training."""
    checkpoint = gan.load(checkpoints / "tiny")
    trained = gan.TrainConfig(critic=1.0, adversarial=0.1, frechet=10.0, imle=1.0, lr_g=3e-4, augment="color")
    start = from_checkpoint(replace(checkpoint, info={"train": asdict(trained)}), batch=4)
    config = start.config
    assert (config.critic, config.adversarial, config.frechet, config.imle) == (0, 1, 0, 0)
    assert (config.lr_g, config.augment, config.batch) == (3e-4, "color", 4)
    assert start.state.critic is None
    assert "critic" in start.notes[-1]
    damaged = from_checkpoint(replace(checkpoint, info={"train": {"lr_g": "fast"}}), batch=4)
    assert damaged.config.lr_g == gan.TrainConfig().lr_g


def test_what_follows_a_runs_saved_state_is_what_the_run_does(
    posters: PosterSet, tiny: ModelConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Critic, moments and genres included: the run is resumed beside it."""
    monkeypatch.setitem(states.BACKBONES, "efficientnet-lite0", Pyramid)
    model = replace(tiny, genres=("Comedy", "Drama"), embedding=3)
    changes = {"critic": 1.0, "frechet": 1.0, "augment": "color", "guard": "off"}
    run, longer = tmp_path / "run", config_of(8, **changes)
    train(posters, Plan(run, model, config_of(4, **changes), progress=False))
    start = from_run(run)
    assert start.state.steps == 4
    assert start.notes == ("The run has reached its length; here it goes on.",)
    stage = in_slow_motion(Stage(replace(start, config=longer), posters.split()[0]), 4)
    resumed = train(posters, Plan(run, model, longer, progress=False, resume=True))
    assert equal(everything(stage.state), everything(resumed))
    more = Stage(from_run(run), posters.split()[0])
    more.run(2)
    assert more.state.steps == 10


def test_a_run_without_a_state_is_one_sentence(tmp_path: Path, tiny: ModelConfig, posters: PosterSet) -> None:
    with pytest.raises(TrainingError, match="does not exist"):
        from_run(tmp_path)
    train(posters, Plan(tmp_path / "run", tiny, config_of(1), progress=False))
    (tmp_path / "run/state.pt").unlink()
    with pytest.raises(TrainingError, match="does not fit these options, or is damaged"):
        from_run(tmp_path / "run")
