"""PosterLens' dashboard: the router, and the poster that every page is about.

streamlit run dashboard/app.py
streamlit run dashboard/app.py -- --posters posters.zip --checkpoints checkpoints
"""

import streamlit as st

from dashboard import sidebar, ui
from dashboard.cached import networks
from dashboard.settings import settings

PAGES = {
    "Start": ("start", "home"),
    "Compare": ("compare", "compare"),
    "Discriminator": ("discriminator", "policy"),
    "Generator": ("generator", "brush"),
    "Latent": ("latent", "tune"),
    "Prune": ("prune", "content_cut"),
    "Training": ("training", "monitoring"),
}

st.set_page_config("PosterLens", ":material/frame_inspect:", layout="wide")
page = st.navigation(
    [
        st.Page(
            f"app_pages/{file}.py",
            title=title,
            icon=f":material/{icon}:",
            url_path=file,
            default=file == "start",
        )
        for title, (file, icon) in PAGES.items()
    ]
)
st.html(ui.STYLE)
with st.spinner("Waking up the networks"):
    networks.warm_up()
subject = sidebar.choose()
st.session_state["_subject"] = subject
if subject is None and not networks.checkpoint_names():
    st.info(
        f"There is no checkpoint in {settings().checkpoints}. Train one with scripts/train.py, or name a folder: "
        "streamlit run dashboard/app.py -- --checkpoints DIR",
        icon=":material/info:",
    )
page.run()
