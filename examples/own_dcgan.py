"""The classes of pytorch/examples' DCGAN, as they stand there, on every page.

    streamlit run dashboard/app.py -- --networks examples/own_dcgan.py

The weights are those of the checkpoint that is shipped; yours are read by the line above them.
"""

from __future__ import annotations

from pathlib import Path

from torch import nn

import gan

CHECKPOINT = Path(__file__).parents[1] / "checkpoints/dcgan-64"
nz, ngf, ndf, nc = 100, 64, 64, 3


class Generator(nn.Module):
    def __init__(self, ngpu=0):
        super().__init__()
        self.ngpu = ngpu
        self.main = nn.Sequential(
            # input is Z, going into a convolution
            nn.ConvTranspose2d(nz, ngf * 8, 4, 1, 0, bias=False),
            nn.BatchNorm2d(ngf * 8),
            nn.ReLU(True),
            nn.ConvTranspose2d(ngf * 8, ngf * 4, 4, 2, 1, bias=False),
            nn.BatchNorm2d(ngf * 4),
            nn.ReLU(True),
            nn.ConvTranspose2d(ngf * 4, ngf * 2, 4, 2, 1, bias=False),
            nn.BatchNorm2d(ngf * 2),
            nn.ReLU(True),
            nn.ConvTranspose2d(ngf * 2, ngf, 4, 2, 1, bias=False),
            nn.BatchNorm2d(ngf),
            nn.ReLU(True),
            nn.ConvTranspose2d(ngf, nc, 4, 2, 1, bias=False),
            nn.Tanh(),
        )

    def forward(self, input):
        if input.is_cuda and self.ngpu > 1:
            return nn.parallel.data_parallel(self.main, input, range(self.ngpu))
        return self.main(input)


class Discriminator(nn.Module):
    def __init__(self, ngpu=0):
        super().__init__()
        self.ngpu = ngpu
        self.main = nn.Sequential(
            nn.Conv2d(nc, ndf, 4, 2, 1, bias=False),
            nn.LeakyReLU(0.2, inplace=True),
            nn.Conv2d(ndf, ndf * 2, 4, 2, 1, bias=False),
            nn.BatchNorm2d(ndf * 2),
            nn.LeakyReLU(0.2, inplace=True),
            nn.Conv2d(ndf * 2, ndf * 4, 4, 2, 1, bias=False),
            nn.BatchNorm2d(ndf * 4),
            nn.LeakyReLU(0.2, inplace=True),
            nn.Conv2d(ndf * 4, ndf * 8, 4, 2, 1, bias=False),
            nn.BatchNorm2d(ndf * 8),
            nn.LeakyReLU(0.2, inplace=True),
            nn.Conv2d(ndf * 8, 1, 4, 1, 0, bias=False),
            nn.Sigmoid(),
        )

    def forward(self, input):
        if input.is_cuda and self.ngpu > 1:
            return nn.parallel.data_parallel(self.main, input, range(self.ngpu)).view(-1, 1).squeeze(1)
        return self.main(input).view(-1, 1).squeeze(1)


def networks() -> gan.Checkpoint:
    """What the dashboard asks for."""
    netG, netD = Generator(), Discriminator()
    # netG.load_state_dict(torch.load("netG_epoch_24.pth", map_location="cpu", weights_only=True))
    netG.main.load_state_dict(gan.load(CHECKPOINT).need_generator().layers.state_dict())
    # A shipped discriminator is calibrated, by a bias of its last layer that these classes have not got.
    netD.main.load_state_dict(gan.load(CHECKPOINT).need_discriminator().layers.state_dict(), strict=False)
    return gan.adapt(netG, netD, size=64, latent=nz)
