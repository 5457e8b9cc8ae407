"""D's zero: where its logit is 0, a poster is as likely real as generated.

    judging = calibrated(discriminator, generator, training)      # a copy in eval mode
    judging.logit(images)                                         # the logits of before, all moved by one number

Training leaves the zero elsewhere. With BatchNorm, D sees real and generated posters in batches of their own, each
with its own statistics, and in use there is one set of statistics for all; the relativistic loss sees differences of
logits only, so that their zero says nothing at all. The one number is that of logistic recalibration of the intercept
(Platt 1999, with the slope left at 1), real and generated posters weighing the same. Rankings, slopes and attributions
stay what they were.
"""

from __future__ import annotations

import copy
from dataclasses import replace

import torch
from torch import nn

from gan.data.posters import PosterSet
from gan.evaluation.discriminator import logits, own_labels
from gan.evaluation.estimates import Floats
from gan.evaluation.features import draw, poster_batches, random_labels
from gan.networks.dcgan import Discriminator, Generator

SAMPLES = 256  # posters of each kind; other ones move the zero by 0.03 (standard deviation), its accuracy by 0.2 %
FIRST_SEED = 3_500_000  # neither the seeds that people look at nor those by which checkpoints are judged
HALVINGS = 60  # of the range of logits: more than a double's digits


def calibrated(
    discriminator: Discriminator, generator: Generator, training: PosterSet, samples: int = SAMPLES
) -> Discriminator:
    """A copy in eval mode whose logit is 0 where a poster is as likely one of ``training`` as one of the generator's.

    Conditional networks are asked under each poster's own genres, and the generator for the genres of random posters.
    """
    judging = copy.deepcopy(discriminator).eval()
    genres = generator.config.genres
    some = training.evenly(samples)
    asked = random_labels(training, genres, samples, FIRST_SEED)
    real = logits(judging, poster_batches(some), own_labels(some, genres))
    made = logits(judging, draw(generator, samples, FIRST_SEED, asked), asked)
    return moved(judging, -zero(real, made))


def zero(real: Floats, made: Floats) -> float:
    """The logit c that makes the likelihood of "real" for (N,) and "generated" for (M,) logits, minus c, the largest.

    There the mean doubt about real posters, sigmoid(c - real), is the mean belief in generated ones, sigmoid(made - c).
    """
    low, high = min(real.min(), made.min()), max(real.max(), made.max())
    for _ in range(HALVINGS):
        middle = (low + high) / 2
        if _sigmoid(middle - real).mean() < _sigmoid(made - middle).mean():
            low = middle
        else:
            high = middle
    return float(low + high) / 2


@torch.no_grad()
def moved(discriminator: Discriminator, by: float) -> Discriminator:
    """A copy with ``by`` added to every logit, as the bias of its last convolution."""
    shifted = copy.deepcopy(discriminator)
    last = shifted.last
    if last.bias is None:
        last.bias = nn.Parameter(last.weight.new_zeros(1), last.weight.requires_grad)
    last.bias += by
    shifted.config = replace(shifted.config, calibrated=True)
    return shifted


def _sigmoid(values: Floats) -> Floats:
    return torch.from_numpy(values).sigmoid().numpy()
