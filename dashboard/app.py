"""PosterLens' dashboard: the router, and the poster that every page is about.

    streamlit run dashboard/app.py
    streamlit run dashboard/app.py -- --posters posters.zip --checkpoints checkpoints

The pages are listed in pages.py.
"""

import streamlit as st

from dashboard import going, links, memory, sidebar, ui
from dashboard.cached import listing, measured, networks
from dashboard.lessons import progress
from dashboard.pages import PAGES
from dashboard.panels import brushed, lessons, needs, poster_strip
from dashboard.panels.figures import pins
from dashboard.panels.start import machine, posters
from dashboard.settings import HOUSE, settings
from dashboard.subject import hand_over

st.set_page_config("PosterLens", HOUSE / "dashboard/icon.png", layout="wide")  # a named icon would be fetched
page = st.navigation(
    [
        st.Page(
            one.path, title=one.title, icon=f":material/{one.icon}:", url_path=one.file, default=one.file == "start"
        )
        for one in PAGES.values()
    ]
)
links.follow_old(page)
going.arrive(page.url_path or "start")
progress.open_step(page.url_path or "start")
links.remember()
measured.begin()
st.html(ui.STYLE)
# What needs no network is drawn at once; all that is heavy is imported behind it.
current = PAGES[page.url_path or "start"]
ui.head(current)
lessons.show(current.file)
pinned = st.container()
place = machine.reserve() if current.file == "start" else st.container()
if current.file == "start":
    posters.show_shipped()
with place, st.spinner("Waking up the networks"):
    networks.warm_up()
selection = sidebar.choose()
hand_over(selection)
pins.begin()
if current.file == "start":
    with place, ui.error_boundary("The picture of the machine"):
        machine.show(selection.subject)
brushed.show(selection.subject)
if selection.subject is None and not listing.checkpoint_names():
    st.info(
        f"There is no checkpoint in {ui.message(settings().checkpoints)}. Train one with scripts/train.py, or name a "
        "folder: streamlit run dashboard/app.py -- --checkpoints DIR",
        icon=":material/info:",
    )
missing = st.empty()
with missing.container():  # what the sidebar could not take: the page may end early
    links.show_missing()
with ui.error_boundary("This page"):
    if needs.met(current):
        if current.needs and selection.subject is not None:
            poster_strip.show(selection.subject)
        page.run()
with pinned, ui.error_boundary("The pinned figure"):
    pins.show()
with missing.container():
    links.show_missing()
memory.give_back_what_grew()
if measured.has_changed():  # a study was finished while the page was drawn: half of it may not know
    st.rerun()
