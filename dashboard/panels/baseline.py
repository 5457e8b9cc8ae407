"""The choice of what a poster is compared with, the same on all pages.

kind, own = baseline.choose(checkpoint)
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from dashboard import sidebar, ui
from dashboard.cached import explanations
from dashboard.cached.explanations import COUNT as COUNT
from xai import REFERENCES

if TYPE_CHECKING:
    import gan
    from dashboard.subject import Uploaded


def choose(checkpoint: gan.Checkpoint) -> tuple[str, Uploaded | None]:
    """A select box of the references that can be had: its kind, and the uploaded pictures."""
    own = sidebar.uploaded_references(checkpoint)
    available = explanations.references(checkpoint, own is not None)
    kind = ui.choose(
        "Baseline (reference)", available, explanations.usual_reference(available),
        lambda kind: REFERENCES[kind].words, "reference", keep=True, width=260,
        help="A map says why the score differs from that of the baseline. Another baseline, another answer.",
    )  # fmt: skip
    return kind, own
