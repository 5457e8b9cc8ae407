"""How few filters turn a discriminator's verdicts, over many posters, with intervals.

rows = fewest_filters({"held-out": posters}, by_mean(score, others))
rows[0].layer, rows[0].median, rows[0].turned.value      # "layers.1", 3, 0.95: in 95 % of the posters it was possible
print(fewest_table(rows))                                # Markdown
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from gan.evaluation.estimates import Estimate, proportion
from gan.progress import Progress
from xai.discriminator.counterfactuals.by_filters import MOST, FilterCounterfactual, turn_by_filters
from xai.discriminator.counterfactuals.removal import ALL_LAYERS
from xai.discriminator.counterfactuals.replacement import Replacement
from xai.errors import ExplanationError


@dataclass(frozen=True)
class FewestFilters:
    """Of the ``count`` posters of one group, replacing filters of one layer or of all.

    turned : proportion whose verdict turns with at most ``most`` filters. median : how many that takes, over all of
    the posters; None where it is more than ``most``. proved : proportion for which no smaller set does.
    """

    posters: str
    layer: str
    replacement: str
    count: int
    most: int
    median: float | None
    turned: Estimate
    proved: Estimate


def fewest_filters(
    posters: Mapping[str, Tensor], replacement: Replacement, most: int = MOST, progress: Progress | None = None
) -> list[FewestFilters]:
    """Search every poster (N, 3, H, W) of every group, layer by layer and in all layers together.

    Raises
    ------
    ExplanationError
        If a group has no posters, or as :func:`xai.discriminator.counterfactuals.by_filters.turn_by_filters`.
    """
    report, total = progress or (lambda done: None), sum(map(len, posters.values()))
    names = [layer.name for layer in replacement.layers]
    layers = {name: name for name in names} | ({ALL_LAYERS: None} if len(names) > 1 else {})
    rows, done = [], 0
    for group, images in posters.items():
        if not len(images):
            raise ExplanationError(f"There are no posters in {group}.")
        found: dict[str, list[FilterCounterfactual]] = {name: [] for name in layers}
        for image in torch.split(images, 1):
            for name, layer in layers.items():
                found[name].append(turn_by_filters(replacement, image, layer, most))
            done += 1
            report(done / total)
        rows += [_row(group, name, replacement.name, most, answers) for name, answers in found.items()]
    return rows


def _row(
    posters: str, layer: str, replacement: str, most: int, answers: Sequence[FilterCounterfactual]
) -> FewestFilters:
    median = float(np.median([len(one.steps) if one.turned else np.inf for one in answers]))
    turned, proved = (proportion(np.array([getattr(one, name) for one in answers])) for name in ("turned", "proved"))
    known = median if np.isfinite(median) else None
    return FewestFilters(posters, layer, replacement, len(answers), most, known, turned, proved)


def fewest_table(rows: Sequence[FewestFilters]) -> str:
    """Markdown: one row a group and layer."""
    lines = [
        f"How many filters have to be replaced to turn the verdict, by greedy search with at most {rows[0].most}:",
        "",
        "| posters | replaced by | layer | median | turned | proved to be the fewest |",
        "| --- | --- | --- | ---: | ---: | ---: |",
    ]
    for row in rows:
        median = f"more than {row.most}" if row.median is None else f"{row.median:g}"
        cells = (f"{row.count} {row.posters}", row.replacement, row.layer, median, _percent(row.turned))
        lines.append(f"| {' | '.join(cells)} | {_percent(row.proved)} |")
    return "\n".join(lines)


def _percent(estimate: Estimate) -> str:
    return f"{100 * estimate.value:.0f} % ({100 * estimate.low:.0f} to {100 * estimate.high:.0f} %)"
