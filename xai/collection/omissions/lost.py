"""What of one poster a generator cannot draw: where the loss of its inversion lies, and on what.

    inversion = invert(generator, poster, score, encoder)
    found = losses(poster, inversion.picture, detected)     # detected: {"title text": bool (1, H, W), ...}, or None
    found.text                                              # "Lost most: faces (4.1 times as much as elsewhere) ..."
    found.concepts[0].box                                   # where most of it is: left, top, right, bottom

A concept is lost where more of the squared residual lies inside its mask than its area would have. The residual is
never even, and a mask may happen to lie on it. So the residual is cut into 8 x 8 pieces, from another corner each time,
and these are shuffled: how often does the mask have as much of it then? What is larger than a piece, such as a figure
of which all is lost, is taken apart by that: where it is lost, several concepts of it are named.
Faces and letters come before the colours and edges that they are made of.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from gan.errors import counted
from xai.discriminator.concepts.masks import CONCEPTS, arithmetic, masks
from xai.errors import ExplanationError

LEAST_AREA, MOST_AREA = 0.005, 0.7  # of the picture: masks smaller or larger say nothing
ROUNDING = 1e-12
LEVEL = 0.05  # of all concepts together
WORTH = 1.2  # ratio from which a concept is worth a word
DETECTED, SCATTERED = "detected", ("edge", "place")
DETAIL = (0.001, 0.04)  # of the picture: what is smaller may be a pixel, what is larger is no detail
STRONG = 4.0  # times the mean squared residual, from which a pixel belongs to a detail
PIECES = 8  # along each side, that are shuffled
SHUFFLES = 4000  # of the pieces
DETAIL_SHUFFLES = 100  # of the pixels, in which details are looked for, too
MOST_DETAILS = 6
NAMED = 3

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class LostConcept:
    """How much of the loss lies on a concept.

    area : of its mask, as a proportion of the picture. part : of the squared residual inside. p : how often as much
    would be inside by chance. named : whether that is beyond chance, for all concepts together, and worth a word. box :
    around the part of it that has lost most: left, top, right, bottom.
    """

    name: str
    area: float
    part: float
    p: float
    named: bool
    box: tuple[int, ...]

    @property
    def ratio(self) -> float:
        """Loss inside relative to what its area would have; 1 where it lies there as it does everywhere."""
        return self.part / self.area

    @property
    def excess(self) -> float:
        """Proportion of the loss that lies there beyond its area's."""
        return self.part - self.area

    @property
    def words(self) -> str:
        return CONCEPTS[self.name].words


@dataclass(frozen=True)
class Detail:
    """A small connected region of large residual: its part of the picture and of the loss, and a box around it."""

    area: float
    part: float
    box: tuple[int, ...]


@dataclass(frozen=True)
class Lost:
    """What was lost of a poster. error : root mean square of the residual, 0 to 1. concepts : the most lost first.

    details : the ones that have most, of which there are none as large where the residual is as strong but nowhere in
    particular. detected : whether faces and letters were looked for.
    """

    error: float
    concepts: tuple[LostConcept, ...]
    details: tuple[Detail, ...]
    detected: bool

    @property
    def named(self) -> tuple[LostConcept, ...]:
        """The concepts that lost more than other places."""
        return tuple(concept for concept in self.concepts if concept.named)

    @property
    def boxes(self) -> tuple[tuple[int, ...], ...]:
        """Around what is lost most: the concepts that ``text`` names, but for edges, and details."""
        surfaces = [one for one in self.named[:NAMED] if CONCEPTS[one.name].kind not in SCATTERED]
        return (*(one.box for one in surfaces), *(one.box for one in self.details))

    @property
    def text(self) -> str:
        """In words."""
        if not self.error:
            return "Nothing is lost: the poster is reproduced exactly."
        listed = [f"{one.words}, {one.ratio:.1f} times as much as elsewhere" for one in self.named[:NAMED]]
        found = [
            f"Lost most: {'; '.join(listed)}."
            if listed
            else "Nothing in particular is lost: the difference lies on no concept more than elsewhere."
        ]
        if self.details:
            part, area = (sum(getattr(one, name) for one in self.details) for name in ("part", "area"))
            details = counted(len(self.details), "small detail")
            found.append(f"{details}: {part:.0%} of the loss on {area:.1%} of the picture.")
        if not self.detected:
            found.append("Faces and letters were not looked for.")
        return " ".join(found)


