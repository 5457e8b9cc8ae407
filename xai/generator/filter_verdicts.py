"""The rule by which a filter (unit) of a generator is called essential, useful, redundant, constant, dead or harmful.

    indices, confidence = verdicts(moments, partners, effects)         # of one layer's units
    VERDICTS[indices[0]], confidence[0]                                # "useful", 0.98

``xai.generator.filter_study`` measures the evidence; RULE says the rule in words.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from gan.evaluation.estimates import weighted_t

Verdict = Literal["essential", "useful", "redundant", "constant", "dead", "harmful"]

VERDICTS: tuple[Verdict, ...] = ("dead", "constant", "harmful", "redundant", "essential", "useful")
RESAMPLES = 400  # of the bootstrap

DEAD = 1e-6  # a unit that never gets above this
CONSTANT_SPREAD = 0.02  # a constant unit's spread, as a part of the layer's, root mean square
REDUNDANT_CORRELATION = 0.7  # a redundant unit's correlation with another, at least, without regard to sign
INVISIBLE_EFFECT = 1.0  # grey levels: what a redundant unit's replacement may cost
ESSENTIAL_EFFECT = 4.0  # grey levels
HARMFUL_CHANGE = 0.02  # of the spread of D's logits
LEVEL = 0.99  # of the intervals
RULE = (  # a table that was measured by another rule is not read (FilterTable.beside), so its wording stays
    f"Dead: never above {DEAD:g}. Constant: its standard deviation over posters and places is below "
    f"{CONSTANT_SPREAD:.0%} of what is usual in its layer (root mean square). Harmful: D's logit is higher without it, "
    f"by more than {HARMFUL_CHANGE:.0%} of the logits' spread, and the {LEVEL:.0%} interval does not reach 0. "
    f"Redundant: correlation of at least {REDUNDANT_CORRELATION} with another unit of the layer, and with a multiple "
    f"of that one in its place the picture differs by at most {INVISIBLE_EFFECT:g} grey level. Essential: the picture "
    f"changes by {ESSENTIAL_EFFECT:g} grey levels or more without it. "
    "Useful: all others. The first that fits is taken. A unit is away when it is held at its mean; differences of "
    "pictures are root mean squares."
)


@dataclass(frozen=True, eq=False)
class ActivationMoments:
    """Of a layer's activations.

    usual : (U,), a number near each mean; moments are taken about it, so that nothing is lost of the variance of a
        unit that is always on. mean, square, largest, active : (N, U) by latent. products : (U, U) covariances.
    """

    usual: Tensor
    mean: Tensor
    square: Tensor
    largest: Tensor
    active: Tensor
    products: Tensor


@dataclass(frozen=True, eq=False)
class Partners:
    """By unit (U,): the most correlated other one, the correlation, and the line from the other to it."""

    partner: Tensor
    correlation: Tensor
    factor: Tensor
    offset: Tensor


@dataclass(frozen=True, eq=False)
class UnitEffects:
    """By latent and unit: changes of the picture (grey levels) and of the logit (N, U); with the twin (R, U).

    logits : (N,) of the posters as they are; NaN, as their changes, without a discriminator.
    """

    picture: Tensor
    logit: Tensor
    replaced: Tensor
    logits: Tensor


def verdicts(
    moments: ActivationMoments, partners: Partners, effects: UnitEffects
) -> tuple[NDArray[np.intp], NDArray[np.floating]]:
    """Indices into VERDICTS (U,) by RULE, and the fraction (U,) of bootstrap resamples over latents with the same."""
    count = len(effects.logits)
    resamples = torch.as_tensor(np.random.default_rng(0).multinomial(count, np.full(count, 1 / count), RESAMPLES))
    [measured] = apply_rule(torch.ones(1, count, dtype=torch.double), moments, partners, effects)
    return measured, (apply_rule(resamples.double(), moments, partners, effects) == measured).mean(0)


def apply_rule(
    weights: Tensor, moments: ActivationMoments, partners: Partners, effects: UnitEffects
) -> NDArray[np.intp]:
    """Indices into VERDICTS (B, U) by RULE, where latent n counts ``weights`` (B, N) times."""
    tried = weights[:, : len(effects.replaced)]
    spread = spread_of(weights, moments)
    effect = weights @ effects.picture / weights.sum(1, keepdim=True)
    replaced = tried @ effects.replaced / tried.sum(1, keepdim=True).clamp_min(1)
    change, half = weighted_t(weights, effects.logit, LEVEL)
    usual = spread.square().mean(1, keepdim=True).sqrt()
    tests = [
        weights @ (moments.largest > DEAD).double() == 0,
        spread <= CONSTANT_SPREAD * usual,
        (change - half > 0) & (change > HARMFUL_CHANGE * effects.logits.std()),
        (partners.correlation.abs() >= REDUNDANT_CORRELATION) & (replaced <= INVISIBLE_EFFECT),
        effect >= ESSENTIAL_EFFECT,
        torch.ones_like(effect, dtype=torch.bool),
    ]
    return torch.stack(tests).double().argmax(0).numpy()  # the first that is true


def spread_of(weights: Tensor, moments: ActivationMoments) -> Tensor:
    """Standard deviations (B, U) over latents and places."""
    total = weights.sum(1, keepdim=True)
    variance = weights @ moments.square / total - (weights @ moments.mean / total).square()
    return variance.clamp_min(0).sqrt()
