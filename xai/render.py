"""Numbers to pictures: colours, overlays, sprite sheets, PNG bytes.

Blue is fake, red is real, white is zero: what else has a sign is purple below zero and orange above. No pyplot: it is
not safe in threads.
"""

from __future__ import annotations

import io
import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from numpy.typing import ArrayLike, NDArray
from PIL import Image

from gan.display import data_uri as data_uri  # named here as well: every format of a picture comes from this file
from gan.display import png as png
from gan.display import quick_png as quick_png

Float = TypeVar("Float", np.float32, np.float64)
Pixels = NDArray[np.uint8]
MOST_CELL = 96  # pixels across a cell of a sprite sheet: a sheet of large ones is more than a browser bears
FRAME = 2  # pixels
WORD = 2**16 - 1  # the largest number of two bytes
MOST_DIGITS = 12  # after the point
BLUE, RED = np.array([0.13, 0.36, 0.75]), np.array([0.80, 0.10, 0.14])
PURPLE, ORANGE = np.array([0.37, 0.24, 0.60]), np.array([0.85, 0.47, 0.02])
PALE_HEX = "#f4f4f4"  # zero, in charts
MIDDLE = 0.72  # grey of a point at zero
ORANGE_HEX, VIOLET_HEX, GREEN_HEX, GREY_HEX = "#d97805", "#8b5cf6", "#15803d", "#888888"  # of series without a sign
CATEGORY_HEX = (  # of groups without an order, told apart by people who see no red or no green, too
    "#d97805", "#8b5cf6", "#15803d", "#db2777", "#0891b2", "#a3a300", "#7c4a1e", "#5eead4",
)  # fmt: skip
SINGLE_HUE = "Purples"  # Plotly's name of the scale for values without a sign
LUMINANCE_WEIGHTS = np.array([0.299, 0.587, 0.114])  # of red, green and blue (ITU-R BT.601)


@dataclass(frozen=True, eq=False)
class Scale:
    """Colours of signed values around white: RGB (3,) from 0 to 1, and what texts call them."""

    below: NDArray[np.float64]
    above: NDArray[np.float64]
    below_name: str
    above_name: str

    @property
    def hex(self) -> tuple[str, str]:
        """The colours below and above zero, for charts."""
        below, above = ("#" + _bytes(colour).tobytes().hex() for colour in (self.below, self.above))
        return below, above


VERDICT = Scale(BLUE, RED, "blue", "red")  # what speaks for fake and for real, and nothing else
CHANGE = Scale(PURPLE, ORANGE, "purple", "orange")  # less and more of anything else


def limit(values: ArrayLike, quantile: float = 0.995) -> float:
    """End of a symmetric colour scale: a high quantile of |values|, so that one pixel cannot rule it.

    1 for values that are all zero.
    """
    size = np.abs(np.asarray(values, np.float64))
    end = float(np.quantile(size, quantile)) if size.size else 0.0
    return end or float(size.max(initial=0.0)) or 1.0


