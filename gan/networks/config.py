"""The shape of both networks.

    config = ModelConfig(resolution=128, aspect="2:3")
    config.size                                     # (192, 128), height and width
    config.channels                                 # (64, 128, 256, 512, 512), from the picture inwards

Frozen settings, stored in a checkpoint's ``config.json``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

from gan.errors import SettingError
from gan.settings import Settings, setting

BASES = {"1:1": (4, 4), "2:3": (6, 4)}


@dataclass(frozen=True)
class ModelConfig(Settings):
    """Shape of a DCGAN (Radford, Metz, Chintala 2015).

    Parameters
    ----------
    resolution : width of the picture in pixels, a power of two from 8.
    latent : number of latent dimensions.
    width : channels of the layer next to the picture; doubled towards the 4 x 4 layer.
    max_width : cap on the channels, so that deep networks stay affordable.
    generator_channels : G's own channels in the order of ``channels`` where they are others than D's, because filters
        were pruned away or it was made so; () otherwise.
    aspect : "1:1" for squares, "2:3" for whole posters, half as high again; the first layer is then 6 x 4.
    norm_d : whether D has BatchNorm; without it, biases.
    genres : names of the labels that both networks take; () for none.
    embedding : width of the labels' embedding, which is joined to the noise.
    conditioned : whether fixed genres are built into G's first layer (Generator.with_genres).
    calibrated : whether D's logit was shifted after training (gan.evaluation.calibration); its last layer then has a
        bias in any case.
    biased : whether the layers that no BatchNorm follows have biases: G's last, and D's first and last. Ours have not;
        networks of other programs may.

    Raises
    ------
    SettingError
        If the resolution is not a power of two of at least 8, a count is below 1, ``generator_channels`` has
        another length than ``channels``, the aspect is unknown, a genre is named twice, or a value is of another type.
    """

    resolution: int = setting(64, "width of the picture in pixels, a power of two", low=8)
    latent: int = setting(100, "number of latent dimensions", low=1)
    width: int = setting(64, "channels of the layer next to the picture", low=1)
    max_width: int = setting(512, "largest number of channels of a layer", low=1)
    generator_channels: tuple[int, ...] = ()
    aspect: str = setting("1:1", "square pictures, or whole posters", choices=BASES)
    norm_d: bool = True
    genres: tuple[str, ...] = ()
    embedding: int = setting(32, "width of the embedding of the genres", low=1)
    conditioned: bool = False
    calibrated: bool = False
    biased: bool = False

    def __post_init__(self) -> None:
        super().__post_init__()
        for name in ("norm_d", "conditioned", "calibrated", "biased"):
            if not isinstance(getattr(self, name), bool):
                raise SettingError(f"{name} must be true or false, not {getattr(self, name)}")
        if self.resolution & (self.resolution - 1):
            raise SettingError(f"resolution must be a power of two, not {self.resolution}")
        pruned = _as_tuple("generator_channels", self.generator_channels, int)
        object.__setattr__(self, "generator_channels", pruned)
        if pruned and (len(pruned) != len(self.channels) or min(pruned) < 1):
            raise SettingError(f"generator_channels must be {len(self.channels)} counts of at least 1, not {pruned}")
        object.__setattr__(self, "genres", _as_tuple("genres", self.genres, str))
        if len(set(self.genres)) < len(self.genres):
            raise SettingError("genres must be distinct")

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Self:
        """As Settings.from_dict. ``conditioned`` was once called ``given``."""
        return super().from_dict({"conditioned": values.get("given", False)} | dict(values))

    @property
    def classes(self) -> tuple[str, ...]:
        """Names of a classifier's outputs, which networks of your own may have; a discriminator has none."""
        return ()

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


def _as_tuple(name: str, values: Any, kind: type) -> tuple[Any, ...]:
    """Lists as well, which JSON has; ValueError for anything else."""
    if not isinstance(values, list | tuple) or not all(type(value) is kind for value in values):
        words = {int: "whole numbers", str: "texts"}[kind]
        raise SettingError(f"{name} must be a list of {words}, not {values}")
    return tuple(values)
