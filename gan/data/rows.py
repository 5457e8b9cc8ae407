"""Some rows of an array of pictures, in an order of their own, without a copy.

    images = np.load("posters.npy", mmap_mode="r")          # uint8 (N, H, W, 3)
    some = select_rows(images, [5, 2, 9])                   # nothing is read
    some[1], some[:2], np.asarray(some)                     # picture 2; pictures 5 and 2; all three, read now
    select_rows(some, [2])[0]                               # picture 9: indices compose

numpy itself copies what an index array selects: half of a memory-mapped data set would lie in memory.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

Pixels = NDArray[np.uint8]


class PixelRows:
    """Rows of ``base``, uint8 (N, H, W, 3), by an index array; what is indexed is read, and nothing else.

    Indexing, iteration, ``len``, ``shape`` and ``np.asarray`` are those of an array of the rows.
    """

    dtype = np.dtype(np.uint8)

    def __init__(self, base: Pixels, rows: NDArray[np.intp]) -> None:
        self.base, self.rows = base, rows

    @property
    def shape(self) -> tuple[int, ...]:
        return (len(self.rows), *self.base.shape[1:])

    @property
    def ndim(self) -> int:
        return self.base.ndim

    def __len__(self) -> int:
        return len(self.rows)

    def __iter__(self) -> Iterator[Pixels]:
        return (self.base[row] for row in self.rows)

    def __getitem__(self, index: Any) -> Any:
        """What an array would answer; only the first index may be an array of several."""
        first, *rest = index if isinstance(index, tuple) else (index,)
        if first is Ellipsis or first is None:
            return np.asarray(self)[index]
        chosen = self.rows[first]
        picked = self.base[chosen]
        return picked[(slice(None),) * chosen.ndim + tuple(rest)] if rest else picked

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray[Any]:
        if copy is False:
            raise ValueError("Rows of a memory map cannot become an array without a copy.")
        return np.asarray(self.base[self.rows], dtype)


Images = Pixels | PixelRows


def select_rows(images: Images, indices: Sequence[int] | NDArray[np.intp]) -> PixelRows:
    """The pictures at these indices, in this order; they stay where they are. IndexError where there is none."""
    base, rows = (images.base, images.rows) if isinstance(images, PixelRows) else (images, np.arange(len(images)))
    return PixelRows(base, rows[np.asarray(indices, np.intp)])
