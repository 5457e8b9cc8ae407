"""How a run is trained, and the presets.

config = replace(PRESETS["dcgan-stable"].train, kimg=100)
"""

from __future__ import annotations

import math
from dataclasses import dataclass, fields, replace

from gan.networks.config import ModelConfig
from gan.settings import Settings
from gan.training.augment import POLICIES
from gan.training.losses import LOSSES

GUARDS = ("answer", "name", "off")
FEATURES = ("efficientnet-lite0", "vgg16")


@dataclass(frozen=True)
class TrainConfig(Settings):
    """How a run is trained. Lengths are in thousands of real images shown (kimg).

    Parameters
    ----------
    kimg : length of the run.
    batch : images a step, for D and for G.
    lr_g, lr_d : Adam's learning rates.
    beta1, beta2 : Adam's moment decays.
    loss : "bce" or "relativistic" (gan.training.losses).
    real_label : target for real posters; below 1 is one-sided smoothing (Salimans et al. 2016, 3.4).
    penalty : weight of R1 and R2, the squared slopes of D at real and generated posters; needs a D without BatchNorm.
    penalty_every : steps between two penalties, each then counted so many times (Karras et al. 2020).
    lecam : weight of the LeCam regulariser (Tseng et al. 2021).
    critic : weight of the projected critic in G's loss (Sauer et al. 2021); 0 for none.
    features : whose features it judges by: "efficientnet-lite0" or "vgg16" (gan.networks.projected).
    classifier : weight in G's loss of the genres that the critic sees in a generated poster; where there are genres.
    ema_kimg : half-life of the generator's moving average; 0 switches it off.
    augment : DiffAugment policies joined by commas, or "" (Zhao et al. 2020).
    label_dropout : share of posters that are shown without any label, so that G can also be asked for nothing.
    label_ramp_kimg : length over which labels grow from 0 to their full size.
    skip_d_above : D is not updated in a step in which its accuracy is above this; 1 never skips.
    decay_from : fraction of the run from which both rates fall linearly to a tenth; 1 never.
    guard : what is done about collapse, NaN and a D that overpowers G: "answer" them, "name" them in the log, or "off"
        (gan.training.guard_rails). A run without finite weights ends in any case.
    seed : names the whole run: weights, order of posters, noise and augmentation.
    tick_kimg, grid_kimg, snapshot_kimg, eval_kimg : how often a line is logged, a grid is drawn, the
        state is saved and the generator is judged (0: never).
    eval_samples : generated posters in a validation.

    Raises
    ------
    ValueError
        If a number is infinite, NaN or out of its range, or a word is unknown.
    """

    kimg: float = 450.0
    batch: int = 16
    lr_g: float = 2e-4
    lr_d: float = 2e-4
    beta1: float = 0.5
    beta2: float = 0.999
    loss: str = "bce"
    real_label: float = 0.9
    penalty: float = 0.0
    penalty_every: int = 4
    lecam: float = 0.0
    critic: float = 0.0
    features: str = "efficientnet-lite0"
    classifier: float = 5.0
    ema_kimg: float = 10.0
    augment: str = "color,translation"
    label_dropout: float = 0.1
    label_ramp_kimg: float = 10.0
    skip_d_above: float = 1.0
    decay_from: float = 1.0
    guard: str = "answer"
    seed: int = 0
    tick_kimg: float = 1.0
    grid_kimg: float = 10.0
    snapshot_kimg: float = 10.0
    eval_kimg: float = 50.0
    eval_samples: int = 1000

    def __post_init__(self) -> None:
        for field in fields(self):
            if isinstance(field.default, float) and not math.isfinite(getattr(self, field.name)):
                raise ValueError(f"{field.name} must be a finite number, not {getattr(self, field.name)}")
        for name in ("kimg", "lr_g", "lr_d", "tick_kimg", "grid_kimg", "snapshot_kimg"):
            if not getattr(self, name) > 0:
                raise ValueError(f"{name} must be above 0, not {getattr(self, name)}")
        if self.batch < 2:
            raise ValueError(f"batch must be at least 2 for BatchNorm, not {self.batch}")
        if not 0 < self.real_label <= 1:
            raise ValueError(f"real_label must be in (0, 1], not {self.real_label}")
        if not 0 < self.skip_d_above <= 1:
            raise ValueError(f"skip_d_above must be in (0, 1], not {self.skip_d_above}")
        if not 0 <= self.seed < 2**32:
            raise ValueError(f"seed must be from 0 to 2**32 - 1, not {self.seed}")
        if self.eval_samples < 2:
            raise ValueError(f"eval_samples must be at least 2, not {self.eval_samples}")
        unknown = sorted(set(filter(None, self.augment.split(","))) - POLICIES.keys())
        if unknown:
            raise ValueError(f"augment knows {', '.join(POLICIES)}, not {', '.join(unknown)}")
        for name in ("ema_kimg", "eval_kimg", "penalty", "lecam", "critic", "classifier", "label_ramp_kimg"):
            if not getattr(self, name) >= 0:
                raise ValueError(f"{name} must not be negative, but is {getattr(self, name)}")
        if self.penalty_every < 1:
            raise ValueError(f"penalty_every must be at least 1, not {self.penalty_every}")
        for name in ("label_dropout", "decay_from"):
            if not 0 <= getattr(self, name) <= 1:
                raise ValueError(f"{name} must be from 0 to 1, not {getattr(self, name)}")
        if self.loss not in LOSSES:
            raise ValueError(f"loss must be {' or '.join(LOSSES)}, not {self.loss}")
        if self.features not in FEATURES:
            raise ValueError(f"features must be {' or '.join(FEATURES)}, not {self.features}")
        if self.guard not in GUARDS:
            raise ValueError(f"guard must be {', '.join(GUARDS)}, not {self.guard}")


@dataclass(frozen=True)
class Preset:
    """Networks and training that go together. ``about`` : one sentence for people."""

    about: str
    model: ModelConfig
    train: TrainConfig


_STABLE = TrainConfig()
_DEEPER = replace(_STABLE, loss="relativistic", real_label=1.0, penalty=1.0, lr_g=1e-4, lr_d=1e-4, kimg=100)
PRESETS: dict[str, Preset] = {
    "dcgan": Preset(
        "The PyTorch tutorial's recipe, which the student projects used.",
        ModelConfig(),
        TrainConfig(batch=128, real_label=1.0, ema_kimg=0.0, augment="", guard="name"),
    ),
    "dcgan-stable": Preset(
        "The same networks with averaging, DiffAugment and smoothed labels, in small batches.", ModelConfig(), _STABLE
    ),
    "dcgan-128": Preset(
        "One layer more; no BatchNorm in D, relativistic loss with R1 and R2. Start it --from a 64 x 64 checkpoint.",
        ModelConfig(128, width=32, norm_d=False),
        _DEEPER,
    ),
    "dcgan-256": Preset(
        "Two layers more; as dcgan-128. Start it --from a 128 x 128 checkpoint.",
        ModelConfig(256, width=16, norm_d=False),
        _DEEPER,
    ),
    "projected": Preset(
        "dcgan-stable with a critic on the features of a network that knows photographs (extra: projected).",
        ModelConfig(),
        replace(_STABLE, critic=1.0),
    ),
}
