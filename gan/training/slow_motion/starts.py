"""Where a stage begins: from nothing, from a checkpoint's weights, or from the state that a run has saved.

Stage(from_nothing(), drawn_posters((32, 32)))
Stage(from_checkpoint(gan.load("checkpoints/dcgan-64")), training)
Stage(from_run(Path("runs/first")), training)
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from gan.checkpoints.record import Checkpoint
from gan.data.posters import PosterSet
from gan.data.synthetic import SMALLEST, draw_poster, draw_posters
from gan.errors import SettingError
from gan.networks.config import ModelConfig
from gan.training.config import PRESETS, TrainConfig
from gan.training.growing import begun_with
from gan.training.runs.options import stored_options
from gan.training.runs.run import last_step
from gan.training.slow_motion.saved import CPU
from gan.training.slow_motion.stage import Start
from gan.training.state import State, kimg, load_state, new_state

# Networks and settings with which drawn posters have titles and figures after a minute of one core.
SMALL = ModelConfig(resolution=32, width=16)
QUICK = replace(PRESETS["dcgan"].train, lr_g=1e-3, lr_d=1e-3, real_label=0.9)
STEPS = 10_000  # of a stage that starts from nothing, or from weights
OF_CRITIC = ("critic", "adversarial", "imle", "frechet", "genre_means", "critic_penalty")
ALONE = {name: getattr(TrainConfig, name) for name in OF_CRITIC}


def from_nothing(batch: int = 16, seed: int = 0) -> Start:
    """Small networks with their first weights, for posters of 32 x 32 pixels."""
    config = replace(QUICK, batch=batch, seed=seed, kimg=STEPS * batch / 1000)
    return Start(new_state(SMALL, config, CPU), config)


def from_checkpoint(checkpoint: Checkpoint, batch: int = 16, seed: int = 0) -> Start:
    """A checkpoint's weights with the settings of its training, D alone against G.

    Raises
    ------
    CheckpointError
        If a network is missing.
    TrainingError
        If genres are built in.
    """
    config = _of_training(checkpoint)
    config = replace(config, batch=batch, seed=seed, kimg=STEPS * batch / 1000, decay_from=1.0, precision="float32")
    notes = ["A checkpoint holds weights alone, so Adam's moments begin anew."]
    if config.critic:
        config = replace(config, **ALONE)
        notes.append("It was trained with a projected critic, which no checkpoint holds: here D is alone against G.")
    model = begun_with(checkpoint, checkpoint.config)
    return Start(new_state(model, config, CPU, checkpoint), config, tuple(notes))


def from_run(run: Path) -> Start:
    """The state that a run has saved last: everything of it, so what follows is what the run would do.

    Raises
    ------
    TrainingError
        If its options or its state are missing or damaged.
    """
    model, config = stored_options(run)
    state = new_state(model, config, CPU)
    load_state(state, run, CPU)
    return _continued(state, config)


def _continued(state: State, config: TrainConfig) -> Start:
    if state.steps < last_step(config):
        return Start(state, config)
    longer = replace(config, kimg=kimg(state, config) + STEPS * config.batch / 1000)
    return Start(state, longer, ("The run has reached its length; here it goes on.",))


def _of_training(checkpoint: Checkpoint) -> TrainConfig:
    """The settings that a checkpoint was trained with; the default preset's where it does not say, or not rightly."""
    try:
        return TrainConfig.from_dict(checkpoint.info.get("train", {}))
    except SettingError:
        return TrainConfig()


def drawn_posters(size: tuple[int, int], count: int = 512) -> PosterSet:
    """Posters of ``size`` (height, width) drawn by rule (gan.data.synthetic), with their genres."""
    return PosterSet(
        draw_posters(range(count), size),
        tuple(f"drawn-{seed:04d}" for seed in range(count)),
        tuple(draw_poster(seed, SMALLEST).genres for seed in range(count)),
    )
