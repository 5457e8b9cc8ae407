"""torchvision's ResNet-18 as a classifier of posters' genres, to see which parts of a poster speak for which.

    python examples/own_classifier.py --posters posters.zip        # some minutes: writes genres.pth
    streamlit run dashboard/app.py -- --posters posters.zip --networks examples/own_classifier.py

Without genres.pth its weights are random. GENRES are TMDb's: if your posters' table has others, write these. A poster
has several genres, so the network ends in a Sigmoid; one whose classes exclude each other ends in its logits, or a
Softmax.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import torch
from torch import nn
from torchvision.models import resnet18

import gan

WEIGHTS = Path(__file__).parent / "genres.pth"
SIZE = 64
GENRES = (
    "Action", "Adventure", "Animation", "Comedy", "Crime", "Documentary", "Drama", "Family", "Fantasy", "History",
    "Horror", "Music", "Mystery", "Romance", "Science Fiction", "TV Movie", "Thriller", "War", "Western",
)  # fmt: skip


def classifier() -> nn.Module:
    """The network, whose weights are drawn anew."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return nn.Sequential(resnet18(num_classes=len(GENRES)), nn.Sigmoid())


def networks() -> gan.Checkpoint:
    """What the dashboard asks for."""
    network = classifier()
    if WEIGHTS.exists():
        network.load_state_dict(torch.load(WEIGHTS, map_location="cpu", weights_only=True))
    return gan.adapt(discriminator=network, classes=GENRES, size=SIZE, normalisation=gan.IMAGENET)


def missing(posters: gan.PosterSet) -> list[str]:
    """The GENRES that no poster has, of which nothing can be learned."""
    return [genre for genre in GENRES if not any(genre in own for own in posters.genres)]


def train(posters: gan.PosterSet, steps: int, batch: int = 64) -> nn.Module:
    """A classifier of these posters, after so many steps of Adam."""
    mean, deviation = (torch.tensor(one)[:, None, None] for one in gan.IMAGENET)
    labels = torch.tensor([[float(genre in own) for genre in GENRES] for own in posters.genres])
    network, order = classifier().train(), torch.Generator().manual_seed(0)
    adam = torch.optim.Adam(network.parameters(), 1e-3)
    for step in range(steps):
        chosen = torch.randint(len(posters), (batch,), generator=order)
        pictures = (posters.tensor(chosen) / 2 + 0.5 - mean) / deviation
        loss = nn.functional.binary_cross_entropy(network(pictures), labels[chosen])
        adam.zero_grad()
        loss.backward()
        adam.step()
        if step % 50 == 0:
            print(f"step {step}: loss {float(loss.detach()):.3f}")
    return network


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--posters", type=Path, required=True)
    parser.add_argument("--steps", type=int, default=600)
    options = parser.parse_args()
    posters = gan.load_posters(options.posters, SIZE)
    if len(missing(posters)) == len(GENRES):
        parser.error("no poster has one of GENRES; docs/data.md says how a table names them")
    if missing(posters):
        print(f"Nothing can be learned of {', '.join(missing(posters))}: no poster has it.")
    torch.save(train(posters, options.steps).state_dict(), WEIGHTS)
