"""Posters to explain, by name; each is read, or generated, only when it is needed.

    with ExitStack() as open_files:
        posters = in_files(Path("posters.zip"), checkpoint.config.size, open_files)
        posters += generated([4, 7], checkpoint.generator)
        posters[0].name, posters[0].read()              # "a.jpg", (1, 3, H, W)

An unreadable file raises at ``read``, not before.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from zipfile import is_zipfile

import numpy as np
import torch
from torch import Tensor

from gan.data.archives import FolderSource, Source, find_pictures, open_source  # the one safe way into folders and zips
from gan.data.images import Fit, Size, fit_image, from_uint8, open_image
from gan.networks.dcgan import Generator, latents


@dataclass(frozen=True)
class Poster:
    """A poster that can be read: its name, and a text that changes when the file does."""

    name: str
    stamp: str
    read: Callable[[], Tensor]  # (1, 3, H, W) in [-1, 1]; gan.ImageError


def in_files(path: Path, size: Size, open_files: ExitStack, prefix: str = "", fit: Fit = "crop") -> list[Poster]:
    """The pictures of a file, a folder or a zip, by name; ``prefix`` goes before the names in a folder or zip.

    A zip stays open as long as ``open_files``.

    Raises
    ------
    gan.DataError
        If the path is missing or cannot be opened.
    """
    source: Source
    if path.is_file() and not is_zipfile(path):
        source, prefix, stat = FolderSource(path.parent), "", path.stat()
        entries = {path.name: f"{stat.st_size}-{stat.st_mtime_ns}"}
    else:
        source = open_files.enter_context(open_source(path))
        entries = find_pictures(source).stamps

    def reader(name: str) -> Callable[[], Tensor]:
        return lambda: _read(source.read(name), name, size, fit)

    return [Poster(prefix + name, stamp, reader(name)) for name, stamp in sorted(entries.items())]


def _read(data: bytes, name: str, size: Size, fit: Fit) -> Tensor:
    """``gan.read_poster``, with the picture's name in its errors."""
    return from_uint8(np.asarray(fit_image(open_image(data, name), size, fit))[None])


def generated(seeds: Iterable[int], generator: Generator) -> list[Poster]:
    """The generator's posters of these seeds."""

    def reader(seed: int) -> Callable[[], Tensor]:
        @torch.no_grad()
        def generate() -> Tensor:  # one at a time: in a batch, the last bits would be others
            poster: Tensor = generator(latents([seed], generator.config))
            return poster

        return generate

    return [Poster(f"seed {seed}", "", reader(seed)) for seed in seeds]
