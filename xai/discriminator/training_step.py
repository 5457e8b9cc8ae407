"""Pictures of one update of a GAN: the noise, what D's gradient asks G to change, what G changed.

pixels = request_rgb(d.asked, d.fake)            # (n, H, W, 3); purple: darker, orange: lighter
factor = amplification(g.changed)                # 16
change_rgb(g.changed, factor)                    # grey is no change
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from gan.data.images import to_uint8
from xai.render import CHANGE, Pixels, diverging, enlarge_map, limit, overlay, weights_rgb

NOISE_END = 3.0  # standard deviations at which the colours of noise end
VISIBLE = 1.0  # a change of this much, of the range of 2, is as strong as colours get


def noise_rgb(z: Tensor, size: tuple[int, int]) -> Pixels:
    """Noise (n, latent, 1, 1) as squares in rows, from the first dimension on, at ``size``: RGB (n, H, W, 3).

    Where the dimensions do not fill the rows, the rest is white, as 0 is.
    """
    values = z.flatten(1).numpy()
    side = math.ceil(math.sqrt(values.shape[1]))
    filled = np.zeros((len(values), side * side), values.dtype)
    filled[:, : values.shape[1]] = values
    squares = [enlarge_map(one.reshape(side, side), size) for one in filled]
    return diverging(np.stack(squares), NOISE_END, CHANGE)


def requested_lightness(asked: Tensor) -> NDArray[np.float32]:
    """Of what is asked of red, green and blue (n, 3, H, W) the sum: how much lighter (n, H, W), below 0 darker."""
    return asked.sum(1).numpy()


def request_rgb(asked: Tensor, posters: Tensor, strength: float = 0.9) -> Pixels:
    """What is asked to become lighter (orange) and darker (purple), over the grey posters: RGB (n, H, W, 3).

    One scale for all posters, so that those of which more is asked are stronger.
    """
    values = requested_lightness(asked)
    end = limit(values)
    pairs = zip(to_uint8(posters), values, strict=True)
    return np.stack([overlay(picture, one, end, strength, CHANGE) for picture, one in pairs])


def amplification(changed: Tensor) -> int:
    """The power of two, at least 1, by which a change (n, 3, H, W) is multiplied so that it is seen."""
    return int(max(1, 2 ** math.floor(math.log2(VISIBLE / limit(changed.numpy())))))


def change_rgb(changed: Tensor, factor: int) -> Pixels:
    """A change (n, 3, H, W), times the factor, as the colour that was added: RGB (n, H, W, 3), grey where none was."""
    return weights_rgb(changed.permute(0, 2, 3, 1).numpy(), VISIBLE / factor)
