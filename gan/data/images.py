"""The one safe way from bytes to a picture, and from a tensor back to RGB.

    images = read_poster("poster.jpg", size=64)     # (1, 3, 64, 64) in [-1, 1]
    to_uint8(images)                                # (1, 64, 64, 3) uint8 RGB
    read_poster("poster.jpg", size=(96, 64))        # (1, 3, 96, 64): a whole poster of 2:3

Files are not trusted: only JPEG, PNG and WebP, only up to 20 megapixels, which is checked before decoding.
"""

from __future__ import annotations

import io
import math
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import ExifTags, Image, ImageOps
from torch import Tensor

from gan.errors import ImageError

Fit = Literal["crop", "pad"]
Size = int | tuple[int, int]  # the side of a square, or (height, width)
FITS: tuple[Fit, ...] = ("crop", "pad")
SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".webp"})
FORMATS = ("JPEG", "PNG", "WEBP")
MAX_PIXELS = 20_000_000  # a 78 kB file can hold 81 megapixels

_TURN = Image.Transpose
_UPRIGHT = {  # what undoes each EXIF orientation
    2: _TURN.FLIP_LEFT_RIGHT,
    3: _TURN.ROTATE_180,
    4: _TURN.FLIP_TOP_BOTTOM,
    5: _TURN.TRANSPOSE,
    6: _TURN.ROTATE_270,
    7: _TURN.TRANSVERSE,
    8: _TURN.ROTATE_90,
}


def open_image(source: str | Path | bytes, name: str | None = None) -> Image.Image:
    """Decode a JPEG, PNG or WebP file to an upright RGB picture.

    Of an animation it is the first frame. EXIF rotation is applied, transparency is composited on white, 16-bit grey
    is scaled to 8 bits.

    Raises
    ------
    ImageError
        If the source does not exist, is not such a picture, is truncated, or has more than 20 megapixels, which is
        checked before any pixel is decoded.
    """
    name = name or ("the picture" if isinstance(source, bytes) else Path(source).name)
    try:
        file = io.BytesIO(source) if isinstance(source, bytes) else Path(source)
        with Image.open(file, formats=FORMATS) as image:
            width, height = image.size
            if width * height > MAX_PIXELS:
                raise ImageError(
                    f"{name} has {width} x {height} pixels; at most {MAX_PIXELS // 10**6} million are read."
                )
            image.load()
            return _rgb(_upright(image))
    except ImageError:
        raise
    except FileNotFoundError:
        raise ImageError(f"{name} does not exist.") from None
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise ImageError(f"{name} cannot be read as a JPEG, PNG or WebP picture.") from error


def fit_image(image: Image.Image, size: Size, fit: Fit = "crop") -> Image.Image:
    """Bring a picture to a square or to (height, width): centre crop, or pad the whole poster with black."""
    height, width = height_width(size)
    if fit == "crop":
        return ImageOps.fit(image, (width, height), Image.Resampling.LANCZOS)
    if fit == "pad":
        return ImageOps.pad(image, (width, height), Image.Resampling.LANCZOS, color="black")
    raise ValueError(f"fit must be one of {FITS}, not {fit!r}")


def height_width(size: Size) -> tuple[int, int]:
    """(height, width) of a size; ValueError unless both are whole numbers of at least 1."""
    sides = size if isinstance(size, (tuple, list)) else (size, size)
    if len(sides) != 2 or not all(isinstance(side, (int, np.integer)) and side > 0 for side in sides):
        raise ValueError(f"A size is one whole number, or (height, width), each at least 1, not {size!r}.")
    return int(sides[0]), int(sides[1])


def read_poster(source: str | Path | bytes, size: Size = 64, fit: Fit = "crop") -> Tensor:
    """Read one poster as float32 (1, 3, H, W) in [-1, 1]; ImageError on bad input."""
    return from_uint8(np.asarray(fit_image(open_image(source), size, fit))[None])


def from_uint8(pixels: NDArray[np.uint8]) -> Tensor:
    """uint8 RGB (N, H, W, 3) to float32 (N, 3, H, W) in [-1, 1], channels last in memory."""
    return scale(torch.from_numpy(np.array(pixels)))


def scale(pixels: Tensor) -> Tensor:
    """uint8 tensor (N, H, W, 3) on any device to float32 (N, 3, H, W) in [-1, 1]."""
    return pixels.permute(0, 3, 1, 2).float().div_(127.5).sub_(1.0)


def to_uint8(images: Tensor) -> NDArray[np.uint8]:
    """Float (N, 3, H, W) in [-1, 1] to uint8 RGB (N, H, W, 3); values outside are clipped."""
    pixels = images.detach().float().add(1.0).mul(127.5).round().clamp(0, 255)
    array: NDArray[np.uint8] = pixels.permute(0, 2, 3, 1).to(torch.uint8).cpu().numpy()
    return array


def image_grid(pixels: NDArray[np.uint8], columns: int | None = None, gap: int = 2) -> Image.Image:
    """Lay uint8 RGB pictures (N, H, W, 3) out row by row; by default in a grid that is nearly square."""
    count, height, width, _ = pixels.shape
    columns = columns or _near_square(count)
    canvas = np.full((*grid_size(count, (height, width), columns, gap), 3), 255, np.uint8)
    for index, picture in enumerate(pixels):
        top, left = (index // columns) * (height + gap), (index % columns) * (width + gap)
        canvas[top : top + height, left : left + width] = picture
    return Image.fromarray(canvas)


def grid_size(count: int, size: tuple[int, int], columns: int | None = None, gap: int = 2) -> tuple[int, int]:
    """(height, width) of the grid that ``image_grid`` makes of ``count`` pictures of ``size`` (height, width)."""
    columns = columns or _near_square(count)
    rows = math.ceil(count / columns)
    return rows * (size[0] + gap) - gap, columns * (size[1] + gap) - gap


def _near_square(count: int) -> int:
    return math.ceil(math.sqrt(count))


def _upright(image: Image.Image) -> Image.Image:
    try:  # ImageOps.exif_transpose also rewrites all other tags, and fails where one of them is odd
        turn = _UPRIGHT.get(image.getexif().get(ExifTags.Base.Orientation, 1))
    except Exception:  # damaged EXIF raises anything; the picture itself is sound
        return image
    return image if turn is None else image.transpose(turn)


def _rgb(image: Image.Image) -> Image.Image:
    if image.mode.startswith("I"):  # 16-bit grey: Pillow's own conversion clips instead of scaling
        grey = (np.asarray(image, np.float32) / 257).round().clip(0, 255).astype(np.uint8)
        return Image.fromarray(grey).convert("RGB")
    if image.has_transparency_data:
        layer = image.convert("RGBA")
        return Image.alpha_composite(Image.new("RGBA", layer.size, "white"), layer).convert("RGB")
    return image.convert("RGB")
