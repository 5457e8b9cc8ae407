"""Explain what a DCGAN has learned.

checkpoint = gan.load("checkpoints/dcgan-64")
score = xai.Score(checkpoint.discriminator)
method = xai.attribution("deepshap", score, reference=xai.reference("grey"))
explanation = method.attribute(images)
trust = xai.examine(method, images, explanation)     # whether to believe it
"""

from xai.agreement import Agreement, compare
from xai.attribution import Attribution, Explanation
from xai.blame import Blame, blame
from xai.errors import ExplanationError
from xai.hooks import activations, capture, edit, private_copy, run_from
from xai.methods import METHODS, attribution
from xai.reference import REFERENCES, Reference, reference
from xai.score import Score
from xai.trust import Trust, examine

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
