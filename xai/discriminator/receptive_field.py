"""Which pixels a neuron of a discriminator can see: the exact receptive field of every place of a layer.

    fields = receptive_fields(score, "layers.4")
    fields.box(0, 3)                    # Box(top=0, left=9, bottom=7, right=19): of the place in row 0, column 3
    fields.height, fields.width         # 10, 10: before the poster's border cuts anything off
    fields.box_at(found.place[0, 5]).cut(picture)                   # the patch of Responses.place

A place sees the product of a set of rows and a set of columns, found by going back through the steps: places of the
padding do not exist, and see nothing. (Araujo, Norris, Sim 2019 give the sizes in closed form.)
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from numpy.typing import NDArray

from xai.errors import ExplanationError
from xai.networks.chain import Chain
from xai.networks.score import Score
from xai.networks.steps import Convolution, Nonlinearity, Scale

Interval = tuple[int, int]  # first and last


@dataclass(frozen=True)
class Box:
    """Pixels of a picture: rows ``top`` up to, not including, ``bottom``; columns ``left`` up to ``right``."""

    top: int
    left: int
    bottom: int
    right: int

    @property
    def height(self) -> int:
        return self.bottom - self.top

    @property
    def width(self) -> int:
        return self.right - self.left

    def cut(self, picture: NDArray[Any]) -> NDArray[Any]:
        """These pixels of an array (H, W, ...), such as uint8 RGB."""
        return picture[self.top : self.bottom, self.left : self.right]


@dataclass(frozen=True)
class ReceptiveFields:
    """What every place of a layer's map sees.

    rows, columns : first and last row (column) of pixels, one pair for each of the map's rows (columns).
    height, width : of the field where no border cuts it.
    """

    layer: str
    rows: tuple[Interval, ...]
    columns: tuple[Interval, ...]
    height: int
    width: int

    def box(self, row: int, column: int) -> Box:
        """The pixels that a place sees, clipped to the poster; ExplanationError if there is no such place."""
        if not (0 <= row < len(self.rows) and 0 <= column < len(self.columns)):
            raise ExplanationError(
                f"{self.layer} has places (0, 0) to ({len(self.rows) - 1}, {len(self.columns) - 1}); "
                f"({row}, {column}) is none of them."
            )
        (top, bottom), (left, right) = self.rows[row], self.columns[column]
        return Box(top, left, bottom + 1, right + 1)

    def box_at(self, place: int) -> Box:
        """The same of a place as in :class:`xai.discriminator.responses.Responses`: row times width plus column."""
        return self.box(*divmod(int(place), len(self.columns)))


def receptive_fields(score: Score, layer: str) -> ReceptiveFields:
    """The receptive fields of all places of a layer of maps.

    Raises
    ------
    ExplanationError
        If the network is no chain of convolutions and activations on pictures, or has no such layer of maps.
    """
    chain, size = score.chain, score.size
    if chain is None or size is None:
        raise ExplanationError("Receptive fields need a discriminator made of convolutions and activations.")
    with torch.no_grad():
        shapes = [x.shape[2:] for x in chain.trace(torch.zeros(1, 3, *size)).before]
    last = _step_of(score, chain, layer)
    steps = chain.steps[: last + 1]
    convolutions = [(step, shapes[i]) for i, step in enumerate(steps) if isinstance(step, Convolution)]
    others = [step for step in steps if not isinstance(step, Convolution | Scale | Nonlinearity)]
    if others or any(step.transposed for step, _ in convolutions):
        raise ExplanationError(f"{layer} is no layer of maps.")
    sides = []
    for axis in (0, 1):
        back = [(step, shape[axis]) for step, shape in reversed(convolutions)]
        seen = [_seen(place, back, axis) for place in range(shapes[last + 1][axis])]
        sides.append(tuple((min(pixels), max(pixels)) for pixels in seen))
    height, width = (_extent([step for step, _ in convolutions], axis) for axis in (0, 1))
    return ReceptiveFields(layer, sides[0], sides[1], height, width)


def _step_of(score: Score, chain: Chain, layer: str) -> int:
    """The step that makes a layer's output; a convolution's is that of the BatchNorm that was folded into it."""
    if layer in chain.names:
        return chain.names.index(layer)
    modules = score.module().named_modules()
    names = [name for name, module in modules if name == layer or name in chain.names]
    if layer not in names[:-1]:
        raise ExplanationError(f"The network has no layer {layer}; there are {', '.join(chain.names[:-1])}.")
    return chain.names.index(names[names.index(layer) + 1])


def _seen(place: int, back: Iterable[tuple[Convolution, int]], axis: int) -> set[int]:
    """The pixels along one axis; ``back`` are the steps from the last one, each with the size of its input."""
    seen = {place}
    for step, size in back:
        seen = {source for one in seen for source in _sources(step, one, axis) if 0 <= source < size}
    return seen


def _sources(step: Convolution, place: int, axis: int) -> list[int]:
    """The places of the input, those of the padding among them, from which a place of the output is made."""
    first = place * step.stride[axis] - step.padding[axis]
    return [first + step.dilation[axis] * tap for tap in range(step.weight.shape[2 + axis])]


def _extent(steps: Sequence[Convolution], axis: int) -> int:
    """The size along one axis of a field that no border cuts."""
    first = last = 0
    for step in reversed(steps):
        first, last = min(_sources(step, first, axis)), max(_sources(step, last, axis))
    return last - first + 1
