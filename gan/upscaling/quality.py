"""How good enlarged posters are: PSNR, SSIM and a distance of features.

    rows = measure(load("checkpoints/upscaler"), held_out)
    rows[1]["gain"], rows[1]["gain_error"]              # dB over Lanczos at 2 times, and half of its 95 % interval

Measured on posters that were made smaller and are enlarged again: there the truth is known.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor
from torch.nn import functional as F
from tqdm import tqdm

from gan.data.images import from_uint8, to_uint8
from gan.data.posters import PosterSet, evenly_spaced
from gan.errors import MetricsUnavailableError
from gan.evaluation.estimates import mean_t
from gan.evaluation.features import poster_features
from gan.upscaling.network import Upscaler
from gan.upscaling.resampling import FACTOR, lanczos, resample

Pixels = NDArray[np.uint8]
Floats = NDArray[np.float64]
FEATURE_POSTERS = 256  # whose features are compared, evenly spaced over all


def measure(upscaler: Upscaler, posters: PosterSet, progress: bool = True) -> list[dict[str, Any]]:
    """One row for each enlargement and method, on posters (N, H, W, 3) whose sides are multiples of 4.

    The posters are made 2 and 4 times smaller with Lanczos, rounded to 8 bits, enlarged, rounded, and compared with
    the originals. A row has

    - ``factor``, ``method`` ("lanczos" or "network"),
    - ``psnr`` (dB, RGB) and ``ssim`` (luminance), means over the posters,
    - ``features``, where the extra ``metrics`` is installed: on 256 of the posters, the mean distance of
      EfficientNet-Lite1 features from those of the original, relative to their norm,
    - for the network ``gain`` in dB over Lanczos, ``gain_error``, half of its 95 % interval, and ``worse``, the
      proportion of posters on which Lanczos has the higher PSNR.

    An upscaler of factor 4 is measured at 2 times by halving its output.
    """
    rows: list[dict[str, Any]] = []
    truth = np.ascontiguousarray(posters.images)
    for factor in (2, FACTOR):
        small = shrink(truth, factor)
        network = functools.partial(enlarge_by, upscaler, factor=factor)
        results = {"lanczos": functools.partial(lanczos, factor=factor), "network": network}
        enlarged = {name: enlarge_all(method, small, progress) for name, method in results.items()}
        scores = {name: psnr(truth, pictures) for name, pictures in enlarged.items()}
        for name, pictures in enlarged.items():
            row = {"factor": factor, "method": name, "psnr": scores[name].mean(), "ssim": ssim(truth, pictures).mean()}
            row |= _feature_distance(truth, pictures)
            if name == "network":
                gains = scores["network"] - scores["lanczos"]
                error = mean_t(gains).half
                row |= {"gain": gains.mean(), "gain_error": error, "worse": (gains < 0).mean()}
            rows.append({key: value.item() if isinstance(value, np.generic) else value for key, value in row.items()})
    return rows


def enlarge_by(upscaler: Upscaler, images: Tensor, factor: int) -> Tensor:
    """(N, 3, H, W) enlarged 2 or 4 times: by one pass where that is enough, or by halving a larger result."""
    if factor == FACTOR:
        large: Tensor = upscaler(images)
        return large
    if factor == upscaler.config.factor:
        return upscaler.enlarge(images).clamp(-1, 1)
    return resample(upscaler(images), (images.shape[2] * factor, images.shape[3] * factor)).clamp(-1, 1)


def shrink(pixels: Pixels, factor: int) -> Pixels:
    """uint8 (N, H, W, 3) made ``factor`` times smaller with Pillow's Lanczos, as posters are when they are read."""
    size = (pixels.shape[2] // factor, pixels.shape[1] // factor)
    return np.stack([np.asarray(Image.fromarray(each).resize(size, Image.Resampling.LANCZOS)) for each in pixels])


def psnr(a: Pixels, b: Pixels) -> Floats:
    """(N,) peak signal-to-noise ratios in dB of uint8 pictures (N, H, W, 3), over all three colours."""
    error = np.square(a.astype(np.float32) - b).mean((1, 2, 3), dtype=np.float64)
    return np.asarray(10 * np.log10(255**2 / np.maximum(error, 1e-10)))


def ssim(a: Pixels, b: Pixels) -> Floats:
    """(N,) structural similarities of the luminance of uint8 pictures (N, H, W, 3).

    Gaussian window of standard deviation 1.5 and 11 x 11 pixels, wholly inside the picture: Wang et al. 2004.
    """
    parts = math.ceil(len(a) / 32)
    return np.concatenate(
        [_ssim(x, y) for x, y in zip(np.array_split(a, parts), np.array_split(b, parts), strict=True)]
    )


def _ssim(a: Pixels, b: Pixels) -> Floats:
    line = torch.exp(-0.5 * (torch.arange(-5.0, 6.0, dtype=torch.float64) / 1.5) ** 2)
    line = line / line.sum()

    def windowed(maps: Tensor) -> Tensor:
        return F.conv2d(F.conv2d(maps, line[None, None, None]), line[None, None, :, None])

    grey = np.array([0.299, 0.587, 0.114])
    x, y = (torch.from_numpy(pixels @ grey)[:, None] for pixels in (a, b))
    mean_x, mean_y = windowed(x), windowed(y)
    variances = windowed(x * x) - mean_x**2 + windowed(y * y) - mean_y**2
    covariance = windowed(x * y) - mean_x * mean_y
    c1, c2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2
    similarity = (2 * mean_x * mean_y + c1) * (2 * covariance + c2) / (mean_x**2 + mean_y**2 + c1) / (variances + c2)
    return np.asarray(similarity.mean((1, 2, 3)).numpy())


def _feature_distance(truth: Pixels, enlarged: Pixels) -> dict[str, float]:
    places = evenly_spaced(len(truth), FEATURE_POSTERS, round_down=True)
    try:
        real, drawn = (
            poster_features(PosterSet(pixels[places], ("",) * len(places), ((),) * len(places)))
            for pixels in (truth, enlarged)
        )
    except MetricsUnavailableError:
        return {}
    return {"features": float((np.linalg.norm(real - drawn, axis=1) / np.linalg.norm(real, axis=1)).mean())}


@torch.inference_mode()
def enlarge_all(method: Callable[[Tensor], Tensor], small: Pixels, progress: bool = False) -> Pixels:
    starts = tqdm(range(0, len(small), 16), "Enlarging", leave=False, disable=not progress)
    return np.concatenate([to_uint8(method(from_uint8(small[start : start + 16]))) for start in starts])
