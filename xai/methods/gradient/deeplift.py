"""DeepLIFT: divide the logit's difference from a reference among the pixels.

    DeepLift(Score(discriminator), reference("grey")).attribute(images)

Shrikumar, Greenside, Kundaje 2017, rescale rule.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from gan.progress import Progress
from gan.settings import setting
from xai.methods.base import ENGINE, Attribution, Result, register
from xai.methods.quiet import quiet
from xai.networks.batches import at_once
from xai.networks.chain import Trace

ROWS = 32  # pictures at once, fewer of large ones: enough for the fast formats, little enough for the caches


@register
@dataclass(frozen=True, eq=False)
class DeepLift(Attribution):
    """Multipliers along the network between the picture and one reference (several are averaged).

    ``engine`` "chain" runs the network backwards by transposed convolutions, without hooks; "captum" uses
    captum, and is what answers for a network that is no chain (``config`` says who did).
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

        base = self.reference.single(image)
        values = CaptumDeepLift(self.score.module()).attribute(image, base)
        return Result(values, float(self.score(base)))
