"""Which filters of D answer alike to posters that are alike; beside a network with random weights.

filters.show(study.filters, checkpoint.name)
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import plotly.graph_objects as go
import streamlit as st

from dashboard import charts
from dashboard.panels import unit_table
from dashboard.panels.unit_table import Column
from gan.errors import counted
from xai.render import GREY_HEX, VIOLET_HEX

if TYPE_CHECKING:
    from collections.abc import Sequence

    from xai.collection.similarity.filter_agreement import Agreement, Alike, FilterAgreement

MEASURES = {"In the same places": "maps", "Equally strongly": "strength"}
Z = "Standard errors by which they agree more"
COLUMNS = {
    "layer": Column("Layer", 76),
    "unit": Column("Filter", 52),
    "visual_maps": Column("Looks, places", 100, "%.1f", f"{Z} on posters that look alike: patterns of maps."),
    "visual_strength": Column("Looks, strength", 110, "%.1f", f"{Z} on posters that look alike: mean responses."),
    "semantic_maps": Column("Genres, places", 105, "%.1f", f"{Z} on posters of the same genres: patterns of maps."),
    "semantic_strength": Column("Genres, strength", 115, "%.1f", f"{Z} on posters of the same genres: mean responses."),
    "semantic_maps_found": Column("Places found", 95, None, "Beyond chance among all filters, on genres."),
    "semantic_strength_found": Column("Strength found", 105, None, "Beyond chance among all filters, on genres."),
    unit_table.LINK: Column("Link", 54, None, "Opens this filter on the Discriminator page."),
    "visual_maps_more": Column("Looks, correlation", 120, "%+.3f", "By how much maps correlate more."),
    "semantic_maps_more": Column("Genres, correlation", 125, "%+.3f", "By how much maps correlate more."),
}


def show(found: FilterAgreement, checkpoint: str) -> None:
    """By how much more filters agree on similar posters than on others, by layer, and a table of all filters."""
    st.markdown(found.text)
    measure = st.segmented_control(
        "Filters answer", list(MEASURES), default="Equally strongly", required=True, key="c_agree", bind="query-params"
    )
    compared = {"Posters that look alike": (found.trained.visual, found.control.visual)}
    if found.trained.semantic is not None and found.control.semantic is not None:
        compared["Posters of the same genres"] = found.trained.semantic, found.control.semantic
    for column, (title, both) in zip(st.columns(len(compared)), compared.items(), strict=True):
        trained, control = (_measured(alike, MEASURES[measure]) for alike in both)
        with column:
            charts.show(
                _figure(found.layers, trained, control), title, f"agree_{title}",
                yaxis_title="agree more by", boxmode="group", legend={"orientation": "h", "y": -0.2},
            )  # fmt: skip
    unit_table.show(found.rows(), COLUMNS, "c_filters", "discriminator", "d", checkpoint)
    st.caption(_explained(found))


def _measured(alike: Alike, name: str) -> Agreement:
    return alike.maps if name == "maps" else alike.strength


def _figure(layers: Sequence[str], trained: Agreement, control: Agreement) -> go.Figure:
    figure = go.Figure()
    for name, one, colour in (("this discriminator", trained, VIOLET_HEX), ("random weights", control, GREY_HEX)):
        figure.add_box(x=layers, y=one.more, name=name, marker_color=colour, boxpoints=False)
    return figure


def _explained(found: FilterAgreement) -> str:
    seen, about = found.visual, found.semantic
    genres = (
        ""
        if about is None
        else f" {counted(about.pairs, 'pair')} of the same genres are compared with pairs without a common genre that "
        "are as far from each other in mean colour, colours and layout, so that none of these three explains it."
    )
    return (
        f"{counted(seen.pairs, 'pair')} of posters that look alike are compared with the same posters in other pairs."
        f"{genres} Boxes: half of a layer's filters; 0: no more than on other pairs. In places 1 is the same map; in "
        "strength 1 is the same response. The table has each filter's difference in standard errors; a heading sorts "
        "it. What is found is beyond chance among all filters."
    )
