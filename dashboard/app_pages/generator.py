"""Generator: each layer's and filter's map for this seed, and the poster without a filter."""

import streamlit as st

import gan
from dashboard import sidebar, ui
from dashboard.cached import filters, networks
from dashboard.pages import PAGES
from dashboard.panels import filters as laboratory
from dashboard.subject import require
from xai.render import diverging, enlarge_map, grey, limit, overlay

ui.head(PAGES["generator"])
subject = require("generator")
checkpoint = subject.checkpoint
noise = sidebar.noise_of(subject)

left, right = st.columns([11, 9], gap="large")
with left:
    found = networks.layers(checkpoint, "generator")[:-1]
    layer = ui.choose_layer(found, "g_layer")
    table = filters.filters_table(checkpoint)
    effects = None if table is None else table.effect[table.layer == layer.name]
    studied = effects is not None and len(effects) > 0
    sort, shared = ui.map_controls("g", ["index", "activation"] + ["effect"] * studied)
    maps = networks.maps_of_noise(checkpoint, noise, layer.name)
    unit = ui.choose_unit(maps, "g_unit", ui.order_units(maps, sort, effects), shared, effects if studied else None)
    st.caption("★ marks the activation layers. White is a strong response after a ReLU; before it, red and blue.")
with right:
    st.subheader(f"Filter {unit} of {layer.name}")
    laboratory.show_verdict(table, layer.name, unit)
    removal = st.segmented_control(
        "Without it means", ["mean", "zero", "another's"], default="mean", required=True, key="removal",
        bind="query-params",
        help="Mean: held at its average over 64 posters. Zero: switched off, unlike any real state of a busy filter. "
        "Another's: as it is in the poster of another seed.",
    )  # fmt: skip
    with ui.error_boundary("Taking the filter away"):
        effect = filters.effect(checkpoint, noise, layer.name, unit, removal)
        before, after = gan.to_uint8(effect.before)[0], gan.to_uint8(effect.after)[0]
        difference = effect.difference[0].mean(0).numpy()
        chosen = effect.unit_map.numpy()
        large, end = enlarge_map(chosen, before.shape[:2]), max(limit(difference, 1.0), 1e-6)
        pairs = (  # a row each, so that a narrow screen shows them in this order
            (before, "with it"),
            (after, f"without it (held at {effect.removed:.2f})"),
            (overlay(before, large, limit(chosen, 1.0), 0.85), "its map over the poster"),
            (diverging(difference, end), f"what it adds: red brighter, blue darker, at most {end:.2g}"),
        )
        for row in (pairs[:2], pairs[2:]):
            for column, (shown, caption) in zip(st.columns(2), row, strict=True):
                with column:
                    ui.picture(shown, caption)
        change = effect.score_change
        if change is not None:
            st.metric(
                "D's logit without it", f"{effect.score_after:+.2f}", f"{change:+.2f}",
                help="Above 0: the poster looks more real without this filter.",
            )  # fmt: skip
        paint = diverging if chosen.min() < 0 else grey
        with st.expander("The map alone"):
            ui.picture(paint(chosen, limit(chosen, 1.0)), f"{layer.height} × {layer.width} values")


SECTIONS = {
    "Strongest and weakest": "On which posters does it respond most, and least?",
    "What feeds it": "Which noise values drive this filter, and which pixels does it own?",
    "What a value drives": "Which filters does a noise value drive, and which pixels does it move?",
    "Who made this region": "Which filters and which noise values made a part of the poster?",
    "Paint with it": "Set this filter to a value inside a box, and see the poster change.",
    "All filters": "What is each filter worth, measured over hundreds of posters?",
}
st.subheader("Laboratory")
section = st.segmented_control(
    "Laboratory", list(SECTIONS), key="lab", bind="query-params", label_visibility="collapsed"
)
if section:
    st.caption(SECTIONS[section])
    pixels = gan.to_uint8(networks.generated(checkpoint, noise))[0]
    wired = filters.folded(checkpoint).layers
with ui.error_boundary("This part of the laboratory"):
    if section in ("Strongest and weakest", "All filters"):
        if table is None:
            laboratory.measure_button(checkpoint)
        elif section == "All filters":
            laboratory.show_table(table, checkpoint.name)
        elif studied:
            laboratory.show_posters(checkpoint, table, layer.name, unit)
        else:
            st.info("Choose a layer with a star: filters are measured after their activation function.")
    elif section == "Paint with it":
        laboratory.show_painting(checkpoint, noise, layer.name, unit, pixels)
    elif section and layer.name not in wired:
        st.info("Choose a layer with a star: filters are measured after their activation function.")
    elif section == "What feeds it":
        laboratory.show_feeders(checkpoint, noise, layer.name, unit, pixels)
    elif section == "What a value drives":
        laboratory.show_driven(checkpoint, noise, layer.name, pixels)
    elif section == "Who made this region":
        laboratory.show_makers(checkpoint, noise, layer.name, pixels)
