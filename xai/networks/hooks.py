"""Look into a network, change it for a moment, or run only its end.

    with capture(generator, ["layers.5"]) as maps:
        generator(z)
    maps["layers.5"]                                     # (N, 256, 8, 8), a detached clone

    with edit(generator, "layers.5", units=[7], value=0.0):
        without = generator(z)

    h = activations(generator, z, ["layers.5"])["layers.5"]
    run_from(generator, "layers.5", h)                   # the same picture, from the middle on

Context managers undo themselves on success and on failure. They hook the network that they are given;
where other threads use it too, hand them ``private_copy(network)``, which costs no memory.
"""

from __future__ import annotations

import copy
import itertools
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, TypeVar

import torch
from torch import Tensor, nn

from gan.networks.dcgan import Discriminator, Generator
from xai.errors import ExplanationError

Network = TypeVar("Network", bound=nn.Module)


def check_given(network: nn.Module) -> None:
    """Raise ExplanationError for a network that waits for genres: its layers alone do not say what it does."""
    if isinstance(network, Generator | Discriminator) and network.config.genres:
        kind = type(network).__name__.lower()
        raise ExplanationError(
            f"This {kind} was trained with genres; look into {kind}.with_genres(labels), which has them built in."
        )


def private_copy(network: Network, labels_come: bool = False) -> Network:
    """A copy to hook and to run: own modules, shared weights, eval mode, no hooks, nothing in place.

    Gradients do not reach the weights. In-place activations would overwrite what hooks keep, and
    DeepLIFT and DeepSHAP fail on them.

    Raises
    ------
    ExplanationError
        If the network waits for genres, unless ``labels_come`` with each forward.
    """
    if not labels_come:
        check_given(network)
    shared = itertools.chain(network.parameters(), network.buffers())
    copied = copy.deepcopy(network, {id(tensor): tensor.detach() for tensor in shared})
    for module in copied.modules():
        for name, weight in list(module._parameters.items()):
            if weight is not None:
                module._parameters[name] = nn.Parameter(weight, requires_grad=False)
        module._forward_hooks.clear()  # an edit or a capture of the original is not the copy's
        module._backward_hooks.clear()
        if hasattr(module, "inplace"):
            setattr(module, "inplace", False)  # noqa: B010  # the type of Module forbids plain assignment
    return copied.eval()


@contextmanager
def capture(network: nn.Module, layers: Sequence[str]) -> Iterator[dict[str, Tensor]]:
    """Yield a dict that every forward fills with detached clones of these layers' outputs.

    Raises
    ------
    ExplanationError
        If a layer does not exist.
    """
    maps: dict[str, Tensor] = {}

    def keep(name: str) -> Any:
        def hook(module: nn.Module, inputs: Any, output: Tensor) -> None:
            _check_maps(output, name)
            maps[name] = output.detach().clone()

        return hook

    modules = [find_layer(network, name) for name in layers]
    handles = [module.register_forward_hook(keep(name)) for name, module in zip(layers, modules, strict=True)]
    try:
        yield maps
    finally:
        for handle in handles:
            handle.remove()


@contextmanager
def edit(network: nn.Module, layer: str, units: Sequence[int], value: float | Tensor) -> Iterator[None]:
    """Replace units (channels) of a layer's output in every forward of the block.

    ``value`` is a number, one number a unit (U, 1, 1), or whole maps that broadcast to (N, U, h, w):
    zero, the unit's mean, another sample's activation.

    Raises
    ------
    ExplanationError
        If the layer does not exist or, at the forward, a unit is out of range.
    """
    chosen = list(units)

    def replace(module: nn.Module, inputs: Any, output: Tensor) -> Tensor:
        _check_maps(output, layer)
        count = output.shape[1]
        outside = [unit for unit in chosen if isinstance(unit, bool | float) or not 0 <= unit < count]
        if outside:
            raise ExplanationError(f"{layer} has units 0 to {count - 1}; {outside[0]} is none of them.")
        changed = output.clone()
        try:
            changed[:, chosen] = torch.as_tensor(value, dtype=output.dtype, device=output.device)
        except (RuntimeError, TypeError, ValueError) as error:
            wanted = tuple(changed[:, chosen].shape)
            raise ExplanationError(f"{layer}: the value has another shape than the units' maps, {wanted}.") from error
        return changed

    handle = find_layer(network, layer).register_forward_hook(replace)
    try:
        yield
    finally:
        handle.remove()


@torch.no_grad()
def activations(network: nn.Module, inputs: Tensor, layers: Sequence[str]) -> dict[str, Tensor]:
    """Outputs of these layers for ``inputs``, safe in any number of threads."""
    private = private_copy(network)
    with capture(private, layers) as maps:
        private(inputs)
    return maps


@torch.no_grad()
def run_from(network: nn.Module, layer: str, h: Tensor) -> Tensor:
    """Run what comes after ``layer`` (an entry of a Sequential) on its output ``h`` (N, C, h, w).

    Returns the Sequential's output, in eval mode. Nothing is hooked, ``h`` is not changed.

    Raises
    ------
    ExplanationError
        If the layer does not exist or is in no Sequential, or ``h`` is not of its output's shape.
    """
    check_given(network)
    parent, _, name = layer.rpartition(".")
    find_layer(network, layer)
    sequence = network.get_submodule(parent) if parent else network
    if not isinstance(sequence, nn.Sequential):
        raise ExplanationError(f"{layer} is not an entry of a Sequential, so its rest is unknown.")
    rest = private_copy(nn.Sequential(*list(sequence)[list(sequence._modules).index(name) + 1 :]))
    try:
        output: Tensor = rest(h.clone())
    except (RuntimeError, ValueError, AttributeError) as error:
        shape = tuple(h.shape) if isinstance(h, Tensor) else type(h).__name__
        raise ExplanationError(f"What comes after {layer} does not take its output as {shape}.") from error
    return output


def _check_maps(output: Any, layer: str) -> None:
    if not isinstance(output, Tensor) or output.ndim < 2:
        raise ExplanationError(f"{layer} gives no maps (N, C, ...), but a {type(output).__name__}.")


def find_layer(network: nn.Module, name: str) -> nn.Module:
    """The module with this dotted name; ExplanationError names those that exist."""
    modules: dict[str, nn.Module] = dict(network.named_modules())
    if name not in modules or not name:
        names = ", ".join(key for key, module in modules.items() if key and not list(module.children()))
        raise ExplanationError(f"There is no layer {name!r}; there are {names}.")
    return modules[name]
