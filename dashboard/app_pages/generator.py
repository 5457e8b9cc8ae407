"""Generator: each layer's and filter's map for this seed, and the poster without a filter."""

import streamlit as st

import gan
from dashboard import cache, state, ui
from xai.render import diverging, enlarge_map, grey, limit, overlay

ui.head("Generator", "What does each filter draw, and what is the poster without it?")
subject = ui.needs(st.session_state["_subject"], "generator")
checkpoint = subject.checkpoint
seed, z = state.latent_of(subject)

left, right = st.columns([11, 9], gap="large")
with left:
    found = cache.layers(checkpoint.digest, "generator", checkpoint)[:-1]
    layer = ui.choose_layer(found, "g_layer")
    sort, shared = ui.map_controls("g")
    maps = cache.maps(checkpoint.digest, "generator", f"seed {seed}", layer.name, checkpoint.generator, z)
    unit = ui.choose_unit(maps, "g_unit", ui.order_units(maps, sort), shared)
    st.caption("★ marks the activation layers. White is a strong response after a ReLU; before it, red and blue.")
with right:
    st.subheader(f"Filter {unit} of {layer.name}")
    removal = st.segmented_control(
        "Without it means", ["mean", "zero"], default="mean", required=True, key="removal", bind="query-params",
        help="Mean: held at its average over 64 posters. Zero: switched off, unlike any real state of a busy filter.",
    )  # fmt: skip
    with ui.forgiving("Taking the filter away"):
        effect = cache.effect(checkpoint.digest, seed, layer.name, unit, removal, checkpoint, z)
        before, after = gan.to_uint8(effect.before)[0], gan.to_uint8(effect.after)[0]
        difference = effect.difference[0].mean(0).numpy()
        chosen = effect.unit_map.numpy()
        with_it, without = st.columns(2)
        with with_it:
            ui.picture(before, "with it")
            large = enlarge_map(chosen, before.shape[0])
            ui.picture(overlay(before, large, limit(chosen, 1.0), 0.85), "its map over the poster")
        with without:
            ui.picture(after, f"without it (held at {effect.removed:.2f})")
            end = max(limit(difference, 1.0), 1e-6)
            ui.picture(diverging(difference, end), f"what it adds: red brighter, blue darker, at most {end:.2g}")
        change = effect.score_change
        if change is not None:
            st.metric(
                "D's logit without it", f"{effect.score_after:+.2f}", f"{change:+.2f}",
                help="Above 0: the poster looks more real without this filter.",
            )  # fmt: skip
        paint = diverging if chosen.min() < 0 else grey
        with st.expander("The map alone"):
            ui.picture(paint(chosen, limit(chosen, 1.0)), f"{layer.height} × {layer.width} values")
