"""Several latent dimensions set at once, and the length of the rest: what a link calls ``turned``.

    turning = Turning.parse("length:0.8,6:1.5,36:-2", 100)
    turning.of(z)                    # z times 0.8, then dimension 6 at 1.5 and dimension 36 at -2
    str(turning)                     # the same word again

``xai/web/page/turned.js`` does the same in a browser, so that one word stands for one picture.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from xai.networks.fast_generator import check_latents

LARGEST = 4.0  # of a value: one normal value of 16,000 is farther from 0
LONGEST = 2.0  # times its own length
LENGTH = "length"
_NUMBER = re.compile(r"-?[0-9]{1,3}(\.[0-9]{1,6})?")
_INDEX = re.compile(r"[0-9]{1,5}")


@dataclass(frozen=True)
class Turning:
    """What is changed of a latent.

    values : what dimensions are set to, whatever they were. length : what all others are multiplied by.
    """

    values: Mapping[int, float] = field(default_factory=dict)
    length: float = 1.0

    @classmethod
    def parse(cls, text: str, count: int) -> Turning:
        """Read the word of a link, for latents of ``count`` dimensions; what is no change of such is left out."""
        values, length = {}, 1.0
        for part in text.split(","):
            name, _, number = part.partition(":")
            if not _NUMBER.fullmatch(number):
                continue
            value = float(number)
            if name == LENGTH and 0 <= value <= LONGEST:
                length = value
            elif _INDEX.fullmatch(name) and int(name) < count and abs(value) <= LARGEST:
                values[int(name)] = value
        return cls(values, length)

    def __str__(self) -> str:
        length = [] if self.length == 1 else [(LENGTH, self.length)]
        return ",".join(f"{name}:{_hundredths(value)}" for name, value in [*length, *self.values.items()])

    def __bool__(self) -> bool:
        """Whether anything is changed."""
        return self.length != 1 or bool(self.values)

    def with_value(self, index: int, value: float | None) -> Turning:
        """The same with one dimension set, or as it was for None."""
        others = {one: at for one, at in self.values.items() if one != index or value is not None}
        return Turning(others if value is None else others | {index: value}, self.length)

    def with_length(self, length: float) -> Turning:
        """The same with the others of another length."""
        return Turning(self.values, length)

    def of(self, z: Tensor) -> Tensor:
        """The changed latent of ``z`` (1, latent, 1, 1).

        Raises
        ------
        ExplanationError
            If ``z`` is not one latent.
        """
        check_latents(z, 1)
        turned = self.length * z
        for index, value in self.values.items():
            turned[0, index] = value
        return turned


def brightness_change(after: Tensor, before: Tensor) -> NDArray[np.float32]:
    """(H, W): where one picture (1, 3, H, W) is brighter than another, as the mean over colours; -2 to 2."""
    return np.asarray((after - before)[0].mean(0).cpu().numpy(), np.float32)


def _hundredths(value: float) -> str:
    return f"{round(value, 2) + 0.0:g}"  # no -0
