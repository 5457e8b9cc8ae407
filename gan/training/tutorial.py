"""The textbook DCGAN, read top to bottom: the training loop of PyTorch's DCGAN tutorial.

    python -m gan.training.tutorial posters.zip checkpoints/tutorial

``scripts/train.py --preset dcgan`` takes the same steps; what it adds (resuming, guard rails, averaging ...) is in
gan/training/loop.py and gan/training/step.py. The tutorial's Sigmoid and BCELoss are one function here.

https://docs.pytorch.org/tutorials/beginner/dcgan_faces_tutorial.html
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator

import torch
from torch import Tensor, nn

from gan.checkpoints.folder import save
from gan.data.posters import load_posters
from gan.networks.dcgan import Discriminator, Generator


def train(generator: Generator, discriminator: Discriminator, batches: Iterable[Tensor]) -> Iterator[list[float]]:
    """Update both networks for every batch (N, 3, H, W) in [-1, 1]; yields loss_D, loss_G, D(x), D(G(z)) each time."""
    device = next(generator.parameters()).device
    optimizer_d = torch.optim.Adam(discriminator.parameters(), lr=0.0002, betas=(0.5, 0.999))
    optimizer_g = torch.optim.Adam(generator.parameters(), lr=0.0002, betas=(0.5, 0.999))
    criterion = nn.BCEWithLogitsLoss()

    for real in batches:
        real = real.to(device)
        real_labels, fake_labels = torch.ones(len(real), device=device), torch.zeros(len(real), device=device)

        # (1) Update D: maximize log(D(x)) + log(1 - D(G(z))).
        discriminator.zero_grad()
        logits_real = discriminator.logit(real)
        loss_real = criterion(logits_real, real_labels)
        loss_real.backward()

        z = torch.randn(len(real), generator.config.latent, 1, 1, device=device)
        fake = generator(z)
        logits_fake = discriminator.logit(fake.detach())
        loss_fake = criterion(logits_fake, fake_labels)
        loss_fake.backward()
        optimizer_d.step()

        # (2) Update G: maximize log(D(G(z))).
        generator.zero_grad()
        loss_g = criterion(discriminator.logit(fake), real_labels)
        loss_g.backward()
        optimizer_g.step()

        d_x, d_g_z = logits_real.sigmoid().mean(), logits_fake.sigmoid().mean()
        yield [value.item() for value in (loss_real + loss_fake, loss_g, d_x, d_g_z)]


def main(data: str, out: str, epochs: int = 5) -> None:
    """Train on a folder or a zip of posters, in batches of 128, and save both networks."""
    generator, discriminator = Generator(), Discriminator()
    posters, _ = load_posters(data, generator.config.size).split()
    batches = (posters.tensor(rows) for _ in range(epochs) for rows in torch.split(torch.randperm(len(posters)), 128))
    for number, (loss_d, loss_g, d_x, d_g_z) in enumerate(train(generator, discriminator, batches)):
        print(f"step {number}: loss_D {loss_d:.3f}, loss_G {loss_g:.3f}, D(x) {d_x:.3f}, D(G(z)) {d_g_z:.3f}")
    save(out, generator, discriminator)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2]) if len(sys.argv) == 3 else sys.exit("usage: gan.training.tutorial POSTERS OUT")
