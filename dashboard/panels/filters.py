"""The generator's laboratory: verdicts, wiring, painting. Lays out what xai answers; no arithmetic."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

import plotly.graph_objects as go
import streamlit as st

import gan
from dashboard import sidebar, ui
from dashboard.cached import filters, networks
from dashboard.components.sprite_grid import sprite_grid
from xai.generator.contributions import LATENT, correlation
from xai.generator.filter_verdicts import RULE, VERDICTS
from xai.generator.painting import Edit, from_json, to_json
from xai.render import data_uri, enlarge, limit, overlay, sprite

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import Tensor

    from dashboard.subject import Noise
    from xai.generator.filter_table import FilterTable

COLOURS = {
    "dead": "grey", "constant": "grey", "harmful": "red", "redundant": "orange", "essential": "green", "useful": "blue",
}  # fmt: skip
MEANINGS = {
    "dead": "It never responds.",
    "constant": "It hardly changes from poster to poster, so it works as a constant.",
    "harmful": "The discriminator finds the posters more real without it.",
    "redundant": "Another filter can do its work.",
    "essential": "The poster changes clearly without it.",
    "useful": "It changes the poster, but not much.",
}
VALUES = {"off": "off", "mean": "its mean", "strong": "as strong as it gets"}
SLOPE = "change of the mean response, a unit of noise"
SHOWN = 10
PERCENT = "%.0f%%"  # of a hundred times the share: Streamlit's own "percent" shows two decimals where there are any
# Heading, format, explanation. The first ones fit into a window of 1280 pixels, what tells a filter's worth among them;
# what describes its response comes last.
COLUMNS: dict[str, tuple[str, str | None, str]] = {
    "layer": ("Layer", None, ""),
    "unit": ("Filter", None, ""),
    "verdict": ("Verdict", None, ""),
    "confidence": ("Sure", PERCENT, "Share of resampled posters that give the same verdict."),
    "effect": ("Effect", "%.2f", "Change of the picture without it, in grey levels."),
    "logit_change": ("D's logit", "%+.4f", "Its change without the filter; above 0, posters look more real."),
    "logit_low": ("from", "%+.4f", "Lower end of that change's interval."),
    "logit_high": ("to", "%+.4f", "Upper end of that change's interval."),
    "partner": ("Like", None, "The filter of its layer that responds most like it."),
    "correlation": ("Corr.", "%.2f", "Correlation with that filter's response."),
    "replaced": ("In place", "%.2f", "Change of the picture with that filter in its place, in grey levels."),
    "active": ("On", PERCENT, "Share of places where it responds."),
    "link": ("Link", None, "Opens this filter; it can be copied and kept."),
    "mean": ("Mean", "%.3f", "Of its response."),
    "spread": ("Spread", "%.3f", "Standard deviation of its response."),
    "largest": ("Largest", "%.2f", "Response."),
}
WIDTHS = {  # pixels; what stands in a column takes them, not its heading alone
    "layer": 76, "unit": 52, "verdict": 76, "confidence": 52, "effect": 56, "logit_change": 68, "logit_low": 68,
    "logit_high": 68, "partner": 50, "correlation": 54, "replaced": 62, "active": 50, "link": 54, "mean": 58,
    "spread": 62, "largest": 66,
}  # fmt: skip
PINNED = ("layer", "unit")  # they stay where they are when the others are scrolled


def show_verdict(table: FilterTable | None, layer: str, unit: int) -> None:
    """What the study says of one filter."""
    if table is None or layer not in table.layer:
        return
    row = table.find(layer, unit)
    name = row["verdict"]
    st.markdown(f":{COLOURS[name]}-badge[{name}] {MEANINGS[name]} Confidence {row['confidence']:.0%}.", help=RULE)
    st.caption(
        f"Over {table.latents} posters: without it the picture changes by {row['effect']:.1f} grey levels, D's logit "
        f"by {row['logit_change']:+.3f} ({row['logit_low']:+.3f} to {row['logit_high']:+.3f}). It is on in "
        f"{row['active']:.0%} of all places. Most like it is filter {row['partner']} (correlation "
        f"{row['correlation']:.2f}); in its place, that one changes the picture by {row['replaced']:.1f} grey levels."
    )


def measure_button(checkpoint: gan.Checkpoint) -> None:
    """Offer the study where it has not been made."""
    ui.measure_button(
        "The verdicts on all filters have not been measured for these weights. It takes some minutes.",
        "Measure all filters",
        "Taking every filter away from 256 posters",
        lambda progress: filters.measure_filters(checkpoint, progress),
        key="measure",
    )


def show_posters(checkpoint: gan.Checkpoint, table: FilterTable, layer: str, unit: int) -> None:
    """The seeds on which a filter is strongest and weakest."""
    row = table.find(layer, unit)
    for kind in ("strongest", "weakest"):
        seeds = row[kind]
        posters = filters.seed_posters(checkpoint, tuple(seeds))
        sheet = sprite(gan.to_uint8(posters), columns=8)
        st.markdown(f"**{kind.capitalize()}** of a thousand seeds")
        sprite_grid(
            data_uri(sheet.pixels), labels=[f"seed {seed}" for seed in seeds], columns=8, per_row=8, cell=sheet.cell,
            selected=-1, on_pick=lambda place, seeds=seeds: sidebar.show_seed(int(seeds[place])),  # type: ignore[misc]  # mypy infers no such default
            key=f"{kind}_grid", title=f"posters on which it is {kind}", smallest=60, most="none",
        )  # fmt: skip


def show_table(table: FilterTable, checkpoint: str) -> None:
    """All filters with their verdicts; a click goes to one."""
    counts = table.counts()
    st.markdown(" ".join(f":{COLOURS[name]}-badge[{name} {counts[name]}]" for name in VERDICTS))
    rows = [
        {key: 100 * row[key] if COLUMNS[key][1] == PERCENT else row[key] for key in COLUMNS if key in row}
        | {"link": "generator?" + urlencode({"checkpoint": checkpoint, "g_layer": row["layer"], "g_unit": row["unit"]})}
        for row in table.rows()
    ]

    def follow() -> None:
        chosen = st.session_state["filters_table"].selection.rows
        if chosen:
            st.session_state["g_layer"], st.session_state["g_unit"] = rows[chosen[0]]["layer"], rows[chosen[0]]["unit"]

    st.dataframe(
        rows, hide_index=True, height=420, on_select=follow, selection_mode="single-row", key="filters_table",
        column_order=list(COLUMNS), column_config={name: _column(name) for name in COLUMNS},
    )  # fmt: skip
    st.caption(
        "Click a heading to sort, a row to go there; scroll sideways for the columns that do not fit. The table can be "
        f"downloaded at its upper right corner. {RULE}"
    )


def _column(name: str) -> Any:
    heading, style, meaning = COLUMNS[name]
    shape: dict[str, Any] = {"width": WIDTHS[name], "help": meaning or None, "pinned": name in PINNED}
    if name == "link":
        return st.column_config.LinkColumn(heading, display_text="open", **shape)
    if style is None:
        return st.column_config.Column(heading, **shape)
    return st.column_config.NumberColumn(heading, format=style, **shape)


def choose_region(pixels: Any, key: str) -> tuple[float, float, float, float]:
    """Drag a box over the picture, or set its sides: (left, top, right, bottom), 0 to 1."""
    height, width = pixels.shape[:2]
    across_key, down_key = f"{key}_across", f"{key}_down"

    def dragged() -> None:
        boxes = st.session_state[f"{key}_drag"].selection.box
        if boxes:
            for name, ends, side in ((across_key, boxes[0]["x"], width), (down_key, boxes[0]["y"], height)):
                low, high = sorted(min(max(end / side, 0.0), 1.0) for end in ends)
                st.session_state[name] = (round(100 * low), max(round(100 * high), round(100 * low) + 1))

    left, right = st.columns(2)
    # The drag sets them too, so their first values stand in the session and not in the sliders.
    st.session_state.setdefault(across_key, (0, 100))
    st.session_state.setdefault(down_key, (0, 35))
    across: Any = left.slider("Across, percent", 0, 100, key=across_key, bind="query-params")
    down: Any = right.slider("Down, percent", 0, 100, key=down_key, bind="query-params")
    factor = max(1, ui.PICTURE_SIDE // width)
    picture = data_uri(enlarge(pixels, factor))
    figure = go.Figure(go.Image(source=picture, dx=1 / factor, dy=1 / factor, hoverinfo="skip"))
    # A box selects points, so there is an invisible one in each small square of the picture.
    xs, ys = ([(place + 0.5) * side / 16 for place in range(16)] for side in (width, height))
    figure.add_scatter(
        x=xs * len(ys), y=[y for y in ys for _ in xs], mode="markers", marker={"opacity": 0.0}, hoverinfo="skip"
    )
    x0, x1 = (width * share / 100 for share in across)
    y0, y1 = (height * share / 100 for share in down)
    figure.add_shape(type="rect", x0=x0, x1=x1, y0=y0, y1=y1, line={"color": "#e11d48", "width": 3})
    figure.update_xaxes(visible=False, range=[0, width], constrain="domain")
    figure.update_yaxes(visible=False, range=[height, 0], scaleanchor="x")
    figure.update_layout(
        height=340,
        margin={"l": 0, "r": 0, "t": 0, "b": 0},
        dragmode="select",
        showlegend=False,
        newselection_mode="immediate",
    )
    st.plotly_chart(
        figure, key=f"{key}_drag", on_select=dragged, selection_mode="box", config={"displayModeBar": False}
    )
    st.caption("Drag a box over the poster, or move the sliders.")
    return across[0] / 100, down[0] / 100, max(across[1], across[0] + 1) / 100, max(down[1], down[0] + 1) / 100


def show_feeders(checkpoint: gan.Checkpoint, noise: Noise, layer: str, unit: int, pixels: Any) -> None:
    """Which noise values feed a filter, and which pixels it owns."""
    found = filters.latent_gradients(checkpoint, noise)
    left, right = st.columns(2)
    with left:
        bars(found.units[layer][:, unit], "value", f"Noise values that feed filter {unit}", SLOPE, _follow_value)
        st.caption("Click a bar to see what that value drives.")
    with right:
        owned = filters.contributions(checkpoint, noise, layer, "jacobian")
        where = owned.pixel_map(unit).numpy()
        ui.picture(overlay(pixels, where, limit(where, 1.0), 0.9), "the pixels that it owns")
        removed = filters.contributions(checkpoint, noise, layer, "ablation")
        st.caption(
            f"By the exact slope. Over all filters of {layer} the slopes and really taking filters away agree with a "
            f"correlation of {correlation(owned, removed):.3f}."
        )


def show_driven(checkpoint: gan.Checkpoint, noise: Noise, layer: str, pixels: Any) -> None:
    """Which filters a noise value drives, and which pixels it moves."""
    found = filters.latent_gradients(checkpoint, noise)
    ui.clamp("wired_value", checkpoint.config.latent - 1)
    value = int(st.number_input("Noise value", 0, checkpoint.config.latent - 1, key="wired_value", bind="query-params"))
    left, right = st.columns(2)
    with left:
        bars(found.units[layer][value], "filter", f"Filters of {layer} that value {value} drives", SLOPE, _follow_unit)
        st.caption("Click a bar to choose that filter.")
    with right:
        where = found.pixel_map(value).numpy()
        ui.picture(overlay(pixels, where, limit(where, 1.0), 0.9), "the pixels that it moves")
        by_slope = filters.contributions(checkpoint, noise, LATENT, "jacobian")
        by_zero = filters.contributions(checkpoint, noise, LATENT, "ablation")
        st.caption(
            "By the exact slope. Over all noise values the slopes and really setting values to 0 agree with a "
            f"correlation of {correlation(by_slope, by_zero):.3f}."
        )


def show_makers(checkpoint: gan.Checkpoint, noise: Noise, layer: str, pixels: Any) -> None:
    """Which filters and which noise values made a region."""
    picture, lists = st.columns([2, 3], gap="large")
    with picture:
        box = choose_region(pixels, "region")
    by_filter = filters.contributions(checkpoint, noise, layer, "jacobian")
    by_value = filters.contributions(checkpoint, noise, LATENT, "jacobian")
    removed = filters.contributions(checkpoint, noise, layer, "ablation")
    without_values = filters.contributions(checkpoint, noise, LATENT, "ablation")
    with lists:
        share = "share of the changes inside the box"
        bars(by_filter.proportions(box), "filter", f"Filters of {layer} that made it", share, _follow_unit)
        bars(by_value.proportions(box), "value", "Noise values that made it", share, _follow_value)
        st.caption(
            "Click a bar to go to that filter or value. By exact slopes, compared with each filter's mean and with a "
            f"noise value of 0. Inside the box, really taking filters away agrees with a correlation of "
            f"{correlation(by_filter, removed, box):.3f}, setting noise values to 0 with "
            f"{correlation(by_value, without_values, box):.3f}."
        )


def _follow_unit(unit: int) -> None:
    st.session_state["g_unit"] = unit


def _follow_value(value: int) -> None:
    st.session_state["lab"] = "What a value drives"
    st.query_params["wired_value"] = str(value)  # its box is not on the page yet
    st.session_state["wired_value"] = value


def bars(values: Tensor, kind: str, title: str, axis: str, follow: Callable[[int], None]) -> None:
    """The largest of many numbers, by size; ``follow`` is told which one is clicked."""
    order = values.abs().argsort(descending=True)[:SHOWN].tolist()
    figure = go.Figure(
        go.Bar(
            x=[float(values[index]) for index in order], y=[f"{kind} {index}" for index in order], orientation="h",
            marker_color=["#cc1a24" if float(values[index]) > 0 else "#215cbf" for index in order],
        )
    )  # fmt: skip
    figure.update_yaxes(autorange="reversed")
    figure.update_layout(
        title={"text": title, "font": {"size": 14}}, height=80 + 22 * len(order), xaxis_title=axis,
        margin={"l": 10, "r": 10, "t": 40, "b": 10},
    )  # fmt: skip

    def clicked() -> None:
        chosen = st.session_state[title].selection.point_indices
        if chosen:
            follow(order[chosen[0]])

    st.plotly_chart(figure, key=title, on_select=clicked, selection_mode="points", config={"displayModeBar": False})


def show_painting(checkpoint: gan.Checkpoint, noise: Noise, layer: str, unit: int, pixels: Any) -> None:
    """Set the chosen filter inside a box, stack such edits, undo them, keep them in the address."""
    edits = _edits()
    left, right = st.columns(2, gap="large")
    with left:
        box = choose_region(pixels, "brush")
        value = st.segmented_control(
            f"Filter {unit} of {layer} is, inside the box,", list(VALUES), default="strong", required=True,
            format_func=lambda word: VALUES[word], key="brush_value", bind="query-params",
        )  # fmt: skip
        with st.container(horizontal=True):
            if st.button("Paint", type="primary", icon=":material/brush:"):
                _keep([*edits, Edit(layer, unit, box, value)])  # type: ignore[arg-type]  # one of VALUES
            if st.button("Undo", disabled=not edits):
                _keep(edits[:-1])
            if st.button("Start again", disabled=not edits):
                _keep([])
    with right:
        picture = filters.painted(checkpoint, noise, to_json(edits))
        painted = gan.to_uint8(picture)[0]
        ui.picture(painted, "with 1 edit" if len(edits) == 1 else f"with {len(edits)} edits")
        if checkpoint.discriminator is not None and edits:
            logit = float(networks.score(checkpoint)(picture))
            st.caption(f"D's logit is {logit:+.2f} with the edits.")
        for edit in edits:
            where = " to ".join(f"({x:.0%}, {y:.0%})" for x, y in (edit.box[:2], edit.box[2:]))
            st.caption(f"filter {edit.unit} of {edit.layer} {VALUES.get(str(edit.value), edit.value)}, {where}")
        if edits:
            st.download_button("Edits as JSON", to_json(edits), "edits.json", "application/json", on_click="ignore")
            st.caption("They stand in the address, and `scripts/paint.py` replays them.")


def _edits() -> list[Edit]:
    """The edits in the address; what is no list of edits is told and left out."""
    text = st.query_params.get("edits", "")
    try:
        return from_json(text) if text else []
    except gan.PosterLensError as error:
        st.warning(str(error))
        return []


def _keep(edits: list[Edit]) -> None:
    if edits:
        st.query_params["edits"] = to_json(edits)
    else:
        st.query_params.pop("edits", None)
    st.rerun()
