"""What a generator loses when it is pruned, measured once and kept beside its weights.

    curves = PruningCurves.beside("checkpoints/wider-64", checkpoint.digest)   # None: not measured
    curves.unnoticed["effect"]                       # 0.3: the proportion of filters that can go unnoticed
    [point.worse for point in curves.rankings["effect"]]

``xai.bench.pruning_study`` measures them; the Prune page shows them.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from gan.files import write_json
from xai.generator.pruning import RANKINGS

FILE = "pruning.json"
RULE = (
    "A proportion of filters is missed measurably when the 95 % interval of the difference from the whole generator's "
    "distance lies above 0, and so do those of all larger proportions: damage grows, so what is not measurable at a "
    "larger one is chance at a smaller one. Both generators draw the same seeds; the interval comes from drawing these "
    "again with replacement, and, where there are several random orders, from the spread between them."
)


@dataclass(frozen=True)
class Point:
    """One proportion of filters removed; of several orders the mean. Intervals are of 95 %.

    share : of all filters, 0 to 1.
    quality : Frechet distance from real posters (lower is better), with ``low`` to ``high``: over the posters that
        are drawn, and over the orders if there are several.
    worse : quality minus that of the whole network on the same seeds, with ``worse_low`` to ``worse_high``.
    diversity : mean distance of two posters' features, relative to that of the whole network, with
        ``diversity_low`` to ``diversity_high``.
    change : RMS difference of the pictures of the same seeds, in [-1, 1].
    parameters, multiply_adds, milliseconds : what a picture costs.
    speed : milliseconds of the whole network, measured in turns with this one, divided by this one's.
    """

    share: float
    quality: float
    low: float
    high: float
    worse: float
    worse_low: float
    worse_high: float
    diversity: float
    diversity_low: float
    diversity_high: float
    change: float
    parameters: int
    multiply_adds: int
    milliseconds: float
    speed: float

    @classmethod
    def from_json(cls, record: Mapping[str, Any]) -> Point:
        """The inverse of ``dataclasses.asdict``; KeyError, TypeError or ValueError if the record is not one."""
        values = {one.name: float(record[one.name]) for one in fields(cls)}
        if not all(map(math.isfinite, values.values())):
            raise ValueError("not finite")
        counts: dict[str, Any] = {name: int(values[name]) for name in ("parameters", "multiply_adds")}
        return cls(**values | counts)


@dataclass(frozen=True)
class PruningCurves:
    """What the generator of these weights loses, by ranking: points, and the largest proportion that goes unnoticed.

    samples, held_out : generated and real posters of each point. origin, source : of the real ones, as in
    ``CheckpointPosters``; "" in studies that do not say. orders : random rankings. recalibrated : BatchNorm's
    statistics were measured anew.
    """

    digest: str
    samples: int
    held_out: int
    origin: str
    source: str
    orders: int
    recalibrated: bool
    rule: str
    unnoticed: dict[str, float]
    rankings: dict[str, tuple[Point, ...]]

    @property
    def best(self) -> str:
        """The ranking by which most filters can go unnoticed."""
        return max(self.unnoticed, key=lambda name: self.unnoticed[name])

    def write(self, path: Path) -> None:
        """Write them as JSON, complete or not at all."""
        write_json(path, asdict(self))

    @classmethod
    def from_json(cls, record: Mapping[str, Any]) -> PruningCurves:
        """The inverse of ``dataclasses.asdict``; KeyError, TypeError or ValueError if the record is not one."""
        rankings = {name: tuple(map(Point.from_json, points)) for name, points in record["rankings"].items()}
        unnoticed = {name: float(record["unnoticed"][name]) for name in rankings}
        if not rankings or not set(rankings) <= set(RANKINGS):
            raise ValueError("not the rankings that there are")
        for name, points in rankings.items():
            shares = [point.share for point in points]
            if 0 not in shares or unnoticed[name] not in shares:
                raise ValueError("not measured of the whole generator, or not at what goes unnoticed")
        return cls(
            digest=str(record["digest"]), samples=int(record["samples"]), held_out=int(record["held_out"]),
            origin=str(record.get("origin", "")), source=str(record.get("source", "")), orders=int(record["orders"]),
            recalibrated=bool(record["recalibrated"]), rule=str(record["rule"]), unnoticed=unnoticed,
            rankings=rankings,
        )  # fmt: skip

    @classmethod
    def beside(cls, folder: str | Path, digest: str) -> PruningCurves | None:
        """Those in a checkpoint's folder; None where there are none of these weights, or where they are damaged."""
        try:
            curves = cls.from_json(json.loads((Path(folder) / FILE).read_text(encoding="utf-8")))
        except (OSError, ValueError, KeyError, TypeError, AttributeError, OverflowError):
            return None
        return curves if curves.digest == digest else None
