"""Start: what is loaded, how good it is, twelve posters to click, what to try first."""

import streamlit as st
import torch

import gan
from dashboard import cache, state, ui
from dashboard.components.sprite_grid import sprite_grid
from xai.render import data_uri, sprite

SEEDS = range(12)

ui.head(
    "PosterLens",
    "A GAN learned to paint movie posters. Look inside: what does it see, and what does it draw?",
)
subject = st.session_state["_subject"]
checkpoint = st.session_state["_checkpoint"]
if checkpoint is None or checkpoint.generator is None:
    st.stop()

with torch.no_grad():
    pictures = gan.to_uint8(checkpoint.generator(gan.latents(SEEDS, checkpoint.config)))
st.subheader("Twelve posters that do not exist")
sheet = sprite(pictures, columns=6)
current = int(st.session_state.get("seed", 0)) if subject is not None and subject.z is not None else -1
sprite_grid(
    data_uri(sheet.pixels),
    labels=[f"seed {seed}" for seed in SEEDS],
    columns=6,
    cell=sheet.cell,
    selected=current if current in SEEDS else -1,
    on_pick=state.show_seed,
    key="start_grid",
    title="generated posters",
    smallest=110,
    per_row=6,
    most="none",
)
st.caption("Click one: every page is then about it.")

st.subheader("What to try first")
for page, icon, question in (
    (
        "compare",
        "compare",
        "**Compare**: which parts of this poster speak for real, and do the methods agree?",
    ),
    ("discriminator", "policy", "**Discriminator**: what does each filter see in it?"),
    ("generator", "brush", "**Generator**: which filter draws what? Take one away and see."),
    ("latent", "tune", "**Latent**: turn one of the noise values and watch the poster change."),
    ("prune", "content_cut", "**Prune**: which filters can go before anyone notices?"),
    ("training", "monitoring", "**Training**: how did it learn, from noise to posters?"),
):
    st.page_link(f"app_pages/{page}.py", label=question, icon=f":material/{icon}:")

st.subheader("What is loaded")
info = checkpoint.info
columns = st.columns(4)
columns[0].metric("Checkpoint", checkpoint.name)
columns[1].metric("Resolution", f"{checkpoint.config.resolution} × {checkpoint.config.resolution}")
columns[2].metric("Posters shown in training", f"{info['kimg']:.0f} thousand" if "kimg" in info else "unknown")
columns[3].metric(
    "fd_lite1",
    f"{info['fd_lite1']:.0f}" if "fd_lite1" in info else "—",
    help="Distance of generated from held-out real posters, on EfficientNet-Lite1 features; lower is better.",
)
found = cache.posters(checkpoint.config.resolution)
if found is None:
    st.caption("No real posters are loaded; name a folder or a zip after `-- --posters`. All pages work without.")
else:
    st.caption(f"{len(found):,} real posters are loaded.")
