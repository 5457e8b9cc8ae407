"""Prune: which filters can go, what it costs, what it saves; take the smaller generator home."""

import plotly.graph_objects as go
import streamlit as st

import gan
from dashboard import sidebar, ui
from dashboard.cached import filters, networks, pruning
from dashboard.components.sprite_grid import sprite_grid
from dashboard.pages import PAGES
from dashboard.subject import require
from xai.render import data_uri, sprite

RANKINGS = {
    "effect": "least effect on the picture first",
    "duplicates": "filters that the others can best replace first",
    "norm": "filters that are read with the smallest weights first",
    "random": "at random, for comparison",
}
COLOURS = {"effect": "#c2410c", "duplicates": "#1d4ed8", "norm": "#15803d", "random": "#888888"}
SEEDS = 12
SHARE, THRESHOLD = "share", "threshold"
USUAL, MOST = 20, 90  # percent

ui.head(PAGES["prune"])
subject = require("generator")
checkpoint = subject.checkpoint
study = pruning.pruning_study(checkpoint)
table = filters.filters_table(checkpoint)
rankings = [name for name in RANKINGS if name != "effect" or table is not None]


def carry_over() -> None:
    """Set the slider that is not on the page, and may come now, to what the other one took away."""
    share, shown = st.session_state["_taken"]
    if shown == "threshold":
        other, value = "percent", share
    else:
        other, value = "threshold", 0.0 if table is None else table.threshold_at(share)
    st.session_state[other] = value
    st.query_params[other] = str(value)  # which a slider that is not on the page leaves as it is


with st.container(horizontal=True, vertical_alignment="bottom"):
    ranking = ui.choose(
        "Take away", rankings, rankings[0], lambda name: RANKINGS[name], "ranking", width=380, on_change=carry_over
    )
    studied = table if ranking == "effect" else None
    told = studied is not None and st.segmented_control(
        "Set", [SHARE, THRESHOLD], default=SHARE, required=True, key="set", bind="query-params", on_change=carry_over,
        help="The share of the filters that go, or the effect below which a filter goes. The other one follows.",
    )  # fmt: skip
    by_threshold = told == THRESHOLD
    if studied is not None and by_threshold:
        most = max(5.0, studied.threshold_at(MOST))
        ui.clamp("threshold", most)
        threshold = st.slider(
            "All that change the poster by less than", 0.0, most, studied.threshold_at(USUAL), 0.01,
            "%.2f grey levels", key="threshold", bind="query-params", width=300,
            help="Rounded to a whole percent of the filters.",
        )  # fmt: skip
        below = studied.percent_below(threshold)
        percent = min(below, MOST)
    else:
        percent = st.slider("Percent of the filters", 0, MOST, USUAL, key="percent", bind="query-params", width=300)
st.session_state["_taken"] = percent, "threshold" if by_threshold else "percent"
if by_threshold:
    st.caption(f"That is {percent}% of the filters" + (", the most that can be taken away." if below > MOST else "."))
elif studied is not None and percent:
    least = studied.effect_at(percent)
    st.caption(f"That is all filters that change the poster by {least:.2f} grey levels or less.")
if table is None:
    st.caption(
        "Least effect first, the usual order, comes when the filters are measured: Generator page, *All filters*."
    )
smaller = pruning.pruned(checkpoint, ranking, percent)
before, after = pruning.costs(checkpoint, ranking, percent)


def change(key: str) -> str:
    """Of a cost, in percent."""
    return f"{getattr(after, key) / getattr(before, key) - 1:.0%}"


with st.container(horizontal=True):
    gone = sum(smaller.removed.values())
    st.metric("Filters taken away", f"{gone:,} of {smaller.total:,}")
    st.metric("Weights", f"{after.parameters:,}", change("parameters"), "inverse")
    st.metric("Multiply-adds", f"{after.multiply_adds / 1e6:.0f} M", change("multiply_adds"), "inverse")
    st.metric("One poster", f"{after.milliseconds:.1f} ms", change("milliseconds"), "inverse")

