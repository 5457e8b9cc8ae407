"""What is explained: a number that a network gives to each picture.

score = Score(checkpoint.discriminator)
score(images)                # (N,), D's logit: above 0 means "real"
"""

from __future__ import annotations

from collections import OrderedDict

import torch
from torch import Tensor, nn

from gan.models import Discriminator
from xai.errors import ExplanationError
from xai.hooks import private_copy


class Score:
    """Pictures (N, 3, H, W) to numbers (N,), on a private copy of the network.

    Of a Discriminator the logit is explained, not the probability: the Sigmoid saturates, and a
    confident D then has gradients and DeepLIFT shares of exactly 0. Any other module with one output
    for each picture is explained as it is.
    """

    def __init__(self, network: nn.Module) -> None:
        body: nn.Module = network
        self._side: int | None = None
        if isinstance(network, Discriminator):
            body, self._side = network.layers[:-1], network.config.resolution
        self._network = private_copy(nn.Sequential(OrderedDict(layers=body, flat=nn.Flatten())))

    @torch.no_grad()
    def __call__(self, images: Tensor) -> Tensor:
        if self._side and images.shape[1:] != (3, self._side, self._side):
            raise ExplanationError(
                f"This discriminator judges pictures of the shape (N, 3, {self._side}, {self._side}), "
                f"not {tuple(images.shape)}."
            )
        output: Tensor = self._network(images)
        if output.shape != (len(images), 1):
            raise ExplanationError(f"A score is one number for each picture, not {tuple(output.shape[1:])}.")
        return output[:, 0]

    def module(self) -> nn.Module:
        """A fresh private copy (N, 3, H, W) -> (N, 1) that a library may hook; weights are shared."""
        return private_copy(self._network)

    @torch.enable_grad()
    def gradient(self, images: Tensor) -> Tensor:
        """d score / d images, the shape of ``images``."""
        leaf = images.detach().clone().requires_grad_()
        (slope,) = torch.autograd.grad(self._network(leaf).sum(), leaf)
        return slope
