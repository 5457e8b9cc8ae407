"""How a method stands in the localisation benchmark at a detail: its paired difference to an edge detector.

    standing("checkpoints/dcgan-64", "deeplift", 8)        # LocalisationStanding(8, value=0.05, ...)
    standing("checkpoints/dcgan-64", "deeplift", 3)        # None: not measured at this detail
    keep("docs/attribution.json", "checkpoints/dcgan-64")  # after scripts/benchmark_attribution.py --json

``keep`` writes the differences beside the weights that they were measured with, so that the pages find them wherever
they are started; ``scripts/benchmark_attribution.py --keep`` does so by itself.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal

import numpy as np

from gan.evaluation.estimates import bootstrap
from gan.files import stamp, write_file
from xai.bench.localisation import CONTROLS, RANK_AT
from xai.errors import ExplanationError

NAME = "localisation.json"
CONTROL = "edges"
MOST_BYTES = 1_000_000


@dataclass(frozen=True)
class LocalisationStanding:
    """Mean difference of rank accuracy to the edge detector's at a ``detail`` in pixels, with its 95 % interval."""

    detail: int
    value: float
    low: float
    high: float

    @property
    def compared(self) -> Literal["better", "worse", "level"]:
        """Better or worse only where the whole interval says so."""
        return "better" if self.low > 0 else "worse" if self.high < 0 else "level"


def standing(folder: str | Path, method: str, detail: int, digest: str | None = None) -> LocalisationStanding | None:
    """Of a method at a detail, as kept in a checkpoint's folder; None where that was not measured.

    ``digest`` is the checkpoint's: what was measured with other weights says nothing of these.
    """
    path = Path(folder) / NAME
    try:
        record = _read(path, stamp(path))
        if digest is not None and record["digest"] != digest:
            return None
        value, low, high = (float(one) for one in record["methods"][method][str(detail)])
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return LocalisationStanding(detail, value, low, high) if low <= value <= high else None


@lru_cache(maxsize=16)
def _read(path: Path, stamp: tuple[int, ...]) -> dict[str, Any]:
    if path.stat().st_size > MOST_BYTES:
        raise ValueError("too large")
    record: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return record


def against_control(record: Mapping[str, Any]) -> dict[str, Any]:
    """Of a study's ``record()``: each method's paired difference to the edge detector, at each measured detail."""
    settings, measures = record["settings"], record["measures"]
    edges = measures[CONTROL]
    methods = {
        name: {
            str(detail): _difference(measured[key], edges[key], settings["seed"])
            for detail, key in RANK_AT.items()
            if key in measured and key in edges
        }
        for name, measured in measures.items()
        if name in settings["methods"] and name not in CONTROLS
    }
    kept = ("checkpoint", "digest", "hosts", "reference", "seed")
    return {key: settings[key] for key in kept} | {
        "cases": len(record["cases"]),
        "control": CONTROL,
        "methods": methods,
    }


def _difference(measured: list[float], control: list[float], seed: int) -> list[float]:
    found = bootstrap(np.array(measured) - np.array(control), seed)
    return [round(one, 4) for one in (found.value, found.low, found.high)]


def keep(study: str | Path | Mapping[str, Any], folder: str | Path) -> Path:
    """Write a study's differences, from its JSON file or its ``record()``, into the folder of its checkpoint.

    Raises
    ------
    ExplanationError
        If the file holds no such study.
    """
    try:
        record = study if isinstance(study, Mapping) else json.loads(Path(study).read_text(encoding="utf-8"))
        text = json.dumps(against_control(record), indent=1) + "\n"
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ExplanationError(f"{study} holds no study of localisation.") from error
    path = Path(folder) / NAME
    write_file(path, text.encode())
    return path
