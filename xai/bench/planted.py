"""Pictures in which it is known what moved the score.

    found = find("patch", score, patches(hosts, donors), count=48, least=0.5)
    case = found.cases[0]                            # a poster, a mask, and how far the masked thing moved the score

A thing is put into a picture, or a part of a drawn poster is taken out, and the score is computed with and without it.
Where it matters there is a case: a map of the picture should point at the thing (:mod:`xai.bench.localisation`).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from gan.data.images import Size, from_uint8, height_width
from gan.data.synthetic import PARTS, SyntheticPoster, draw_poster
from xai.errors import ExplanationError
from xai.networks.score import Score

KINDS = ("patch", "noise", "synthetic")

# Sizes in shares of the poster's shorter side, or the one that a strip crosses; at 64 pixels 16, 20, 24 and 6, 8, 12.
PATCH_SIDES = (16 / 64, 20 / 64, 24 / 64)
STRIP_WIDTHS = (6 / 64, 8 / 64, 12 / 64)
REMOVABLE = tuple(part for part in PARTS if part != "background")  # behind the background there is nothing to show

AT_ONCE = 16  # trials whose scores are computed together
MOST_TRIALS = 4000  # for one case
RIVAL = 0.5  # where two parts matter alike, a map that shows the other one is not wrong

Mask = NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Trial:
    """A picture that may become a case.

    image : (1, 3, H, W). without : (P, 3, H, W), the same without one thing each.
    masks : (P, H, W), where these things are. labels : P names.
    """

    image: Tensor
    without: Tensor
    masks: Mask
    labels: tuple[str, ...]


@dataclass(frozen=True, eq=False)
class Case:
    """A picture with and ``without`` a thing (1, 3, H, W), which at ``mask`` (H, W) moved the score by ``delta``."""

    kind: str
    label: str
    image: Tensor
    without: Tensor
    mask: Mask
    delta: float


@dataclass(frozen=True, eq=False)
class Found:
    """The cases of one kind, and how many trials it took to find them."""

    cases: tuple[Case, ...]
    tried: int


Draw = Callable[[int, np.random.Generator], Trial]


def find(kind: str, score: Score, draw: Draw, count: int, least: float, seed: int = 0) -> Found:
    """``count`` cases whose thing moves the score by at least ``least``; others are drawn again.

    Of a trial with several things the one that moves the score most is the truth, if no other moves it half as
    much; what moves the score by NaN is never kept. Case ``index`` has a random
    stream of its own, so it is the same whatever ``count`` is; its number also decides its size, so that large
    things, which move the score more easily, do not crowd out the small ones.

    Raises
    ------
    ExplanationError
        If 4,000 trials do not give a case.
    """
    cases, tried = [], 0
    for index in range(count):
        random = np.random.default_rng([seed, KINDS.index(kind), index])
        case, trials = _search(kind, score, lambda: draw(index, random), least)  # noqa: B023  # called at once
        cases.append(case)
        tried += trials
    return Found(tuple(cases), tried)


def _search(kind: str, score: Score, draw: Callable[[], Trial], least: float) -> tuple[Case, int]:
    """The first trial that moves the score enough, and which one it was, counted from 1."""
    for start in range(0, MOST_TRIALS, AT_ONCE):
        trials = [draw() for _ in range(AT_ONCE)]
        present = score(torch.cat([trial.image for trial in trials])).tolist()
        absent = torch.split(score(torch.cat([t.without for t in trials])), [len(t.without) for t in trials])
        for number, (trial, one, others) in enumerate(zip(trials, present, absent, strict=True), start + 1):
            deltas = (one - others).tolist()
            place, *rivals = sorted(range(len(deltas)), key=lambda thing: -abs(deltas[thing]))
            least_here = max([least, *(abs(deltas[rival]) / RIVAL for rival in rivals)])
            if abs(deltas[place]) >= least_here:
                without = trial.without[place : place + 1]
                return Case(kind, trial.labels[place], trial.image, without, trial.masks[place], deltas[place]), number
    raise ExplanationError(f"None of {MOST_TRIALS} trials ({kind}) moves the score by {least:.3g}; ask for less.")


def patches(hosts: Tensor, donors: Tensor) -> Draw:
    """A square piece of a donor (D, 3, H, W), at the place that it has there, in a host (N, 3, H, W)."""

    def draw(index: int, random: np.random.Generator) -> Trial:
        host = _one(hosts, random)
        height, width = host.shape[-2:]
        side = round(PATCH_SIDES[index % len(PATCH_SIDES)] * min(height, width))
        top, left = random.integers(0, (height - side + 1, width - side + 1))
        mask = np.zeros((height, width), bool)
        mask[top : top + side, left : left + side] = True
        return _planted(host, _one(donors, random), mask, f"patch of {side} x {side}")

    return draw


def strips(hosts: Tensor) -> Draw:
    """A strip of uniform noise across a host (N, 3, H, W), horizontal and vertical in turn."""

    def draw(index: int, random: np.random.Generator) -> Trial:
        host = _one(hosts, random)
        upright = index % 2
        length = host.shape[-1 if upright else -2]
        wide = round(STRIP_WIDTHS[index // 2 % len(STRIP_WIDTHS)] * length)
        first = random.integers(length - wide + 1)
        mask = np.zeros(host.shape[-2:], bool)
        (mask.T if upright else mask)[first : first + wide] = True
        noise = torch.from_numpy(random.uniform(-1, 1, host.shape)).float()
        return _planted(host, noise, mask, f"{'vertical' if upright else 'horizontal'} strip of {wide}")

    return draw


def parts(size: Size) -> Draw:
    """Drawn posters, and the same with the figure, the title or the credits painted over by the background.

    ``size`` is the side of a square, or (height, width).
    """
    height, width = height_width(size)

    def draw(index: int, random: np.random.Generator) -> Trial:
        poster = draw_poster(int(random.integers(2**31)), width, height)
        pixels = np.stack([np.asarray(poster.image), *(painted_over(poster, part) for part in REMOVABLE)])
        images = from_uint8(pixels).contiguous()
        return Trial(images[:1], images[1:], np.stack([poster.masks[part] for part in REMOVABLE]), REMOVABLE)

    return draw


def painted_over(poster: SyntheticPoster, part: str) -> NDArray[np.uint8]:
    """Pixels (H, W, 3) of the poster with the part hidden behind the background.

    A drawn background has one colour along a row, so it is known behind the part too; rows that show none of it
    (a title's band) lie between the rows next to them.
    """
    pixels, background = np.array(poster.image), poster.masks["background"]
    rows = np.arange(len(pixels))
    seen = np.flatnonzero(background.any(1))
    known = pixels[seen, background[seen].argmax(1)]
    colours = np.stack([np.interp(rows, seen, channel) for channel in known.T], 1).round()
    mask = poster.masks[part]
    pixels[mask] = colours[np.nonzero(mask)[0]]
    return pixels


def _one(images: Tensor, random: np.random.Generator) -> Tensor:
    row = int(random.integers(len(images)))
    return images[row : row + 1]


def _planted(host: Tensor, thing: Tensor, mask: Mask, label: str) -> Trial:
    return Trial(torch.where(torch.from_numpy(mask), thing, host), host, mask[None], (label,))
