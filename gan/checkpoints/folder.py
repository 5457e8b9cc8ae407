"""Checkpoints: a folder of safetensors and JSON, and the safe import of foreign ``.pth`` files.

    checkpoint = load("checkpoints/dcgan-64")
    checkpoint.generator(latents([0], checkpoint.config))

A ``.pth`` is a pickle and may hold code: it is only ever read with ``weights_only=True``, and its keys and
shapes are checked before anything is loaded.
"""

from __future__ import annotations

import hashlib
import json
import os
import time
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from safetensors.torch import save as serialise
from torch import nn

from gan.checkpoints.foreign import load_foreign
from gan.checkpoints.info import OLD_INFO, valid_info
from gan.checkpoints.listing import EVALUATION, OWN, RECORD, weight_files
from gan.checkpoints.record import Checkpoint, Weights, instantiate
from gan.checkpoints.untrusted import LARGEST, WeightFile, printable, safetensors_of
from gan.errors import CheckpointError
from gan.files import json_bytes, keep_others, settled, write_directory
from gan.networks.config import ModelConfig
from gan.networks.dcgan import Discriminator, Generator
from gan.shipped import shipped

CARD = "README.md"
NETWORKS = ("generator", "discriminator")
ATTEMPTS, PAUSE = 40, 0.05  # seconds: how often a folder is read again that changes meanwhile


def save(
    directory: str | Path,
    generator: Generator,
    discriminator: Discriminator,
    info: Mapping[str, Any] | None = None,
    half: Collection[str] = (),
    extra: Mapping[str, bytes] | None = None,
) -> None:
    """Write a checkpoint folder, complete or not at all; an existing one is replaced.

    Files of the old one that this program did not write stay; a model card goes, with what was measured.

    Networks named in ``half`` ("generator", "discriminator") are stored in half precision. ``extra`` holds further
    files by name.

    Raises
    ------
    CheckpointError
        If the path exists and is not a checkpoint; it is left as it is.
    """
    ensure_replaceable(directory)
    with write_directory(Path(directory)) as folder:
        keep_others(Path(directory), folder, own_files(Path(directory)))
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
    if not os.path.lexists(path) or (path.is_dir() and not any(path.iterdir())):
        return
    try:
        replaceable = isinstance(json.loads((path / record).read_text(encoding="utf-8"))["model"], dict)
    except (OSError, ValueError, KeyError, TypeError):
        replaceable = False
    if not replaceable:
        raise CheckpointError(f"{path} exists and is not a checkpoint; it is not overwritten.")


def own_files(folder: Path) -> tuple[str, ...]:
    """Names in a checkpoint's folder that the program writes; README.md is a model card only beside an evaluation."""
    return (*OWN, CARD) if (settled(folder) / EVALUATION).exists() else OWN


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
    model = common_config(generator.config, discriminator.config)
    config = {"model": asdict(model), "info": dict(info or {})}
    (folder / RECORD).write_bytes(json_bytes(config))


def common_config(generator: ModelConfig, discriminator: ModelConfig) -> ModelConfig:
    """One configuration of which both networks are: D's, with G's own where it has other channels.

    Raises
    ------
    CheckpointError
        If they are for other pictures or genres, or differ in what is stored once for both.
    """
    model = replace(
        discriminator,
        latent=generator.latent,
        embedding=generator.embedding,
        conditioned=generator.conditioned,
        generator_channels=(),
    )
    channels = generator.generator_channels or generator.channels
    if channels != model.channels and len(channels) == len(model.channels):
        model = replace(model, generator_channels=channels)
    for name in ("size", "genres", "biased"):
        of_generator, of_discriminator = getattr(generator, name), getattr(discriminator, name)
        if of_generator != of_discriminator:
            raise CheckpointError(
                f"The generator has {name} {of_generator} and the discriminator {of_discriminator}; "
                f"a checkpoint holds two that belong together."
            )
    return model


def update_files(
    folder: Path, info: Mapping[str, Any], calibrated: Discriminator | None = None, half: Collection[str] = ()
) -> None:
    """Change ``info`` of a checkpoint in an existing folder and, where one is given, its calibrated discriminator."""
    record = json.loads((folder / RECORD).read_text(encoding="utf-8"))
    record["info"] = _renamed(record["info"]) | dict(info)
    if calibrated is not None:
        (folder / "discriminator.safetensors").write_bytes(to_bytes(calibrated, "discriminator" in half))
        record["model"]["calibrated"] = True
    (folder / RECORD).write_bytes(json_bytes(record))


def to_bytes(network: nn.Module, half: bool = False) -> bytes:
    """A network's weights as the content of a safetensors file, in half precision where ``half``."""
    return serialise(
        {
            key: (value.half() if half and value.is_floating_point() else value).detach().cpu().contiguous()
            for key, value in network.state_dict().items()
        }
    )


