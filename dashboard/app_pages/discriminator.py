"""Discriminator: what each filter sees in this poster."""

import streamlit as st

import gan
from dashboard import sidebar, ui
from dashboard.cached import networks
from dashboard.components.sprite_grid import sprite_grid
from dashboard.subject import require
from xai.collection import similarity
from xai.networks.layers import active_fraction
from xai.render import CHANGE, diverging, enlarge_map, limit, overlay, sprite

subject = require("discriminator")
checkpoint = subject.checkpoint

left, right = st.columns([11, 9], gap="large")
with left:
    found = networks.layers(checkpoint, "discriminator")[:-2]
    layer = ui.choose_layer(found, "d_layer")
    sort, shared = ui.map_controls("d")
    maps = networks.maps_of_poster(subject, layer.name)
    unit = ui.choose_unit(maps, "d_unit", sort, shared)
    if not checkpoint.config.norm_d:
        st.caption("This discriminator has no BatchNorm: convolutions with a bias, and right after each its LeakyReLU.")
    st.caption(
        "★ marks the outputs of the activation layers. Orange: positive response; purple: negative; white: none."
    )
with right:
    chosen = maps[unit]
    st.header(f"Filter {unit} of {layer.name}")
    large = enlarge_map(chosen, subject.pixels.shape[:2])
    ui.picture(overlay(subject.pixels, large, limit(chosen, 1.0), 0.85, CHANGE), "its response over the poster")
    with st.container(horizontal=True):
        st.metric("Mean response", f"{chosen.mean():+.3f}")
        st.metric("Strongest", f"{chosen.max():+.2f}")
        st.metric("Active positions", f"{active_fraction(chosen):.0%}")
    with st.expander("The map alone"):
        ui.picture(diverging(chosen, limit(chosen, 1.0), CHANGE), f"{layer.height} × {layer.width} values")
    st.markdown("**Shows** where the filter finds its pattern. **But** not whether that speaks for real or for fake.")


def show_alike(real: bool) -> None:
    """The six candidates most like this poster to the chosen layer."""
    numbers, images = networks.candidates(checkpoint, real)
    mine = similarity.layer_features(checkpoint.need_discriminator(), subject.image, layer.name)
    itself = similarity.copies(images, subject.image)
    alike = similarity.nearest(networks.features(checkpoint, real, layer.name), mine, 6, itself)
    kind, show = ("poster", sidebar.show_poster) if real else ("seed", sidebar.show_seed)
    sheet = sprite(gan.to_uint8(images[alike.indices]), columns=6)
    found = zip(alike.indices, alike.similarity, strict=True)
    sprite_grid(
        sheet, labels=[f"{kind} {numbers[index]}, similarity {value:.2f}" for index, value in found],
        per_row=6, on_pick=lambda place: show(numbers[alike.indices[place]]),
        key="alike_grid", title="posters that look alike", smallest=100, most="none",
    )  # fmt: skip
    st.caption(
        f"The most similar of {len(numbers)} by the mean response of this layer's filters: what is in the poster, not "
        "where. Early layers go by colour and texture, late ones by what D bases its verdict on. Click one to go there."
    )


alike = st.expander(f"Posters that look alike in {layer.name}", key="alike", on_change="rerun")
if alike.open:
    with alike, ui.error_boundary("The search"):
        sources = ["real posters"] * (networks.posters(checkpoint) is not None)
        sources += ["generated"] * (checkpoint.generator is not None)
        among = st.radio("Among", sources, horizontal=True, key="among", bind="query-params")
        show_alike(among == "real posters")
