"""Cutting a picture into segments, and dividing numbers among their pixels.

    labels = segment(picture)                           # (H, W), about 50 SLIC segments
    spread(values, labels)                              # (1, 1, H, W), each segment's value divided among its pixels

A method that cuts segments is a :class:`Segmented`.
"""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass, field, replace
from typing import ClassVar, Literal, Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from xai.methods.base import Attribution, Explanation

FEWEST, MOST = 30, 60


def segment(picture: NDArray[np.float64], count: int = 50) -> NDArray[np.int64]:
    """Cut a picture (H, W, 3) in [-1, 1] into about ``count`` SLIC segments (Achanta et al. 2012).

    Returns (H, W) integers from 0 without a hole. Where SLIC finds too few or too many (a nearly plain
    poster), a regular grid of about ``count`` tiles takes its place.
    """
    from skimage.segmentation import slic

    labels: NDArray[np.int64] = np.asarray(
        slic((picture + 1) / 2, n_segments=count, compactness=20, start_label=0, channel_axis=2), np.int64
    )
    cut = len(np.unique(labels))
    if FEWEST * count / 50 <= cut <= MOST * count / 50:
        return labels
    height, width = picture.shape[:2]
    return grid(height, width, min(round(count**0.5), height, width))


def grid(height: int, width: int, side: int) -> NDArray[np.int64]:
    """Labels (H, W) of side x side nearly equal tiles, numbered row by row."""
    rows = np.arange(height) * side // height
    columns = np.arange(width) * side // width
    return np.asarray(rows[:, None] * side + columns, np.int64)


def spread(values: NDArray[np.float64], labels: NDArray[np.int64]) -> Tensor:
    """A map (1, 1, H, W) in which each segment's value is divided evenly among its pixels.

    A sum over any region is then in the values' unit, as for pixel methods.
    """
    areas = np.bincount(labels.ravel())
    return torch.from_numpy((values / areas)[labels]).float()[None, None]


@dataclass(frozen=True, eq=False)
class Segmented(Attribution):
    """Base of methods whose players are SLIC segments, about ``count``; ``labels`` (H, W) take their place if given."""

    granularity: ClassVar[Literal["pixel", "segment", "layer"]] = "segment"

    labels: NDArray[np.int64] | None = field(default=None, repr=False, kw_only=True)

    @property
    @abstractmethod
    def count(self) -> int:
        """About how many segments to cut."""

    def cut(self, image: Tensor) -> NDArray[np.int64]:
        """The segments (H, W) of a picture (1, 3, H, W)."""
        if self.labels is not None:
            return self.labels
        return segment(image[0].permute(1, 2, 0).double().numpy(), self.count)

    def on_segments(self, explanation: Explanation) -> Self:
        """The same method on the segments of an explanation's first picture."""
        if explanation.segments is None:
            return self
        return replace(self, labels=np.asarray(explanation.segments[0].numpy(), np.int64))
