"""What every filter of a discriminator answers to posters: how strongly, where, and what it adds to the logit.

    score = xai.Score(checkpoint.discriminator)
    found = responses(score, posters, reference)        # posters (N, 3, H, W), reference (1, 3, H, W)
    found.largest[:, found.columns("layers.4")]         # (N, 128)
    found.contribution[0, found.columns("layers.4")].sum()      # the first poster's logit - the reference's logit
    responses(score, posters)                       # without contributions, in about half the time

A filter is one channel of an activation layer. Its contribution is DeepLIFT's: the sum over its places of multiplier
times difference from the reference, so that the contributions of all filters of a layer add up to the difference of
the logits, at every layer.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from xai.errors import ExplanationError
from xai.networks.batches import at_once
from xai.networks.chain import Chain, Trace
from xai.networks.score import Score

ROWS = 64  # pictures at once, fewer of large ones
HALF = float(np.finfo(np.float16).max)


@dataclass(frozen=True)
class FilterLayer:
    """An activation layer: dotted name, number of filters, (height, width) of their maps, and its place in the chain.

    after : index of the chain's step that takes its output (:attr:`xai.networks.chain.Trace.before`).
    """

    name: str
    units: int
    height: int
    width: int
    after: int


@dataclass(frozen=True, eq=False)
class Responses:
    """What U filters, those of all activation layers in their order, answer to N pictures.

    largest, mean : float16 (N, U), the largest and the mean value of a filter's map.
    place : uint16 (N, U), where the largest is: row times the map's width, plus column.
    contribution : float16 (N, U), what the filter adds to the logit compared with the reference.
    logit : float32 (N,). base_logit : the reference's.
    Without a reference contribution and base_logit are NaN.
    """

    layers: tuple[FilterLayer, ...]
    largest: NDArray[np.float16]
    place: NDArray[np.uint16]
    mean: NDArray[np.float16]
    contribution: NDArray[np.float16]
    logit: NDArray[np.float32]
    base_logit: float

    def __len__(self) -> int:
        return len(self.logit)

    def columns(self, layer: str) -> slice:
        """Columns of a layer's filters.

        Raises
        ------
        ExplanationError
            If there is no such activation layer.
        """
        first = 0
        for one in self.layers:
            if one.name == layer:
                return slice(first, first + one.units)
            first += one.units
        raise ExplanationError(
            f"{layer} is no activation layer; there are {', '.join(one.name for one in self.layers)}."
        )

    def column(self, layer: str, unit: int) -> int:
        """Column of one filter; ExplanationError if there is none."""
        columns = self.columns(layer)
        if not 0 <= unit < columns.stop - columns.start:
            raise ExplanationError(
                f"{layer} has filters 0 to {columns.stop - columns.start - 1}; {unit} is none of them."
            )
        return int(columns.start) + unit

    def rows(self, index: slice | Sequence[int] | NDArray[np.intp]) -> Responses:
        """Those to some of the pictures."""
        parts = {name: getattr(self, name)[index] for name in ARRAYS}
        return replace(self, **parts)


ARRAYS = ("largest", "place", "mean", "contribution", "logit")


def filter_layers(score: Score) -> tuple[FilterLayer, ...]:
    """The activation layers that a score's network has, in their order.

    Raises
    ------
    ExplanationError
        If the network is not a chain of steps that DeepLIFT's multipliers pass, or is no network of pictures.
    """
    layers: tuple[FilterLayer, ...] = score.cached("filter layers", lambda: _filter_layers(score))
    return layers


def _filter_layers(score: Score) -> tuple[FilterLayer, ...]:
    chain, size = score.chain, score.size
    if chain is None or size is None:
        raise ExplanationError("Contributions of filters need a discriminator made of convolutions and activations.")
    with torch.no_grad():
        shapes = [x.shape for x in chain.trace(torch.zeros(1, 3, *size)).before]
    places = [i for i in range(len(chain.steps)) if chain.is_nonlinearity(i) and len(shapes[i + 1]) == 4]
    return tuple(FilterLayer(chain.names[index], *_sides(shapes[index + 1]), index + 1) for index in places)


def _sides(shape: torch.Size) -> tuple[int, int, int]:
    _, units, height, width = shape
    return units, height, width


def responses(score: Score, images: Tensor, reference: Tensor | None = None) -> Responses:
    """The responses to images (N, 3, H, W), compared with one reference (1, 3, H, W), or with none.

    Where a filter is equally strong at several places, the first is meant, from the top left row by row.

    Raises
    ------
    ExplanationError
        As :func:`filter_layers`, or if the pictures are of another size.
    """
    score.check(images)
    layers, chain = filter_layers(score), score.chain
    assert chain is not None  # checked by filter_layers
    batches = torch.split(images, at_once(ROWS, images.shape[2:]))
    if reference is None:
        base_logit, parts = float("nan"), [_without_reference(chain, batch, layers) for batch in batches]
    else:
        base = chain.trace(reference)
        base_logit, parts = float(base.output), [_with_reference(chain, batch, base, layers) for batch in batches]
    joined = {name: np.concatenate([part[name] for part in parts]) for name in ARRAYS}
    return Responses(layers, **joined, base_logit=base_logit)


Parts = dict[str, NDArray[np.generic]]


@torch.no_grad()
def _without_reference(chain: Chain, images: Tensor, layers: Sequence[FilterLayer]) -> Parts:
    """Forwards only, and no map is kept."""
    wanted, found, output = {layer.after for layer in layers}, [], images
    for after, output in enumerate(chain.outputs(images, len(images) > 1), 1):
        if after in wanted:
            found.append(_of_maps(output))
    contribution = torch.full((len(images), sum(layer.units for layer in layers)), torch.nan)
    return _halved(found, contribution, output)


@torch.no_grad()
def _with_reference(chain: Chain, images: Tensor, base: Trace, layers: Sequence[FilterLayer]) -> Parts:
    trace = chain.trace(images, len(images) > 1)
    multipliers = chain.multipliers(trace, base, [layer.after for layer in layers])
    found, contributions = [], []
    for layer in layers:
        maps = trace.before[layer.after]
        found.append(_of_maps(maps))
        contributions.append((multipliers[layer.after] * (maps - base.before[layer.after])).sum((2, 3)))
    return _halved(found, torch.cat(contributions, 1), trace.output)


def _of_maps(maps: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """The largest value (N, U) of maps (N, U, H, W), its place, and the mean."""
    largest, place = maps.flatten(2).max(2)  # of equal ones torch gives the first
    return largest, place, maps.mean((2, 3))


def _halved(found: Sequence[tuple[Tensor, Tensor, Tensor]], contribution: Tensor, output: Tensor) -> Parts:
    largest, place, mean = (torch.cat(parts, 1) for parts in zip(*found, strict=True))
    return {
        "largest": _half(largest),
        "place": place.numpy().astype(np.uint16),
        "mean": _half(mean),
        "contribution": _half(contribution),
        "logit": output[:, 0].float().numpy(),
    }


def _half(values: Tensor) -> NDArray[np.float16]:
    """Half precision; what is beyond its range becomes the end of its range."""
    return values.clamp(-HALF, HALF).half().numpy()
