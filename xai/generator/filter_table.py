"""The table of all filters (units) of a generator, kept beside its weights.

    table = FilterTable.beside("checkpoints/dcgan-64", checkpoint.digest)    # None where it is of other weights
    table.rows()[0]                     # {"layer": "layers.2", "unit": 0, "verdict": "useful", ...}
    table.save("checkpoints/dcgan-64/filters.npz")

``xai.generator.filter_study`` measures it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from gan.evaluation.estimates import by_chance
from xai.generator.filter_verdicts import LEVEL, RULE, VERDICTS, Verdict
from xai.networks.study_files import StudyFile
from xai.networks.unit_table import UnitTable, check_column

Floats = NDArray[np.float32]

FILE = "filters.npz"
MOST_BYTES = 50_000_000
SHOWN = 8  # of a unit's strongest and weakest posters


@dataclass(frozen=True, eq=False)
class FilterTable(UnitTable):
    """Every unit of every activation layer, in the network's order; U units in all.

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

    STUDY = StudyFile(FILE, "table of filters", MOST_BYTES)
    FACTS = ("digest", "latents", "first_seed", "rule")

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

    def check(self) -> None:
        if set(self.verdict.ravel().tolist()) - set(VERDICTS):
            raise ValueError("unknown verdicts")
        for name, column in self.stored().items():
            kind = "U" if name in ("layer", "verdict") else "i" if name in INTEGERS else "f"
            shape = (self.unit.size, SHOWN) if name in ("strongest", "weakest") else (self.unit.size,)
            check_column(name, column, kind, *shape)

    @staticmethod
    def beside(folder: str | Path, digest: str) -> FilterTable | None:
        """The table in a checkpoint's folder; None where there is none, or where the weights or the rule are others.

        Raises
        ------
        ExplanationError
            If it is damaged.
        """
        path = FilterTable.STUDY.beside(folder)
        table = None if path is None else FilterTable.load(path)
        return table if table is not None and (table.digest, table.rule) == (digest, RULE) else None


COLUMNS = FilterTable.columns()
INTEGERS = ("unit", "partner", "strongest", "weakest")
