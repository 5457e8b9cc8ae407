"""Painting with a filter: set it to a value under a brush or in a box, stack such edits, undo them, keep them in links.

show_painting(checkpoint, noise, layer, unit=7, pixels=pixels)
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import plotly.graph_objects as go
import streamlit as st

import gan
from dashboard import ui
from dashboard.cached import filters, networks
from dashboard.components.brush import brush
from dashboard.panels.generator import exports
from dashboard.text import plain
from gan.errors import counted
from xai.generator.painting import Edit, Word, from_json, to_json
from xai.generator.regions import Box, Mask
from xai.render import ORANGE_HEX, data_uri, enlarge

if TYPE_CHECKING:
    from dashboard.subject import Noise
    from xai.networks.layers import Layer

VALUES: dict[Word | float, str] = {"off": "off", "mean": "at its mean", "strong": "at its maximum"}
BRUSH, BOX = "a brush", "a box"
MASK = "mask"  # what was brushed and not painted yet, in the address
POINTS = 16  # a side, that a box can select


def choose_region(pixels: Any, key: str) -> tuple[float, float, float, float]:
    """Drag a box over the picture, or set its sides: (left, top, right, bottom), 0 to 1."""
    height, width = pixels.shape[:2]
    across_key, down_key = f"{key}_across", f"{key}_down"

    def dragged() -> None:
        boxes = st.session_state[f"{key}_drag"].selection.box
        if boxes:
            for name, ends, side in ((across_key, boxes[0]["x"], width), (down_key, boxes[0]["y"], height)):
                st.session_state[name] = percents(ends[0] / side, ends[1] / side)

    left, right = st.columns(2)
    # The drag sets them too, so their first values stand in the session and not in the sliders.
    st.session_state.setdefault(across_key, (0, 100))
    st.session_state.setdefault(down_key, (0, 35))
    for name in (across_key, down_key):
        low, high = st.session_state[name]
        st.session_state[name] = percents(low / 100, high / 100)
    across: Any = left.slider("Across, percent", 0, 100, key=across_key, bind="query-params")
    down: Any = right.slider("Down, percent", 0, 100, key=down_key, bind="query-params")
    st.plotly_chart(
        _picture_with_box(pixels, across, down), key=f"{key}_drag", on_select=dragged, selection_mode="box",
        config={"displayModeBar": False},
    )  # fmt: skip
    st.caption("Drag a box over the poster, or move the sliders.")
    return across[0] / 100, down[0] / 100, across[1] / 100, down[1] / 100


def set_region(key: str, box: Box) -> None:
    """What ``choose_region`` of this key begins with in the next run (for callbacks)."""
    for name, low, high in ((f"{key}_across", box[0], box[2]), (f"{key}_down", box[1], box[3])):
        st.session_state[name] = percents(low, high)
        st.query_params.pop(name, None)  # of a slider that is not on the page, the address would come first


def percents(one: float, other: float) -> tuple[int, int]:
    """Two ends of a box, of 1, as whole percents in order: inside the picture, and at least one percent apart."""
    low, high = sorted(round(100 * min(max(end, 0.0), 1.0)) for end in (one, other))
    low = min(low, 99)
    return low, max(high, low + 1)


def _picture_with_box(pixels: Any, across: tuple[int, int], down: tuple[int, int]) -> go.Figure:
    height, width = pixels.shape[:2]
    factor = max(1, ui.PICTURE_SIDE // width)
    picture = data_uri(enlarge(pixels, factor))
    figure = go.Figure(go.Image(source=picture, dx=1 / factor, dy=1 / factor, hoverinfo="skip"))
    # A box selects points, so there is an invisible one in each small square of the picture.
    xs, ys = ([(place + 0.5) * side / POINTS for place in range(POINTS)] for side in (width, height))
    figure.add_scatter(
        x=xs * len(ys), y=[y for y in ys for _ in xs], mode="markers", marker={"opacity": 0.0}, hoverinfo="skip"
    )
    x0, x1 = (width * percent / 100 for percent in across)
    y0, y1 = (height * percent / 100 for percent in down)
    figure.add_shape(type="rect", x0=x0, x1=x1, y0=y0, y1=y1, line={"color": ORANGE_HEX, "width": 3})
    figure.update_xaxes(visible=False, range=[0, width], constrain="domain")
    figure.update_yaxes(visible=False, range=[height, 0], scaleanchor="x")
    margin = {"l": 0, "r": 0, "t": 0, "b": 0}
    figure.update_layout(height=340, margin=margin, dragmode="select", showlegend=False, newselection_mode="immediate")
    return figure


def show_painting(checkpoint: gan.Checkpoint, noise: Noise, layer: Layer, unit: int, pixels: Any) -> None:
    """The chosen filter's next edit at the left, the poster with all edits, and with the next one, at the right."""
    edits = _edits()
    left, right = st.columns(2, gap="large")
    with left:
        coming = _choose_edit(edits, layer, unit, pixels)
    with right:
        _show_painted(checkpoint, noise, edits, coming)
        if edits:
            after = gan.to_uint8(filters.painted(checkpoint, noise, to_json(edits)))[0]
            exports.show_painted(checkpoint, noise, pixels, after, to_json(edits))


