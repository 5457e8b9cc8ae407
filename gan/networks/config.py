"""Frozen settings: what the networks look like, and how they are trained."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any, Self

BASES = {"1:1": (4, 4), "2:3": (6, 4)}


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
    resolution : width of the picture in pixels, a power of two from 8.
    latent : number of noise values.
    width : channels of the layer next to the picture; doubled towards the 4 x 4 layer.
    max_width : cap on the channels, so that deep networks stay affordable.
    generator_channels : G's own channels in the order of ``channels`` where filters were pruned away; () otherwise.
    aspect : "1:1" for squares, "2:3" for whole posters, half as high again; the first layer is then 6 x 4.
    norm_d : whether D has BatchNorm; without it, biases.
    genres : what both networks can be asked for; () for none.
    embedding : values that the genres are embedded into, beside the noise.
    given : whether genres were built into the first layer (Generator.given).
    calibrated : whether D's zero was set after training (gan.evaluation.calibration); its last layer then has a bias in any case.

    Raises
    ------
    ValueError
        If the resolution is not a power of two of at least 8, a count is below 1, ``generator_channels`` has
        another length than ``channels``, the aspect is unknown, or a genre is there twice.
    """

    resolution: int = 64
    latent: int = 100
    width: int = 64
    max_width: int = 512
    generator_channels: tuple[int, ...] = ()
    aspect: str = "1:1"
    norm_d: bool = True
    genres: tuple[str, ...] = ()
    embedding: int = 32
    given: bool = False
    calibrated: bool = False

    def __post_init__(self) -> None:
        if self.resolution < 8 or self.resolution & (self.resolution - 1):
            raise ValueError(f"resolution must be a power of two of at least 8, not {self.resolution}")
        for name in ("latent", "width", "max_width", "embedding"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be at least 1, not {getattr(self, name)}")
        pruned = tuple(self.generator_channels)  # a list, where it comes from JSON
        object.__setattr__(self, "generator_channels", pruned)
        if pruned and (len(pruned) != len(self.channels) or min(pruned) < 1):
            raise ValueError(f"generator_channels must be {len(self.channels)} counts of at least 1, not {pruned}")
        if self.aspect not in BASES:
            raise ValueError(f"aspect must be {' or '.join(BASES)}, not {self.aspect}")
        object.__setattr__(self, "genres", tuple(self.genres))
        if len(set(self.genres)) < len(self.genres):
            raise ValueError("genres must not name one twice")

    @property
    def channels(self) -> tuple[int, ...]:
        """Channels from the layer next to the picture to the 4 x 4 layer: (64, 128, 256, 512)."""
        octaves = self.resolution.bit_length() - 3  # 64 -> 4 strided layers, down to 4 x 4
        return tuple(min(self.width * 2**i, self.max_width) for i in range(octaves))

    @property
    def base(self) -> tuple[int, int]:
        """Height and width of the first maps of G and the last of D: (4, 4), or (6, 4) for 2:3."""
        return BASES[self.aspect]

    @property
    def size(self) -> tuple[int, int]:
        """Height and width of the picture in pixels."""
        height, width = self.base
        return self.resolution * height // width, self.resolution
