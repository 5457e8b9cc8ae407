"""Approximate search of very many rows, with faiss (the extra ``faiss``).

    if is_approximate(len(rows)):                           # from half a million rows on, where faiss is installed
        arranged = Approximate.of(rows)                     # (N, D); a few minutes for a million
        arranged.candidates(queries, 10)                    # (Q, C): rows among which the 10 nearest are to be found
    recall(found, exact)                                    # Estimate: which part of the nearest is found

Rows are in lists by the nearest of sqrt(N) centres, each kept as four bits for two numbers (inverted file and product
quantisation; Jegou, Douze, Schmid 2011; four bits fit registers: Andre, Kermarrec, Le Scouarnec 2015). A query looks
into an eighth of the lists, and many more candidates are taken than neighbours are wanted; exact distances choose among
them. :class:`xai.collection.similarity.neighbours.Table` does that.
"""

from __future__ import annotations

from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from gan.data.posters import evenly_spaced
from gan.errors import counted
from gan.evaluation.estimates import Estimate, bootstrap

FROM = 500 * 1000  # rows from which on the exact search gives way
NUMBERS_A_BYTE = 4
TRAINING = 64  # rows for each centre
PART_SEARCHED = 8  # one of so many lists; what is missed lies in the others, not beyond the candidates
CANDIDATES = 20  # for each neighbour that is wanted
BLOCK = 65_536

Rows = NDArray[np.float32]


def is_approximate(count: int) -> bool:
    """Whether ``count`` rows are searched approximately."""
    return count >= FROM and find_spec("faiss") is not None


def search_words(count: int) -> str:
    """How many posters are searched, and how, to stand in a sentence."""
    posters = counted(count, "poster")
    if is_approximate(count):
        return f"{posters}, searched approximately with faiss"
    if count >= FROM:
        return f"{posters}, searched exactly, which is slow: the extra faiss is not installed"
    return f"{posters}, searched exactly"


@dataclass(frozen=True, eq=False)
class Approximate:
    """Rows that are arranged for approximate search."""

    index: Any  # of faiss, which has no types
    width: int

    @classmethod
    def of(cls, rows: Rows) -> Approximate:
        """Rows (N, D), of which at least 16 are needed to learn the codes from."""
        import faiss

        count, numbers = rows.shape
        width = -(-numbers // NUMBERS_A_BYTE) * NUMBERS_A_BYTE
        lists = max(1, round(count**0.5))
        index = faiss.index_factory(width, f"IVF{lists},PQ{2 * width // NUMBERS_A_BYTE}x4fs")  # codes of four bits
        index.train(_padded(rows[evenly_spaced(count, TRAINING * lists)], width))
        for start in range(0, count, BLOCK):
            index.add(_padded(rows[start : start + BLOCK], width))
        faiss.ParameterSpace().set_index_parameter(index, "nprobe", -(-lists // PART_SEARCHED))
        return cls(index, width)

    def candidates(self, queries: Rows, count: int) -> Tensor:
        """Rows (Q, C) to find the ``count`` nearest among, -1 where the lists that were searched have no more."""
        _, rows = self.index.search(_padded(queries, self.width), CANDIDATES * count)
        return torch.from_numpy(rows)

    @property
    def bytes(self) -> int:
        """In memory, rows excluded."""
        import faiss

        return int(faiss.serialize_index(self.index).nbytes)


def recall(found: NDArray[np.int64], exact: NDArray[np.int64]) -> Estimate:
    """Which proportion of the exact neighbours (Q, K) is among those that were found (Q, K); over queries."""
    return bootstrap(np.array([np.isin(one, other).mean() for one, other in zip(exact, found, strict=True)]))


def _padded(rows: Rows, width: int) -> Rows:
    """float32 rows with as many zeros behind as are missing: no distance changes."""
    return np.ascontiguousarray(np.pad(rows, ((0, 0), (0, width - rows.shape[1]))), np.float32)
