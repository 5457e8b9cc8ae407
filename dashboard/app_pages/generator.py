"""Generator: each layer's and filter's map for this noise, and the poster without a filter."""

from functools import partial

import streamlit as st

import gan
from dashboard import sidebar, ui
from dashboard.cached import filters, networks
from dashboard.components import arrival
from dashboard.pages import PAGES
from dashboard.panels import needs, unit_card
from dashboard.panels.generator import ablation, contributions, painting
from dashboard.panels.generator import filters as panel
from dashboard.subject import require
from xai.networks.layers import order_units

PAINT = "Paint with this filter"
SECTIONS = {
    "Inputs to this filter": "Which latent dimensions drive this filter, and which pixels does it contribute to?",
    contributions.DRIVEN: "Which filters does a latent dimension drive, and which pixels does it change?",
    contributions.REGION: "Which filters and latent dimensions contribute to a part of the poster?",
    PAINT: "Set this filter to a value where you paint, and see the poster change.",
    "All filters": "What is each filter worth, measured over hundreds of posters?",
}
ONLY_ACTIVATIONS = "Choose a layer with a star: filters are measured after their activation function."

subject = require()
checkpoint = subject.checkpoint
noise = sidebar.noise_of(subject)

with st.container(horizontal=True, vertical_alignment="bottom"):
    layer = ui.choose_layer(networks.layers(checkpoint, "generator")[:-1], "g_layer", width=340)
    table = filters.filters_table(checkpoint)
    effects = None if table is None or layer.name not in table.layer else table.effect[table.layer == layer.name]
    sort, shared = ui.map_controls("g", ["effect"] * (effects is not None) + ["activation", "index"])
sheet, card = unit_card.beside("g_unit")
with sheet:
    maps = networks.maps_of_noise(checkpoint, noise, layer.name)
    first = partial(panel.first_unit, checkpoint, noise, layer.name, maps, effects)
    known = None if effects is None else partial(panel.effect_words, effects)
    unit = ui.choose_unit(maps, "g_unit", order_units(maps, sort, effects), shared, known, first)
    st.caption(
        "★ marks the activation layers. After a ReLU, white is a strong response; before it, orange is positive, "
        "purple negative."
    )
with card:
    unit_card.title(layer.name, unit)
    panel.show_verdict(table, layer.name, unit)
    ablation.show_ablation(checkpoint, noise, layer, unit)
    if table is None:
        if needs.are_met(PAGES["generator"], "All filters"):
            panel.measure_button(checkpoint)
    elif effects is not None:
        panel.show_posters(checkpoint, table, layer.name, unit)
        panel.show_study(table, layer.name, unit)

with st.container(gap=None):
    arrival.place("analyses", "lab", by_link=True)
    st.header("Analyses")
section = st.segmented_control("Analyses", list(SECTIONS), key="lab", bind="query-params", label_visibility="collapsed")
if section:
    st.caption(SECTIONS[section])
    pixels = gan.to_uint8(networks.generated(checkpoint, noise))[0]
    section = section if needs.met(PAGES["generator"], section) else None
    measurable = section not in (None, PAINT) and layer.name in filters.folded(checkpoint).layers
with ui.error_boundary("This analysis"):
    if section == "All filters" and table is not None:
        panel.show_table(table, checkpoint)
    elif section == "All filters":
        st.info("The filters have not been measured: the button in the card does it.")
    elif section == PAINT:
        painting.show_painting(checkpoint, noise, layer, unit, pixels)
    elif section and not measurable:
        st.info(ONLY_ACTIVATIONS)
    elif section == "Inputs to this filter":
        contributions.show_inputs(checkpoint, noise, layer.name, unit, pixels)
    elif section == contributions.DRIVEN:
        contributions.show_driven(checkpoint, noise, layer.name, pixels)
    elif section == contributions.REGION:
        contributions.show_region(checkpoint, noise, layer.name, pixels)
