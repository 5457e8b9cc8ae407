"""Whether G copies its training posters: the rate, the nearest pairs side by side, and the distances behind it.

copies.show(checkpoint, study.copies, loaded=True)
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import plotly.graph_objects as go
import streamlit as st

import gan
from dashboard import charts, sidebar
from dashboard.cached import discriminator
from dashboard.components.sprite_grid import sprite_grid
from dashboard.panels.collection import exports
from xai.collection.copies import pair_words
from xai.render import GREY_HEX, ORANGE_HEX, VIOLET_HEX, sprite

if TYPE_CHECKING:
    from collections.abc import Sequence

    from xai.collection.copies import Copies, Nearness, Pair

TITLES = {"pixels": "By pixels", "features": "By features"}
AXES = {"pixels": "distance in pixels, of 32 × 32", "features": "distance in features of EfficientNet-Lite1"}


def show(checkpoint: gan.Checkpoint, found: Copies, loaded: bool) -> None:
    """All of it. loaded : whether the training posters whose numbers it names are there."""
    st.markdown(found.text)
    for column, (name, nearness) in zip(st.columns(len(found.ways), gap="large"), found.ways.items(), strict=True):
        with column:
            st.subheader(TITLES[name])
            pairs = [pair for pair in found.closest if pair.by == name]
            _show_pairs(checkpoint, pairs, name, loaded)
            exports.show_pairs(checkpoint, pairs, name, loaded)
            _show_distances(nearness, name)
    st.caption("The dashed line has 1% of the held-out posters to its left: what is nearer counts as a near copy.")
    exports.show_distances(checkpoint, found)
    if "features" not in found.ways:
        st.caption('By features they were not compared: pip install -e ".[metrics]".')
    if not loaded:
        st.caption("The training posters are shown where those of the study are loaded.")


def _show_pairs(checkpoint: gan.Checkpoint, pairs: Sequence[Pair], name: str, loaded: bool) -> None:
    """Each seed, and to its right the training poster that is nearest to it; the nearest pair first."""
    drawn = gan.to_uint8(discriminator.pictures(checkpoint, [pair.seed for pair in pairs], True))
    words = [pair_words(pair) for pair in pairs]
    if loaded:
        known = gan.to_uint8(discriminator.pictures(checkpoint, [pair.poster for pair in pairs], False))
        cells = np.stack([drawn, known], 1).reshape(-1, *drawn.shape[1:])
        targets = [
            target for pair in pairs for target in ((sidebar.show_seed, pair.seed), (sidebar.show_poster, pair.poster))
        ]
        notes = [text for text in words for _ in range(2)]
        st.caption("The nearest pairs: the generated poster on the left, the training poster on the right")
    else:
        cells, notes, targets = drawn, words, [(sidebar.show_seed, pair.seed) for pair in pairs]
        st.caption("The generated posters that are nearest to a training poster")

    def choose(place: int) -> None:
        go_to, number = targets[place]
        go_to(number)

    sprite_grid(
        sprite(cells, columns=4), labels=notes, on_pick=choose, key=f"copies_{name}", title="nearest pairs", per_row=4,
        smallest=48, largest=110, most="none",
    )  # fmt: skip


def _show_distances(nearness: Nearness, name: str) -> None:
    """How far generated and held-out posters are from their nearest training posters."""
    found, figure = nearness.histogram, go.Figure()
    for title, parts, colour in (
        ("generated", found.generated, VIOLET_HEX),
        ("held-out", found.held_out, ORANGE_HEX),
    ):
        figure.add_bar(x=found.middles, y=parts, name=title, marker_color=colour, opacity=0.6, width=found.width)
    figure.add_vline(nearness.threshold, line_color=GREY_HEX, line_dash="dash")
    figure.update_layout(barmode="overlay", legend={"orientation": "h", "y": -0.3})
    figure.update_yaxes(tickformat=".0%")
    charts.show(
        figure, "To the nearest training poster", f"copies_distances_{name}", xaxis_title=AXES[name]
    )  # fmt: skip