def block_of(across: int, size: tuple[int, ...]) -> tuple[int, int]:
    """(height, width) of blocks ``across`` pixels wide, as oblong as a picture of ``size`` (height, width, ...) is.

    So it has as many down as across; square blocks where that leaves no whole pixels.
    """
    height, width = size[:2]
    return (across * height // width if across * height % width == 0 else across), across


def pool(values: NDArray[np.float32], block: int | tuple[int, int]) -> NDArray[np.float32]:
    """Mean of a map (H, W) over blocks of these pixels (height, width), or that many a side, brought back to (H, W).

    The sum over the map stays; neighbouring pixels that cancel each other out do so.
    """
    height, width = values.shape
    tall, wide = (block, block) if isinstance(block, int) else block
    if tall * wide <= 1 or height % tall or width % wide:
        return values
    tiles: NDArray[np.float32] = values.reshape(height // tall, tall, width // wide, wide).mean((1, 3))
    return tiles.repeat(tall, 0).repeat(wide, 1)


def full_colours(maps: Mapping[str, NDArray[np.float32]], shared: Collection[str]) -> dict[str, float]:
    """Where the colours of each map end; maps named in ``shared`` have one end together, the others their own."""
    together = [values.ravel() for name, values in maps.items() if name in shared]
    end = limit(np.concatenate(together)) if together else 1.0
    return {name: end if name in shared else limit(values) for name, values in maps.items()}


def diverging(values: ArrayLike, end: float, scale: Scale = VERDICT) -> Pixels:
    """Signed values of any shape (...) to RGB (..., 3): ``scale`` ends at -end and +end, and is white at 0."""
    level = np.clip(np.asarray(values, np.float64) / end, -1, 1)[..., None]
    colour = np.where(level < 0, scale.below, scale.above)
    return _bytes(1 - np.abs(level) * (1 - colour))


def points_rgb(levels: ArrayLike) -> Pixels:
    """Levels (...) from -1 to 1 as colours of points, RGB (..., 3): of ``VERDICT``, but grey and not white at 0.

    White points would not be seen on a white page.
    """
    level = np.asarray(levels, np.float64)[..., None]
    return _bytes(MIDDLE + np.abs(level) * (np.where(level < 0, VERDICT.below, VERDICT.above) - MIDDLE))


def rgb_of(colour: str) -> tuple[int, int, int]:
    """Red, green and blue, 0 to 255, of "#rrggbb"."""
    red, green, blue = bytes.fromhex(colour.removeprefix("#"))
    return red, green, blue


def grey(values: ArrayLike, end: float) -> Pixels:
    """Values of any shape (...) to grey RGB (..., 3): black at 0 and below, white at ``end``."""
    level = np.clip(np.asarray(values, np.float64) / end, 0, 1)[..., None]
    return _bytes(np.repeat(level, 3, -1))


def weights_rgb(values: ArrayLike, end: float) -> Pixels:
    """Weights (..., 3) for red, green and blue as colours: grey is 0, full at ``end``, empty at -``end``."""
    return _bytes(0.5 + 0.5 * np.clip(np.asarray(values, np.float64) / end, -1, 1))


def response(values: ArrayLike, end: float) -> Pixels:
    """A filter's response (...) to RGB (..., 3): grey where nothing is below 0 (after a ReLU), else ``CHANGE``."""
    return diverging(values, end, CHANGE) if np.min(values, initial=0.0) < 0 else grey(values, end)


def overlay(
    picture: Pixels, values: NDArray[Float], end: float, strength: float = 0.8, scale: Scale = VERDICT
) -> Pixels:
    """Lay a signed map (H, W) over a picture (H, W, 3): grey where it is near 0, coloured elsewhere.

    ``strength`` 0 gives the grey picture, 1 the pure colour where the map reaches ``end``.
    """
    level = np.clip(values / end, -1, 1)
    below, alpha = level < 0, strength * np.abs(level)
    base = ((picture / 255) @ LUMINANCE_WEIGHTS) * (1 - alpha)
    mixed = np.empty(picture.shape, np.uint8)
    for channel, colours in enumerate(zip(scale.below, scale.above, strict=True)):  # one by one: half the time
        mixed[..., channel] = _bytes(base + np.where(below, *colours) * alpha)
    return mixed


def enlarge(picture: Pixels, factor: int) -> Pixels:
    """Repeat every pixel factor x factor times; nothing is smoothed."""
    return picture.repeat(factor, 0).repeat(factor, 1)


def enlarge_map(values: NDArray[Float], size: int | tuple[int, int]) -> NDArray[Float]:
    """Bring a map (h, w) to (height, width), or to a square of side ``size``, by repeating cells."""
    return values[_repeated(values.shape, (size, size) if isinstance(size, int) else size)]


def _repeated(cells: Sequence[int], sides: Sequence[int]) -> tuple[NDArray[np.intp], ...]:
    """Index of the rows and columns of an array that is brought to ``sides``."""
    return np.ix_(*(np.arange(side) * count // side for side, count in zip(sides, cells, strict=True)))


def resized(picture: Pixels, side: int) -> Pixels:
    """A picture (h, w, 3) as a square of ``side``, by repeating or leaving out pixels."""
    return picture[_repeated(picture.shape[:2], (side, side))]


def shrink(cells: Pixels, most: int = MOST_CELL) -> Pixels:
    """Pictures (N, h, w, 3) at most ``most`` pixels wide, by Lanczos; small ones stay as they are."""
    height, width = cells.shape[1:3]
    if width <= most:
        return cells
    size = (most, height * most // width)
    return np.stack([np.asarray(Image.fromarray(cell).resize(size, Image.Resampling.LANCZOS)) for cell in cells])


def frame(picture: Pixels, box: Sequence[int]) -> Pixels:
    """A picture (H, W, 3) pale and grey outside ``box`` (left, top, right, bottom), with a black frame in it."""
    left, top, right, bottom = box
    pale = _bytes(0.6 + 0.4 * np.repeat((picture / 255) @ LUMINANCE_WEIGHTS, 3).reshape(*picture.shape))
    pale[top:bottom, left:right] = 0
    inside = np.s_[top + FRAME : bottom - FRAME, left + FRAME : right - FRAME]
    pale[inside] = picture[inside]
    return pale


def outline(picture: Pixels, box: Sequence[int], factor: int = 2) -> Pixels:
    """A picture (H, W, 3) enlarged ``factor`` times, with a line around ``box`` (left, top, right, bottom).

    The line is one pixel of the enlarged picture wide, black beside white, so that it is seen on any colour; it lies
    inside the box, so that a box as large as the picture has one, too.
    """
    return outlines(picture, [box], factor)


def outlines(picture: Pixels, boxes: Sequence[Sequence[int]], factor: int = 2) -> Pixels:
    """The same with a line around each of several boxes."""
    large = enlarge(picture, factor)
    for box in boxes:
        left, top, right, bottom = (factor * end for end in box)
        for inset, level in ((0, 255), (1, 0)):
            rows, columns = slice(top + inset, bottom - inset), slice(left + inset, right - inset)
            large[rows, [left + inset, right - 1 - inset]] = level
            large[[top + inset, bottom - 1 - inset], columns] = level
    return large


@dataclass(frozen=True, eq=False)
class Sprite:
    """Many equal pictures in one: ``count`` cells of ``cell`` pixels, row by row, no gaps."""

    pixels: Pixels
    count: int
    columns: int
    cell: tuple[int, int]


def sprite(cells: Pixels, columns: int | None = None) -> Sprite:
    """Lay cells (N, h, w, 3) out at native size; the last one fills empty places at the end.

    Where the browser shrinks the sheet, what lies beside a cell shines through at its edge: black would be seen.
    """
    count, height, width, _ = cells.shape
    columns = columns or max(1, math.ceil(math.sqrt(count)))
    rows = math.ceil(count / columns)
    padded = np.concatenate([cells, np.repeat(cells[-1:], rows * columns - count, 0)])
    sheet = padded.reshape(rows, columns, height, width, 3).transpose(0, 2, 1, 3, 4)
    return Sprite(sheet.reshape(rows * height, columns * width, 3), count, columns, (height, width))


def map_colours(maps: NDArray[np.float32], shared: bool) -> Pixels:
    """Unit maps (U, h, w) to RGB cells (U, h, w, 3).

    Signed maps are purple-white-orange, maps without a negative value (after a ReLU) are grey. One scale for
    all (``shared``), or one for each unit.
    """
    largest = np.abs(maps).max((1, 2), initial=0.0, keepdims=True).astype(np.float64)
    ends = limit(maps) if shared else np.where(largest > 0, largest, 1.0)
    return response(maps / ends, 1.0)


@dataclass(frozen=True)
class Packed:
    """Values as little-endian numbers of 16 bits, row by row: 0 is ``low``, 65,535 is ``high``.

    digits : after the point, beyond which they say nothing.
    """

    content: bytes
    low: float
    high: float
    digits: int


def pack(values: ArrayLike) -> Packed:
    """Values of any shape for a browser to read, to half of a 65,535th of their range."""
    exact = np.asarray(values, np.float64)
    low, high = float(exact.min(initial=np.inf)), float(exact.max(initial=-np.inf))
    width = high - low or abs(high) or 1.0
    steps = np.round((exact - low) / width * WORD).astype("<u2")
    return Packed(steps.tobytes(), low, low + width, min(max(3 - math.floor(math.log10(width)), 0), MOST_DIGITS))


def webp(picture: Pixels) -> bytes:
    """WebP bytes of an RGB picture (H, W, 3): a fourth of a PNG's, and nearly the same."""
    buffer = io.BytesIO()
    Image.fromarray(picture).save(buffer, "WEBP", quality=80, method=2)
    return buffer.getvalue()


def jpeg(picture: Pixels) -> bytes:
    """JPEG bytes of an RGB picture (H, W, 3), for sheets of thousands of thumbnails: a tenth of a PNG's."""
    buffer = io.BytesIO()
    Image.fromarray(picture).save(buffer, "JPEG", quality=75)
    return buffer.getvalue()


def _bytes(unit: NDArray[np.float64]) -> Pixels:
    return np.round(np.clip(unit, 0, 1) * 255).astype(np.uint8)
