"""Training: losses, grids over time, figures; live while a run is going."""

from pathlib import Path
from typing import Any

import plotly.graph_objects as go
import streamlit as st

from dashboard import cache, ui
from gan.logger import grid_kimg, read_stats

CURVES = {
    "Losses": {"loss_d": "discriminator", "loss_g": "generator"},
    "Accuracy of D": {"accuracy_d": "on real and generated together"},
    "Distance from real posters (fd_lite1, lower is better)": {"fd_lite1": "held-out posters"},
    "Images a second": {"images_per_second": "speed"},
}

ui.head("Training", "How did the two networks learn, from noise to posters?")
runs = cache.runs()
if not runs:
    st.info("No training log was found. Start a run with scripts/train.py; it shows here while it goes on.")
    st.stop()
with st.container(horizontal=True, vertical_alignment="bottom"):
    name = st.selectbox("Run", list(runs), key="run", bind="query-params", width=320)
    live = st.toggle("Live", key="live", bind="query-params", help="Read the log again every ten seconds.")
run = runs[name]


@st.fragment(run_every="10s" if live else None)
def show() -> None:
    rows = read_stats(run)
    grids = {grid_kimg(path): path for path in sorted((run / "grids").glob("*.png"))}
    if rows:
        last = rows[-1]
        with st.container(horizontal=True):
            st.metric("Posters shown", f"{last['kimg']:.0f} thousand")
            st.metric("Updates", f"{last['step']:,}")
            st.metric("Hours", f"{last['seconds'] / 3600:.2f}")
            judged = [row["fd_lite1"] for row in rows if "fd_lite1" in row]
            st.metric("Best fd_lite1", f"{min(judged):.0f}" if judged else "not judged")
    if grids:
        show_grids(grids)
    show_curves(rows)


def show_grids(grids: dict[float, Path]) -> None:
    st.subheader("The same 64 seeds over time")
    times = list(grids)
    if st.session_state.get("at") not in times:
        st.session_state["at"] = times[-1]
    at = times[0]
    if len(times) > 1:
        at = st.select_slider("Thousand posters shown", times, key="at", format_func=lambda kimg: f"{kimg:g}")
    picture = grids[at].read_bytes()
    st.image(picture, f"after {at:g} thousand posters", width=660)


def show_curves(rows: list[dict[str, Any]]) -> None:
    for column, (title, curves) in zip(st.columns(2) * 2, CURVES.items(), strict=True):
        figure = go.Figure()
        for key, label in curves.items():
            points = [(row["kimg"], row[key]) for row in rows if key in row]
            if points:
                mode = "lines+markers" if len(points) < 40 else "lines"
                figure.add_scatter(x=[p[0] for p in points], y=[p[1] for p in points], name=label, mode=mode)
        figure.update_layout(
            title=title, height=300, margin={"l": 10, "r": 10, "t": 40, "b": 10}, showlegend=len(curves) > 1,
            legend={"x": 1, "xanchor": "right", "y": 1}, yaxis_rangemode="tozero", xaxis_title="thousand posters shown",
        )  # fmt: skip
        with column:
            if figure.data:
                st.plotly_chart(figure, key=title)
            else:
                st.caption(f"{title}: not measured in this run.")


show()
