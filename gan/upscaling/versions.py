"""The versions in which a picture is written: as it is, and enlarged four times by a network and by Lanczos.

    for version in versions(Path("checkpoints/upscaler")):
        version.path(Path("grid.png"))                  # grid.png, grid-network.png, grid-lanczos.png
        version.write(path, Image.fromarray(version.change(pixels)[0]))

An enlarged picture says in its PNG comment how it was made.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from PIL.PngImagePlugin import PngInfo
from torch import Tensor

from gan.data.images import from_uint8, grid_size, to_uint8
from gan.files import write_file
from gan.upscaling.network import LABEL, load
from gan.upscaling.resampling import FACTOR, lanczos

Pixels = NDArray[np.uint8]


@dataclass(frozen=True)
class Version:
    """One way to write a picture.

    name : what the file's name ends in; "" for the picture as it is.
    comment : stored in the PNG.
    change : pictures, uint8 (n, H, W, 3), to those that are written.
    """

    name: str
    comment: str
    change: Callable[[Pixels], Pixels]

    def path(self, path: Path) -> Path:
        """``grid.png`` of the version "network" is ``grid-network.png``."""
        return path.with_name(f"{path.stem}-{self.name}{path.suffix}") if self.name else path

    def area(self, count: int, size: tuple[int, int], columns: int | None, scale: int) -> int:
        """Pixels of one PNG with ``count`` posters of ``size`` (height, width) and the gaps between them."""
        if self.name:  # posters are enlarged before they are laid out, so the gaps are not
            size, scale = (size[0] * FACTOR, size[1] * FACTOR), 1
        return math.prod(grid_size(count, size, columns)) * scale**2

    def write(self, path: Path, picture: Image.Image, scale: int = 1) -> None:
        """Write one PNG, complete or not at all; ``scale`` repeats each pixel of the picture as it is."""
        note = None
        if self.name:
            note = PngInfo()
            note.add_text("Comment", self.comment)
        else:
            picture = picture.resize((picture.width * scale, picture.height * scale), Image.Resampling.NEAREST)
        write_file(path, lambda file: picture.save(file, "PNG", pnginfo=note))


@torch.inference_mode()
def enlarge_each(method: Callable[[Tensor], Tensor], pixels: Pixels) -> Pixels:
    """uint8 (n, H, W, 3), one at a time: the network's maps of 64 posters would fill the memory."""
    return np.concatenate([to_uint8(method(from_uint8(picture[None]))) for picture in pixels])


PLAIN = Version("", "", lambda pixels: pixels)
LANCZOS = Version("lanczos", "enlarged by Lanczos resampling", lambda pixels: enlarge_each(lanczos, pixels))


def versions(upscaler: Path | None) -> list[Version]:
    """The picture as it is, and, with the folder of an upscaler, enlarged by it and by Lanczos.

    CheckpointError where the folder holds no upscaler.
    """
    if upscaler is None:
        return [PLAIN]
    network = load(upscaler)
    return [PLAIN, Version("network", LABEL, lambda pixels: enlarge_each(network, pixels)), LANCZOS]
