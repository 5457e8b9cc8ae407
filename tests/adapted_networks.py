"""Networks as other people write them, small, with weights that matter: what gan.adapt is given in the tests."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.utils.parametrizations import spectral_norm, weight_norm

from tests.xai.nets import scramble

SIDE, LATENT = 16, 6
CLASSES = ("Horror", "Comedy", "Western")


class TutorialGenerator(nn.Module):
    """As in pytorch/examples: layers in ``main``, activation functions in place."""

    def __init__(self) -> None:
        super().__init__()
        self.main = nn.Sequential(
            nn.ConvTranspose2d(LATENT, 8, 4, 1, 0, bias=False), nn.BatchNorm2d(8), nn.ReLU(True),
            nn.ConvTranspose2d(8, 4, 4, 2, 1, bias=False), nn.BatchNorm2d(4), nn.ReLU(True),
            nn.ConvTranspose2d(4, 3, 4, 2, 1, bias=False), nn.Tanh(),
        )  # fmt: skip

    def forward(self, z: Tensor) -> Tensor:
        pictures: Tensor = self.main(z)
        return pictures


class TutorialDiscriminator(nn.Module):
    """As in pytorch/examples: a Sigmoid, and a view that makes one row of numbers."""

    def __init__(self) -> None:
        super().__init__()
        self.main = nn.Sequential(
            nn.Conv2d(3, 4, 4, 2, 1, bias=False), nn.LeakyReLU(0.2, inplace=True),
            nn.Conv2d(4, 8, 4, 2, 1, bias=False), nn.BatchNorm2d(8), nn.LeakyReLU(0.2, inplace=True),
            nn.Conv2d(8, 1, 4, 1, 0, bias=False), nn.Sigmoid(),
        )  # fmt: skip

    def forward(self, x: Tensor) -> Tensor:
        answers: Tensor = self.main(x)
        return answers.view(-1, 1).squeeze(1)


class Up(nn.Module):
    """A residual block with functions in its forward."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.norm = nn.BatchNorm2d(inputs)
        self.conv, self.skip = nn.Conv2d(inputs, outputs, 3, padding=1), nn.Conv2d(inputs, outputs, 1)

    def forward(self, x: Tensor) -> Tensor:
        h: Tensor = self.conv(functional.interpolate(functional.relu(self.norm(x)), scale_factor=2))
        skipped: Tensor = self.skip(functional.interpolate(x, scale_factor=2))
        return h + skipped


class ResidualGenerator(nn.Module):
    """Takes vectors (N, latent)."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.shape = nn.Linear(LATENT, 8 * 4 * 4), nn.Unflatten(1, (8, 4, 4))
        self.blocks = nn.Sequential(Up(8, 8), Up(8, 4))
        self.last = nn.Sequential(nn.ReLU(), nn.Conv2d(4, 3, 3, padding=1), nn.Tanh())

    def forward(self, z: Tensor) -> Tensor:
        pictures: Tensor = self.last(self.blocks(self.shape(self.first(z))))
        return pictures


class Block(nn.Module):
    """A block of ResNet: one ReLU, in place, that runs twice, and a skip connection."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.conv1, self.bn1 = nn.Conv2d(width, width, 3, padding=1, bias=False), nn.BatchNorm2d(width)
        self.conv2, self.bn2 = nn.Conv2d(width, width, 3, padding=1, bias=False), nn.BatchNorm2d(width)
        self.relu = nn.ReLU(inplace=True)

    def forward(self, x: Tensor) -> Tensor:
        h = self.relu(self.bn1(self.conv1(x)))
        h = self.bn2(self.conv2(h))
        h += x
        answer: Tensor = self.relu(h)
        return answer


class ResNet(nn.Module):
    """In small what torchvision's is: a MaxPool2d with windows that overlap, blocks, a mean, a Linear."""

    def __init__(self, outputs: int = 1) -> None:
        super().__init__()
        self.conv, self.bn, self.relu = nn.Conv2d(3, 6, 3, padding=1), nn.BatchNorm2d(6), nn.ReLU(inplace=True)
        self.maxpool = nn.MaxPool2d(3, 2, 1)
        self.layer = nn.Sequential(Block(6), Block(6))
        self.avgpool, self.fc = nn.AdaptiveAvgPool2d(1), nn.Linear(6, outputs)

    def forward(self, x: Tensor) -> Tensor:
        x = self.layer(self.maxpool(self.relu(self.bn(self.conv(x)))))
        answers: Tensor = self.fc(torch.flatten(self.avgpool(x), 1))
        return answers


class FunctionalDiscriminator(nn.Module):
    """All activation functions are functions, one of them in place; answers (N,)."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1, self.conv2 = nn.Conv2d(3, 6, 3, 2, 1), nn.Conv2d(6, 6, 3, padding=1)
        self.last = nn.Linear(6, 1)

    def forward(self, x: Tensor) -> Tensor:
        x = functional.leaky_relu(self.conv1(x), 0.2, inplace=True)
        x = functional.elu(self.conv2(torch.tanh(x))) + x
        answers: Tensor = self.last(functional.max_pool2d(x, 2).mean((2, 3)))
        return answers.squeeze(1)


def classifier(*end: nn.Module) -> nn.Sequential:
    """Logits of CLASSES, and what comes after them."""
    return nn.Sequential(
        nn.Conv2d(3, 4, 3, 2, 1), nn.ReLU(inplace=True), nn.Conv2d(4, 6, 3, 2, 1), nn.ReLU(inplace=True),
        nn.AdaptiveAvgPool2d(2), nn.Flatten(), nn.Linear(24, len(CLASSES)), *end,
    )  # fmt: skip


def normed(norm: Callable[..., nn.Module]) -> nn.Sequential:
    """A discriminator whose weights are normed in each forward; answers (N, 1)."""
    return nn.Sequential(
        norm(nn.Conv2d(3, 4, 4, 2, 1)), nn.LeakyReLU(0.2, True), nn.Flatten(), norm(nn.Linear(4 * 8 * 8, 1))
    )


DISCRIMINATORS: dict[str, Callable[[], nn.Module]] = {
    "tutorial": TutorialDiscriminator,
    "residual": ResNet,
    "functional": FunctionalDiscriminator,
    "spectral norm": lambda: normed(spectral_norm),
    "spectral norm of old": lambda: normed(nn.utils.spectral_norm),
    "weight norm": lambda: normed(weight_norm),
    "data parallel": lambda: nn.DataParallel(TutorialDiscriminator(), device_ids=[]),
}
GENERATORS: dict[str, Callable[[], nn.Module]] = {"tutorial": TutorialGenerator, "residual": ResidualGenerator}


def trained(build: Callable[[], nn.Module]) -> nn.Module:
    """The network as after some steps of a training: random weights and statistics; in training mode."""
    with torch.random.fork_rng():
        torch.manual_seed(1)
        network = build()
        bare = not any(isinstance(one, nn.utils.parametrize.ParametrizationList) for one in network.modules())
        bare = bare and not any(one._forward_pre_hooks for one in network.modules())
        network = scramble(lambda: network) if bare else network
        with torch.no_grad():
            network.train()(torch.randn(2, 3, SIDE, SIDE)) if not bare else None  # power iterations
    return network.train()
