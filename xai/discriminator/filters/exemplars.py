"""The posters that show what a filter of a discriminator is about: where it fires most, and where it mattered most.

    picks = exemplars(found)                            # Responses; nine posters of each kind for every filter
    picks["strongest"].of(column, receptive_fields(score, "layers.7"))[0].box       # the patch that excites it most
    picks["mattered"].rows[column]                      # (9,) posters of the highest contributions, the highest first
    exemplars(found, [column])["against"].rows[0]       # one filter alone: the posters that it speaks against most
    highest, lowest = contribution_places(score, images, reference)     # and where in these it did

``strongest`` are those of the largest response; ``mattered`` those of the largest contribution (relevance maximisation,
Achtibat et al. 2023), ``against`` those of the most negative one. A filter that fires and is not used has the first
alone. The same picture is not shown twice.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from xai.discriminator.receptive_field import Box, ReceptiveFields
from xai.discriminator.responses import ROWS, Responses, filter_layers
from xai.networks.batches import at_once
from xai.networks.score import Score

KINDS = ("strongest", "mattered", "against")
SHOWN = 9
CANDIDATES = 4  # times as many rows are ordered at first as are shown


@dataclass(frozen=True)
class Exemplar:
    """A poster: its row, the filter's response or contribution, the place (row, column) in its map, and its pixels."""

    row: int
    value: float
    place: tuple[int, int]
    box: Box


@dataclass(frozen=True, eq=False)
class Picks:
    """Posters of one kind for V filters.

    rows : (V, count), -1 where there are no more. values : float32, responses or contributions.
    places : uint16, as in :class:`Responses`: those of the largest response.
    """

    rows: NDArray[np.int32] | NDArray[np.int64]
    places: NDArray[np.uint16]
    values: NDArray[np.float32]

    def of(self, index: int, fields: ReceptiveFields) -> tuple[Exemplar, ...]:
        """The exemplars of one of the filters, with the receptive fields of its layer."""
        width = len(fields.columns)
        return tuple(
            Exemplar(int(row), float(value), divmod(int(place), width), fields.box_at(place))
            for row, place, value in zip(self.rows[index], self.places[index], self.values[index], strict=True)
            if row >= 0
        )


def exemplars(
    found: Responses,
    columns: Sequence[int] | None = None,
    groups: NDArray[np.int_] | None = None,
    count: int = SHOWN,
) -> dict[str, Picks]:
    """Posters of each of KINDS for some filters, or for all.

    A filter whose largest response is the same on all posters has none of the first kind; posters of the second have
    contributions above 0, of the third below.

    columns : of the filters. groups : (N,), a number for each poster; posters of one number are copies of one picture,
        and only the first of them that comes is taken (gan.curation.near_duplicates finds such). Posters to which all
        filters respond alike are taken for copies in any case.
    """
    chosen = np.arange(found.largest.shape[1]) if columns is None else np.asarray(columns)
    names = _names(found, groups)
    picked: dict[str, list[list[int]]] = {kind: [] for kind in KINDS}
    for column in chosen:
        largest, contribution = (values[:, column].astype(np.float32) for values in (found.largest, found.contribution))
        varies = np.full(len(found), np.ptp(largest) > 0)
        picked["strongest"].append(_highest(largest, varies, names, count))
        picked["mattered"].append(_highest(contribution, contribution > 0, names, count))
        picked["against"].append(_highest(-contribution, contribution < 0, names, count))
    return {kind: _picks(found, chosen, np.array(rows, np.int32), kind) for kind, rows in picked.items()}


def _names(found: Responses, groups: NDArray[np.int_] | None) -> Callable[[int], frozenset[object]]:
    """What tells a row's picture from others: two rows that share a name are copies."""

    @cache
    def names(row: int) -> frozenset[object]:
        alike = np.float16(found.logit[row]).tobytes() + found.largest[row].tobytes()
        return frozenset([alike] if groups is None else [alike, int(groups[row])])

    return names


def _highest(
    values: NDArray[np.float32], allowed: NDArray[np.bool_], names: Callable[[int], frozenset[object]], count: int
) -> list[int]:
    """The ``count`` allowed rows of the highest values (N,), no copy among them; -1 where there are no more."""
    [rows] = np.nonzero(allowed)
    ordered = CANDIDATES * count
    while True:  # ordering a few is enough, unless most of them are copies
        some = np.argpartition(-values[rows], ordered)[:ordered] if ordered < len(rows) else np.arange(len(rows))
        candidates = np.sort(rows[some])
        candidates = candidates[np.argsort(-values[candidates], kind="stable")]
        taken = _without_copies(candidates.tolist(), names, count)
        if len(taken) == count or ordered >= len(rows):
            return taken + [-1] * (count - len(taken))
        ordered *= 8


def _without_copies(rows: Sequence[int], names: Callable[[int], frozenset[object]], count: int) -> list[int]:
    taken: list[int] = []
    shown: set[object] = set()
    for row in rows:
        if len(taken) < count and shown.isdisjoint(names(row)):
            taken.append(row)
            shown |= names(row)
    return taken


def _picks(found: Responses, columns: NDArray[np.int_], rows: NDArray[np.int32], kind: str) -> Picks:
    values = found.largest if kind == "strongest" else found.contribution
    there = rows >= 0
    at = np.maximum(rows, 0), columns[:, None]
    return Picks(
        rows, np.where(there, found.place[at], 0).astype(np.uint16), np.where(there, values[at], 0).astype(np.float32)
    )


@torch.no_grad()
def contribution_places(
    score: Score, images: Tensor, reference: Tensor
) -> tuple[NDArray[np.uint16], NDArray[np.uint16]]:
    """Where each filter's contribution to the logit is the highest, and where the lowest: places (N, U), as Responses'.

    images (N, 3, H, W), reference (1, 3, H, W). It raises what :func:`xai.discriminator.responses.responses` does.
    """
    score.check(images)
    layers, chain, base = filter_layers(score), score.chain, score.trace(reference)
    assert chain is not None  # checked by filter_layers
    highest, lowest = [], []
    for batch in torch.split(images, at_once(ROWS, images.shape[2:])):
        trace = chain.trace(batch, len(batch) > 1)
        multipliers = chain.multipliers(trace, base, [layer.after for layer in layers])
        parts = [
            (multipliers[layer.after] * (trace.before[layer.after] - base.before[layer.after])).flatten(2)
            for layer in layers
        ]
        highest.append(torch.cat([part.argmax(2) for part in parts], 1))
        lowest.append(torch.cat([part.argmin(2) for part in parts], 1))
    return torch.cat(highest).numpy().astype(np.uint16), torch.cat(lowest).numpy().astype(np.uint16)
