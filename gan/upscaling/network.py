"""Posters enlarged four times for show: a small super-resolution network beside plain Lanczos.

    upscaler = load("checkpoints/upscaler")
    upscaler(images)                    # (N, 3, H, W) in [-1, 1] -> (N, 3, 4 H, 4 W): detail is invented
    lanczos(images, 4)                  # the same size, nothing invented

gan/upscaling/training.py trains and measures.

The network adds a residual to the Lanczos enlargement (Kim et al. 2016) by a sub-pixel convolution (Shi et al. 2016)
behind residual blocks without BatchNorm (Lim et al. 2017). No layer has a bias and the first kernels sum to zero, so
one pass obeys f(a x + b) = a f(x) + b for a >= 0: what is flat stays flat, and what was learned at one brightness
and contrast holds at all others (Mohan et al. 2020).
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from safetensors.torch import save as to_bytes
from torch import Tensor, nn
from torch.nn import functional as F

from gan.checkpoints.folder import ensure_replaceable
from gan.errors import CheckpointError
from gan.files import write_directory
from gan.upscaling.resampling import FACTOR, resample

LABEL = "enlarged by a network; detail is invented"
CONFIG, WEIGHTS = "upscaler.json", "upscaler.safetensors"  # not config.json, which marks a GAN's checkpoint


# ---- resampling ----------------------------------------------------------------------------------------


# ---- the network ---------------------------------------------------------------------------------------


@dataclass(frozen=True)
class UpscalerConfig:
    """Shape of the network.

    factor : enlargement of one pass, 2 or 4; a network of factor 2 is applied twice.
    width : channels.
    blocks : residual blocks of two convolutions.

    Raises
    ------
    ValueError
        If the factor is another, or a count is below 1.
    """

    factor: int = 4
    width: int = 32
    blocks: int = 4

    def __post_init__(self) -> None:
        if self.factor not in (2, 4):
            raise ValueError(f"factor must be 2 or 4, not {self.factor}.")
        for name in ("width", "blocks"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be at least 1, not {getattr(self, name)}.")


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
        """How often :meth:`enlarge` is applied: once, or twice."""
        return round(math.log(FACTOR, self.config.factor))

    def enlarge(self, images: Tensor) -> Tensor:
        """One pass, ``config.factor`` times larger, not clipped: the Lanczos enlargement and the residual."""
        factor = self.config.factor
        base = resample(images, (images.shape[2] * factor, images.shape[3] * factor))
        first = self.head(images)
        residual: Tensor = self.shuffle(self.tail(first + self.body(first)))
        return base + residual


def _conv(before: int, after: int) -> nn.Conv2d:
    # Edge pixels are repeated: zeros would draw a frame around every poster.
    return nn.Conv2d(before, after, 3, padding=1, padding_mode="replicate", bias=False)


class _ZeroSumConv(nn.Module):
    """A convolution whose kernels each sum to zero: it sees differences, never the brightness itself."""

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
        changed: Tensor = self.layers(maps)
        return maps + changed


@torch.no_grad()
def _icnr(weight: Tensor, factor: int) -> None:
    """First weights of a sub-pixel convolution that draw no checkerboard: all sub-pixels alike (Aitken et al. 2017)."""
    one = weight[:: factor**2] * 0.1  # and small, so that training begins near Lanczos
    weight.copy_(one.repeat_interleave(factor**2, 0))


# ---- storing -------------------------------------------------------------------------------------------


def save(directory: str | Path, upscaler: Upscaler, info: Mapping[str, Any] | None = None, card: str = "") -> None:
    """Write ``upscaler.json``, ``upscaler.safetensors`` in half precision and a ``README.md``; all or nothing.

    An upscaler that is there is replaced; CheckpointError if something else is.

    Parameters
    ----------
    info : what is known of the training, kept beside the network's shape.
    card : text of the model card; no card where it is empty.
    """
    ensure_replaceable(directory, CONFIG)
    weights = {name: value.detach().half().cpu().contiguous() for name, value in upscaler.state_dict().items()}
    record = {"model": asdict(upscaler.config), "info": dict(info or {})}
    with write_directory(Path(directory)) as folder:
        (folder / WEIGHTS).write_bytes(to_bytes(weights))
        (folder / CONFIG).write_text(json.dumps(record, indent=2) + "\n")
        if card:
            (folder / "README.md").write_text(card)


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
        model = json.loads((folder / CONFIG).read_text())["model"]
        config = UpscalerConfig(**{field.name: int(model[field.name]) for field in fields(UpscalerConfig)})
    except (ValueError, KeyError, TypeError, OSError) as error:
        raise CheckpointError(f"{folder / CONFIG} is not a valid configuration.") from error
    try:
        weights = load_file(folder / WEIGHTS)
    except (SafetensorError, OSError) as error:
        raise CheckpointError(f"{folder / WEIGHTS} is truncated or is not a safetensors file.") from error
    with torch.device("meta"):  # shapes only: a small file can ask for more memory than there is
        upscaler = Upscaler(config)
    wanted = {name: tuple(value.shape) for name, value in upscaler.state_dict().items()}
    if {name: tuple(value.shape) for name, value in weights.items()} != wanted:
        raise CheckpointError(f"{folder / WEIGHTS} does not hold the weights that {CONFIG} describes.")
    upscaler = upscaler.to_empty(device="cpu")
    upscaler.load_state_dict(weights)
    return upscaler.eval().requires_grad_(False)
