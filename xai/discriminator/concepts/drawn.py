"""Posters drawn twice, with a concept and without it, everything else equal.

    pairs = drawn_pairs("red", 64, (64, 64))
    pairs.on, pairs.off                       # (64, 3, 64, 64): a poster with a red patch, with one of another hue
    pairs.region                              # bool (64, 64, 64): where the two differ

The ground is a drawn poster (:mod:`gan.data.synthetic`). A patch of a colour is compared with one of another hue that
is as light and as saturated; lines of a direction with lines of another one. The title's letters and the face are
drawn or left out. A place has no such pair: there noise that looks the same everywhere is compared with itself, inside
and outside of the place.
"""

from __future__ import annotations

import colorsys
import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from numpy.random import Generator as Random
from numpy.typing import NDArray
from torch import Tensor

from gan.data.images import from_uint8
from gan.data.synthetic import SMALLEST, draw_poster
from xai.discriminator.concepts.masks import CONCEPTS, Concept, masks
from xai.errors import ExplanationError
from xai.render import LUMINANCE_WEIGHTS

Floats = NDArray[np.float64]
PART = {"title text": "lettering", "face": "face"}  # of a drawn poster
PATCH = (0.25, 0.45)  # radii of a patch, as fractions of the sides
DETAIL = 0.15  # of the ground's relief that a patch keeps
APART = 25.0  # degrees between a hue and one that is another
STROKE = 5  # pixels of a picture of 64 from one line to the next, and up to twice as many
LIT = (0.3, 0.9)  # luminance of what is neither dark nor black


@dataclass(frozen=True, eq=False)
class DrawnPairs:
    """N pictures with a concept (``on``) and without (``off``), (N, 3, H, W) in [-1, 1].

    region, outside : bool (N, H, W), where the response to ``on`` and to ``off`` is taken: the same, except for places,
        where the pictures are the same.
    """

    on: Tensor
    off: Tensor
    region: Tensor
    outside: Tensor


def drawn_pairs(name: str, count: int, size: tuple[int, int], seed: int = 0) -> DrawnPairs:
    """``count`` pairs of pictures of ``size`` (height, width) for a concept; the same for the same seed.

    Raises
    ------
    ExplanationError
        If there is no such concept.
    """
    if name not in CONCEPTS:
        raise ExplanationError(f"There is no concept {name!r}; there are {', '.join(CONCEPTS)}.")
    concept = CONCEPTS[name]
    random = np.random.default_rng([seed, *name.encode()])
    if concept.is_place:
        noise = torch.stack([_noise(size, random) for _ in range(count)])
        (inside,) = masks(noise, [name]).unbind(1)
        return DrawnPairs(noise, noise, inside, ~inside)
    drawn = [_pair(concept, seed + index, size, random) for index in range(count)]
    on, off = (torch.stack(pictures) for pictures in zip(*drawn, strict=True))
    region = (on != off).any(1)
    return DrawnPairs(on, off, region, region)


def _pair(concept: Concept, seed: int, size: tuple[int, int], random: Random) -> tuple[Tensor, Tensor]:
    if concept.name in PART:
        return _ground(seed, size), _ground(seed, size, (PART[concept.name],))
    ground = (_ground(seed, size).permute(1, 2, 0).double().numpy() + 1) / 2
    draw: dict[str, Callable[[Concept, Floats, Random], tuple[Floats, Floats]]] = {
        "light": _light, "colour": _colour, "edge": _edges, "frame": _frame,
    }  # fmt: skip
    on, off = (_tensor(picture) for picture in draw[concept.kind](concept, ground, random))
    return on, off


def _ground(seed: int, size: tuple[int, int], without: tuple[str, ...] = ()) -> Tensor:
    """A drawn poster (3, H, W), shrunk to ``size`` where nothing can be drawn that small."""
    factor = math.ceil(SMALLEST / min(size))
    height, width = (factor * side for side in size)
    picture = draw_poster(seed, width, height, without).image
    return from_uint8(np.asarray(picture.reduce(factor))[None])[0]


def _light(concept: Concept, ground: Floats, random: Random) -> tuple[Floats, Floats]:
    dark = concept.name == "dark"
    colour = random.uniform(0, 360), random.uniform(0, 0.4)
    on = random.uniform(0.02, 0.14) if dark else random.uniform(0.82, 0.97)
    off = random.uniform(*LIT) if dark else random.uniform(0.08, 0.65)
    patch = _patch(ground, random)
    return _painted(ground, patch, _rgb(*colour, on)), _painted(ground, patch, _rgb(*colour, off))


