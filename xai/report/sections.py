"""What was measured of a checkpoint, as sections of a report: its metrics, its strongest filters, its dimensions.

    found = Measured.beside("checkpoints/dcgan-64", checkpoint.digest)
    sections = measured(checkpoint, found, z)           # z: of the poster that filters and dimensions are shown on

A part that was not measured is left out; ``Measured.parts`` names those that were.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from gan.checkpoints.record import Checkpoint
from gan.data.images import to_uint8
from gan.errors import counted
from gan.evaluation import report as evaluations
from gan.evaluation.metrics import GROUPS, METRICS
from gan.networks.dcgan import latents
from xai.discriminator.filters.table import DiscriminatorTable
from xai.discriminator.receptive_field import receptive_fields
from xai.figures.figure import Figure, Panel, Source
from xai.figures.picture import number
from xai.generator.ablation import ablate
from xai.generator.filter_table import FilterTable
from xai.latents.study import LatentStudy
from xai.networks.score import Score
from xai.render import outline
from xai.report.figures import of_sweep
from xai.report.filter_figures import of_ablation
from xai.report.study_report import Entry, Section

FILTERS = 5  # of the generator
A_LAYER = 2  # filters of the discriminator: their proportions are of their layers, and not compared between them
DIMENSIONS = 5
EXEMPLARS = 6
SWEPT = (-3.0, -2.0, -1.0, 0.0, 1.0, 2.0, 3.0)


@dataclass(frozen=True, eq=False)
class Measured:
    """What was measured of a checkpoint; None for what was not."""

    evaluation: evaluations.Evaluation | None = None
    discriminator: DiscriminatorTable | None = None
    generator: FilterTable | None = None
    latents: LatentStudy | None = None

    @classmethod
    def beside(cls, folder: str | Path, digest: str) -> Measured:
        """What stands in a checkpoint's folder, of these weights; PosterLensError where a file is damaged."""
        evaluation = evaluations.read(folder)
        return cls(
            evaluation if evaluation is not None and evaluation.digest == digest else None,
            DiscriminatorTable.beside(folder, digest),
            FilterTable.beside(folder, digest),
            LatentStudy.beside(folder, digest),
        )

    @property
    def parts(self) -> list[str]:
        """Names of the parts that were measured."""
        return [name for name, field in PARTS.items() if getattr(self, field) is not None]

    def only(self, names: Collection[str]) -> Measured:
        """These parts of it."""
        return replace(self, **{field: None for name, field in PARTS.items() if name not in names})


PARTS = {
    "filters of D": "discriminator", "filters of G": "generator", "latent dimensions": "latents",
    "metrics": "evaluation",
}  # fmt: skip  # by their names: the fields of Measured


def measured(checkpoint: Checkpoint, found: Measured, z: Tensor | None = None) -> list[Section]:
    """A section for each part that was measured. z : (1, latent, 1, 1), of seed 0 unless given."""
    sections = []
    if found.discriminator is not None and checkpoint.discriminator is not None:
        sections.append(of_discriminator(checkpoint, found.discriminator))
    if checkpoint.generator is not None:
        chosen = latents([0], checkpoint.config) if z is None else z
        if found.generator is not None:
            sections.append(of_generator(checkpoint, found.generator, chosen))
        if found.latents is not None:
            sections.append(of_latents(checkpoint, found.latents, chosen))
    if found.evaluation is not None:
        sections.append(of_evaluation(checkpoint, found.evaluation))
    return sections


def of_evaluation(checkpoint: Checkpoint, found: evaluations.Evaluation) -> Section:
    """The metrics that have a heading of their own, each with its interval."""
    rows = [
        {
            "metric": metric.title, "value": metric.format(estimate.value),
            "95% interval": f"{metric.format(estimate.low)} to {metric.format(estimate.high)}",
            "real posters": metric.format(found.floor[name].value) if name in found.floor else "",
            "what it says": metric.plain,
        }
        for group in (found.generated, found.discriminator or {})
        for name, estimate in group.items()
        if (metric := METRICS[name]).title and metric.group in GROUPS
    ]  # fmt: skip
    columns = {name: [row[name] for row in rows] for name in rows[0]} if rows else {}
    text = (
        f"{counted(found.samples, 'generated poster')} against {counted(found.held_out, 'held-out poster')}. Real "
        "posters: what as many training posters get, and a perfect generator would, too."
    )
    return Section("How good it is", text, (Entry.of(Figure("Metrics", Source.of(checkpoint), columns=columns)),))


def of_discriminator(checkpoint: Checkpoint, table: DiscriminatorTable) -> Section:
    """The filters of each layer that contribute most, each with the generated posters that excite it most."""
    entries = []
    for layer in dict.fromkeys(table.layer.tolist()):
        rows = np.flatnonzero(table.layer == layer)
        strongest = rows[np.argsort(-table.proportion[rows], kind="stable")][:A_LAYER]
        entries += [_discriminator_filter(checkpoint, table, layer, int(table.unit[row])) for row in strongest]
    text = (
        f"Of each layer the {A_LAYER} that contribute most to the verdicts on all posters, each with the generated "
        "posters to which it responds most; the frame is what it sees there."
    )
    return Section("The strongest filters of the discriminator", text, tuple(entries))


