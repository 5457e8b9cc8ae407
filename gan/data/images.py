"""The one safe way from bytes to a picture, and from a tensor back to RGB.

    images = read_poster("poster.jpg", size=64)     # (1, 3, 64, 64) in [-1, 1]
    to_uint8(images)                                # (1, 64, 64, 3) uint8 RGB
    read_poster("poster.jpg", size=(96, 64))        # (1, 3, 96, 64): a whole poster of 2:3

Files are not trusted: only usual formats (FORMATS), only up to 51 megapixels, which is checked before decoding, and of
anything that is wrong with them one sentence says what (ImageError).
"""

from __future__ import annotations

import io
import math
import re
import stat
import threading
import warnings
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import ExifTags, Image, ImageOps, UnidentifiedImageError
from PIL.JpegImagePlugin import JpegImageFile
from torch import Tensor

from gan.errors import ImageError, printable

Fit = Literal["crop", "pad", "stretch"]
Size = int | tuple[int, int]  # the side of a square, or (height, width)
FITS: tuple[Fit, ...] = ("crop", "pad", "stretch")
SUFFIXES = frozenset(
    {
        ".jpg",
        ".jpeg",
        ".jpe",
        ".jfif",
        ".jif",
        ".pjpeg",
        ".pjp",
        ".png",
        ".apng",
        ".webp",
        ".gif",
        ".bmp",
        ".dib",
        ".tif",
    }
    | {".tiff", ".avif"}
)
HEAD = 32  # bytes by which a format is known
FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "BMP", "DIB", "TIFF", "AVIF")
FORMAT_NAMES = "JPEG, PNG, WebP, GIF, BMP, TIFF or AVIF"
MAX_PIXELS = 51_000_000  # 8192 x 6144, as phones have; a 78 kB file can hold 81 megapixels
LARGE = 20_000_000  # pixels from which a JPEG is decoded at half its size, and other formats one at a time
warnings.filterwarnings("ignore", category=Image.DecompressionBombWarning)  # sizes are checked here
warnings.filterwarnings("ignore", category=UserWarning, module=r"PIL\.")  # of odd EXIF, without the file's name

_one_large = threading.Lock()
_HEADS = re.compile(  # of files in these formats
    rb"\xff\xd8\xff|\x89PNG\r\n\x1a\n|GIF8[79]a|RIFF.{4}WEBP|BM.{4}\0{4}|II\*\0|MM\0\*|.{4}ftypavi[fs]", re.DOTALL
)
_HEIC = re.compile(rb".{4}ftyp(hei[cxms]|hev[cxms]|mif1|msf1)", re.DOTALL)
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


