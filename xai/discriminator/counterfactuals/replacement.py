"""What a discriminator says of a poster when some of its filters are replaced.

    replacement = by_reference(score, reference)        # or by_mean(score, posters): the filter's mean over posters
    maps = filter_maps(score, poster)                   # (1, 3, H, W)
    replacement.logits(maps, masks)                     # masks bool (R, F), F filters in the order of Responses: (R,)

Only the rest of the network is run, from the first layer on in which a filter is replaced. Where filters of several
layers are replaced, those of a later layer are whatever the earlier ones made of them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from gan.errors import counted
from xai.discriminator.responses import FilterLayer, filter_layers
from xai.errors import ExplanationError
from xai.networks.batches import at_once
from xai.networks.chain import Chain
from xai.networks.score import Score

ROWS = 64  # sets of filters at once, fewer of large pictures


@dataclass(frozen=True, eq=False)
class Replacement:
    """What takes the place of each filter's map.

    name : "reference" or "mean". words : for texts, "their maps of the reference".
    values : by layer, (1, U, h, w) or (1, U, 1, 1).
    """

    name: str
    words: str
    score: Score
    layers: tuple[FilterLayer, ...]
    values: tuple[Tensor, ...]

    @property
    def filters(self) -> int:
        """How many there are in all layers."""
        return sum(layer.units for layer in self.layers)

    def by_layer(self, masks: Tensor) -> tuple[Tensor, ...]:
        """Masks (R, F) as those of each layer (R, U)."""
        return torch.split(masks, [layer.units for layer in self.layers], 1)

    @torch.no_grad()
    def logits(self, maps: Sequence[Tensor], masks: Tensor) -> Tensor:
        """Logits (R,) of one poster, of whose ``maps`` those of ``masks`` (R, F) are replaced."""
        rows = at_once(ROWS, self.score.size or (1, 1))
        return torch.cat([self._run(maps, part)[-1][:, 0] for part in torch.split(masks, rows)])

    @torch.no_grad()
    def maps(self, maps: Sequence[Tensor], mask: Tensor) -> tuple[Tensor, ...]:
        """Maps of all layers when those of ``mask`` (F,) are replaced."""
        return self._run(maps, mask[None])[:-1]

    def _run(self, maps: Sequence[Tensor], masks: Tensor) -> tuple[Tensor, ...]:
        """Maps of all layers, and the output."""
        parts, chain = self.by_layer(masks), _chain(self.score)
        first = next((index for index, part in enumerate(parts) if part.any()), len(parts) - 1)
        stops = [*(layer.after for layer in self.layers[1:]), None]
        found = list(maps[: first + 1])
        for layer, values, part, stop in list(zip(self.layers, self.values, parts, stops, strict=True))[first:]:
            found[-1] = torch.where(part[:, :, None, None], values, found[-1])
            found.append(chain(found[-1], layer.after, stop))
        return tuple(found)


def by_reference(score: Score, reference: Tensor) -> Replacement:
    """Each filter's map becomes that of the reference (1, 3, H, W); errors as :func:`filter_maps`."""
    values = filter_maps(score, reference)
    return Replacement("reference", "their maps of the reference", score, filter_layers(score), values)


def by_mean(score: Score, images: Tensor) -> Replacement:
    """Each filter's map becomes everywhere its mean over ``images`` (N, 3, H, W) and places.

    Raises
    ------
    ExplanationError
        As :func:`xai.discriminator.responses.filter_layers`, or if there are no pictures, or such of another size.
    """
    score.check(images)
    if not len(images):
        raise ExplanationError("A filter's mean over posters needs at least one poster.")
    layers, chain = filter_layers(score), _chain(score)
    sums = [torch.zeros(layer.units, dtype=torch.double) for layer in layers]
    for part in torch.split(images, at_once(ROWS, images.shape[2:])):
        trace = chain.trace(part, len(part) > 1)
        maps = [trace.before[layer.after].double() for layer in layers]
        sums = [before + one.mean((2, 3)).sum(0) for before, one in zip(sums, maps, strict=True)]
    values = tuple((one / len(images)).float()[None, :, None, None] for one in sums)
    return Replacement("mean", f"their means over {counted(len(images), 'poster')}", score, layers, values)


def filter_maps(score: Score, image: Tensor) -> tuple[Tensor, ...]:
    """Maps (1, U, h, w) of all activation layers for one poster (1, 3, H, W).

    Raises
    ------
    ExplanationError
        As :func:`xai.discriminator.responses.filter_layers`, or if not one picture of the score's size is given.
    """
    score.check(image)
    if len(image) != 1:
        raise ExplanationError(f"Filters are replaced in one poster at a time, not in {len(image)}.")
    trace = _chain(score).trace(image)
    return tuple(trace.before[layer.after] for layer in filter_layers(score))


def _chain(score: Score) -> Chain:
    filter_layers(score)  # which refuses what is no chain
    assert score.chain is not None
    return score.chain
