"""How many pictures go through a network at once, so that a batch takes the same memory at every size.

    rows = at_once(64, (128, 128))                      # 16: as many pixels as 64 pictures of 64 x 64
    torch.split(images, rows)

Nothing else decides it, for the last bits of an answer may depend on the number of rows.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

USUAL_PIXELS = 64 * 64  # of the pictures that batches are sized for


def at_once(most: int, size: Sequence[int]) -> int:
    """How many pictures of ``size`` (height, width) go through a network together: at least 1.

    ``most`` up to 64 x 64 pixels, and fewer of larger ones, so that a batch takes the same memory at every size. It
    depends on nothing else, for the last bits of an answer may depend on the number of rows.
    """
    return max(1, min(most, most * USUAL_PIXELS // math.prod(size)))
