"""DeepLIFT: divide the logit's difference from a reference among the pixels.

    DeepLift(Score(discriminator), reference("grey")).attribute(images)

Shrikumar, Greenside, Kundaje 2017, rescale rule.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from gan.progress import Progress
from gan.settings import setting
from xai.errors import ExplanationError
from xai.methods.base import ENGINE, Attribution, Result, register
from xai.methods.quiet import quiet
from xai.networks.batches import at_once
from xai.networks.chain import Trace
from xai.networks.separate import separated, unsupported

LARGEST_GAP, ROUNDING = 0.05, 1e-3  # of the scores' difference, and of the sum of all absolute values
ROWS = 32  # pictures at once, fewer of large ones: enough for the fast formats, little enough for the caches


@register
@dataclass(frozen=True, eq=False)
class DeepLift(Attribution):
    """Multipliers along the network between the picture and one reference (several are averaged).

    ``engine`` "chain" runs the network backwards by transposed convolutions, without hooks; "captum" uses
    captum, and is what answers for a network that is no chain (``config`` says who did), of which each call of an
    activation function becomes a module first; where the sums are wrong nevertheless, it is an error.
    """

    name = "deeplift"
    title = "DeepLIFT"
    complete = True
    needs_reference = True
    engines = ("chain", "captum")
    promise = "How much each pixel adds to or takes from {score}, compared with the reference picture."
    caveat = "Another reference gives another map, and neighbouring pixels may cancel each other out."

    engine: str = setting(engines[0], ENGINE, choices=engines)

    def _attribute_all(self, images: Tensor, progress: Progress) -> list[Result]:
        if self.used_engine != "chain":
            return super()._attribute_all(images, progress)
        results: list[Result] = []
        for batch in torch.split(images, at_once(ROWS, images.shape[2:])):
            results += self._by_chain(batch)
            progress(len(results) / len(images))
        return results

    def _by_chain(self, images: Tensor) -> list[Result]:
        chain = self.score.chain
        assert chain is not None  # or another engine is used
        references = torch.cat([self.reference.single(image[None]) for image in images])
        base = self._traced(references)
        trace = chain.trace(images)
        values = chain.multipliers(trace, base)[0] * (images - references)
        scores, base_scores = trace.output[:, 0].tolist(), base.output[:, 0].expand(len(images)).tolist()
        return [Result(v[None], b, score=s) for v, b, s in zip(values, base_scores, scores, strict=True)]

    def _traced(self, references: Tensor) -> Trace:
        """The references' trace; one row, remembered, where they are all the same."""
        if bool((references == references[:1]).all()):
            return self.score.trace(references[:1])
        assert self.score.chain is not None
        return self.score.chain.trace(references)

    def _attribute(self, image: Tensor, progress: Progress) -> Result:
        quiet()
        from captum.attr import DeepLift as CaptumDeepLift

        base, network = self.reference.single(image), separated(self.score.module(), image)
        values: Tensor = CaptumDeepLift(network).attribute(image, base).detach()
        return Result(checked_sum(self, image, values, float(self.score(base))), float(self.score(base)))


def checked_sum(method: Attribution, image: Tensor, values: Tensor, base_score: float) -> Tensor:
    """A library's values, if they add up to the difference of the scores.

    Raises
    ------
    ExplanationError
        If they do not, because the network holds what the rules do not know; it names that.
    """
    difference = float(method.score(image)) - base_score
    gap = abs(difference - float(values.sum()))
    if not math.isfinite(gap) or gap <= max(LARGEST_GAP * abs(difference), ROUNDING * float(values.abs().sum())):
        return values
    unknown = unsupported(method.score.module())
    because = f"its rules do not know {', '.join(unknown)}" if unknown else "it cannot see all that is computed"
    raise ExplanationError(
        f"{method.title} gives wrong sums for this network, {gap:.2g} off the difference of {difference:+z.2g}: "
        f"{because}. "
        f"Integrated gradients and the perturbation methods work for any network."
    )
