"""A network with random weights and the same layers: what anything measured of the trained one is compared with.

random = random_weights(score, batches, seed=0)         # a Score
"""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor, nn

from xai.networks.score import Score


@torch.no_grad()
def random_weights(score: Score, batches: Iterable[Tensor], seed: int) -> Score:
    """The score with normal weights of the same size, no biases, and BatchNorms that saw pictures (n, 3, H, W)."""
    network, random = score.module(), torch.Generator().manual_seed(seed)
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.reset_parameters()
            module.reset_running_stats()
            module.momentum = None  # the running statistics are means over all batches
            module.train()
        elif isinstance(module, nn.Conv2d | nn.Linear):
            spread = module.weight.std(correction=0).clamp_min(1e-3)
            module.weight = nn.Parameter(torch.randn(module.weight.shape, generator=random) * spread)
            if module.bias is not None:
                module.bias = nn.Parameter(torch.zeros_like(module.bias))
    if any(isinstance(module, nn.BatchNorm2d) for module in network.modules()):
        for images in batches:
            network(images)
    return score.of_network(network.eval())