columns = st.columns(2, gap="large")
chosen = None if subject.noise is None else subject.noise.seed
for column, title, taken in (
    (columns[0], "The whole generator", 0),
    (columns[1], f"Without {gone} filters", percent),
):
    with column:
        st.subheader(title)
        posters = pruning.posters_of_seeds(checkpoint, ranking, taken, SEEDS)
        sheet = sprite(gan.to_uint8(posters), columns=4)
        sprite_grid(
            data_uri(sheet.pixels), labels=[f"seed {seed}" for seed in range(SEEDS)], columns=4, per_row=4,
            cell=sheet.cell, selected=chosen if chosen is not None and chosen < SEEDS else -1,
            on_pick=sidebar.show_seed, key=f"{title[:3]}_grid", title=title, smallest=90, most="none",
        )  # fmt: skip
with st.expander("Where they are taken from"):
    st.dataframe(
        [
            {"layer": layer, "filters": count, "taken away": smaller.removed.get(layer, 0)}
            for layer, count in smaller.layers.items()
        ],
        hide_index=True, width="content",
    )  # fmt: skip

st.subheader("When does the judge notice?")
if study:
    left, right = st.columns(2)
    for column, key, low, high, title in (
        (left, "quality", "low", "high", "Distance from real posters (fd_lite1, lower is better)"),
        (right, "diversity", "diversity_low", "diversity_high", "Variety of the posters (the whole generator's is 1)"),
    ):
        figure = go.Figure()
        for name, points in study["rankings"].items():
            shares = [100 * point["share"] for point in points]
            figure.add_scatter(
                x=shares, y=[point[key] for point in points], name=name, line_color=COLOURS[name],
                error_y={
                    "array": [point[high] - point[key] for point in points],
                    "arrayminus": [point[key] - point[low] for point in points], "thickness": 1,
                },
            )  # fmt: skip
        figure.add_vline(x=percent, line_dash="dot", line_color="#888888")
        figure.update_layout(
            title={"text": title, "font": {"size": 14}}, height=320, margin={"l": 10, "r": 10, "t": 40, "b": 10},
            xaxis_title="percent of the filters taken away", legend={"orientation": "h", "y": -0.3},
        )  # fmt: skip
        with column:
            st.plotly_chart(figure, key=f"{key}_curve", config={"displayModeBar": False})
    if ranking in study.get("unnoticed", {}):
        st.markdown(
            f"Taken away in this order, up to **{study['unnoticed'][ranking]:.0%}** of the filters go unnoticed.",
            help=study["rule"],
        )  # fmt: skip
    st.caption(
        f"The judge is EfficientNet-Lite1, which had no part in the training: {study['samples']} generated posters "
        f"against {study['held_out']:,} held-out ones. Bars are 95% intervals."
    )
else:
    st.info(
        "The study is not made yet: "
        f"`python scripts/study_pruning.py --checkpoint {networks.folder(checkpoint.name)} --data POSTERS`"
    )


def keep() -> None:
    with ui.error_boundary("Keeping it"):
        kept = pruning.save_pruned(checkpoint, ranking, percent)
        st.toast(f"{kept} can now be chosen in the sidebar.", icon=":material/check:")


with st.container(horizontal=True):
    st.button(
        "Keep it as a checkpoint", on_click=keep, icon=":material/save:", type="primary",
        help=f"Saves it as {pruning.pruned_name(checkpoint, ranking, percent)} beside the other checkpoints; "
        "all pages and scripts read it.",
    )  # fmt: skip
    st.download_button(
        "Download it", lambda: pruning.pruned_archive(checkpoint, ranking, percent),
        f"{pruning.pruned_name(checkpoint, ranking, percent)}.zip", "application/zip", on_click="ignore",
        icon=":material/download:", help="The same checkpoint folder, zipped.",
    )  # fmt: skip
st.markdown(
    "**Shows** what is left when filters are cut out of the network for good, and the others take over as much of "
    "their work as can be foretold from them. "
    "**But** a filter that hardly changes most posters may be what a rare one is made of."
)
