"""A projected critic: small trainable heads on frozen ImageNet features, for GANs trained with few updates.

    critic = ProjectedCritic(size=(64, 64), seed=0)       # needs the extra ``projected``; nothing is downloaded
    logits = critic(images)                               # (N, K * P): P patch logits from each of K scales
    loss = relu(1 - critic(real)).mean() + relu(1 + critic(fake.detach())).mean()

All scales have the same patches, so that a plain mean over dimension 1 weighs the scales equally. The forward pass
has two parts, so that one pass of the frozen network over the fakes serves D's step and G's step:

    maps = critic.features(fake)                          # frozen; gradients flow to ``fake``
    d_loss = relu(1 + critic.logits([m.detach() for m in maps])).mean() + ...
    g_loss = -critic.logits(maps).mean()                  # after D's update, with the same maps

Sauer, Chitta, Mueller, Geiger 2021 (Projected GANs): frozen features, random cross-channel and cross-scale mixing.
Kumari, Zhang, Shechtman, Zhu 2022 (Vision-aided GAN): pretrained features in a critic. Miyato et al. 2018: spectral
norm. Odena, Olah, Shlens 2017: an auxiliary classifier of genres, here trained on real posters only.
Differences from Sauer et al.: EfficientNet-Lite0 at a small resolution, no BatchNorm in the heads (a logit depends on
its own picture only), and mixing weights scaled to features of unit size.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Self

import torch
from torch import Tensor, nn
from torch.nn.functional import interpolate
from torch.nn.utils.parametrizations import spectral_norm

from gan.errors import TrainingError
from gan.networks.efficientnet import efficientnet_lite

STEP = 32  # total stride of the backbone: the input size is a multiple of it
SMALL = 128  # smaller posters are enlarged to this shorter edge: their maps would be too coarse
LARGE = 256  # larger posters are shrunk to it: the backbone was trained at 224
WIDTH, MAX_WIDTH = 32, 256  # channels of the mixed maps: doubled from the finest scale on, up to the cap
HEAD_WIDTH = 64  # channels inside the heads
PROBES = 8  # noise images by which the random mixing is scaled


class ProjectedCritic(nn.Module):
    """Pictures (N, 3, H, W) in [-1, 1] to patch logits (N, K * P), above 0 for "real"; not bounded.

    The frozen part has no parameters: its weights are non-persistent buffers. ``parameters()`` and ``state_dict()``
    hold the heads only; the rest is rebuilt from the package and the seed, and stays in eval mode. In train mode each
    call runs one step of the power iteration of the heads' spectral norm.

    Parameters
    ----------
    size : height and width of the posters in pixels; other sizes are accepted and resized all the same.
    seed : of the random mixing and the heads' initial weights; no global random state is touched.
    genres : number G of genres of the auxiliary classifier (Odena, Olah, Shlens 2017); 0 for none. The buffer
        ``balance`` (2, G) then holds the class weights of "has the genre" and "has it not" (gan.training.losses); ones
        until they are set.
    side : shorter edge of the backbone's input in pixels, rounded to a multiple of 32; None: the posters' own, clipped
        to 128 to 256.
    backbone : another frozen network in place of EfficientNet-Lite0: pictures (N, 3, h, w) in [-1, 1] to maps,
        each half the height and width of the one before. It is copied.
    projections : number of random projections; each has heads of its own, on the same frozen maps.

    Raises
    ------
    TrainingError
        If the extra ``projected`` is not installed (and no backbone is given).
    ValueError
        If a size is below 1, or the backbone's maps are not each half of the one before.
    """

    def __init__(
        self,
        size: tuple[int, int] = (64, 64),
        seed: int = 0,
        genres: int = 0,
        side: int | None = None,
        backbone: nn.Module | None = None,
        projections: int = 1,
    ) -> None:
        super().__init__()
        if min(*size, projections) < 1 or genres < 0 or (side is not None and side < 1):
            raise ValueError(
                f"size, side and projections must be at least 1, genres 0: {size}, {side}, {projections}, {genres}"
            )
        self.genres = genres
        self.input_size = input_size(size, side)
        with torch.random.fork_rng(devices=[]):
            network = backbone if backbone is not None else efficientnet_lite0()
            torch.default_generator.manual_seed(seed)  # torch.manual_seed would seed the accelerator as well
            frozen = _Features(network, self.input_size, projections)
            octaves = range(len(frozen.widths))
            self.heads = nn.ModuleList(
                _Head(width, octave)
                for _ in range(projections)
                for width, octave in zip(frozen.widths, reversed(octaves), strict=True)
            )
        self.width = projections * sum(frozen.widths)
        self.classifier = nn.Linear(self.width, genres) if genres else None
        if self.classifier is not None:  # zeros: no gradient for G before the classifier has learned
            nn.init.zeros_(self.classifier.weight)
            nn.init.zeros_(self.classifier.bias)
            self.balance: Tensor
            self.register_buffer("balance", torch.ones(2, genres))
        self.frozen = _freeze(frozen)

    def forward(self, images: Tensor) -> Tensor:
        """Patch logits (N, K * P) of pictures (N, 3, H, W)."""
        return self.logits(self.features(images))

    def features(self, images: Tensor) -> list[Tensor]:
        """The frozen, mixed maps (N, C_k, h_k, w_k), finest first; gradients flow to the pictures."""
        maps: list[Tensor] = self.frozen(_resized(images, self.input_size))
        return maps

    def logits(self, maps: Sequence[Tensor]) -> Tensor:
        """Patch logits (N, K * P), above 0 for "real", of the maps of :meth:`features`; trainable."""
        return torch.cat([head(values) for head, values in zip(self.heads, maps, strict=True)], 1)

    def genre_logits(self, maps: Sequence[Tensor]) -> Tensor:
        """Log-odds (N, G) of each genre, of the maps of :meth:`features`; learned from real posters.

        Raises
        ------
        ValueError
            If the critic was built without genres.
        """
        if self.classifier is None:
            raise ValueError("This critic was built without genres.")
        logits: Tensor = self.classifier(self.pooled(maps))
        return logits

    @staticmethod
    def pooled(maps: Sequence[Tensor]) -> Tensor:
        """The mean of each channel (N, C) of the maps of :meth:`features`, of all scales."""
        return torch.cat([values.mean((2, 3)) for values in maps], 1)

    def train(self, mode: bool = True) -> Self:
        """As nn.Module.train, except that the frozen part stays in eval mode."""
        super().train(mode)
        self.frozen.eval()
        return self


def input_size(size: tuple[int, int], side: int | None = None) -> tuple[int, int]:
    """Height and width, multiples of 32, to which posters of this size are resized for the backbone."""
    shorter = min(size)
    scale = (side if side is not None else min(max(shorter, SMALL), LARGE)) / shorter
    height, width = (max(1, round(edge * scale / STEP)) * STEP for edge in size)
    return height, width


def efficientnet_lite0() -> nn.Module:
    """EfficientNet-Lite0 (Tan et al. 2020) up to its last stage, BatchNorm folded: maps at 1/4, 1/8, 1/16 and 1/32.

    Pictures (N, 3, h, w) in [-1, 1], h and w multiples of 32, to maps of 24, 40, 112 and 320 channels.

    Raises
    ------
    TrainingError
        If the extra ``projected`` is not installed.
    """
    try:  # the weights' own scale is (pixel - 127) / 128, with pixels from 0 to 255
        return efficientnet_lite(0, head=False, scale=127.5 / 128, shift=0.5 / 128)
    except ImportError:
        raise TrainingError('The projected preset needs its extra: pip install -e ".[projected]".') from None


def vgg16() -> nn.Module:
    """VGG16 (Simonyan, Zisserman 2015) up to its last pooling: maps at 1/4, 1/8, 1/16 and 1/32.

    Pictures (N, 3, h, w) in [-1, 1] to maps of 128, 256, 512 and 512 channels. The weights (550 MB) are in no
    package and are not downloaded here: they must be in torchvision's cache.

    Raises
    ------
    TrainingError
        If they are missing.
    """
    from torchvision.models import VGG16_Weights
    from torchvision.models import vgg16 as network

    name = VGG16_Weights.IMAGENET1K_V1.url.rsplit("/", 1)[1]
    path = Path(torch.hub.get_dir(), "checkpoints", name)
    if not path.exists():
        raise TrainingError(
            f"VGG16's weights are not at {path}; torchvision.models.vgg16(weights='DEFAULT') downloads them to it."
        )
    whole = network()
    whole.load_state_dict(torch.load(path, weights_only=True, map_location="cpu"))
    return _VGG(whole.features)


BACKBONES: dict[str, Callable[[], nn.Module]] = {"efficientnet-lite0": efficientnet_lite0, "vgg16": vgg16}


class _VGG(nn.Module):
    """VGG16's convolutions, cut after each pooling from the second on."""

    def __init__(self, features: nn.Sequential) -> None:
        super().__init__()
        pools = [index + 1 for index, layer in enumerate(features) if isinstance(layer, nn.MaxPool2d)]
        self.stages = nn.ModuleList(features[begin:end] for begin, end in pairwise([0, *pools[1:]]))
        mean, deviation = torch.tensor([0.485, 0.456, 0.406]), torch.tensor([0.229, 0.224, 0.225])
        self.mean: Tensor
        self.deviation: Tensor
        self.register_buffer("mean", mean[:, None, None])
        self.register_buffer("deviation", deviation[:, None, None])

    def forward(self, images: Tensor) -> list[Tensor]:
        x = (0.5 * images + 0.5 - self.mean) / self.deviation
        maps = []
        for stage in self.stages:
            x = stage(x)
            maps.append(x)
        return maps