def open_image(source: str | Path | bytes | Image.Image, name: str | None = None) -> Image.Image:
    """Decode a picture, from a path, from bytes or as Pillow opened it, to an upright RGB picture.

    Of an animation it is the first frame. EXIF rotation is applied, transparency is composited on white, 16-bit grey
    is scaled to 8 bits. A JPEG of more than 20 megapixels comes at half its width and height.

    Raises
    ------
    ImageError
        If the source does not exist, is not such a picture, is damaged, or has more than 51 megapixels, which is
        checked before any pixel is decoded.
    """
    name = printable(name or _name(source))
    try:
        with _opened(source, name) as image:
            width, height = image.size
            if width * height > MAX_PIXELS:
                raise _too_large(name, f"{width} x {height}")
            if width * height > LARGE and isinstance(image, JpegImageFile):
                image.draft(None, (width // 2, height // 2))
            with _one_large if math.prod(image.size) > LARGE else nullcontext():
                return _decode(image, name)
    except ImageError:
        raise
    except Image.DecompressionBombError as error:  # raised by Image.open, which does not say the sides
        pixels = re.search(r"[0-9]+", str(error))
        raise _too_large(name, f"{int(pixels[0]) / 1e6:,.0f} million" if pixels else "too many") from None
    except UnidentifiedImageError as error:
        raise ImageError(f"{name} cannot be read as a picture.") from error
    except Exception as error:  # decoders raise anything on hostile bytes
        raise ImageError(f"{name} is a damaged or incomplete picture.") from error


def looks_like_picture(head: bytes) -> bool:
    """Whether a file that begins with these 32 bytes is in one of the formats that are read."""
    return _HEADS.match(head) is not None


def _name(source: object) -> str:
    return (Path(source).name or str(source)) if isinstance(source, (str, Path)) else "the picture"


def _opened(source: str | Path | bytes | Image.Image, name: str) -> AbstractContextManager[Image.Image]:
    """The picture, not yet decoded; ImageError where there is no plain file, or nothing in it."""
    if isinstance(source, Image.Image):
        return nullcontext(source)  # whoever opened it closes it
    file: io.BytesIO | Path
    if isinstance(source, (bytes, bytearray, memoryview)):
        file, head, size = io.BytesIO(source), bytes(source[:HEAD]), len(source)
    elif isinstance(source, (str, Path)):
        file, (head, size) = Path(source), _head_of(Path(source), name)
    else:
        raise ImageError(f"A picture is read from a path, from bytes or from Pillow, not from {type(source).__name__}.")
    if not size:
        raise ImageError(f"{name} is empty.")
    if _HEIC.match(head):
        raise ImageError(f"{name} is a HEIC picture, which cannot be read; save it as JPEG.")
    return Image.open(file, formats=FORMATS)


def _head_of(path: Path, name: str) -> tuple[bytes, int]:
    """(first bytes, size) of a plain file; ImageError where there is none."""
    try:
        found = path.stat()
        if stat.S_ISDIR(found.st_mode):
            raise ImageError(f"{name} is a folder, not a picture.")
        if not stat.S_ISREG(found.st_mode):  # reading a pipe would wait for ever
            raise ImageError(f"{name} is not a file.")
        with path.open("rb") as file:
            return file.read(HEAD), found.st_size
    except ImageError:
        raise
    except FileNotFoundError:
        raise ImageError(f"{name} {'is a link to nothing' if path.is_symlink() else 'does not exist'}.") from None
    except (OSError, ValueError) as error:
        raise ImageError(f"{name} cannot be read: {getattr(error, 'strerror', None) or error}.") from None


def _too_large(name: str, size: str) -> ImageError:
    return ImageError(f"{name} has {size} pixels; at most {MAX_PIXELS // 10**6} million are read.")


def _decode(image: Image.Image, name: str) -> Image.Image:
    image.load()
    if not all(image.size):
        raise ImageError(f"{name} has no pixels.")
    return _rgb(_upright(image), name)


def fit_image(image: Image.Image, size: Size, fit: Fit = "crop") -> Image.Image:
    """Bring a picture to a square or to (height, width).

    By a centre crop, or the whole of it: padded with black, or stretched, which between shapes as near as those of
    most posters and 2:3 is hard to see.
    """
    height, width = height_width(size)
    if fit == "crop":
        return ImageOps.fit(image, (width, height), Image.Resampling.LANCZOS)
    if fit == "pad":
        return _padded(image, width, height)
    if fit == "stretch":
        return image.resize((width, height), Image.Resampling.LANCZOS)
    raise ValueError(f"fit must be one of {FITS}, not {fit!r}")


def shown_part(picture: tuple[int, int], size: Size, fit: Fit = "crop") -> tuple[float, float, float, float]:
    """The part of a picture of these (width, height) that a fit shows: left, top, right, bottom as fractions of it.

    Beyond 0 and 1 where it is padded.
    """
    if fit == "stretch":
        return 0.0, 0.0, 1.0, 1.0
    height, width = height_width(size)
    steps = picture[0] / width, picture[1] / height  # the picture's pixels to one that is shown
    step = min(steps) if fit == "crop" else max(steps)
    across, down = step / steps[0] / 2, step / steps[1] / 2
    return 0.5 - across, 0.5 - down, 0.5 + across, 0.5 + down


def _padded(image: Image.Image, width: int, height: int) -> Image.Image:
    if min(width / image.width, height / image.height) * min(image.size) < 0.5:  # Pillow would make a side of 0
        image = image.resize((max(1, min(image.width, width)), max(1, min(image.height, height))))
    return ImageOps.pad(image, (width, height), Image.Resampling.LANCZOS, color="black")


def height_width(size: Size) -> tuple[int, int]:
    """(height, width) of a size; ValueError unless both are whole numbers of at least 1."""
    sides = size if isinstance(size, (tuple, list)) else (size, size)
    if len(sides) != 2 or not all(isinstance(side, (int, np.integer)) and side > 0 for side in sides):
        raise ValueError(f"A size is one whole number, or (height, width), each at least 1, not {size!r}.")
    return int(sides[0]), int(sides[1])


def read_poster(source: str | Path | bytes | Image.Image, size: Size = 64, fit: Fit = "crop") -> Tensor:
    """Read one poster (:func:`open_image`) as float32 (1, 3, H, W) in [-1, 1]; ImageError on bad input."""
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


def _rgb(image: Image.Image, name: str) -> Image.Image:
    if image.mode.startswith("I"):  # 16-bit grey: Pillow's own conversion clips instead of scaling
        return _from_16_bits(image, name)
    if image.mode == "F":
        raise ImageError(f"{name} has pixels of 32-bit floating point, of which nobody can say what is white.")
    if image.has_transparency_data:
        layer = image.convert("RGBA")
        return Image.alpha_composite(Image.new("RGBA", layer.size, "white"), layer).convert("RGB")
    return image.convert("RGB")


def _from_16_bits(image: Image.Image, name: str) -> Image.Image:
    values = np.asarray(image).astype(np.int64)
    if values.max() > 65535:
        raise ImageError(f"{name} has pixels of 32 bits, of which nobody can say what is white.")
    grey = (values.astype(np.float32) / 257).round().clip(0, 255).astype(np.uint8)
    transparent = image.info.get("transparency")
    if isinstance(transparent, int):
        grey[values == transparent] = 255
    return Image.fromarray(grey).convert("RGB")
