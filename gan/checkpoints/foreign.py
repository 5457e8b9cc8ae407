"""The safe import of foreign ``.pth`` files.

A ``.pth`` is a pickle and may hold code: it is only ever read with ``weights_only=True``, and its keys and shapes are
checked before anything is loaded.
"""

from __future__ import annotations

import hashlib
import pickle
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from gan.checkpoints.record import Checkpoint, Weights, instantiate
from gan.errors import CheckpointError
from gan.networks.config import ModelConfig
from gan.networks.dcgan import Discriminator, Generator


def load_foreign(path: Path) -> Checkpoint:
    try:
        found = {_kind(weights, path.name): weights for weights in _state_dicts(_unpickle(path))}
    except RecursionError:
        raise CheckpointError(f"{path.name} holds a dictionary that holds itself.") from None
    if not found:
        raise CheckpointError(f"{path.name} holds no weights under layers.N or main.N.")
    configs = {_infer_config(kind, weights, path.name) for kind, weights in found.items()}
    latent = max(config.latent for config in configs)
    merged = {ModelConfig(c.resolution, latent, c.width, c.max_width) for c in configs}
    if len(merged) > 1:
        raise CheckpointError(f"{path.name}: generator and discriminator are of different shapes.")
    config = merged.pop()
    return Checkpoint(
        instantiate(Generator, config, found.get("generator"), path.name),
        instantiate(Discriminator, config, found.get("discriminator"), path.name),
        config,
        {"source": "foreign .pth"},
        path.name,
        hashlib.sha256(path.read_bytes()).hexdigest(),
    )


def _unpickle(path: Path) -> Any:
    try:
        return torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        with path.open("rb") as file:
            pickled = file.read(2).startswith((b"PK", b"\x80"))  # else a web page or a picture
        if pickled and "Weights only load failed" in str(error):
            raise CheckpointError(f"{path.name} holds code, not only weights; it is not loaded.") from None
        raise CheckpointError(f"{path.name} is truncated or is not a PyTorch file.") from None
    except (RuntimeError, EOFError, OSError, ValueError, KeyError, AttributeError) as error:
        raise CheckpointError(f"{path.name} is truncated or is not a PyTorch file.") from error


def _state_dicts(loaded: Any) -> Iterator[Weights]:
    """Every state dict in a loaded object, its keys brought to layers.N."""
    if not isinstance(loaded, Mapping):
        return
    weights = {
        re.sub(r"^(module\.)?(main|layers)\.", "layers.", key): value.float() if value.is_floating_point() else value
        for key, value in loaded.items()
        if isinstance(key, str) and isinstance(value, Tensor)
    }
    if any(key.startswith("layers.") for key in weights):
        yield weights
    for value in loaded.values():
        yield from _state_dicts(value)


def _kind(weights: Weights, name: str) -> str:
    """D takes pictures in (3 channels first), G gives pictures out (3 channels last)."""
    kernels = _kernels(weights, name)
    if kernels[0].shape[1] == 3:
        return "discriminator"
    if kernels[-1].shape[1] == 3:
        return "generator"
    raise CheckpointError(
        f"{name} is of another architecture: the first kernel is {tuple(kernels[0].shape)}, the last "
        f"{tuple(kernels[-1].shape)}, and neither meets a picture of 3 channels."
    )


def _kernels(weights: Weights, name: str) -> list[Tensor]:
    numbered = [
        (int(match[1]), value)
        for key, value in weights.items()
        if (match := re.fullmatch(r"layers\.(\d+)\.weight", key)) and value.ndim == 4
    ]
    ordered = [kernel for _, kernel in sorted(numbered, key=lambda pair: pair[0])]
    if len(ordered) < 2:
        raise CheckpointError(f"{name} is of another architecture: it has {len(ordered)} convolutions.")
    return ordered


def _infer_config(kind: str, weights: Weights, name: str) -> ModelConfig:
    kernels = _kernels(weights, name)
    resolution = 2 ** (len(kernels) + 1)  # five convolutions: 64 x 64
    if kind == "generator":
        widths, latent = [kernel.shape[1] for kernel in kernels[-2::-1]], kernels[0].shape[0]
    else:
        widths, latent = [kernel.shape[0] for kernel in kernels[:-1]], 1
    try:
        return ModelConfig(resolution, latent, widths[0], max(widths))
    except ValueError as error:
        raise CheckpointError(f"{name} is of another architecture: {error}.") from None
