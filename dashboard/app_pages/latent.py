"""Latent: each of the latent dimensions swept from -3 to 3, and which of them matter."""

import streamlit as st

import gan
from dashboard import going, sidebar, ui
from dashboard.cached import latents, networks
from dashboard.components import arrival
from dashboard.components.scrubber import scrubber
from dashboard.glossary import explanation
from dashboard.panels.generator import contributions
from dashboard.panels.latent import directions, exports, genres, inversion
from dashboard.panels.latent import latents as panel
from dashboard.panels.latent.turning import show_turning
from dashboard.subject import require, unconditioned
from xai.render import grey, limit

subject = require()
checkpoint = subject.checkpoint
noise = sidebar.noise_of(subject, "below")

live = st.container()
place = st.container()  # the sweeps take some seconds: the poster first, then everything else
with place:
    st.header("Scrub through them, one at a time")
    controls = st.container()
    known = latents.has_atlas(checkpoint, noise)
    # An empty place would take the scrubber from the page, and let its sheet be fetched again.
    view = st.container() if known else st.empty()
if not known:
    with view.container(width=420):
        ui.picture(gan.to_uint8(networks.generated(checkpoint, noise))[0], "this poster; its sweeps follow")

sensitivity = latents.sensitivity(checkpoint, noise)
if "latent" not in st.session_state and "latent" not in st.query_params:
    st.session_state["latent"] = int(sensitivity.rms.argmax())
    st.query_params["latent"] = str(st.session_state["latent"])  # a link shows the same one
index = controls.slider(
    "Latent dimension", 0, checkpoint.config.latent - 1, key="latent", bind="query-params",
    help=explanation("latent dimension", "sweep"),
)  # fmt: skip

with live, ui.error_boundary("Turning several dimensions"):
    st.header("Turn several at once")
    show_turning(checkpoint, noise, sensitivity.rms, index)

st.header(f"What dimension {index} does")
with ui.error_boundary("The dimension in words"):
    panel.show_dimension(checkpoint, sensitivity, index)
left, right = st.columns([5, 2], gap="medium")
with left:
    st.header("Which dimensions change this poster most")
    panel.show_table(checkpoint, sensitivity, noise)
    exports.show_table(checkpoint, noise)
with right:
    st.header(f"Where dimension {index} acts")
    pixel_map = latents.where(checkpoint, noise, index).numpy()
    ui.picture(grey(pixel_map, limit(pixel_map, 1.0)), "white: changes most; black: no change")
    exports.show_acting(checkpoint, noise, index, gan.to_uint8(networks.generated(checkpoint, noise))[0])
    st.markdown(
        "**Shows** the exact gradient of every pixel at this poster. **But** far from it, and for another seed, the "
        "same dimension may do something else: sweep it."
    )
    where_to = "On the page Generator, below the filter's card, under Analyses."
    if st.button("Which filters does it drive?", icon=":material/brush:", help=where_to):
        going.to("generator", {"lab": contributions.DRIVEN, "dimension": str(index)})


with st.container(gap=None):
    arrival.place("analyses", "noise", by_link=True)
    st.header("Analyses")
answers = panel.sections(subject.noise is None, bool(unconditioned().config.genres))
section = st.segmented_control("More", list(answers), key="noise", bind="query-params", label_visibility="collapsed")
if section:
    st.caption(answers[section])
with ui.error_boundary("This part of the page"):
    study = latents.latent_study(checkpoint) if section in ("Importance", "Directions") else None
    if section in ("Importance", "Directions") and study is None:
        panel.measure_button(checkpoint)
    elif section == "Importance" and study:
        panel.show_importance(checkpoint, study, index)
    elif section == "Directions" and study:
        directions.show_directions(checkpoint, study, noise)
    elif section == "Paths":
        directions.show_path(checkpoint, noise)
    elif section == "Genres":
        genres.show_genres(noise)
    elif section == "Find this poster":
        inversion.show_inversion(subject)


def choose_dimension(index: int) -> None:
    st.session_state["latent"] = index


with place, ui.error_boundary("The sweeps"):
    with ui.progress_bar("Painting every latent dimension at eleven values") as progress:
        sheet = latents.atlas(checkpoint, noise, progress)
    with view if known else view.container():
        scrubber(sheet, sensitivity.influence.tolist(), index, choose_dimension, key="atlas")
    width = checkpoint.config.size[1]
    reduced = f" The sweeps are shown at {sheet.cell[1]} of {width} pixels across." if sheet.cell[1] < width else ""
    st.caption(
        "Move over the picture to change the value from -3 to 3; click a square, or press Enter on it, to take another "
        "dimension on the whole page. The stronger a square's colour, the larger its influence on this poster, by "
        f"which the table is sorted, too. All other dimensions stay as they are.{reduced}"
    )
    exports.show_sweep(checkpoint, noise, index)