class _Features(nn.Module):
    """A frozen backbone and random projections of its maps: pictures to the maps of one projection after the other."""

    def __init__(self, backbone: nn.Module, size: tuple[int, int], projections: int) -> None:
        super().__init__()
        self.backbone = copy.deepcopy(backbone).eval()
        with torch.no_grad():
            maps = self.backbone(_probes(size))
            _require_halved(maps)
            self.widths = tuple(min(MAX_WIDTH, WIDTH * 2**octave) for octave in range(len(maps)))
            self.mixings = nn.ModuleList(_Mixing(maps, self.widths) for _ in range(projections))

    def forward(self, images: Tensor) -> list[Tensor]:
        maps = self.backbone(images)
        return [mixed for mixing in self.mixings for mixed in mixing(maps)]


class _Mixing(nn.Module):
    """Random mixing of a backbone's maps: 1 x 1 across channels, then top-down across scales (Sauer et al. 2021).

    Every mixing convolution is scaled so that its map has unit mean square on the maps of smooth noise: a head's
    spectral norm bounds its gradient, not its input, and the raw maps differ by an order of magnitude.
    """

    def __init__(self, probes: Sequence[Tensor], widths: Sequence[int]) -> None:
        super().__init__()
        self.across_channels = nn.ModuleList(
            _random_conv(values.shape[1], width, 1) for values, width in zip(probes, widths, strict=True)
        )
        self.across_scales = nn.ModuleList(_random_conv(wide, narrow, 3) for narrow, wide in pairwise(widths))
        self._mix(probes, _scale_to_unit)

    def forward(self, maps: Sequence[Tensor]) -> list[Tensor]:
        return self._mix(maps)

    def _mix(self, maps: Sequence[Tensor], prepare: Callable[[nn.Conv2d, Tensor], None] | None = None) -> list[Tensor]:
        def mixed(conv: nn.Module, values: Tensor) -> Tensor:
            if prepare is not None:
                prepare(conv, values)  # type: ignore[arg-type]  # ModuleList is not generic
            return conv(values)  # type: ignore[no-any-return]  # nn.Module.__call__ returns Any

        mixed_maps = [mixed(self.across_channels[-1], maps[-1])]
        for scale in reversed(range(len(maps) - 1)):
            own = mixed(self.across_channels[scale], maps[scale])
            coarse = mixed(self.across_scales[scale], mixed_maps[0])
            coarse = interpolate(coarse, own.shape[2:], mode="bilinear", align_corners=False)
            mixed_maps.insert(0, (own + coarse) * 0.5**0.5)
        return mixed_maps


