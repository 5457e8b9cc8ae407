"""DeepSHAP: DeepLIFT averaged over several references, an approximation of Shapley values.

    DeepShap(Score(discriminator), reference("posters", posters=training)).attribute(images)

Lundberg and Lee 2017, section 4.2; computed by shap.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from xai.attribution import Attribution, Progress, Share
from xai.methods._quiet import quiet


@dataclass(frozen=True, eq=False)
class DeepShap(Attribution):
    """Average DeepLIFT shares over all K references; with one reference it is DeepLIFT itself."""

    name = "deepshap"
    title = "DeepSHAP"
    complete = True
    needs_reference = True
    promise = "Each pixel's fair share of the logit, averaged over several reference pictures."
    caveat = "Fair only approximately: pixels are treated as if they were independent of each other."

    def _attribute(self, image: Tensor, progress: Progress) -> Share:
        quiet()
        from shap import DeepExplainer

        references = self.reference.of(image)
        # The additivity check compares in float32 and with one absolute threshold; the gap is reported.
        values = DeepExplainer(self.score.module(), references).shap_values(image, check_additivity=False)
        return Share(torch.from_numpy(values[..., 0]), float(self.score(references).mean()))
