"""The verdict on a poster, filter by filter: where one filter's part came from, and a waterfall of the strongest.

question = verdict.ask(subject)
verdict.show_map(subject, question, layer, unit=12, measurable=True)
verdict.show_waterfall(subject, question, "layers.4")
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import streamlit as st

from dashboard import charts, ui
from dashboard.cached import discriminator, explanations
from dashboard.components.value_map import value_map
from dashboard.panels import baseline
from dashboard.panels.discriminator import exports
from gan.progress import silent
from xai.discriminator.relevance import waterfall
from xai.generator.regions import box_of
from xai.render import VERDICT, limit, overlay, pool

if TYPE_CHECKING:
    from dashboard.cached.explanations import Question
    from dashboard.subject import Subject
    from xai.discriminator.relevance import LayerContributions
    from xai.networks.layers import Layer

ONE, ALL, NONE = "this filter", "all filters", "poster"
DETAIL = 8  # pixels across which the whole map is averaged at 64 x 64, as on the Compare page
KEY = "d_unit"


def ask(subject: Subject) -> Question:
    """What is explained: D's logit of this poster, against the baseline that is chosen here."""
    kind, own = baseline.choose(subject.checkpoint)
    seed = None if subject.noise is None else subject.noise.seed
    return explanations.Question(
        subject.checkpoint, subject.image, subject.key, kind, baseline.COUNT, None, own, seed
    )  # fmt: skip


def contributions(question: Question, layer: str) -> LayerContributions:
    """What each filter of a layer adds to the logit."""
    return discriminator.contributions(question).of(layer)


def show_map(subject: Subject, question: Question, layer: Layer, unit: int, measurable: bool) -> None:
    """The poster, and where in it one filter's contribution came from, or all filters' together.

    measurable : whether contributions of this layer's filters are known.
    """
    ui.verdict(subject.logit, subject.probability)
    kinds = [*[ONE] * measurable, ALL, NONE]
    shown = st.segmented_control(
        "Show what comes from", kinds, default=kinds[0], required=True, key="d_map", bind="query-params",
        help="The maps of all filters of a layer add up to DeepLIFT's map of the poster.",
    )  # fmt: skip
    if shown == NONE:
        ui.picture(subject.pixels, "the poster")
        return
    if shown == ALL:
        explanation = explanations.explanation(question, "deeplift", {}, silent)
        block = max(DETAIL, subject.checkpoint.config.resolution // DETAIL)
        values, caption = pool(explanation.heat(), block), "DeepLIFT's map: what all filters contributed"
        settings: dict[str, Any] = {"filters": "all"}
    else:
        found = discriminator.conditional_map(question, layer.name, unit)
        values, block, settings = found.cells, found.block, {"layer": layer.name, "filter": unit}
        caption = f"what filter {unit} of {layer.name} contributed, {found.contribution:+z.3f}"
    places = values[::block, ::block]
    value_map(
        overlay(subject.pixels, values, limit(values), 0.9, VERDICT), places, "d_verdict_map", caption=caption,
        unit="logit a pixel", **leading(question, layer.name, places, measurable),
    )  # fmt: skip
    st.caption("Red speaks for real, blue for fake; grey: little influence.")
    exports.show_map(subject, question, values, block, caption, **settings)


def leading(question: Question, layer: str, places: Any, measurable: bool) -> dict[str, Any]:
    """A click on a place of a map (h, w) leads to the filter that contributed most there, as far as that is known."""
    if not measurable:
        return {}

    def go_to(row: int, column: int) -> None:
        st.session_state[KEY] = discriminator.strongest_in(question, layer, box_of(row, column, *places.shape))

    return {"on_pick": go_to, "action": "go to the filter that contributed most there"}


def show_waterfall(subject: Subject, question: Question, layer: str) -> None:
    """From the reference's logit to the poster's, by the filters that pushed most; a click on a bar chooses one."""
    found = waterfall(discriminator.contributions(question), layer)
    figure = charts.waterfall([bar.label for bar in found.bars], [bar.value for bar in found.bars], VERDICT)

    def choose(place: int) -> None:
        if found.bars[place].unit is not None:
            st.session_state[KEY] = found.bars[place].unit

    charts.show(
        figure, f"How the filters of {layer} lead to the verdict", "waterfall", on_pick=choose,
        xaxis_title="D's logit", height=100 + charts.ROW * len(found.bars),
    )  # fmt: skip
    st.caption(f"{found.text} Click a bar to see what its filter looks for.")
    exports.show_waterfall(subject, question, found)
