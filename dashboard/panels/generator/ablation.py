"""The poster with and without one filter of the generator, side by side.

show_ablation(checkpoint, noise, layer, unit=7)
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import streamlit as st

import gan
from dashboard import ui
from dashboard.cached import filters
from dashboard.components.value_map import value_map
from dashboard.panels.figures import export
from dashboard.panels.generator import contributions
from xai.render import CHANGE, diverging, enlarge_map, limit, overlay

if TYPE_CHECKING:
    from dashboard.subject import Noise
    from xai import Figure
    from xai.generator.ablation import AblatedPicture
    from xai.networks.layers import Layer

ACTION = "see which filters drew this place"


def show_ablation(checkpoint: gan.Checkpoint, noise: Noise, layer: Layer, unit: int) -> None:
    """Four pictures, what changed in a sentence, and what D makes of it."""
    by = st.segmented_control(
        "Ablate by", ["mean", "zero", "resample"], default="mean", required=True, key="removal", bind="query-params",
        help="Mean: held at its average over 64 posters. Zero: switched off, unlike any real state of a busy filter. "
        "Resample: its map in the poster of another seed.",
    )  # fmt: skip
    with ui.error_boundary("The ablation"):
        ablated = filters.effect(checkpoint, noise, layer.name, unit, str(by))
        _show_pictures(ablated, layer.kind in ui.ACTIVATIONS)
        export.show("ablation", lambda: _figure(checkpoint, noise, layer, unit, str(by), ablated))
        words, logit = st.columns([3, 2])
        words.markdown(ablated.text)
        if ablated.score_change is not None:
            logit.metric(
                "D's logit without it", f"{ablated.score_after:+z.2f}", f"{ablated.score_change:+z.2f}", "off",
                help="Above 0: the poster looks more real without this filter.",
            )  # fmt: skip


def _figure(
    checkpoint: gan.Checkpoint, noise: Noise, layer: Layer, unit: int, by: str, found: AblatedPicture
) -> Figure:
    from xai.figures.figure import Source
    from xai.report.filter_figures import of_ablation

    source = Source.of(checkpoint, noise.name, layer=layer.name, filter=unit, ablated_by=by)
    return of_ablation(found, source, f"The poster without filter {unit} of {layer.name} of the generator")


def _show_pictures(ablated: AblatedPicture, measurable: bool) -> None:
    """A row each, so that a narrow screen shows them in this order. Where filters are measured, a click goes on."""
    before, after = gan.to_uint8(ablated.before)[0], gan.to_uint8(ablated.after)[0]
    difference, unit_map = ablated.difference_map.numpy(), ablated.unit_map.numpy()
    large, end = enlarge_map(unit_map, before.shape[:2]), max(limit(difference, 1.0), 1e-6)
    with_it, without_it = st.columns(2)
    with with_it:
        ui.picture(before, "with it")
    with without_it:
        ui.picture(after, f"without it (held at {ablated.removed:.2f})")
    its_map, added = st.columns(2)
    with its_map:
        value_map(
            overlay(before, large, limit(unit_map, 1.0), 0.85, CHANGE), unit_map, "g_map", unit="activation",
            caption="its map over the poster", **_leading(unit_map.shape, measurable),
        )  # fmt: skip
    with added:
        value_map(
            diverging(difference, end, CHANGE), ablated.grey_levels.numpy(), "g_added", unit="grey levels",
            caption=f"{ablated.difference_title}: orange brighter, purple darker",
            **_leading(difference.shape, measurable),
        )  # fmt: skip


def _leading(shape: tuple[int, ...], measurable: bool) -> dict[str, Any]:
    """Where a click on a map of this shape leads, for ``value_map``."""
    if not measurable:
        return {}
    return {"on_pick": lambda row, column: contributions.go_to_region(row, column, *shape), "action": ACTION}
