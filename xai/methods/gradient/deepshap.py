"""DeepSHAP: DeepLIFT averaged over several references, an approximation of Shapley values.

    DeepShap(Score(discriminator), reference("posters", posters=training)).attribute(images)

Lundberg and Lee 2017, section 4.2.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from gan.progress import Progress
from gan.settings import setting
from xai.methods.base import ENGINE, Attribution, Result, register
from xai.methods.gradient.deeplift import checked_sum
from xai.methods.quiet import quiet
from xai.networks.batches import at_once
from xai.networks.separate import separated

ROWS = 64  # references at once, fewer of large ones


@register
@dataclass(frozen=True, eq=False)
class DeepShap(Attribution):
    """Average DeepLIFT attributions over all K references; with one reference it is DeepLIFT itself.

    ``engine`` "chain" runs the picture once, the references once for all pictures, and the network
    backwards once a reference, without hooks; "shap" and "captum" use these libraries. shap answers for a
    network that is no chain (``config`` says who did).
    """

    name = "deepshap"
    title = "DeepSHAP"
    complete = True
    needs_reference = True
    averages_references = True
    engines = ("chain", "shap", "captum")
    promise = "Each pixel's fair share of {score} (Shapley value), averaged over several reference pictures."
    caveat = "An approximation: pixels are treated as if they were independent of each other."

    engine: str = setting(engines[0], ENGINE, choices=engines)

    def _attribute(self, image: Tensor, progress: Progress) -> Result:
        references = self.reference.of(image)
        if self.used_engine == "chain":
            return self._by_chain(image, references)
        quiet()
        library = _by_shap if self.used_engine == "shap" else _by_captum
        base_score = float(self.score(references).mean())
        values = library(separated(self.score.module(), image), image, references)
        return Result(checked_sum(self, image, values, base_score), base_score)

    def _by_chain(self, image: Tensor, references: Tensor) -> Result:
        chain = self.score.chain
        assert chain is not None  # or another engine is used
        base, trace = self.score.trace(references), chain.trace(image)
        values, count = torch.zeros_like(image), at_once(ROWS, image.shape[2:])
        for start in range(0, len(references), count):
            rows = slice(start, start + count)
            values += (chain.multipliers(trace, base.rows(rows))[0] * (image - references[rows])).sum(0, keepdim=True)
        return Result(values / len(references), float(base.output.mean()), score=float(trace.output))


def _by_shap(network: torch.nn.Module, image: Tensor, references: Tensor) -> Tensor:
    from shap import DeepExplainer

    # The additivity check compares in float32 and with one absolute threshold; the gap is reported.
    values = DeepExplainer(network, references).shap_values(image, check_additivity=False)
    return torch.from_numpy(values[..., 0])


def _by_captum(network: torch.nn.Module, image: Tensor, references: Tensor) -> Tensor:
    from captum.attr import DeepLiftShap

    if len(references) == 1:  # captum wants two at least
        references = references.expand(2, *references.shape[1:])
    values: Tensor = DeepLiftShap(network).attribute(image, references)
    return values.detach()
