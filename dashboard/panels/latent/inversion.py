"""The noise from which the generator draws what is nearest to a real poster.

show_inversion(subject)
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import streamlit as st

import gan
from dashboard import sidebar, ui
from dashboard.cached import latents
from dashboard.panels.latent import exports
from xai.render import CHANGE, diverging, limit

if TYPE_CHECKING:
    from dashboard.subject import Subject
    from xai.latents.inversion import Inversion


def show_inversion(subject: Subject) -> None:
    """Look for the noise from which the generator draws what is nearest to this poster."""
    wanted = st.button("Look for its noise", key="invert")
    if not wanted and not latents.has_inversion(subject):
        st.caption("It can be cancelled; a bar says how long it has taken, and how long it will.")
        return
    slot, cancel = st.empty(), st.empty()
    if not latents.has_inversion(subject):
        cancel.button("Cancel", key="cancel")  # any click ends the run at the bar's next step
    inversion = latents.inversion(subject, ui.progress(slot, "Improving four starts side by side"))
    slot.empty()
    cancel.empty()
    _show_pictures(subject, inversion)
    exports.show_inversion(subject, inversion)
    start = "the encoder's guess" if inversion.start == "encoder" else inversion.start
    st.caption(
        f"{inversion.explained:.0%} of the poster's variance is reproduced ({inversion.psnr:.1f} dB). The search began "
        f"at {start} with an error of {inversion.error_before:.3f} (black to white is 1) and ended at "
        f"{inversion.error:.3f} after {inversion.seconds:.0f} s. The latent's norm is {inversion.norm:.1f}."
    )
    st.button(
        "Take the found poster to all pages", key="keep_found", icon=":material/arrow_forward:",
        on_click=sidebar.show_latent, args=(subject.checkpoint, f"nearest to {subject.name}", inversion.z),
    )  # fmt: skip


def _show_pictures(subject: Subject, inversion: Inversion) -> None:
    residual = inversion.residual_map
    pictures = (
        (subject.pixels, "the poster"),
        (gan.to_uint8(inversion.picture)[0], "the nearest that it can draw"),
        (
            diverging(residual, limit(residual, 1.0), CHANGE),
            "what it cannot draw: orange lighter, purple darker in the poster",
        ),
    )
    for column, (pixels, caption) in zip(st.columns(3), pictures, strict=True):
        with column:
            ui.picture(pixels, caption)
