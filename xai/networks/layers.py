"""Layers of a network and their units (filters): shapes, mean responses, and orders.

    layers(generator, z)[1].label                      # "layers.1 - 512 x 4 x 4 - BatchNorm2d"
    unit_means(generator, "layers.5")                  # (256,) over 64 fixed seeds
    order_units(maps, "activation")                    # the most active first

A unit is one channel of a layer; the pages call it a filter.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from gan.networks.dcgan import Generator, latents
from gan.networks.seeds import reserved
from xai.errors import ExplanationError
from xai.networks.batches import at_once
from xai.networks.hooks import activations, check_given, private_copy

MEAN_SEEDS = reserved("unit means")


@dataclass(frozen=True)
class Layer:
    """One entry of a network's ``layers``: dotted name, kind, and output shape for one input."""

    name: str
    kind: str
    units: int
    height: int
    width: int

    @property
    def label(self) -> str:
        return f"{self.name} - {self.units} x {self.height} x {self.width} - {self.kind}"


def layers(network: nn.Module, example: Tensor) -> list[Layer]:
    """All entries of ``network.layers`` with their output shapes for ``example`` (1, ...)."""
    check_given(network)
    sequence = network.layers
    if not isinstance(sequence, nn.Sequential):
        raise ExplanationError("The network has no Sequential named layers.")
    names = [f"layers.{index}" for index in range(len(sequence))]
    private = private_copy(sequence)
    entries, h = [], example
    with torch.no_grad():
        for name, module in zip(names, private, strict=True):
            h = module(h)
            height, width = h.shape[2:] if h.ndim == 4 else (1, 1)
            entries.append(Layer(name, type(module).__name__, h[0].numel() // (height * width), height, width))
    return entries


@torch.no_grad()
def modules_of_maps(network: nn.Module, example: Tensor) -> list[Layer]:
    """Modules at any depth whose output is maps (1, U, h, w), and that run once, in the order in which they end."""
    private, found = private_copy(network), []

    def note(name: str, output: object) -> None:
        if isinstance(output, Tensor) and output.ndim == 4 and output.shape[2:].numel() > 1:
            found.append((name, tuple(output.shape)))

    for name, module in private.named_modules():
        if name:
            module.register_forward_hook(lambda module, _, output, name=name: note(name, output))
    private(example)
    runs = [name for name, _ in found]
    return [
        Layer(name, type(private.get_submodule(name)).__name__, *shape[1:])
        for name, shape in found
        if runs.count(name) == 1
    ]


def mean_responses(maps: NDArray[np.float32]) -> NDArray[np.float32]:
    """Mean (U,) of each unit's map (U, h, w), signed."""
    return np.asarray(maps.mean((1, 2)))


def active_fraction(unit_map: NDArray[np.float32]) -> float:
    """Fraction of a map's positions that are above 0."""
    return float((unit_map > 0).mean())


def order_units(maps: NDArray[np.float32], by: str = "index", effects: NDArray[np.float32] | None = None) -> list[int]:
    """Units of maps (U, h, w) by "index", by mean absolute "activation", or by "effect" (U,), the largest first."""
    if by == "effect" and effects is not None:
        return [int(unit) for unit in np.argsort(-effects, kind="stable")]
    if by == "activation":
        return [int(unit) for unit in np.argsort(-np.abs(maps).mean((1, 2)), kind="stable")]
    return list(range(len(maps)))


def unit_means(generator: Generator, layer: str) -> Tensor:
    """Mean activation (U,) of every unit of a layer over 64 fixed seeds."""
    return usual_maps(generator, [layer])[layer].mean((0, 2, 3))


def usual_maps(generator: Generator, layers: Sequence[str]) -> dict[str, Tensor]:
    """Outputs (64, U, h, w) of these layers for 64 fixed seeds."""
    z = latents(MEAN_SEEDS, generator.config)
    batches = [activations(generator, part, layers) for part in torch.split(z, at_once(64, generator.config.size))]
    return {layer: torch.cat([batch[layer] for batch in batches]) for layer in layers}
