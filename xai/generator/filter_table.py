"""The table of all filters (units) of a generator, kept beside its weights.

    table = FilterTable.beside("checkpoints/dcgan-64", checkpoint.digest)    # None where it is of other weights
    table.rows()[0]                     # {"layer": "layers.2", "unit": 0, "verdict": "useful", ...}
    table.save("checkpoints/dcgan-64/filters.npz")

``xai.generator.filter_study`` measures it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gan.evaluation.estimates import by_chance
from xai.errors import ExplanationError
from xai.generator.filter_verdicts import LEVEL, RULE, VERDICTS, Verdict
from xai.networks.study_files import Arrays, Record, StudyFile

Floats = NDArray[np.float32]

FILE = "filters.npz"
MOST_BYTES = 50_000_000
STUDY_FILE = StudyFile(FILE, "table of filters", MOST_BYTES)
SHOWN = 8  # of a unit's strongest and weakest posters


@dataclass(frozen=True, eq=False)
class FilterTable:
    """Every unit of every activation layer, in the network's order; U units in all.

    layer, unit : (U,) where it is.
    mean, spread, largest, active : (U,) of its activation over latents and places: mean, standard deviation,
        maximum, fraction of positions above 0.
    effect : (U,) grey levels, mean over latents of the RMS change of the picture when it is ablated.
    logit_change, logit_low, logit_high : (U,), mean of D's logit without it minus with it, and its interval;
        NaN without a discriminator.
    partner, correlation : (U,), the most correlated other unit of the layer; -1 and 0 where there is none.
    factor, offset : (U,), the unit is replaced by factor * partner + offset (least squares).
    replaced : (U,) grey levels, what the replacement changes.
    verdict : (U,) one of VERDICTS, by RULE. confidence : (U,), fraction of bootstrap resamples over latents
        with the same verdict.
    strongest, weakest : (U, 8) seeds below 1000 with the highest and lowest mean activation, in that order.
    digest : of the weights. latents : number of posters. first_seed : seed of the first of them. rule : RULE at the
        time.
    """

    layer: NDArray[np.str_]
    unit: NDArray[np.int32]
    mean: Floats
    spread: Floats
    largest: Floats
    active: Floats
    effect: Floats
    logit_change: Floats
    logit_low: Floats
    logit_high: Floats
    partner: NDArray[np.int32]
    correlation: Floats
    factor: Floats
    offset: Floats
    replaced: Floats
    verdict: NDArray[np.str_]
    confidence: Floats
    strongest: NDArray[np.int32]
    weakest: NDArray[np.int32]
    digest: str
    latents: int
    first_seed: int
    rule: str

    def __len__(self) -> int:
        return len(self.unit)

    def rows(self) -> list[dict[str, Any]]:
        """One dict a unit for a data frame; plain Python values."""
        columns = {name: getattr(self, name).tolist() for name in COLUMNS}
        return [{name: values[index] for name, values in columns.items()} for index in range(len(self))]

    def find(self, layer: str, unit: int) -> dict[str, Any]:
        """The row of one unit; ExplanationError where there is none."""
        [places] = np.nonzero((self.layer == layer) & (self.unit == unit))
        if not len(places):
            raise ExplanationError(f"The table has no unit {unit} of {layer}.")
        return {name: getattr(self, name)[places[0]].tolist() for name in COLUMNS}

    def counts(self, layer: str | None = None) -> dict[Verdict, int]:
        """How many units have each verdict, in one layer or in all."""
        chosen = self.verdict if layer is None else self.verdict[self.layer == layer]
        return {verdict: int((chosen == verdict).sum()) for verdict in VERDICTS}

    @property
    def multiplicity(self) -> str:
        """How many units were found harmful, beside how many would be by chance; "" without a discriminator."""
        tested = int(np.isfinite(self.logit_change).sum())
        found, expected = self.counts()["harmful"], by_chance(tested, LEVEL, one_sided=True)
        return (
            f"Harmful was tested {tested} times, one filter at a time: {found} are; by chance alone, at most "
            f"{expected:.2g} would be."
        ) * bool(tested)

    def summary(self) -> str:
        """One line a layer: how many of its filters have each verdict."""
        lines = []
        for layer in dict.fromkeys(self.layer.tolist()):
            verdicts = ", ".join(f"{count} {verdict}" for verdict, count in self.counts(layer).items() if count)
            lines.append(f"{layer}: {verdicts}")
        return "\n".join(lines)

    def effect_at(self, percent: int) -> float:
        """The greatest effect, in grey levels, among the ``percent`` (1 to 100) of the filters that have the least."""
        count = max(round(percent / 100 * len(self.effect)), 1)
        return float(sorted(self.effect)[count - 1])

    def threshold_at(self, percent: int) -> float:
        """The least hundredth of a grey level above the effects of ``percent`` (0 to 100) of the filters."""
        return 0.0 if percent == 0 else math.floor(100 * self.effect_at(percent) + 1) / 100

    def percent_below(self, threshold: float) -> int:
        """Percent (0 to 100) of the filters whose effect on the picture is below ``threshold`` grey levels."""
        return round(100 * float((self.effect < threshold).mean()))

    def save(self, path: str | Path) -> None:
        """Write one .npz, complete or not at all."""
        arrays, facts = ({name: getattr(self, name) for name in names} for names in (COLUMNS, FACTS))
        STUDY_FILE.write(path, arrays, facts)

    @staticmethod
    def load(path: str | Path) -> FilterTable:
        """Read what ``save`` wrote.

        Raises
        ------
        ExplanationError
            If the file does not exist, is damaged, or is something else.
        """
        return STUDY_FILE.read(path, _unpacked)

    @staticmethod
    def beside(folder: str | Path, digest: str) -> FilterTable | None:
        """The table in a checkpoint's folder; None where there is none, or where the weights or the rule are others.

        Raises
        ------
        ExplanationError
            If it is damaged.
        """
        path = STUDY_FILE.beside(folder)
        table = None if path is None else FilterTable.load(path)
        return table if table is not None and (table.digest, table.rule) == (digest, RULE) else None


FACTS = ("digest", "latents", "first_seed", "rule")
COLUMNS = tuple(field.name for field in fields(FilterTable) if field.name not in FACTS)
INTEGERS = ("unit", "partner", "strongest", "weakest")


def _unpacked(arrays: Arrays, record: Record) -> FilterTable:
    values: dict[str, Any] = {name: arrays[name] for name in COLUMNS} | {name: record[name] for name in FACTS}
    table = FilterTable(**values)
    if set(table.verdict.ravel().tolist()) - set(VERDICTS):
        raise ValueError("unknown verdicts")
    for name in COLUMNS:
        column = getattr(table, name)
        kind = "U" if name in ("layer", "verdict") else "i" if name in INTEGERS else "f"
        shape = (table.unit.size, SHOWN) if name in ("strongest", "weakest") else (table.unit.size,)
        if (column.dtype.kind, column.shape) != (kind, shape):
            raise ValueError(f"{name} is {column.dtype} {column.shape}")
    return table