def _discriminator_filter(checkpoint: Checkpoint, table: DiscriminatorTable, layer: str, unit: int) -> Entry:
    row = table.find(layer, unit)
    note = (
        f"When it fires it adds {row['logit_effect']:+z.3f} to D's logit ({row['logit_effect_low']:+z.3f} to "
        f"{row['logit_effect_high']:+z.3f}); it makes {row['proportion']:.1%} of what its layer contributes. Alone it "
        f"tells real from generated posters with an AUC of {row['auc']:.2f} ({row['auc_low']:.2f} to "
        f"{row['auc_high']:.2f})."
    )
    panels: tuple[Panel, ...] = ()
    if checkpoint.generator is not None:
        fields = receptive_fields(Score(checkpoint.need_discriminator()), layer)
        picks = table.picks("strongest", generated=True).of(table.index(layer, unit), fields)[:EXEMPLARS]
        pictures = _drawn(checkpoint, latents([one.row for one in picks], checkpoint.config)) if picks else []
        panels = tuple(
            Panel(outline(picture, (one.box.left, one.box.top, one.box.right, one.box.bottom)),
                  f"seed {one.row}: {one.value:+z.2f}")
            for picture, one in zip(pictures, picks, strict=True)
        )  # fmt: skip
    link = f"discriminator?checkpoint={checkpoint.name}&d_layer={layer}&d_unit={unit}"
    source = replace(Source.of(checkpoint, reference=table.reference), link=link)
    return Entry.of(Figure(f"Filter {unit} of {layer}: {row['says']}", source, panels, note, EXEMPLARS))


def of_generator(checkpoint: Checkpoint, table: FilterTable, z: Tensor) -> Section:
    """The filters without which posters change most: one poster with and without each."""
    strongest = np.argsort(-table.effect, kind="stable")[:FILTERS]
    entries = [
        _generator_filter(checkpoint, table, z, str(table.layer[row]), int(table.unit[row])) for row in strongest
    ]
    text = f"Those without which {counted(table.latents, 'poster')} change most on average, shown on one of them."
    return Section("The strongest filters of the generator", text, tuple(entries))


def _generator_filter(checkpoint: Checkpoint, table: FilterTable, z: Tensor, layer: str, unit: int) -> Entry:
    row = table.find(layer, unit)
    found = ablate(checkpoint.need_generator(), z, layer, unit)
    change = "" if np.isnan(row["logit_change"]) else f", D's logit by {row['logit_change']:+z.3f}"
    note = (
        f"Without it posters change by {row['effect']:.1f} grey levels on average{change}. Its verdict holds in "
        f"{row['confidence']:.0%} of resamples."
    )
    link = f"generator?checkpoint={checkpoint.name}&g_layer={layer}&g_unit={unit}"
    source = replace(Source.of(checkpoint, ablated_by="mean"), link=link)
    figure = of_ablation(found, source, f"Filter {unit} of {layer}: {row['verdict']}")
    return Entry.of(replace(figure, note=note, across=4))


def of_latents(checkpoint: Checkpoint, study: LatentStudy, z: Tensor) -> Section:
    """The dimensions with the largest total indices, swept, and the directions with a measured meaning."""
    picture, entries = study.importance.picture, []
    for dimension in np.argsort(-picture.value, kind="stable")[:DIMENSIONS].tolist():
        swept = of_sweep(checkpoint.need_generator(), z, dimension, Source.of(checkpoint), SWEPT)
        panels = tuple(replace(panel, caption=number(value)) for panel, value in zip(swept.panels, SWEPT, strict=True))
        note = (
            f"{picture.value[dimension]:.1%} of the variance of all posters depends on it ({picture.low[dimension]:.1%}"
            f" to {picture.high[dimension]:.1%}), alone or with others. {swept.note}"
        )
        source = replace(Source.of(checkpoint), link=f"latent?checkpoint={checkpoint.name}&latent={dimension}")
        entries.append(Entry.of(Figure(f"Latent dimension {dimension}", source, panels, note, len(SWEPT))))
    directions = [one for one in study.directions.directions if one.label and one.effects]
    if directions:
        columns: dict[str, list[Any]] = {
            "direction": [one.name.replace("_", " ") for one in directions],
            "changes": [str(one.label).replace("_", " ") for one in directions],
            "by": [(one.effects or {})[str(one.label)].value for one in directions],
            "besides": [", ".join(one.side_effects()).replace("_", " ") or "nothing" for one in directions],
        }
        note = f"By: standard deviations over random posters. {study.directions.multiplicity}"
        figure = Figure("Directions with a measured meaning", Source.of(checkpoint), note=note, columns=columns)
        entries.append(Entry.of(figure))
    return Section("What the latent dimensions do", "Sobol's total indices, the largest first.", tuple(entries))


@torch.inference_mode()
def _drawn(checkpoint: Checkpoint, z: Tensor) -> list[Any]:
    return list(to_uint8(checkpoint.need_generator()(z)))
