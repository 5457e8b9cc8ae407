"""LIME: hide segments at random and fit a linear model to what the network then says.

    Lime(Score(discriminator), reference("grey"), samples=1000).attribute(images)

Ribeiro, Singh, Guestrin 2016; computed by lime. Its defaults say nothing on 64 x 64 posters: quickshift
finds four segments, and each is "hidden" behind its own mean colour. Here SLIC cuts 30 to 60 segments
(numbered from 0, or the last one is never hidden) and the reference is what they are hidden behind.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from xai.attribution import Attribution, Progress, Share
from xai.errors import ExplanationError

BATCH = 64
FEWEST, MOST = 30, 60


@dataclass(frozen=True, eq=False)
class Lime(Attribution):
    """``samples`` masked posters, about ``segments`` SLIC segments; diagnostics: r2, segment_count."""

    name = "lime"
    title = "LIME"
    stochastic = True
    needs_reference = True
    granularity = "segment"
    promise = "What each segment adds to the logit, by a linear model of what happens when segments are hidden."
    caveat = "Only as good as the linear model fits (R2), and another seed hides other segments."

    samples: int = 1000
    segments: int = 50

    def __post_init__(self) -> None:
        if self.samples < 2 or self.segments < 1:
            raise ExplanationError("LIME needs at least 2 samples and 1 segment.")

    def _attribute(self, image: Tensor, progress: Progress) -> Share:
        from lime import lime_image

        lime_image.tqdm = iter  # it draws a bar on stderr that cannot be switched off
        picture = image[0].permute(1, 2, 0).double().numpy()
        hidden = self.reference.single(image)[0].permute(1, 2, 0).double().numpy()
        labels = segment(picture, self.segments)
        done = 0

        def logits(pictures: NDArray[np.float64]) -> NDArray[np.float32]:
            nonlocal done
            done += len(pictures)
            progress(done / self.samples)
            batch = torch.from_numpy(np.asarray(pictures, np.float32)).permute(0, 3, 1, 2)
            return np.asarray(self.score(batch)[:, None].numpy())

        # A new explainer each time: its random state is not restored by the argument random_seed.
        explainer = lime_image.LimeImageExplainer(random_state=np.random.RandomState(self.seed))
        fitted: Any = explainer.explain_instance(
            picture,
            logits,
            labels=(0,),
            top_labels=None,
            hide_color=hidden,
            num_samples=self.samples,
            batch_size=BATCH,
            segmentation_fn=lambda _: labels,
        )
        coefficients = np.zeros(labels.max() + 1)
        for index, weight in fitted.local_exp[0]:
            coefficients[index] = weight
        areas = np.bincount(labels.ravel())
        # Spread over its pixels, so that a sum over any region is in logits, as for pixel methods.
        values = (coefficients / areas)[labels]
        return Share(
            torch.from_numpy(values)[None, None],
            float(self.score(self.reference.single(image))),
            torch.from_numpy(labels),
            {
                "r2": torch.tensor([float(fitted.score)]),
                "segment_count": torch.tensor([len(areas)]),
            },
        )


def segment(picture: NDArray[np.float64], count: int = 50) -> NDArray[np.int64]:
    """Cut a picture (H, W, 3) in [-1, 1] into about ``count`` SLIC segments (Achanta et al. 2012).

    Returns (H, W) integers from 0 without a hole. Where SLIC finds too few or too many (a nearly plain
    poster), a regular grid of about ``count`` tiles takes its place.
    """
    from skimage.segmentation import slic

    labels: NDArray[np.int64] = np.asarray(
        slic((picture + 1) / 2, n_segments=count, compactness=20, start_label=0, channel_axis=2), np.int64
    )
    found = len(np.unique(labels))
    if FEWEST * count / 50 <= found <= MOST * count / 50:
        return labels
    side = min(round(count**0.5), *picture.shape[:2])
    rows = np.arange(picture.shape[0]) * side // picture.shape[0]
    columns = np.arange(picture.shape[1]) * side // picture.shape[1]
    return np.asarray(rows[:, None] * side + columns, np.int64)
