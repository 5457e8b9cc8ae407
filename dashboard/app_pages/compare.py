"""Compare: which parts of this poster speak for real and which for fake, by several methods, and which to trust."""

import streamlit as st

from dashboard.panels import comparisons, maps, trust
from dashboard.subject import require

subject = require("discriminator")
request = maps.choose_question(subject)
view = maps.choose_view(subject.checkpoint.config.resolution)
if not request.options:
    st.info("Choose at least one method.")
    st.stop()

methods = list(request.options)
order = trust.ranked(methods) if view.by_trust else methods
cards = maps.draw_cards(subject, request, order)
explained = maps.explain(request, cards)
maps.show_maps(explained, cards, subject.pixels, view)
if view.check:
    trust.rank(maps.check(request, explained, cards), order, view.by_trust)

names = [name for name in comparisons.SECTIONS if name != comparisons.BLAME or subject.noise is not None]
section = st.segmented_control("More", names, key="more", bind="query-params", label_visibility="collapsed")
if section:
    comparisons.SECTIONS[section](request, explained, subject, view)
