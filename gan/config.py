"""Frozen settings: what the networks look like, and how they are trained."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any, Self

from gan.augment import POLICIES


@dataclass(frozen=True)
class _Config:
    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> Self:
        """Build from JSON; keys that this version does not know are ignored."""
        known = {field.name for field in fields(cls)}
        return cls(**{key: value for key, value in values.items() if key in known})


@dataclass(frozen=True)
class ModelConfig(_Config):
    """Shape of a DCGAN (Radford, Metz, Chintala 2015).

    Parameters
    ----------
    resolution : side of the square picture in pixels, a power of two from 8.
    latent : number of noise values.
    width : channels of the layer next to the picture; doubled towards the 4 x 4 layer.
    max_width : cap on the channels, so that deep networks stay affordable.
    generator_channels : G's own channels in the order of ``channels`` where filters were pruned away; () otherwise.

    Raises
    ------
    ValueError
        If the resolution is not a power of two of at least 8, a count is below 1, or ``generator_channels`` has
        another length than ``channels``.
    """

    resolution: int = 64
    latent: int = 100
    width: int = 64
    max_width: int = 512
    generator_channels: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        if self.resolution < 8 or self.resolution & (self.resolution - 1):
            raise ValueError(f"resolution must be a power of two of at least 8, not {self.resolution}")
        for name in ("latent", "width", "max_width"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be at least 1, not {getattr(self, name)}")
        pruned = tuple(self.generator_channels)  # a list, where it comes from JSON
        object.__setattr__(self, "generator_channels", pruned)
        if pruned and (len(pruned) != len(self.channels) or min(pruned) < 1):
            raise ValueError(f"generator_channels must be {len(self.channels)} counts of at least 1, not {pruned}")

    @property
    def channels(self) -> tuple[int, ...]:
        """Channels from the layer next to the picture to the 4 x 4 layer: (64, 128, 256, 512)."""
        octaves = self.resolution.bit_length() - 3  # 64 -> 4 strided layers, down to 4 x 4
        return tuple(min(self.width * 2**i, self.max_width) for i in range(octaves))


@dataclass(frozen=True)
class TrainConfig(_Config):
    """How a run is trained. Lengths are in thousands of real images shown (kimg).

    Parameters
    ----------
    kimg : length of the run.
    batch : images a step, for D and for G.
    lr_g, lr_d : Adam's learning rates.
    beta1, beta2 : Adam's moment decays.
    real_label : target for real posters; below 1 is one-sided smoothing (Salimans et al. 2016, 3.4).
    ema_kimg : half-life of the generator's moving average; 0 switches it off.
    augment : DiffAugment policies joined by commas, or "" (Zhao et al. 2020).
    skip_d_above : D is not updated in a step in which its accuracy is above this; 1 never skips.
    decay_from : fraction of the run from which both rates fall linearly to a tenth; 1 never.
    seed : names the whole run: weights, order of posters, noise and augmentation.
    tick_kimg, grid_kimg, snapshot_kimg, eval_kimg : how often a line is logged, a grid is drawn, the
        state is saved and the generator is judged (0: never).
    eval_samples : generated posters that a judgement draws.
    """

    kimg: float = 450.0
    batch: int = 16
    lr_g: float = 2e-4
    lr_d: float = 2e-4
    beta1: float = 0.5
    beta2: float = 0.999
    real_label: float = 0.9
    ema_kimg: float = 10.0
    augment: str = "color,translation"
    skip_d_above: float = 1.0
    decay_from: float = 1.0
    seed: int = 0
    tick_kimg: float = 1.0
    grid_kimg: float = 10.0
    snapshot_kimg: float = 10.0
    eval_kimg: float = 50.0
    eval_samples: int = 1000

    def __post_init__(self) -> None:
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
        if self.ema_kimg < 0 or self.eval_kimg < 0:
            raise ValueError("ema_kimg and eval_kimg must not be negative")


RECIPES: dict[str, TrainConfig] = {
    # The best found by measurement on two cores: updates count, not images (see docs/training.md).
    "default": TrainConfig(),
    # The PyTorch tutorial's recipe, which the student projects used.
    "reference": TrainConfig(batch=128, real_label=1.0, ema_kimg=0.0, augment=""),
}
