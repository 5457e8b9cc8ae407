"""Report: what was added on the other pages, with notes, posters and what was measured, as one file to hand in."""

import streamlit as st

from dashboard import ui
from dashboard.panels.report import editor
from dashboard.subject import selected

selection = selected()
if selection.checkpoint is None:
    st.stop()
with st.container(width=1000):
    words = editor.write_words()
    with ui.error_boundary("What was added"):
        editor.arrange()
    chosen = editor.choose_contents(selection.checkpoint, selection.subject)
    with ui.error_boundary("The report"):
        editor.make(selection.checkpoint, words, chosen)
