"""The whole machine, for one poster: its noise, one map of each layer of G, the poster, one map of each layer of D.

    z, others = gan.latents([7], checkpoint.config), gan.latents(range(100, 116), checkpoint.config)
    poster = checkpoint.generator(z)
    added = filter_contributions(xai.Score(checkpoint.discriminator), poster, reference)
    blamed = xai.blame(checkpoint.generator, checkpoint.discriminator, z, others)
    found = machine(checkpoint, poster, z, added, blamed)
    part = found.generator[0]
    part.layer, part.unit, part.map                     # "layers.2", 37, (4, 4)
    part.text                                           # what it is, in plain words

A layer is shown by one of its filters, in both networks by the same rule: the one whose contribution to D's logit of
this poster is the largest, for real or for fake. Where no contribution is known (there is no discriminator, or a
network holds modules that DeepLIFT does not pass) it is the one that responds most strongly, and the text says so.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor, nn

from gan.checkpoints.record import Checkpoint
from gan.errors import counted
from gan.networks.own import OwnDiscriminator, OwnGenerator
from xai.discriminator.relevance import FilterContributions, says
from xai.generator.blame import Blame
from xai.networks.hooks import activations
from xai.networks.layers import Layer, layers, order_units
from xai.networks.score import ACTIVATIONS, LOGIT, Meaning, Score

Network = Literal["generator", "discriminator"]


@dataclass(frozen=True, eq=False)
class Part:
    """A layer after its nonlinearity, and the filter of it that matters most.

    network : whose layer it is. place, count : it is number ``place`` of ``count``, from 1.
    unit : the filter. map : float32 (h, w), its response. contribution : what it adds to D's logit; None if unknown.
    meaning : of that logit, which may be a class's.
    """

    network: Network
    layer: Layer
    place: int
    count: int
    unit: int
    map: NDArray[np.float32]
    contribution: float | None
    meaning: Meaning = LOGIT

    @property
    def size(self) -> str:
        """Width and height of its maps, as one says it: "8 × 8"."""
        return f"{self.layer.width} × {self.layer.height}"

    @property
    def text(self) -> str:
        """What the layer is, which filter is shown, and why this one."""
        one = self.layer
        about = (
            f"Layer {self.place} of {self.count} of the {self.network}: {counted(one.units, 'filter')}, each a map of "
            f"{self.size}."
        )
        if self.contribution is None:
            return f"{about} Shown is filter {self.unit}, which responds most strongly to this poster."
        return (
            f"{about} Shown is filter {self.unit}, which matters most to {self._verdict} on this poster: "
            f"{says(self.contribution, self.meaning)}."
        )

    @property
    def _verdict(self) -> str:
        return "D's verdict" if self.meaning == LOGIT else self.meaning.name


@dataclass(frozen=True, eq=False)
class Machine:
    """What a poster passes through.

    latent : float32 (latent,), None of a poster that was not generated. generator, discriminator : their parts in
    order; none where there is no such network, or no latent. logit : D's verdict, None without a discriminator.
    """

    latent: NDArray[np.float32] | None
    generator: tuple[Part, ...]
    discriminator: tuple[Part, ...]
    logit: float | None


def machine(
    checkpoint: Checkpoint,
    image: Tensor,
    z: Tensor | None = None,
    added: FilterContributions | None = None,
    blamed: Blame | None = None,
) -> Machine:
    """Of the poster ``image`` (1, 3, H, W), which was generated from ``z`` (1, latent, 1, 1) if that is given.

    added, blamed : what the filters of D and of G contribute to its logit, where that is known.

    Raises
    ------
    ExplanationError
        If a network waits for genres.
    """
    generator, discriminator = checkpoint.generator, checkpoint.discriminator
    drawn: tuple[Part, ...] = ()
    judged: tuple[Part, ...] = ()
    logit, meaning = None, LOGIT
    if discriminator is not None:
        score = Score(discriminator)
        logit, meaning = float(score(image)), score.meaning
    if generator is not None and z is not None:
        drawn = _parts("generator", generator, z, {} if blamed is None else blamed.units, meaning)
    if discriminator is not None:
        known = {} if added is None else {one.layer.name: one.values for one in added.layers}
        judged = _parts("discriminator", discriminator, image, known, meaning)
    return Machine(None if z is None else z.flatten().numpy(), drawn, judged, logit)


def _parts(
    name: Network, network: nn.Module, inputs: Tensor, contributions: Mapping[str, ArrayLike], meaning: Meaning
) -> tuple[Part, ...]:
    """One for each activation layer but the last entry, which only brings the output into its range.

    Of a network of blocks, one for each place where its maps change their size.
    """
    entries = [layer for layer in layers(network, torch.zeros_like(inputs))[:-1] if layer.height * layer.width > 1]
    shown = [layer for layer in entries if layer.kind in _KINDS]
    if len(shown) < FEW and isinstance(network, OwnGenerator | OwnDiscriminator):
        shown = list({(layer.height, layer.width): layer for layer in entries}.values())
    maps = activations(network, inputs, [layer.name for layer in shown])
    found = []
    for place, layer in enumerate(shown, 1):
        of_layer = maps[layer.name][0].numpy()
        known = np.asarray(contributions.get(layer.name, 0.0), np.float64)
        if known.any():
            unit = int(np.abs(known).argmax())
            contribution: float | None = float(known[unit])
        else:  # none is known, or the poster is its own reference
            unit, contribution = order_units(of_layer, "activation")[0], None
        found.append(Part(name, layer, place, len(shown), unit, of_layer[unit], contribution, meaning))
    return tuple(found)


FEW = 2  # activation layers, below which a network is shown by its blocks
_KINDS = {kind.__name__ for kind in ACTIVATIONS}
