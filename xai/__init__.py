"""Explain what a DCGAN has learned.

checkpoint = gan.load("checkpoints/dcgan-64")
score = xai.Score(checkpoint.discriminator)
method = xai.attribution("deepshap", score, reference=xai.reference("grey"))
explanation = method.attribute(images)
"""

from xai.attribution import Attribution, Explanation
from xai.errors import ExplanationError
from xai.hooks import activations, capture, edit, private_copy, run_from
from xai.methods import METHODS, attribution
from xai.reference import REFERENCES, Reference, reference
from xai.score import Score

__all__ = [
    "METHODS",
    "REFERENCES",
    "Attribution",
    "Explanation",
    "ExplanationError",
    "Reference",
    "Score",
    "activations",
    "attribution",
    "capture",
    "edit",
    "private_copy",
    "reference",
    "run_from",
]
