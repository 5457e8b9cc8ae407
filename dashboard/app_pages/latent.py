"""Latent: each of the noise values swept from -3 to 3, and which of them matter."""

import pandas as pd
import streamlit as st

from dashboard import sidebar, ui
from dashboard.cached import latents
from dashboard.components.scrubber import scrubber
from dashboard.pages import PAGES
from dashboard.panels import latents as panel
from dashboard.subject import require, unconditioned
from xai.render import grey, limit

ui.head(PAGES["latent"])
subject = require("generator")
checkpoint = subject.checkpoint
noise = sidebar.noise_of(subject)
count = checkpoint.config.latent

measured = latents.sensitivity(checkpoint, noise)
strongest = measured.rms.argsort(descending=True).tolist()
if "latent" not in st.session_state and "latent" not in st.query_params:
    st.session_state["latent"] = strongest[0]
st.subheader("Scrub through all of them")
index = st.slider("Noise value", 0, count - 1, key="latent", bind="query-params")

place = st.empty()  # the atlas takes some seconds: everything else first

left, right = st.columns([5, 2], gap="medium")
with left:
    st.subheader("Which values change this poster most")
    table = pd.DataFrame(
        {
            "value": range(count),
            "now": noise.z.flatten().tolist(),
            "change": measured.rms.tolist(),
            "brightness": measured.brightness.tolist(),
            "top": (100 * measured.top).tolist(),
            "middle": (100 * measured.middle).tolist(),
            "bottom": (100 * measured.bottom).tolist(),
        }
    )
    if measured.score is not None:
        table["logit"] = measured.score.tolist()
    table = table.sort_values("change", ascending=False)

    def follow() -> None:
        rows = st.session_state["latent_table"].selection.rows
        if rows:
            st.session_state["latent"] = int(table["value"].iloc[rows[0]])

    st.dataframe(
        table, hide_index=True, height=420, on_select=follow, selection_mode="single-row", key="latent_table",
        column_config={
            "value": st.column_config.NumberColumn("Value", help="Index of the noise value; click a row to sweep it."),
            "now": st.column_config.NumberColumn("Now", format="%+.2f"),
            "change": st.column_config.ProgressColumn(
                "Change", format="%.3f", min_value=0.0, max_value=float(measured.rms.max()),
                help="Root mean square of the picture's slope, for one unit of noise; black to white is 2.",
            ),
            "brightness": st.column_config.NumberColumn("Brighter", format="%+.3f", help="Mean luminance for one unit"),
            "top": st.column_config.NumberColumn("Top", format="%.0f%%", help="Share of the change in the top third."),
            "middle": st.column_config.NumberColumn("Middle", format="%.0f%%"),
            "bottom": st.column_config.NumberColumn("Bottom", format="%.0f%%"),
            "logit": st.column_config.NumberColumn("D's logit", format="%+.2f", help="D's logit for one unit"),
        },
    )  # fmt: skip
with right:
    st.subheader(f"Where value {index} acts")
    where = latents.where(checkpoint, noise, index).numpy()
    ui.picture(grey(where, limit(where, 1.0)), "white: changes most; black: stays")
    st.markdown(
        "**Shows** the exact slope of every pixel at this poster. **But** far from it, and for another seed, the same "
        "value may do something else: sweep it."
    )
    if st.button("Which filters does it drive?", icon=":material/brush:"):
        query = {"lab": "What a value drives", "wired_value": str(index)}
        st.switch_page("app_pages/generator.py", query_params=query)


st.subheader("Laboratory")
answers = panel.sections(subject.noise is None, bool(unconditioned().config.genres))
section = st.segmented_control("More", list(answers), key="noise", bind="query-params", label_visibility="collapsed")
if section:
    st.caption(answers[section])
with ui.error_boundary("This part of the page"):
    studied = section in ("Importance", "Directions")
    study = latents.latent_study(checkpoint) if studied else None
    if studied and study is None:
        panel.measure_button(checkpoint)
    elif section == "Importance" and study:
        panel.show_importance(study)
    elif section == "Directions" and study:
        panel.show_directions(checkpoint, study, noise)
    elif section == "Paths":
        panel.show_path(checkpoint, noise)
    elif section == "Genres":
        panel.show_genres(noise)
    elif section == "Find this poster":
        panel.show_inversion(subject)


def keep(value: int) -> None:
    st.session_state["latent"] = value


with place.container(), ui.error_boundary("The atlas"):
    slot = st.empty()
    found = latents.atlas(checkpoint, noise, ui.progress(slot, "Painting every noise value at eleven steps"))
    slot.empty()
    scrubber(
        found.uri, found.columns, found.cell, found.steps, found.now, found.heat, index, keep, key="atlas"
    )  # fmt: skip
    st.caption(
        "Move over the picture to turn the value from -3 to 3; point at a square to take another value. The redder the "
        "square, the more its value can change this poster on the whole way; the table below goes by the slope at the "
        "value that it has now. Everything else stays as it is."
    )
