"""Calibrating D's decision threshold: at logit 0, a poster is as likely real as generated.

    shifted = calibrated(discriminator, generator, training)      # a copy in eval mode
    shifted.logit(images)                                         # the logits of before, all shifted by one number

Training leaves the threshold elsewhere. With BatchNorm, D sees real and generated posters in batches of their own, each
with its own statistics, and in use there is one set of statistics for all; the relativistic loss sees differences of
logits only, so that their 0 means nothing. The one number is that of logistic recalibration of the intercept
(Platt 1999, with the slope fixed at 1), real and generated posters weighing the same. ROC AUC, gradients and
attributions stay the same.
"""

from __future__ import annotations

import copy
from dataclasses import replace

import torch
from torch import nn

from gan.checkpoints.record import Checkpoint
from gan.data.posters import PosterSet
from gan.evaluation.discriminator import logits_of, own_labels
from gan.evaluation.estimates import Floats
from gan.evaluation.features import Sampler, poster_batches, random_labels
from gan.networks.dcgan import Discriminator, Generator
from gan.networks.seeds import reserved

SAMPLES = 256  # posters of each kind; others shift the threshold by 0.03 (standard deviation), its accuracy by 0.2 %
FIRST_SEED = reserved("calibration").start
HALVINGS = 60  # of the range of logits: more than a double's digits


def calibrated(
    discriminator: Discriminator, generator: Generator, training: PosterSet, samples: int = SAMPLES
) -> Discriminator:
    """A copy in eval mode whose logit is 0 where a poster is as likely one of ``training`` as one of the generator's.

    Conditional networks are given each poster's own genres, and the generator those of random posters.
    """
    copied = copy.deepcopy(discriminator).eval()
    genres = generator.config.genres
    subset = training.evenly(samples)
    sampler = Sampler(generator, samples, FIRST_SEED, random_labels(training, genres, samples, FIRST_SEED))
    real = logits_of(copied, poster_batches(subset), own_labels(subset, genres))
    generated = logits_of(copied, sampler.batches(), sampler.labels)
    return shift_logits(copied, fit_logit_offset(real, generated))


def with_calibrated_discriminator(checkpoint: Checkpoint, training: PosterSet, samples: int) -> Checkpoint:
    """The checkpoint with D calibrated on ``samples`` posters of each kind; CheckpointError if a network is missing."""
    generator, discriminator = checkpoint.need_both()
    shifted = calibrated(discriminator, generator, training, samples)
    return replace(checkpoint, discriminator=shifted, config=replace(checkpoint.config, calibrated=True))


def fit_logit_offset(real: Floats, generated: Floats) -> float:
    """The offset with the largest likelihood of "real" for (N,) logits and of "generated" for (M,), when added to all.

    There the mean of sigmoid(-real - offset), the doubt about real posters, is that of sigmoid(generated + offset), the
    belief in generated ones.
    """
    low, high = min(real.min(), generated.min()), max(real.max(), generated.max())  # of the threshold, minus the offset
    for _ in range(HALVINGS):
        middle = (low + high) / 2
        if _sigmoid(middle - real).mean() < _sigmoid(generated - middle).mean():
            low = middle
        else:
            high = middle
    return -float(low + high) / 2


@torch.no_grad()
def shift_logits(discriminator: Discriminator, offset: float) -> Discriminator:
    """A copy with ``offset`` added to every logit, as the bias of its last convolution."""
    shifted = copy.deepcopy(discriminator)
    last = shifted.last
    if last.bias is None:
        last.bias = nn.Parameter(last.weight.new_zeros(1), last.weight.requires_grad)
    last.bias += offset
    shifted.config = replace(shifted.config, calibrated=True)
    return shifted


def _sigmoid(values: Floats) -> Floats:
    return torch.from_numpy(values).sigmoid().numpy()
