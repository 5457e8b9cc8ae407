"""Statistics of a picture, each with a name that says what it looks like.

    STATISTICS["warmth"](images)            # (N,)
    measure_statistics(images, score)                  # (N, S): all of them, D's logit last
    names(score)

Each is a plain function of pictures (N, 3, H, W) in [-1, 1]. Luminance and colours count from 0 to 1.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from xai.networks.score import Score
from xai.render import LUMINANCE_WEIGHTS

LOGIT = "logit"
TITLE_BAND = (0.68, 0.94)  # rows, as fractions of the square in the middle, in which most posters have their title
FLAT = 1e-4  # variance below which a picture counts as one colour; a grey level is 4e-3


def brightness(images: Tensor) -> Tensor:
    """Mean luminance: 0 black, 1 white."""
    return luminance(images).mean((1, 2))


def contrast(images: Tensor) -> Tensor:
    """Standard deviation of the luminance: 0 for one grey, 0.5 for half black and half white."""
    return luminance(images).std((1, 2), correction=0)


def warmth(images: Tensor) -> Tensor:
    """Mean of red minus blue: above 0 orange, below 0 blue."""
    colours = _unit(images).mean((2, 3))
    return colours[:, 0] - colours[:, 2]


def greenness(images: Tensor) -> Tensor:
    """Mean of green minus the mean of red and blue: above 0 green, below 0 magenta; with warmth, the hue."""
    colours = _unit(images).mean((2, 3))
    return colours[:, 1] - (colours[:, 0] + colours[:, 2]) / 2


def saturation(images: Tensor) -> Tensor:
    """Mean over pixels of the largest minus the smallest colour (chroma): 0 for greys, 1 for pure colours."""
    colours = _unit(images)
    return (colours.amax(1) - colours.amin(1)).mean((1, 2))


def colourfulness(images: Tensor) -> Tensor:
    """How many colours there are side by side; Hasler and Suesstrunk 2003, M3, divided by 255.

    The spread of the two opponent colours plus 0.3 times the size of their mean.
    """
    red, green, blue = _unit(images).unbind(1)
    opponents = torch.stack([red - green, (red + green) / 2 - blue], 1)
    spread = opponents.var((2, 3), correction=0).sum(1).sqrt()
    mean: Tensor = torch.linalg.vector_norm(opponents.mean((2, 3)), dim=1)
    return spread + 0.3 * mean


def symmetry(images: Tensor) -> Tensor:
    """Correlation of the luminance with its mirror image, left to right: 1 symmetrical, -1 opposite.

    A picture of one grey is symmetrical.
    """
    centred = luminance(images)
    centred = centred - centred.mean((1, 2), keepdim=True)
    variance = centred.square().mean((1, 2))
    both = (centred * centred.flip(2)).mean((1, 2))
    return torch.where(variance < FLAT, 1.0, both / variance.clamp_min(FLAT))


def top_light(images: Tensor) -> Tensor:
    """Mean luminance of the upper half minus that of the lower half: above 0 light from above."""
    rows = luminance(images).mean(2)
    half = rows.shape[1] // 2
    return rows[:, :half].mean(1) - rows[:, half:].mean(1)


def title_edges(images: Tensor) -> Tensor:
    """Edge density in the title band: mean difference of neighbouring pixels' luminance, across and down.

    The band is that of :func:`title_band`.
    """
    height, width = images.shape[2:]
    band = luminance(images)[:, title_band(height, width)]
    return band.diff(dim=2).abs().mean((1, 2)) + band.diff(dim=1).abs().mean((1, 2))


def title_band(height: int, width: int) -> slice:
    """Rows of the title, at least two: ``TITLE_BAND`` of the square that is cut out of a poster's middle.

    A poster of 2:3 shows more above and below, so the same rows of the poster are other fractions of the height.
    """
    side = min(height, width)
    above = (height - side) // 2
    first = above + min(int(TITLE_BAND[0] * side), side - 2)
    return slice(first, max(above + round(TITLE_BAND[1] * side), first + 2))


STATISTICS: dict[str, Callable[[Tensor], Tensor]] = {
    function.__name__: function
    for function in (
        brightness, contrast, warmth, greenness, saturation, colourfulness, symmetry, top_light, title_edges
    )
}  # fmt: skip


def names(score: Score | None = None) -> tuple[str, ...]:
    """Names of the columns of :func:`measure`."""
    return (*STATISTICS, *([] if score is None else [LOGIT]))


@torch.no_grad()
def measure_statistics(images: Tensor, score: Score | None = None) -> Tensor:
    """All statistics of pictures (N, 3, H, W), shape (N, S); with a score, D's logit is the last one."""
    columns = [function(images) for function in STATISTICS.values()]
    if score is not None:
        columns.append(score(images))
    return torch.stack(columns, 1)


def luminance(images: Tensor) -> Tensor:
    """(N, H, W), 0 black to 1 white (ITU-R BT.601)."""
    return torch.einsum("nchw,c->nhw", _unit(images), images.new_tensor(LUMINANCE_WEIGHTS))


def _unit(images: Tensor) -> Tensor:
    return (images + 1) / 2
