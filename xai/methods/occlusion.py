"""Occlusion: cover a window with the reference, and see what the logit loses.

    Occlusion(Score(discriminator), reference("grey"), window=8, stride=4).attribute(images)

Zeiler and Fergus 2014, section 4.3.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from xai.attribution import Attribution, Progress, Share
from xai.errors import ExplanationError

BATCH = 64


@dataclass(frozen=True, eq=False)
class Occlusion(Attribution):
    """A window of ``window`` pixels, moved by ``stride``; a pixel gets the mean of its windows' losses.

    A window's loss is divided by its area, so that the sum over a region is in logits.
    """

    name = "occlusion"
    title = "Occlusion"
    needs_reference = True
    granularity = "segment"
    promise = "What the logit loses when a small window is covered by the reference."
    caveat = "It takes one window at a time: what two places say only together, it does not see."

    window: int = 8
    stride: int = 4

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 1 <= self.stride <= self.window:
            raise ExplanationError("Occlusion's stride runs from 1 to the window: no pixel may be left out.")

    def _attribute(self, image: Tensor, progress: Progress) -> Share:
        base = self.reference.single(image)
        windows = [(row, column) for row in self._starts(image.shape[2]) for column in self._starts(image.shape[3])]
        score = float(self.score(image))
        losses, times = torch.zeros(image.shape[-2:]), torch.zeros(image.shape[-2:])
        for start in range(0, len(windows), BATCH):
            batch = windows[start : start + BATCH]
            covered = image.repeat(len(batch), 1, 1, 1)
            for picture, (row, column) in zip(covered, batch, strict=True):
                window = slice(row, row + self.window), slice(column, column + self.window)
                picture[:, *window] = base[0][:, *window]
            for loss, (row, column) in zip(score - self.score(covered), batch, strict=True):
                window = slice(row, row + self.window), slice(column, column + self.window)
                losses[window] += loss / losses[window].numel()
                times[window] += 1
            progress((start + len(batch)) / len(windows))
        return Share((losses / times)[None, None], float(self.score(base)), score=score)

    def _starts(self, length: int) -> list[int]:
        """First pixels of the windows; the last window ends with the picture."""
        return sorted({*range(0, max(1, length - self.window + 1), self.stride), max(0, length - self.window)})
