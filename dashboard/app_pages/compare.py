"""Compare: which parts of this poster D's answer comes from, by several methods, and which of them to trust."""

import streamlit as st

from dashboard.components import arrival
from dashboard.panels.compare import comparisons, exports, maps, trust
from dashboard.panels.compare.shown import Shown
from dashboard.subject import require

subject = require()
with st.container(horizontal=True, vertical_alignment="center"):
    request = maps.choose_question(subject)
    view = maps.choose_view(subject.checkpoint.config.size)
    maps.show_choices(request, view)
if not request.options:
    st.info("Choose at least one method.")
    st.stop()

methods = list(request.options)
order = trust.ranked(methods) if view.by_trust else methods
bar = st.container()
cards = maps.draw_cards(subject, request, order)
explained = maps.explain(request, cards)
maps.show_maps(request, explained, cards, subject.pixels, view)
trusted = maps.check(request, explained, cards, view, bar) if view.check else {}
trust.rank(trusted, order, view.by_trust)
shown = Shown(request, explained, trusted, subject, view)
exports.show(shown, cards)

names = [name for name in comparisons.SECTIONS if name != comparisons.BLAME or subject.noise is not None]
arrival.place("analyses", "more", by_link=True)
section = st.segmented_control("More", names, key="more", bind="query-params", label_visibility="collapsed")
if section:
    comparisons.SECTIONS[section](shown)
if section == "Export":
    exports.show_all(shown)
