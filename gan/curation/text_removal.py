"""Remove the text from a poster, so that a network need not learn to draw it.

    detect = text_detector()                        # needs the optional extra "text"
    cleaned = remove_text(pixels, detect)           # uint8 RGB (H, W, 3)
    cleaned.pixels, cleaned.mask, cleaned.boxes

Three steps: a text detector finds boxes (PP-OCR's differentiable binarisation, Liao et al. 2020, as packed by
rapidocr); within each box the pixels that differ from the surroundings are the letters; these are painted over from
their borders inwards (Telea 2004, by OpenCV). Where only small print is lost on a plain ground, nothing is seen of it;
a title across a face leaves a blur.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFilter

from gan.errors import PosterLensError

Pixels = NDArray[np.uint8]
Mask = NDArray[np.bool_]
Boxes = NDArray[np.float32]
Detector = Callable[[Pixels], Boxes]
Fill = Callable[[Pixels, Mask], Pixels]
Cover = Literal["letters", "boxes"]
Method = Literal["telea", "navier-stokes"]
COVERS: tuple[Cover, ...] = ("letters", "boxes")
METHODS: tuple[Method, ...] = ("telea", "navier-stokes")

DETECT_AT = 384  # pixels of the shorter side, to which smaller posters are enlarged for the detector
MARGIN = 0.15  # of a box's height, by which it is enlarged: boxes cut through accents and swashes
THICKEN = 0.06  # of a box's height, by which letters are thickened: their edges are half background
MAX_AREA = 0.5  # of the poster: a larger box is the picture itself, mistaken for a letter
RADIUS = 3  # pixels of the neighbourhood that inpainting reads


class TextUnavailableError(PosterLensError):
    """The text detector or OpenCV is not installed (optional extra ``text``)."""


@dataclass(frozen=True)
class Cleaned:
    """A poster without its text.

    pixels : uint8 RGB (H, W, 3).
    mask : bool (H, W), what was painted over.
    boxes : float32 (M, 4, 2), the corners (x, y) of each detected line of text; none covers half of the poster.
    """

    pixels: Pixels
    mask: Mask
    boxes: Boxes


def remove_text(pixels: Pixels, detect: Detector, fill: Fill | None = None, cover: Cover = "letters") -> Cleaned:
    """Detect the text on a poster, uint8 RGB (H, W, 3), and paint it over; pixels outside the mask are unchanged.

    ``fill(pixels, mask)`` gives pixels for the mask (default: :func:`inpainter`); ``cover`` is whether only the letters
    or the whole boxes are painted over.
    """
    if cover not in COVERS:
        raise ValueError(f"cover must be one of {COVERS}, not {cover!r}")
    detected = np.asarray(detect(pixels), np.float32).reshape(-1, 4, 2)
    boxes = detected[[box_mask(pixels.shape[:2], box[None]).mean() <= MAX_AREA for box in detected]]
    mask = box_mask(pixels.shape[:2], boxes)
    if not mask.any():
        return Cleaned(pixels, mask, boxes)
    fill = fill or inpainter()
    if cover == "letters":
        mask = letter_mask(pixels, boxes, fill(pixels, mask))
    painted = np.where(mask[..., None], fill(pixels, mask), pixels)
    return Cleaned(painted, mask, boxes)


def box_mask(shape: tuple[int, ...], boxes: Boxes) -> Mask:
    """bool (H, W): the boxes (M, 4, 2), each enlarged by 15 % of its height on all sides."""
    canvas = Image.new("1", (shape[1], shape[0]))
    draw = ImageDraw.Draw(canvas)
    for box in boxes:
        draw.polygon([(float(x), float(y)) for x, y in enlarged(box)], fill=1)
    return np.array(canvas, bool)


def letter_mask(pixels: Pixels, boxes: Boxes, background: Pixels) -> Mask:
    """bool (H, W): the pixels of each box that differ from the background, uint8 (H, W, 3).

    The threshold is half of Otsu's (1979) for the differences within a box; half, because the edges of letters are
    mixed with the background. Letters are dilated by 6 % of the box's height.
    """
    difference = np.abs(pixels.astype(np.int16) - background).max(2).astype(np.uint8)
    mask = np.zeros(difference.shape, bool)
    for box in boxes:
        inside = box_mask(difference.shape, box[None])
        if not inside.any():
            continue
        letters = inside & (difference > otsu(difference[inside]) / 2)
        mask |= _thickened(letters, max(1, round(THICKEN * _height(box))))
    return mask


def otsu(values: NDArray[np.uint8]) -> int:
    """Otsu's threshold: the level with the largest variance between the values up to it and those above."""
    counts = np.bincount(values.ravel(), minlength=256).astype(np.float64)
    below, total = counts.cumsum(), counts.sum()
    mass = (counts * np.arange(256)).cumsum()
    above = total - below
    with np.errstate(divide="ignore", invalid="ignore"):
        between = below * above * (mass / below - (mass[-1] - mass) / above) ** 2
    return int(np.nanargmax(np.nan_to_num(between)))


