"""The same score with shuffled weights: a network that has learned nothing, for sanity checks of maps.

    other = randomise(score, layers=2, seed=0)             # the last two linear layers have forgotten what they learned
    linear_layers(score)                                   # how many there are

Adebayo et al. 2018, "Sanity Checks for Saliency Maps".
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from xai.networks.score import PICK, Score

LINEAR = (nn.Conv2d, nn.ConvTranspose2d, nn.Linear)


def randomise(score: Score, layers: int, seed: int = 0) -> Score:
    """The score with the weights of the last ``layers`` linear layers, and their BatchNorms, shuffled.

    Each tensor keeps its values in another order, so that the scores stay of the same size: what
    the network has learned is gone, its statistics are not. More layers with the same seed shuffle
    the last ones in the same way (cascading randomisation).
    """
    network, left = score.module(), layers
    shuffled = score.cached(("shuffled", seed), lambda: _all_shuffled(network, seed))
    for module, tensors in zip(reversed(_weighted(network)), shuffled, strict=True):
        if left == 0:
            break
        for name, tensor in tensors.items():
            module._parameters[name] = nn.Parameter(tensor, requires_grad=False)
        left -= isinstance(module, LINEAR)
    return score.of_network(network)


def linear_layers(score: Score) -> int:
    """How many layers ``randomise`` can shuffle."""
    return sum(isinstance(module, LINEAR) for module in _weighted(score.module()))


def _weighted(network: nn.Module) -> list[nn.Module]:
    """Modules with weights of their own, first to last; the head that picks a unit has learned nothing."""
    return [m for name, m in network.named_modules() if name != PICK and list(m.parameters(recurse=False))]


def _all_shuffled(network: nn.Module, seed: int) -> list[dict[str, Tensor]]:
    """Each module's weights in another order, by name, the last module first: the same for all methods and depths."""
    random = torch.Generator().manual_seed(seed)
    return [
        {name: _shuffled(weight.detach(), random) for name, weight in module.named_parameters(recurse=False)}
        for module in reversed(_weighted(network))
    ]


def _shuffled(weight: Tensor, random: torch.Generator) -> Tensor:
    return weight.flatten()[torch.randperm(weight.numel(), generator=random)].reshape(weight.shape)
