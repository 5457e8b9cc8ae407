"""One poster without each unit of a layer, one at a time.

    found = removals(Anatomy.of(generator), z, "layers.5", score=Score(discriminator))
    found.effects, found.logit_changes                                              # (256,) each

By default a unit is taken away by holding its map at its mean (Bau et al. 2019, "GAN Dissection", 3.2: zero is
off-distribution for a unit that is always on), and the picture is compared with the one that has it. So a unit
is judged for what it changes from place to place, not for what it adds to all alike.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from gan.networks.config import ModelConfig
from gan.networks.dcgan import latents
from gan.progress import Progress
from xai.errors import ExplanationError
from xai.generator.folded import Anatomy
from xai.networks.chain import Trace
from xai.networks.score import Score

Removal = Literal["mean", "zero", "resample"]

DONOR_SEED = 4_000_000  # whose map takes a unit's place by "resample"


@dataclass(frozen=True, eq=False)
class Removals:
    """One poster without each unit of a layer, one at a time.

    effects : (U,), RMS change of the picture, whose range is 2.
    logit : D's logit of the poster as it is. logit_changes : (U,), without the unit minus with it. Both None
        without a score.
    """

    effects: Tensor
    logit: float | None
    logit_changes: Tensor | None


@torch.no_grad()
def removals(
    anatomy: Anatomy,
    z: Tensor,
    layer: str,
    removal: Removal = "mean",
    score: Score | None = None,
    donor: int = DONOR_SEED,
    progress: Progress | None = None,
) -> Removals:
    """Take each unit of a layer away from the poster of ``z`` (1, latent, 1, 1), one at a time.

    ``donor`` is the seed whose map takes the unit's place by "resample".

    Raises
    ------
    ExplanationError
        If there is no such layer or removal, or ``z`` is not one latent.
    """
    trace = one_trace(anatomy, z)
    changes = without(anatomy, trace, layer, removal, donor)
    return compared(anatomy, trace, layer, changes, score, progress)


def one_trace(anatomy: Anatomy, z: Tensor) -> Trace:
    """The trace of one latent; ExplanationError where there are several."""
    if len(z) != 1:
        raise ExplanationError(f"One latent is looked at at a time, not {len(z)}.")
    return anatomy.trace(z)


def without(anatomy: Anatomy, trace: Trace, layer: str, removal: Removal = "mean", donor: int = DONOR_SEED) -> Tensor:
    """What removal adds to each unit's map (U, h, w) of one latent's trace."""
    maps = anatomy.maps(trace, layer)[0]
    if removal == "mean":
        return anatomy.means[layer][:, None, None] - maps
    if removal == "zero":
        return -maps
    if removal == "resample":
        return anatomy.maps(anatomy.trace(donated(anatomy, donor)), layer)[0] - maps
    raise ExplanationError(f"A unit is removed by its mean, zero or resample, not by {removal!r}.")


def donated(anatomy: Anatomy, donor: int) -> Tensor:
    """The latent (1, latent, 1, 1) of a donor's seed; ExplanationError where it is none."""
    if not 0 <= donor < 2**32:
        raise ExplanationError(f"The donor is a seed from 0 to {2**32 - 1}, not {donor}.")
    return latents([donor], ModelConfig(latent=anatomy.latent))


def compared(
    anatomy: Anatomy,
    trace: Trace,
    layer: str,
    changes: Tensor,
    score: Score | None = None,
    progress: Progress | None = None,
) -> Removals:
    """One latent's poster with ``changes`` (U, h, w) added to the units' maps, one unit at a time."""
    effects, logits = [], []
    for units, pictures in anatomy.redraw(trace, layer, changes):
        effects.append((pictures - trace.output).square().mean((1, 2, 3)).sqrt())
        if score is not None:
            logits.append(score(pictures))
        if progress:
            progress(units.stop / len(changes))
    if score is None:
        return Removals(torch.cat(effects), None, None)
    logit = score(trace.output)
    return Removals(torch.cat(effects), float(logit), torch.cat(logits) - logit)
