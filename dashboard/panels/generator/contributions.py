"""From latent dimensions to filters to pixels: what drives what, and what contributes to a region of the poster.

show_inputs(checkpoint, noise, "layers.5", unit=7, pixels=pixels)
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import streamlit as st

from dashboard import charts, ui
from dashboard.cached import filters
from dashboard.components import arrival
from dashboard.panels import unit_card
from dashboard.panels.generator import exports
from dashboard.panels.generator.painting import choose_region, set_region
from xai.generator.contributions import LATENT, correlation
from xai.generator.regions import box_of
from xai.render import CHANGE, limit, overlay

if TYPE_CHECKING:
    import gan
    from dashboard.subject import Noise

DRIVEN = "What a dimension drives"  # the section that a bar of a latent dimension leads to
REGION = "What contributes to this region"
LEAST_REGION = 1 / 8  # of the picture's sides, around a pixel that was clicked
PER_UNIT = "change of the mean response per unit of latent value"


def show_inputs(checkpoint: gan.Checkpoint, noise: Noise, layer: str, unit: int, pixels: Any) -> None:
    """Which latent dimensions drive a filter, and which pixels it contributes to."""
    gradients = filters.latent_gradients(checkpoint, noise)
    left, right = st.columns(2)
    with left:
        title = f"Latent dimensions that drive filter {unit}"
        charts.show_signed(gradients.units[layer][:, unit], "dimension", title, PER_UNIT, follow=_go_to_dimension)
        st.caption("Click a bar to see what that dimension drives.")
    with right:
        first_order = filters.contributions(checkpoint, noise, layer, "jacobian")
        _show_pixels(first_order.pixel_map(unit).numpy(), pixels, "the pixels that it contributes to")
        ablated = filters.contributions(checkpoint, noise, layer, "ablation")
        st.caption(
            f"By the exact Jacobian. Over all filters of {layer}, first-order estimates correlate "
            f"{correlation(first_order, ablated):z.3f} with actual ablation."
        )
    exports.show_drivers(checkpoint, noise, (gradients, first_order), layer, unit)


def show_driven(checkpoint: gan.Checkpoint, noise: Noise, layer: str, pixels: Any) -> None:
    """Which filters a latent dimension drives, and which pixels it changes."""
    gradients, most = filters.latent_gradients(checkpoint, noise), checkpoint.config.latent - 1
    ui.clamp("dimension", most)
    index = int(st.number_input("Latent dimension", 0, most, key="dimension", bind="query-params"))
    left, right = st.columns(2)
    with left:
        title = f"Filters of {layer} that dimension {index} drives"
        charts.show_signed(gradients.units[layer][index], "filter", title, PER_UNIT, follow=_go_to_unit)
        st.caption("Click a bar to choose that filter.")
    with right:
        _show_pixels(gradients.pixel_map(index).numpy(), pixels, "the pixels that it changes")
        first_order = filters.contributions(checkpoint, noise, LATENT, "jacobian")
        ablated = filters.contributions(checkpoint, noise, LATENT, "ablation")
        st.caption(
            "By the exact Jacobian. Over all latent dimensions, first-order estimates correlate "
            f"{correlation(first_order, ablated):z.3f} with actually setting values to 0."
        )
    exports.show_driven(checkpoint, noise, gradients, layer, index)


def show_region(checkpoint: gan.Checkpoint, noise: Noise, layer: str, pixels: Any) -> None:
    """Which filters and which latent dimensions contribute to a region."""
    picture, lists = st.columns([2, 3], gap="large")
    with picture:
        box = choose_region(pixels, "region")
    units, latent = (filters.contributions(checkpoint, noise, where, "jacobian") for where in (layer, LATENT))
    ablated = [filters.contributions(checkpoint, noise, where, "ablation") for where in (layer, LATENT)]
    with lists:
        x = "proportion of the changes inside the box"
        title = f"Filters of {layer} that contribute most"
        charts.show_signed(units.proportions(box), "filter", title, x, follow=_go_to_unit)
        title = "Latent dimensions that contribute most"
        charts.show_signed(latent.proportions(box), "dimension", title, x, follow=_go_to_dimension)
        st.caption(
            "Click a bar to go to that filter or dimension. By the exact Jacobian, compared with each filter's mean "
            "and with a latent value of 0. Inside the box, these first-order estimates correlate "
            f"{correlation(units, ablated[0], box):z.3f} with actual ablation of filters, and "
            f"{correlation(latent, ablated[1], box):z.3f} with actually setting values to 0."
        )
    exports.show_region(checkpoint, noise, (units, latent), box, pixels)


def go_to_region(row: int, column: int, height: int, width: int) -> None:
    """Ask what contributes to a place of a map of ``height`` x ``width``, and around a small one (for callbacks)."""
    st.session_state["lab"] = REGION
    arrival.call("analyses")
    set_region("region", box_of(row, column, height, width, LEAST_REGION))


def _show_pixels(pixel_map: Any, pixels: Any, caption: str) -> None:
    ui.picture(overlay(pixels, pixel_map, limit(pixel_map, 1.0), 0.9, CHANGE), caption)


def _go_to_unit(unit: int) -> None:
    st.session_state["g_unit"] = unit
    unit_card.go_to()


def _go_to_dimension(index: int) -> None:
    st.session_state["lab"] = DRIVEN
    st.query_params["dimension"] = str(index)  # its box is not on the page yet
    st.session_state["dimension"] = index
