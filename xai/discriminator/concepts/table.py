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
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gan.errors import counted
from gan.evaluation.estimates import Estimate, wilson
from xai.errors import ExplanationError
from xai.networks.study_files import Arrays, Record, StudyFile

Floats = NDArray[np.float32]

FILE = "concepts.npz"
MOST_BYTES = 50_000_000
STUDY_FILE = StudyFile(FILE, "study of concepts", MOST_BYTES)
GENERATOR_FILE = StudyFile("generator_concepts.npz", "study of concepts", MOST_BYTES)
NONE = -1  # label of a filter that stands for no concept
RULE = "both proofs, above 97.5 % of random filters"


@dataclass(frozen=True, eq=False)
class ConceptTable:
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

    layer: NDArray[np.str_]
    unit: NDArray[np.int32]
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

    def __len__(self) -> int:
        return len(self.unit)

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
        index = self._index(layer, unit)
        return self._row(index, self.names()[index])

    def evidence(self, layer: str, unit: int) -> list[dict[str, Any]]:
        """One dict a concept with both proofs for a filter, the largest excess first."""
        index = self._index(layer, unit)
        order = np.argsort(-self.excess[index], kind="stable")
        return [
            {"concept": str(self.concept[column])}
            | {key: float(getattr(self, key)[index, column]) for key in (*EVIDENCE, "excess", "threshold")}
            for column in order
        ]

    def _index(self, layer: str, unit: int) -> int:
        [places] = np.nonzero((self.layer == layer) & (self.unit == unit))
        if not len(places):
            raise ExplanationError(f"The study of concepts has no filter {unit} of {layer}.")
        return int(places[0])

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

    def save(self, path: str | Path) -> None:
        """Write one .npz, complete or not at all; measured values in half precision."""
        arrays = {name: getattr(self, name) for name in COLUMNS}
        small = {n: a.clip(-6e4, 6e4).astype(np.float16) if a.dtype == np.float32 else a for n, a in arrays.items()}
        STUDY_FILE.write(path, small, {name: getattr(self, name) for name in FACTS})

    @staticmethod
    def load(path: str | Path) -> ConceptTable:
        """Read what ``save`` wrote.

        Raises
        ------
        ExplanationError
            If the file does not exist, is damaged, or is something else.
        """
        return STUDY_FILE.read(path, _unpacked)

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
FACTS = ("digest", "pictures", "kind", "rule")
COLUMNS = tuple(field.name for field in fields(ConceptTable) if field.name not in FACTS)


def _unpacked(arrays: Arrays, record: Record) -> ConceptTable:
    values: dict[str, Any] = {
        name: array.astype(np.float32) if array.dtype.kind == "f" else array for name, array in arrays.items()
    }
    table = ConceptTable(**{name: values[name] for name in COLUMNS}, **{name: record[name] for name in FACTS})
    units, concepts = len(table.unit), len(table.concept)
    shapes = {"layer": (units,), "label": (units,), "concept": (concepts,), "controls": (2, 2), "unit": (units,)}
    for name in COLUMNS:
        if values[name].shape != shapes.get(name, (units, concepts)):
            raise ValueError(f"{name} is {values[name].shape}")
    if table.label.dtype.kind != "i" or not ((table.label >= NONE) & (table.label < concepts)).all():
        raise ValueError("unknown labels")
    return table