def _choose_edit(edits: list[Edit], layer: Layer, unit: int, pixels: Any) -> Edit | None:
    """The edit that would come next; None before anything is painted over."""
    tool = st.segmented_control(
        "Paint with", [BRUSH, BOX], default=BRUSH, required=True, key="paint_with", bind="query-params"
    )
    region = choose_region(pixels, "brush") if tool == BOX else _choose_mask(layer, pixels)
    value = st.segmented_control(
        f"There, filter {unit} of {layer.name} is", list(VALUES), default="strong", required=True,
        format_func=lambda word: VALUES[word], key="brush_value", bind="query-params",
    )  # fmt: skip
    coming = None if region is None else Edit(layer.name, unit, region, value)
    with st.container(horizontal=True):
        if st.button("Paint", type="primary", icon=":material/brush:", disabled=coming is None) and coming:
            st.query_params.pop(MASK, None)
            _set_edits([*edits, coming])
        if st.button("Undo", disabled=not edits):
            _set_edits(edits[:-1])
        if st.button("Start again", disabled=not edits):
            _set_edits([])
    return coming


def _choose_mask(layer: Layer, pixels: Any) -> Mask | None:
    """What was brushed over the poster, at the resolution of the layer's maps; it stands in the address."""
    places = (layer.height, layer.width)
    try:
        mask = Mask.parsed(text) if (text := st.query_params.get(MASK, "")) else None
    except gan.PosterLensError as error:
        st.warning(ui.message(error))
        mask = None
    if mask is not None and (mask.height, mask.width) != places:
        mask = None  # of another layer

    def keep(text: str) -> None:
        if text:
            st.query_params[MASK] = text
        else:
            st.query_params.pop(MASK, None)

    brush(pixels, places, "" if mask is None else mask.text, "brush_stage", keep)
    return mask


def _show_painted(checkpoint: gan.Checkpoint, noise: Noise, edits: list[Edit], coming: Edit | None) -> None:
    if coming is not None:
        preview = filters.painted(checkpoint, noise, to_json([*edits, coming]))
        ui.picture(gan.to_uint8(preview)[0], "preview: not painted yet")
        if checkpoint.discriminator is not None:
            st.caption(f"D's logit would be {float(networks.score(checkpoint)(preview)):+z.2f}.")
    picture = filters.painted(checkpoint, noise, to_json(edits))
    ui.picture(gan.to_uint8(picture)[0], f"with {counted(len(edits), 'edit')}")
    if checkpoint.discriminator is not None and edits:
        st.caption(f"D's logit is {float(networks.score(checkpoint)(picture)):+z.2f} with the edits.")
    for edit in edits:
        st.caption(f"filter {edit.unit} of {plain(edit.layer)} {VALUES.get(edit.value, edit.value)}, {_where(edit)}")
    if edits:
        st.download_button("Edits as JSON", to_json(edits), "edits.json", "application/json", on_click="ignore")
        st.caption("They stand in the address, and `scripts/paint.py` replays them.")


def _where(edit: Edit) -> str:
    if isinstance(edit.box, Mask):
        return f"in {counted(int(edit.box.inside.sum()), 'place')} of {edit.box.height} × {edit.box.width}"
    return " to ".join(f"({x:.0%}, {y:.0%})" for x, y in (edit.box[:2], edit.box[2:]))


def _edits() -> list[Edit]:
    """The edits in the address; what is no list of edits is named and left out."""
    text = st.query_params.get("edits", "")
    try:
        return from_json(text) if text else []
    except gan.PosterLensError as error:
        st.warning(ui.message(error))
        return []


def _set_edits(edits: list[Edit]) -> None:
    if edits:
        st.query_params["edits"] = to_json(edits)
    else:
        st.query_params.pop("edits", None)
    st.rerun()
