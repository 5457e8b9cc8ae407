"""Discriminator metrics: accuracy at the decision threshold and at the best one, and the area under the ROC curve.

    logits = Logits(training, held_out, generated, other)      # (N,) each, of four kinds of posters
    compute("discriminator", logits)["roc_auc_held_out"].value

:func:`gan.evaluation.report.evaluate` computes all of this; docs/evaluation.md says what it means.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from torch import Tensor

from gan.data.posters import PosterSet
from gan.evaluation.estimates import Estimate, Floats, mean_proportion, proportion, roc_auc, with_interval
from gan.evaluation.features import Sampler, poster_batches, random_labels
from gan.evaluation.metrics import metric
from gan.networks.dcgan import Discriminator
from gan.networks.seeds import reserved
from gan.progress import StageProgress

OTHER_SEEDS = reserved("threshold").start  # the threshold is chosen on these, never tried


@dataclass(frozen=True, eq=False)
class Logits:
    """D's logits (N,) of training, held-out and generated posters, and of generated ones of ``other`` seeds."""

    training: Floats
    held_out: Floats
    generated: Floats
    other: Floats

    @cached_property
    def threshold(self) -> float:
        """The best threshold for training posters against generated ones of other seeds."""
        return best_threshold(self.training, self.other)


@metric(
    "discriminator",
    "training posters classified as real",
    "proportion of training posters with a logit above 0 (the student project wanted above 85 %)",
    title="Training posters found real",
    plain="If this is far above the next number, D has memorized the training posters.",
)
def accuracy_training(logits: Logits) -> Estimate:
    return proportion(logits.training > 0)


@metric(
    "discriminator",
    "held-out posters classified as real",
    "proportion of held-out posters with a logit above 0",
    column="D accuracy (held-out)",
    title="Held-out posters found real",
    plain="How reliable D's verdict on a new real poster is.",
)
def accuracy_held_out(logits: Logits) -> Estimate:
    return proportion(logits.held_out > 0)


@metric(
    "discriminator",
    "generated posters classified as fake",
    "proportion of generated posters with a logit of 0 or below",
    column="D accuracy (generated)",
    title="Generated posters found fake",
    plain="How reliable its verdict on a generated one is.",
)
def accuracy_generated(logits: Logits) -> Estimate:
    return proportion(logits.generated <= 0)


@metric(
    "discriminator",
    "ROC AUC, training against generated posters",
    "proportion of pairs of a training and a generated poster in which the real one has the higher logit; 50 % is "
    "guessing",
    perfect=0.5,
)
def roc_auc_training(logits: Logits) -> Estimate:
    return with_interval(roc_auc, logits.training, logits.generated, limits=(0.0, 1.0))


@metric(
    "discriminator",
    "ROC AUC, held-out against generated posters",
    "the same for held-out posters; does not depend on the decision threshold",
    perfect=0.5,
    column="D ROC AUC (held-out)",
    title="ROC AUC",
    plain="Of a held-out and a generated poster, how often the real one has the higher logit; 50% is guessing.",
)
def roc_auc_held_out(logits: Logits) -> Estimate:
    return with_interval(roc_auc, logits.held_out, logits.generated, limits=(0.0, 1.0))


@metric(
    "discriminator",
    "balanced accuracy at the best threshold, training posters",
    "mean of the accuracies on training posters and on generated ones of *other* seeds, at the threshold that is best "
    "for these",
    perfect=0.5,
)
def balanced_accuracy_training(logits: Logits) -> Estimate:
    return mean_proportion(logits.training > logits.threshold, logits.other <= logits.threshold)


@metric(
    "discriminator",
    "balanced accuracy at that threshold, held-out posters",
    "the same threshold, tried on held-out and generated posters",
    perfect=0.5,
)
def balanced_accuracy_held_out(logits: Logits) -> Estimate:
    return mean_proportion(logits.held_out > logits.threshold, logits.generated <= logits.threshold)


def best_threshold(real: Floats, fake: Floats) -> float:
    """Where the mean of the proportions of real ones above and of fake ones below is highest.

    In the middle between two neighbouring logits; the lowest of several that are equally good.
    """
    values = np.unique(np.concatenate([real, fake]))
    cuts = np.concatenate([[values[0] - 1], (values[:-1] + values[1:]) / 2, [values[-1] + 1]])
    above = 1 - np.searchsorted(np.sort(real), cuts, "right") / len(real)
    below = np.searchsorted(np.sort(fake), cuts, "right") / len(fake)
    return float(cuts[np.argmax(above + below)])


def logits_of(discriminator: Discriminator, batches: Iterable[Tensor], labels: Tensor | None = None) -> Floats:
    """D's logits (N,) for batches (n, 3, H, W) in [-1, 1]; ``labels`` (N, genres) are those of all of them, or None."""
    device = next(discriminator.parameters()).device
    parts, start = [], 0
    for images in batches:
        with torch.inference_mode():
            own = () if labels is None else (labels[start : start + len(images)].to(device),)
            parts.append(discriminator.logit(images.to(device), *own).double().cpu())
        start += len(images)
    return torch.cat(parts).numpy()


def evaluate_discriminator(
    discriminator: Discriminator, sampler: Sampler, training: PosterSet, held_out: PosterSet, progress: StageProgress
) -> Logits:
    """The logits of D for all that its metrics need, on the generator's device.

    sampler : the generated posters; as many training posters are taken, at most all.
    """
    genres = sampler.generator.config.genres
    subset = training.evenly(sampler.samples)
    other_labels = random_labels(training, genres, len(subset), OTHER_SEEDS)
    other = Sampler(sampler.generator, len(subset), OTHER_SEEDS, other_labels)
    inputs = [
        (poster_batches(subset), own_labels(subset, genres)),
        (poster_batches(held_out), own_labels(held_out, genres)),
        (sampler.batches(), sampler.labels),
        (other.batches(), other_labels),
    ]
    logits = []
    for place, (batches, labels) in enumerate(inputs):
        progress("discriminator", place / len(inputs))
        logits.append(logits_of(discriminator, batches, labels))
    return Logits(*logits)


def own_labels(posters: PosterSet, genres: tuple[str, ...]) -> Tensor | None:
    """The posters' labels (N, genres) for a conditional network; None for an unconditional one."""
    return torch.from_numpy(posters.genre_labels(genres)).float() if genres else None
