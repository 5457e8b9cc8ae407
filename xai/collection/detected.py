"""Faces and text on the real posters of a collection, found once by detectors on the whole pictures.

    found = detect(posters, "posters.zip", progress)    # kept in the cache; a job that was stopped goes on
    open_detected(posters)                              # None where they have not been looked for
    detect_pictures([picture])                          # on whole pictures that are in no collection
    found.faces, found.text_area                        # (N,): how many, and which proportion of the poster
    found.labels["several faces"]                       # int8 (N,): 1 has it, -1 has it not

It is the same whatever a checkpoint's size and crop. Needs the extra ``concepts``; a tenth of a second a poster, nearly
all of it for text, which is looked for in smaller pictures than where its letters are to be removed.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL.Image import Image

from gan.data.archives import open_source
from gan.data.images import open_image
from gan.data.posters import PosterSet
from gan.errors import counted
from gan.files import cache_directory
from gan.progress import Progress
from xai.collection import rows
from xai.discriminator.concepts.detectors import Boxes, Find, box_masks, detector
from xai.errors import ExplanationError

VERSION = 1  # of what is looked for; to be counted up when it is another
GROUP = "detected"
BLOCK = 64
TEXT_AT = 256  # pixels of the shorter side, to which smaller posters are enlarged for text
GRID = (96, 64)  # cells in which areas are counted
COLUMNS = {"faces": rows.Column("<i2"), "face_area": rows.Column("<f4"), "text_area": rows.Column("<f4")}

Values = NDArray[Any]


@dataclass(frozen=True, eq=False)
class Detected:
    """Of N posters: faces, how many; face_area and text_area, proportions of the poster that their boxes cover."""

    faces: Values
    face_area: Values
    text_area: Values

    def __len__(self) -> int:
        return len(self.faces)

    def select(self, some: Sequence[int] | NDArray[np.intp]) -> Detected:
        """The posters at these places."""
        chosen = np.asarray(some, np.intp)
        return Detected(self.faces[chosen], self.face_area[chosen], self.text_area[chosen])

    @property
    def coordinates(self) -> NDArray[np.float32]:
        """(N, 3): logarithm of the number of faces, roots of both areas; a second face counts more than a tenth."""
        columns = np.log1p(self.faces), np.sqrt(self.face_area), np.sqrt(self.text_area)
        return np.stack(columns, 1).astype(np.float32)

    @cached_property
    def labels(self) -> dict[str, NDArray[np.int8]]:
        """Kinds of posters: 1 for those of a kind, -1 for others. Little and much text: a quarter of them each."""
        little, much = np.quantile(self.text_area, (0.25, 0.75))
        kinds = {
            "no face": self.faces == 0,
            "one face": self.faces == 1,
            "several faces": self.faces > 1,
            "little text": self.text_area <= little,
            "much text": self.text_area >= max(much, np.nextafter(little, np.inf, dtype=np.float64)),
        }
        return {name: np.where(has, 1, -1).astype(np.int8) for name, has in kinds.items()}

    @property
    def summary(self) -> str:
        """In words."""
        return (
            f"{counted(len(self), 'poster')}: faces on {(self.faces > 0).mean():.0%}, {self.faces.mean():.1f} on "
            f"average; text on {self.text_area.mean():.0%} of their area."
        )

    def text(self, place: int) -> str:
        """What is on one poster, in words."""
        faces, area = int(self.faces[place]), float(self.face_area[place])
        named = {0: "no face", 1: f"one face, on {area:.0%} of it"}.get(faces, f"{faces} faces, on {area:.0%} of it")
        return f"{named}; text on {float(self.text_area[place]):.0%}"


def detect(
    posters: PosterSet,
    source: str | Path,
    progress: Progress = lambda done: None,
    rank: int = 0,
    world: int = 1,
) -> Detected:
    """Look for faces and text on the posters of a folder or zip; what is in the cache is not looked for again.

    rank, world : of several processes that share the posters (:func:`xai.networks.processes.processes`).

    Raises
    ------
    DetectorUnavailableError
        If a detector is not installed.
    ExplanationError, WriteError
        As :func:`xai.collection.rows.fill`; and if the posters do not come from files.
    """
    found = open_detected(posters)
    if found is not None:
        progress(1.0)
        return found
    group = rows.Group(_folder(posters), GROUP, rows.Plan(COLUMNS, len(posters), BLOCK))
    measure = _measure()
    with open_source(source) as files:

        def compute(some: slice) -> rows.Arrays:
            return measure(open_image(files.read(name), name) for name in posters.names[some])

        rows.fill(group, compute, {}, progress, rank, world)
    found = open_detected(posters)
    assert found is not None  # it was just written
    return found


def detect_pictures(pictures: Iterable[Image]) -> Detected:
    """Look for faces and text on whole RGB pictures that are in no collection, such as an uploaded one.

    Raises
    ------
    DetectorUnavailableError
        If a detector is not installed.
    """
    return Detected(**_measure()(pictures))


def open_detected(posters: PosterSet) -> Detected | None:
    """What was found on these posters; None where they have not been looked at."""
    stored = rows.read(_folder(posters), GROUP) if posters.stamps else None
    return None if stored is None else Detected(**stored.arrays)


def detectors() -> tuple[Find, Find]:
    """Those of text and of faces; opening them takes a while.

    Raises
    ------
    DetectorUnavailableError
        If one is not installed.
    """
    return detector("text", TEXT_AT), detector("face")


def _measure() -> Callable[[Iterable[Image]], rows.Arrays]:
    """A function from whole pictures to the columns of their rows."""
    find_text, find_face = detectors()

    def measure(pictures: Iterable[Image]) -> rows.Arrays:
        texts, faces = [], []
        for picture in pictures:
            pixels = np.asarray(picture)
            texts.append(find_text(pixels))
            faces.append(find_face(pixels))
        counts = np.array([len(boxes) for boxes in faces])
        return {"faces": counts, "face_area": _areas(faces), "text_area": _areas(texts)}

    return measure


def _areas(found: Sequence[Boxes]) -> Values:
    """Proportion of each poster that is inside any of its boxes."""
    return box_masks(found, GRID).float().mean((1, 2)).numpy()


def _folder(posters: PosterSet) -> Path:
    if not posters.stamps:
        raise ExplanationError("Faces and text are looked for in the posters' own files, and these have none.")
    key = json.dumps([VERSION, TEXT_AT, *zip(posters.names, posters.stamps, strict=True)])
    return cache_directory() / "detected" / hashlib.sha256(key.encode()).hexdigest()[:24]
