"""Training: losses, figures and grids over time, one run or two side by side; live while a run is going."""

import streamlit as st

from dashboard import ui
from dashboard.cached import listing
from dashboard.panels import training
from dashboard.panels.figures import run_export
from dashboard.subject import selected
from dashboard.text import plain

ALONE = "no other run"

found = listing.runs()
if not found:
    st.info("No training log was found. Start a run with scripts/train.py; it shows here while it goes on.")
    st.stop()
checkpoint = selected().unconditioned
default = training.default_run(found, None if checkpoint is None else checkpoint.name)
training.follow(default)
with st.container(horizontal=True, vertical_alignment="bottom"):
    name = ui.choose("Run", list(found), default, str, "run", width=320)
    others = [ALONE, *(other for other in found if other != name)]
    compared = ui.choose("Compare with", others, ALONE, str, "with", width=320)
    live = st.toggle(
        "Live", training.is_going(found[name]), key="live", bind="query-params",
        help="Read the log again every ten seconds.",
    )  # fmt: skip
chosen = [name] + [compared] * (compared != ALONE)


@st.fragment(run_every="10s" if live else None)
def show() -> None:
    read = [training.read(one, found[one]) for one in chosen]
    for column, run in zip(st.columns(len(read), gap="large"), read, strict=True):
        with column, ui.error_boundary(f"Reading {run.name}"):
            if len(read) > 1:
                st.header(plain(run.name))
            training.show_state(run)
            training.show_grids(run)
            training.show_notes(run)
    training.show_curves(read)


show()
for one in chosen:
    run_export.show(one, found[one])
for one in chosen:
    with ui.error_boundary("The nearest training posters"):
        training.show_closest(one, found[one])
