"""What the studies of several checkpoints say, side by side, as Markdown tables; nothing is measured.

    print(table(GENERATOR, [Path("checkpoints/dcgan-64"), Path("checkpoints/whole-64")]))

A cell is "–" where the checkpoint does not have the study, or has one of other weights.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

import gan
from gan.errors import counted
from xai.discriminator.concepts.table import ConceptTable
from xai.discriminator.filters.table import DiscriminatorTable
from xai.generator.filter_table import FilterTable
from xai.generator.pruning_curves import PruningCurves
from xai.latents.directions import CONTROL
from xai.latents.study import LatentStudy
from xai.studies.listing import STUDIES

NONE = "–"
NAMES = 4  # of concepts that are listed


@dataclass(frozen=True)
class Row:
    """A line of a table. study : a name of STUDIES. value : of the study to what the cell shows."""

    label: str
    study: str
    value: Callable[[Any], str]


def table(rows: Sequence[Row], folders: Sequence[Path]) -> str:
    """One line a row, one column a checkpoint's folder.

    Raises
    ------
    gan.PosterLensError
        If a folder holds no checkpoint, or a study that is damaged.
    """
    studies = [_studies(folder, {row.study for row in rows}) for folder in folders]
    lines = [f"| | {' | '.join(f'`{folder.name}`' for folder in folders)} |", "| --- |" + " ---: |" * len(folders)]
    for row in rows:
        cells = [row.value(found[row.study]) if found[row.study] else NONE for found in studies]
        lines.append(f"| {row.label} | {' | '.join(cells)} |")
    return "\n".join(lines)


def _studies(folder: Path, names: set[str]) -> dict[str, Any]:
    digest = gan.load(folder).digest
    return {name: STUDIES[name].read(folder, digest) for name in names}


def _layers(table: FilterTable | DiscriminatorTable) -> list[str]:
    return list(dict.fromkeys(table.layer.tolist()))


def _verdicts(*verdicts: str) -> Callable[[FilterTable], str]:
    return lambda table: str(sum(count for verdict, count in table.counts().items() if verdict in verdicts))


def _median_effect(place: int) -> Callable[[FilterTable], str]:
    return lambda table: f"{np.median(table.effect[table.layer == _layers(table)[place]]):.1f}"


def _unnoticed(curves: PruningCurves) -> str:
    """How many filters may go by each ranking before a loss can be measured."""
    return ", ".join(f"{name} {share:.0%}" for name, share in curves.unnoticed.items())


def _saved(curves: PruningCurves) -> str:
    """Weights that go with the filters that are not missed, by the ranking of which most may go."""
    weights = {point.share: point.parameters for point in curves.rankings[curves.best]}
    return f"{1 - weights[curves.unnoticed[curves.best]] / weights[0]:.0%}"


def _largest_dimension(study: LatentStudy) -> str:
    index = study.importance.picture
    place = int(index.value.argmax())
    return f"{index.value[place]:.1%} ({index.low[place]:.1%} to {index.high[place]:.1%}), dimension {place}"


def _directions(study: LatentStudy) -> list[Any]:
    return [one for one in study.directions.directions if one.family != CONTROL]


def _labelled(study: LatentStudy) -> str:
    directions = _directions(study)
    return f"{sum(bool(one.label) for one in directions)} of {len(directions)}"


def _labels(study: LatentStudy) -> str:
    return _most_common(Counter(one.label.replace("_", " ") for one in _directions(study) if one.label))


def _most_common(counts: Counter[str]) -> str:
    return ", ".join(f"{name} {count}" for name, count in counts.most_common(NAMES)) or "none"


def _named(table: ConceptTable) -> str:
    return f"{sum(table.counts().values())} of {counted(len(table), 'filter')}"


def _concepts(table: ConceptTable) -> str:
    return _most_common(Counter(table.counts()))


def _by_chance(table: ConceptTable) -> str:
    return f"{table.random.value:.1%} ({table.random.low:.1%} to {table.random.high:.1%})"


def _says(place: int) -> Callable[[DiscriminatorTable], str]:
    return lambda table: ", ".join(
        f"{said} {count}" for said, count in table.counts(_layers(table)[place]).items() if count
    )


def _telling(table: DiscriminatorTable) -> str:
    return f"{sum(table.telling(layer) for layer in _layers(table))} of {counted(len(table), 'filter')}"


def _half(place: int) -> Callable[[DiscriminatorTable], str]:
    def half(table: DiscriminatorTable) -> str:
        layer = _layers(table)[place]
        return f"{table.half_of_contributions(layer)} of {(table.layer == layer).sum()}"

    return half


GENERATOR = (
    Row("filters", "filters", lambda table: str(len(table))),
    Row("dead or constant", "filters", _verdicts("dead", "constant")),
    Row("redundant: one other filter can replace it", "filters", _verdicts("redundant")),
    Row("harmful: without it posters look more real to D", "filters", _verdicts("harmful")),
    Row("essential", "filters", _verdicts("essential")),
    Row("median effect of a filter of the first layer, grey levels", "filters", _median_effect(0)),
    Row("of the last layer", "filters", _median_effect(-1)),
    Row("filters that can be pruned before `fd_lite1` shows a loss, by ranking", "pruning", _unnoticed),
    Row("weights that go with them, by the best ranking", "pruning", _saved),
    Row("largest total index of a latent dimension", "latents", _largest_dimension),
    Row("directions with a label", "latents", _labelled),
    Row("their labels, the most frequent ones", "latents", _labels),
    Row("filters with the name of a concept", "generator concepts", _named),
    Row("their concepts, the most frequent ones", "generator concepts", _concepts),
    Row("names that random weights get", "generator concepts", _by_chance),
)
DISCRIMINATOR = (
    Row("first layer: filters that speak", "discriminator", _says(0)),
    Row("last layer: filters that speak", "discriminator", _says(-1)),
    Row("fire without being used", "discriminator", lambda table: str(int(table.unused.sum()))),
    Row("tell real from generated on their own", "discriminator", _telling),
    Row("AUC of one filter that is farthest from 0.5", "discriminator", lambda table: f"{table.strongest_auc():.2f}"),
    Row("half of the first layer's contributions come from", "discriminator", _half(0)),
    Row("half of the last layer's contributions come from", "discriminator", _half(-1)),
    Row("filters with the name of a concept", "concepts", _named),
    Row("their concepts, the most frequent ones", "concepts", _concepts),
    Row("names that random weights get", "concepts", _by_chance),
)
TABLES = {"generator studies": GENERATOR, "discriminator studies": DISCRIMINATOR}
