"""Start: below the machine and the twelve posters (app.py): what to try first, what is loaded, how good it is."""

import streamlit as st

import gan
from dashboard import ui
from dashboard.cached import poster_sets, upscaling
from dashboard.glossary import explanation
from dashboard.panels import lessons
from dashboard.panels.figures import start_export
from dashboard.panels.start import gallery, posters, quality
from dashboard.subject import selected, unconditioned
from dashboard.text import plain
from gan.errors import counted
from gan.upscaling.network import LABEL

ENLARGED_FROM = 64  # pixels across; what the upscaler was trained for

subject, checkpoint = selected().subject, selected().checkpoint
if checkpoint is None or checkpoint.generator is None:
    st.stop()

posters.show_drawn(checkpoint)
start_export.show_posters(checkpoint)

upscaler = upscaling.folder()
able = subject if checkpoint.config.resolution == ENLARGED_FROM else None
if upscaler and able and st.toggle("The chosen poster, enlarged 4 times", key="enlarged", bind="query-params"):
    with ui.error_boundary("Enlarging"), st.container(key="smooth"):
        smooth, invented = upscaling.enlarged(upscaler, able)
        pictures = {"by Lanczos: nothing is added": gan.to_uint8(smooth)[0], LABEL: gan.to_uint8(invented)[0]}
        for column, (caption, picture) in zip(st.columns(2), pictures.items(), strict=True):
            with column:
                ui.picture(picture, caption)
        start_export.show_enlarged(able, pictures)

st.header("What to try first")
lessons.show_list()

real = poster_sets.posters(checkpoint)
if real is not None:
    st.header("Real posters")
    with ui.error_boundary("The gallery"):
        gallery.show(checkpoint, real, subject)

st.header("What is loaded")
info, config = checkpoint.info, checkpoint.config
columns = st.columns(4)
columns[0].metric("Checkpoint", plain(checkpoint.name), help=explanation("checkpoint"))
columns[1].metric("Pictures, width × height", f"{config.size[1]} × {config.size[0]}")
columns[2].metric("Posters shown in training", ui.posters_shown(info["kimg"]) if "kimg" in info else "unknown")
if "kimg" in info and info["kimg"] < info.get("train", {}).get("kimg", 0) - 0.5:
    whole = ui.posters_shown(info["train"]["kimg"])
    columns[2].caption(f"of {whole} in the whole run: these weights had the lowest fd_lite1.")
columns[3].metric("Genres it can be asked for", len(unconditioned().config.genres) or "none")
if "start" in info:
    st.caption(
        f"Its training began with the weights of {plain(info['start'])}; what those had been shown is not counted."
    )
found = poster_sets.checkpoint_posters(checkpoint)
if poster_sets.posters_wait(config.size):
    st.caption("The real posters are not read at this size yet: there is a button in the sidebar.")
elif found is None:
    st.caption("No real posters are loaded; name a folder or a zip after `-- --posters`. All pages work without.")
else:
    other = ", which are not those of its training" if found.other else ""
    st.caption(f"{counted(len(found.posters), 'real poster')} loaded{other}.")

st.header("How good it is")
with ui.error_boundary("Reading the evaluation"):
    quality.show_quality(unconditioned())
