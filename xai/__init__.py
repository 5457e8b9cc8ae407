"""Explain what a DCGAN has learned.

checkpoint = gan.load("checkpoints/dcgan-64")
score = xai.Score(checkpoint.discriminator)
method = xai.attribution("deepshap", score, reference=xai.reference("grey"))
explanation = method.attribute(images)
trust = xai.examine(method, images, explanation)     # whether to believe it
"""

from xai.errors import ExplanationError
from xai.generator.blame import Blame, blame
from xai.methods import METHODS, attribution
from xai.methods.base import Attribution, Explanation
from xai.methods.references import REFERENCES, Reference, reference
from xai.networks.hooks import activations, capture, edit, private_copy, run_from
from xai.networks.score import Score
from xai.trust.agreement import Agreement, compare
from xai.trust.verdict import Trust, examine

__all__ = [
    "METHODS",
    "REFERENCES",
    "Agreement",
    "Attribution",
    "Blame",
    "Explanation",
    "ExplanationError",
    "Reference",
    "Score",
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
    "run_from",
]
