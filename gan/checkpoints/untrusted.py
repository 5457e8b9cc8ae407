"""What a file of weights holds, read safely whoever wrote it: tensors by their dotted names.

    file = read_file(Path("netG.pth"))              # its bytes, once: what is hashed is what is loaded
    tensors = named_tensors(file)                   # {("main", "0", "weight"): tensor, ...}

A pickle may hold code: it is only ever read with ``weights_only=True``, and what it claims is checked before memory is
taken. Whatever cannot be read is a CheckpointError of one sentence.
"""

from __future__ import annotations

import io
import pickle
import re
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load as parse_safetensors
from torch import Tensor

from gan.errors import CheckpointError

Tensors = dict[tuple[str, ...], Tensor]
LARGEST = 2**33  # bytes of a file
INFLATED = 20  # times its own size: what a file may unpack to
ENTRIES = 100_000  # of lists and dictionaries; a list of itself twice, and so on, has more than there is time for
NAMED = 5  # keys in a sentence
INSTEAD = "save network.state_dict() instead"


@dataclass(frozen=True)
class WeightFile:
    """A file that was read: its name, for sentences, and its bytes."""

    name: str
    content: bytes


def read_file(path: Path) -> WeightFile:
    """Read a file of weights; CheckpointError where it is none that can be read."""
    name = printable(path.name)
    if path.is_symlink() and not path.exists():
        raise CheckpointError(f"{name} is a link to {printable(str(path.readlink()))}, which does not exist.")
    if path.is_dir():
        raise CheckpointError(f"{name} is a folder, not a file of weights.")
    if not path.is_file():
        raise CheckpointError(f"{name} does not exist, or is not a file.")
    try:
        size = path.stat().st_size
        if size > LARGEST:
            raise CheckpointError(f"{name} has {size / 2**30:.0f} GB; at most {LARGEST >> 30} are read.")
        return WeightFile(name, path.read_bytes())
    except OSError as error:
        raise CheckpointError(f"{name} cannot be read: {error.strerror}.") from error


def named_tensors(file: WeightFile) -> Tensors:
    """All tensors of a file by the names on the way to them, in its order.

    Names of dictionaries in each other, and of entries of lists, are joined to the keys of state dicts, which are
    split at their dots.
    """
    loaded = parsed(file)
    try:
        tensors = dict(_walk(loaded, (), iter(range(ENTRIES))))
    except RecursionError:
        raise CheckpointError(f"{file.name} holds a dictionary or list that holds itself.") from None
    except OverflowError:
        raise CheckpointError(f"{file.name} holds more than {ENTRIES:,} entries; {INSTEAD}.") from None
    if not tensors:
        raise CheckpointError(f"{file.name} holds no weights, but {_described(loaded)}; {INSTEAD}.")
    return tensors


def parsed(file: WeightFile) -> Any:
    """The object in a file: of safetensors a dictionary in the order of its names' numbers."""
    content = file.content
    if content[8:9] == b"{" and content[:2] != b"PK":
        return safetensors_of(file)
    _recognise(file)
    try:
        return torch.load(io.BytesIO(content), map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        pickled = content.startswith((b"PK", b"\x80"))  # else a web page or a picture
        if pickled and "Weights only load failed" in str(error):
            found = re.search(r"(?:GLOBAL|class|Unsupported operand) ([\w.]+)", str(error))
            what = f" ({printable(found[1])})" if found else ""
            raise CheckpointError(
                f"{file.name} holds code or whole objects{what}, not only weights, and is not loaded; {INSTEAD}."
            ) from None
        raise _damaged(file) from None
    except Exception as error:  # a hostile file makes torch raise anything from MemoryError to AssertionError
        raise _damaged(file) from error


def safetensors_of(file: WeightFile) -> dict[str, Tensor]:
    """All tensors of a safetensors file, ordered by name, numbers by their value."""
    try:
        tensors = parse_safetensors(file.content)
    except (SafetensorError, ValueError, KeyError, RuntimeError, OverflowError, MemoryError) as error:
        raise CheckpointError(f"{file.name} is truncated or is not a safetensors file.") from error
    return {key: tensors[key] for key in sorted(tensors, key=natural)}


def keys_of(tensors: Tensors) -> str:
    """The first names, for a sentence: "its keys are main.0.weight, main.1.weight, ... (27 in all)"."""
    names = [printable(".".join(path)) for path in list(tensors)[:NAMED]]
    more = f", ... ({len(tensors)} in all)" if len(tensors) > NAMED else ""
    return f"its keys are {', '.join(names)}{more}"


def printable(text: str, longest: int = 80) -> str:
    """A name of somebody else's within a sentence: one line, not too long."""
    shown = "".join(letter if letter.isprintable() else "?" for letter in text)
    return shown if len(shown) <= longest else f"{shown[: longest - 3]}..."


def _recognise(file: WeightFile) -> None:
    """CheckpointError for what is often taken for weights, and for a zip that unpacks to much more than its size."""
    content, name = file.content, file.name
    if not content:
        raise CheckpointError(f"{name} is empty.")
    if content.startswith(b"version https://git-lfs"):
        raise CheckpointError(f"{name} is a pointer of Git LFS, not the weights; fetch them by git lfs pull.")
    if content.startswith(b"\x89HDF"):
        raise CheckpointError(f"{name} is an HDF5 file, as Keras writes it, not weights of PyTorch.")
    if not content.startswith(b"PK"):
        return
    try:
        entries = zipfile.ZipFile(io.BytesIO(content)).infolist()
    except Exception as error:  # as above
        raise _damaged(file) from error
    if any(entry.filename.endswith("constants.pkl") for entry in entries):
        raise CheckpointError(f"{name} is a TorchScript archive, which is code; {INSTEAD}.")
    if sum(entry.file_size for entry in entries) > INFLATED * len(content):
        raise CheckpointError(f"{name} is compressed, and unpacks to more than {INFLATED} times its size.")


def _damaged(file: WeightFile) -> CheckpointError:
    return CheckpointError(f"{file.name} is truncated or is not a PyTorch file.")


def _walk(value: Any, path: tuple[str, ...], left: Iterator[int]) -> Iterator[tuple[tuple[str, ...], Tensor]]:
    if isinstance(value, Tensor):
        yield path, value
        return
    if isinstance(value, Mapping):
        pairs = iter(value.items())
    elif isinstance(value, list | tuple):
        pairs = iter(enumerate(value))
    else:
        return
    for key, entry in pairs:
        if next(left, None) is None:
            raise OverflowError
        yield from _walk(entry, (*path, *str(key).split(".")), left)


def _described(loaded: Any) -> str:
    if isinstance(loaded, Mapping) and loaded:
        names = ", ".join(printable(str(key), 30) for key in list(loaded)[:NAMED])
        return f"a dictionary of {names}{', ...' * (len(loaded) > NAMED)}"
    empty = "an empty " if hasattr(loaded, "__len__") and not len(loaded) else "a "
    return f"{empty}{type(loaded).__name__}"


def natural(name: str) -> list[tuple[int, str]]:
    """A key for sorting: layers.10 comes after layers.9."""
    return [(int(part), "") if part.isdecimal() else (-1, part) for part in re.split(r"(\d{1,18})", name)]
