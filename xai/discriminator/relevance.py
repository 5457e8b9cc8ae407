"""One poster's verdict, filter by filter: what each filter added to the logit, and where in the poster that came from.

    score = xai.Score(checkpoint.discriminator)
    found = filter_contributions(score, poster, reference)      # both (1, 3, H, W)
    found.of("layers.4").values                                 # (128,): they add up to logit - reference's logit
    for bar in waterfall(found, "layers.4").bars:               # the ten filters that pushed up most, ...
        print(bar.label, bar.value, bar.text)
    conditional_map(score, poster, reference, "layers.4", 12).values       # (3, H, W), adds up to filter 12's bar

A contribution is DeepLIFT's (rescale rule, Shrikumar et al. 2017): multiplier times difference from the reference,
summed over the filter's map. A conditional map carries one filter's multipliers on to the pixels, those of all other
filters of the layer cut to zero, as Achtibat et al. 2023 do with relevance; so the maps of all filters of a layer add
up to DeepLIFT's map of the poster.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from gan.errors import counted
from xai.discriminator.responses import FilterLayer, filter_layers
from xai.errors import ExplanationError
from xai.generator.regions import Box, cells
from xai.networks.batches import at_once
from xai.networks.chain import Chain, Trace
from xai.networks.score import Meaning, Score
from xai.render import pool

ROWS = 64  # filters at once that are carried back to the pixels, fewer of large pictures
SHOWN = 10  # filters of a waterfall to either side


@dataclass(frozen=True, eq=False)
class LayerContributions:
    """What the filters of a layer add to the logit, (U,); ``gap`` is what their sum misses of the difference."""

    layer: FilterLayer
    values: NDArray[np.float64]
    gap: float

    @property
    def strongest(self) -> list[int]:
        """The filters, those that add most to the logit or take most from it first."""
        return [int(unit) for unit in np.argsort(-np.abs(self.values), kind="stable")]


@dataclass(frozen=True, eq=False)
class FilterContributions:
    """Of one poster, by layer; ``logit`` is the poster's, ``base_logit`` the reference's."""

    layers: tuple[LayerContributions, ...]
    logit: float
    base_logit: float
    meaning: Meaning

    def of(self, layer: str) -> LayerContributions:
        """Those of a layer; ExplanationError if there is no such activation layer."""
        return self.layers[_index_of(layer, [one.layer for one in self.layers])]

    @property
    def direction(self) -> int:
        """1 where the poster's logit is above the reference's, else -1: what a filter that speaks for it adds."""
        return 1 if self.logit > self.base_logit else -1

    def joined(self) -> NDArray[np.float64]:
        """(F,): of all filters of all layers, in the order of ``Responses``."""
        return np.concatenate([one.values for one in self.layers])


@dataclass(frozen=True)
class Bar:
    """A bar of a waterfall, from ``start`` to ``end`` in logits; ``unit`` is None where it is not one filter's."""

    label: str
    unit: int | None
    value: float
    start: float
    end: float
    text: str


@dataclass(frozen=True)
class Waterfall:
    """From the reference's logit, the first bar, to the poster's, the last one, by the filters of one layer.

    ``gap`` : the poster's logit minus the sum of all bars before it; 0 up to rounding where nothing is left out.
    """

    layer: str
    bars: tuple[Bar, ...]
    gap: float
    text: str


@dataclass(frozen=True, eq=False)
class ConditionalMap:
    """Where in the poster one filter's contribution came from.

    values : float32 (3, H, W), in logits. map : (H, W), the sum over the colours. cells : (H, W), its mean below each
    of the layer's places: what cancels out there is not seen. block : pixels across such a place.
    contribution : the filter's bar. gap : what the sum of ``values`` misses of it.
    """

    layer: str
    unit: int
    values: NDArray[np.float32]
    contribution: float
    gap: float
    text: str
    block: int

    @property
    def map(self) -> NDArray[np.float32]:
        return np.asarray(self.values.sum(0))

    @property
    def cells(self) -> NDArray[np.float32]:
        return pool(self.map, self.block)


def filter_contributions(score: Score, image: Tensor, reference: Tensor) -> FilterContributions:
    """What each filter of each activation layer adds to the logit of ``image``, compared with ``reference``.

    Parameters
    ----------
    image, reference : (1, 3, H, W) in [-1, 1].

    Raises
    ------
    ExplanationError
        If the network is no chain of convolutions and activations, or not one picture each of its size is given.
    """
    compared = _Compared.of(score, image, reference)
    multipliers = compared.multipliers([layer.after for layer in compared.layers])
    logit, base_logit = float(compared.trace.output), float(compared.base.output)
    found = []
    for layer in compared.layers:
        values = compared.products(layer, multipliers[layer.after])[0].double().sum((1, 2)).numpy()
        found.append(LayerContributions(layer, values, logit - base_logit - float(values.sum())))
    return FilterContributions(tuple(found), logit, base_logit, score.meaning)


def strongest_in(score: Score, image: Tensor, reference: Tensor, layer: str, box: Box) -> int:
    """The filter of a layer that adds most to the logit, or takes most from it, at the places of a box of its map.

    ``box`` is (left, top, right, bottom), 0 to 1 across and down; errors as :func:`conditional_map`.
    """
    compared = _Compared.of(score, image, reference)
    place = compared.layers[_index_of(layer, compared.layers)]
    products = compared.products(place, compared.multipliers([place.after])[place.after])[0].double()
    rows, columns = cells(box, place.height, place.width)
    return int(products[:, rows, columns].sum((1, 2)).abs().argmax())