def losses(poster: Tensor, picture: Tensor, detected: Mapping[str, Tensor] | None = None) -> Lost:
    """What ``picture`` lacks of ``poster``, both (1, 3, H, W) in [-1, 1].

    detected : of the poster, bool (1, H, W) by concept, from :mod:`xai.discriminator.concepts.detectors`.

    Raises
    ------
    ExplanationError
        If the two are not pictures of one size.
    """
    if poster.shape != picture.shape or len(poster) != 1:
        raise ExplanationError(
            f"A poster and its picture have one size, not {tuple(poster.shape)} and {tuple(picture.shape)}."
        )
    loss = ((poster - picture) / 2).square().mean(1)[0].double().numpy()
    error = float(loss.mean() ** 0.5)
    if not error:
        return Lost(0.0, (), (), bool(detected))
    names = [*arithmetic(), *(detected or {})]
    found = masks(poster, names, detected)[0].numpy()
    usable = {name: mask for name, mask in zip(names, found, strict=True) if LEAST_AREA <= mask.mean() <= MOST_AREA}
    loss = loss / loss.sum()
    concepts = _concepts(usable, loss)
    concepts.sort(key=lambda one: (not one.named, CONCEPTS[one.name].kind != DETECTED, -one.excess))
    return Lost(error, tuple(concepts), _details(loss), bool(detected))


def _concepts(found: Mapping[str, NDArray[np.bool_]], loss: Floats) -> list[LostConcept]:
    """Each concept by its mask (H, W)."""
    if not found:
        return []
    flat = np.stack([mask.ravel() for mask in found.values()]).astype(float)  # (C, H * W)
    area, part = flat.mean(1), flat @ loss.ravel()
    by_chance = np.stack([flat @ one.ravel() for one in _shuffled(loss)])
    p = (1 + (by_chance >= part - ROUNDING).sum(0)) / (1 + len(by_chance))
    named = (p * len(found) <= LEVEL) & (part >= WORTH * area)
    boxes = [_box(_main_part(mask, loss)) for mask in found.values()]
    rows = zip(found, area.tolist(), part.tolist(), p.tolist(), named.tolist(), boxes, strict=True)
    return [LostConcept(*row) for row in rows]


def _shuffled(loss: Floats) -> Iterator[Floats]:
    """The loss (H, W) in pieces that lie in another order each time."""
    random = np.random.default_rng(0)
    down, across = (math.gcd(PIECES, side) for side in loss.shape)
    height, width = loss.shape[0] // down, loss.shape[1] // across
    for _ in range(SHUFFLES):
        moved = np.roll(loss, (random.integers(height), random.integers(width)), (0, 1))
        pieces = moved.reshape(down, height, across, width).transpose(0, 2, 1, 3).reshape(-1, height, width)
        laid = random.permutation(pieces).reshape(down, across, height, width)
        yield laid.transpose(0, 2, 1, 3).reshape(loss.shape)


def _main_part(mask: NDArray[np.bool_], loss: Floats) -> NDArray[np.bool_]:
    """The connected part of a mask that has most of the loss; what is a pixel apart is connected."""
    from scipy import ndimage

    parts, count = ndimage.label(ndimage.binary_dilation(mask, np.ones((3, 3))))
    best = 1 + int(np.argmax(ndimage.sum_labels(loss * mask, parts, range(1, count + 1))))
    part: NDArray[np.bool_] = mask & (parts == best)
    return part


def _box(mask: NDArray[np.bool_]) -> tuple[int, ...]:
    rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    return int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1


def _details(loss: Floats) -> tuple[Detail, ...]:
    """Connected regions of strong loss that are small, and have more of it than any where the pixels are shuffled."""
    random = np.random.default_rng(0)
    shuffled = (random.permutation(loss.ravel()).reshape(loss.shape) for _ in range(DETAIL_SHUFFLES))
    by_chance = max(_regions(some)[1].max(initial=0.0) for some in shuffled)
    places, parts = _regions(loss)
    regions = [(float(parts[index]), places == index + 1) for index in np.argsort(-parts) if parts[index] > by_chance]
    found = [Detail(float(region.mean()), part, _box(region)) for part, region in regions]
    return tuple(detail for detail in found if DETAIL[0] <= detail.area <= DETAIL[1])[:MOST_DETAILS]


def _regions(loss: Floats) -> tuple[NDArray[np.int32], Floats]:
    """Connected regions of strong loss, numbered from 1 in the picture, and each one's part of the loss."""
    from scipy import ndimage

    places, count = ndimage.label(loss >= STRONG / loss.size)
    return places, np.asarray(ndimage.sum_labels(loss, places, np.arange(1, count + 1)), np.float64)
