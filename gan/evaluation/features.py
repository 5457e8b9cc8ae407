"""Feature extractor of the evaluation: EfficientNet-Lite1 features of real and of generated posters, cached on disk.

    real = poster_features(held_out)                                           # (N, 1280)
    made = generated_features(generator, 5000, weights=checkpoint.digest)      # (5000, 1280)
    gan.evaluation.samples.distances.compare(real, made)

Its ImageNet weights ship inside the optional extra ``metrics``; nothing is fetched.
"""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import interpolate

from gan.data.posters import PosterSet
from gan.errors import MetricsUnavailableError
from gan.files import cached_array
from gan.networks.dcgan import Generator, latents
from gan.networks.efficientnet import efficientnet_lite
from gan.progress import Progress

Device = str | torch.device
Features = NDArray[np.float32]

SIDE = 240  # the pictures that EfficientNet-Lite1 was trained on
BATCH_CPU = 4  # its widest maps then stay below the size from which the C library returns memory after every layer
BATCH_GPU = 256
DRAWN = 64  # posters that a generator draws at once
VERSION = 2  # of the cached features; to be counted up when they are computed otherwise
PART = 1024  # posters whose features are one file in the cache: a computation that is cut off loses no more


def random_labels(posters: PosterSet, genres: tuple[str, ...], samples: int, seed: int) -> Tensor | None:
    """Labels (samples, genres) of random posters, in {-1, 0, 1}; None for an unconditional generator."""
    if not genres:
        return None
    chosen = np.random.default_rng(seed).integers(0, len(posters), samples)
    return torch.from_numpy(posters.genre_labels(genres)[chosen]).float()


@dataclass(frozen=True, eq=False)
class Sampler:
    """Generated posters of ``samples`` seeds from ``first_seed`` on.

    labels : what a conditional generator is given, (samples, genres); None for an unconditional one.
    """

    generator: Generator
    samples: int
    first_seed: int = 0
    labels: Tensor | None = None

    def batches(self) -> Iterator[Tensor]:
        """Posters (n, 3, H, W) in [-1, 1], on the generator's device."""
        device = _device(self.generator)
        for start in range(0, self.samples, DRAWN):
            stop = min(start + DRAWN, self.samples)
            z = latents(range(self.first_seed + start, self.first_seed + stop), self.generator.config, device)
            labels = () if self.labels is None else (self.labels[start:stop].to(device),)
            with torch.inference_mode():
                images = self.generator(z, *labels)
            yield images


def generated_features(
    generator: Generator,
    samples: int,
    first_seed: int = 0,
    labels: Tensor | None = None,
    weights: str = "",
    progress: Progress | None = None,
) -> Features:
    """Features (samples, 1280) of the posters of ``samples`` seeds from ``first_seed`` on.

    Cached on disk only where the weights are named by their SHA-256 (``Checkpoint.digest``). ``progress`` is called
    with the finished fraction.
    """

    def compute(start: int, stop: int) -> Features:
        own = None if labels is None else labels[start:stop]
        return features(Sampler(generator, stop - start, first_seed + start, own).batches(), _device(generator))

    def key(start: int, stop: int) -> bytes:
        asked = b"" if labels is None else labels[start:stop].numpy().tobytes()
        return f"{weights} {generator.config} {first_seed + start} {stop - start}".encode() + asked

    return _in_parts(samples, compute, key if weights else None, progress)


def poster_features(posters: PosterSet, device: Device = "cpu", progress: Progress | None = None) -> Features:
    """Features (N, 1280) of real posters, cached on disk under the pictures' SHA-256.

    ``progress`` is called with the finished fraction.
    """

    def compute(start: int, stop: int) -> Features:
        return features(poster_batches(posters, start, stop), device)

    def key(start: int, stop: int) -> bytes:
        images = posters.images[start:stop]
        return str(images.shape).encode() + images.tobytes()

    return _in_parts(len(posters), compute, key, progress)


def poster_batches(posters: PosterSet, start: int = 0, stop: int | None = None) -> Iterator[Tensor]:
    """Posters ``start`` to ``stop`` in batches (n, 3, H, W), in [-1, 1]."""
    stop = len(posters) if stop is None else stop
    for first in range(start, stop, DRAWN):
        yield posters.tensor(range(first, min(first + DRAWN, stop)))


def features(batches: Iterable[Tensor], device: Device = "cpu") -> Features:
    """Features (N, 1280) of pictures (n, 3, H, W) in [-1, 1] of any size, computed on the device.

    Full single precision on a GPU too: TF32 would move them by a thousandth.
    """
    device = torch.device(device)
    network = _feature_extractor(str(device))
    size = BATCH_GPU if device.type == "cuda" else BATCH_CPU
    with torch.inference_mode(), torch.backends.cudnn.flags(enabled=True, allow_tf32=False):
        found = [
            _describe(network, part.to(device))
            for images in _regrouped(batches, size)
            for part in torch.split(images, size)
        ]
    return np.concatenate([part.cpu().numpy() for part in found])  # copied at the end: a GPU need not wait before


def _regrouped(batches: Iterable[Tensor], size: int) -> Iterator[Tensor]:
    """Batches joined until they hold at least ``size`` pictures."""
    waiting: list[Tensor] = []
    for batch in batches:
        waiting.append(batch)
        if sum(map(len, waiting)) >= size:
            yield torch.cat(waiting)
            waiting = []
    if waiting:
        yield torch.cat(waiting)


def _describe(network: Any, images: Tensor) -> Tensor:
    large = interpolate(images, (SIDE, SIDE), mode="bicubic", antialias=True, align_corners=False)
    maps = network.extract_features(large.contiguous(memory_format=torch.channels_last))
    pooled: Tensor = maps.mean((2, 3)).float()
    return pooled


@functools.cache
def _feature_extractor(device: str) -> Any:
    """The network on a device, one for each: moving one shared copy between devices would race between threads."""
    try:  # the images in [-1, 1] are read as they are; another scale would move every published fd_lite1
        network = efficientnet_lite(1, head=True)
    except ImportError:
        raise MetricsUnavailableError('The feature extractor is not installed: pip install -e ".[metrics]".') from None
    network = network.requires_grad_(False)
    return network.to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]  # untyped for modules


def _in_parts(
    count: int,
    compute: Callable[[int, int], Features],
    key: Callable[[int, int], bytes] | None,
    progress: Progress | None,
) -> Features:
    """Features of rows 0 to ``count``, computed part by part; with keys, each part is cached on disk under its own."""
    parts = []
    for start in range(0, count, PART):
        stop = min(start + PART, count)
        work = functools.partial(compute, start, stop)
        parts.append(work() if key is None else cached_array(_cache_name(key(start, stop)), stop - start, work))
        if progress is not None:
            progress(stop / count)
    return np.concatenate(parts)


def _cache_name(key: bytes) -> str:
    return f"lite1-v{VERSION}-{hashlib.sha256(key).hexdigest()[:24]}"


def _device(generator: Generator) -> torch.device:
    return next(generator.parameters()).device
