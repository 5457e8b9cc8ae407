"""What D compares posters by, layer by layer: colours, layout, genres; beside a network with random weights.

depth.show(study.depth)
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import plotly.graph_objects as go
import streamlit as st

from dashboard import charts
from gan.errors import counted
from xai.collection.similarity.rsa import TITLES
from xai.render import GREEN_HEX, GREY_HEX, ORANGE_HEX, VIOLET_HEX

if TYPE_CHECKING:
    from collections.abc import Sequence

    from xai.collection.similarity.rsa import Depth, LayerProfile

COLOURS = {"colour": ORANGE_HEX, "layout": GREEN_HEX, "hash": GREY_HEX, "genres": VIOLET_HEX}


def show(depth: Depth) -> None:
    """Rank correlation of each layer's distances with those of every property, and what follows from it."""
    st.markdown(depth.text)
    shown = {
        "What is in a poster": (depth.layers, "depth_layers"),
        "What is where": (depth.maps, "depth_maps"),
        "Random weights": (depth.control, "depth_control"),
    }
    for column, (title, (layers, key)) in zip(st.columns(len(shown)), shown.items(), strict=True):
        with column:
            charts.show(
                _figure(layers), title, key, yaxis_title="rank correlation of distances",
                yaxis_range=[-0.05, depth.highest], legend={"orientation": "h", "y": -0.2},
            )  # fmt: skip
    st.caption(
        f"Does a layer put all pairs of {counted(depth.posters, 'poster')} in the same order of similarity as colours, "
        f"layout or genres do? 1: the same order; 0: no relation. Bars: 95 % intervals (jackknife over posters); p by "
        f"{counted(depth.permutations, 'permutation')} of the posters, adjusted for all layers and properties."
    )


def _figure(layers: Sequence[LayerProfile]) -> go.Figure:
    figure = go.Figure()
    for column, name in enumerate(layers[0].properties):
        found = [layer.correlations[column] for layer in layers]
        figure.add_scatter(
            x=[layer.layer for layer in layers], y=[one.value for one in found], mode="lines+markers",
            name=TITLES.get(name, name), line_color=COLOURS[name], error_y=charts.intervals_of(found),
        )  # fmt: skip
    return figure
