"""Proof by removal over many posters: how far the logit moves, and how many verdicts turn, with intervals.

study = study_removal({"held-out": posters}, [by_reference(score, reference)], reference)
study.point("layers.7", "reference", "contribution", 16).moved      # Estimate, in logits
print(removal_table(study))                                         # Markdown
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from gan.errors import counted
from gan.evaluation.estimates import Estimate, mean_t, proportion
from gan.progress import Progress
from xai.discriminator.counterfactuals.removal import ALL_LAYERS, CONTRIBUTION, ORDERS, Poster, RemovalCurves, curves_of
from xai.discriminator.counterfactuals.replacement import Replacement
from xai.errors import ExplanationError

BOTH = "all"  # groups of posters together
SHOWN = (1, 4, 16, 64)  # filters, in the table


@dataclass(frozen=True)
class RemovalPoint:
    """What replacing the first ``count`` filters does, over the posters of one group.

    moved : mean of how far the logit comes towards the reference's, in logits. turned : proportion of verdicts that
    turn; in random order, by the orders' mean logit. behind : mean of how much farther it comes by contribution, poster
    by poster.
    """

    posters: str
    layer: str
    replacement: str
    order: str
    count: int
    moved: Estimate
    turned: Estimate
    behind: Estimate


@dataclass(frozen=True)
class RemovalStudy:
    """All points; ``posters`` by group, ``difference`` the mean size of what the logits are off the reference's."""

    points: tuple[RemovalPoint, ...]
    posters: Mapping[str, int]
    replacements: Mapping[str, str]
    difference: Mapping[str, Estimate]

    def point(self, layer: str, replacement: str, order: str, count: int, posters: str = BOTH) -> RemovalPoint:
        """One of them; ExplanationError if it was not measured."""
        wanted = (posters, layer, replacement, order, count)
        for one in self.points:
            if (one.posters, one.layer, one.replacement, one.order, one.count) == wanted:
                return one
        raise ExplanationError(f"The study has no point {', '.join(map(str, wanted))}.")

    @property
    def layers(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(one.layer for one in self.points))

    def counts(self, layer: str) -> tuple[int, ...]:
        """How many filters of a layer were replaced."""
        return tuple(dict.fromkeys(one.count for one in self.points if one.layer == layer))

    def farther(self, posters: str = BOTH) -> tuple[int, int]:
        """At how many points of the other orders the logit comes less far than by contribution, and how many there are.

        Counted is where the paired difference's interval is above 0; not where all filters of a layer are replaced.
        """
        others = [
            one.behind.low > 0
            for one in self.points
            if one.posters == posters and one.order != CONTRIBUTION and one.count < self.counts(one.layer)[-1]
        ]
        return sum(others), len(others)

    def record(self) -> dict[str, Any]:
        """Everything, for a JSON file."""
        return {
            "posters": dict(self.posters),
            "replacements": dict(self.replacements),
            "difference": {name: asdict(one) for name, one in self.difference.items()},
            "points": [asdict(one, dict_factory=_rounded) for one in self.points],
        }


def _rounded(fields: list[tuple[str, Any]]) -> dict[str, Any]:
    """A dict of them, numbers to 4 digits after the point: there are thousands."""
    return {name: round(value, 4) if isinstance(value, float) else value for name, value in fields}


def study_removal(
    posters: Mapping[str, Tensor],
    replacements: Sequence[Replacement],
    reference: Tensor,
    seed: int = 0,
    progress: Progress | None = None,
) -> RemovalStudy:
    """Curves of every poster, every layer and all layers together, and their means.

    Parameters
    ----------
    posters : by group, (N, 3, H, W), N at least 2. replacements : of one score.
    reference : (1, 3, H, W). seed : of the random orders, another for each poster.
    progress : called with the finished fraction; an exception in it ends the study.

    Raises
    ------
    ExplanationError
        If a group has fewer than 2 posters, or pictures are of another size.
    """
    for name, images in posters.items():
        if len(images) < 2:
            raise ExplanationError(f"A study of removal needs at least 2 posters; {name} has {len(images)}.")
    report, total = progress or (lambda done: None), sum(map(len, posters.values()))
    curves: dict[str, list[list[RemovalCurves]]] = {}
    done = 0
    for name, images in posters.items():
        curves[name] = []
        for image in torch.split(images, 1):
            curves[name].append(_curves(replacements, image, reference, seed * total + done))
            done += 1
            report(done / total)
    groups = curves if len(curves) == 1 else curves | {BOTH: [one for rows in curves.values() for one in rows]}
    points = [point for name, rows in groups.items() for point in _points(name, rows, replacements)]
    sizes = {name: np.array([abs(row[0].logit - row[0].base_logit) for row in rows]) for name, rows in groups.items()}
    return RemovalStudy(
        tuple(points),
        {name: len(rows) for name, rows in groups.items()},
        {one.name: one.words for one in replacements},
        {name: mean_t(size) for name, size in sizes.items()},
    )