def _colour(concept: Concept, ground: Floats, random: Random) -> tuple[Floats, Floats]:
    """A patch of the colour, and one as light: of no colour for "saturated", else as saturated and of another hue."""
    luminance, patch = random.uniform(0.25, 0.55), _patch(ground, random)
    if concept.name == "saturated":
        hue = random.uniform(0, 360)
        on, off = _rgb(hue, 1.0, luminance), _rgb(hue, 0.0, luminance)
    else:
        skin = concept.name == "skin tone"
        hue, other = _hues(concept, random)
        saturation = random.uniform(0.4, 0.6) if skin else random.uniform(0.7, 1.0)
        luminance = random.uniform(0.4, 0.8) if skin else luminance
        on, off = _rgb(hue, saturation, luminance), _rgb(other, saturation, luminance)
    return _painted(ground, patch, on), _painted(ground, patch, off)


def _hues(concept: Concept, random: Random) -> tuple[float, float]:
    """A hue of the concept's and one at least ``APART`` from all of them, degrees."""
    low, high = concept.value
    width = (high - low) % 360
    inside = low + random.uniform(0.15, 0.85) * width
    return inside % 360, (high + random.uniform(APART, 360 - width - APART)) % 360


def _edges(concept: Concept, ground: Floats, random: Random) -> tuple[Floats, Floats]:
    """Lines of the direction, and the same lines turned by 45, 90 or 135 degrees."""
    patch = _patch(ground, random)
    period = random.uniform(STROKE, 2 * STROKE) * max(1.0, min(ground.shape[:2]) / 64)
    phase, light = random.uniform(0, 2 * np.pi), np.sort(random.uniform(0.1, 0.9, 2))
    light = np.array([light[0], max(light[1], light[0] + 0.3)]).clip(0, 1)
    other = concept.value[0] + 45 * random.integers(1, 4)
    on, off = (_lines(ground.shape[:2], degrees, period, phase) for degrees in (concept.value[0], other))
    return tuple(np.where(patch[..., None], light[lines.astype(int)][..., None], ground) for lines in (on, off))  # type: ignore[return-value]


def _lines(shape: tuple[int, ...], degrees: float, period: float, phase: float) -> NDArray[np.bool_]:
    rows, columns = np.mgrid[: shape[0], : shape[1]]
    angle = np.deg2rad(degrees)
    across = columns * np.sin(angle) + rows * np.cos(angle)  # rows count downwards
    return np.asarray(np.sin(2 * np.pi * across / period + phase) > 0)


def _frame(concept: Concept, ground: Floats, random: Random) -> tuple[Floats, Floats]:
    thick = max(1, round(random.uniform(0.04, 0.1) * min(ground.shape[:2])))
    framed = np.broadcast_to(random.uniform(0, 1, 3), ground.shape).copy()
    framed[thick:-thick, thick:-thick] = ground[thick:-thick, thick:-thick]
    return framed, ground


def _patch(ground: Floats, random: Random) -> NDArray[np.bool_]:
    """An ellipse anywhere."""
    height, width = ground.shape[:2]
    rows, columns = np.mgrid[:height, :width]
    down, across = (random.uniform(*PATCH) * side for side in (height, width))
    y, x = random.uniform(0.2, 0.8) * height, random.uniform(0.2, 0.8) * width
    return np.asarray(((rows - y) / down) ** 2 + ((columns - x) / across) ** 2 <= 1)


def _painted(ground: Floats, patch: NDArray[np.bool_], colour: Floats) -> Floats:
    """The patch in one colour, with a little of the ground's relief."""
    relief = ground @ LUMINANCE_WEIGHTS
    relief = DETAIL * (relief - relief[patch].mean())
    return np.where(patch[..., None], (colour + relief[..., None]).clip(0, 1), ground)


def _rgb(hue: float, saturation: float, luminance: float) -> Floats:
    """The colour (3,) of this luminance: the pure hue, darkened or mixed with white, then mixed with grey."""
    pure = np.array(colorsys.hsv_to_rgb(hue / 360, 1, 1))
    own = float(pure @ LUMINANCE_WEIGHTS)
    full = pure * luminance / own if luminance <= own else pure + (1 - pure) * (luminance - own) / (1 - own)
    return np.asarray(luminance + saturation * (full - luminance))


def _noise(size: tuple[int, int], random: Random) -> Tensor:
    """Coloured noise (3, H, W) that looks the same everywhere, with the spectrum of photographs (1 / frequency)."""
    height, width = size
    frequency = np.hypot(np.fft.fftfreq(height)[:, None], np.fft.rfftfreq(width)[None])
    frequency[0, 0] = 1 / max(size)
    spectrum = np.fft.rfft2(random.normal(size=(3, height, width))) / frequency
    noise = np.fft.irfft2(spectrum, size)
    noise = noise.mean(0) + 0.5 * (noise - noise.mean(0))  # photographs are mostly light and shade
    noise = 0.5 + 0.22 * (noise - noise.mean()) / noise.std()
    return _tensor(noise.clip(0, 1).transpose(1, 2, 0))


def _tensor(picture: Floats) -> Tensor:
    return torch.from_numpy(picture.transpose(2, 0, 1)).float() * 2 - 1
