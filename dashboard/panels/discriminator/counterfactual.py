"""The smallest change that turns D's verdict: the fewest filters that are replaced, the shortest move of the latent.

counterfactual.show_filters(subject, question, "layers.7")
counterfactual.show_latent(subject)
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import plotly.graph_objects as go
import streamlit as st

from dashboard import charts, sidebar, ui
from dashboard.cached import discriminator
from dashboard.components.sprite_grid import sprite_grid
from dashboard.panels import unit_card
from dashboard.panels.discriminator import exports
from xai.discriminator.counterfactuals.removal import ORDERS
from xai.render import GREEN_HEX, GREY_HEX, ORANGE_HEX, VERDICT, VIOLET_HEX, sprite

if TYPE_CHECKING:
    from dashboard.cached.explanations import Question
    from dashboard.subject import Subject
    from xai.discriminator.counterfactuals.by_filters import FilterCounterfactual, ReplacedFilter
    from xai.discriminator.counterfactuals.removal import RemovalCurves

THIS, ALL = "this layer", "all layers"
LINES = (VIOLET_HEX, ORANGE_HEX, GREEN_HEX, GREY_HEX)  # of ORDERS
SHOWN = 3  # statistics of the picture
WORDS = {"mean": "their mean over posters", "reference": "their maps of the baseline"}


def show_filters(subject: Subject, question: Question, layer: str) -> None:
    """The fewest filters that turn the verdict, and the proof that contributions tell which filters carry it."""
    with st.container(horizontal=True, vertical_alignment="bottom"):
        scope = st.segmented_control(
            "Replace filters of", [THIS, ALL], default=THIS, required=True, key="d_scope", bind="query-params"
        )
        by = ui.choose("By", list(WORDS), "mean", WORDS.__getitem__, "d_by", width=260)
    among = None if scope == ALL else layer
    found = _show_fewest(question, by, among)
    if found.steps:
        exports.show_turned(subject, question, found, WORDS[by])
    curves = discriminator.removal(question, by, among)
    _show_removal(curves)
    exports.show_removal(subject, question, curves, WORDS[by])


def _show_fewest(question: Question, by: str, layer: str | None) -> FilterCounterfactual:
    with ui.progress_bar("Replacing filters") as progress:
        found = discriminator.turned(question, by, layer, progress)
    st.markdown(found.text)
    if not found.steps:
        return found
    names = ["this poster", *map(_name, found.steps), "with all of them"]
    values = [found.logit, *(step.change for step in found.steps), found.end]

    def choose(place: int) -> None:
        if 0 < place <= len(found.steps):
            step = found.steps[place - 1]
            st.session_state["d_layer"], st.session_state["d_unit"] = step.layer, step.unit
            unit_card.go_to()

    charts.show(
        charts.waterfall(names, values, VERDICT), "The logit as filters are replaced", "turned", on_pick=choose,
        xaxis_title="D's logit", height=100 + charts.ROW * len(names),
    )  # fmt: skip
    st.caption("At each step the filter that moves the logit most, computed anew. Click a bar to go to its filter.")
    return found


def _show_removal(curves: RemovalCurves) -> None:
    """The logit as more and more filters are replaced, in each order."""
    figure = go.Figure()
    for (order, words), colour in zip(ORDERS.items(), LINES, strict=True):
        figure.add_scatter(
            x=curves.counts, y=curves.logits[order], name=words, mode="lines+markers", line={"color": colour}
        )  # fmt: skip
    figure.add_hline(curves.base_logit, line={"dash": "dot", "color": GREY_HEX})
    figure.update_xaxes(type="log", title="filters replaced")
    figure.update_layout(legend={"orientation": "h", "y": -0.35})
    charts.show(figure, f"Proof by removal, {curves.layer}", "removal", yaxis_title="D's logit", height=340)
    st.caption(
        "If contributions are right, replacing the filters with the largest ones first leaves this poster's logit the "
        "fastest. Dotted: the logit of the baseline. Over 200 posters: docs/discriminator.md."
    )


def show_latent(subject: Subject) -> None:
    """The shortest move of the latent that turns the verdict, as a strip of posters; of generated posters alone."""
    checkpoint, noise = subject.checkpoint, subject.noise
    if noise is None or checkpoint.generator is None:
        st.caption("Of a generated poster, the shortest move in latent space that turns the verdict is shown as well.")
        return
    with ui.progress_bar("Moving the latent") as progress:
        found = discriminator.moved(checkpoint, noise, progress)
    name = f"{noise.name}, turned"
    st.markdown(f"**The shortest move in latent space**: from {found.labels[0]} to {found.labels[-1]}")
    sprite_grid(
        sprite(found.pixels, columns=len(found.labels)), labels=list(found.labels), per_row=len(found.labels),
        on_pick=lambda place: sidebar.show_latent(checkpoint, name, found.latents[place][None]), key="turned_strip",
        title="posters on the way", smallest=80, most="none",
    )  # fmt: skip
    st.markdown(found.text)
    changes = [change.text for change in found.statistics[:SHOWN]]
    st.caption(f"What changed most in the picture: {'; '.join(changes)}. Click a poster to go there.")
    exports.show_moved(checkpoint, noise, found)


def _name(step: ReplacedFilter) -> str:
    return f"filter {step.unit} of {step.layer}"
