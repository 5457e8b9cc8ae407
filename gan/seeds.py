"""The seeds that a command line names.

parse_seeds("1,5,10-12")        # [1, 5, 10, 11, 12]
"""

from __future__ import annotations

import re
from itertools import chain

MAX_SEED = 2**32 - 1  # beyond, the random generator repeats itself
MAX_SEEDS = 100_000


def parse_seeds(text: str) -> list[int]:
    """Numbers below 2**32 and ranges, both ends included, in the order given; ValueError in one sentence otherwise."""
    ranges = []
    for part in text.split(","):
        match = re.fullmatch(r"\s*([0-9]{1,10})(?:-([0-9]{1,10}))?\s*", part)
        first, last = (int(match[1]), int(match[2] or match[1])) if match else (1, 0)
        if not first <= last <= MAX_SEED:
            raise ValueError(f"{part.strip()!r} in --seeds is neither a seed nor a range from low to high.")
        ranges.append(range(first, last + 1))
    count = sum(map(len, ranges))
    if count > MAX_SEEDS:
        raise ValueError(f"--seeds names {count} posters; at most {MAX_SEEDS} are drawn at once.")
    return list(chain(*ranges))
