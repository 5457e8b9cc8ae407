"""The smallest change that turns D's verdict: the fewest filters that are replaced, the shortest move of the latent.

counterfactual.show_filters(question, "layers.7")
counterfactual.show_latent(subject)
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import streamlit as st

from dashboard import charts, sidebar, ui
from dashboard.cached import discriminator
from dashboard.components.sprite_grid import sprite_grid
from xai.render import VERDICT, sprite

if TYPE_CHECKING:
    from dashboard.cached.explanations import Question
    from dashboard.subject import Subject
    from xai.discriminator.counterfactuals.by_filters import ReplacedFilter

THIS, ALL = "this layer", "all layers"
SHOWN = 3  # statistics of the picture
WORDS = {"mean": "their mean over posters", "reference": "their maps of the baseline"}


def show_filters(question: Question, layer: str) -> None:
    """Search the filters, and show how the logit goes as one after the other is replaced."""
    with st.container(horizontal=True, vertical_alignment="bottom"):
        scope = st.segmented_control(
            "Replace filters of", [THIS, ALL], default=THIS, required=True, key="d_scope", bind="query-params"
        )
        by = ui.choose("By", list(WORDS), "mean", WORDS.__getitem__, "d_by", width=260)
    with ui.progress_bar("Replacing filters") as progress:
        found = discriminator.turned(question, by, None if scope == ALL else layer, progress)
    st.markdown(found.text)
    if not found.steps:
        return
    names = ["this poster", *map(_name, found.steps), "with all of them"]
    values = [found.logit, *(step.change for step in found.steps), found.end]

    def choose(place: int) -> None:
        if 0 < place <= len(found.steps):
            step = found.steps[place - 1]
            st.session_state["d_layer"], st.session_state["d_unit"] = step.layer, step.unit

    charts.show(
        charts.waterfall(names, values, VERDICT), "The logit as filters are replaced", "turned", on_pick=choose,
        xaxis_title="D's logit", height=100 + charts.ROW * len(names),
    )  # fmt: skip
    st.caption("At each step the filter that moves the logit most, computed anew. Click a bar to go to its filter.")


def show_latent(subject: Subject) -> None:
    """The shortest move of the latent that turns the verdict, as a strip of posters; of generated posters alone."""
    checkpoint, noise = subject.checkpoint, subject.noise
    if noise is None or checkpoint.generator is None:
        st.caption("Of a generated poster, the shortest move in latent space that turns the verdict is shown as well.")
        return
    st.markdown("**The shortest move in latent space**")
    with ui.progress_bar("Moving the latent") as progress:
        found = discriminator.moved(checkpoint, noise, progress)
    last = len(found.labels) - 1
    name = f"{noise.name}, turned"
    sprite_grid(
        sprite(found.pixels, columns=len(found.labels)), labels=list(found.labels), per_row=len(found.labels),
        heads=[" → ".join([found.labels[0], found.labels[last]])], key="turned_strip", title="posters on the way",
        on_pick=lambda place: sidebar.show_latent(checkpoint, name, found.latents[place][None]), smallest=44,
        most="none",
    )  # fmt: skip
    st.markdown(found.text)
    changes = [change.text for change in found.statistics[:SHOWN]]
    st.caption(f"What changed most in the picture: {'; '.join(changes)}. Click a poster to go there.")


def _name(step: ReplacedFilter) -> str:
    return f"filter {step.unit} of {step.layer}"
