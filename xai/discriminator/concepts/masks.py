"""Concepts that a filter may stand for, and where each of them is in a picture.

    found = masks(posters, ["dark", "red"])            # bool (N, 2, H, W), from posters (N, 3, H, W)
    CONCEPTS["red"].words                              # "red surfaces"
    arithmetic()                                       # names of those that pixels and places decide

Text and faces are found by detectors (:mod:`xai.discriminator.concepts.detectors`); everything else by arithmetic here.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from typing import Literal

import torch
from torch import Tensor
from torch.nn import functional

from xai.errors import ExplanationError
from xai.render import LUMINANCE_WEIGHTS

Kind = Literal["light", "colour", "edge", "frame", "place", "detected"]

DARK, BRIGHT, SATURATED = 0.2, 0.75, 0.5  # luminance; luminance; chroma
COLOURED = 0.2  # chroma from which a pixel has a hue
EDGE = 0.12  # difference of luminance over one pixel from which there is an edge
BORDER = 1 / 8  # of each side
FLAT = 0.04  # standard deviation within a row or column of a plain frame, and difference between two of them
MOST_FRAME = 0.25  # of a side: what is plain further in is a background, not a frame

HUES = {  # degrees, from and to
    "red": (345, 15),
    "orange": (15, 45),
    "yellow": (45, 70),
    "green": (70, 160),
    "cyan": (160, 200),
    "blue": (200, 255),
    "purple": (255, 295),
    "pink": (295, 345),
}
DIRECTIONS = {"horizontal edges": 0, "rising edges": 45, "vertical edges": 90, "falling edges": 135}  # degrees


class Pixels:
    """What the masks ask of pictures (N, 3, H, W) in [-1, 1], each computed once."""

    def __init__(self, images: Tensor) -> None:
        self.colours = ((images + 1) / 2).clamp(0, 1)

    @cached_property
    def luminance(self) -> Tensor:
        """(N, H, W), 0 black to 1 white."""
        return torch.einsum("nchw,c->nhw", self.colours, self.colours.new_tensor(LUMINANCE_WEIGHTS))

    @cached_property
    def chroma(self) -> Tensor:
        """(N, H, W), largest minus smallest colour: 0 for greys."""
        return self.colours.amax(1) - self.colours.amin(1)

    @cached_property
    def hue(self) -> Tensor:
        """(N, H, W), degrees from 0 to 360; of no meaning where the chroma is 0."""
        red, green, blue = self.colours.unbind(1)
        largest, chroma = self.colours.amax(1), self.chroma.clamp_min(1e-6)
        sector = torch.where(
            largest == red,
            (green - blue) / chroma,
            torch.where(largest == green, (blue - red) / chroma + 2, (red - green) / chroma + 4),
        )
        return (60 * sector) % 360

    @cached_property
    def gradient(self) -> tuple[Tensor, Tensor]:
        """Luminance's change per pixel, across and down, each (N, H, W) (Sobel's operator; the rim is repeated)."""
        across = self.luminance.new_tensor([[-1, 0, 1], [-2, 0, 2], [-1, 0, 1]]) / 8
        kernels = torch.stack([across, across.T])[:, None]
        padded = functional.pad(self.luminance[:, None], (1, 1, 1, 1), mode="replicate")
        x, y = functional.conv2d(padded, kernels).unbind(1)
        return x, y


@dataclass(frozen=True)
class Concept:
    """What a filter may stand for.

    words : what people read. kind : how it is found and drawn.
    mask : from pictures to bool (N, H, W); None where a detector finds it.
    value : of a colour its hues (degrees), of edges their direction, of a place its rows as fractions of the height.
    """

    name: str
    words: str
    kind: Kind
    mask: Callable[[Pixels], Tensor] | None = None
    value: tuple[float, ...] = ()

    @property
    def is_place(self) -> bool:
        """Whether its mask is the same in every poster."""
        return self.kind == "place"


def _hue(pixels: Pixels, low: float, high: float) -> Tensor:
    inside = (pixels.hue - low) % 360 < (high - low) % 360
    return inside & (pixels.chroma >= COLOURED)


def _skin(pixels: Pixels) -> Tensor:
    """The region of skin in YCbCr (Chai and Ngan 1999), where it is not too dark to have a colour."""
    red, green, blue = (255 * pixels.colours).unbind(1)
    cb = 128 - 0.168736 * red - 0.331264 * green + 0.5 * blue
    cr = 128 + 0.5 * red - 0.418688 * green - 0.081312 * blue
    return (cb >= 77) & (cb <= 127) & (cr >= 133) & (cr <= 173) & (pixels.luminance > 0.25)


def _edges(pixels: Pixels, degrees: float) -> Tensor:
    """Edges whose line runs at ``degrees``, 22.5 to either side; 0 horizontal, 45 rising to the right."""
    x, y = pixels.gradient
    line = torch.rad2deg(torch.atan2(-y, x)) + 90  # a line is perpendicular to the gradient; rows count downwards
    off = (line - degrees + 90) % 180 - 90
    return (torch.hypot(x, y) >= EDGE) & (off >= -22.5) & (off < 22.5)


def _frame(pixels: Pixels) -> Tensor:
    """The plain margin: rows and columns from an edge inwards that have one colour, that of the outermost."""
    upright = pixels.colours
    turned = upright.transpose(2, 3)
    rows = _margin(upright) | _margin(upright.flip(2)).flip(1)
    columns = _margin(turned) | _margin(turned.flip(2)).flip(1)
    return rows[:, :, None] | columns[:, None, :]


def _margin(colours: Tensor) -> Tensor:
    """bool (N, H): the rows from the top that belong to a plain margin; none where it never ends."""
    rows = colours.mean(3)
    plain = colours.std(3, correction=0).amax(1) < FLAT
    same = (rows - rows[:, :, :1]).abs().amax(1) < FLAT
    margin = (plain & same).long().cumprod(1).bool()
    return margin & (margin.float().mean(1, keepdim=True) <= MOST_FRAME)


def _band(pixels: Pixels, low: float, high: float) -> Tensor:
    """Rows between two fractions of the height; a row counts where its middle does."""
    count, height, width = pixels.luminance.shape
    middle = (torch.arange(height) + 0.5) / height
    inside = (middle >= low) & (middle < high)
    return inside[None, :, None].expand(count, height, width)


def _border(pixels: Pixels) -> Tensor:
    height, width = pixels.luminance.shape[1:]
    down, across = (math.ceil(BORDER * side) for side in (height, width))
    mask = torch.ones_like(pixels.luminance, dtype=torch.bool)
    mask[:, down : height - down, across : width - across] = False
    return mask


def _registry() -> dict[str, Concept]:
    listed = [
        Concept("dark", "dark surfaces", "light", lambda pixels: pixels.luminance <= DARK, (0.0, DARK)),
        Concept("bright", "bright surfaces", "light", lambda pixels: pixels.luminance >= BRIGHT, (BRIGHT, 1.0)),
        Concept("saturated", "saturated colours", "colour", lambda pixels: pixels.chroma >= SATURATED, (0.0, 360.0)),
        Concept("skin tone", "the colour of skin", "colour", _skin, (18.0, 32.0)),
    ]
    listed += [
        Concept(name, f"{name} surfaces", "colour", partial(_hue, low=low, high=high), (low, high))
        for name, (low, high) in HUES.items()
    ]
    listed += [
        Concept(name, name, "edge", partial(_edges, degrees=degrees), (degrees,))
        for name, degrees in DIRECTIONS.items()
    ]
    listed += [
        Concept("frame", "a plain frame around the picture", "frame", _frame),
        Concept("border", "the outermost eighth of each side", "place", _border),
    ]
    listed += [
        Concept(f"{name} band", f"the {name} third", "place", partial(_band, low=low, high=high), (low, high))
        for name, low, high in (("top", 0.0, 1 / 3), ("middle", 1 / 3, 2 / 3), ("bottom", 2 / 3, 1.0))
    ]
    listed += [
        Concept("title text", "text of the title's size", "detected"),
        Concept("face", "faces", "detected"),
    ]
    return {concept.name: concept for concept in listed}


CONCEPTS = _registry()


def arithmetic() -> tuple[str, ...]:
    """Names of the concepts that need no detector."""
    return tuple(name for name, concept in CONCEPTS.items() if concept.mask is not None)


@torch.no_grad()
def masks(images: Tensor, names: Sequence[str], detected: Mapping[str, Tensor] | None = None) -> Tensor:
    """Where each concept is, bool (N, C, H, W), in images (N, 3, H, W) in [-1, 1].

    detected : by concept, bool (N, H, W) of those that detectors find.

    Raises
    ------
    ExplanationError
        If there is no such concept, or what a detector must find is not given.
    """
    pixels, found = Pixels(images), []
    for name in names:
        if name not in CONCEPTS:
            raise ExplanationError(f"There is no concept {name!r}; there are {', '.join(CONCEPTS)}.")
        mask = CONCEPTS[name].mask
        if mask is None and name not in (detected or {}):
            raise ExplanationError(f"{name!r} is found by a detector, whose masks must be given.")
        found.append((detected or {})[name] if mask is None else mask(pixels))
    return torch.stack(found, 1)
