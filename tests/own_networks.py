"""Small networks of classes that are not ours, on which the right answer is known."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

import gan

SIZE = 8
CLASSES = ("Horror", "Comedy", "Western")


class Wrapped(nn.Module):
    """A Sequential in a class of its own, as pytorch/examples' netG and netD."""

    def __init__(self, *modules: nn.Module) -> None:
        super().__init__()
        self.main = nn.Sequential(*modules)

    def forward(self, x: Tensor) -> Tensor:
        return self.main(x)  # type: ignore[no-any-return]


class Flat(Wrapped):
    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x).view(-1, 1).squeeze(1)


class Block(nn.Module):
    """Before its convolutions, a ReLU whose input also goes past it; one ReLU is called twice, one is a function."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.relu = nn.ReLU()
        self.conv1, self.conv2 = (nn.Conv2d(channels, channels, 3, padding=1) for _ in range(2))

    def forward(self, x: Tensor) -> Tensor:
        return x + self.conv2(F.leaky_relu(self.conv1(self.relu(x)), 0.2)) * 0.5 + self.relu(x)


class Residual(nn.Module):
    """Blocks, a MaxPool whose windows overlap, a mean, a Linear with the flatten in the forward."""

    def __init__(self, outputs: int = 1) -> None:
        super().__init__()
        self.first, self.block = nn.Conv2d(3, 4, 3, padding=1), Block(4)
        self.pool, self.mean, self.last = nn.MaxPool2d(3, 2, 1), nn.AdaptiveAvgPool2d(1), nn.Linear(4, outputs)

    def forward(self, x: Tensor) -> Tensor:
        return self.last(torch.flatten(self.mean(self.pool(self.block(self.first(x)))), 1))  # type: ignore[no-any-return]


class Whole(Residual):
    """The same with a function between its children: no chain of them."""

    def forward(self, x: Tensor) -> Tensor:
        return self.last(F.relu(self.block(self.first(x))).mean((2, 3))).squeeze(1)  # type: ignore[no-any-return]


class Drawing(nn.Module):
    """A generator of vectors, with a block."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.shape = nn.Linear(5, 4 * 16), nn.Unflatten(1, (4, 4, 4))
        self.block, self.up = Block(4), nn.Upsample(scale_factor=2)
        self.last, self.tanh = nn.Conv2d(4, 3, 3, padding=1), nn.Tanh()

    def forward(self, z: Tensor) -> Tensor:
        return self.tanh(self.last(self.up(self.block(self.shape(self.first(z))))))  # type: ignore[no-any-return]


def seeded(make: type[nn.Module], *arguments: object) -> nn.Module:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return make(*arguments).eval()


def dcgan() -> gan.Checkpoint:
    """A DCGAN of other classes, with its Sigmoid."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        drawing = Wrapped(
            nn.ConvTranspose2d(5, 8, 4, bias=False), nn.BatchNorm2d(8), nn.ReLU(True),
            nn.ConvTranspose2d(8, 3, 4, 2, 1), nn.Tanh(),
        )  # fmt: skip
        judge = Flat(nn.Conv2d(3, 8, 4, 2, 1), nn.LeakyReLU(0.2, True), nn.Conv2d(8, 1, 4), nn.Sigmoid())
    return gan.adapt(drawing, judge, size=SIZE, latent=5)


def residual() -> gan.Checkpoint:
    """Blocks in both networks."""
    return gan.adapt(seeded(Drawing), seeded(Residual), size=SIZE, latent=5)


def whole() -> gan.Checkpoint:
    """A discriminator alone, of one layer."""
    return gan.adapt(discriminator=seeded(Whole), size=SIZE)


def classifier() -> gan.Checkpoint:
    """Blocks, three classes, pictures of their own range, higher than wide."""
    return gan.adapt(discriminator=seeded(Residual, 3), size=(12, SIZE), normalisation=gan.IMAGENET, classes=CLASSES)


def pictures(count: int = 2, size: tuple[int, int] = (SIZE, SIZE)) -> Tensor:
    return torch.rand(count, 3, *size, generator=torch.Generator().manual_seed(1)) * 2 - 1
