"""The table of all filters of a discriminator, kept beside its weights: what each tells, and the posters that show it.

    table = DiscriminatorTable.beside("checkpoints/dcgan-64", checkpoint.digest)    # None where it is of other weights
    table.find("layers.7", 12)          # {"says": "for real", "auc": 0.61, "auc_low": 0.59, "auc_high": 0.64, ...}
    table.picks("strongest", generated=True).rows[table.index("layers.7", 12)]      # (9,) seeds

``xai.discriminator.filters.study`` measures it. It holds numbers and seeds, and no poster.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from xai.discriminator.filters.evidence import BINS, QUANTILES, SAYS, SAYS_RULE, UNUSED_RULE
from xai.discriminator.filters.exemplars import KINDS, SHOWN, Picks
from xai.networks.study_files import Arrays, Record, StudyFile
from xai.networks.unit_table import UnitTable, check_column

Floats = NDArray[np.float32]

FILE = "discriminator.npz"
VERSION = 1  # of what is measured, and how
MOST_BYTES = 50_000_000
RULES = (SAYS_RULE, UNUSED_RULE)


@dataclass(frozen=True, eq=False)
class Histogram:
    """Middles (BINS,) of the bins and their width; proportions (BINS,) of real and of generated posters in each."""

    middles: NDArray[np.float64]
    width: float
    real: NDArray[np.float64]
    generated: NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class DiscriminatorTable(UnitTable):
    """Every filter of every activation layer, in the network's order; U filters in all.

    Columns whose names end in ``_low`` and ``_high`` are the 95 % interval of the one before. Unless another is named,
    they are those of :class:`xai.discriminator.filters.evidence.FilterEvidence`, over held-out and generated posters.

    highest_real, highest_generated : (U,) the largest response over held-out and over generated posters.
    bins_low, bins_high : (U,) ends of the histogram of the largest response. real_counts, generated_counts : int32
        (U, BINS). real_quantiles, generated_quantiles : (U, 5), those of QUANTILES.
    real_posters : int64 (U, 3, 9), for each of KINDS the posters, as rows of the data set, the best first, -1 where
        there are no more. real_places : uint16, where in the filter's map: its largest response or contribution.
        real_values : float16, responses or contributions.
    generated_posters, generated_places, generated_values : the same of generated posters, as seeds.
    digest : of the weights. posters : fingerprint of the real posters (gan.checkpoints.dataset), {} without any.
    real, held_out, generated : numbers of posters that exemplars were chosen from, that were held out, and generated.
    first_seed : of the generated posters. reference : in words. rules, version : RULES and VERSION at the time.
    """

    STUDY = StudyFile(FILE, "table of a discriminator's filters", MOST_BYTES)
    FACTS = (
        "digest", "posters", "real", "held_out", "generated", "first_seed", "reference", "rules", "version"
    )  # fmt: skip

    auc: Floats
    auc_low: Floats
    auc_high: Floats
    auc_of_mean: Floats
    auc_of_mean_low: Floats
    auc_of_mean_high: Floats
    auc_of_contribution: Floats
    auc_of_contribution_low: Floats
    auc_of_contribution_high: Floats
    says: NDArray[np.str_]
    logit_effect: Floats
    logit_effect_low: Floats
    logit_effect_high: Floats
    p: Floats
    agreeing: Floats
    proportion: Floats
    proportion_low: Floats
    proportion_high: Floats
    strength: Floats
    highest_real: Floats
    highest_generated: Floats
    active: Floats
    activation_rank: NDArray[np.int32]
    contribution_rank: NDArray[np.int32]
    silent: NDArray[np.bool_]
    unused: NDArray[np.bool_]
    bins_low: Floats
    bins_high: Floats
    real_counts: NDArray[np.int32]
    generated_counts: NDArray[np.int32]
    real_quantiles: Floats
    generated_quantiles: Floats
    real_posters: NDArray[np.int64]
    real_places: NDArray[np.uint16]
    real_values: NDArray[np.float16]
    generated_posters: NDArray[np.int64]
    generated_places: NDArray[np.uint16]
    generated_values: NDArray[np.float16]
    digest: str
    posters: Mapping[str, Any]
    real: int
    held_out: int
    generated: int
    first_seed: int
    reference: str
    rules: tuple[str, ...] = RULES
    version: int = VERSION

    def listed(self) -> dict[str, NDArray[Any]]:
        """The columns of one value a filter."""
        return {name: values for name, values in super().listed().items() if values.ndim == 1}

    def picks(self, kind: str, generated: bool = False) -> Picks:
        """The posters of one of KINDS for all filters: rows of the data set, or seeds of ``generated`` ones."""
        index, of = KINDS.index(kind), "generated" if generated else "real"
        posters, places, values = (getattr(self, f"{of}_{name}")[:, index] for name in ("posters", "places", "values"))
        return Picks(posters, places, values.astype(np.float32))

    def histogram(self, layer: str, unit: int) -> Histogram:
        """Of one filter's largest response; ExplanationError where there is no such filter."""
        index = self.index(layer, unit)
        ends = np.linspace(float(self.bins_low[index]), float(self.bins_high[index]), BINS + 1)
        parts = [
            counts[index] / max(int(counts[index].sum()), 1) for counts in (self.real_counts, self.generated_counts)
        ]
        return Histogram((ends[:-1] + ends[1:]) / 2, float(ends[1] - ends[0]), *parts)

    def counts(self, layer: str | None = None) -> dict[str, int]:
        """How many filters say what, in one layer or in all: one number for each of SAYS."""
        chosen = Counter((self.says if layer is None else self.says[self.layer == layer]).tolist())
        return {said: chosen[said] for said in SAYS}

    def telling(self, layer: str) -> int:
        """How many filters of a layer tell real from generated posters alone: 0.5 is outside the AUC's interval."""
        own = self.layer == layer
        return int(((self.auc_low[own] > 0.5) | (self.auc_high[own] < 0.5)).sum())

    def strongest_auc(self, layer: str | None = None) -> float:
        """The AUC farthest from 0.5, in one layer or in all."""
        auc = self.auc if layer is None else self.auc[self.layer == layer]
        return float(auc[np.abs(auc - 0.5).argmax()])

    def half_of_contributions(self, layer: str) -> int:
        """How many filters of a layer, those with the largest contributions, make up half of all its contributions."""
        parts = np.sort(self.proportion[self.layer == layer])[::-1].cumsum()
        return int(np.searchsorted(parts, parts[-1] / 2)) + 1

    def summary(self) -> str:
        """One line a layer: what its filters say when they fire, and how many fire without being used."""
        lines = []
        for layer in dict.fromkeys(self.layer.tolist()):
            parts = [f"{count} {said}" for said, count in self.counts(layer).items() if count]
            lines.append(f"{layer}: {', '.join(parts)}; {int(self.unused[self.layer == layer].sum())} not used")
        return "\n".join(lines)

    @classmethod
    def unpacked(cls, arrays: Arrays, record: Record) -> DiscriminatorTable:
        return super().unpacked(arrays, record | {"rules": tuple(record["rules"])})

    def check(self) -> None:
        if set(self.says.ravel().tolist()) - set(SAYS):
            raise ValueError("unknown words")
        units = len(self)
        for name, column in super().stored().items():
            check_column(name, column, KINDS_OF.get(name, "f"), units, *SHAPES.get(name.partition("_")[2], ()))

    @classmethod
    def beside(cls, folder: str | Path, digest: str) -> DiscriminatorTable | None:
        """The table in a checkpoint's folder; None where there is none, or where the weights or the rules are others.

        Raises
        ------
        ExplanationError
            If it is damaged.
        """
        path = cls.STUDY.beside(folder)
        table = None if path is None else cls.load(path)
        same = table is not None and (table.digest, table.rules, table.version) == (digest, RULES, VERSION)
        return table if same else None


SHAPES: dict[str, tuple[int, ...]] = {
    "counts": (BINS,), "quantiles": (len(QUANTILES),),
    **dict.fromkeys(("posters", "places", "values"), (len(KINDS), SHOWN)),
}  # fmt: skip  # of a column's rows, by the end of its name
KINDS_OF = {
    **dict.fromkeys(("layer", "says"), "U"),
    **dict.fromkeys(("silent", "unused"), "b"),
    **dict.fromkeys(("real_places", "generated_places"), "u"),
    **dict.fromkeys(
        (
            "unit", "activation_rank", "contribution_rank", "real_counts", "generated_counts", "real_posters",
            "generated_posters",
        ),
        "i",
    ),
}  # fmt: skip  # of numpy; the others are floats
