"""What follows the maps on the Compare page: agreement, other baselines, export, and the way back to the noise.

SECTIONS["Agreement"](Shown(request, explained, trusted, subject, view))
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
import streamlit as st

from dashboard import charts, ui
from dashboard.cached import explanations
from dashboard.pages import PAGES
from dashboard.panels import needs
from dashboard.panels.compare import exports
from dashboard.panels.compare.shown import Shown
from xai import METHODS, REFERENCES, compare
from xai.methods.base import scale
from xai.render import CHANGE, VERDICT, Scale, enlarge_map, limit, overlay, pool
from xai.report import words
from xai.trust.agreement import in_consensus

if TYPE_CHECKING:
    from xai import Blame


def show_agreement(shown: Shown) -> None:
    """Three matrices, and what the maps say together that divide up the score."""
    doubted = st.checkbox(
        "Include maps that are not to be trusted", key="doubted", bind="query-params",
        help="They are left out of the comparison, the consensus and the disagreement unless you ask for them.",
    )  # fmt: skip
    chosen = {name: one for name, one in shown.explained.items() if in_consensus(one, shown.trusted.get(name), doubted)}
    left_out = [one.title for name, one in shown.explained.items() if name not in chosen]
    if len(chosen) < 2:
        st.info(_too_few([one.title for one in chosen.values()], left_out))
        return
    agreement = compare({name: one.heat() for name, one in chosen.items()})
    titles = [chosen[name].title for name in agreement.names]
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
    colours = scale(shown.request.question.meaning)
    with left:
        _show_over(agreement.consensus, shown.subject.pixels, colours, f"consensus: the mean of {_listed(titles)}")
    with right:
        _show_over(agreement.disagreement, shown.subject.pixels, CHANGE, "disagreement: orange where they differ")
    text.markdown(
        f"{words.legend(shown.request.question.meaning)} The maps are averaged over 8 × 8 cells and brought to the "
        "same strength before they are compared. Where the consensus is coloured and the disagreement is grey, the "
        "methods say the same. Methods that agree may still all be wrong: look at the verdicts."
    )
    exports.show_agreement(shown, agreement, titles)
    if left_out:
        text.markdown(f"Not among them: {_listed(left_out)}. {WHO}")
    if not shown.trusted:
        text.caption("The maps are not checked, so none of them is left out for its verdict.")


WHO = "Only maps that divide up the score are compared, and those that are not to be trusted only if asked for."


def _too_few(chosen: list[str], left_out: list[str]) -> str:
    have = f"only {chosen[0]} is one" if chosen else "none of the chosen methods gives one"
    out = f" Left out: {_listed(left_out)}." if left_out else ""
    return f"Agreement needs two maps that divide up the score and are not distrusted; {have}.{out}"


def _listed(titles: list[str]) -> str:
    return titles[0] if len(titles) == 1 else f"{', '.join(titles[:-1])} and {titles[-1]}"


def _show_over(cells: Any, pixels: Any, colours: Scale, caption: str) -> None:
    ui.picture(overlay(pixels, enlarge_map(cells, pixels.shape[:2]), limit(cells, 1.0), 0.9, colours), caption)


def show_references(shown: Shown) -> None:
    """One method's maps against every baseline that can be had, on one scale."""
    able = [name for name in shown.explained if METHODS[name].needs_reference]
    if not able:
        st.info("None of the chosen methods compares with a baseline.")
        return
    name = st.selectbox("Method", able, format_func=lambda name: METHODS[name].title, key="by", bind="query-params")
    st.markdown("The same method, the same poster, other baselines. Signs and regions that stay can be relied on.")
    request = shown.request
    with ui.error_boundary("The comparison of baselines"):
        with ui.progress_bar(f"Comparing {len(request.references)} baselines") as progress:
            answers = explanations.by_reference(
                request.question, name, request.options[name], request.references, progress
            )
        chosen = request.references.index(request.question.reference)
        alike = compare({kind: one.heat() for kind, one in answers.items()}).rank[chosen]
        maps = {kind: pool(one.heat(), shown.view.block) for kind, one in answers.items()}
        end, colours = limit(np.stack(list(maps.values()))), scale(request.question.meaning, METHODS[name].claims)
        columns = [column for _ in range(0, len(answers), 4) for column in st.columns(4)]
        for column, (kind, answer), like in zip(columns, answers.items(), alike, strict=False):
            with column:
                ui.picture(overlay(shown.subject.pixels, maps[kind], end, 0.9, colours), REFERENCES[kind].words)
                st.caption(
                    f"rank correlation with the chosen one **{ui.number(like)}** · this baseline's score "
                    f"{float(answer.base_score):+z.2f}"
                )
        exports.show_references(shown, answers)


def show_export(shown: Shown) -> None:
    """A button for everything about these maps as a zip file."""
    st.markdown(
        "All maps as numbers (`.npz`), their overlays, one JSON with settings, scores and checks, and a page that "
        "opens without a network: the same files, to the last bit, as `scripts/explain.py` writes."
    )
    question = shown.request.question
    options = {name: shown.request.options[name] for name in shown.explained}
    with ui.error_boundary("The download"):
        st.download_button(
            "Download", lambda: explanations.archive(question, shown.subject.name, options, shown.view.check),
            "explanation.zip", "application/zip", on_click="ignore", icon=":material/download:",
        )  # fmt: skip


def show_blame(shown: Shown) -> None:
    """Signed contributions of the latent dimensions, and of one layer's filters, to a generated poster's logit."""
    subject = shown.subject
    if subject.noise is None or not needs.met(PAGES["compare"], BLAME):
        return
    with ui.error_boundary("The way back to the noise"):
        blame = explanations.blame(subject.checkpoint, subject.noise, 16)
        layers = list(blame.units)
        layer = st.selectbox(
            "Layer of the generator", layers, min(1, len(layers) - 1), key="blame", bind="query-params"
        )
        _show_contributions(blame, layer)
        exports.show_blame(shown, blame, layer)
        st.page_link("app_pages/latent.py", label="Change these values on the Latent page", icon=":material/tune:")


def _show_contributions(blame: Blame, layer: str) -> None:
    left, right = st.columns(2)
    x = "contribution to the logit"
    with left:
        charts.show_signed(blame.latents, "dimension", "The latent dimensions that matter most", x, VERDICT)
    with right:
        charts.show_signed(blame.units[layer], "filter", f"The filters of {layer} that matter most", x, VERDICT)
    st.markdown(
        f"This poster's logit is **{blame.score:+z.2f}**, that of other seeds **{blame.base_score:+z.2f}** on average. "
        "Bars to the left pulled it towards fake, bars to the right towards real. All of them, the small ones too, add "
        f"up to the difference of **{blame.score - blame.base_score:+z.2f}**: the latent dimensions as well as the "
        "filters."
    )


Section = Callable[[Shown], None]
BLAME = "What gave this fake away"
SECTIONS: dict[str, Section] = {
    "Agreement": show_agreement,
    "Baselines": show_references,
    "Export": show_export,
    BLAME: show_blame,
}
