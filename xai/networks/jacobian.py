"""Exact derivatives of a generator's picture with respect to the latent.

    jacobian(generator, z)                             # dG/dz at z: (latent, 3, H, W)
    for part in derivatives_along(generator, z, v):    # the same along v (N, latent, 1, 1) only, a part at a time
        ...

Forward mode, for a picture has more values than a latent: through the generator's chain where it is one, else by
``torch.func.jvp``.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator, Sequence

import torch
from torch import Tensor

from gan.networks.dcgan import Generator
from xai.networks.batches import at_once
from xai.networks.chain import Chain, Trace
from xai.networks.fast_generator import chain_of, size_of
from xai.networks.hooks import private_copy

AT_ONCE = 128  # tangents pushed forward together, fewer for large pictures
_FORWARD_MODE = threading.Lock()  # torch keeps the level of forward-mode differentiation in globals


def jacobian(generator: Generator, z: Tensor) -> Tensor:
    """Exact dG/dz (latent, 3, H, W) at ``z`` (1, latent, 1, 1)."""
    return torch.cat(list(derivatives_along(generator, z, unit_vectors(z))))


def derivatives_along(generator: Generator, z: Tensor, directions: Tensor) -> Iterator[Tensor]:
    """Derivatives (K, 3, H, W) of the picture of ``z`` along ``directions`` (N, latent, 1, 1), in order, in parts."""
    size, chain = size_of(generator, z), chain_of(generator)
    if chain is None:
        yield from _of_any(generator, z, in_parts(directions, size))
        return
    trace = chain.trace(z)
    for part in in_parts(directions, size):
        yield derivative(chain, trace, 0, part)


def derivative(chain: Chain, trace: Trace, start: int, tangents: Tensor) -> Tensor:
    """The change of the chain's output for tangents at the input of step ``start``, to first order."""
    *_, change = chain.push(trace, start, tangents)
    return change


def unit_vectors(z: Tensor) -> Tensor:
    """One unit along each latent dimension (latent, latent, 1, 1), of the type of ``z`` (N, latent, 1, 1)."""
    return torch.eye(z.shape[1], dtype=z.dtype, device=z.device)[:, :, None, None]


def in_parts(directions: Tensor, size: Sequence[int]) -> tuple[Tensor, ...]:
    """Rows that are pushed forward together, for pictures of ``size`` (height, width)."""
    return torch.split(directions, at_once(AT_ONCE, size))


def _of_any(generator: Generator, z: Tensor, parts: Iterable[Tensor]) -> Iterator[Tensor]:
    private = private_copy(generator)

    def along(direction: Tensor) -> Tensor:
        change: Tensor = torch.func.jvp(lambda point: private(point[None])[0], (z[0],), (direction,))[1]
        return change

    for part in parts:  # torch.func.jacfwd takes all dimensions at once, whatever the picture's size
        with _FORWARD_MODE:
            changes = torch.func.vmap(along)(part).detach()
        yield changes