def _curves(replacements: Sequence[Replacement], image: Tensor, reference: Tensor, seed: int) -> list[RemovalCurves]:
    """Of one poster: replacement by replacement, layer by layer."""
    poster = Poster.of(replacements[0], image, reference)
    return [curves_of(one, poster, layer, seed) for one in replacements for layer in _layers(one)]


def _layers(replacement: Replacement) -> list[str]:
    names = [layer.name for layer in replacement.layers]
    return names if len(names) == 1 else [*names, ALL_LAYERS]


def _points(
    posters: str, rows: Sequence[Sequence[RemovalCurves]], replacements: Sequence[Replacement]
) -> Iterator[RemovalPoint]:
    named = [(one.name, layer) for one in replacements for layer in _layers(one)]
    for index, (replacement, layer) in enumerate(named):
        curves = [row[index] for row in rows]
        best = np.stack([one.moved(CONTRIBUTION) for one in curves])
        for order in ORDERS:
            moved = np.stack([one.moved(order) for one in curves])
            turned: NDArray[np.bool_] = np.stack([one.turned(order) for one in curves])
            for column, count in enumerate(curves[0].counts):
                yield RemovalPoint(
                    posters, layer, replacement, order, count, mean_t(moved[:, column]), proportion(turned[:, column]),
                    mean_t((best - moved)[:, column]),
                )  # fmt: skip


def removal_table(study: RemovalStudy) -> str:
    """Markdown: how far the logit moves, for the first 1, 4, 16 and 64 filters of each layer, in each order."""
    whole = BOTH if BOTH in study.posters else next(iter(study.posters))
    counts = [f"{counted(count, f'{name} poster')}" for name, count in study.posters.items() if name != BOTH]
    lines = [
        f"Means over {' and '.join(counts)}, with 95 % intervals: how far the logit moves towards the reference's, "
        f"from which it is {_value(study.difference[whole])} away; and the verdicts that turn, which they can only "
        "where the reference's logit lies towards 0.",
    ]
    farther, compared = study.farther(whole)
    lines += [
        "",
        f"By contribution the logit comes farther than in another order at {farther} of {compared} points (layer, "
        "replacement, order and number of filters; the 95 % interval of the paired difference is above 0).",
    ]
    for name, words in study.replacements.items():
        lines += [
            "", f"Filters replaced by {words}:", "",
            f"| layer | filters | {' | '.join(ORDERS.values())} | verdicts turned, {ORDERS[CONTRIBUTION]} |",
            f"| --- | ---: | {'---: | ' * (len(ORDERS) + 1)}".rstrip(),
        ]  # fmt: skip
        for layer in study.layers:
            lines += [_row(study, layer, name, count, whole) for count in study.counts(layer) if count in SHOWN]
    return "\n".join(lines)


def _row(study: RemovalStudy, layer: str, replacement: str, count: int, posters: str) -> str:
    found = [study.point(layer, replacement, order, count, posters) for order in ORDERS]
    cells = [_value(one.moved) for one in found]
    turned = found[0].turned
    cells.append(f"{100 * turned.value:.0f} % ({100 * turned.low:.0f} to {100 * turned.high:.0f} %)")
    return f"| {layer} | {count} | {' | '.join(cells)} |"


def _value(estimate: Estimate) -> str:
    return f"{estimate.value:.2f} ({estimate.low:.2f} to {estimate.high:.2f})"
