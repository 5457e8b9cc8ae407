"""LIME: mask segments at random and fit a linear model to the scores.

    Lime(Score(discriminator), reference("grey")).attribute(images)

Ribeiro, Singh, Guestrin 2016. The library's defaults say nothing on 64 x 64 posters: quickshift finds four
segments, and each is masked with its own mean colour. Here SLIC cuts 30 to 60 segments and the
reference is what they are masked with. The same masks, weights and ridge as the library's, but the masks
come in balanced blocks with their complements, and no more of them than are needed.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from gan.progress import Progress
from gan.settings import setting
from xai.errors import ExplanationError
from xai.methods.base import ENGINE, Result, register
from xai.methods.perturbation.coalitions import AGREEMENT, BATCH, SAMPLES, SEGMENTS, Blocks, Game, Masks, parts_agree
from xai.methods.perturbation.segments import Segmented, spread

KERNEL_WIDTH = 0.25  # lime's
RIDGE = 1.0  # lime's


@register
@dataclass(frozen=True, eq=False)
class Lime(Segmented):
    """About ``segments`` SLIC segments; at most ``samples`` masked posters.

    It stops as soon as the coefficients from the single blocks of masks let expect a rank correlation of ``agreement``
    with another seed's. Diagnostics: r2, segment_count, samples (those taken), split_half (what is
    expected). ``engine`` "lime" uses the library, for exactly ``samples`` masks of its own.
    """

    name = "lime"
    title = "LIME"
    stochastic = True
    needs_reference = True
    engines = ("direct", "lime")
    budget: ClassVar = {"samples": 128}
    promise = "What each segment adds to {score}, by a linear model of what happens when segments are masked."
    caveat = "Only as good as the linear model fits (R2), and another seed masks other segments."

    engine: str = setting(engines[0], ENGINE, choices=engines)
    samples: int = setting(2048, SAMPLES, label="Sample budget", low=4)
    segments: int = setting(50, SEGMENTS, low=1)
    agreement: float = setting(0.95, AGREEMENT, label="Target agreement")

    @property
    def count(self) -> int:
        """About how many segments to cut."""
        return self.segments

    def _attribute(self, image: Tensor, progress: Progress) -> Result:
        labels = self.cut(image)
        baseline = self.reference.single(image)
        if self.used_engine == "lime":
            return self._by_lime(image, baseline, labels, progress)
        game = Game.of(self.score, image, baseline, labels)
        blocks = Blocks(game, self.seed, self.samples)
        parts = [fit(*blocks.take(progress), game.whole)[0]]
        agreement = 0.0
        while agreement < self.agreement and not (blocks.exhausted and len(parts) > 1):
            parts.append(fit(*blocks.take(progress), game.whole)[0])
            agreement = parts_agree(*parts)
        coefficients, r2 = fit(*blocks.all(), game.whole)
        return Result(
            spread(coefficients, labels), game.empty, torch.from_numpy(labels)[None],
            {
                "r2": torch.tensor([r2]),
                "segment_count": torch.tensor([game.players]),
                "samples": torch.tensor([blocks.count]),
                "split_half": torch.tensor([agreement]),
            },
            score=game.whole,
        )  # fmt: skip

    def _by_lime(self, image: Tensor, baseline: Tensor, labels: NDArray[np.int64], progress: Progress) -> Result:
        from lime import lime_image

        lime_image.tqdm = iter  # it draws a bar on stderr that cannot be switched off
        done = 0

        def logits(pictures: NDArray[np.float64]) -> NDArray[np.float32]:
            nonlocal done
            done += len(pictures)
            progress(min(1.0, done / self.samples))
            batch = torch.from_numpy(np.asarray(pictures, np.float32)).permute(0, 3, 1, 2)
            scores = self.score(batch)
            if not scores.isfinite().all():  # scikit-learn would say so in its own words
                raise ExplanationError("The network's answer is not finite: its weights are damaged.")
            return np.asarray(scores[:, None].numpy())

        # A new explainer each time: its random state is not restored by the argument random_seed.
        explainer = lime_image.LimeImageExplainer(random_state=np.random.RandomState(self.seed))
        fitted: Any = explainer.explain_instance(
            image[0].permute(1, 2, 0).double().numpy(),
            logits,
            labels=(0,),
            top_labels=None,
            hide_color=baseline[0].permute(1, 2, 0).double().numpy(),
            num_samples=self.samples,
            batch_size=BATCH,
            segmentation_fn=lambda _: labels,
        )
        coefficients = np.zeros(labels.max() + 1)
        for index, weight in fitted.local_exp[0]:
            coefficients[index] = weight
        diagnostics = {
            "r2": torch.tensor([float(fitted.score)]),
            "segment_count": torch.tensor([len(coefficients)]),
            "samples": torch.tensor([self.samples]),
        }
        return Result(
            spread(coefficients, labels), float(self.score(baseline)), torch.from_numpy(labels)[None], diagnostics
        )


def fit(masks: Masks, scores: NDArray[np.float64], whole: float) -> tuple[NDArray[np.float64], float]:
    """lime's linear model: weighted ridge regression of the scores on the masks; (coefficients, R2).

    The picture itself, with its score ``whole``, is the first sample, and a mask counts by its cosine
    distance from it.
    """
    x = np.concatenate([np.ones((1, masks.shape[1])), masks])
    y = np.concatenate([[whole], scores])
    distance = 1 - np.sqrt(x.mean(1))  # cosine between a mask and all ones
    weight = np.sqrt(np.exp(-(distance**2) / KERNEL_WIDTH**2))
    x, y = x - np.average(x, 0, weight), y - np.average(y, 0, weight)
    coefficients = np.linalg.solve((x.T * weight) @ x + RIDGE * np.eye(x.shape[1]), (x.T * weight) @ y)
    scatter = float(weight @ y**2)
    residual = float(weight @ (y - x @ coefficients) ** 2)
    return coefficients, 1 - residual / scatter if scatter > 1e-12 else 1.0