def waterfall(contributions: FilterContributions, layer: str, count: int = SHOWN) -> Waterfall:
    """The ``count`` filters of a layer that pushed up most and down most, largest first, and the rest as one bar."""
    found, meaning = contributions.of(layer), contributions.meaning
    order = np.argsort(-found.values, kind="stable")
    up = [int(unit) for unit in order[:count] if found.values[unit] > 0]
    down = [int(unit) for unit in order[::-1][:count] if found.values[unit] < 0]
    rest = found.layer.units - len(up) - len(down)
    changes: list[tuple[str, int | None, float]] = [(f"filter {u}", u, float(found.values[u])) for u in (*up, *down)]
    if rest:
        left = float(np.delete(found.values, [*up, *down]).sum())
        changes.append((f"{counted(rest, 'other filter')}", None, left))
    at = contributions.base_logit
    bars = [Bar("reference", None, at, 0.0, at, f"{_capital(meaning.name)} of the reference: {at:+z.3f}")]
    for label, unit, value in changes:
        bars.append(Bar(label, unit, value, at, at + value, f"{_capital(label)}: {says(value, meaning)}"))
        at += value
    logit = contributions.logit
    bars.append(Bar("this poster", None, logit, 0.0, logit, f"{_capital(meaning.name)} of this poster: {logit:+z.3f}"))
    text = (
        f"From {contributions.base_logit:+z.3f} for the reference to {logit:+z.3f} for this poster, by the "
        f"{counted(found.layer.units, 'filter')} of {layer}; the bars miss {abs(found.gap):.1g} of it."
    )
    return Waterfall(layer, tuple(bars), found.gap, text)


def conditional_map(score: Score, image: Tensor, reference: Tensor, layer: str, unit: int) -> ConditionalMap:
    """Where in the poster (1, 3, H, W) a filter's contribution came from; errors as :func:`conditional_maps`."""
    return conditional_maps(score, image, reference, layer, [unit])[0]


def conditional_maps(
    score: Score, image: Tensor, reference: Tensor, layer: str, units: Sequence[int]
) -> tuple[ConditionalMap, ...]:
    """Those of several filters of a layer, in the order of ``units``. All of a layer add up to DeepLIFT's map.

    Raises
    ------
    ExplanationError
        As :func:`filter_contributions`, or if there is no such activation layer or filter.
    """
    compared = _Compared.of(score, image, reference)
    place = compared.layers[_index_of(layer, compared.layers)]
    for unit in units:
        if not 0 <= unit < place.units:
            raise ExplanationError(f"{layer} has filters 0 to {place.units - 1}; {unit} is none of them.")
    at_layer = compared.multipliers([place.after])[place.after]
    contributions = compared.products(place, at_layer)[0].double().sum((1, 2))
    maps = []
    for part in torch.split(torch.tensor(list(units), dtype=torch.long), at_once(ROWS, image.shape[2:])):
        values = compared.pixels(place, at_layer, part).numpy()
        for unit, one in zip(part.tolist(), values, strict=True):
            contribution = float(contributions[unit])
            text = f"Filter {unit} of {layer}: {says(contribution, score.meaning)}; this is where it came from."
            gap = contribution - float(one.sum(dtype=np.float64))
            maps.append(ConditionalMap(layer, unit, one, contribution, gap, text, image.shape[2] // place.height))
    return tuple(maps)


@dataclass(frozen=True, eq=False)
class _Compared:
    """A poster's trace beside the reference's."""

    chain: Chain
    layers: tuple[FilterLayer, ...]
    trace: Trace
    base: Trace

    @classmethod
    def of(cls, score: Score, image: Tensor, reference: Tensor) -> _Compared:
        for what, pictures in (("poster", image), ("reference", reference)):
            score.check(pictures)
            if len(pictures) != 1:
                raise ExplanationError(f"Contributions of filters are those of one {what}, not of {len(pictures)}.")
        layers, chain = filter_layers(score), score.chain
        assert chain is not None  # checked by filter_layers
        return cls(chain, layers, chain.trace(image), score.trace(reference))

    def multipliers(self, places: Sequence[int]) -> dict[int, Tensor]:
        return self.chain.multipliers(self.trace, self.base, places)

    def products(self, layer: FilterLayer, multipliers: Tensor) -> Tensor:
        """Multipliers at a layer's output times the difference there, (1, U, h, w)."""
        return multipliers * (self.trace.before[layer.after] - self.base.before[layer.after])

    def pixels(self, layer: FilterLayer, at_layer: Tensor, units: Tensor) -> Tensor:
        """(len(units), 3, H, W): the multipliers of one filter each, all others' cut to zero, on to the pixels."""
        alone = at_layer.new_zeros(len(units), *at_layer.shape[1:])
        rows = torch.arange(len(units))
        alone[rows, units] = at_layer[0, units]
        carried = self.chain.multipliers(self.trace, self.base, (0,), (layer.after, alone))[0]
        return carried * (self.trace.before[0] - self.base.before[0])


def _index_of(name: str, layers: Sequence[FilterLayer]) -> int:
    names = [layer.name for layer in layers]
    if name not in names:
        raise ExplanationError(f"{name} is no activation layer; there are {', '.join(names)}.")
    return names.index(name)


def says(value: float, meaning: Meaning) -> str:
    """A contribution in words, such as: +0.412, speaks for real."""
    if value == 0:
        return "+0.000, says nothing"
    return f"{value:+z.3f}, speaks for {meaning.high if value > 0 else meaning.low}"


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]
