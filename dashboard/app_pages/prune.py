"""Prune: which filters can go, what it costs, what it saves; export the smaller generator."""

import streamlit as st

from dashboard.cached import filters
from dashboard.panels import pruning
from dashboard.subject import require

subject = require()
checkpoint = subject.checkpoint
ranking, percent = pruning.choose_share(filters.filters_table(checkpoint))
time = pruning.show_costs(checkpoint, ranking, percent)
pruning.show_posters(subject, ranking, percent)
pruning.show_time(time, checkpoint, ranking, percent)

st.header("When does quality drop measurably?")
pruning.show_study(checkpoint, ranking, percent)

pruning.show_export(checkpoint, ranking, percent)
st.markdown(
    "**Shows** what remains when filters are cut out of the network for good, and the others take over as much of "
    "their work as can be predicted from them. "
    "**But** a filter that hardly changes most posters may be what a rare one is made of."
)
