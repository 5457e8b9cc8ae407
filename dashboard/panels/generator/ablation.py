"""The poster with and without one filter of the generator, side by side.

show_ablation(checkpoint, noise, layer, unit=7)
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import streamlit as st

import gan
from dashboard import ui
from dashboard.cached import filters
from xai.render import CHANGE, diverging, enlarge_map, limit, overlay, response

if TYPE_CHECKING:
    from dashboard.subject import Noise
    from xai.generator.ablation import AblatedPicture
    from xai.networks.layers import Layer


def show_ablation(checkpoint: gan.Checkpoint, noise: Noise, layer: Layer, unit: int) -> None:
    """Four pictures, what D makes of it, and the filter's map."""
    by = st.segmented_control(
        "Ablate by", ["mean", "zero", "resample"], default="mean", required=True, key="removal", bind="query-params",
        help="Mean: held at its average over 64 posters. Zero: switched off, unlike any real state of a busy filter. "
        "Resample: its map in the poster of another seed.",
    )  # fmt: skip
    with ui.error_boundary("The ablation"):
        ablated = filters.effect(checkpoint, noise, layer.name, unit, str(by))
        _show_pictures(ablated)
        if ablated.score_change is not None:
            st.metric(
                "D's logit without it", f"{ablated.score_after:+.2f}", f"{ablated.score_change:+.2f}", "off",
                help="Above 0: the poster looks more real without this filter.",
            )  # fmt: skip
        unit_map = ablated.unit_map.numpy()
        with st.expander("The map alone"):
            ui.picture(response(unit_map, limit(unit_map, 1.0)), f"{layer.height} × {layer.width} values")


def _show_pictures(ablated: AblatedPicture) -> None:
    before, after = gan.to_uint8(ablated.before)[0], gan.to_uint8(ablated.after)[0]
    difference, unit_map = ablated.difference_map.numpy(), ablated.unit_map.numpy()
    large, end = enlarge_map(unit_map, before.shape[:2]), max(limit(difference, 1.0), 1e-6)
    pictures = (  # a row each, so that a narrow screen shows them in this order
        (before, "with it"),
        (after, f"without it (held at {ablated.removed:.2f})"),
        (overlay(before, large, limit(unit_map, 1.0), 0.85, CHANGE), "its map over the poster"),
        (diverging(difference, end, CHANGE), f"what it adds: orange brighter, purple darker, at most {end:.2g}"),
    )
    for row in (pictures[:2], pictures[2:]):
        for column, (shown, caption) in zip(st.columns(2), row, strict=True):
            with column:
                ui.picture(shown, caption)
