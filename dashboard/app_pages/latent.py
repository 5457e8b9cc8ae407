"""Latent: each of the noise values swept from -3 to 3, and which of them matter."""

import pandas as pd
import streamlit as st
import torch

import gan
from dashboard import cache, state, ui
from dashboard.components.sprite_grid import sprite_grid
from xai import latent
from xai.render import data_uri, grey, limit, sprite

STEPS = torch.linspace(-3, 3, 9)

ui.head("Latent", "What does each of the noise values control?")
subject = ui.needs(st.session_state["_subject"], "generator")
checkpoint = subject.checkpoint
seed, z = state.latent_of(subject)
count = checkpoint.config.latent

measured = cache.sensitivity(checkpoint.digest, seed, checkpoint, z)
strongest = measured.rms.argsort(descending=True).tolist()
if "latent" not in st.session_state and "latent" not in st.query_params:
    st.session_state["latent"] = strongest[0]
index = st.slider("Noise value", 0, count - 1, key="latent", bind="query-params")
now = float(z[0, index])

with ui.forgiving("The sweep"):
    pictures = gan.to_uint8(latent.sweep(checkpoint.generator, z, index, STEPS))
    nearest = int((STEPS - now).abs().argmin())
    sheet = sprite(pictures, columns=len(STEPS))
    sprite_grid(
        data_uri(sheet.pixels),
        labels=[f"value {index} at {float(step):+.2f}" for step in STEPS],
        columns=len(STEPS), cell=sheet.cell, selected=nearest, on_pick=lambda place: None,
        key="latent_strip", title="sweep of one noise value", smallest=84, most="none",
    )  # fmt: skip
    st.caption(f"From -3 to 3; this poster has {now:+.2f} (the nearest is outlined). Everything else stays.")

left, right = st.columns([7, 3], gap="large")
with left:
    st.subheader("Which values change this poster most")
    table = pd.DataFrame(
        {
            "value": range(count),
            "now": z.flatten().tolist(),
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
            "top": st.column_config.NumberColumn("Top", format="%.0f %%", help="Share of the change in the top third."),
            "middle": st.column_config.NumberColumn("Middle", format="%.0f %%"),
            "bottom": st.column_config.NumberColumn("Bottom", format="%.0f %%"),
            "logit": st.column_config.NumberColumn("D's logit", format="%+.2f", help="D's logit for one unit"),
        },
    )  # fmt: skip
with right:
    st.subheader(f"Where value {index} acts")
    where = measured.maps[index].numpy()
    ui.picture(grey(where, limit(where, 1.0)), "white: changes most; black: stays")
    st.markdown(
        "**Shows** the exact slope of every pixel at this poster. **But** far from it, and for another seed, the same "
        "value may do something else: sweep it."
    )
