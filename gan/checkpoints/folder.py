"""Checkpoints: a folder of safetensors and JSON, and the safe import of foreign ``.pth`` files.

    checkpoint = load("checkpoints/dcgan-64")
    checkpoint.generator(latents([0], checkpoint.config))

A ``.pth`` is a pickle and may hold code: it is only ever read with ``weights_only=True``, and its keys and
shapes are checked before anything is loaded.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from safetensors import SafetensorError
from safetensors.torch import load_file
from safetensors.torch import save as serialise
from torch import nn

from gan.checkpoints.foreign import load_foreign
from gan.checkpoints.record import Checkpoint, Weights, instantiate
from gan.errors import CheckpointError
from gan.files import json_bytes, write_directory
from gan.networks.config import ModelConfig
from gan.networks.dcgan import Discriminator, Generator

RECORD = "config.json"
# Keys of ``info`` in version 0.1; read until 0.3.
OLD_INFO = {"asked_for": "requested_genres", "ranked_rightly": "roc_auc_held_out"}


def save(
    directory: str | Path,
    generator: Generator,
    discriminator: Discriminator,
    info: Mapping[str, Any] | None = None,
    half: Collection[str] = (),
    extra: Mapping[str, bytes] | None = None,
) -> None:
    """Write a checkpoint folder, complete or not at all; an existing one is replaced.

    Networks named in ``half`` ("generator", "discriminator") are stored in half precision. ``extra`` holds further
    files by name.

    Raises
    ------
    CheckpointError
        If the path exists and is not a checkpoint; it is left as it is.
    """
    ensure_replaceable(directory)
    with write_directory(Path(directory)) as folder:
        write_files(folder, generator, discriminator, info, half)
        for name, content in (extra or {}).items():
            (folder / name).write_bytes(content)


def ensure_replaceable(directory: str | Path, record: str = RECORD) -> None:
    """Refuse to replace anything but a checkpoint or an empty folder.

    record : name of the JSON file that marks such a checkpoint, with the networks' shape under ``model``.

    Raises
    ------
    CheckpointError
        If a file is there, or a folder that is not empty and holds no such record.
    """
    path = Path(directory)
    if not path.exists() or (path.is_dir() and not any(path.iterdir())):
        return
    try:
        replaceable = isinstance(json.loads((path / record).read_text())["model"], dict)
    except (OSError, ValueError, KeyError, TypeError):
        replaceable = False
    if not replaceable:
        raise CheckpointError(f"{path} exists and is not a checkpoint; it is not overwritten.")


def write_files(
    folder: Path,
    generator: Generator,
    discriminator: Discriminator,
    info: Mapping[str, Any] | None = None,
    half: Collection[str] = (),
) -> None:
    """Write a checkpoint's files into an existing folder."""
    for name, network in (("generator", generator), ("discriminator", discriminator)):
        # Not save_file: on a full disk it raises an error of its own, which is no OSError.
        (folder / f"{name}.safetensors").write_bytes(to_bytes(network, name in half))
    model = replace(generator.config, calibrated=discriminator.config.calibrated)
    config = {"model": asdict(model), "info": dict(info or {})}
    (folder / RECORD).write_bytes(json_bytes(config))


def update_files(
    folder: Path, info: Mapping[str, Any], calibrated: Discriminator | None = None, half: Collection[str] = ()
) -> None:
    """Change ``info`` of a checkpoint in an existing folder and, where one is given, its calibrated discriminator."""
    record = json.loads((folder / RECORD).read_text())
    record["info"] = _renamed(record["info"]) | dict(info)
    if calibrated is not None:
        (folder / "discriminator.safetensors").write_bytes(to_bytes(calibrated, "discriminator" in half))
        record["model"]["calibrated"] = True
    (folder / RECORD).write_bytes(json_bytes(record))


def last_modified(path: Path) -> float:
    """When the weights of a checkpoint, a folder or a file, were last written, in seconds."""
    return max(file.stat().st_mtime for file in [path, *path.glob("*.safetensors")])


def to_bytes(network: nn.Module, half: bool = False) -> bytes:
    """A network's weights as the content of a safetensors file, in half precision where ``half``."""
    return serialise(
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
        raise CheckpointError(f"{path} does not exist.")
    return _load_folder(path) if path.is_dir() else load_foreign(path)


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
    weights = {name: read_safetensors(file) for name, file in files.items() if file.exists()}
    if not weights:
        raise CheckpointError(f"{path} holds neither generator.safetensors nor discriminator.safetensors.")
    digest = hashlib.sha256()
    for name in weights:
        digest.update(files[name].read_bytes())
    return Checkpoint(
        instantiate(Generator, config, weights.get("generator"), path.name),
        instantiate(Discriminator, config, weights.get("discriminator"), path.name),
        config,
        _renamed(record.get("info", {})),
        path.name,
        digest.hexdigest(),
    )


def _renamed(info: Mapping[str, Any]) -> dict[str, Any]:
    return {OLD_INFO.get(key, key): value for key, value in info.items()}


def read_safetensors(path: Path) -> Weights:
    """All tensors of a file; CheckpointError in one sentence if it cannot be read."""
    try:
        return dict(load_file(path))
    except (SafetensorError, OSError) as error:
        raise CheckpointError(f"{path} is truncated or is not a safetensors file.") from error