def inpainter(method: Method = "telea", radius: int = RADIUS) -> Fill:
    """OpenCV's inpainting by Telea (2004) or Bertalmio et al. (2001, Navier-Stokes)."""
    if method not in METHODS:
        raise ValueError(f"method must be one of {METHODS}, not {method!r}")
    cv2 = _optional("cv2")
    flag = cv2.INPAINT_TELEA if method == "telea" else cv2.INPAINT_NS

    def fill(pixels: Pixels, mask: Mask) -> Pixels:
        painted: Pixels = cv2.inpaint(np.ascontiguousarray(pixels), mask.astype(np.uint8), radius, flag)
        return painted

    return fill


def compute_on_one_thread() -> None:
    """Restrict OpenCV to one thread: with a process a core, more threads only compete."""
    _optional("cv2").setNumThreads(1)


def text_detector(detect_at: int = DETECT_AT) -> Detector:
    """PP-OCR's text detector through rapidocr, on one thread; its weights come with the package.

    A poster whose shorter side has fewer than ``detect_at`` pixels is enlarged for the detector; the boxes (M, 4, 2)
    are in the poster's own pixels.
    """
    rapidocr = _optional("rapidocr")
    _optional("onnxruntime")
    engine = rapidocr.RapidOCR(
        params={
            "Global.use_cls": False,
            "Global.use_rec": False,
            "Global.log_level": "error",
            "EngineConfig.onnxruntime.intra_op_num_threads": 1,
            "EngineConfig.onnxruntime.inter_op_num_threads": 1,
            "Det.limit_type": "min",
            "Det.limit_side_len": detect_at,
        }
    )

    def detect(pixels: Pixels) -> Boxes:
        boxes = engine(np.ascontiguousarray(pixels[..., ::-1])).boxes  # BGR, as OpenCV has it
        return np.empty((0, 4, 2), np.float32) if boxes is None else np.asarray(boxes, np.float32)

    return detect


def _optional(module: str) -> Any:
    try:
        return import_module(module)
    except ImportError as error:
        raise TextUnavailableError(
            f'Removing text needs {module}, which is not installed: pip install -e ".[text]".'
        ) from error


def _height(box: Boxes) -> float:
    """The shorter of a box's two sides: the height of the letters."""
    return float(min(np.linalg.norm(box[1] - box[0]), np.linalg.norm(box[3] - box[0])))


def enlarged(box: Boxes) -> Boxes:
    """A box whose sides are moved outwards by 15 % of its height."""
    grow = MARGIN * _height(box)
    corners: Boxes = box.copy()
    for corner in range(4):
        for other in ((corner + 1) % 4, (corner - 1) % 4):
            side = box[corner] - box[other]
            corners[corner] += grow * side / max(float(np.linalg.norm(side)), 1e-6)
    return corners


def _thickened(mask: Mask, pixels: int) -> Mask:
    picture = Image.fromarray(mask.astype(np.uint8) * 255)
    return np.array(picture.filter(ImageFilter.MaxFilter(2 * pixels + 1)), bool)
