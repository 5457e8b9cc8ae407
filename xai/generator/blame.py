"""What gave this fake away: D's logit of a generated poster, attributed to the latent and to G's filters.

    blamed = blame(generator, discriminator, latents([7], config), latents(range(100, 116), config))
    blamed.latents            # (100,) what each latent dimension adds to the logit, compared with the other posters
    blamed.units["layers.5"]  # (256,) what each filter of a layer adds

G and D are one chain, so DeepLIFT's multipliers reach every layer of G in one backward pass, and in every
layer the attributions add up to the same difference (Shrikumar et al. 2017; averaged over references as by
Lundberg and Lee 2017).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from torch import Tensor

from gan.networks.dcgan import Discriminator, Generator
from xai.errors import ExplanationError
from xai.generator.folded import activation_outputs
from xai.networks.fast_generator import check_latents
from xai.networks.score import Score


@dataclass(frozen=True, eq=False)
class Blame:
    """Signed attributions of the logit's difference from the references' mean, negative where they speak for fake.

    latents : (latent,). units : by layer of G (after its activation function), (U,).
    gaps : by layer, and "latents": ``score`` - ``base_score`` minus the sum of the attributions.
    """

    latents: Tensor
    units: Mapping[str, Tensor]
    score: float
    base_score: float
    gaps: Mapping[str, float]


def blame(generator: Generator, discriminator: Discriminator, z: Tensor, references: Tensor) -> Blame:
    """Attribute D's logit of the poster of ``z`` (1, latent, 1, 1), compared with ``references`` (K, latent, 1, 1).

    Raises
    ------
    ExplanationError
        If shapes do not fit, or a network holds modules that a chain does not know.
    """
    score = Score.of_latents(generator, discriminator)
    check_latents(z, 1, generator)
    check_latents(references, None, generator)
    if score.chain is None:
        raise ExplanationError("These networks hold modules that attributions cannot be traced through.")
    trace, base = score.chain.trace(z), score.chain.trace(references)
    places = {"latents": 0} | activation_outputs(score.chain, "generator.")
    multipliers = score.chain.multipliers(trace, base, list(places.values()))
    attributions = {
        name: (multipliers[place] * (trace.before[place] - base.before[place])).mean(0).sum((1, 2))
        for name, place in places.items()
    }
    logit, usual = float(trace.output), float(base.output.mean())
    gaps = {name: logit - usual - float(values.sum()) for name, values in attributions.items()}
    return Blame(attributions.pop("latents"), attributions, logit, usual, gaps)
