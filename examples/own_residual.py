"""A residual generator and a residual discriminator, as in SNGAN: blocks that no chain of layers can show.

    streamlit run dashboard/app.py -- --networks examples/own_residual.py

They are random until you load weights. Functions in a forward, a norm of the weights and skip connections are all
allowed; the pages that need a plain chain say so.
"""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional as F
from torch.nn.utils.parametrizations import spectral_norm

import gan


class Up(nn.Module):
    def __init__(self, inputs, outputs):
        super().__init__()
        self.norm1, self.norm2 = nn.BatchNorm2d(inputs), nn.BatchNorm2d(outputs)
        self.conv1 = nn.Conv2d(inputs, outputs, 3, padding=1)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, padding=1)
        self.skip = nn.Conv2d(inputs, outputs, 1)

    def forward(self, x):
        h = self.conv1(F.interpolate(F.relu(self.norm1(x)), scale_factor=2))
        return self.conv2(F.relu(self.norm2(h))) + self.skip(F.interpolate(x, scale_factor=2))


class Generator(nn.Module):
    def __init__(self, latent=64, width=64):
        super().__init__()
        self.first = nn.Linear(latent, width * 16)
        self.shape = nn.Unflatten(1, (width, 4, 4))
        self.blocks = nn.Sequential(*[Up(width // 2**k, width // 2 ** (k + 1)) for k in range(4)])
        self.last = nn.Sequential(nn.ReLU(), nn.Conv2d(width // 16, 3, 3, padding=1), nn.Tanh())

    def forward(self, z):
        return self.last(self.blocks(self.shape(self.first(z))))


class Down(nn.Module):
    def __init__(self, inputs, outputs):
        super().__init__()
        self.conv1 = spectral_norm(nn.Conv2d(inputs, outputs, 3, padding=1))
        self.conv2 = spectral_norm(nn.Conv2d(outputs, outputs, 3, padding=1))
        self.skip = spectral_norm(nn.Conv2d(inputs, outputs, 1))

    def forward(self, x):
        h = self.conv2(F.relu(self.conv1(F.relu(x))))
        return F.avg_pool2d(h + self.skip(x), 2)


class Discriminator(nn.Module):
    def __init__(self, width=16):
        super().__init__()
        self.blocks = nn.Sequential(Down(3, width), Down(width, 2 * width), Down(2 * width, 4 * width))
        self.last = spectral_norm(nn.Linear(4 * width, 1))

    def forward(self, x):
        return self.last(F.relu(self.blocks(x)).sum((2, 3))).squeeze(1)


def networks() -> gan.Checkpoint:
    """What the dashboard asks for."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        netG, netD = Generator(latent=64), Discriminator()
    # netD.load_state_dict(torch.load("netD.pth", map_location="cpu", weights_only=True))
    return gan.adapt(netG, netD, size=64, latent=64)
