"""A generator cut at its activation layers: what comes before a layer is run once, what comes after as often as needed.

    folded = FoldedGenerator.of(generator)            # once a checkpoint; safe in any number of threads
    trace = folded.trace(z)                   # everything between the noise (1, latent, 1, 1) and the picture
    maps = folded.maps(trace, "layers.5")     # (1, 256, 8, 8)
    for units, pictures in folded.redraw(trace, "layers.5", changes):
        ...                                    # the picture with each unit's map changed, one unit at a time

The step after a layer is linear, so a change of one unit changes its output by that unit's part alone: a
grouped convolution gives the parts of a block of units at a fraction of the full step's cost.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from gan.networks.dcgan import Generator, latents
from xai.errors import ExplanationError
from xai.networks.batches import at_once
from xai.networks.chain import Chain, Trace
from xai.networks.hooks import check_given, private_copy
from xai.networks.jacobian import derivative
from xai.networks.layers import MEAN_SEEDS
from xai.networks.steps import Convolution

# Units at once, fewer for large pictures; always the same blocks, so that an answer does not depend on the request.
BLOCK = 32
AT_ONCE = 64  # pictures, of which the means are taken


@dataclass(frozen=True, eq=False)
class FoldedGenerator:
    """A generator as a chain of steps, cut after each activation function.

    Attributes
    ----------
    places : by activation layer, the step of the chain that takes what the layer gives.
    means, largest : by activation layer, (U,) over the places of ``MEAN_SEEDS``' 64 pictures.
    latent : number of latent dimensions.
    size : height and width of the pictures.
    """

    chain: Chain
    places: Mapping[str, int]
    means: Mapping[str, Tensor]
    largest: Mapping[str, Tensor]
    latent: int
    size: tuple[int, int]

    @staticmethod
    def of(generator: Generator) -> FoldedGenerator:
        """Fold and cut the generator.

        Raises
        ------
        ExplanationError
            If it holds modules that a chain does not know, or waits for genres.
        """
        check_given(generator)
        size = generator.config.size
        chain = Chain.of(private_copy(generator.layers))
        places = {} if chain is None else activation_outputs(chain)
        if chain is None or not places:
            raise ExplanationError("This generator holds modules that filters cannot be traced through.")
        seeds = latents(MEAN_SEEDS, generator.config)
        means = dict.fromkeys(places, torch.zeros(()))
        largest = dict.fromkeys(places, torch.tensor(-torch.inf))
        for part in torch.split(seeds, at_once(AT_ONCE, size)):
            usual = chain.trace(part, many=True)
            for name, place in places.items():
                means[name] = means[name] + usual.before[place].mean((0, 2, 3)) * (len(part) / len(seeds))
                largest[name] = torch.maximum(largest[name], usual.before[place].amax((0, 2, 3)))
        return FoldedGenerator(chain, places, means, largest, generator.config.latent, size)

    @property
    def layers(self) -> list[str]:
        """Names of the activation layers, first to last."""
        return list(self.places)

    def count(self, layer: str) -> int:
        """How many units a layer has."""
        return len(self.means[self._checked(layer)])

    def trace(self, z: Tensor) -> Trace:
        """Run the latents (N, latent, 1, 1) through; a row's bits do not depend on the other rows."""
        if z.shape[1:] != (self.latent, 1, 1) or not len(z):
            raise ExplanationError(f"A latent is of the shape (1, {self.latent}, 1, 1), not {tuple(z.shape)}.")
        return self.chain.trace(z)

    def maps(self, trace: Trace, layer: str) -> Tensor:
        """Unit maps (N, U, h, w) of a layer."""
        return trace.before[self.places[self._checked(layer)]]

    def check(self, layer: str, unit: int) -> None:
        """Raise ExplanationError if there is no such unit."""
        count = self.count(layer)
        if not 0 <= unit < count:
            raise ExplanationError(f"{layer} has units 0 to {count - 1}; {unit} is none of them.")

    @torch.no_grad()
    def redraw(self, trace: Trace, layer: str, changes: Tensor) -> Iterator[tuple[slice, Tensor]]:
        """Change one unit at a time, by ``changes`` (U, h, w) added to its map.

        Yields blocks of units, in order, and their pictures (n, 3, H, W). ``trace`` is of one latent.
        """
        after = self.places[self._checked(layer)] + 1
        for units in self._blocks(len(changes)):
            yield units, self._finish(after, trace.before[after] + self._parts(layer, changes, units))

    @torch.no_grad()
    def redraw_without(self, trace: Trace, layer: str, changes: Tensor, unit: int) -> Tensor:
        """The picture (1, 3, H, W) of one trace with one unit's map changed alone, by its row of ``changes``."""
        self.check(layer, unit)
        after = self.places[layer] + 1
        return self._finish(after, trace.before[after] + self._parts(layer, changes, slice(unit, unit + 1)))

    @torch.no_grad()
    def derivatives(self, trace: Trace, layer: str, changes: Tensor) -> Iterator[tuple[slice, Tensor]]:
        """The picture's derivative along each unit's ``changes`` (U, h, w): what ``redraw`` adds, to first order."""
        after = self.places[self._checked(layer)] + 1
        for units in self._blocks(len(changes)):
            yield units, derivative(self.chain, trace, after, self._parts(layer, changes, units))

    def _parts(self, layer: str, changes: Tensor, units: slice) -> Tensor:
        """What the changes of a block of units add to the next step's output, each alone: (n, U', h', w')."""
        step = self.chain.steps[self.places[layer]]
        assert isinstance(step, Convolution)  # by activation_outputs
        chosen = changes[units]
        parts = torch.convolution(
            chosen[None], step.weight[units], None, step.stride, step.padding, step.dilation,
            True, step.output_padding, len(chosen),
        )  # fmt: skip
        return parts.reshape(len(chosen), -1, *parts.shape[2:])

    def _finish(self, start: int, x: Tensor) -> Tensor:
        for step in self.chain.steps[start:]:
            x = step.forward(x, True)
        return x

    def _blocks(self, count: int) -> Iterator[slice]:
        block = at_once(BLOCK, self.size)
        for start in range(0, count, block):
            yield slice(start, min(start + block, count))

    def _checked(self, layer: str) -> str:
        if layer not in self.places:
            names = ", ".join(self.places)
            raise ExplanationError(f"{layer!r} is no activation layer of this generator; there are {names}.")
        return layer


def activation_outputs(chain: Chain, prefix: str = "") -> dict[str, int]:
    """G's activation layers, by the name that they have in G, and where their output stands in a trace of ``chain``.

    Those whose output goes into a transposed convolution without groups: all but the last Tanh. ``prefix`` is what the
    names of G's modules begin with in the chain.
    """
    outputs = {}
    for index, name in enumerate(chain.names[:-1]):
        after = chain.steps[index + 1]
        read_by_one = isinstance(after, Convolution) and after.transposed and after.groups == 1
        if name.startswith(prefix) and chain.is_nonlinearity(index) and read_by_one:
            outputs[f"layers.{name.removeprefix(prefix)}"] = index + 1
    return outputs
