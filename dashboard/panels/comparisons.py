"""What follows the maps on the Compare page: agreement, other baselines, export, and the way back to the noise.

SECTIONS["Agreement"](request, explained, subject, view)
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
import streamlit as st

from dashboard import charts, ui
from dashboard.cached import explanations
from dashboard.subject import require
from xai import METHODS, REFERENCES, compare
from xai.render import enlarge_map, limit, overlay, pool

if TYPE_CHECKING:
    from dashboard.panels.maps import Request, View
    from dashboard.subject import Subject
    from xai import Blame, Explanation

SHOWN = 12  # contributions of the latent, and of a layer's filters


def show_agreement(request: Request, explained: dict[str, Explanation], subject: Subject, view: View) -> None:
    """Three matrices, and what all methods say together."""
    if len(explained) < 2:
        st.info("Choose two methods or more to see how far they agree.")
        return
    agreement = compare({name: one.heat() for name, one in explained.items()})
    titles = [METHODS[name].title for name in agreement.names]
    matrices = {
        "Rank correlation": (agreement.rank, "1: the same order of cells; 0: unrelated; below 0: reversed."),
        "Overlap of the strongest tenth": (agreement.overlap, "Proportion of the strongest cells in common."),
        "Structural similarity": (agreement.ssim, "1: the maps look the same; 0: they have no structure in common."),
    }
    for column, (title, (values, meaning)) in zip(st.columns(3), matrices.items(), strict=True):
        with column:
            figure = charts.matrix(values, titles, [[ui.number(value) for value in row] for row in values])
            charts.show(figure, title, f"{title}_matrix", height=130 + 42 * len(titles))
            st.caption(meaning)
    left, right, text = st.columns(3)
    with left:
        _show_over(agreement.consensus, subject.pixels, "consensus: the mean of all maps")
    with right:  # a spread has no sign: red where the methods differ most
        _show_over(agreement.disagreement, subject.pixels, "disagreement: red where they differ")
    text.markdown(
        "All maps are averaged over 8 × 8 cells and brought to the same strength before they are compared. Where the "
        "consensus is coloured and the disagreement is grey, the methods say the same. Methods that agree may still "
        "all be wrong: look at the verdicts."
    )


def _show_over(cells: Any, pixels: Any, caption: str) -> None:
    ui.picture(overlay(pixels, enlarge_map(cells, pixels.shape[:2]), limit(cells, 1.0), 0.9), caption)


def show_references(request: Request, explained: dict[str, Explanation], subject: Subject, view: View) -> None:
    """One method's maps against every baseline that can be had, on one scale."""
    able = [name for name in explained if METHODS[name].needs_reference]
    if not able:
        st.info("None of the chosen methods compares with a baseline.")
        return
    name = st.selectbox("Method", able, format_func=lambda name: METHODS[name].title, key="by", bind="query-params")
    st.markdown("The same method, the same poster, other baselines. Signs and regions that stay can be relied on.")
    with ui.error_boundary("The comparison of baselines"):
        answers = explanations.by_reference(request.question, name, request.options[name], request.references)
        chosen = request.references.index(request.question.reference)
        alike = compare({kind: one.heat() for kind, one in answers.items()}).rank[chosen]
        maps = {kind: pool(one.heat(), view.block) for kind, one in answers.items()}
        end = limit(np.stack(list(maps.values())))
        columns = [column for _ in range(0, len(answers), 4) for column in st.columns(4)]
        for column, (kind, answer), like in zip(columns, answers.items(), alike, strict=False):
            with column:
                ui.picture(overlay(subject.pixels, maps[kind], end, 0.9), REFERENCES[kind].words)
                st.caption(
                    f"rank correlation with the chosen one **{ui.number(like)}** · this baseline's score "
                    f"{float(answer.base_score):+.2f}"
                )


def show_export(request: Request, explained: dict[str, Explanation], subject: Subject, view: View) -> None:
    """A button for everything about these maps as a zip file."""
    st.markdown(
        "All maps as numbers (`.npz`), their overlays, one JSON with settings, scores and checks, and a page that "
        "opens without a network: the same files, to the last bit, as `scripts/explain.py` writes."
    )
    options = {name: request.options[name] for name in explained}
    with ui.error_boundary("The download"):
        st.download_button(
            "Download", lambda: explanations.archive(request.question, subject.name, options, view.check),
            "explanation.zip", "application/zip", on_click="ignore", icon=":material/download:",
        )  # fmt: skip


def show_blame(request: Request, explained: dict[str, Explanation], subject: Subject, view: View) -> None:
    """Signed contributions of the latent dimensions, and of one layer's filters, to a generated poster's logit."""
    require("generator")
    if subject.noise is None:
        return
    with ui.error_boundary("The way back to the noise"):
        blame = explanations.blame(subject.checkpoint, subject.noise, 16)
        layers = list(blame.units)
        layer = st.selectbox(
            "Layer of the generator", layers, min(1, len(layers) - 1), key="blame", bind="query-params"
        )
        _show_contributions(blame, layer)
        st.page_link("app_pages/latent.py", label="Change these values on the Latent page", icon=":material/tune:")


def _show_contributions(blame: Blame, layer: str) -> None:
    left, right = st.columns(2)
    x = "contribution to the logit"
    with left:
        charts.show_signed(blame.latents, "dimension", "The latent dimensions that matter most", x, SHOWN)
    with right:
        charts.show_signed(blame.units[layer], "filter", f"The filters of {layer} that matter most", x, SHOWN)
    st.markdown(
        f"This poster's logit is **{blame.score:+.2f}**, that of other seeds **{blame.base_score:+.2f}** on average. "
        "Bars to the left pulled it towards fake, bars to the right towards real. All of them, the small ones too, add "
        f"up to the difference of **{blame.score - blame.base_score:+.2f}**: the latent dimensions as well as the "
        "filters."
    )


Section = Callable[["Request", "dict[str, Explanation]", "Subject", "View"], None]
BLAME = "What gave this fake away"
SECTIONS: dict[str, Section] = {
    "Agreement": show_agreement,
    "Baselines": show_references,
    "Export": show_export,
    BLAME: show_blame,
}
