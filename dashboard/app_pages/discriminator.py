"""Discriminator: which filters carried the verdict on this poster, where, and what each of them looks for."""

import streamlit as st

from dashboard import ui
from dashboard.cached import discriminator, networks
from dashboard.components import arrival
from dashboard.pages import PAGES
from dashboard.panels import unit_card
from dashboard.panels.collection import alike
from dashboard.panels.discriminator import counterfactual, exports, filter_card, inside, judgement, table, verdict
from dashboard.subject import require

SECTIONS = {
    "Turn the verdict": "What is the smallest change for D to say the opposite?",
    "How good its verdicts are": "On which posters is D right, can its probability be believed, what are its errors?",
    "Posters that look alike": "Which posters does this layer take for similar?",
    "All filters": "What does each filter say, measured over thousands of posters?",
}

subject = require()
checkpoint = subject.checkpoint
with st.container(horizontal=True, vertical_alignment="bottom"):
    layers = networks.layers(checkpoint, "discriminator")[:-2]
    layer = ui.choose_layer(layers, "d_layer", width=420)
    question = verdict.ask(subject)
measurable = layer.kind in ui.ACTIVATIONS
poster, waterfall = st.columns([2, 3], gap="large")
sheet, card = unit_card.beside("d_unit")

with sheet:
    maps = networks.maps_of_poster(subject, layer.name)
    contributed = verdict.contributions(question, layer.name) if measurable else None
    unit = filter_card.choose(maps, contributed)
    if not checkpoint.config.norm_d:
        st.caption("This discriminator has no BatchNorm: convolutions with a bias, and right after each its LeakyReLU.")
    st.caption("★ marks the activation layers. Orange: positive response; purple: negative; white: none.")
with poster, ui.error_boundary("The map"):
    verdict.show_map(subject, question, layer, unit, measurable)
with waterfall, ui.error_boundary("The waterfall"):
    if measurable:
        verdict.show_waterfall(subject, question, layer.name)
    else:
        st.info("Choose a layer with a star: what a filter contributes is measured after its activation function.")

measured = named = None
with card:
    unit_card.title(layer.name, unit)
    response, facts = st.columns(2)
    with response:
        filter_card.show_response(
            subject, layer, maps[unit], **verdict.leading(question, layer.name, maps[unit], measurable)
        )
        exports.show_response(subject, layer.name, unit, maps[unit])
    if contributed is not None:
        with facts:
            st.markdown(f"In this poster it adds **{contributed.values[unit]:+z.3f}** to D's logit.")
            with ui.error_boundary("What was measured of this filter"):
                measured = discriminator.filter_table(checkpoint)
                if measured is not None:
                    filter_card.show_evidence(measured, layer.name, unit)
        if measured is not None:
            with ui.error_boundary("The exemplars"):
                filter_card.show_exemplars(checkpoint, measured, layer.name, unit)
            filter_card.show_study(measured, layer.name, unit)
        with ui.error_boundary("The concepts"):
            named = discriminator.concepts(checkpoint)
            if named is not None:
                filter_card.show_concept(named, layer.name, unit)
                exports.show_concepts_of(checkpoint, named, layer.name, unit)
        if measured is not None:
            filter_card.show_distribution(measured, layer.name, unit)
            exports.show_distribution(checkpoint, measured, layer.name, unit)
        inside.show(checkpoint, measured, layers, layer.name, unit)
        if checkpoint.generator is not None and discriminator.can_measure_more(checkpoint, measured):
            filter_card.measure_button(checkpoint, measured)

with st.container(gap=None):
    arrival.place("analyses", "d_lab", by_link=True)
    st.header("Analyses")
section = st.segmented_control(
    "Analyses", list(SECTIONS), key="d_lab", bind="query-params", label_visibility="collapsed"
)  # fmt: skip
if section:
    st.caption(SECTIONS[section])
with ui.error_boundary("This analysis"):
    if section == "Turn the verdict":
        if measurable:
            counterfactual.show_filters(subject, question, layer.name)
        counterfactual.show_latent(subject)
    elif section == "Posters that look alike":
        if measurable:
            alike.show(subject, [layer.name])
            st.page_link(PAGES["collection"].path, label="All layers, and colours, layout and genres beside them")
        else:
            st.info("Choose a layer with a star: posters are compared by what its filters answer after activation.")
    elif section == "How good its verdicts are":
        judgement.show(checkpoint)
    elif section == "All filters" and measured is not None:
        table.show(measured, named, checkpoint.name)
        exports.show_table(checkpoint, measured, named)
