"""The smallest change that turns D's verdict: the fewest filters that are replaced.

counterfactual.show(subject, question, "layers.7")
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import streamlit as st

from dashboard import charts, ui
from dashboard.cached import discriminator
from xai.render import VERDICT

if TYPE_CHECKING:
    from dashboard.cached.explanations import Question
    from xai.discriminator.counterfactual import ReplacedFilter

THIS, ALL = "this layer", "all layers"
WORDS = {"mean": "their mean over posters", "reference": "their maps of the baseline"}


def show(question: Question, layer: str) -> None:
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


def _name(step: ReplacedFilter) -> str:
    return f"filter {step.unit} of {step.layer}"
