"""Which pictures look alike to a network, and at which depth.

    features = layer_features(discriminator, candidates, "layers.7")
    alike = nearest(features, layer_features(discriminator, image, "layers.7"), count=6)
    alike.indices, alike.similarity

A layer compares pictures by the mean responses of its units: what is in a picture, not where.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from xai.errors import ExplanationError
from xai.networks.batches import at_once
from xai.networks.hooks import capture, private_copy

BATCH = 64  # pictures at once, fewer of large ones


@dataclass(frozen=True, eq=False)
class Alike:
    """The most similar candidates, best first: their indices (K,), and the similarity (K,) in [-1, 1]."""

    indices: list[int]
    similarity: list[float]


@torch.no_grad()
def layer_features(network: nn.Module, images: Tensor, layer: str) -> Tensor:
    """Mean response (N, C) of every unit of a layer over the picture (N, 3, H, W): what, not where."""
    private = private_copy(network)
    responses = []
    for batch in torch.split(images, at_once(BATCH, images.shape[2:])):
        with capture(private, [layer]) as maps:
            private(batch)
        responses.append(maps[layer].mean((2, 3)))
    return torch.cat(responses)


def copies(candidates: Tensor, image: Tensor) -> list[int]:
    """Those of the candidates (N, 3, H, W) in [-1, 1] that are the picture (1, 3, H, W) itself, to a grey level."""
    off = (candidates - image).abs().flatten(1).mean(1)
    return (off < 1 / 127.5).nonzero().flatten().tolist()


def nearest(features: Tensor, query: Tensor, count: int, without: Sequence[int] = ()) -> Alike:
    """The ``count`` rows of ``features`` (N, C) most like ``query`` (1, C), ``without`` some.

    Cosine similarity of the units' deviations from their mean over the N candidates, each unit in units of
    its own spread, so that a unit that is always strong does not rule.

    Raises
    ------
    ExplanationError
        If there are fewer than two candidates.
    """
    if len(features) < 2:
        raise ExplanationError("At least two pictures are needed to compare with.")
    mean, spread = features.mean(0), features.std(0).clamp_min(1e-6)
    standard = nn.functional.normalize((features - mean) / spread)
    cosine = standard @ nn.functional.normalize((query - mean) / spread)[0]
    cosine[list(without)] = -torch.inf
    best = cosine.topk(min(count, len(features) - len(set(without))))
    return Alike(best.indices.tolist(), best.values.tolist())
