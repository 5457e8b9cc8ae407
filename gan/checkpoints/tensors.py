"""Tensors of somebody else's, checked before they become weights.

weight = checked("main.0.weight", tensor, "netG.pth")       # float32, finite; CheckpointError otherwise
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from gan.errors import CheckpointError, counted

TEMPERED = 1e-12  # smallest norm that weights are divided by, as torch has it


def checked(key: str, tensor: Tensor, name: str) -> Tensor:
    """A tensor as float32; ``name`` is the file, for the sentence.

    Raises
    ------
    CheckpointError
        If it holds no floating-point numbers, holds them in another layout than row after row, only claims to
        hold them, or one is not finite or a variance below zero.
    """
    what = _refused(tensor)
    if what:
        raise CheckpointError(f"{name}: {key} is {what}; dense floating-point weights can be read.")
    values = tensor.detach().float()
    if not bool(values.isfinite().all()):
        raise CheckpointError(f"{name}: {key} holds values that are not finite (NaN or infinity); its training failed.")
    if key.endswith("running_var") and bool((values < 0).any()):
        raise CheckpointError(f"{name}: {key} holds variances below 0; the file is damaged.")
    return values


def _refused(tensor: Tensor) -> str:
    """What is wrong with the tensor, or ""."""
    if tensor.is_meta:
        return "a meta tensor, which has a shape and no values"
    if tensor.is_quantized:
        return "quantised"
    if tensor.layout != torch.strided or tensor.is_nested:
        return "sparse or nested"
    if tensor.is_complex():
        return "complex"
    if not tensor.is_floating_point():
        return f"of integers ({str(tensor.dtype).removeprefix('torch.')})"
    if tensor.untyped_storage().nbytes() < tensor.numel() * tensor.element_size():
        return f"said to have {counted(tensor.numel(), 'value')}, more than the file holds"
    return ""


def normalised(tensors: Mapping[str, Tensor], transposed: bool, name: str) -> Tensor:
    """A convolution's weight, with what normalises it in each forward pass (spectral or weight norm) built in.

    As in eval mode of torch.nn.utils, both the old and the parametrised ones: Miyato et al. 2018; Salimans, Kingma
    2016. ``name`` is the layer, for the sentence.

    Raises
    ------
    CheckpointError
        If a part of it is missing or of another shape.
    """
    if "weight" in tensors:
        return tensors["weight"]
    spectral = (("weight_orig", "weight_u", "weight_v"), tuple(_parametrised("original", "0._u", "0._v")))
    for original, u, v in spectral:
        if original in tensors:
            if u not in tensors or v not in tensors:
                raise CheckpointError(f"{name} has spectral norm, and {u} or {v} is missing.")
            return _spectral(tensors[original], tensors[u], tensors[v], transposed, name)
    for magnitude, direction in (("weight_g", "weight_v"), tuple(_parametrised("original0", "original1"))):
        if magnitude in tensors and direction in tensors:
            return _weight_norm(tensors[magnitude], tensors[direction], name)
    raise CheckpointError(f"{name} has no weight.")


def _parametrised(*leaves: str) -> list[str]:
    return [f"parametrizations.weight.{leaf}" for leaf in leaves]


def _spectral(weight: Tensor, u: Tensor, v: Tensor, transposed: bool, name: str) -> Tensor:
    matrix = (weight.transpose(0, 1) if transposed else weight).flatten(1)
    if u.shape != matrix.shape[:1] or v.shape != matrix.shape[1:]:
        raise CheckpointError(
            f"{name} has spectral norm with vectors of {u.numel()} and {counted(v.numel(), 'value')} for a weight of "
            f"{tuple(weight.shape)}."
        )
    sigma = torch.dot(u, torch.mv(matrix, v))
    if not sigma > TEMPERED:
        raise CheckpointError(f"{name} has a spectral norm of {float(sigma):.2g}; the file is damaged.")
    return weight / sigma


def _weight_norm(magnitude: Tensor, direction: Tensor, name: str) -> Tensor:
    if magnitude.ndim != direction.ndim or any(
        m not in (1, d) for m, d in zip(magnitude.shape, direction.shape, strict=True)
    ):
        raise CheckpointError(f"{name} has weight norm of {tuple(magnitude.shape)} for {tuple(direction.shape)}.")
    over = [axis for axis, size in enumerate(magnitude.shape) if size == 1]
    weight: Tensor = magnitude * direction / direction.square().sum(over, keepdim=True).sqrt().clamp_min(TEMPERED)
    return weight
