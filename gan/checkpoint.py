"""Checkpoints: a folder of safetensors and JSON, and the safe import of foreign ``.pth`` files.

    checkpoint = load("checkpoints/dcgan-64")
    checkpoint.generator(latents([0], checkpoint.config))

A ``.pth`` is a pickle and may hold code: it is only ever read with ``weights_only=True``, and its keys and
shapes are checked before anything is loaded.
"""

from __future__ import annotations

import hashlib
import json
import pickle
import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, TypeVar

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from safetensors.torch import save as to_bytes
from torch import Tensor, nn

from gan.config import ModelConfig
from gan.errors import CheckpointError
from gan.files import write_directory
from gan.models import Discriminator, Generator

RECORD = "config.json"
Weights = dict[str, Tensor]
Network = TypeVar("Network", Generator, Discriminator)


@dataclass(frozen=True)
class Checkpoint:
    """Networks in eval mode on the CPU.

    generator, discriminator : None where the file holds only the other one.
    config : the networks' shape.
    info : what is known of the training (kimg, command, figures ...).
    name : folder or file name.
    digest : SHA-256 of the weights, for cache keys.
    """

    generator: Generator | None
    discriminator: Discriminator | None
    config: ModelConfig
    info: Mapping[str, Any] = field(default_factory=dict)
    name: str = ""
    digest: str = ""


def save(
    directory: str | Path,
    generator: Generator,
    discriminator: Discriminator,
    info: Mapping[str, Any] | None = None,
    half: Collection[str] = (),
) -> None:
    """Write a checkpoint folder, complete or not at all; one that is there is replaced.

    Networks named in ``half`` ("generator", "discriminator") are stored in half precision.

    Raises
    ------
    CheckpointError
        If something else is there, which is left as it is.
    """
    check_replaceable(directory)
    with write_directory(Path(directory)) as folder:
        fill(folder, generator, discriminator, info, half)


def check_replaceable(directory: str | Path, record: str = RECORD) -> None:
    """Make sure that nothing but a checkpoint is lost when one is written to ``directory``.

    record : name of the JSON file that every such checkpoint holds, with the networks' shape under ``model``.

    Raises
    ------
    CheckpointError
        If a file is there, or a folder that is not empty and holds no such record.
    """
    path = Path(directory)
    if not path.exists() or (path.is_dir() and not any(path.iterdir())):
        return
    try:
        known = isinstance(json.loads((path / record).read_text())["model"], dict)
    except (OSError, ValueError, KeyError, TypeError):
        known = False
    if not known:
        raise CheckpointError(f"{path} is there and is no checkpoint; it is not replaced.")


def fill(
    folder: Path,
    generator: Generator,
    discriminator: Discriminator,
    info: Mapping[str, Any] | None = None,
    half: Collection[str] = (),
) -> None:
    """Write a checkpoint's files into a folder that is there."""
    for name, network in (("generator", generator), ("discriminator", discriminator)):
        # Not save_file: on a full disk it raises an error of its own, which is no OSError.
        (folder / f"{name}.safetensors").write_bytes(stored(network, name in half))
    model = replace(generator.config, calibrated=discriminator.config.calibrated)
    config = {"model": asdict(model), "info": dict(info or {})}
    (folder / RECORD).write_text(json.dumps(config, indent=2) + "\n")


def stored(network: nn.Module, half: bool = False) -> bytes:
    """A network's weights as the content of a safetensors file, in half precision if so wanted."""
    return to_bytes(
        {
            key: (value.half() if half and value.is_floating_point() else value).detach().cpu().contiguous()
            for key, value in network.state_dict().items()
        }
    )


def load(path: str | Path) -> Checkpoint:
    """Load a checkpoint folder, or a foreign ``.pth`` of the tutorial's or of this architecture.

    Raises
    ------
    CheckpointError
        With one sentence that says whether the file is missing, damaged, holds code, or is of another
        architecture; in the last case it names the keys or shapes.
    """
    path = Path(path)
    if not path.exists():
        raise CheckpointError(f"{path} is not there.")
    return _load_folder(path) if path.is_dir() else _load_foreign(path)


def list_checkpoints(directory: str | Path) -> list[str]:
    """Names in ``directory`` that :func:`load` can try: checkpoint folders and ``.pth`` files, sorted."""
    root = Path(directory)
    if not root.is_dir():
        return []
    return sorted(
        path.name
        for path in root.iterdir()
        if not path.name.startswith(".") and ((path / RECORD).is_file() or path.suffix in {".pth", ".pt"})
    )


def _load_folder(path: Path) -> Checkpoint:
    try:
        record = json.loads((path / RECORD).read_text())
        config = ModelConfig.from_dict(record["model"])
    except FileNotFoundError:
        raise CheckpointError(f"{path} holds no {RECORD}.") from None
    except (ValueError, KeyError, TypeError, AttributeError, OSError) as error:
        raise CheckpointError(f"{path / RECORD} is not a valid configuration.") from error
    files = {name: path / f"{name}.safetensors" for name in ("generator", "discriminator")}
    weights = {name: _read_safetensors(file) for name, file in files.items() if file.exists()}
    if not weights:
        raise CheckpointError(f"{path} holds neither generator.safetensors nor discriminator.safetensors.")
    digest = hashlib.sha256()
    for name in weights:
        digest.update(files[name].read_bytes())
    return Checkpoint(
        _fill(Generator, config, weights.get("generator"), path.name),
        _fill(Discriminator, config, weights.get("discriminator"), path.name),
        config,
        record.get("info", {}),
        path.name,
        digest.hexdigest(),
    )


def _read_safetensors(path: Path) -> Weights:
    try:
        return dict(load_file(path))
    except (SafetensorError, OSError) as error:
        raise CheckpointError(f"{path} is truncated or is not a safetensors file.") from error


def _load_foreign(path: Path) -> Checkpoint:
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
        _fill(Generator, config, found.get("generator"), path.name),
        _fill(Discriminator, config, found.get("discriminator"), path.name),
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


def _fill(kind: type[Network], config: ModelConfig, weights: Weights | None, name: str) -> Network | None:
    if weights is None:
        return None
    with torch.device("meta"):  # shapes only: a small file can ask for more memory than there is
        network = kind(config)
    wanted = network.state_dict()
    counters = {key for key in wanted if key.endswith("num_batches_tracked")}  # absent in old files
    missing = sorted(wanted.keys() - weights.keys() - counters)
    unknown = sorted(weights.keys() - wanted.keys())
    wrong = [
        f"{key} is {tuple(weights[key].shape)} instead of {tuple(value.shape)}"
        for key, value in wanted.items()
        if key in weights and weights[key].shape != value.shape
    ]
    if missing or unknown or wrong:
        parts = [f"missing {', '.join(missing)}"] * bool(missing)
        parts += [f"unknown {', '.join(unknown)}"] * bool(unknown) + wrong
        raise CheckpointError(f"{name} is of another architecture: {'; '.join(parts)}.")
    network = network.to_empty(device="cpu")
    network.load_state_dict({key: torch.zeros(()) for key in counters} | weights)
    return network.eval()
