"""A small super-resolution network that enlarges posters four times for show.

    upscaler = load("checkpoints/upscaler")
    upscaler(images)                    # (N, 3, H, W) in [-1, 1] -> (N, 3, 4 H, 4 W): detail is invented
    lanczos(images, 4)                  # the same size, nothing invented (gan.upscaling.resampling)

gan/upscaling/training.py trains one, gan/upscaling/quality.py measures it.

The network adds a residual to the Lanczos enlargement (Kim et al. 2016) by a sub-pixel convolution (Shi et al. 2016)
behind residual blocks without BatchNorm (Lim et al. 2017). No layer has a bias and the first kernels sum to zero, so
one pass obeys f(a x + b) = a f(x) + b for a >= 0: what is flat stays flat, and what was learned at one brightness
and contrast holds at all others (Mohan et al. 2020).
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from gan.checkpoints.folder import ensure_replaceable, read_safetensors, to_bytes
from gan.errors import CheckpointError
from gan.files import json_bytes, keep_others, write_directory
from gan.networks.shapes import only_shapes, with_memory
from gan.settings import Settings, setting
from gan.upscaling.resampling import FACTOR, resample

LABEL = "enlarged by a network; detail is invented"
CONFIG, WEIGHTS = "upscaler.json", "upscaler.safetensors"  # not config.json, which marks a GAN's checkpoint


@dataclass(frozen=True)
class UpscalerConfig(Settings):
    """Shape of the network.

    factor : enlargement of one pass, 2 or 4; a network of factor 2 is applied twice.
    width : channels.
    blocks : residual blocks of two convolutions.

    Raises
    ------
    ValueError
        If the factor is neither 2 nor 4, or a count is below 1.
    """

    factor: int = setting(4, "enlargement of one pass; 2 is applied twice", choices=(2, 4))
    width: int = setting(32, "channels of the network", low=1)
    blocks: int = setting(4, "residual blocks of the network", low=1)


class Upscaler(nn.Module):
    """Enlarges posters (N, 3, H, W) in [-1, 1] to (N, 3, 4 H, 4 W); any height and width."""

    def __init__(self, config: UpscalerConfig | None = None) -> None:
        super().__init__()
        self.config = config or UpscalerConfig()
        width, factor = self.config.width, self.config.factor
        self.head = _ZeroSumConv(3, width)
        self.body = nn.Sequential(*(_Block(width) for _ in range(self.config.blocks)))
        self.tail = _conv(width, 3 * factor**2)
        self.shuffle = nn.PixelShuffle(factor)
        _icnr(self.tail.weight, factor)

    def forward(self, images: Tensor) -> Tensor:
        for _ in range(self.passes):
            images = self.enlarge(images).clamp(-1, 1)
        return images

    @property
    def passes(self) -> int:
        """How often :meth:`enlarge` is applied, once or twice."""
        return round(math.log(FACTOR, self.config.factor))

    def enlarge(self, images: Tensor) -> Tensor:
        """One pass, (N, 3, H, W) to (N, 3, factor H, factor W), not clipped: Lanczos enlargement plus residual."""
        factor = self.config.factor
        base = resample(images, (images.shape[2] * factor, images.shape[3] * factor))
        first = self.head(images)
        residual: Tensor = self.shuffle(self.tail(first + self.body(first)))
        return base + residual


def _conv(before: int, after: int) -> nn.Conv2d:
    # Edge pixels are repeated: zeros would draw a frame around every poster.
    return nn.Conv2d(before, after, 3, padding=1, padding_mode="replicate", bias=False)


class _ZeroSumConv(nn.Module):
    """A convolution whose kernels each sum to zero: its output depends on differences, not on brightness."""

    def __init__(self, before: int, after: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(_conv(before, after).weight.detach())

    def forward(self, images: Tensor) -> Tensor:
        kernels = self.weight - self.weight.mean((2, 3), keepdim=True)
        return F.conv2d(F.pad(images, (1, 1, 1, 1), "replicate"), kernels)


class _Block(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(_conv(width, width), nn.LeakyReLU(0.1), _conv(width, width))

    def forward(self, maps: Tensor) -> Tensor:
        residual: Tensor = self.layers(maps)
        return maps + residual


@torch.no_grad()
def _icnr(weight: Tensor, factor: int) -> None:
    """Initialise a sub-pixel convolution without checkerboard: all sub-pixels alike (Aitken et al. 2017)."""
    one = weight[:: factor**2] * 0.1  # small, so that training begins near Lanczos
    weight.copy_(one.repeat_interleave(factor**2, 0))


def save(directory: str | Path, upscaler: Upscaler, info: Mapping[str, Any] | None = None, card: str = "") -> None:
    """Write ``upscaler.json``, ``upscaler.safetensors`` in half precision and a ``README.md``; all or nothing.

    An existing upscaler is replaced, files beside it stay.

    Parameters
    ----------
    info : record of the training, stored beside the network's shape.
    card : text of the model card; no card where it is empty.

    Raises
    ------
    CheckpointError
        If the path exists and is not an upscaler; it is left as it is.
    """
    ensure_replaceable(directory, CONFIG)
    record = {"model": asdict(upscaler.config), "info": dict(info or {})}
    with write_directory(Path(directory)) as folder:
        keep_others(Path(directory), folder, (CONFIG, WEIGHTS, "README.md"))
        (folder / WEIGHTS).write_bytes(to_bytes(upscaler, half=True))
        (folder / CONFIG).write_bytes(json_bytes(record))
        if card:
            (folder / "README.md").write_text(card, encoding="utf-8")


def load(directory: str | Path) -> Upscaler:
    """Read an upscaler, in eval mode on the CPU.

    Raises
    ------
    CheckpointError
        If the folder or one of its two files is missing or damaged, or they do not belong together.
    """
    folder = Path(directory)
    for path in (folder, folder / CONFIG, folder / WEIGHTS):
        if not path.exists():
            raise CheckpointError(f"{path} does not exist.")
    try:
        model = json.loads((folder / CONFIG).read_text(encoding="utf-8"))["model"]
        config = UpscalerConfig(int(model["factor"]), int(model["width"]), int(model["blocks"]))
    except (ValueError, KeyError, TypeError, OSError) as error:
        raise CheckpointError(f"{folder / CONFIG} is not a valid configuration.") from error
    weights = read_safetensors(folder / WEIGHTS)
    with only_shapes():  # a damaged configuration can describe more than fits into memory
        upscaler = Upscaler(config)
    expected = {name: tuple(value.shape) for name, value in upscaler.state_dict().items()}
    if {name: tuple(value.shape) for name, value in weights.items()} != expected:
        raise CheckpointError(f"{folder / WEIGHTS} does not hold the weights that {CONFIG} describes.")
    upscaler = with_memory(upscaler)
    upscaler.load_state_dict(weights)
    return upscaler.eval().requires_grad_(False)
