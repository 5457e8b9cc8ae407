"""References (or baselines): the pictures that a difference-from-reference method compares with.

    reference = xai.reference("posters", posters=training, count=16)
    reference.of(image)           # (16, 3, H, W)

"Why is this logit 3.1?" means little; "why 3.1 more than for a grey picture?" can be answered. Another
reference gives another answer, so the choice is explicit. A new kind is a function that makes it and a line in
REFERENCES.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor

from gan.data.posters import PosterSet
from gan.networks.dcgan import Generator, latents
from gan.networks.seeds import reserved
from xai.errors import ExplanationError
from xai.networks.batches import at_once
from xai.networks.hooks import private_copy


@dataclass(frozen=True, eq=False)
class Reference:
    """K >= 1 pictures to compare with; ``make`` gives them for the explained picture.

    ``other_posters`` names the posters that they were chosen from where these are not those of the training.
    """

    name: str
    make: Callable[[Tensor], Tensor] = field(repr=False)
    other_posters: str = ""

    @property
    def words(self) -> str:
        """What it is, as a phrase: "several real posters"; its name where it is none of REFERENCES."""
        return REFERENCES[self.name].words if self.name in REFERENCES else self.name

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


@dataclass(frozen=True, eq=False)
class Sources:
    """What references can be made from: ``images`` (K, 3, H, W) of one's own, posters to choose from, a generator."""

    images: Tensor | None
    posters: PosterSet | None
    generator: Generator | None
    count: int
    seed: int


Make = Callable[[Tensor], Tensor]  # the explained picture (1, 3, H, W) to its references (K, 3, H, W)


@dataclass(frozen=True)
class ReferenceKind:
    """A kind of reference, in words, and how it is made; ``build`` gives None where it lacks what it needs."""

    words: str
    build: Callable[[Sources], Make | None]


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
        If the kind is unknown or lacks what it needs, or the generator needs genres.
    """
    if count < 1 or (posters is not None and not len(posters)):
        raise ExplanationError("A reference needs at least one picture.")
    if kind not in REFERENCES:
        raise ExplanationError(f"There is no reference {kind!r}; there are {', '.join(REFERENCES)}.")
    make = REFERENCES[kind].build(Sources(images, posters, generator, count, seed))
    if make is None:
        raise ExplanationError(f"The reference {kind!r} ({REFERENCES[kind].words}) needs pictures to choose from.")
    return Reference(kind, make)


def _plain(level: float) -> Callable[[Sources], Make]:
    """Every pixel at this level, -1 (black) to 1 (white)."""
    return lambda sources: lambda image: torch.full_like(image[:1], level)


def _blurred(image: Tensor) -> Tensor:
    # Only here: it imports all of torchvision and the compiler of torch, 160 MB and more than a second.
    from torchvision.transforms.functional import gaussian_blur

    size = min(image.shape[-2:]) // 4 * 2 + 1  # odd, half the shorter side
    spread = [size / 4, size / 4]
    blurred: Tensor = gaussian_blur(gaussian_blur(image[:1], [size, 1], spread), [1, size], spread)  # across, then down
    return blurred


def _mean(sources: Sources) -> Make | None:
    if sources.images is not None:
        mean = _stack(sources.images)
    elif sources.posters is not None:
        mean = _mean_poster(sources.posters)
    else:
        return None
    return lambda image: mean.mean(0, keepdim=True)


def _mean_poster(posters: PosterSet) -> Tensor:
    """Mean (1, 3, H, W) of about 1,000 posters, spread evenly over the set."""
    chosen: Sequence[int] = range(0, len(posters), max(1, len(posters) // 1000))
    mean = torch.zeros(())
    for part in torch.split(torch.tensor(chosen), at_once(2000, posters.images.shape[1:3])):
        mean = mean + posters.tensor(part).mean(0, keepdim=True) * (len(part) / len(chosen))
    return mean


def _own(sources: Sources) -> Make | None:
    if sources.images is None:
        return None
    images = _stack(sources.images)
    return lambda image: images


def _posters(sources: Sources) -> Make | None:
    if sources.images is not None or sources.posters is None:
        return _own(sources)
    picked = np.random.default_rng(sources.seed).permutation(len(sources.posters))[: sources.count]
    chosen = sources.posters.tensor(np.sort(picked))
    return lambda image: chosen


def _generated(sources: Sources) -> Make | None:
    if sources.generator is None:
        return None
    first, config = reserved("references").start + 10_000 * sources.seed, sources.generator.config
    private, z = private_copy(sources.generator), latents(range(first, first + sources.count), config)
    with torch.no_grad():
        chosen = torch.cat([private(part) for part in torch.split(z, at_once(64, config.size))])
    return lambda image: chosen


def _stack(images: Tensor) -> Tensor:
    if images.ndim != 4 or len(images) < 1:
        raise ExplanationError(
            f"References are pictures of the shape (K, 3, H, W) with K at least 1, not {tuple(images.shape)}."
        )
    return images.detach()


REFERENCES = {
    "grey": ReferenceKind("a plain grey picture", _plain(0.0)),
    "black": ReferenceKind("a black picture", _plain(-1.0)),
    "white": ReferenceKind("a white picture", _plain(1.0)),
    "blur": ReferenceKind("the poster itself, strongly blurred", lambda sources: _blurred),
    "mean": ReferenceKind("the average poster", _mean),
    "posters": ReferenceKind("several real posters", _posters),
    "generated": ReferenceKind("several generated posters", _generated),
    "own": ReferenceKind("pictures of your own", _own),
}
