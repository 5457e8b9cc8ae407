"""How a run is trained, and the presets.

    config = replace(PRESETS["dcgan-stable"].train, kimg=100)
    describe(TrainConfig)["kimg"].help                # gan.settings; ``scripts/train.py --help`` prints all of them

A setting's meaning, range and default stand in its field alone.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from gan.errors import SettingError
from gan.networks.config import ModelConfig
from gan.settings import Settings, setting
from gan.training.augment import POLICIES
from gan.training.losses import CRITIC_LOSSES, LOSSES
from gan.training.sampling import SAMPLINGS

GUARDS = ("answer", "name", "off")
PRECISIONS = ("auto", "float32", "bfloat16")
FEATURES = ("efficientnet-lite0", "vgg16")


@dataclass(frozen=True)
class TrainConfig(Settings):
    """How a run is trained. Lengths and intervals are in thousands of real images shown (kimg).

    Raises
    ------
    SettingError
        If a number is infinite, NaN or out of its range, or a word is unknown.
    """

    kimg: float = setting(450.0, "length of the run in thousands of posters shown", above=0)
    batch: int = setting(16, "posters in each step, for D and for G", low=2)  # BatchNorm needs two
    lr_g: float = setting(2e-4, "learning rate of the generator", above=0)
    lr_d: float = setting(2e-4, "learning rate of the discriminator", above=0)
    beta1: float = setting(0.5, "Adam's decay of the first moment", low=0, high=0.9999)
    beta2: float = setting(0.999, "Adam's decay of the second moment", low=0, high=0.999999)
    loss: str = setting("bce", "adversarial loss", choices=LOSSES)
    adversarial: float = setting(1.0, "weight of D's loss in G's loss; lower it beside a critic", low=0)
    real_label: float = setting(
        0.9, "target for real posters; below 1 is one-sided smoothing, Salimans et al. 2016, 3.4", above=0, high=1
    )
    penalty: float = setting(
        0.0,
        "weight of R1 and R2, D's squared gradients at real and generated posters; needs a D without BatchNorm",
        low=0,
    )
    penalty_every: int = setting(
        4, "steps from one penalty to the next, each weighted by this number, Karras et al. 2020", low=1
    )
    lecam: float = setting(0.0, "weight of the LeCam regulariser, Tseng et al. 2021", low=0)
    critic: float = setting(
        0.0, "weight of the projected critic in G's loss, Sauer et al. 2021; 0 for no critic", low=0
    )
    features: str = setting("efficientnet-lite0", "network whose features the critic sees", choices=FEATURES)
    critic_side: int = setting(
        0,
        "shorter edge in pixels, a multiple of 32, at which the critic sees posters; 0 for their own, 128 to 256",
        low=0,
        high=512,
    )
    projections: int = setting(
        1, "random projections of the critic's features, each with heads of its own", low=1, high=16
    )
    critic_loss: str = setting("hinge", "loss of the critic", choices=CRITIC_LOSSES)
    critic_penalty: float = setting(
        0.0, "weight of R1 and R2, the squared gradients of the critic's heads at its frozen features", low=0
    )
    imle: float = setting(
        0.0,
        "weight in G's loss of the distance from each real poster to the closest generated one of the batch (of a "
        "process's part of it), Li and Malik 2018",
        low=0,
    )
    frechet: float = setting(
        0.0, "weight in G's loss of the Frechet distance of the critic's features, Mathiasen and Hvilshoj 2020", low=0
    )
    genre_means: float = setting(
        0.0,
        "weight in G's loss of the distance between the mean features of real and of generated posters of each genre "
        "(mean feature matching, Bao et al. 2017)",
        low=0,
    )
    classifier: float = setting(
        5.0, "weight in G's loss of the genres that the critic predicts for a generated poster", low=0
    )
    ema_kimg: float = setting(10.0, "half-life of the generator's moving average; 0 for none", low=0)
    augment: str = setting(
        "color,translation",
        "DiffAugment policies joined by commas, Zhao et al. 2020 (color, translation, cutout, or nothing)",
    )
    sampling: str = setting(
        "uniform",
        "how often a poster is shown (uniform: each equally often; genres: those of rare genres up to a few times as "
        "often, repeat factor sampling, Gupta et al. 2019)",
        choices=SAMPLINGS,
    )
    label_dropout: float = setting(
        0.1, "proportion of posters shown without any label, so that G also learns to draw without", low=0, high=1
    )
    single_genre: float = setting(
        0.0,
        "proportion of posters of which one genre that they have is all that is named, as people ask for genres",
        low=0,
        high=1,
    )
    label_ramp_kimg: float = setting(10.0, "length over which labels grow from 0 to their full scale", low=0)
    skip_d_above: float = setting(
        1.0, "skip D's update in a step in which its accuracy is above this; 1 never skips", above=0, high=1
    )
    decay_from: float = setting(
        1.0, "fraction of the run from which both learning rates fall linearly to a tenth; 1 for never", low=0, high=1
    )
    guard: str = setting(
        "answer", "answer collapse and a D that overpowers G, only name them in the log, or neither", choices=GUARDS
    )
    precision: str = setting(
        "auto", "of both networks' forward passes; auto is bfloat16 on CUDA, float32 elsewhere", choices=PRECISIONS
    )
    seed: int = setting(0, "of the whole run: weights, order of posters, noise and augmentation", low=0, high=2**32 - 1)
    tick_kimg: float = setting(1.0, "interval at which a line is logged", above=0)
    grid_kimg: float = setting(10.0, "interval at which a grid is drawn", above=0)
    snapshot_kimg: float = setting(
        10.0,
        "interval at which state and checkpoint are saved",
        above=0,
    )
    eval_kimg: float = setting(50.0, "interval at which the generator is validated; 0 for never", low=0)
    eval_samples: int = setting(1000, "generated posters drawn in a validation", low=2)

    def __post_init__(self) -> None:
        super().__post_init__()
        unknown = sorted(set(filter(None, self.augment.split(","))) - POLICIES.keys())
        if unknown:
            raise SettingError(f"augment must be made of {', '.join(POLICIES)}, not {', '.join(unknown)}")


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
        "dcgan-stable with a critic on features of a network trained on photographs (extra: projected).",
        ModelConfig(),
        replace(_STABLE, critic=1.0),
    ),
    "frechet": Preset(
        "projected with a tenth of D's weight in G's loss, and the Frechet distance of the critic's features in it.",
        ModelConfig(),
        replace(_STABLE, critic=1.0, adversarial=0.1, frechet=10.0),
    ),
}
