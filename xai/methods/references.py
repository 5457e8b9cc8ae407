"""References: the pictures that a difference-from-reference method compares with.

"Why is this logit 3.1?" means little; "why 3.1 more than for a grey picture?" can be answered. Another
reference gives another answer, so the choice is made in the open.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor
from torchvision.transforms.functional import gaussian_blur

from gan.data.posters import PosterSet
from gan.networks.dcgan import Generator, latents
from xai.errors import ExplanationError
from xai.networks.batches import at_once
from xai.networks.hooks import private_copy

REFERENCES = {
    "grey": "a plain grey picture",
    "black": "a black picture",
    "white": "a white picture",
    "blur": "the poster itself, strongly blurred",
    "mean": "the average poster",
    "posters": "several real posters",
    "generated": "several generated posters",
    "own": "pictures of your own",
}


@dataclass(frozen=True, eq=False)
class Reference:
    """K >= 1 pictures to compare with; ``make`` gives them for the explained picture."""

    name: str
    make: Callable[[Tensor], Tensor] = field(repr=False)

    def of(self, image: Tensor) -> Tensor:
        """References (K, 3, H, W) for the picture (1, 3, H, W).

        Raises
        ------
        ExplanationError
            If the references are of another size than the picture.
        """
        images = self.make(image)
        if images.shape[1:] != image.shape[1:]:
            raise ExplanationError(
                f"The reference {self.name} has the shape {tuple(images.shape[1:])}, the picture "
                f"{tuple(image.shape[1:])}."
            )
        return images

    def single(self, image: Tensor) -> Tensor:
        """One picture (1, 3, H, W), the average, for methods that take a single reference."""
        return self.of(image).mean(0, keepdim=True)


def reference(
    kind: str = "grey",
    *,
    images: Tensor | None = None,
    posters: PosterSet | None = None,
    generator: Generator | None = None,
    count: int = 16,
    seed: int = 0,
) -> Reference:
    """One of REFERENCES.

    ``posters`` and ``mean`` need ``posters``, or ``images`` (K, 3, H, W) of one's own; ``generated`` needs
    a generator. ``count`` pictures are chosen by ``seed``.

    Raises
    ------
    ExplanationError
        If the kind is unknown or lacks what it needs, or the generator waits for genres.
    """
    if count < 1 or (posters is not None and not len(posters)):
        raise ExplanationError("A reference needs at least one picture.")
    plain = {"grey": 0.0, "black": -1.0, "white": 1.0}
    if kind in plain:
        return Reference(kind, lambda image: torch.full_like(image[:1], plain[kind]))
    if kind == "blur":
        return Reference(kind, _blurred)
    if kind == "mean" and (posters is not None or images is not None):
        mean = _mean(posters) if images is None and posters is not None else _stack(images)
        return Reference(kind, lambda image: mean.mean(0, keepdim=True))
    if kind in ("posters", "own") and images is not None:
        chosen = _stack(images)
        return Reference(kind, lambda image: chosen)
    if kind == "posters" and posters is not None:
        picked = np.random.default_rng(seed).permutation(len(posters))[:count]
        chosen = posters.tensor(np.sort(picked))
        return Reference(kind, lambda image: chosen)
    if kind == "generated" and generator is not None:
        seeds = range(seed * 10_000 + 500_000, seed * 10_000 + 500_000 + count)
        with torch.no_grad():
            private, rows = private_copy(generator), at_once(64, generator.config.size)
            chosen = torch.cat([private(part) for part in torch.split(latents(seeds, generator.config), rows)])
        return Reference(kind, lambda image: chosen)
    if kind in REFERENCES:
        raise ExplanationError(f"The reference {kind!r} ({REFERENCES[kind]}) needs pictures to choose from.")
    raise ExplanationError(f"There is no reference {kind!r}; there are {', '.join(REFERENCES)}.")


def _blurred(image: Tensor) -> Tensor:
    size = min(image.shape[-2:]) // 4 * 2 + 1  # odd, half the shorter side
    spread = [size / 4, size / 4]
    blurred: Tensor = gaussian_blur(gaussian_blur(image[:1], [size, 1], spread), [1, size], spread)  # across, then down
    return blurred


def _mean(posters: PosterSet) -> Tensor:
    chosen: Sequence[int] = range(0, len(posters), max(1, len(posters) // 1000))
    mean = torch.zeros(())
    for part in torch.split(torch.tensor(chosen), at_once(2000, posters.images.shape[1:3])):
        mean = mean + posters.tensor(part).mean(0, keepdim=True) * (len(part) / len(chosen))
    return mean


def _stack(images: Tensor | None) -> Tensor:
    if images is None or images.ndim != 4 or len(images) < 1:
        raise ExplanationError("References are pictures of the shape (K, 3, H, W) with K at least 1.")
    return images.detach()
