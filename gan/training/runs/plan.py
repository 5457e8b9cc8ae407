"""What a run is to be, and the checks that ``train.py --dry-run`` and training itself have in common.

    plan = Plan(Path("runs/first"), ModelConfig(), TrainConfig(kimg=50))
    plan.check()                       # before posters are read, which can take long
    plan.check_posters(training)
    train(posters, plan)               # gan.training.loop; checks again

Each check raises a TrainingError with one sentence.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import torch

from gan.checkpoints.record import Checkpoint
from gan.data.posters import PosterSet
from gan.errors import TrainingError, counted
from gan.networks.config import ModelConfig
from gan.training.config import TrainConfig
from gan.training.cuda_graph import check_graph
from gan.training.distributed import World
from gan.training.growing import begun_with, check_start
from gan.training.runs.folder import check_folder
from gan.training.runs.options import Origin, check_settings, check_unchanged, describe

OF_GENRES = {"sampling": "--sampling genres", "genre_means": "--genre-means", "single_genre": "--single-genre"}
OF_CRITIC = (
    "features",
    "critic_side",
    "projections",
    "critic_loss",
    "critic_penalty",
    "imle",
    "frechet",
    "genre_means",
)


@dataclass(frozen=True)
class Plan:
    """What a run is to be.

    folder : where everything is written.
    model, config : the networks, and how they are trained; what a start has of its own is taken over into ``model``.
    device : where, a torch device or its name.
    resume : whether to go on from the state in the folder.
    start : a checkpoint whose networks the run begins with (gan.training.growing), or None.
    graph : whether the step is captured as a CUDA graph (gan.training.cuda_graph).
    progress : whether to show a progress bar at a terminal, and one line a tick elsewhere.
    origin : what ``options.json`` says of the command line and the place of the posters.
    """

    folder: Path
    model: ModelConfig
    config: TrainConfig
    device: str | torch.device = "cpu"
    resume: bool = False
    start: Checkpoint | None = None
    graph: bool = False
    progress: bool = True
    origin: Origin = field(default_factory=Origin)

    def __post_init__(self) -> None:
        if self.start is not None:
            object.__setattr__(self, "model", begun_with(self.start, self.model))

    def check(self) -> None:
        """Check all that does not depend on the posters; nothing is written.

        Raises
        ------
        TrainingError
            If the folder holds a run, holds none to resume, one with other networks, batch or seed, or cannot be
            written; or if settings, start or graph do not fit.
        """
        check_folder(self.folder, self.resume)
        if self.resume:
            check_settings(self.folder, self.model, self.config)
        if self.config.penalty and self.model.norm_d:
            raise TrainingError("R1 and R2 need a D without BatchNorm; leave --penalty at 0, or use another --preset.")
        self._check_critic()
        if self.graph:
            check_graph(self.config, torch.device(self.device))
        if self.start is not None:
            check_start(self.start, self.model)

    def _check_critic(self) -> None:
        """TrainingError where a setting has no effect without a critic, or nothing would train G."""
        if self.config.critic:
            return
        for name in OF_CRITIC:
            if getattr(self.config, name) != getattr(TrainConfig, name):
                raise TrainingError(f"--{name.replace('_', '-')} needs a critic; use --preset projected.")
        if not self.config.adversarial:
            raise TrainingError("Without a critic and with --adversarial 0 nothing would train the generator.")

    def check_posters(self, training: PosterSet) -> None:
        """Check the training posters against the plan, and against those of the run that is resumed.

        Raises
        ------
        TrainingError
            If they are fewer than a batch, of another size than the networks', or other posters than before; or a
            setting is about genres, of which the networks know none.
        """
        if self.resume:
            check_unchanged(self.folder, describe(self.model, self.config, training))
        if len(training) < self.config.batch:
            raise TrainingError(
                f"A batch of {self.config.batch} needs more than {counted(len(training), 'training poster')}."
            )
        if not self.model.genres:
            for name, value in OF_GENRES.items():
                if getattr(self.config, name) != getattr(TrainConfig, name):
                    raise TrainingError(f"{value} needs --conditional genres.")
        (height, width), (poster_height, poster_width) = self.model.size, training.images.shape[1:3]
        if (height, width) != (poster_height, poster_width):
            raise TrainingError(
                f"The networks are for posters of {width} x {height} pixels, "
                f"and these have {poster_width} x {poster_height}."
            )

    def check_world(self, world: World) -> None:
        """TrainingError if the batch cannot be divided among the processes, at least two posters for each."""
        part = self.config.batch // world.size
        if part * world.size < self.config.batch or part < 2:
            raise TrainingError(
                f"A batch of {self.config.batch} cannot be divided among {counted(world.size, 'process', 'processes')}."
            )
