"""Slow motion: one update at a time on stage, from nothing, from a checkpoint, or from a run's state."""

import streamlit as st

from dashboard import ui
from dashboard.panels import slow_motion as panel
from dashboard.panels.figures import step_export

with st.container(horizontal=True, vertical_alignment="bottom"):
    wish = panel.choose_start()
    count = st.segmented_control(
        "Posters shown", panel.SHOWN, default=8, required=True, key="stage_shown", bind="query-params"
    )
with st.spinner("Setting the stage"):
    seat = panel.open_stage(wish)
if seat.stage is None:
    st.info("Others needed the memory of this stage: it was put away.", icon=":material/info:")
    st.button("Begin again", on_click=panel.begin_again)
    st.stop()
panel.act(seat.stage)
panel.show_notes(seat, seat.stage)
panel.show_controls(seat.stage)


@st.fragment(run_every=panel.interval())
def show() -> None:
    stage = seat.stage  # others may have needed its memory meanwhile
    if stage is None:
        st.rerun()
    with ui.error_boundary("The step"):
        if st.session_state[panel.PLAYING]:
            panel.play(stage)
        panel.show_step(stage, int(count or 8))
        step_export.show_step(stage, int(count or 8))
        panel.show_curves(stage)
        panel.show_previews(stage)
        step_export.show_states(stage)


show()
