"""Plotly charts in the dashboard's one look; their colours come from xai.render.

charts.show(charts.bars(values, names), "Filters pruned", key="pruned", x="percent")
charts.show_signed(contributions, "filter", "Filters that contribute most", x="contribution to the logit")
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any

import plotly.graph_objects as go
import streamlit as st

from dashboard.text import plain_label
from xai.render import CHANGE, GREY_HEX, ORANGE_HEX, PALE_HEX, VIOLET_HEX, Scale

if TYPE_CHECKING:
    from gan.evaluation.estimates import Estimate

MARGIN = {"l": 10, "r": 10, "t": 40, "b": 10}
ROW = 23  # pixels of height for a bar
MOST = 12  # bars of signed numbers


def show(
    figure: go.Figure, title: str, key: str, *, on_pick: Callable[[int], None] | None = None, **layout: Any
) -> None:
    """Draw a figure; ``on_pick`` is called with the number of the point that was clicked."""
    layout = {"height": 320} | layout
    figure.update_layout(title={"text": plain_label(title), "font": {"size": 14}}, margin=MARGIN, **layout)
    if on_pick is None:
        st.plotly_chart(figure, key=key, config={"displayModeBar": False})
        return

    def picked() -> None:
        points = st.session_state[key].selection.point_indices
        if points:
            on_pick(points[0])

    st.plotly_chart(figure, key=key, on_select=picked, selection_mode="points", config={"displayModeBar": False})


def bars(values: Any, names: Sequence[str], margins: Any = None, colour: Any = VIOLET_HEX) -> go.Figure:
    """Horizontal bars from the top down; ``margins`` are Plotly's for their intervals."""
    figure = go.Figure(
        go.Bar(
            x=values, y=[plain_label(name) for name in names], orientation="h", marker_color=colour,
            error_x=None if margins is None else margins | {"color": ORANGE_HEX},  # seen on bars and on both themes
        )
    )  # fmt: skip
    figure.update_yaxes(autorange="reversed")
    return figure


def intervals(values: Iterable[float], lows: Iterable[float], highs: Iterable[float]) -> dict[str, Any]:
    """Plotly's error bars from values to the ends of their intervals."""
    ends = list(zip(values, lows, highs, strict=True))
    array, below = [high - value for value, _, high in ends], [value - low for value, low, _ in ends]
    return {"type": "data", "symmetric": False, "array": array, "arrayminus": below, "thickness": 1}


def intervals_of(estimates: Sequence[Estimate]) -> dict[str, Any]:
    """The same of estimates."""
    return intervals(*zip(*((one.value, one.low, one.high) for one in estimates), strict=True))


def signed_bars(values: Sequence[float], names: Sequence[str], scale: Scale = CHANGE) -> go.Figure:
    """Horizontal bars in the colours of ``scale``, from the top down."""
    below, above = scale.hex
    return bars(values, names, colour=[above if value > 0 else below for value in values])


def show_signed(
    values: Any, kind: str, title: str, x: str, scale: Scale = CHANGE, follow: Callable[[int], None] | None = None
) -> None:
    """The largest of many signed numbers (a tensor), by size, in the colours of ``scale``.

    ``follow`` is told which is clicked.
    """
    order = values.abs().argsort(descending=True)[:MOST].tolist()
    figure = signed_bars([float(values[index]) for index in order], [f"{kind} {index}" for index in order], scale)
    on_pick = None if follow is None else lambda place: follow(order[place])
    show(figure, title, title, on_pick=on_pick, xaxis_title=x, height=80 + ROW * len(order))


def waterfall(names: Sequence[str], values: Sequence[float], scale: Scale) -> go.Figure:
    """Horizontal bars from the top down: where it starts, changes each from where the one above ends, where it ends."""
    below, above = ({"marker": {"color": colour}} for colour in scale.hex)
    figure = go.Figure(
        go.Waterfall(
            x=values, y=[plain_label(name) for name in names], orientation="h", decreasing=below, increasing=above,
            measure=["absolute", *["relative"] * (len(names) - 2), "total"], totals={"marker": {"color": GREY_HEX}},
            connector={"line": {"color": GREY_HEX, "width": 1}}, hovertemplate="%{y}: %{delta:+z.3f}<extra></extra>",
        )
    )  # fmt: skip
    figure.update_yaxes(autorange="reversed")
    return figure


def matrix(values: Any, names: Sequence[str], texts: Any) -> go.Figure:
    """Values from -1 to 1 between pairs of ``names``, each cell with its text."""
    labels, (below, above) = [plain_label(name) for name in names], CHANGE.hex
    figure = go.Figure(
        go.Heatmap(
            z=values, x=labels, y=labels, text=texts, texttemplate="%{text}", textfont={"size": 12}, zmin=-1, zmax=1,
            colorscale=[[0, below], [0.5, PALE_HEX], [1, above]], showscale=False, hoverinfo="x+y+text",
        )
    )  # fmt: skip
    figure.update_yaxes(autorange="reversed")
    return figure
