"""Whether what stands under a final name can be read to its end, whatever kind of file it is.

unreadable(Path("runs/first"))      # ["state.pt: PytorchStreamReader failed ..."], or [] where all is whole
temporaries(Path("runs/first"))     # files under a hidden name, which nobody reads
"""

from __future__ import annotations

import gzip
import hashlib
import io
import json
from collections.abc import Callable, Collection, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from safetensors.torch import load as tensors_of
from torch import Tensor

from gan.files import TEMPORARY

TIMES = {"seconds", "images_per_second", "tick", "hours"}  # what two runs of the same numbers differ in


def lines(content: bytes) -> None:
    """Of a log that grows: all lines but one that was cut off, which its reader skips."""
    for line in content.splitlines(keepends=True):
        if line.endswith(b"\n"):
            json.loads(line)


def arrays(content: bytes) -> None:
    found = np.load(io.BytesIO(content))
    for name in getattr(found, "files", ()):
        found[name]


def picture(content: bytes) -> None:
    Image.open(io.BytesIO(content)).load()


def html(content: bytes) -> None:
    if not content.rstrip().endswith(b"</html>"):
        raise ValueError("the page does not end")


def onnx(content: bytes) -> None:
    from onnx import checker

    checker.check_model(content)


def state(content: bytes) -> None:
    torch.load(io.BytesIO(content), weights_only=True, map_location="cpu")


READERS: dict[str, Callable[[bytes], Any]] = {
    ".json": json.loads,
    ".jsonl": lines,
    ".npz": arrays,
    ".npy": arrays,
    ".png": picture,
    ".jpg": picture,
    ".safetensors": tensors_of,
    ".pt": state,
    ".html": html,
    ".onnx": onnx,
    ".gz": gzip.decompress,
    **dict.fromkeys((".txt", ".md", ".csv", ".js", ".mjs", ".css", ".lock", ""), bytes.decode),
}


def final_files(folder: Path) -> Iterator[Path]:
    """All files of which no part of the name is hidden, but the events that only TensorBoard reads."""
    for path in sorted(folder.rglob("*")):
        hidden = any(part.startswith(".") for part in path.relative_to(folder).parts)
        if not hidden and path.is_file() and ".tfevents." not in path.name:
            yield path


def temporaries(folder: Path) -> list[Path]:
    """Files and folders under a temporary name: what a write that did not end has left."""
    return [path for path in folder.rglob(".*") if TEMPORARY.fullmatch(path.name)]


def unreadable(folder: Path, recorded: Collection[str] = ()) -> list[str]:
    """A sentence for each file under its final name that cannot be read to its end, or whose kind nobody knows.

    recorded : patterns of files that are filled in their place: they count as soon as a record beside them says so.
    """
    found = []
    for path in final_files(folder):
        name = path.relative_to(folder).as_posix()
        if any(path.match(pattern) for pattern in recorded):
            continue
        reader = READERS.get(path.suffix)
        if reader is None:
            found.append(f"{name}: no reader is known.")
            continue
        try:
            reader(path.read_bytes())
        except Exception as error:  # whatever a reader raises at half a file
            found.append(f"{name}: {type(error).__name__}: {str(error).partition(chr(10))[0][:200]}")
    return found


def digest(value: Any) -> str:
    """Of tensors, arrays, bytes, numbers and texts in lists and dictionaries, without what says how long it took."""
    found = hashlib.sha256()
    _add(found, value)
    return found.hexdigest()[:16]


def _add(found: hashlib._Hash, value: Any) -> None:
    if isinstance(value, dict):
        for key in sorted(value, key=str):
            if key not in TIMES:
                found.update(str(key).encode())
                _add(found, value[key])
    elif isinstance(value, list | tuple):
        for one in value:
            _add(found, one)
    elif isinstance(value, Tensor):
        _add(found, value.detach().cpu().contiguous().flatten().view(torch.uint8).numpy().tobytes())
    elif isinstance(value, np.ndarray):
        found.update(np.ascontiguousarray(value).tobytes())
    else:
        found.update(value if isinstance(value, bytes) else repr(value).encode())


def digests(folder: Path) -> dict[str, str]:
    """Of all final files by name: JSON without times, others byte for byte."""
    found = {}
    for path in final_files(folder):
        content: Any = path.read_bytes()
        if path.suffix == ".json":
            content = json.loads(content)
        found[path.relative_to(folder).as_posix()] = digest(content)
    return found
