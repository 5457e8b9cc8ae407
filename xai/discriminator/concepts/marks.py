"""How well the detectors find what was marked by hand on 100 posters.

    found = measure_marks("docs/marked_posters.json", "posters.zip")
    found["face"]["recall by pixel"].low            # estimates with 95 % intervals

The marks are boxes, fractions of a whole poster's sides, of the evenly spaced ones of a data set's held-out posters.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from gan.data.archives import open_source
from gan.data.images import open_image
from gan.data.posters import evenly_spaced, load_posters
from gan.errors import counted
from gan.evaluation.estimates import Estimate, proportion, with_intervals
from gan.progress import Progress
from xai.discriminator.concepts.detectors import box_masks, detector, is_title
from xai.errors import ExplanationError

Counts = NDArray[np.float64]
GRID = (96, 64)  # cells in which marks and finds are compared
KINDS = {"text": ("title", "other_text"), "title text": ("title",), "face": ("face",)}  # marks that each is measured by
RANGE = (0.0, 1.0)


def measure_marks(
    marks: str | Path, source: str | Path, progress: Progress | None = None
) -> dict[str, dict[str, Estimate]]:
    """Precision and recall of each detector, by pixel and by poster, with intervals over posters.

    Raises
    ------
    ExplanationError
        If the posters are not those that were marked, the marks cannot be read, or a detector is not installed.
    """
    try:
        document = json.loads(Path(marks).read_text(encoding="utf-8"))
        marked, expected = document["posters"], document["held_out"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ExplanationError(f"{marks} holds no marks of posters.") from error
    held_out = load_posters(source, progress=False).split()[1]
    if len(held_out) != expected:
        raise ExplanationError(
            f"The marks are of a data set with {counted(expected, 'held-out poster')}; {source} has {len(held_out)}."
        )
    names = [held_out.names[index] for index in evenly_spaced(len(held_out), len(marked))]
    found = _detected(source, names, progress or (lambda done: None))
    result = {}
    for kind, fields in KINDS.items():
        boxes = [np.array([box for field in fields for box in each[field]]).reshape(-1, 4) for each in marked]
        result[kind] = precision_and_recall(
            box_masks(found[kind], GRID).numpy().reshape(len(names), -1),
            box_masks(boxes, GRID).numpy().reshape(len(names), -1),
        )
    return result


def precision_and_recall(found: NDArray[np.bool_], marked: NDArray[np.bool_]) -> dict[str, Estimate]:
    """Of masks (N, P) of N posters; by pixel over all posters, and by whether a poster has any."""
    counts = np.stack([(found & marked).sum(1), found.sum(1), marked.sum(1)], 1).astype(float)
    some_found, some_marked = np.asarray(found.any(1)), np.asarray(marked.any(1))
    by_pixel = with_intervals(_by_pixel, counts, ranges=dict.fromkeys(("precision", "recall"), RANGE))
    return {
        "precision by pixel": by_pixel["precision"],
        "recall by pixel": by_pixel["recall"],
        "precision by poster": _part(some_marked[some_found]),
        "recall by poster": _part(some_found[some_marked]),
    }


def marks_table(result: Mapping[str, Mapping[str, Estimate]]) -> str:
    """One line a measure, percent."""
    return "\n".join(
        f"{kind:11} {name:20} {100 * each.value:3.0f} % ({100 * each.low:.0f} to {100 * each.high:.0f} %)"
        for kind, measures in result.items()
        for name, each in measures.items()
    )


def _detected(source: str | Path, names: list[str], progress: Progress) -> dict[str, list[NDArray[np.float64]]]:
    find_text, find_face = detector("text"), detector("face")
    texts, faces = [], []
    with open_source(source) as files:
        for index, name in enumerate(names):
            pixels = np.asarray(open_image(files.read(name), name))
            texts.append(find_text(pixels))
            faces.append(find_face(pixels))
            progress((index + 1) / len(names))
    return {"text": texts, "title text": [boxes[is_title(boxes)] for boxes in texts], "face": faces}


def _by_pixel(counts: Counts) -> dict[str, float]:
    both, found, marked = counts.sum(0)
    return {"precision": float(both / max(found, 1)), "recall": float(both / max(marked, 1))}


def _part(cases: NDArray[np.bool_]) -> Estimate:
    return proportion(cases) if len(cases) else Estimate(np.nan, np.nan, np.nan)