def load(path: str | Path) -> Checkpoint:
    """Load a checkpoint folder, or weights that another program wrote: a file, two that belong together, their folder.

    A name without a folder is looked for here, then among the checkpoints that come with PosterLens.

    Raises
    ------
    CheckpointError
        With one sentence that says whether the file is missing, damaged, holds code, or is of another
        architecture; in the last case it names the keys or shapes.
    """
    path = _place(Path(path))
    folder = settled(path)
    if path.is_symlink() and not path.exists():
        raise CheckpointError(f"{path} is a link to {path.readlink()}, which does not exist.")
    if not folder.exists():
        raise CheckpointError(f"{path} does not exist.")
    try:
        if not folder.is_dir() or (not os.path.lexists(folder / RECORD) and weight_files(folder)):
            return load_foreign(weight_files(folder), path.name)
        return _load_folder(path)
    except OSError as error:
        raise CheckpointError(f"{error.filename or path} cannot be read: {error.strerror or error}.") from error


def _place(path: Path) -> Path:
    named = shipped() / path
    is_name = len(path.parts) == 1 and not os.path.lexists(path)
    return named if is_name and (named / RECORD).is_file() else path


def _load_folder(path: Path) -> Checkpoint:
    contents = _contents(path)
    config, info = _record(path / RECORD, contents)
    weights = {
        name: safetensors_of(WeightFile(str(path / f"{name}.safetensors"), contents[f"{name}.safetensors"]))
        for name in NETWORKS
        if f"{name}.safetensors" in contents
    }
    if not weights:
        raise CheckpointError(f"{path} holds neither generator.safetensors nor discriminator.safetensors.")
    digest = hashlib.sha256()
    for name in weights:
        digest.update(contents[f"{name}.safetensors"])
    return Checkpoint(
        instantiate(Generator, config, weights.get("generator"), path.name),
        instantiate(Discriminator, config, weights.get("discriminator"), path.name),
        config,
        info,
        path.name,
        digest.hexdigest(),
    )


def _contents(path: Path) -> dict[str, bytes]:
    """The bytes of a checkpoint's files, all of the same state, also while a run replaces the folder."""
    names = (RECORD, *(f"{name}.safetensors" for name in NETWORKS))
    for _ in range(ATTEMPTS):
        folder = settled(path)
        before = _identity(folder, names)
        try:
            contents = {name: _bytes(folder / name) for name in names if os.path.lexists(folder / name)}
        except FileNotFoundError:
            if before == _identity(settled(path), names):
                raise
        else:
            if before == _identity(settled(path), names):
                return contents
        time.sleep(PAUSE)
    raise CheckpointError(f"{path} is replaced again and again while it is read; try again when the run has ended.")


def _identity(folder: Path, names: Sequence[str]) -> list[tuple[int, ...] | None]:
    """What is another one after a file was written, or the folder replaced."""
    found: list[tuple[int, ...] | None] = []
    for path in (folder, *(folder / name for name in names)):
        try:
            about = path.stat()
            found.append((about.st_dev, about.st_ino, about.st_mtime_ns, about.st_size))
        except OSError:
            found.append(None)
    return found


def _bytes(file: Path) -> bytes:
    if file.stat().st_size > LARGEST:
        raise CheckpointError(f"{file} has more than {LARGEST >> 30} GB, which are not read.")
    return file.read_bytes()


def _record(path: Path, contents: Mapping[str, bytes]) -> tuple[ModelConfig, dict[str, Any]]:
    """The configuration, and what is known of the training; CheckpointError in one sentence if it cannot be."""
    if RECORD not in contents:
        raise CheckpointError(f"{path.parent} holds no {RECORD}.")
    try:
        record = json.loads(contents[RECORD])
        return ModelConfig.from_dict(record["model"]), valid_info(_renamed(record.get("info", {})))
    except RecursionError:
        reason = "lists within lists without end"
    except KeyError as error:
        reason = f"{error.args[0]!r} is missing"
    except ValueError as error:
        reason = "" if isinstance(error, json.JSONDecodeError | UnicodeDecodeError) else printable(str(error), 200)
    except (TypeError, AttributeError, OverflowError):
        reason = "a value is of another type"
    raise CheckpointError(f"{path} is not a valid configuration{f': {reason}' if reason else ''}.")


def _renamed(info: Mapping[str, Any]) -> dict[str, Any]:
    return {OLD_INFO.get(key, key): value for key, value in info.items()}


def read_safetensors(path: Path) -> Weights:
    """All tensors of a file; CheckpointError in one sentence if it cannot be read."""
    try:
        return safetensors_of(WeightFile(str(path), _bytes(path)))
    except OSError as error:
        raise CheckpointError(f"{path} is truncated or is not a safetensors file.") from error
