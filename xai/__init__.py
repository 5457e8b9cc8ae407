"""Explain what a DCGAN has learned.

    checkpoint = gan.load("checkpoints/dcgan-64")
    score = xai.Score(checkpoint.discriminator)
    method = xai.attribution("deepshap", score, reference=xai.reference("grey",))
    explanation = method.attribute(image)               # (1, 3, 64, 64)
    trust = xai.examine(method, image, explanation)     # whether to believe it

A method, a reference, a check and a network of one's own fit in as well (docs/extending.md).

Networks are imported when a name is first used, so that `import xai` costs nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from gan.lazy import imported_on_use

if TYPE_CHECKING:
    from xai.errors import ExplanationError
    from xai.figures.figure import Figure, Source
    from xai.figures.formats import save
    from xai.generator.blame import Blame, blame
    from xai.methods import METHODS, attribution, register
    from xai.methods.base import Attribution, Explanation
    from xai.methods.references import REFERENCES, Reference, reference
    from xai.networks.hooks import activations, capture, edit, private_copy, run_from
    from xai.networks.score import Score
    from xai.trust.agreement import Agreement, compare
    from xai.trust.verdict import Trust, examine
    from xai.widgets.scrubber import scrubber

__all__ = [
    "METHODS",
    "REFERENCES",
    "Agreement",
    "Attribution",
    "Blame",
    "Explanation",
    "ExplanationError",
    "Figure",
    "Reference",
    "Score",
    "Source",
    "Trust",
    "activations",
    "attribution",
    "blame",
    "capture",
    "compare",
    "edit",
    "examine",
    "private_copy",
    "reference",
    "register",
    "run_from",
    "save",
    "scrubber",
]

_HOMES = {
    "xai.errors": ("ExplanationError",),
    "xai.figures.figure": ("Figure", "Source"),
    "xai.figures.formats": ("save",),
    "xai.generator.blame": ("Blame", "blame"),
    "xai.methods": ("METHODS", "attribution", "register"),
    "xai.methods.base": ("Attribution", "Explanation"),
    "xai.methods.references": ("REFERENCES", "Reference", "reference"),
    "xai.networks.hooks": ("activations", "capture", "edit", "private_copy", "run_from"),
    "xai.networks.score": ("Score",),
    "xai.trust.agreement": ("Agreement", "compare"),
    "xai.trust.verdict": ("Trust", "examine"),
    "xai.widgets.scrubber": ("scrubber",),
}

__getattr__ = imported_on_use(__name__, _HOMES)
