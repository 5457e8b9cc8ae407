"""Discriminator: what each filter sees in this poster."""

import streamlit as st

from dashboard import cache, ui
from xai.render import diverging, enlarge_map, limit, overlay

ui.head("Discriminator", "What does each filter see in this poster, from edges to whole parts?")
subject = ui.needs(st.session_state["_subject"], "discriminator")
checkpoint = subject.checkpoint

left, right = st.columns([11, 9], gap="large")
with left:
    found = cache.layers(checkpoint.digest, "discriminator", checkpoint)[:-2]
    layer = ui.choose_layer(found, "d_layer")
    sort, shared = ui.map_controls("d")
    maps = cache.maps(
        checkpoint.digest, "discriminator", subject.key, layer.name, checkpoint.discriminator, subject.image
    )
    unit = ui.choose_unit(maps, "d_unit", ui.order_units(maps, sort), shared)
    st.caption("★ marks the outputs of the activation layers. Red responds, blue is held back, white is silent.")
with right:
    chosen = maps[unit]
    st.subheader(f"Filter {unit} of {layer.name}")
    large = enlarge_map(chosen, subject.pixels.shape[0])
    ui.picture(overlay(subject.pixels, large, limit(chosen, 1.0), 0.85), "its response over the poster")
    with st.container(horizontal=True):
        st.metric("Mean response", f"{chosen.mean():+.3f}")
        st.metric("Strongest", f"{chosen.max():+.2f}")
        st.metric("Places that respond", f"{(chosen > 0).mean():.0%}")
    with st.expander("The map alone"):
        ui.picture(diverging(chosen, limit(chosen, 1.0)), f"{layer.height} × {layer.width} values")
    st.markdown("**Shows** where the filter finds its pattern. **But** not whether that speaks for real or for fake.")
