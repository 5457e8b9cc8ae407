"""Which concept each filter stands for, with both proofs and the controls; kept beside the weights.

    table = ConceptTable.beside("checkpoints/dcgan-64", checkpoint.digest)    # None where it is of other weights
    table.rows()[0]                    # {"layer": "layers.1", "unit": 0, "concept": "blue", "iou": 0.31, ...}
    table.evidence("layers.1", 0)      # one dict a concept, for the filter's card
    print(table.summary())

:func:`xai.discriminator.concepts.study.study_concepts` measures it. A filter has the name of the concept that its map
covers best (IoU above chance) among those for which both proofs agree and that filters with random weights do not
follow as well; "" where there is none.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gan.errors import counted
from gan.evaluation.estimates import Estimate, wilson
from xai.networks.study_files import Arrays, Record, StudyFile
from xai.networks.unit_table import UnitTable, check_column

Floats = NDArray[np.float32]

FILE = "concepts.npz"
MOST_BYTES = 50_000_000
STUDY_FILE = StudyFile(FILE, "study of concepts", MOST_BYTES)
GENERATOR_FILE = StudyFile("generator_concepts.npz", "study of concepts", MOST_BYTES)
NONE = -1  # label of a filter that stands for no concept
RULE = "both proofs, above 97.5 % of random filters"


@dataclass(frozen=True, eq=False)
class ConceptTable(UnitTable):
    """U filters and C concepts, of the activation layers in their order.

    layer, unit : (U,) where the filter is. concept : (C,) names.
    label : (U,) index of the concept that the filter stands for, or ``NONE``.
    iou, iou_low, iou_high, chance, z, auc : (U, C), the first proof (xai.discriminator.concepts.proofs.Follows).
    second, second_low, second_high : (U, C), the second proof: AUC of the responses to drawn pairs; of a generator, of
        the concept's part of the picture, with the filter against without it.
    threshold : (U, C), the excess of the IoU over chance that a name needs, from random filters of the same layer.
    controls : (2, 2), how many filters got a name, and of how many: with random weights; with exchanged maps.
    digest : of the weights. pictures : how many, and of which kind ("held-out posters").
    rule : RULE at the time.
    """

    STUDY = STUDY_FILE
    FACTS = ("digest", "pictures", "kind", "rule")

    concept: NDArray[np.str_]
    label: NDArray[np.int32]
    iou: Floats
    iou_low: Floats
    iou_high: Floats
    chance: Floats
    z: Floats
    auc: Floats
    second: Floats
    second_low: Floats
    second_high: Floats
    threshold: Floats
    controls: NDArray[np.int32]
    digest: str
    pictures: int
    kind: str
    rule: str

    @property
    def excess(self) -> Floats:
        """(U, C), the IoU above chance, as a proportion of what there is above chance."""
        return np.asarray((self.iou - self.chance) / np.maximum(1 - self.chance, 1e-6), np.float32)

    @property
    def random(self) -> Estimate:
        """Proportion of filters with random weights that got a name, not those that the thresholds were taken from."""
        return self._control(0)

    @property
    def permuted(self) -> Estimate:
        """Proportion of the filters that got a name from maps of other posters, moved to other places."""
        return self._control(1)

    def _control(self, row: int) -> Estimate:
        named, count = (int(number) for number in self.controls[row])
        return wilson(named / max(count, 1), max(count, 1))

    def names(self) -> list[str]:
        """Each filter's concept, "" where there is none."""
        return ["" if label == NONE else str(self.concept[label]) for label in self.label]

    def rows(self) -> list[dict[str, Any]]:
        """One dict a filter for a data frame, with the evidence for its concept (None where it has none)."""
        return [self._row(index, name) for index, name in enumerate(self.names())]

    def _row(self, index: int, name: str) -> dict[str, Any]:
        label = int(self.label[index])
        values = {key: None if label == NONE else float(getattr(self, key)[index, label]) for key in EVIDENCE}
        return {"layer": str(self.layer[index]), "unit": int(self.unit[index]), "concept": name, **values}

    def find(self, layer: str, unit: int) -> dict[str, Any]:
        """The row of one filter; ExplanationError where there is none."""
        index = self.index(layer, unit)
        return self._row(index, self.names()[index])

    def by_filter(self) -> dict[tuple[str, int], str]:
        """Each filter's concept by its layer and unit."""
        return dict(zip(zip(self.layer.tolist(), self.unit.tolist(), strict=True), self.names(), strict=True))

    def evidence(self, layer: str, unit: int) -> list[dict[str, Any]]:
        """One dict a concept with both proofs for a filter, the largest excess first."""
        index = self.index(layer, unit)
        order = np.argsort(-self.excess[index], kind="stable")
        return [
            {"concept": str(self.concept[column])}
            | {key: float(getattr(self, key)[index, column]) for key in (*EVIDENCE, "excess", "threshold")}
            for column in order
        ]

    def counts(self, layer: str | None = None) -> dict[str, int]:
        """How many filters stand for each concept, the most frequent first, in one layer or in all."""
        names = [name for name, at in zip(self.names(), self.layer, strict=True) if layer in (None, at) and name]
        return dict(Counter(names).most_common())

    def summary(self) -> str:
        """One line a layer, and the controls."""
        lines = []
        for layer in dict.fromkeys(self.layer.tolist()):
            total, found = int((self.layer == layer).sum()), self.counts(layer)
            listed = ", ".join(f"{count} {name}" for name, count in found.items()) or "none"
            lines.append(f"{layer}: {sum(found.values())} of {counted(total, 'filter')} have a name: {listed}")
        for what, estimate in (("random weights", self.random), ("exchanged maps", self.permuted)):
            lines.append(
                f"with {what}: {100 * estimate.value:.1f} % "
                f"({100 * estimate.low:.1f} to {100 * estimate.high:.1f} %) got a name"
            )
        return "\n".join(lines)

    def stored(self) -> Arrays:
        """Measured values in half precision."""
        arrays = super().stored()
        return {n: a.clip(-6e4, 6e4).astype(np.float16) if a.dtype.kind == "f" else a for n, a in arrays.items()}

    @classmethod
    def unpacked(cls, arrays: Arrays, record: Record) -> ConceptTable:
        single = {
            name: array.astype(np.float32) if array.dtype.kind == "f" else array for name, array in arrays.items()
        }
        return super().unpacked(single, record)

    def check(self) -> None:
        units, concepts = len(self.unit), len(self.concept)
        kinds = {"layer": "U", "concept": "U", "unit": "i", "label": "i", "controls": "i"}
        shapes = {"layer": (units,), "unit": (units,), "label": (units,), "concept": (concepts,), "controls": (2, 2)}
        for name in self.columns():
            check_column(name, getattr(self, name), kinds.get(name, "f"), *shapes.get(name, (units, concepts)))
        if not ((self.label >= NONE) & (self.label < concepts)).all():
            raise ValueError("unknown labels")

    @staticmethod
    def beside(folder: str | Path, digest: str, file: StudyFile = STUDY_FILE) -> ConceptTable | None:
        """The table in a checkpoint's folder; None where there is none, or where the weights or the rule are others.

        file : ``GENERATOR_FILE`` for that of the generator's filters.

        Raises
        ------
        ExplanationError
            If it is damaged.
        """
        path = file.beside(folder)
        table = None if path is None else ConceptTable.load(path)
        return table if table is not None and (table.digest, table.rule) == (digest, RULE) else None


EVIDENCE = (
    "iou", "iou_low", "iou_high", "chance", "z", "auc", "second", "second_low", "second_high",
)  # fmt: skip