class _Head(nn.Module):
    """The trainable part of one scale: ``octaves`` strided convolutions, then one logit a patch. Spectral norm."""

    def __init__(self, channels: int, octaves: int) -> None:
        super().__init__()
        width = HEAD_WIDTH
        halvings = [spectral_norm(nn.Conv2d(channels if i == 0 else width, width, 4, 2, 1)) for i in range(octaves)]
        convs = halvings or [spectral_norm(nn.Conv2d(channels, width, 3, 1, 1))]
        self.body = nn.Sequential(*(layer for conv in convs for layer in (conv, nn.LeakyReLU(0.2, inplace=True))))
        self.logit = spectral_norm(nn.Conv2d(width, 1, 1))

    def forward(self, values: Tensor) -> Tensor:
        logits: Tensor = self.logit(self.body(values))
        return logits.flatten(1)


def _freeze(module: nn.Module) -> nn.Module:
    """Turn parameters and buffers into non-persistent buffers: no optimiser sees them, no checkpoint stores them."""
    for part in module.modules():
        tensors = [*part.named_parameters(recurse=False), *part.named_buffers(recurse=False)]
        for name, values in tensors:
            delattr(part, name)
            layout = torch.channels_last if values.ndim == 4 else torch.contiguous_format
            part.register_buffer(name, values.detach().contiguous(memory_format=layout), persistent=False)
    return module.eval()


def _resized(images: Tensor, size: tuple[int, int]) -> Tensor:
    if images.shape[2:] != size:
        shrinks = images.shape[2] > size[0] or images.shape[3] > size[1]
        images = interpolate(images, size, mode="bilinear", align_corners=False, antialias=shrinks)
    return images.contiguous(memory_format=torch.channels_last)


def _random_conv(channels: int, width: int, kernel: int) -> nn.Conv2d:
    conv = nn.Conv2d(channels, width, kernel, padding=kernel // 2, bias=False)
    nn.init.kaiming_normal_(conv.weight, nonlinearity="linear")
    return conv


def _scale_to_unit(conv: nn.Conv2d, values: Tensor) -> None:
    conv.weight /= conv(values).square().mean().sqrt().clamp_min(1e-8)


def _probes(size: tuple[int, int]) -> Tensor:
    """Pictures (8, 3, h, w) in [-1, 1]: noise with equal power in every octave, as photographs have."""
    octaves = [
        torch.randn(PROBES, 3, max(1, size[0] // step), max(1, size[1] // step)) for step in (1, 2, 4, 8, 16, 32)
    ]
    layers = [interpolate(octave, size, mode="bilinear", align_corners=False) for octave in octaves]
    return (torch.stack(layers).sum(0) * 0.35).tanh()


def _require_halved(maps: Sequence[Tensor]) -> None:
    sizes = [tuple(values.shape[2:]) for values in maps]
    if not sizes or any(fine != (2 * h, 2 * w) for fine, (h, w) in pairwise(sizes)):
        raise ValueError(f"Each of the backbone's maps must have half the size of the one before, not {sizes}.")
