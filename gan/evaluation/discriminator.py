"""What the discriminator knows: how many posters it calls rightly, and how it ranks real above generated ones.

    figures, threshold = discriminator_figures(training, held_out, made, other)    # logits (N,) of four kinds
    figures["ranking_held_out"].value

``gan.evaluation.report.evaluate`` asks for all of this; docs/evaluation.md says what it means.
"""

from __future__ import annotations

import copy
from collections.abc import Iterable

import numpy as np
import torch
from torch import Tensor

from gan.checkpoints.record import Checkpoint
from gan.data.posters import PosterSet
from gan.evaluation.estimates import Figures, Floats, mean_share, share, with_intervals
from gan.evaluation.features import draw, poster_batches, random_labels
from gan.networks.dcgan import Discriminator, Generator
from gan.progress import StageProgress

OTHER_SEEDS = 2_500_000  # generated posters by which the threshold is chosen, never those it is tried on


def discriminator_figures(training: Floats, held_out: Floats, made: Floats, other: Floats) -> tuple[Figures, float]:
    """What D's logits of training, held-out and generated posters, and of generated ones of other seeds, say.

    ``accuracy_training``, ``accuracy_held_out``, ``accuracy_generated``: shares that D calls rightly, at logit 0.
    ``ranking_training``, ``ranking_held_out``: share of pairs of such a real and a generated poster in which the real
    one has the higher logit (the area under the ROC curve), which does not depend on where the zero is.
    ``best_training``, ``best_held_out``: mean of the shares of real and of generated posters that are called rightly at
    the threshold that is best for training posters against generated ones of other seeds; the second of figures is
    that threshold. Shares have Wilson's intervals, their mean Newcombe's, rankings those from halves.
    """
    threshold = best_threshold(training, other)
    rightly = {
        "accuracy_training": training > 0,
        "accuracy_held_out": held_out > 0,
        "accuracy_generated": made <= 0,
    }
    rankings = {
        "ranking_training": with_intervals(_ranking, training, made)["ranking"],
        "ranking_held_out": with_intervals(_ranking, held_out, made)["ranking"],
    }
    best = {
        "best_training": mean_share(training > threshold, other <= threshold),
        "best_held_out": mean_share(held_out > threshold, made <= threshold),
    }
    return {key: share(found) for key, found in rightly.items()} | rankings | best, threshold


def best_threshold(real: Floats, fake: Floats) -> float:
    """Where the mean of the share of real ones above and of fake ones below is highest.

    In the middle between two neighbouring logits; the lowest of several that are equally good.
    """
    values = np.unique(np.concatenate([real, fake]))
    cuts = np.concatenate([[values[0] - 1], (values[:-1] + values[1:]) / 2, [values[-1] + 1]])
    above = 1 - np.searchsorted(np.sort(real), cuts, "right") / len(real)
    below = np.searchsorted(np.sort(fake), cuts, "right") / len(fake)
    return float(cuts[np.argmax(above + below)])


def ranking(higher: Floats, lower: Floats) -> float:
    """Share of pairs in which the first is the larger, ties as a half: the area under the ROC curve."""
    ordered = np.sort(lower)
    below = np.searchsorted(ordered, higher, "left") + np.searchsorted(ordered, higher, "right")
    return float(below.mean() / (2 * len(lower)))


def _ranking(higher: Floats, lower: Floats) -> dict[str, float]:
    return {"ranking": ranking(higher, lower)}


def logits(discriminator: Discriminator, batches: Iterable[Tensor], labels: Tensor | None = None) -> Floats:
    """D's logits for batches of pictures, one after the other; ``labels`` are those of all of them, or None."""
    device = next(discriminator.parameters()).device
    found, start = [], 0
    for images in batches:
        with torch.inference_mode():
            own = () if labels is None else (labels[start : start + len(images)].to(device),)
            found.append(discriminator.logit(images.to(device), *own).double().cpu())
        start += len(images)
    return torch.cat(found).numpy()


def what_d_knows(
    checkpoint: Checkpoint,
    generator: Generator,
    training: PosterSet,
    held_out: PosterSet,
    samples: int,
    first_seed: int,
    labels: Tensor | None,
    tell: StageProgress,
) -> tuple[Figures | None, float | None]:
    """:func:`discriminator_figures` of a checkpoint and ``samples`` of its generator's posters; None without a D."""
    if checkpoint.discriminator is None:
        return None, None
    discriminator = copy.deepcopy(checkpoint.discriminator).to(next(generator.parameters()).device)
    genres = generator.config.genres
    some = training.evenly(samples)
    other = random_labels(training, genres, len(some), OTHER_SEEDS)
    asked = [
        (poster_batches(some), own_labels(some, genres)),
        (poster_batches(held_out), own_labels(held_out, genres)),
        (draw(generator, samples, first_seed, labels), labels),
        (draw(generator, len(some), OTHER_SEEDS, other), other),
    ]
    found = []
    for place, (pictures, own) in enumerate(asked):
        tell("what the discriminator knows", place / len(asked))
        found.append(logits(discriminator, pictures, own))
    return discriminator_figures(*found)


def own_labels(posters: PosterSet, genres: tuple[str, ...]) -> Tensor | None:
    """The posters' labels (N, genres) for a conditional network; None where no genre can be asked for."""
    return torch.from_numpy(posters.genre_labels(genres)).float() if genres else None
