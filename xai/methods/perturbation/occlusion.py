"""Occlusion: cover a window with the reference, and see what the logit loses.

    Occlusion(Score(discriminator), reference("grey"), window=8, stride=4).attribute(images)

Zeiler and Fergus 2014, section 4.3.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from gan.progress import Progress
from gan.settings import setting
from xai.errors import ExplanationError
from xai.methods.base import Attribution, Result, register
from xai.networks.batches import at_once

BATCH = 64  # windows at once, fewer of large pictures


@register
@dataclass(frozen=True, eq=False)
class Occlusion(Attribution):
    """A window of ``window`` pixels, moved by ``stride``; a pixel gets the mean of its windows' losses.

    By default an eighth of the poster's width, moved by half of that; 8 and 4 pixels up to a width of 64.

    A window's loss is divided by its area, so that the sum over a region is in logits.
    """

    name = "occlusion"
    title = "Occlusion"
    needs_reference = True
    granularity = "segment"
    promise = "What {score} loses when a small window is covered by the reference."
    caveat = "It takes one window at a time: what two places say only together, it does not see."

    window: int | None = setting(None, "pixels a side; by default an eighth of the poster's width", kind=int, low=1)
    stride: int | None = setting(None, "pixels from window to window; by default half a window", kind=int, low=1)

    def __post_init__(self) -> None:
        super().__post_init__()
        assert self.window is not None and self.stride is not None  # by _defaults
        if self.stride > self.window:
            raise ExplanationError(
                f"{self.title}: stride must be at most {self.window} (window), not {self.stride}; it skips pixels."
            )

    def _defaults(self) -> Mapping[str, Any]:
        scale = 1 if self.score.size is None else max(1, self.score.size[1] // 64)
        window = 8 * scale if self.window is None else self.window
        return {"window": window, "stride": min(window, 4 * scale)}

    def _attribute(self, image: Tensor, progress: Progress) -> Result:
        assert self.window is not None and self.stride is not None  # by _defaults
        base, side, stride = self.reference.single(image), self.window, self.stride
        rows, columns = (_starts(length, side, stride) for length in image.shape[2:])
        windows = [(row, column) for row in rows for column in columns]
        score = float(self.score(image))
        losses, times = torch.zeros(image.shape[-2:]), torch.zeros(image.shape[-2:])
        most = at_once(BATCH, image.shape[2:])
        for start in range(0, len(windows), most):
            batch = windows[start : start + most]
            covered = image.repeat(len(batch), 1, 1, 1)
            for picture, (row, column) in zip(covered, batch, strict=True):
                window = slice(row, row + side), slice(column, column + side)
                picture[:, *window] = base[0][:, *window]
            for loss, (row, column) in zip(score - self.score(covered), batch, strict=True):
                window = slice(row, row + side), slice(column, column + side)
                losses[window] += loss / losses[window].numel()
                times[window] += 1
            progress((start + len(batch)) / len(windows))
        return Result((losses / times)[None, None], float(self.score(base)), score=score)


def _starts(length: int, window: int, stride: int) -> list[int]:
    """First pixels of the windows; the last window ends with the picture."""
    return sorted({*range(0, max(1, length - window + 1), stride), max(0, length - window)})
